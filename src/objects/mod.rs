//! Stored objects with all that was set on them, by the identifiers that callers know.
//!
//! Reads show them, and an export says how to make them again.

mod load;
mod member;
mod relation;

use std::collections::BTreeMap;

use lineguard_core::change::{AccountKind, MemberList, NumberTarget, OverrideValue, UserOrGroup};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{
    AccountId, ExtensionId, FaxboxId, GroupId, InvitationId, Key, PhoneNumber, QueueId, Subject,
    Timestamp,
};

pub use load::{load, load_first};
pub use relation::{Element, Place, Relation};

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// An account.
    Account(Account),
    /// A member.
    Member(Member),
    /// A group.
    Group(Group),
    /// A role of the tenant's own, or an adjustment of a built-in one.
    Role(Role),
    /// A number.
    Number(Number),
    /// A number that was given back, with the account that it was set up at.
    RetiredNumber(PhoneNumber, AccountId),
    /// An extension.
    Extension(ExtensionId, AccountId),
    /// A queue.
    Queue(QueueId, AccountId),
    /// A faxbox.
    Faxbox(Faxbox),
    /// An invitation.
    Invitation(Invitation),
}

/// What is on or off, by key.
pub type Switches = BTreeMap<Key, bool>;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub account: AccountId,
    /// Its parent; none for the root.
    pub parent: Option<AccountId>,
    /// Title for people.
    pub title: String,
    /// Shared or personal.
    pub kind: AccountKind,
    /// Whether view and use grants from above stop at it.
    pub sealed: bool,
    /// Entitlements set here.
    pub entitlements: Switches,
    /// Feature flags set here.
    pub flags: Switches,
    /// Settings set here.
    pub settings: Switches,
    /// Its owners.
    pub owners: Vec<Subject>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// The subject.
    pub subject: Subject,
    /// Status.
    pub status: MemberStatus,
    /// Roles.
    pub roles: Vec<Key>,
    /// Differences to the roles; never unset.
    pub overrides: BTreeMap<Key, OverrideValue>,
    /// Product switches.
    pub switches: Switches,
    /// Visibility level of their own.
    pub visibility: Option<Key>,
    /// The lists that are set.
    pub lists: Vec<MemberList>,
    /// Preset default number.
    pub default_number: Option<PhoneNumber>,
    /// Who may act for this member.
    pub delegates: Vec<Subject>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub group: GroupId,
    /// Its account.
    pub account: AccountId,
    /// Title for people.
    pub title: String,
    /// Roles it holds.
    pub roles: Vec<Key>,
    /// Its members.
    pub members: Vec<Subject>,
    /// Its owners.
    pub owners: Vec<Subject>,
}

/// A role as a tenant defines or adjusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Where.
    pub account: AccountId,
    /// Its key.
    pub role: Key,
    /// What the tenant says about it.
    pub definition: Definition,
    /// Default visibility level; none for none, or for the model's.
    pub visibility: Option<Key>,
}

/// What a tenant says about a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    /// All of it.
    Custom {
        /// Title for people.
        title: String,
        /// Permissions.
        permissions: Vec<Key>,
    },
    /// Differences to a built-in role.
    Adjusted {
        /// Permissions it has besides.
        add: Vec<Key>,
        /// Permissions it no longer has.
        remove: Vec<Key>,
    },
}

/// A number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub number: PhoneNumber,
    /// Its account.
    pub account: AccountId,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether it is active.
    pub active: bool,
    /// What receives its faxes, besides members.
    pub targets: Vec<NumberTarget>,
}

/// A faxbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faxbox {
    /// Its id.
    pub faxbox: FaxboxId,
    /// Its account.
    pub account: AccountId,
    /// Title for people.
    pub title: String,
    /// Who belongs to it.
    pub members: Vec<UserOrGroup>,
    /// Its owners.
    pub owners: Vec<Subject>,
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub invitation: InvitationId,
    /// The account.
    pub account: AccountId,
    /// Roles the member will have.
    pub roles: Vec<Key>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who accepted it.
    pub accepted_by: Option<Subject>,
    /// Whether it was revoked.
    pub revoked: bool,
}
