//! Changes: every administrative write as a value. One door ([`apply`]) turns them into rows.

pub mod apply;
pub mod register;
mod sources;

use std::collections::BTreeMap;

pub use sources::SourceSet;

use crate::facts::{Capabilities, GrantList, MemberStatus};
use crate::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, ModelDigest,
    PhoneNumber, QueueId, RequestId, Revision, Subject, SubjectKind, TenantId, Timestamp,
};
use crate::model::ScopeKind;
use crate::model::reach::{Direction, FaxState};

/// An atomic batch of changes to one tenant: all of them or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The tenant.
    pub tenant: TenantId,
    /// Who makes the changes.
    pub actor: Subject,
    /// Whether the caller may provision: activate numbers (rulings R39). Not what is asked for, so
    /// no part of what tells a repeat.
    pub provisions: bool,
    /// A repeat with the same id and the same changes returns the first result; with other
    /// changes it is refused.
    pub request_id: RequestId,
    /// What an `Add…` of something that exists does.
    pub if_exists: IfExists,
    /// In this order; later changes see earlier ones.
    pub changes: Vec<Change>,
}

/// What becomes of a change that would make a number active (rulings R39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// The number becomes active, if it is active in no other tenant.
    Granted,
    /// A person writes: what they add is inactive, and they activate nothing.
    ByPerson,
    /// The caller may not provision: it is refused.
    Withheld,
}

impl Activation {
    /// What it is for an actor, by whether the caller may provision. A person never activates,
    /// whoever calls for them.
    pub const fn of(actor: &Subject, provisions: bool) -> Self {
        match (actor.kind, provisions) {
            (SubjectKind::User, _) => Self::ByPerson,
            (SubjectKind::Service, true) => Self::Granted,
            (SubjectKind::Service, false) => Self::Withheld,
        }
    }
}

/// What an `Add…` of something that exists does. It never changes more than the title: everything
/// else is changed by the `Set…` that names it (rulings R40).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IfExists {
    /// Nothing if it is the same, an error if it differs.
    #[default]
    Refuse,
    /// It takes the title; an error if anything else differs.
    Update,
    /// It takes the title, and all else stays as it is. Imports work this way: what an `Add…` says
    /// is for a thing that does not exist yet. A member who was removed exists and stays removed,
    /// and what changes say about them is passed over with a warning, until a change sets them
    /// active; one who is suspended stays suspended likewise.
    Keep,
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The tenant's revision at which the batch is in force.
    pub revision: Revision,
    /// How many of the changes had an effect; the others found things as they want them.
    pub changed: usize,
    /// Settings that do what was asked and perhaps not what was meant (rulings R18).
    pub warnings: Vec<Warning>,
    /// Whether nothing was done now: this is what the same request did when it came first. What it
    /// did may have been changed since.
    pub repeated: bool,
}

/// A whole tenant, or a part of one, to be brought in as one transaction. Works like a batch with
/// [`IfExists::Keep`], and registers faxes besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The tenant.
    pub tenant: TenantId,
    /// Who imports.
    pub actor: Subject,
    /// As in [`Batch::provisions`].
    pub provisions: bool,
    /// A repeat with the same id and the same parts returns the first result; with other parts it
    /// is refused.
    pub request_id: RequestId,
    /// In this order; later parts see earlier ones. Positions in faults and warnings count changes
    /// and faxes together, in the order in which they are applied.
    pub parts: Vec<Part>,
}

impl Import {
    /// How many changes and faxes it has.
    #[must_use]
    pub fn items(&self) -> usize {
        self.parts.iter().map(|part| part.changes.len() + part.faxes.len()).sum()
    }
}

/// Changes, and faxes that are registered after them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Applied first.
    pub changes: Vec<Change>,
    /// Registered then. One that is registered already must say what was said first, or what is so
    /// now; it is left alone.
    pub faxes: Vec<NewFax>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What its changes did.
    pub applied: Applied,
    /// How many faxes were new.
    pub registered: usize,
}

/// A remark on an applied change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Position of the change in its batch, from 0.
    pub change: usize,
    /// What to know about it, without names of people or phone numbers.
    pub text: String,
}

/// Most warnings that are told, and kept for repeats, of one batch or import. A long import may have
/// one for each of its changes; nobody reads them, and no answer would hold them.
pub const MAX_WARNINGS: usize = 1_000;

