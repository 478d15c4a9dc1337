//! What changes do, and what they refuse.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must fail")]

use std::collections::BTreeMap;

use lineguard_core::change::{
    AccountKind, Applied, Batch, Change, IfExists, ListValue, MemberList, NumberList, NumberTarget,
    OverrideValue, UserOrGroup,
};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{ModelDigest, Timestamp};
use lineguard_core::model::ScopeKind;
use lineguard_core::model::reach::FaxState;
use lineguard_core::port::{ApplyError, Fault, Store};
use lineguard_core::row::{AccountBody, LinkKind, MemberBody, Object, ObjectKind};
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::model::{NARROW, PLAIN, several_targets};
use lineguard_testkit::world::{NOW, World, batch, received, world};
use lineguard_testkit::{block_on, ids as id};

const ONE: &str = "+15550100100";
const TWO: &str = "+15550100101";

/// A tenant and what is asked of it.
struct Office {
    store: MemoryStore,
    asked: std::cell::Cell<u32>,
}

impl Office {
    fn new(world: World) -> Self {
        let store = MemoryStore::new();
        block_on(world.build(&store));
        Self { store, asked: std::cell::Cell::new(0) }
    }

    fn batch(&self, changes: Vec<Change>) -> Batch {
        self.asked.set(self.asked.get() + 1);
        batch("acme", &format!("asked-{}", self.asked.get()), changes)
    }

    fn try_all(&self, changes: Vec<Change>) -> Result<Applied, ApplyError> {
        block_on(self.store.apply(&self.batch(changes), NOW))
    }

    fn try_one(&self, change: Change) -> Result<Applied, ApplyError> {
        self.try_all(vec![change])
    }

    fn try_update(&self, change: Change) -> Result<Applied, ApplyError> {
        let batch = Batch { if_exists: IfExists::Update, ..self.batch(vec![change]) };
        block_on(self.store.apply(&batch, NOW))
    }

    /// It has an effect once, and none the second time.
    #[track_caller]
    fn does(&self, change: Change) {
        assert_eq!(self.try_one(change.clone()).expect("applied").changed, 1);
        let again = self.try_one(change).expect("applied again");
        assert_eq!(again.changed, 0, "had an effect twice");
    }

    #[track_caller]
    fn refuses(&self, change: Change, field: &str) {
        let error = self.try_one(change).expect_err("should be refused");
        let ApplyError::Refused(fault) = error else { panic!("{error:?}") };
        assert_eq!(fault.field, field, "{fault:?}");
    }

    #[track_caller]
    fn lacks(&self, change: Change, field: &str) {
        let error = self.try_one(change).expect_err("should not be found");
        let ApplyError::NotFound(fault) = error else { panic!("{error:?}") };
        assert_eq!(fault.field, field, "{fault:?}");
    }

    #[track_caller]
    fn has_already(&self, change: Change, field: &str) {
        let error = self.try_one(change).expect_err("should exist");
        let ApplyError::AlreadyExists(fault) = error else { panic!("{error:?}") };
        assert_eq!(fault.field, field, "{fault:?}");
    }

    #[track_caller]
    fn cannot(&self, change: Change, field: &str) -> String {
        let error = self.try_one(change).expect_err("should be invalid");
        let ApplyError::Invalid(faults) = error else { panic!("{error:?}") };
        assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), [field]);
        faults.into_iter().map(|fault| fault.problem).collect()
    }

    fn object(&self, kind: ObjectKind, id: &str) -> Option<Object> {
        let dump = self.store.dump(&id::tenant("acme")).expect("the tenant");
        dump.objects.into_iter().find(|object| object.kind == kind && object.id == id)
    }

    fn member(&self, user: &str) -> MemberBody {
        let member = self.object(ObjectKind::Member, &format!("user:{user}")).expect("the member");
        serde_json::from_str(&member.body).expect("a body")
    }

    fn root(&self) -> AccountBody {
        let root = self.object(ObjectKind::Account, "root").expect("the root");
        serde_json::from_str(&root.body).expect("a body")
    }

    fn links(&self, kind: LinkKind) -> usize {
        let dump = self.store.dump(&id::tenant("acme")).expect("the tenant");
        dump.links.iter().filter(|link| link.kind == kind).count()
    }
}

fn office() -> Office {
    Office::new(root().member("ada").member("bob"))
}

fn root() -> World {
    world("acme").account("root")
}

fn add_member(user: &str) -> Change {
    let (account, subject) = (id::account("root"), id::user(user));
    Change::AddMember { account, subject, status: MemberStatus::Active, roles: None }
}

