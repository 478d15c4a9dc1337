//! Reach clauses: which resources a grant covers, relative to the person.

use crate::vocabulary::FactName;

/// A fact that a clause compares with a set. A subset of [`FactName`]: only these hold ids that a
/// person's sets can contain.
pub type MatchField = FactName;

/// A set of ids that a member's authority holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FactSet {
    /// The person alone.
    SelfSubject,
    /// The groups the person belongs to.
    Groups,
    /// The person and their groups.
    SelfOrGroups,
    /// Members of groups that the person owns.
    Supervised,
    /// Members who delegated to the person.
    Delegators,
    /// Faxboxes the person belongs to, directly or through a group.
    Faxboxes,
    /// Faxboxes the person owns.
    OwnedFaxboxes,
    /// Groups the person owns.
    OwnedGroups,
    /// The member's access numbers.
    AccessNumbers,
    /// The member's auto-assign numbers.
    AutoAssignNumbers,
    /// The member's granted numbers.
    GrantedNumbers,
    /// Extensions assigned to the member.
    HeldExtensions,
    /// Extensions granted to the member.
    GrantedExtensions,
    /// Queues granted to the member.
    GrantedQueues,
    /// The member's labels.
    Labels,
}

impl FactSet {
    /// All sets, with the words of the general form.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::SelfSubject, "self"),
        (Self::Groups, "groups"),
        (Self::SelfOrGroups, "self_or_groups"),
        (Self::Supervised, "supervised"),
        (Self::Delegators, "delegators"),
        (Self::Faxboxes, "faxboxes"),
        (Self::OwnedFaxboxes, "owned_faxboxes"),
        (Self::OwnedGroups, "owned_groups"),
        (Self::AccessNumbers, "numbers.access"),
        (Self::AutoAssignNumbers, "numbers.auto_assign"),
        (Self::GrantedNumbers, "numbers.granted"),
        (Self::HeldExtensions, "extensions.held"),
        (Self::GrantedExtensions, "extensions.granted"),
        (Self::GrantedQueues, "queues.granted"),
        (Self::Labels, "labels"),
    ];

    /// Number of sets; the size of a table indexed by `self as usize`.
    pub const COUNT: usize = Self::ALL.len();
}

/// A word of the closed list of clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// Everything in the account.
    Account,
    /// Created, sent, held or taken part in by the person.
    Own,
    /// Assigned to the person or one of their groups.
    Assigned,
    /// In faxboxes the person belongs to.
    FaxboxMember,
    /// In faxboxes the person owns.
    OwnedFaxbox,
    /// Groups the person owns.
    OwnedGroup,
    /// On access numbers.
    AccessNumber,
    /// On auto-assign numbers.
    AutoAssignNumber,
    /// On granted numbers.
    GrantedNumber,
    /// On the person's own extension.
    HeldExtension,
    /// On granted extensions.
    GrantedExtension,
    /// On granted queues.
    GrantedQueue,
    /// Carrying one of the person's labels.
    Label,
    /// Of members of groups the person owns.
    Supervised,
    /// Of members who delegated to the person.
    Delegated,
}