impl Warning {
    /// The first of them, and one more that counts the others.
    pub fn first(mut warnings: Vec<Self>) -> Vec<Self> {
        let others = warnings.len().saturating_sub(MAX_WARNINGS);
        if let Some(next) = warnings.get(MAX_WARNINGS) {
            let text = format!("and {others} more warnings, which are not told");
            let rest = Self { change: next.change, text };
            warnings.truncate(MAX_WARNINGS);
            warnings.push(rest);
        }
        warnings
    }
}

/// Shared or personal (rulings R3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccountKind {
    /// Any number of members.
    #[default]
    Shared,
    /// A root with exactly one member; a second member makes it shared.
    Personal,
}

/// Who may be put into or own something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserOrGroup {
    /// A subject.
    User(Subject),
    /// A group.
    Group(GroupId),
}

/// A list in its three states (rulings R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListValue<T> {
    /// Says nothing.
    Unset,
    /// Everything of its kind.
    All,
    /// These; may be empty.
    These(Vec<T>),
}

/// A member's list with values of its own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberList {
    /// Access, auto-assign or granted numbers.
    Numbers(NumberList, ListValue<PhoneNumber>),
    /// Extensions assigned to the member. `All` is refused.
    HeldExtensions(ListValue<ExtensionId>),
    /// Extensions granted to the member.
    GrantedExtensions(ListValue<ExtensionId>),
    /// Queues granted to the member.
    GrantedQueues(ListValue<QueueId>),
    /// Labels.
    Labels(ListValue<ExternalId>),
    /// Numbers that may be sent from on a channel.
    SendFrom(crate::vocabulary::SendChannel, ListValue<PhoneNumber>),
    /// Where attachments may come from.
    AttachmentSources(ListValue<AttachmentSource>),
}

/// The three number lists of a member; three filters, not bigger and smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberList {
    /// Numbers the member may use.
    Access,
    /// Numbers whose faxes are assigned to the member.
    AutoAssign,
    /// Numbers granted to the member.
    Granted,
}

impl NumberList {
    /// The list among all lists that grant.
    pub const fn as_grant_list(self) -> GrantList {
        match self {
            Self::Access => GrantList::AccessNumbers,
            Self::AutoAssign => GrantList::AutoAssignNumbers,
            Self::Granted => GrantList::GrantedNumbers,
        }
    }
}

/// Where an attachment comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttachmentSource {
    /// A file on the person's computer.
    Computer,
    /// A cloud drive.
    Cloud,
    /// A scan made with a mobile device.
    MobileScan,
    /// The account's document library.
    Library,
}

impl AttachmentSource {
    /// All sources, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Computer, "computer"),
        (Self::Cloud, "cloud"),
        (Self::MobileScan, "mobile_scan"),
        (Self::Library, "library"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// The source that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, one)| *one == word).map(|(source, _)| *source)
    }

    /// The number that stands for it in facts and sets.
    pub const fn num(self) -> crate::id::Num {
        crate::id::Num(match self {
            Self::Computer => 1,
            Self::Cloud => 2,
            Self::MobileScan => 3,
            Self::Library => 4,
        })
    }
}

/// An override as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverrideValue {
    /// As the roles say.
    Unset,
    /// Taken away.
    Off,
    /// Given.
    On,
    /// Given, limited to these values by scope. Numbers are in E.164 form.
    Scoped(BTreeMap<ScopeKind, Vec<String>>),
}

/// What receives the faxes of a number, besides members whose auto-assign list names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberTarget {
    /// A group.
    Group(GroupId),
    /// A faxbox.
    Faxbox(FaxboxId),
}

