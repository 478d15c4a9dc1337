//! The precise protocol with one rule left out.

use std::fmt;

/// A rule that a faulty implementation might leave out.
///
/// Numbers continue those of the coarse model; M13 is in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutant {
    /// M13: a late reply installs an older view.
    ViewGoesBack,
    /// M17: a fill with a newer stamp becomes the view, without the rows that lead there.
    FillMovesView,
    /// M18: a poll takes neither a lower counter nor another nonce for a sign of anything.
    RestoreUnnoticed,
    /// M19: a Check takes the result of a statement that was sent before the Check was called.
    EarlierFlightTaken,
    /// M20: parts from memory are combined with a snapshot of another stamp.
    MixedStamps,
    /// M21: a revision without a row counts as one that changed nothing.
    GapIgnored,
    /// M23: an entry that was found good at one view is stamped with a later one.
    RestampLater,
    /// M24: a record is dropped before the floor is raised.
    DropBeforeFloor,
    /// M25: the first install sets no floor, and an entry's own row need not be known.
    NoFirstFloor,
    /// M26: stamps are compared by their counters alone.
    NonceIgnored,
    /// M27: without a lease, too, parts from memory are combined with what a statement brought.
    MixedWithoutLease,
    /// M28: after another history was found, the replica stays the incarnation that it was.
    IncarnationKept,
    /// M29: an answer from a snapshot newer than the view does not bar answers from the view.
    NoAnsweredFloor,
    /// M30: a reply that is too old for a lease becomes the view all the same.
    OldReplyInstalled,
    /// M31: a Check tests the floor first and the record afterwards.
    FloorReadFirst,
    /// M32: the entry that is there now is stamped, whether or not it is the one that was tested.
    RestampUnseen,
}

impl Mutant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::ViewGoesBack,
        Self::FillMovesView,
        Self::RestoreUnnoticed,
        Self::EarlierFlightTaken,
        Self::MixedStamps,
        Self::GapIgnored,
        Self::RestampLater,
        Self::DropBeforeFloor,
        Self::NoFirstFloor,
        Self::NonceIgnored,
        Self::MixedWithoutLease,
        Self::IncarnationKept,
        Self::NoAnsweredFloor,
        Self::OldReplyInstalled,
        Self::FloorReadFirst,
        Self::RestampUnseen,
    ];

    /// The number under which documents speak of it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::ViewGoesBack => 13,
            Self::FillMovesView => 17,
            Self::RestoreUnnoticed => 18,
            Self::EarlierFlightTaken => 19,
            Self::MixedStamps => 20,
            Self::GapIgnored => 21,
            Self::RestampLater => 23,
            Self::DropBeforeFloor => 24,
            Self::NoFirstFloor => 25,
            Self::NonceIgnored => 26,
            Self::MixedWithoutLease => 27,
            Self::IncarnationKept => 28,
            Self::NoAnsweredFloor => 29,
            Self::OldReplyInstalled => 30,
            Self::FloorReadFirst => 31,
            Self::RestampUnseen => 32,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{} {self:?}", self.number())
    }
}