fn set_status(user: &str, status: MemberStatus) -> Change {
    Change::SetMemberStatus { account: id::account("root"), subject: id::user(user), status }
}

fn remove_member(user: &str) -> Change {
    Change::RemoveMember { account: id::account("root"), subject: id::user(user) }
}

fn set_roles(user: &str, roles: &[&str], keep_overrides: bool) -> Change {
    let (account, subject) = (id::account("root"), id::user(user));
    Change::SetRoles { account, subject, roles: id::keys(roles), keep_overrides }
}

fn set_override(user: &str, permission: &str, value: OverrideValue) -> Change {
    let (account, subject) = (id::account("root"), id::user(user));
    Change::SetOverride { account, subject, permission: id::key(permission), value }
}

fn set_list(user: &str, list: MemberList) -> Change {
    Change::SetList { account: id::account("root"), subject: id::user(user), list }
}

fn auto_assign(user: &str, value: ListValue<&str>) -> Change {
    let value = match value {
        ListValue::Unset => ListValue::Unset,
        ListValue::All => ListValue::All,
        ListValue::These(these) => ListValue::These(id::numbers(&these)),
    };
    set_list(user, MemberList::Numbers(NumberList::AutoAssign, value))
}

fn account_owner(user: &str, owner: bool) -> Change {
    Change::SetAccountOwner { account: id::account("root"), subject: id::user(user), owner }
}

fn number_target(number: &str, target: NumberTarget, on: bool) -> Change {
    Change::SetNumberTarget { number: id::number(number), target, on }
}

// --- tenants and accounts

#[test]
fn a_new_tenant_has_a_root_and_an_owner_who_is_a_member() {
    let office = Office::new(root().owner("ada"));
    assert_eq!(office.member("ada").status, "active");
    assert_eq!(office.member("ada").roles, ["user"]);
    assert_eq!(office.links(LinkKind::AccountOwner), 1);
}

#[test]
fn a_tenant_is_created_first_or_not_at_all() {
    let office = office();
    let create = Change::CreateTenant {
        title: "acme".to_owned(),
        model: ModelDigest::of(PLAIN),
        root: id::account("root"),
        kind: AccountKind::Shared,
        owner: None,
    };
    let error = office.try_all(vec![remove_member("ada"), create]).expect_err("not first");
    assert!(matches!(error, ApplyError::Invalid(_)), "{error:?}");
}

#[test]
fn a_tenant_has_one_root() {
    let office = office();
    let create = |root: &str, title: &str| Change::CreateTenant {
        title: title.to_owned(),
        model: ModelDigest::of(PLAIN),
        root: id::account(root),
        kind: AccountKind::Shared,
        owner: None,
    };
    office.has_already(create("second", "acme"), "root");
    office.has_already(create("root", "Acme"), "title");
    assert_eq!(office.try_update(create("root", "Acme")).expect("retitled").changed, 1);
}

#[test]
fn a_personal_account_needs_an_owner() {
    let store = MemoryStore::new();
    block_on(store.put_model(PLAIN)).expect("the model");
    let error = block_on(store.apply(&root().personal().batch(), NOW)).expect_err("no owner");
    let ApplyError::Invalid(faults) = error else { panic!("{error:?}") };
    assert_eq!(faults.first().map(|fault| fault.field), Some("owner"));
}

#[test]
fn a_second_member_makes_a_personal_account_shared() {
    let office = Office::new(root().personal().owner("ada"));
    assert!(office.root().personal);
    office.does(add_member("bob"));
    assert!(!office.root().personal);
}

#[test]
fn a_personal_account_has_nothing_below_it() {
    let office = Office::new(root().personal().owner("ada"));
    let (account, parent) = (id::account("branch"), id::account("root"));
    let title = String::new();
    let add = Change::AddAccount { account, parent, title, sealed: false, owner: None };
    office.refuses(add, "parent");
}

#[test]
fn accounts_are_added_in_one_place() {
    let office = Office::new(root().account("a").account("b"));
    let add = |account: &str, parent: &str, title: &str| Change::AddAccount {
        account: id::account(account),
        parent: id::account(parent),
        title: title.to_owned(),
        sealed: false,
        owner: None,
    };
    office.does(add("c", "a", ""));
    office.has_already(add("c", "b", ""), "parent");
    office.has_already(add("a", "c", "a"), "parent");
    office.has_already(add("root", "c", ""), "parent");
    office.has_already(add("c", "a", "C"), "title");
    office.lacks(add("d", "none", ""), "parent");
    assert_eq!(office.try_update(add("c", "a", "C")).expect("updated").changed, 1);
}