/// A change. Each names all that it sets; an unset `Option` leaves the default. A title that is
/// empty is left out: a new thing is called by its id, one that exists keeps its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    // --- tenant and accounts
    /// Creates the tenant with its root account, owned by `owner`, who becomes an active member. Of
    /// a tenant that exists it changes no more than the title.
    CreateTenant {
        /// Title for people.
        title: String,
        /// The model text; must be in the store.
        model: ModelDigest,
        /// The root account.
        root: AccountId,
        /// Its kind.
        kind: AccountKind,
        /// The owner; none only for tenants whose members are all added afterwards.
        owner: Option<Subject>,
    },
    /// Moves the tenant to another model text. Refused with the list of what it does not know.
    SetModel {
        /// The model text; must be in the store.
        model: ModelDigest,
    },
    /// Makes the root account a personal or a shared one.
    SetPersonal {
        /// The root account.
        account: AccountId,
        /// Personal or shared.
        personal: bool,
    },
    /// Adds an account below another one.
    AddAccount {
        /// Its id.
        account: AccountId,
        /// Its parent.
        parent: AccountId,
        /// Title for people.
        title: String,
        /// Whether view and use grants from above stop at it.
        sealed: bool,
        /// Who created it: becomes owner and active member.
        owner: Option<Subject>,
    },
    /// Seals or opens an account.
    SetSealed {
        /// The account.
        account: AccountId,
        /// Sealed or not.
        sealed: bool,
    },
    /// Removes an account that has no members, children, numbers or faxes.
    RemoveAccount {
        /// The account.
        account: AccountId,
    },
    /// Makes a subject an owner of an account, or no longer one.
    SetAccountOwner {
        /// The account.
        account: AccountId,
        /// The subject; must be a member.
        subject: Subject,
        /// Owner or not.
        owner: bool,
    },
    /// Sets an account's entitlement to a product; none says nothing.
    SetEntitlement {
        /// The account.
        account: AccountId,
        /// Product key.
        product: Key,
        /// Entitled or not.
        entitled: Option<bool>,
    },
    /// Sets a feature flag at an account; none says nothing.
    SetFlag {
        /// The account.
        account: AccountId,
        /// Flag key.
        flag: Key,
        /// On or off.
        on: Option<bool>,
    },
    /// Sets an account setting; none says nothing.
    SetSetting {
        /// The account.
        account: AccountId,
        /// Setting key.
        setting: Key,
        /// On or off.
        on: Option<bool>,
    },
    // --- roles
    /// Adds a role of the tenant's own.
    AddRole {
        /// The account where it is defined.
        account: AccountId,
        /// Key; not the key of a built-in role.
        role: Key,
        /// Title for people.
        title: String,
        /// Permission keys.
        permissions: Vec<Key>,
        /// Default visibility level.
        visibility: Option<Key>,
    },
    /// Adjusts a built-in role at an account: differences to the model. Empty differences undo it.
    AdjustRole {
        /// The account.
        account: AccountId,
        /// Key of the built-in role.
        role: Key,
        /// Permissions it has besides.
        add: Vec<Key>,
        /// Permissions it no longer has.
        remove: Vec<Key>,
        /// Another default visibility level.
        visibility: Option<Key>,
    },
    /// Sets all permissions of a role of the tenant's own.
    SetRolePermissions {
        /// The account where it is defined.
        account: AccountId,
        /// Key.
        role: Key,
        /// Permission keys.
        permissions: Vec<Key>,
    },
    /// Sets parts of what [`Change::AdjustRole`] sets; none leaves a part as it is.
    SetRoleDifferences {
        /// The account.
        account: AccountId,
        /// Key of the built-in role.
        role: Key,
        /// Permissions it has besides.
        add: Option<Vec<Key>>,
        /// Permissions it no longer has.
        remove: Option<Vec<Key>>,
    },
    /// Sets the default visibility level of a role of the tenant's own, or of a built-in one at an
    /// account.
    SetRoleVisibility {
        /// The account where it is defined or adjusted.
        account: AccountId,
        /// Key.
        role: Key,
        /// Level key; none for no level of its own, or for the model's.
        level: Option<Key>,
    },
    /// Removes a role of the tenant's own that nobody holds, and no invitation that is open names.
    RemoveRole {
        /// The account where it is defined.
        account: AccountId,
        /// Key.
        role: Key,
    },
    // --- members
    /// Adds a member.
    AddMember {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Status.
        status: MemberStatus,
        /// Role keys; none means the model's default roles.
        roles: Option<Vec<Key>>,
    },
    /// Sets a member's status.
    SetMemberStatus {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Status.
        status: MemberStatus,
    },
    /// Removes a membership; also takes the member out of the account's groups and faxboxes.
    RemoveMember {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
    },
    /// Sets a member's roles. Clears the overrides unless told to keep them (rulings R10).
    SetRoles {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Role keys.
        roles: Vec<Key>,
        /// Whether the overrides stay.
        keep_overrides: bool,
    },
    /// Overrides one permission of a member.
    SetOverride {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Permission key.
        permission: Key,
        /// What it becomes.
        value: OverrideValue,
    },
    /// Sets a member's product switch; none says nothing.
    SetSwitch {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Product key.
        product: Key,
        /// On or off.
        on: Option<bool>,
    },
    /// Sets a member's own visibility level; none takes the role's.
    SetVisibility {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// Level key.
        level: Option<Key>,
    },
    /// Sets one of a member's lists.
    SetList {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// The list with its value.
        list: MemberList,
    },
    /// Presets a member's default number; it must belong to the account.
    SetDefaultNumber {
        /// The account.
        account: AccountId,
        /// The subject.
        subject: Subject,
        /// The number; none presets nothing.
        number: Option<PhoneNumber>,
    },
    /// Lets one member act for another.
    SetDelegation {
        /// The account.
        account: AccountId,
        /// The member who delegates.
        from: Subject,
        /// The member who may act for them.
        to: Subject,
        /// Whether the delegation holds.
        on: bool,
    },
    // --- invitations
    /// Invites somebody whose subject is not known yet.
    Invite {
        /// The account.
        account: AccountId,
        /// Its id.
        invitation: InvitationId,
        /// Roles the member will have; none means the model's default roles.
        roles: Option<Vec<Key>>,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// Binds an invitation to a subject, once. Somebody who is a member already gets its roles
    /// besides their own.
    AcceptInvitation {
        /// Its id.
        invitation: InvitationId,
        /// Who accepts.
        subject: Subject,
    },
    /// Revokes an invitation that has not been accepted.
    RevokeInvitation {
        /// Its id.
        invitation: InvitationId,
    },
    // --- groups
    /// Adds a group.
    AddGroup {
        /// The account.
        account: AccountId,
        /// Its id.
        group: GroupId,
        /// Title for people.
        title: String,
        /// Roles it holds in its account.
        roles: Vec<Key>,
    },
    /// Removes a group.
    RemoveGroup {
        /// The group.
        group: GroupId,
    },
    /// Sets the roles that a group holds.
    SetGroupRoles {
        /// The group.
        group: GroupId,
        /// Role keys.
        roles: Vec<Key>,
    },
    /// Puts a member into a group or takes them out.
    SetGroupMember {
        /// The group.
        group: GroupId,
        /// The subject; must be a member of the group's account.
        subject: Subject,
        /// In or out.
        member: bool,
    },
    /// Makes a subject an owner of a group, or no longer one.
    SetGroupOwner {
        /// The group.
        group: GroupId,
        /// The subject; must be a member of the group's account.
        subject: Subject,
        /// Owner or not.
        owner: bool,
    },
    // --- numbers, extensions, queues
    /// Adds a number. One that was removed is the same number again, in whatever account.
    AddNumber {
        /// The account.
        account: AccountId,
        /// The number.
        number: PhoneNumber,
        /// What it can do.
        capabilities: Capabilities,
        /// Whether it is active: in one tenant at most, and by provisioning only (rulings R39).
        active: bool,
    },
    /// Activates or deactivates a number. Activating is provisioning (rulings R39).
    SetNumberActive {
        /// The number.
        number: PhoneNumber,
        /// Active or not.
        active: bool,
    },
    /// Sets what a number can do.
    SetNumberCapabilities {
        /// The number.
        number: PhoneNumber,
        /// What it can do.
        capabilities: Capabilities,
    },
    /// Moves a number to another account. Registered faxes stay where they are.
    MoveNumber {
        /// The number.
        number: PhoneNumber,
        /// The account.
        account: AccountId,
    },
    /// Sets or takes away a group or faxbox that receives the faxes of a number.
    SetNumberTarget {
        /// The number.
        number: PhoneNumber,
        /// The target.
        target: NumberTarget,
        /// Whether it receives them.
        on: bool,
    },
    /// Removes a number that no list, target or default names. Its name is kept for the faxes that
    /// arrived on it (rulings R39).
    RemoveNumber {
        /// The number.
        number: PhoneNumber,
    },
    /// Makes known a number that the tenant had and gave back, so that faxes can name it. An
    /// import brings what was removed this way.
    AddRetiredNumber {
        /// The account that it was set up at.
        account: AccountId,
        /// The number.
        number: PhoneNumber,
    },
    /// Adds an extension.
    AddExtension {
        /// The account.
        account: AccountId,
        /// Its id.
        extension: ExtensionId,
    },
    /// Removes an extension that no list names.
    RemoveExtension {
        /// The extension.
        extension: ExtensionId,
    },
    /// Adds a queue.
    AddQueue {
        /// The account.
        account: AccountId,
        /// Its id.
        queue: QueueId,
    },
    /// Removes a queue that no list names.
    RemoveQueue {
        /// The queue.
        queue: QueueId,
    },
    // --- faxboxes
    /// Adds a faxbox.
    AddFaxbox {
        /// The account.
        account: AccountId,
        /// Its id.
        faxbox: FaxboxId,
        /// Title for people.
        title: String,
    },
    /// Removes a faxbox. Where it holds faxes, somebody says what becomes of them.
    RemoveFaxbox {
        /// The faxbox.
        faxbox: FaxboxId,
        /// What becomes of its faxes; none means what the model says.
        faxes: Option<FaxesLeft>,
    },
    /// Puts a user or group into a faxbox or takes them out.
    SetFaxboxMember {
        /// The faxbox.
        faxbox: FaxboxId,
        /// Who.
        member: UserOrGroup,
        /// In or out.
        on: bool,
    },
    /// Makes a subject an owner of a faxbox, or no longer one. Gives no membership.
    SetFaxboxOwner {
        /// The faxbox.
        faxbox: FaxboxId,
        /// The subject; must be a member of the faxbox's account.
        subject: Subject,
        /// Owner or not.
        owner: bool,
    },
    // --- faxes
    /// Assigns a fax to a user or group, or to nobody.
    AssignFax {
        /// The fax.
        fax: FaxId,
        /// The new assignee.
        assignee: Option<UserOrGroup>,
    },
    /// Moves a fax to another faxbox of its account, or out of any.
    MoveFax {
        /// The fax.
        fax: FaxId,
        /// The new faxbox.
        faxbox: Option<FaxboxId>,
    },
    /// Changes the state of a fax.
    SetFaxState {
        /// The fax.
        fax: FaxId,
        /// The new state.
        state: FaxState,
    },
    /// Sets the labels of a fax.
    SetFaxLabels {
        /// The fax.
        fax: FaxId,
        /// All its labels.
        labels: Vec<ExternalId>,
    },
    /// Says where the attachments of a fax come from. What a fax went out with is history: once
    /// it is neither a draft nor pending, this fills in what was never said and changes nothing.
    SetFaxAttachmentSources {
        /// The fax.
        fax: FaxId,
        /// All its sources; the empty set says that nothing is attached.
        attachment_sources: SourceSet,
    },
    /// Deletes a fax for good. Its id is never used again.
    DeleteFax {
        /// The fax.
        fax: FaxId,
    },
}

