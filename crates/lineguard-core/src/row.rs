//! The rows that a tenant's set-up consists of, the same in every store.
//!
//! Set-up is kept as *objects* (an account, a member, a number …) with a typed body, and *links*
//! between them. One form of row means one form of change record, of snapshot and of restore, and
//! a new kind of object needs no migration.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::{Num, Timestamp};
use crate::model::ScopeKind;
use crate::port::{StoreError, TenantReader};

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ObjectKind {
    /// A subject; its id is [`crate::id::Subject::qualified`]. Body: none.
    Subject = 1,
    /// An account. `account` is its parent. Body: [`AccountBody`].
    Account = 2,
    /// A member. `scope` and `account` are the account, the id is the subject's. Body: [`MemberBody`].
    Member = 3,
    /// A group. Body: [`GroupBody`].
    Group = 4,
    /// A role; `scope` and `account` are the account that defines it. Body: [`RoleBody`].
    Role = 5,
    /// A number; one that was given back belongs to no account. Body: [`NumberBody`].
    Number = 6,
    /// An extension. Body: none.
    Extension = 7,
    /// A queue. Body: none.
    Queue = 8,
    /// A faxbox. Body: [`FaxboxBody`].
    Faxbox = 9,
    /// An invitation. Body: [`InvitationBody`].
    Invitation = 10,
    /// A label. Body: none.
    Label = 11,
    /// A type of form that a scope names. Body: none.
    FormType = 12,
    /// A type of document that a scope names. Body: none.
    DocumentType = 13,
    /// A template that a scope names. Body: none.
    Template = 14,
}

impl ObjectKind {
    /// All kinds, with their words.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Subject, "subject"),
        (Self::Account, "account"),
        (Self::Member, "member"),
        (Self::Group, "group"),
        (Self::Role, "role"),
        (Self::Number, "number"),
        (Self::Extension, "extension"),
        (Self::Queue, "queue"),
        (Self::Faxbox, "faxbox"),
        (Self::Invitation, "invitation"),
        (Self::Label, "label"),
        (Self::FormType, "form_type"),
        (Self::DocumentType, "document_type"),
        (Self::Template, "template"),
    ];

    /// The kind of a stored code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().map(|(kind, _)| *kind).find(|kind| *kind as u8 == code)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its number in the tenant; unique over all kinds, never reused.
    pub num: Num,
    /// What it is.
    pub kind: ObjectKind,
    /// What its id is unique within: the account for members and roles, `Num(0)` (the tenant) for
    /// all others.
    pub scope: Num,
    /// External identifier, compared byte for byte.
    pub id: String,
    /// The account it belongs to; the parent for an account; none for a root and for subjects,
    /// labels and other plain names.
    pub account: Option<Num>,
    /// JSON of the body type of its kind; `{}` for kinds without one.
    pub body: String,
}

impl Object {
    /// Whether it is a number that the tenant gave back: it names faxes that arrived on it, and is
    /// presented, routed and chosen no more (rulings R39).
    pub fn is_retired_number(&self) -> bool {
        self.kind == ObjectKind::Number && self.account.is_none()
    }
}

/// An account, then its ancestors up to the root.
pub async fn path(reader: &mut dyn TenantReader, account: Num) -> Result<Vec<Num>, StoreError> {
    let tenant = reader.tenant().await?.num;
    let mut path = Vec::new();
    let mut next = Some(account);
    while let Some(num) = next {
        // A circle would otherwise be walked for ever.
        if path.contains(&num) {
            return Err(corrupt(tenant, "account", num));
        }
        path.push(num);
        let found = reader.get(&[num]).await?.into_iter().next();
        next = found.ok_or_else(|| corrupt(tenant, "num", num))?.account;
    }
    Ok(path)
}

/// The account where a number is set up, or was when it was given back.
pub fn home_of_number(tenant: Num, number: &Object) -> Result<Num, StoreError> {
    if let Some(account) = number.account {
        return Ok(account);
    }
    let NumberBody { was_at, .. } = parse_body(tenant, number)?;
    was_at.map(Num).ok_or_else(|| corrupt(tenant, "account", number.num))
}

