//! The rules that a database that moves makes necessary, left out one at a time.

use std::fmt;

/// A rule that a faulty implementation might leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutant {
    /// M42: a poll that shows a live row renews the lease, from its own sending.
    RenewedWithoutBeat,
    /// M43: the lease is counted from the last beat, whether or not the poll's snapshot shows it.
    BeatNotAskedFor,
    /// M44: a question is answered from the database without a lease.
    ColdWithoutLease,
    /// M45: a writer waits as long as its own process would hold a lease.
    OwnLeaseWaited,
    /// M46: confirmations are compared by their counters.
    ConfirmedByCounter,
    /// M47: the lease is counted from the reply to the beat.
    LeaseFromBeatReply,
    /// M48: *not found* is answered from any copy that passes the test of stamps.
    AbsentWithoutBeat,
    /// M49: a change whose mapping the replica does not know outdates nothing.
    UnknownMappingSkipped,
    /// M50: the members are read from whichever copy answers.
    AudienceFromAnywhere,
    /// M51: writes of a new history wait for the members in its table and for nothing else.
    HistoryDoesNotWait,
    /// M52: a row that names no lease is not waited for.
    UnstatedLeaseIgnored,
    /// M53: *not found* is answered from a copy that shows the beat of the present lease.
    AbsentByLeaseBeat,
    /// M54: a beat counts as soon as a snapshot shows it, whether or not its COMMIT returned.
    UnreturnedBeatCounts,
    /// M55: nobody looks at a copy's role before writing a beat there.
    RoleNotAsked,
    /// M56: a snapshot above the view is not asked for the row of the view's own revision.
    AboveViewUnasked,
    /// M57: who saw a member fenced goes on counting when the history changes.
    FenceOutlivesHistory,
    /// M58: the length of the lease is changed while the row stays as it is.
    LeaseChangedInPlace,
    /// M59: a history is known by its server, which has been the primary before.
    HistoryKnownByServer,
    /// M60: a writer that cannot read the members waits as long as its own lease is.
    UnreadWaitsOwn,
    /// M61: the beat is looked for in a poll's first statement, and the view is from its second.
    BeatAndRowsApart,
    /// M62: the number of a beat that never returned is used for the next one.
    NumberUsedAgain,
}

impl Mutant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::RenewedWithoutBeat,
        Self::BeatNotAskedFor,
        Self::ColdWithoutLease,
        Self::OwnLeaseWaited,
        Self::ConfirmedByCounter,
        Self::LeaseFromBeatReply,
        Self::AbsentWithoutBeat,
        Self::UnknownMappingSkipped,
        Self::AudienceFromAnywhere,
        Self::HistoryDoesNotWait,
        Self::UnstatedLeaseIgnored,
        Self::AbsentByLeaseBeat,
        Self::UnreturnedBeatCounts,
        Self::RoleNotAsked,
        Self::AboveViewUnasked,
        Self::FenceOutlivesHistory,
        Self::LeaseChangedInPlace,
        Self::HistoryKnownByServer,
        Self::UnreadWaitsOwn,
        Self::BeatAndRowsApart,
        Self::NumberUsedAgain,
    ];

    /// The number under which documents speak of it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::RenewedWithoutBeat => 42,
            Self::BeatNotAskedFor => 43,
            Self::ColdWithoutLease => 44,
            Self::OwnLeaseWaited => 45,
            Self::ConfirmedByCounter => 46,
            Self::LeaseFromBeatReply => 47,
            Self::AbsentWithoutBeat => 48,
            Self::UnknownMappingSkipped => 49,
            Self::AudienceFromAnywhere => 50,
            Self::HistoryDoesNotWait => 51,
            Self::UnstatedLeaseIgnored => 52,
            Self::AbsentByLeaseBeat => 53,
            Self::UnreturnedBeatCounts => 54,
            Self::RoleNotAsked => 55,
            Self::AboveViewUnasked => 56,
            Self::FenceOutlivesHistory => 57,
            Self::LeaseChangedInPlace => 58,
            Self::HistoryKnownByServer => 59,
            Self::UnreadWaitsOwn => 60,
            Self::BeatAndRowsApart => 61,
            Self::NumberUsedAgain => 62,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{} {self:?}", self.number())
    }
}