#[test]
fn the_last_owner_stays() {
    let office = Office::new(root().owner("ada").member("bob"));
    office.refuses(account_owner("ada", false), "subject");
    office.refuses(remove_member("ada"), "subject");
    office.refuses(set_status("ada", MemberStatus::Unverified), "status");
    // Suspension wins, and what is suspended is not given up either.
    office.does(set_status("ada", MemberStatus::Suspended));
    office.refuses(remove_member("ada"), "subject");
    office.does(set_status("ada", MemberStatus::Active));
    office.does(account_owner("bob", true));
    office.does(set_status("bob", MemberStatus::Suspended));
    office.refuses(account_owner("ada", false), "subject");
    office.does(set_status("bob", MemberStatus::Active));
    office.does(remove_member("ada"));
    assert_eq!(office.links(LinkKind::AccountOwner), 1);
    office.refuses(remove_member("bob"), "subject");
}

#[test]
fn owners_are_members() {
    let office = office();
    office.lacks(account_owner("nobody", true), "subject");
    office.does(remove_member("bob"));
    office.lacks(account_owner("bob", true), "subject");
}

#[test]
fn only_an_empty_account_is_removed() {
    let told = root().account("a").member("ada").owner_of("a", "ada").below("a", "b").faxbox("box");
    let office = Office::new(told);
    let remove = |account: &str| Change::RemoveAccount { account: id::account(account) };
    office.refuses(remove("root"), "account");
    office.refuses(remove("a"), "account");
    office.refuses(remove("b"), "account");
    office.does(Change::RemoveFaxbox { faxbox: id::faxbox("box"), faxes: None });
    office.does(remove("b"));
    let (account, subject) = (id::account("a"), id::user("bob"));
    let status = MemberStatus::Active;
    office.does(Change::AddMember {
        account: account.clone(),
        subject: subject.clone(),
        status,
        roles: None,
    });
    office.refuses(remove("a"), "account");
    office.does(Change::RemoveMember { account, subject });
    office.does(remove("a"));
    assert_eq!(office.links(LinkKind::AccountOwner), 0);
    assert!(office.object(ObjectKind::Member, "user:ada").is_none());
}

trait OwnerOf {
    fn owner_of(self, account: &str, user: &str) -> World;
}

impl OwnerOf for World {
    fn owner_of(self, account: &str, user: &str) -> World {
        let (account, subject) = (id::account(account), id::user(user));
        self.change(Change::SetAccountOwner { account, subject, owner: true })
    }
}

// --- what the model knows

#[test]
fn all_the_mistakes_of_a_batch_are_told_at_once() {
    let office = office();
    let account = || id::account("root");
    let changes = vec![
        set_override("ada", "veiw", OverrideValue::Off),
        Change::SetFlag { account: account(), flag: id::key("editting"), on: Some(true) },
        add_member("cleo"),
        Change::SetSetting { account: account(), setting: id::key("zzz"), on: Some(true) },
    ];
    let ApplyError::Invalid(faults) = office.try_all(changes).expect_err("mistakes") else {
        panic!("not invalid")
    };
    let told: Vec<_> = faults.iter().map(|fault| (fault.change, fault.field)).collect();
    assert_eq!(told, [(0, "permission"), (1, "flag"), (3, "setting")]);
    assert_eq!(faults[0].problem, "unknown permission `veiw`; did you mean `view`?");
    assert_eq!(faults[2].problem, "unknown setting `zzz`");
}

#[test]
fn unknown_roles_are_told_at_once_too() {
    let office = office();
    let changes =
        vec![set_roles("ada", &["amdin"], false), set_roles("bob", &["user", "zzz"], false)];
    let ApplyError::Invalid(faults) = office.try_all(changes).expect_err("mistakes") else {
        panic!("not invalid")
    };
    let problem = "unknown role `amdin`; did you mean `admin`?".to_owned();
    assert_eq!(faults[0], Fault { change: 0, field: "roles", problem });
    assert_eq!((faults.len(), faults[1].change), (2, 1));
}

#[test]
fn a_narrow_model_refuses_what_it_does_not_have() {
    let office = Office::new(root().model(NARROW).member("ada").faxbox("box").number(ONE));
    let account = || id::account("root");
    let (parent, title) = (account(), String::new());
    let branch = id::account("branch");
    let add = Change::AddAccount { account: branch, parent, title, sealed: false, owner: None };
    office.cannot(add, "parent");
    office.cannot(set_roles("ada", &["user", "admin"], false), "roles");
    let target = NumberTarget::Faxbox(id::faxbox("box"));
    office.cannot(number_target(ONE, target.clone(), true), "target");
    assert_eq!(office.try_one(number_target(ONE, target, false)).expect("off").changed, 0);
}

