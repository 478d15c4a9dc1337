//! Changes in the words of a test, and what the server makes of them.

use std::sync::atomic::{AtomicU64, Ordering};

use lineguard::wire::change::new_fax_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::{
    Change, ListValue, MemberList, NewFax, NumberList, NumberTarget, OverrideValue, UserOrGroup,
};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::ScopeKind;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_testkit::ids;
use lineguard_testkit::world::received;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::ask::user;
use crate::harness::Harness;
use crate::writing;

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Position of the change in its batch.
    pub change: usize,
    /// The field of the change.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Harness {
    /// Applies changes to `t1`.
    pub async fn apply(&self, changes: impl IntoIterator<Item = Change>) -> pb::ApplyResponse {
        self.write(changes.into_iter().collect()).await.unwrap()
    }

    /// What the state of `t1` has against a change.
    pub async fn refuses(&self, change: Change) -> Fault {
        fault(Code::FailedPrecondition, self.write(vec![change]).await)
    }

    /// What the tenant's model has against a change.
    pub async fn finds_invalid(&self, change: Change) -> Fault {
        fault(Code::InvalidArgument, self.write(vec![change]).await)
    }

    /// What a change names that the tenant does not have.
    pub async fn misses(&self, change: Change) -> Fault {
        fault(Code::NotFound, self.write(vec![change]).await)
    }

    /// Tries changes to `t1`.
    pub async fn write(&self, changes: Vec<Change>) -> Result<pb::ApplyResponse, Status> {
        writing::apply(self, &next_request(), &changes).await
    }

    /// Registers a fax in `t1`.
    pub async fn register(&self, fax: NewFax) -> pb::Fax {
        let request = pb::RegisterFaxRequest {
            tenant: "t1".into(),
            actor: Some(user("router")),
            request_id: next_request(),
            fax: Some(new_fax_to_wire(&fax)),
        };
        let registered = writing::index(self).register_fax(request).await.unwrap().into_inner();
        assert!(registered.created);
        registered.fax.unwrap()
    }
}

fn next_request() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("request-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The only fault of a batch that was refused in this way. Its field is the whole path in the
/// message: `changes[0].set_list.list`.
#[track_caller]
pub fn fault(code: Code, written: Result<pb::ApplyResponse, Status>) -> Fault {
    let status = written.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    let (path, problem) = if code == Code::FailedPrecondition {
        let mut violations = status.get_details_precondition_failure().unwrap().violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        let violation = violations.remove(0);
        (violation.subject, violation.description)
    } else {
        let mut violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        let violation = violations.remove(0);
        (violation.field, violation.description)
    };
    let parts: Vec<_> = path.split('.').collect();
    let [change, _kind, ref field @ ..] = parts[..] else { panic!("not of a change: `{path}`") };
    let change = change.strip_prefix("changes[").unwrap().strip_suffix(']').unwrap();
    Fault { change: change.parse().unwrap(), field: field.join("."), problem }
}

/// Gives a permission to a member.
pub fn on(account: &str, who: &str, permission: &str) -> Change {
    overridden(account, who, permission, OverrideValue::On)
}

/// Takes a permission from a member.
pub fn off(account: &str, who: &str, permission: &str) -> Change {
    overridden(account, who, permission, OverrideValue::Off)
}

/// Gives a permission to a member for these values only.
pub fn scoped(
    account: &str,
    who: &str,
    permission: &str,
    scope: ScopeKind,
    values: &[&str],
) -> Change {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    overridden(account, who, permission, OverrideValue::Scoped([(scope, values)].into()))
}

/// Overrides a permission of a member.
pub fn overridden(account: &str, who: &str, permission: &str, value: OverrideValue) -> Change {
    Change::SetOverride {
        account: ids::account(account),
        subject: ids::user(who),
        permission: ids::key(permission),
        value,
    }
}

/// Adds an active member with these roles.
pub fn member(account: &str, who: &str, roles: &[&str]) -> Change {
    Change::AddMember {
        account: ids::account(account),
        subject: ids::user(who),
        status: MemberStatus::Active,
        roles: Some(ids::keys(roles)),
    }
}

/// Sets the roles of a member.
pub fn roles(account: &str, who: &str, roles: &[&str], keep_overrides: bool) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetRoles { account, subject, roles: ids::keys(roles), keep_overrides }
}

/// Sets the status of a member.
pub fn status(account: &str, who: &str, status: MemberStatus) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetMemberStatus { account, subject, status }
}

/// Sets a feature flag.
pub fn flag(account: &str, flag: &str, on: bool) -> Change {
    Change::SetFlag { account: ids::account(account), flag: ids::key(flag), on: Some(on) }
}

/// Sets an account setting.
pub fn setting(account: &str, setting: &str, on: bool) -> Change {
    Change::SetSetting { account: ids::account(account), setting: ids::key(setting), on: Some(on) }
}

