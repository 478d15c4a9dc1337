//! Facts: all that a decision may read, gathered before it is made.
//!
//! Identifiers are [`Num`]s here: the store maps external identifiers to numbers once, and sets
//! and comparisons hold numbers only.

use std::collections::BTreeMap;

use crate::id::{Key, ModelDigest, Num, Revision};
use crate::model::ScopeKind;
use crate::model::reach::{Direction, FaxState};

/// Everything about one subject at one acting account, as one statement read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFacts {
    /// The tenant's revision in the snapshot that these facts come from.
    pub revision: Revision,
    /// The tenant's model.
    pub model: ModelDigest,
    /// The person. [`Num::UNKNOWN`] where the tenant has never seen this subject.
    pub subject: Num,
    /// The acting account first, then its ancestors up to the root.
    pub path: Vec<AccountLevel>,
    /// Accounts below the acting account, parents before children.
    pub below: Vec<AccountBelow>,
    /// Groups on the path that the person belongs to. Here and below only what counts: what hangs
    /// on a membership that is not active is left out (rulings R33).
    pub groups: Vec<GroupFacts>,
    /// Accounts on the path that the person owns.
    pub owned_accounts: Vec<Num>,
    /// Faxboxes the person belongs to, directly or through a group.
    pub faxboxes: Vec<Num>,
    /// Faxboxes the person owns.
    pub owned_faxboxes: Vec<Num>,
    /// Groups the person owns.
    pub owned_groups: Vec<Num>,
    /// Subjects who are members of groups on the path that the person owns: supervised in the
    /// acting account and below it.
    pub supervised: Vec<Num>,
    /// Subjects who are supervised in a part of what lies below the acting account, and not in all
    /// of it.
    pub supervised_below: Vec<SupervisedBelow>,
    /// Subjects who delegated to the person.
    pub delegators: Vec<Num>,
    /// What an exception takes out, where that is more than the above: there what hangs on a
    /// suspended membership counts too.
    pub taken: Option<Box<Taken>>,
}

/// What hangs on memberships that are active or suspended. It gives nothing while they are
/// suspended, and is taken out by exceptions all the same: a suspension opens nothing (rulings R33).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// As [`MemberFacts::groups`].
    pub groups: Vec<Num>,
    /// As [`MemberFacts::faxboxes`].
    pub faxboxes: Vec<Num>,
    /// As [`MemberFacts::owned_faxboxes`].
    pub owned_faxboxes: Vec<Num>,
    /// As [`MemberFacts::owned_groups`].
    pub owned_groups: Vec<Num>,
    /// As [`MemberFacts::supervised`].
    pub supervised: Vec<Num>,
    /// As [`MemberFacts::supervised_below`].
    pub supervised_below: Vec<SupervisedBelow>,
    /// As [`MemberFacts::delegators`].
    pub delegators: Vec<Num>,
}

/// Members of groups of one account below the acting account that the person owns: supervised in
/// that account and below it, and nowhere beside it (rulings R34).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisedBelow {
    /// The account of the groups; one of those below.
    pub account: Num,
    /// The subjects.
    pub members: Vec<Num>,
}

/// One account on the path from the acting account to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLevel {
    /// The account.
    pub account: Num,
    /// Whether view and use grants from above stop here.
    pub sealed: bool,
    /// What is set up here; the nearest definition wins.
    pub setup: AccountSetup,
    /// Roles defined or adjusted here.
    pub roles: Vec<RoleDefinition>,
    /// The person's membership of this account, whatever its status.
    pub membership: Option<Membership>,
}

/// What is set up at an account. An absent key means that this account says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountSetup {
    /// Entitlement by product key.
    pub entitlements: BTreeMap<Key, bool>,
    /// Value by flag key.
    pub flags: BTreeMap<Key, bool>,
    /// Value by setting key.
    pub settings: BTreeMap<Key, bool>,
}