#[test]
fn a_member_without_roles_has_the_default_ones() {
    assert_eq!(office().member("ada").roles, ["user"]);
    let office = Office::new(root().model(NARROW).member("ada"));
    assert_eq!(office.member("ada").roles, Vec::<String>::new());
}

#[test]
fn a_new_model_must_know_what_is_in_use() {
    let office = Office::new(root().member("ada").role("holder").account("branch"));
    let narrow = block_on(office.store.put_model(NARROW)).expect("kept");
    office.does(set_override("ada", "send", OverrideValue::On));
    let error = office.try_one(Change::SetModel { model: narrow }).expect_err("unfit");
    let ApplyError::Refused(fault) = error else { panic!("{error:?}") };
    for used in ["role `holder`", "permission `send`", "accounts below the root"] {
        assert!(fault.problem.contains(used), "{}", fault.problem);
    }
    let several = block_on(office.store.put_model(&several_targets())).expect("kept");
    office.does(Change::SetModel { model: several });
    office.cannot(Change::SetModel { model: ModelDigest([1; 32]) }, "model");
}

// --- roles

#[test]
fn roles_of_ones_own_hold_where_they_are_defined_and_below() {
    let office = Office::new(root().member("ada").account("a").member("bob").account("b"));
    let role = |account: &str| Change::AddRole {
        account: id::account(account),
        role: id::key("clerk"),
        title: "Clerk".to_owned(),
        permissions: id::keys(&["view", "view"]),
        visibility: Some(id::key("all")),
    };
    let give = |account: &str, user: &str| Change::SetRoles {
        account: id::account(account),
        subject: id::user(user),
        roles: id::keys(&["clerk"]),
        keep_overrides: false,
    };
    office.does(role("a"));
    office.cannot(give("root", "ada"), "roles");
    office.does(give("a", "bob"));
    let remove = |account: &str| Change::RemoveRole {
        account: id::account(account),
        role: id::key("clerk"),
    };
    office.refuses(remove("a"), "role");
    office.does(role("root"));
    office.does(remove("root"));
    office.does(set_roles_in("a", "bob", &["user"]));
    office.does(remove("a"));
}

fn set_roles_in(account: &str, user: &str, roles: &[&str]) -> Change {
    let (account, subject) = (id::account(account), id::user(user));
    Change::SetRoles { account, subject, roles: id::keys(roles), keep_overrides: false }
}

#[test]
fn built_in_roles_are_adjusted_not_added() {
    let office = office();
    let add = Change::AddRole {
        account: id::account("root"),
        role: id::key("user"),
        title: String::new(),
        permissions: Vec::new(),
        visibility: None,
    };
    office.cannot(add, "role");
    let adjust = |role: &str, add: &[&str], remove: &[&str]| Change::AdjustRole {
        account: id::account("root"),
        role: id::key(role),
        add: id::keys(add),
        remove: id::keys(remove),
        visibility: None,
    };
    office.cannot(adjust("clerk", &[], &["view"]), "role");
    office.cannot(adjust("user", &["ai"], &["ai"]), "remove");
    office.refuses(adjust("holder", &[], &["view"]), "remove");
    office.does(adjust("user", &["ai"], &["send"]));
    office.does(adjust("user", &[], &[]));
    assert!(office.object(ObjectKind::Role, "user").is_none());
}

#[test]
fn other_roles_clear_the_overrides() {
    let office = office();
    office.does(set_override("ada", "send", OverrideValue::Off));
    office.does(set_roles("ada", &["admin"], true));
    assert_eq!(office.member("ada").overrides.len(), 1);
    assert_eq!(office.try_one(set_roles("ada", &["admin"], false)).expect("same").changed, 0);
    assert_eq!(office.member("ada").overrides.len(), 1);
    office.does(set_roles("ada", &["user"], false));
    assert_eq!(office.member("ada").overrides, BTreeMap::new());
}

#[test]
fn locked_roles_are_not_narrowed() {
    let office = Office::new(root().number(ONE).member("ada").role("holder"));
    let scoped = |permission| {
        let scopes = BTreeMap::from([(ScopeKind::Number, vec![ONE.to_owned()])]);
        set_override("ada", permission, OverrideValue::Scoped(scopes))
    };
    office.refuses(set_override("ada", "send", OverrideValue::Off), "value");
    office.refuses(scoped("send"), "value");
    office.does(set_override("ada", "forms", OverrideValue::On));
    office.does(set_override("ada", "forms", OverrideValue::Unset));
}