impl Word {
    /// All words as they are written.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Account, "account"),
        (Self::Own, "own"),
        (Self::Assigned, "assigned"),
        (Self::FaxboxMember, "faxbox_member"),
        (Self::OwnedFaxbox, "owned_faxbox"),
        (Self::OwnedGroup, "owned_group"),
        (Self::AccessNumber, "number.access"),
        (Self::AutoAssignNumber, "number.auto_assign"),
        (Self::GrantedNumber, "number.granted"),
        (Self::HeldExtension, "extension.held"),
        (Self::GrantedExtension, "extension.granted"),
        (Self::GrantedQueue, "queue.granted"),
        (Self::Label, "label"),
        (Self::Supervised, "supervised"),
        (Self::Delegated, "delegated"),
    ];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// The comparisons the word stands for; any one of them suffices. Empty for `account`, which
    /// asks for nothing beyond the account itself.
    pub const fn alternatives(self) -> &'static [(MatchField, FactSet)] {
        match self {
            Self::Account => &[],
            Self::Own => &[
                (FactName::Creator, FactSet::SelfSubject),
                (FactName::Participant, FactSet::SelfSubject),
            ],
            Self::Assigned => &[(FactName::Assignee, FactSet::SelfOrGroups)],
            Self::FaxboxMember => &[(FactName::Faxbox, FactSet::Faxboxes)],
            Self::OwnedFaxbox => &[(FactName::Faxbox, FactSet::OwnedFaxboxes)],
            Self::OwnedGroup => &[(FactName::Group, FactSet::OwnedGroups)],
            Self::AccessNumber => &[(FactName::Number, FactSet::AccessNumbers)],
            Self::AutoAssignNumber => &[(FactName::Number, FactSet::AutoAssignNumbers)],
            Self::GrantedNumber => &[(FactName::Number, FactSet::GrantedNumbers)],
            Self::HeldExtension => &[(FactName::Extension, FactSet::HeldExtensions)],
            Self::GrantedExtension => &[(FactName::Extension, FactSet::GrantedExtensions)],
            Self::GrantedQueue => &[(FactName::Queue, FactSet::GrantedQueues)],
            Self::Label => &[(FactName::Label, FactSet::Labels)],
            Self::Supervised => &[
                (FactName::Creator, FactSet::Supervised),
                (FactName::Participant, FactSet::Supervised),
                (FactName::Assignee, FactSet::Supervised),
            ],
            Self::Delegated => &[
                (FactName::Creator, FactSet::Delegators),
                (FactName::Participant, FactSet::Delegators),
                (FactName::Assignee, FactSet::Delegators),
            ],
        }
    }
}

/// Direction of a fax, message or call, seen from the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Received.
    Inbound,
    /// Sent.
    Outbound,
}

impl Direction {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// The direction that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            _ => None,
        }
    }
}

/// The states of a fax that rules read; delivery progress and read marks are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaxState {
    /// Being written.
    Draft,
    /// Waiting for approval.
    Pending,
    /// Sent or received.
    Active,
    /// In the trash.
    Trash,
}

impl FaxState {
    /// All states, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Draft, "draft"),
        (Self::Pending, "pending"),
        (Self::Active, "active"),
        (Self::Trash, "trash"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, one)| *one == word).map(|(state, _)| *state)
    }
}

/// Conditions on direction and state; all required.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Qualifiers {
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// The states, where they matter; empty means any.
    pub states: Vec<FaxState>,
    /// What is taken out again.
    pub except: Vec<Except>,
}

/// What a clause compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// A word of the closed list.
    Word(Word),
    /// One field with one set.
    Field(MatchField, FactSet),
}

impl Comparison {
    /// The comparisons this stands for; any one of them suffices; empty asks for nothing.
    pub fn alternatives(&self) -> Vec<(MatchField, FactSet)> {
        match self {
            Self::Word(word) => word.alternatives().to_vec(),
            Self::Field(field, set) => vec![(*field, *set)],
        }
    }
}

/// A clause without exceptions of its own, taken out of another clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Except {
    /// What is compared.
    pub comparison: Comparison,
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// The states, where they matter; empty means any.
    pub states: Vec<FaxState>,
    /// Lifted where the account's setting allows self-approval.
    pub unless_self_approval: bool,
}

/// One clause of a reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// The clauses of the member's visibility level.
    Visibility,
    /// A comparison with its qualifiers.
    Match {
        /// What is compared.
        comparison: Comparison,
        /// What must hold besides.
        qualifiers: Qualifiers,
    },
}

impl Clause {
    /// A bare word.
    pub fn word(word: Word) -> Self {
        Self::Match { comparison: Comparison::Word(word), qualifiers: Qualifiers::default() }
    }
}
