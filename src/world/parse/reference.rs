//! Names of things that must exist, looked up when all tenants have been read.

use std::collections::BTreeSet;

use lineguard_core::id::{
    AccountId, ExtensionId, FaxboxId, GroupId, Key, PhoneNumber, QueueId, Subject,
};
use lineguard_core::text::{Source, shown};

use super::Tenant;
use crate::world::print::subject_text;

/// Something named in the text.
pub(super) struct Reference {
    pub(super) at: usize,
    pub(super) field: &'static str,
    pub(super) to: Target,
}

/// What must exist.
pub(super) enum Target {
    /// An account.
    Account(AccountId),
    /// A role in force at an account.
    Role { account: AccountId, role: Key },
    /// A member of an account.
    Member { account: AccountId, subject: Subject },
    /// A member of an account or of one above it.
    MemberAbove { account: AccountId, subject: Subject },
    /// A member of any account.
    Anyone(Subject),
    /// A group of an account.
    Group { account: AccountId, group: GroupId },
    /// A group of an account or of one above it.
    GroupAbove { account: AccountId, group: GroupId },
    /// A group or faxbox that a number's faxes may go to.
    ReceivingGroup { number: AccountId, group: GroupId },
    /// The same with a faxbox.
    ReceivingFaxbox { number: AccountId, faxbox: FaxboxId },
    /// A faxbox of an account.
    Faxbox { account: AccountId, faxbox: FaxboxId },
    /// A number that the members of an account can use.
    Number { account: AccountId, number: PhoneNumber },
    /// A number of the tenant.
    AnyNumber(PhoneNumber),
    /// An extension of an account.
    Extension { account: AccountId, extension: ExtensionId },
    /// A queue of an account.
    Queue { account: AccountId, queue: QueueId },
}

/// Looks up every name; what is not there is a mistake.
pub(super) fn resolve(source: &Source<'_>, tenants: &[Tenant<'_, '_>]) {
    for tenant in tenants {
        for Reference { at, field, to } in &tenant.references {
            tenant.look_up(source, tenants, *at, field, to);
        }
    }
}

impl Tenant<'_, '_> {
    /// An account and those above it. Ends also where the tree has a cycle.
    fn path(&self, account: &AccountId) -> Vec<AccountId> {
        let mut path = vec![account.clone()];
        let mut next = self.world.accounts.get(account).and_then(|of| of.parent.as_ref());
        while let Some(parent) = next.filter(|parent| !path.contains(parent)) {
            path.push(parent.clone());
            next = self.world.accounts.get(parent).and_then(|of| of.parent.as_ref());
        }
        path
    }

    /// The accounts whose numbers the members of an account can use.
    fn number_accounts(&self, account: &AccountId) -> Vec<AccountId> {
        let flow_down = self.model.as_ref().is_none_or(|model| model.tree.numbers_flow_down);
        if flow_down { self.path(account) } else { vec![account.clone()] }
    }