#[test]
fn overrides_fit_their_permission() {
    let office = Office::new(root().account("a").number(TWO).enter("root").member("ada"));
    let scoped = |permission, kind, value: &str| {
        let scopes = BTreeMap::from([(kind, vec![value.to_owned()])]);
        set_override("ada", permission, OverrideValue::Scoped(scopes))
    };
    office.cannot(set_override("ada", "ai", OverrideValue::On), "value");
    office.does(set_override("ada", "ai", OverrideValue::Off));
    office.cannot(scoped("send", ScopeKind::FormType, "invoice"), "value");
    office.cannot(scoped("send", ScopeKind::Number, "0100"), "value");
    let told = office.cannot(scoped("send", ScopeKind::Source, "clowd"), "value");
    assert!(told.contains("did you mean `cloud`?"), "{told}");
    let none = OverrideValue::Scoped(BTreeMap::new());
    office.cannot(set_override("ada", "send", none), "value");
    office.lacks(scoped("send", ScopeKind::Number, TWO), "value");
    office.does(scoped("send", ScopeKind::Source, "cloud"));
    office.does(scoped("forms", ScopeKind::FormType, "invoice"));
}

// --- members

#[test]
fn statuses_change_and_nobody_is_invited_twice() {
    let office = office();
    office.does(set_status("bob", MemberStatus::Unverified));
    office.does(set_status("bob", MemberStatus::Suspended));
    office.refuses(set_status("bob", MemberStatus::Unverified), "status");
    office.refuses(set_status("bob", MemberStatus::Invited), "status");
    office.does(set_status("bob", MemberStatus::Active));
    office.refuses(set_status("bob", MemberStatus::Invited), "status");
    office.does(set_status("bob", MemberStatus::Removed));
    office.lacks(set_status("bob", MemberStatus::Active), "subject");
}

#[test]
fn a_member_is_added_once() {
    let office = office();
    assert_eq!(office.try_one(add_member("ada")).expect("same").changed, 0);
    let roles = Some(id::keys(&["admin"]));
    let (account, subject) = (id::account("root"), id::user("ada"));
    let other = Change::AddMember { account, subject, status: MemberStatus::Active, roles };
    office.has_already(other.clone(), "roles");
    assert!(matches!(office.try_update(other), Err(ApplyError::AlreadyExists(_))));
    assert_eq!(office.member("ada").roles, ["user"]);
}

#[test]
fn a_removed_member_loses_everything_and_can_come_back_with_nothing() {
    let group = || id::group("g");
    let told = root()
        .number(ONE)
        .faxbox("box")
        .group("g", &[])
        .member("bob")
        .member("ada")
        .role("admin")
        .access(&[ONE])
        .list(MemberList::SendFrom(
            lineguard_core::vocabulary::SendChannel::Fax,
            ListValue::These(Vec::new()),
        ))
        .in_group("ada", "g")
        .join("ada", "box")
        .change(Change::SetGroupOwner { group: group(), subject: id::user("ada"), owner: true })
        .change(Change::SetFaxboxOwner {
            faxbox: id::faxbox("box"),
            subject: id::user("ada"),
            owner: true,
        })
        .change(delegation("ada", "bob"))
        .change(delegation("bob", "ada"))
        .change(default_number("ada", Some(ONE)))
        .change(set_override("ada", "send", OverrideValue::Off));
    let office = Office::new(told);
    office.does(remove_member("ada"));
    let dump = office.store.dump(&id::tenant("acme")).expect("the tenant");
    assert_eq!(dump.links, []);
    assert_eq!(office.member("ada").status, "removed");
    office.does(add_member("ada"));
    let member = office.member("ada");
    assert_eq!((member.roles.as_slice(), member.lists.len()), (&["user".to_owned()][..], 0));
    assert_eq!(member.overrides, BTreeMap::new());
}

fn delegation(from: &str, to: &str) -> Change {
    let (from, to) = (id::user(from), id::user(to));
    Change::SetDelegation { account: id::account("root"), from, to, on: true }
}

fn default_number(user: &str, number: Option<&str>) -> Change {
    let (account, subject) = (id::account("root"), id::user(user));
    Change::SetDefaultNumber { account, subject, number: number.map(id::number) }
}

#[test]
fn delegation_is_between_two_members() {
    let office = office();
    office.cannot(delegation("ada", "ada"), "to");
    office.lacks(delegation("ada", "nobody"), "to");
    office.lacks(delegation("nobody", "ada"), "from");
    office.does(delegation("ada", "bob"));
}