/// A role that a tenant defines or adjusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleDefinition {
    /// A role of the tenant's own.
    Custom {
        /// Key; never the key of a built-in role.
        key: Key,
        /// Title for people.
        title: Box<str>,
        /// Permission keys.
        permissions: Vec<Key>,
        /// Default visibility level.
        visibility: Option<Key>,
    },
    /// Differences to a built-in role.
    Adjusted {
        /// Key of the built-in role.
        key: Key,
        /// Permissions it has besides.
        add: Vec<Key>,
        /// Permissions it no longer has.
        remove: Vec<Key>,
        /// Another default visibility level.
        visibility: Option<Key>,
    },
}

impl RoleDefinition {
    /// The role's key.
    pub fn key(&self) -> &Key {
        match self {
            Self::Custom { key, .. } | Self::Adjusted { key, .. } => key,
        }
    }
}

/// An account below the acting account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountBelow {
    /// The account.
    pub account: Num,
    /// Its parent: the acting account or another one below it.
    pub parent: Num,
    /// Whether view and use grants from above stop here.
    pub sealed: bool,
}

/// A group that the person belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFacts {
    /// The group.
    pub group: Num,
    /// Its account.
    pub account: Num,
    /// Title for people.
    pub title: Box<str>,
    /// Roles it holds in its account.
    pub roles: Vec<Key>,
}

/// Status of a membership (rulings R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberStatus {
    /// Invited, not accepted yet.
    Invited,
    /// Accepted, e-mail address not verified yet.
    Unverified,
    /// The only status that gives anything.
    Active,
    /// Suspended by an administrator.
    Suspended,
    /// Removed; kept so that the reason can be told.
    Removed,
}

impl MemberStatus {
    /// All statuses, with their words.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Invited, "invited"),
        (Self::Unverified, "unverified"),
        (Self::Active, "active"),
        (Self::Suspended, "suspended"),
        (Self::Removed, "removed"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// The status that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, one)| *one == word).map(|(status, _)| *status)
    }
}

/// A membership: a subject bound to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The member.
    pub member: Num,
    /// Its status.
    pub status: MemberStatus,
    /// Role keys.
    pub roles: Vec<Key>,
    /// Differences to the roles, by permission key (rulings R10).
    pub overrides: BTreeMap<Key, Override>,
    /// Product switches set on this member.
    pub switches: BTreeMap<Key, bool>,
    /// Visibility level of their own.
    pub visibility: Option<Key>,
    /// Lists that grant; unset means none (rulings R13).
    pub lists: BTreeMap<GrantList, ListOf>,
    /// Lists that narrow; unset means not restricted (rulings R13).
    pub restrictions: BTreeMap<crate::model::RestrictionList, ListOf>,
    /// The preset default number.
    pub default_number: Option<Num>,
}

/// A member's override of one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// Taken away.
    Off,
    /// Given.
    On,
    /// Given, limited to these values; every scope named must match.
    Scoped(BTreeMap<ScopeKind, Vec<Num>>),
}

/// A member's lists that grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrantList {
    /// Numbers the member may use.
    AccessNumbers,
    /// Numbers whose faxes are assigned to the member.
    AutoAssignNumbers,
    /// Numbers granted to the member.
    GrantedNumbers,
    /// Extensions assigned to the member.
    HeldExtensions,
    /// Extensions granted to the member.
    GrantedExtensions,
    /// Queues granted to the member.
    GrantedQueues,
    /// Labels.
    Labels,
}

impl GrantList {
    /// All lists, with their words.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::AccessNumbers, "access"),
        (Self::AutoAssignNumbers, "auto_assign"),
        (Self::GrantedNumbers, "granted"),
        (Self::HeldExtensions, "held_extensions"),
        (Self::GrantedExtensions, "granted_extensions"),
        (Self::GrantedQueues, "granted_queues"),
        (Self::Labels, "labels"),
    ];
}

/// A list that is set: everything, or these values. An absent list is the third state, unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOf {
    /// Everything of its kind.
    All,
    /// These; may be empty.
    These(Vec<Num>),
}

