//! Names of things that must exist, looked up when all tenants have been read.

use std::collections::BTreeMap;
use std::fmt::Display;

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
    /// A group that may receive the faxes of an account's number.
    ReceivingGroup { number: AccountId, group: GroupId },
    /// A faxbox that may receive the faxes of an account's number.
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
            LookUp { source, tenants, tenant, at: *at, field }.target(to);
        }
    }
}

impl Tenant<'_, '_> {
    /// An account and those above it. Ends also where the tree has a cycle.
    fn path(&self, account: &AccountId) -> Vec<AccountId> {
        let parent = |of: &AccountId| self.world.accounts.get(of)?.parent.clone();
        let mut path = vec![account.clone()];
        let mut next = parent(account);
        while let Some(above) = next.filter(|above| !path.contains(above)) {
            next = parent(&above);
            path.push(above);
        }
        path
    }

    /// The accounts whose numbers the members of an account can use.
    fn number_accounts(&self, account: &AccountId) -> Vec<AccountId> {
        let flow_down = self.model.as_ref().is_none_or(|model| model.tree.numbers_flow_down);
        if flow_down { self.path(account) } else { vec![account.clone()] }
    }
}

/// The look-up of one name.
struct LookUp<'l, 's, 't> {
    source: &'l Source<'l>,
    tenants: &'l [Tenant<'s, 't>],
    tenant: &'l Tenant<'s, 't>,
    at: usize,
    field: &'static str,
}

impl LookUp<'_, '_, '_> {
    fn target(&self, to: &Target) {
        let tenant = self.tenant;
        let world = &tenant.world;
        match to {
            Target::Account(account) => {
                if !world.accounts.contains_key(account) {
                    let known = world.accounts.keys().map(AccountId::as_str);
                    self.unknown("account", account.as_str(), known);
                }
            }
            Target::Role { account, role } => self.role(account, role),
            Target::Member { account, subject } => {
                self.member(std::slice::from_ref(account), subject)
            }
            Target::MemberAbove { account, subject } => {
                self.member(&tenant.path(account), subject);
            }
            Target::Anyone(subject) => {
                self.member(&Vec::from_iter(world.accounts.keys().cloned()), subject);
            }
            Target::Group { account, group } => {
                self.serves("group", group, &world.groups, |of| &of.account, |of| of == account);
            }
            Target::GroupAbove { account, group } => {
                let above = tenant.path(account);
                let serves = |of: &AccountId| above.contains(of);
                self.serves("group", group, &world.groups, |of| &of.account, serves);
            }
            Target::ReceivingGroup { number, group } => {
                let serves = |of: &AccountId| tenant.number_accounts(of).contains(number);
                self.serves("group", group, &world.groups, |of| &of.account, serves);
            }
            Target::ReceivingFaxbox { number, faxbox } => {
                let serves = |of: &AccountId| tenant.number_accounts(of).contains(number);
                self.serves("faxbox", faxbox, &world.faxboxes, |of| &of.account, serves);
            }
            Target::Faxbox { account, faxbox } => {
                let serves = |of: &AccountId| of == account;
                self.serves("faxbox", faxbox, &world.faxboxes, |of| &of.account, serves);
            }
            Target::Extension { account, extension } => {
                let serves = |of: &AccountId| of == account;
                self.serves("extension", extension, &world.extensions, |of| of, serves);
            }
            Target::Queue { account, queue } => {
                self.serves("queue", queue, &world.queues, |of| of, |of| of == account);
            }
            Target::Number { account, number } => {
                self.number(number, |of| tenant.number_accounts(account).contains(of));
            }
            Target::AnyNumber(number) if world.retired_numbers.contains_key(number) => {}
            Target::AnyNumber(number) => self.number(number, |_| true),
        }
    }

    /// Something that must be there, in an account that serves the one where it is named.
    fn serves<K: Ord + Display, V>(
        &self,
        what: &str,
        id: &K,
        known: &BTreeMap<K, V>,
        account: impl Fn(&V) -> &AccountId,
        serves: impl Fn(&AccountId) -> bool,
    ) {
        match known.get(id).map(account) {
            None => {
                let known: Vec<String> = known.keys().map(ToString::to_string).collect();
                self.unknown(what, &id.to_string(), known.iter().map(String::as_str));
            }
            Some(of) if serves(of) => {}
            Some(of) => self.elsewhere(what, &id.to_string(), of),
        }
    }

    fn unknown<'k>(&self, what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) {
        self.source.unknown(self.at, &format!("{what} in `{}`:", self.field), name, known);
    }

    fn elsewhere(&self, what: &str, name: &str, of: &AccountId) {
        let (field, name, of) = (self.field, shown(name), shown(of.as_str()));
        let problem = format!(
            "`{field}`: {what} `{name}` belongs to account `{of}`, which does not serve this one"
        );
        self.source.error(self.at, problem);
    }

    fn number(&self, number: &PhoneNumber, serves: impl Fn(&AccountId) -> bool) {
        let numbers = &self.tenant.world.numbers;
        match numbers.get(number) {
            Some(found) if serves(&found.account) => {}
            Some(found) => self.elsewhere("number", number.as_str(), &found.account),
            None => match self.tenants.iter().find(|one| one.world.numbers.contains_key(number)) {
                Some(other) => {
                    let (field, other) = (self.field, shown(other.id.as_str()));
                    let number = number.as_str();
                    let problem = format!(
                        "`{field}`: number `{number}` belongs to another tenant, `{other}`"
                    );
                    self.source.error(self.at, problem);
                }
                None => {
                    let known = numbers.keys().map(PhoneNumber::as_str);
                    self.unknown("number", number.as_str(), known);
                }
            },
        }
    }

    /// A role: built in, or defined at the account or above it.
    fn role(&self, account: &AccountId, role: &Key) {
        let Some(model) = &self.tenant.model else { return };
        let path = self.tenant.path(account);
        let own = self.tenant.world.roles.keys();
        let own = own.filter(|(account, _)| path.contains(account)).map(|(_, key)| key);
        let known: Vec<&str> =
            own.chain(model.roles.iter().map(|role| &role.key)).map(Key::as_str).collect();
        if !known.contains(&role.as_str()) {
            self.unknown("role", role.as_str(), known);
        }
    }

    fn member(&self, accounts: &[AccountId], subject: &Subject) {
        let members = &self.tenant.world.members;
        if accounts.iter().any(|of| members.contains_key(&(of.clone(), subject.clone()))) {
            return;
        }
        let known = members.keys().filter(|(account, _)| accounts.contains(account));
        let known: Vec<String> = known.map(|(_, subject)| subject_text(subject)).collect();
        self.unknown("member", &subject_text(subject), known.iter().map(String::as_str));
    }
}