#[test]
fn faxboxes_of_accounts_below_are_lost_with_the_last_membership_above() {
    let told = root().member("ada").account("a").member("ada").below("a", "b").faxbox("box");
    let office = Office::new(told.join("ada", "box"));
    office.does(remove_member("ada"));
    assert_eq!(office.links(LinkKind::FaxboxUser), 1);
    office.does(Change::RemoveMember { account: id::account("a"), subject: id::user("ada") });
    assert_eq!(office.links(LinkKind::FaxboxUser), 0);
}

// --- lists and numbers

#[test]
fn lists_name_what_the_members_account_has() {
    let told = root()
        .number(ONE)
        .extension("7")
        .account("a")
        .number(TWO)
        .extension("8")
        .queue("q")
        .enter("root")
        .member("ada");
    let office = Office::new(told);
    let granted = |numbers: &[&str]| {
        MemberList::Numbers(NumberList::Granted, ListValue::These(id::numbers(numbers)))
    };
    office.does(set_list("ada", granted(&[ONE])));
    office.lacks(set_list("ada", granted(&[TWO])), "list");
    let extensions =
        |one| MemberList::GrantedExtensions(ListValue::These(vec![id::extension(one)]));
    office.does(set_list("ada", extensions("7")));
    office.lacks(set_list("ada", extensions("8")), "list");
    let queues = MemberList::GrantedQueues(ListValue::These(vec![id::queue("q")]));
    office.lacks(set_list("ada", queues), "list");
    office.does(set_list("ada", MemberList::GrantedQueues(ListValue::All)));
    office.does(set_list("ada", MemberList::GrantedQueues(ListValue::Unset)));
}

#[test]
fn numbers_flow_down_where_the_model_says_so() {
    let office = Office::new(root().number(ONE).account("a").member("ada"));
    let list = |one| {
        let list = MemberList::Numbers(NumberList::Access, ListValue::These(id::numbers(&[one])));
        Change::SetList { account: id::account("a"), subject: id::user("ada"), list }
    };
    office.does(list(ONE));
    let still = PLAIN.replace("numbers_flow_down = true", "numbers_flow_down = false");
    let office = Office::new(root().model(&still).number(ONE).account("a").member("ada"));
    office.lacks(list(ONE), "list");
}

#[test]
fn an_extension_has_one_holder() {
    let office = Office::new(root().extension("7").member("ada").member("bob"));
    let held = |value| MemberList::HeldExtensions(value);
    let seven = || ListValue::These(vec![id::extension("7")]);
    office.cannot(set_list("ada", held(ListValue::All)), "list");
    office.does(set_list("ada", held(seven())));
    office.refuses(set_list("bob", held(seven())), "list");
    office.refuses(Change::RemoveExtension { extension: id::extension("7") }, "extension");
    office.does(set_list("ada", held(ListValue::Unset)));
    office.does(set_list("bob", held(seven())));
}

#[test]
fn a_number_has_one_receiver() {
    let told = root().number(ONE).number(TWO).faxbox("box").group("g", &[]);
    let office = Office::new(told.member("ada").member("bob"));
    let faxbox = || NumberTarget::Faxbox(id::faxbox("box"));
    let group = || NumberTarget::Group(id::group("g"));
    office.does(auto_assign("ada", ListValue::These(vec![ONE])));
    office.refuses(auto_assign("bob", ListValue::These(vec![ONE])), "list");
    office.refuses(auto_assign("bob", ListValue::All), "list");
    office.refuses(number_target(ONE, faxbox(), true), "target");
    office.does(number_target(TWO, faxbox(), true));
    office.refuses(number_target(TWO, group(), true), "target");
    office.refuses(auto_assign("ada", ListValue::All), "list");
    office.does(number_target(TWO, faxbox(), false));
    office.does(auto_assign("ada", ListValue::All));
    office.refuses(number_target(TWO, group(), true), "target");
    office.refuses(auto_assign("bob", ListValue::These(vec![TWO])), "list");
}

#[test]
fn two_who_take_everything_conflict_when_a_number_comes() {
    let office = office();
    office.does(auto_assign("ada", ListValue::All));
    office.does(auto_assign("bob", ListValue::All));
    office.refuses(add_number(ONE, "root"), "number");
}

fn add_number(number: &str, account: &str) -> Change {
    Change::AddNumber {
        account: id::account(account),
        number: id::number(number),
        capabilities: lineguard_core::facts::Capabilities::default(),
        active: true,
    }
}