/// What a link means; `a` and `b` are its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum LinkKind {
    /// Group `a` has subject `b`.
    GroupMember = 1,
    /// Group `a` is owned by subject `b`.
    GroupOwner = 2,
    /// Faxbox `a` has subject `b`.
    FaxboxUser = 3,
    /// Faxbox `a` has group `b`.
    FaxboxGroup = 4,
    /// Faxbox `a` is owned by subject `b`.
    FaxboxOwner = 5,
    /// Account `a` is owned by subject `b`.
    AccountOwner = 6,
    /// Number `a` has its faxes received by faxbox `b`.
    NumberFaxbox = 7,
    /// Number `a` has its faxes received by group `b`.
    NumberGroup = 8,
    /// Member `a` delegated to subject `b`.
    Delegation = 9,
    /// Member `a` has access number `b`.
    AccessNumber = 20,
    /// Member `a` has auto-assign number `b`.
    AutoAssignNumber = 21,
    /// Member `a` has granted number `b`.
    GrantedNumber = 22,
    /// Member `a` holds extension `b`.
    HeldExtension = 23,
    /// Member `a` has granted extension `b`.
    GrantedExtension = 24,
    /// Member `a` has granted queue `b`.
    GrantedQueue = 25,
    /// Member `a` has label `b`.
    MemberLabel = 26,
    /// Member `a` may send faxes from number `b`.
    SendFromFax = 30,
    /// Member `a` may send messages from number `b`.
    SendFromMessage = 31,
    /// Member `a` may call from number `b`.
    SendFromCall = 32,
    /// Member `a` may attach from source `b` ([`crate::change::AttachmentSource::num`]).
    AttachmentSource = 33,
    /// Member `a` has default number `b`.
    DefaultNumber = 34,
    /// Member `a` has an override that is limited to number `b`. Says in other words what the
    /// member's body says.
    OverrideNumber = 35,
}

impl LinkKind {
    /// All kinds but those that only say in other words what bodies say.
    pub const ALL: [Self; 21] = [
        Self::GroupMember,
        Self::GroupOwner,
        Self::FaxboxUser,
        Self::FaxboxGroup,
        Self::FaxboxOwner,
        Self::AccountOwner,
        Self::NumberFaxbox,
        Self::NumberGroup,
        Self::Delegation,
        Self::AccessNumber,
        Self::AutoAssignNumber,
        Self::GrantedNumber,
        Self::HeldExtension,
        Self::GrantedExtension,
        Self::GrantedQueue,
        Self::MemberLabel,
        Self::SendFromFax,
        Self::SendFromMessage,
        Self::SendFromCall,
        Self::AttachmentSource,
        Self::DefaultNumber,
    ];

    /// Whether it only says in other words what bodies say, for those who look from the other end. It
    /// is kept by whoever writes the body, and is no part of what a tenant is: it is not exported, not
    /// recorded, and nothing is decided by it.
    pub const fn is_derived(self) -> bool {
        matches!(self, Self::OverrideNumber)
    }

    /// The kind of a stored code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// The far end of a list link that stands for everything of its kind.
pub const ALL: Num = Num(0);

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// What it means.
    pub kind: LinkKind,
    /// One end.
    pub a: Num,
    /// The other end.
    pub b: Num,
}

/// Body of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// Title for people.
    #[serde(default)]
    pub title: String,
    /// Personal (rulings R3) or shared.
    #[serde(default)]
    pub personal: bool,
    /// Whether view and use grants from above stop here.
    #[serde(default)]
    pub sealed: bool,
    /// Entitlement by product key.
    #[serde(default)]
    pub entitlements: BTreeMap<String, bool>,
    /// Value by flag key.
    #[serde(default)]
    pub flags: BTreeMap<String, bool>,
    /// Value by setting key.
    #[serde(default)]
    pub settings: BTreeMap<String, bool>,
}

/// Body of a member. The values of its lists are links; here stands only which lists are set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// Word of the status.
    pub status: String,
    /// Role keys.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Overrides by permission key.
    #[serde(default)]
    pub overrides: BTreeMap<String, OverrideBody>,
    /// Product switches.
    #[serde(default)]
    pub switches: BTreeMap<String, bool>,
    /// Visibility level of their own.
    #[serde(default)]
    pub visibility: Option<String>,
    /// Codes of the list links ([`LinkKind`] 20 to 33) that are set, maybe to an empty list. A list
    /// that is set to "all" is a single link to [`ALL`].
    #[serde(default)]
    pub lists: BTreeSet<u8>,
}