/// What is known of one fact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fact<T> {
    /// The asking service did not say. A decision that depends on it is an error (rulings R14).
    #[default]
    Missing,
    /// Known to be none.
    Absent,
    /// Known.
    Known(T),
}

impl<T> Fact<T> {
    /// This fact, or where nothing was said another's word for it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if matches!(self, Self::Missing) { other } else { self }
    }
}

/// Facts about one resource, or about the target of a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceFacts {
    /// The account it lies in.
    pub account: Fact<Num>,
    /// Who created, sent or holds it.
    pub creator: Fact<Num>,
    /// Who took part.
    pub participants: Fact<Box<[Num]>>,
    /// The user or group it is assigned to.
    pub assignee: Fact<Num>,
    /// The faxbox it lies in, or is.
    pub faxbox: Fact<Num>,
    /// The number of ours.
    pub number: Fact<Num>,
    /// The extension.
    pub extension: Fact<Num>,
    /// The queue.
    pub queue: Fact<Num>,
    /// Tags.
    pub labels: Fact<Box<[Num]>>,
    /// The group.
    pub group: Fact<Num>,
    /// Direction.
    pub direction: Fact<Direction>,
    /// State.
    pub state: Fact<FaxState>,
    /// Type of form.
    pub form_type: Fact<Num>,
    /// Type of document.
    pub document_type: Fact<Num>,
    /// Template.
    pub template: Fact<Num>,
    /// Attachment sources.
    pub sources: Fact<Box<[Num]>>,
    /// Whether the member it is about owns its account (rulings R4). Read from the store; no caller
    /// sends it.
    pub owner: Fact<bool>,
}

impl ResourceFacts {
    /// These facts, and of those that are missing what a question brings. What the store holds is
    /// never replaced, and ownership is never a question's to say.
    #[must_use]
    pub fn or_sent(self, sent: Self) -> Self {
        Self {
            account: self.account.or(sent.account),
            creator: self.creator.or(sent.creator),
            participants: self.participants.or(sent.participants),
            assignee: self.assignee.or(sent.assignee),
            faxbox: self.faxbox.or(sent.faxbox),
            number: self.number.or(sent.number),
            extension: self.extension.or(sent.extension),
            queue: self.queue.or(sent.queue),
            labels: self.labels.or(sent.labels),
            group: self.group.or(sent.group),
            direction: self.direction.or(sent.direction),
            state: self.state.or(sent.state),
            form_type: self.form_type.or(sent.form_type),
            document_type: self.document_type.or(sent.document_type),
            template: self.template.or(sent.template),
            sources: self.sources.or(sent.sources),
            owner: self.owner,
        }
    }

    /// Facts of something that does not exist: nothing is missing, and nothing matches. Facts of
    /// what exists name every field instead.
    pub fn nowhere() -> Self {
        Self {
            account: Fact::Absent,
            creator: Fact::Absent,
            participants: Fact::Absent,
            assignee: Fact::Absent,
            faxbox: Fact::Absent,
            number: Fact::Absent,
            extension: Fact::Absent,
            queue: Fact::Absent,
            labels: Fact::Absent,
            group: Fact::Absent,
            direction: Fact::Absent,
            state: Fact::Absent,
            form_type: Fact::Absent,
            document_type: Fact::Absent,
            template: Fact::Absent,
            sources: Fact::Absent,
            owner: Fact::Absent,
        }
    }
}

/// What the store holds of a number that is to go out or to be presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFacts {
    /// The number.
    pub number: Num,
    /// Its account.
    pub account: Num,
    /// Only an active number counts.
    pub active: bool,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The faxboxes that its faxes are routed into.
    pub faxboxes: Box<[Num]>,
}

/// What a number can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities {
    /// Voice calls.
    pub voice: bool,
    /// Faxes.
    pub fax: bool,
    /// Text messages.
    pub message: bool,
}