#[test]
fn several_receivers_need_a_model_that_allows_them() {
    let told = root().model(&several_targets()).number(ONE).member("ada").member("bob");
    let office = Office::new(told);
    office.does(auto_assign("ada", ListValue::These(vec![ONE])));
    office.does(auto_assign("bob", ListValue::All));
    let plain = block_on(office.store.put_model(PLAIN)).expect("kept");
    office.refuses(Change::SetModel { model: plain }, "model");
}

#[test]
fn the_faxbox_of_last_resort_stands_beside_a_receiver() {
    let text = format!("{PLAIN}fallback = \"faxbox\"\n");
    let told = root().model(&text).number(ONE).faxbox("box").faxbox("two").member("ada");
    let office = Office::new(told);
    let faxbox = |one| NumberTarget::Faxbox(id::faxbox(one));
    office.does(number_target(ONE, faxbox("box"), true));
    office.does(auto_assign("ada", ListValue::These(vec![ONE])));
    office.refuses(number_target(ONE, faxbox("two"), true), "target");
}

#[test]
fn a_receiver_who_is_not_active_is_warned_about() {
    let office = Office::new(root().number(ONE).member("ada").status(MemberStatus::Suspended));
    let applied = office.try_one(auto_assign("ada", ListValue::These(vec![ONE]))).expect("set");
    assert_eq!((applied.changed, applied.warnings.len()), (1, 1));
}

#[test]
fn a_number_is_in_one_account() {
    let office = Office::new(root().account("a").number(ONE));
    office.has_already(add_number(ONE, "root"), "number");
    let error = office.try_update(add_number(ONE, "root")).expect_err("elsewhere");
    assert!(matches!(error, ApplyError::AlreadyExists(_)), "{error:?}");
    office.has_already(add_number(ONE, "a"), "capabilities");
    let error = office.try_update(add_number(ONE, "a")).expect_err("differs");
    assert!(matches!(error, ApplyError::AlreadyExists(_)), "{error:?}");
}

#[test]
fn a_number_that_is_named_neither_goes_nor_moves() {
    let told = root().account("a").enter("root").number(ONE).faxbox("box").member("ada");
    let office = Office::new(told);
    let remove = || Change::RemoveNumber { number: id::number(ONE) };
    let there = || Change::MoveNumber { number: id::number(ONE), account: id::account("a") };
    let scopes = BTreeMap::from([(ScopeKind::Number, vec![ONE.to_owned()])]);
    let access = |value| set_list("ada", MemberList::Numbers(NumberList::Access, value));
    let target = || NumberTarget::Faxbox(id::faxbox("box"));
    for (on, off) in [
        (access(ListValue::These(id::numbers(&[ONE]))), access(ListValue::Unset)),
        (default_number("ada", Some(ONE)), default_number("ada", None)),
        (number_target(ONE, target(), true), number_target(ONE, target(), false)),
        (
            set_override("ada", "send", OverrideValue::Scoped(scopes)),
            set_override("ada", "send", OverrideValue::Unset),
        ),
    ] {
        office.does(on);
        office.refuses(remove(), "number");
        office.refuses(there(), "account");
        office.does(off);
    }
    office.does(there());
    office.does(remove());
}

#[test]
fn a_default_number_replaces_the_one_before() {
    let office = Office::new(root().number(ONE).number(TWO).member("ada"));
    office.does(default_number("ada", Some(ONE)));
    office.does(default_number("ada", Some(TWO)));
    assert_eq!(office.links(LinkKind::DefaultNumber), 1);
    office.does(default_number("ada", None));
}

// --- groups, faxboxes, faxes

#[test]
fn groups_have_members_of_their_account() {
    let office = Office::new(root().group("g", &["user"]).account("a").member("ada"));
    let group = || id::group("g");
    let set = |member| Change::SetGroupMember { group: group(), subject: id::user("ada"), member };
    office.lacks(set(true), "subject");
    office.does(add_member("ada"));
    office.does(set(true));
    office.does(set(false));
    office.cannot(Change::SetGroupRoles { group: group(), roles: id::keys(&["zzz"]) }, "roles");
    office.does(Change::SetGroupRoles { group: group(), roles: id::keys(&["admin"]) });
}

#[test]
fn a_removed_group_leaves_no_links() {
    let told = root().member("ada").group("g", &[]).in_group("ada", "g").faxbox("box");
    let target = NumberTarget::Group(id::group("g"));
    let told = told.join_group("g", "box").number(ONE).change(number_target(ONE, target, true));
    let office = Office::new(told);
    office.does(Change::RemoveGroup { group: id::group("g") });
    let dump = office.store.dump(&id::tenant("acme")).expect("the tenant");
    assert_eq!(dump.links, []);
}