/// What becomes of the faxes of a faxbox that is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaxesLeft {
    /// They are deleted for good.
    Delete,
    /// They stay in their account and belong to no faxbox.
    Keep,
}

/// A fax to be registered. Registering raises no revision: an unknown fax is never cached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFax {
    /// Its id. The same id with the same facts is success, with other facts an error.
    pub fax: FaxId,
    /// The account it arrived in or was sent from.
    pub account: AccountId,
    /// Direction.
    pub direction: Direction,
    /// The number of ours.
    pub number: Option<PhoneNumber>,
    /// Its faxbox. A received fax without one takes the auto-assign target, where that is a faxbox.
    pub faxbox: Option<FaxboxId>,
    /// Who sent it. A pending fax has one: nobody approves their own (rulings R22).
    pub creator: Option<Subject>,
    /// State.
    pub state: FaxState,
    /// Labels.
    pub labels: Vec<ExternalId>,
    /// When it arrived or was sent; the time that orders lists. Not before 1970, and at most
    /// [`register::AHEAD`] after the clock of who registers it.
    pub at: Timestamp,
    /// Where its attachments come from; none if that is not known.
    pub attachment_sources: Option<SourceSet>,
}

/// The title of a new thing: what is said, or else its id.
pub fn title_or_id<'t>(title: &'t str, id: &'t str) -> &'t str {
    if title.is_empty() { id } else { title }
}
