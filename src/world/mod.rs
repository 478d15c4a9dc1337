//! Worlds: whole tenants as text. `docs/world-files.md` describes the format.
//!
//! A world is kept in a canonical form (everything by its key, in order), so that two texts that
//! describe the same tenants are equal as worlds, and reading what was printed gives the same world.
//!
//! What a text leaves out is none here, and is not filled in: left out means unchanged for what
//! exists, and the default only for what does not (rulings R40).

mod about;
mod changes;
mod collect;
mod model;
mod parse;
mod print;
#[cfg(test)]
mod tests;
pub mod time;

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::change::{AccountKind, AttachmentSource, NewFax, OverrideValue, UserOrGroup};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, ModelDigest,
    PhoneNumber, QueueId, Subject, TenantId, Timestamp,
};
use lineguard_core::model::TextError;

pub use about::about;
pub use changes::Steps;
pub use collect::{CollectError, collect};
pub use model::{ModelNames, built_in_digest, built_in_text, default_model, name_of_model};
pub use print::print;

/// What a new number can do, unless the text says something else.
const EVERYTHING: Capabilities = Capabilities { voice: true, fax: true, message: true };

/// Tenants with everything in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    /// By id.
    pub tenants: BTreeMap<TenantId, TenantWorld>,
}

impl World {
    /// Reads a world file that names built-in models only; every mistake at once.
    pub fn parse(text: &str) -> Result<Self, Vec<TextError>> {
        Self::parse_with(text, &ModelNames::default())
    }