#[test]
fn faxboxes_have_members_of_their_account_or_of_one_above() {
    let told = root().member("ada").group("g", &[]).account("a").faxbox("box").account("b");
    let office = Office::new(told.member("bob").group("h", &[]));
    let set = |member| Change::SetFaxboxMember { faxbox: id::faxbox("box"), member, on: true };
    office.does(set(UserOrGroup::User(id::user("ada"))));
    office.does(set(UserOrGroup::Group(id::group("g"))));
    office.lacks(set(UserOrGroup::User(id::user("bob"))), "member");
    office.lacks(set(UserOrGroup::Group(id::group("h"))), "member");
    let subject = id::user("ada");
    let own = Change::SetFaxboxOwner { faxbox: id::faxbox("box"), subject, owner: true };
    office.lacks(own, "subject");
}

#[test]
fn faxes_stay_in_their_account() {
    let told = root().member("ada").account("a").member("bob").faxbox("box").group("g", &[]);
    let office = Office::new(told.fax(received("f", "root", 0)));
    let assign = |assignee| Change::AssignFax { fax: id::fax("f"), assignee: Some(assignee) };
    office.does(assign(UserOrGroup::User(id::user("ada"))));
    office.lacks(assign(UserOrGroup::User(id::user("bob"))), "assignee");
    office.lacks(assign(UserOrGroup::Group(id::group("g"))), "assignee");
    let faxbox = Some(id::faxbox("box"));
    office.lacks(Change::MoveFax { fax: id::fax("f"), faxbox }, "faxbox");
    let state = FaxState::Pending;
    office.refuses(Change::SetFaxState { fax: id::fax("f"), state }, "state");
    office.lacks(Change::SetFaxState { fax: id::fax("none"), state }, "fax");
    office.does(Change::DeleteFax { fax: id::fax("f") });
}

// --- invitations

fn invite(roles: Option<&[&str]>, minutes: i64) -> Change {
    Change::Invite {
        account: id::account("root"),
        invitation: id::invitation("i"),
        roles: roles.map(id::keys),
        expires_at: Timestamp(NOW.0 + minutes * 60_000),
    }
}

fn accept(user: &str) -> Change {
    Change::AcceptInvitation { invitation: id::invitation("i"), subject: id::user(user) }
}

#[test]
fn an_invitation_is_bound_once() {
    let office = office();
    office.does(invite(Some(&["admin"]), 5));
    office.does(accept("cleo"));
    assert_eq!(office.member("cleo").roles, ["admin"]);
    assert_eq!(office.member("cleo").status, "active");
    office.refuses(accept("dora"), "invitation");
    office.refuses(Change::RevokeInvitation { invitation: id::invitation("i") }, "invitation");
}

#[test]
fn an_invitation_ends() {
    let office = office();
    office.cannot(invite(None, 0), "expires_at");
    office.does(invite(None, 5));
    let late = office.batch(vec![accept("cleo")]);
    let at_the_end = Timestamp(NOW.0 + 5 * 60_000);
    let error = block_on(office.store.apply(&late, at_the_end)).expect_err("expired");
    assert!(matches!(error, ApplyError::Refused(_)), "{error:?}");
    let again = office.batch(vec![invite(None, 5)]);
    let repeated = block_on(office.store.apply(&again, at_the_end)).expect("nothing new");
    assert_eq!(repeated.changed, 0);
}

#[test]
fn an_invitation_is_revoked() {
    let office = office();
    office.does(invite(None, 5));
    office.does(Change::RevokeInvitation { invitation: id::invitation("i") });
    office.refuses(accept("cleo"), "invitation");
    office.lacks(Change::RevokeInvitation { invitation: id::invitation("none") }, "invitation");
}

#[test]
fn suspension_wins_over_an_invitation() {
    let office = office();
    office.does(set_status("bob", MemberStatus::Suspended));
    office.does(invite(Some(&["admin"]), 5));
    office.refuses(accept("bob"), "subject");
    assert_eq!(office.member("bob").status, "suspended");
    office.does(accept("ada"));
    assert_eq!(office.member("ada").roles, ["user", "admin"]);
}

#[test]
fn an_accepted_invitation_makes_a_personal_account_shared() {
    let office = Office::new(root().personal().owner("ada"));
    office.does(invite(None, 5));
    assert!(office.root().personal);
    office.does(accept("bob"));
    assert!(!office.root().personal);
}