impl MemberBody {
    /// The numbers that overrides are limited to ([`LinkKind::OverrideNumber`]).
    pub fn override_numbers(&self) -> BTreeSet<Num> {
        let scoped = self.overrides.values().filter_map(|value| match value {
            OverrideBody::Off | OverrideBody::On => None,
            OverrideBody::Scoped(scopes) => scopes.get(ScopeKind::Number.as_str()),
        });
        scoped.flatten().copied().map(Num).collect()
    }
}

/// An override as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverrideBody {
    /// Taken away.
    Off,
    /// Given.
    On,
    /// Given, limited: numbers of the values by word of the scope.
    Scoped(BTreeMap<String, Vec<u64>>),
}

/// Body of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupBody {
    /// Title for people.
    #[serde(default)]
    pub title: String,
    /// Role keys.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Body of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RoleBody {
    /// A role of the tenant's own.
    Custom {
        /// Title for people.
        title: String,
        /// Permission keys.
        permissions: Vec<String>,
        /// Default visibility level.
        visibility: Option<String>,
    },
    /// Differences to a built-in role.
    Adjusted {
        /// Permissions it has besides.
        add: Vec<String>,
        /// Permissions it no longer has.
        remove: Vec<String>,
        /// Another default visibility level.
        visibility: Option<String>,
    },
}

/// Body of a number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberBody {
    /// Whether it is active.
    pub active: bool,
    /// Voice calls.
    pub voice: bool,
    /// Faxes.
    pub fax: bool,
    /// Text messages.
    pub message: bool,
    /// The account where a number was set up that was given back; the account may be gone, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_at: Option<u64>,
    /// Where it was before; a fax may have gone out there that is not registered yet.
    #[serde(default, skip_serializing_if = "Formerly::is_empty")]
    pub formerly: Formerly,
}

/// Where a number was before, the newest last. What is long ago is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formerly {
    /// Accounts where it was set up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<u64>,
    /// Faxboxes that its faxes were routed into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faxboxes: Vec<u64>,
}

impl Formerly {
    /// How many places of a kind are remembered.
    const MOST: usize = 16;

    fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.faxboxes.is_empty()
    }

    /// It leaves an account.
    pub fn left_account(&mut self, account: Num) {
        Self::left(&mut self.accounts, account);
    }

    /// Its faxes are not routed into a faxbox any more.
    pub fn left_faxbox(&mut self, faxbox: Num) {
        Self::left(&mut self.faxboxes, faxbox);
    }

    fn left(places: &mut Vec<u64>, place: Num) {
        places.retain(|one| *one != place.0);
        places.push(place.0);
        let long_ago = places.len().saturating_sub(Self::MOST);
        places.drain(..long_ago);
    }

    /// Accounts where it was set up.
    pub fn accounts(&self) -> impl Iterator<Item = Num> {
        self.accounts.iter().copied().map(Num)
    }

    /// Whether its faxes were routed into a faxbox.
    pub fn was_in(&self, faxbox: Num) -> bool {
        self.faxboxes.contains(&faxbox.0)
    }
}

impl NumberBody {
    /// The body of a number that was given back. Only its name is left, for faxes.
    pub fn retired(was_at: Num) -> Self {
        Self { was_at: Some(was_at.0), ..Self::default() }
    }
}

/// Body of a faxbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaxboxBody {
    /// Title for people.
    #[serde(default)]
    pub title: String,
}

/// Body of an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvitationBody {
    /// Roles the member will have.
    pub roles: Vec<String>,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// Qualified subject that accepted it.
    #[serde(default)]
    pub accepted_by: Option<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
}

impl InvitationBody {
    /// Whether it can still be accepted. One that cannot is history: it gives no role to anybody, so
    /// the roles it names need not exist.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.accepted_by.is_none() && !self.revoked && self.expires_at > now.0
    }
}

/// The error for a row of the object table that does not parse.
pub fn corrupt(tenant: Num, column: &'static str, num: Num) -> StoreError {
    StoreError::Corrupt {
        table: "object",
        column,
        row: format!("tenant {} num {}", tenant.0, num.0),
    }
}

/// The body of an object.
pub fn parse_body<T: DeserializeOwned>(tenant: Num, object: &Object) -> Result<T, StoreError> {
    serde_json::from_str(&object.body).map_err(|_| corrupt(tenant, "body", object.num))
}

/// A body as it is stored. The same body is always the same text.
pub fn write_body(body: &impl Serialize) -> Result<String, StoreError> {
    let unwritable = |error| StoreError::Unavailable { detail: format!("writing a body: {error}") };
    serde_json::to_string(body).map_err(unwritable)
}
