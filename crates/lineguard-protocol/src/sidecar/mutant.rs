//! The rules that only sidecars need, left out one at a time.

use std::fmt;

/// A rule that a faulty implementation might leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutant {
    /// M22: the sidecar counts its lease from the arrival of the reply.
    LeaseFromReceipt,
    /// M33: the parent confirms what it has installed without a look at its grants.
    ConfirmsAtOnce,
    /// M34: the parent grants a full lease, however little is left of its own.
    GrantsTooMuch,
    /// M35: the parent takes a grant for over without a margin for the rate of clocks.
    OverTooEarly,
    /// M36: a parent that stops deletes its row while grants are outstanding.
    RowDeletedAtStop,
    /// M37: a grant is recorded some time after the view that it is given on was loaded.
    RecordedLate,
    /// M38: a writer counts the replica in its own process as soon as that has installed.
    OwnReplicaCounted,
    /// M39: a sidecar keeps its view although the parent is in another history.
    OldViewKept,
    /// M40: a parent that lost its incarnation deletes the row while grants are outstanding.
    RowDeletedWhenLost,
    /// M41: a new grant counts as if the view that it carries had been installed already.
    GrantTakenForConfirmation,
}

impl Mutant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::LeaseFromReceipt,
        Self::ConfirmsAtOnce,
        Self::GrantsTooMuch,
        Self::OverTooEarly,
        Self::RowDeletedAtStop,
        Self::RecordedLate,
        Self::OwnReplicaCounted,
        Self::OldViewKept,
        Self::RowDeletedWhenLost,
        Self::GrantTakenForConfirmation,
    ];

    /// The number under which documents speak of it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::LeaseFromReceipt => 22,
            Self::ConfirmsAtOnce => 33,
            Self::GrantsTooMuch => 34,
            Self::OverTooEarly => 35,
            Self::RowDeletedAtStop => 36,
            Self::RecordedLate => 37,
            Self::OwnReplicaCounted => 38,
            Self::OldViewKept => 39,
            Self::RowDeletedWhenLost => 40,
            Self::GrantTakenForConfirmation => 41,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{} {self:?}", self.number())
    }
}