    /// Reads a world file; every mistake at once.
    pub fn parse_with(text: &str, models: &ModelNames) -> Result<Self, Vec<TextError>> {
        parse::world(text, models)
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantWorld {
    /// Title for people.
    pub title: Option<String>,
    /// Its product model.
    pub model: Option<ModelDigest>,
    /// Id of the root account; it is one of the accounts.
    pub root: AccountId,
    /// Kind of the root account.
    pub kind: Option<AccountKind>,
    /// Accounts, the root among them.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Roles of the tenant's own and adjusted ones, by the account that defines them.
    pub roles: BTreeMap<(AccountId, Key), Role>,
    /// Members.
    pub members: BTreeMap<(AccountId, Subject), Member>,
    /// Invitations.
    pub invitations: BTreeMap<InvitationId, Invitation>,
    /// Groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// Numbers.
    pub numbers: BTreeMap<PhoneNumber, Number>,
    /// Numbers that were given back and still name faxes, with the accounts they were set up at.
    pub retired_numbers: BTreeMap<PhoneNumber, AccountId>,
    /// Extensions with their accounts.
    pub extensions: BTreeMap<ExtensionId, AccountId>,
    /// Queues with their accounts.
    pub queues: BTreeMap<QueueId, AccountId>,
    /// Faxboxes.
    pub faxboxes: BTreeMap<FaxboxId, Faxbox>,
    /// Faxes.
    pub faxes: BTreeMap<FaxId, Fax>,
}

impl TenantWorld {
    /// The account where a number is set up, or was when it was given back.
    fn account_of_number(&self, number: &PhoneNumber) -> Option<&AccountId> {
        let present = self.numbers.get(number).map(|number| &number.account);
        present.or_else(|| self.retired_numbers.get(number))
    }

    /// A tenant with nothing in it.
    fn new(root: AccountId) -> Self {
        Self {
            title: None,
            model: None,
            root,
            kind: None,
            accounts: BTreeMap::new(),
            roles: BTreeMap::new(),
            members: BTreeMap::new(),
            invitations: BTreeMap::new(),
            groups: BTreeMap::new(),
            numbers: BTreeMap::new(),
            retired_numbers: BTreeMap::new(),
            extensions: BTreeMap::new(),
            queues: BTreeMap::new(),
            faxboxes: BTreeMap::new(),
            faxes: BTreeMap::new(),
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Its parent; none for the root.
    pub parent: Option<AccountId>,
    /// Title for people. That of the root is the tenant's.
    pub title: Option<String>,
    /// Whether view and use grants from above stop at it.
    pub sealed: Option<bool>,
    /// Its owners; each of them is a member.
    pub owners: BTreeSet<Subject>,
    /// Entitlements set here, by product.
    pub entitlements: BTreeMap<Key, bool>,
    /// Feature flags set here.
    pub flags: BTreeMap<Key, bool>,
    /// Settings set here.
    pub settings: BTreeMap<Key, bool>,
}

/// A role as a tenant defines or adjusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A role of the tenant's own.
    Custom {
        /// Title for people.
        title: Option<String>,
        /// Permission keys, in the order given.
        permissions: Option<Vec<Key>>,
        /// Default visibility level.
        visibility: Option<Key>,
    },
    /// Differences to a built-in role.
    Adjusted {
        /// Permissions it has besides.
        add: Option<Vec<Key>>,
        /// Permissions it no longer has.
        remove: Option<Vec<Key>>,
        /// Another default visibility level.
        visibility: Option<Key>,
    },
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// Status; a new member is active.
    pub status: Option<MemberStatus>,
    /// Role keys; a new member has the model's default roles.
    pub roles: Option<Vec<Key>>,
    /// Overrides by permission.
    pub overrides: BTreeMap<Key, OverrideValue>,
    /// Product switches.
    pub switches: BTreeMap<Key, bool>,
    /// Visibility level of their own.
    pub visibility: Option<Key>,
    /// Lists.
    pub lists: Lists,
    /// Preset default number.
    pub default_number: Option<PhoneNumber>,
    /// Members who may act for this one.
    pub delegates: BTreeSet<Subject>,
}

/// A list that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed<T> {
    /// Everything of its kind.
    All,
    /// These; may be empty.
    These(BTreeSet<T>),
}

/// The lists of a member; none where a list is unset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lists {
    /// Numbers the member may use.
    pub access_numbers: Option<Listed<PhoneNumber>>,
    /// Numbers whose faxes are assigned to the member.
    pub auto_assign_numbers: Option<Listed<PhoneNumber>>,
    /// Numbers granted to the member.
    pub granted_numbers: Option<Listed<PhoneNumber>>,
    /// Extensions assigned to the member.
    pub held_extensions: Option<Listed<ExtensionId>>,
    /// Extensions granted to the member.
    pub granted_extensions: Option<Listed<ExtensionId>>,
    /// Queues granted to the member.
    pub granted_queues: Option<Listed<QueueId>>,
    /// Labels.
    pub labels: Option<Listed<ExternalId>>,
    /// Numbers that faxes may be sent from.
    pub send_from_fax: Option<Listed<PhoneNumber>>,
    /// Numbers that messages may be sent from.
    pub send_from_message: Option<Listed<PhoneNumber>>,
    /// Numbers that calls may be made from.
    pub send_from_call: Option<Listed<PhoneNumber>>,
    /// Where attachments may come from.
    pub attachment_sources: Option<Listed<AttachmentSource>>,
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The account.
    pub account: AccountId,
    /// Roles the member will have; none means the model's default roles.
    pub roles: Option<Vec<Key>>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who accepted it.
    pub accepted_by: Option<Subject>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its account.
    pub account: AccountId,
    /// Title for people.
    pub title: Option<String>,
    /// Roles it holds in its account, in the order given.
    pub roles: Option<Vec<Key>>,
    /// Its members.
    pub members: BTreeSet<Subject>,
    /// Its owners.
    pub owners: BTreeSet<Subject>,
}

/// A number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its account.
    pub account: AccountId,
    /// What it can do; a new one can do everything.
    pub capabilities: Option<Capabilities>,
    /// Whether it is active; a new one is.
    pub active: Option<bool>,
    /// Groups that receive its faxes.
    pub groups: BTreeSet<GroupId>,
    /// Faxboxes that receive its faxes.
    pub faxboxes: BTreeSet<FaxboxId>,
}

/// A faxbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faxbox {
    /// Its account.
    pub account: AccountId,
    /// Title for people.
    pub title: Option<String>,
    /// Users who belong to it.
    pub members: BTreeSet<Subject>,
    /// Groups that belong to it.
    pub groups: BTreeSet<GroupId>,
    /// Its owners; ownership gives no membership.
    pub owners: BTreeSet<Subject>,
}

/// A fax, with what became of it after it was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fax {
    /// What is registered.
    pub new: NewFax,
    /// Who it is assigned to.
    pub assignee: Assignee,
    /// Taken out of the faxbox that auto-assign put it in.
    pub unfiled: bool,
}

/// Who a fax is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Assignee {
    /// Whoever auto-assign gives it to.
    #[default]
    Routed,
    /// Nobody.
    Nobody,
    /// This one.
    To(UserOrGroup),
}