/// Sets whether an account has a product.
pub fn entitlement(account: &str, product: &str, entitled: bool) -> Change {
    let (account, product) = (ids::account(account), ids::key(product));
    Change::SetEntitlement { account, product, entitled: Some(entitled) }
}

/// Sets the switch of a product for a member.
pub fn switch(account: &str, who: &str, product: &str, on: bool) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetSwitch { account, subject, product: ids::key(product), on: Some(on) }
}

/// Sets the visibility level of a member.
pub fn level(account: &str, who: &str, level: &str) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetVisibility { account, subject, level: Some(ids::key(level)) }
}

/// Presets the number of a member.
pub fn default_number(account: &str, who: &str, number: &str) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetDefaultNumber { account, subject, number: Some(ids::number(number)) }
}

/// Sets a list of a member.
pub fn list(account: &str, who: &str, list: MemberList) -> Change {
    Change::SetList { account: ids::account(account), subject: ids::user(who), list }
}

/// A number list.
pub fn numbers(list: NumberList, numbers: &[&str]) -> MemberList {
    MemberList::Numbers(list, ListValue::These(ids::numbers(numbers)))
}

/// The extensions that a member holds.
pub fn held(extensions: &[&str]) -> MemberList {
    MemberList::HeldExtensions(ListValue::These(
        extensions.iter().map(|id| ids::extension(id)).collect(),
    ))
}

/// The extensions granted to a member.
pub fn extensions(extensions: &[&str]) -> MemberList {
    MemberList::GrantedExtensions(ListValue::These(
        extensions.iter().map(|id| ids::extension(id)).collect(),
    ))
}

/// The queues granted to a member.
pub fn queues(queues: &[&str]) -> MemberList {
    MemberList::GrantedQueues(ListValue::These(queues.iter().map(|id| ids::queue(id)).collect()))
}

/// Puts a user into a faxbox or takes them out.
pub fn in_faxbox(who: &str, faxbox: &str, on: bool) -> Change {
    let member = UserOrGroup::User(ids::user(who));
    Change::SetFaxboxMember { faxbox: ids::faxbox(faxbox), member, on }
}

/// Makes a user the owner of a faxbox.
pub fn faxbox_owner(who: &str, faxbox: &str) -> Change {
    let (faxbox, subject) = (ids::faxbox(faxbox), ids::user(who));
    Change::SetFaxboxOwner { faxbox, subject, owner: true }
}

/// Puts a user into a group or takes them out.
pub fn in_group(who: &str, group: &str, member: bool) -> Change {
    Change::SetGroupMember { group: ids::group(group), subject: ids::user(who), member }
}

/// Makes a user an owner of an account, or no longer one.
pub fn owner(account: &str, who: &str, owner: bool) -> Change {
    let (account, subject) = (ids::account(account), ids::user(who));
    Change::SetAccountOwner { account, subject, owner }
}

/// Removes a member.
pub fn removed(account: &str, who: &str) -> Change {
    Change::RemoveMember { account: ids::account(account), subject: ids::user(who) }
}

/// Adjusts a built-in role.
pub fn adjust(account: &str, role: &str, add: &[&str], remove: &[&str]) -> Change {
    Change::AdjustRole {
        account: ids::account(account),
        role: ids::key(role),
        add: ids::keys(add),
        remove: ids::keys(remove),
        visibility: None,
    }
}

/// Adds a role of the tenant's own.
pub fn custom_role(account: &str, role: &str, permissions: &[&str]) -> Change {
    Change::AddRole {
        account: ids::account(account),
        role: ids::key(role),
        title: role.to_owned(),
        permissions: ids::keys(permissions),
        visibility: None,
    }
}

/// Assigns a fax.
pub fn assign(fax: &str, assignee: Option<UserOrGroup>) -> Change {
    Change::AssignFax { fax: ids::fax(fax), assignee }
}

/// A received fax in a faxbox of the account.
pub fn fax_in(id: &str, account: &str, faxbox: &str) -> NewFax {
    NewFax { faxbox: Some(ids::faxbox(faxbox)), ..received(id, account, 0) }
}

/// A fax from a number that waits for approval.
pub fn pending(id: &str, account: &str, by: &str, number: &str) -> NewFax {
    NewFax {
        direction: Direction::Outbound,
        creator: Some(ids::user(by)),
        number: Some(ids::number(number)),
        state: FaxState::Pending,
        ..received(id, account, 0)
    }
}

/// A faxbox that receives the faxes of a number.
pub fn to_faxbox(number: &str, faxbox: &str) -> Change {
    let target = NumberTarget::Faxbox(ids::faxbox(faxbox));
    Change::SetNumberTarget { number: ids::number(number), target, on: true }
}

/// Whether a number is active.
pub fn active(number: &str, active: bool) -> Change {
    Change::SetNumberActive { number: ids::number(number), active }
}