    fn look_up(
        &self,
        source: &Source<'_>,
        tenants: &[Tenant<'_, '_>],
        at: usize,
        field: &str,
        to: &Target,
    ) {
        let world = &self.world;
        let missing = |what: &str, name: &str, known: BTreeSet<String>| {
            source.unknown(
                at,
                &format!("{what} in `{field}`:"),
                name,
                known.iter().map(String::as_str),
            );
        };
        let elsewhere = |what: &str, name: &str, of: &AccountId| {
            let (name, of) = (shown(name), shown(of.as_str()));
            source.error(at, format!("`{field}`: {what} `{name}` belongs to account `{of}`, which does not serve this one"));
        };
        match to {
            Target::Account(account) => {
                if !world.accounts.contains_key(account) {
                    missing("account", account.as_str(), texts(world.accounts.keys()));
                }
            }
            Target::Role { account, role } => self.role(source, at, field, account, role),
            Target::Member { account, subject } => {
                self.member(source, at, field, std::slice::from_ref(account), subject);
            }
            Target::MemberAbove { account, subject } => {
                self.member(source, at, field, &self.path(account), subject);
            }
            Target::Anyone(subject) => {
                let accounts: Vec<_> = world.accounts.keys().cloned().collect();
                self.member(source, at, field, &accounts, subject);
            }
            Target::Group { account, group } | Target::GroupAbove { account, group } => {
                let above = matches!(to, Target::GroupAbove { .. });
                match world.groups.get(group).map(|group| &group.account) {
                    None => missing("group", group.as_str(), texts(world.groups.keys())),
                    Some(of) if of == account => {}
                    Some(of) if above && self.path(account).contains(of) => {}
                    Some(of) => elsewhere("group", group.as_str(), of),
                }
            }
            Target::ReceivingGroup { number, group } => match world.groups.get(group) {
                None => missing("group", group.as_str(), texts(world.groups.keys())),
                Some(found) if self.number_accounts(&found.account).contains(number) => {}
                Some(found) => elsewhere("group", group.as_str(), &found.account),
            },
            Target::ReceivingFaxbox { number, faxbox } => match world.faxboxes.get(faxbox) {
                None => missing("faxbox", faxbox.as_str(), texts(world.faxboxes.keys())),
                Some(found) if self.number_accounts(&found.account).contains(number) => {}
                Some(found) => elsewhere("faxbox", faxbox.as_str(), &found.account),
            },
            Target::Faxbox { account, faxbox } => match world.faxboxes.get(faxbox) {
                None => missing("faxbox", faxbox.as_str(), texts(world.faxboxes.keys())),
                Some(found) if found.account == *account => {}
                Some(found) => elsewhere("faxbox", faxbox.as_str(), &found.account),
            },
            Target::Number { account, number } => match world.numbers.get(number) {
                None => self.no_such_number(source, tenants, at, field, number),
                Some(found) if self.number_accounts(account).contains(&found.account) => {}
                Some(found) => elsewhere("number", number.as_str(), &found.account),
            },
            Target::AnyNumber(number) => {
                if !world.numbers.contains_key(number) {
                    self.no_such_number(source, tenants, at, field, number);
                }
            }
            Target::Extension { account, extension } => match world.extensions.get(extension) {
                None => missing("extension", extension.as_str(), texts(world.extensions.keys())),
                Some(of) if of == account => {}
                Some(of) => elsewhere("extension", extension.as_str(), of),
            },
            Target::Queue { account, queue } => match world.queues.get(queue) {
                None => missing("queue", queue.as_str(), texts(world.queues.keys())),
                Some(of) if of == account => {}
                Some(of) => elsewhere("queue", queue.as_str(), of),
            },
        }
    }

    fn no_such_number(
        &self,
        source: &Source<'_>,
        tenants: &[Tenant<'_, '_>],
        at: usize,
        field: &str,
        number: &PhoneNumber,
    ) {
        let other = tenants.iter().find(|tenant| tenant.world.numbers.contains_key(number));
        if let Some(other) = other {
            let (number, other) = (number.as_str(), shown(other.id.as_str()));
            let problem =
                format!("`{field}`: number `{number}` belongs to another tenant, `{other}`");
            return source.error(at, problem);
        }
        let known = self.world.numbers.keys().map(PhoneNumber::as_str);
        source.unknown(at, &format!("number in `{field}`:"), number.as_str(), known);
    }

    /// A role: built in, or defined at the account or above it.
    fn role(&self, source: &Source<'_>, at: usize, field: &str, account: &AccountId, role: &Key) {
        let Some(model) = &self.model else { return };
        let path = self.path(account);
        let own = self.world.roles.keys();
        let own = own.filter(|(account, _)| path.contains(account)).map(|(_, key)| key);
        let known: Vec<&str> =
            own.chain(model.roles.iter().map(|role| &role.key)).map(Key::as_str).collect();
        if !known.contains(&role.as_str()) {
            source.unknown(at, &format!("role in `{field}`:"), role.as_str(), known);
        }
    }

    fn member(
        &self,
        source: &Source<'_>,
        at: usize,
        field: &str,
        accounts: &[AccountId],
        subject: &Subject,
    ) {
        let members = &self.world.members;
        if accounts.iter().any(|of| members.contains_key(&(of.clone(), subject.clone()))) {
            return;
        }
        let known: BTreeSet<String> = members
            .keys()
            .filter(|(account, _)| accounts.contains(account))
            .map(|(_, subject)| subject_text(subject))
            .collect();
        let name = subject_text(subject);
        let name = name.as_str();
        source.unknown(
            at,
            &format!("member in `{field}`:"),
            name,
            known.iter().map(String::as_str),
        );
    }
}

fn texts<T: ToString>(ids: impl Iterator<Item = T>) -> BTreeSet<String> {
    ids.map(|id| id.to_string()).collect()
}
