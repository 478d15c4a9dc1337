//! The protocol with one rule left out, sixteen times.

use std::fmt;

/// A rule that a faulty implementation might leave out.
///
/// A model in which one of these goes unnoticed is too small, or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mutant {
    /// M1: a writer acknowledges when its COMMIT returns and waits for nobody.
    AcknowledgeAtCommit,
    /// M2: a Check answers from the cache without looking at the lease.
    NoLeaseCheck,
    /// M3: the lease is counted from the arrival of the poll's reply, not from its sending.
    LeaseFromReply,
    /// M4: a fill is stored under the view's revision, not under that of its own snapshot.
    FillLabelledWithView,
    /// M5: a writer counts its wait from the beginning of its transaction.
    WaitFromBegin,
    /// M6: the replica's clock stands still while the replica is paused.
    FrozenClock,
    /// M7: a fenced member's row is deleted at once.
    FencedRowDeletedAtOnce,
    /// M8: a writer does not count fenced members.
    FencedRowIgnored,
    /// M9: a poll renews the lease although its snapshot shows no live member row.
    LeaseWithoutMembership,
    /// M10: polls read a copy of the database that may lag.
    LaggingPoll,
    /// M11: a replica confirms a revision before it has installed it.
    ConfirmBeforeInstall,
    /// M12: a writer reads the list of members before its COMMIT returns.
    MembersReadEarly,
    /// M13: a late reply installs a view that is older than the present one.
    ViewGoesBack,
    /// M14: a writer waits for exactly one lease, without a margin for the rate of clocks.
    NoMargin,
    /// M15: a write that changes nothing is acknowledged at once.
    NoopAcknowledgedAtOnce,
    /// M16: a fill that installs a newer revision extends the lease too.
    FillExtendsLease,
}

impl Mutant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::AcknowledgeAtCommit,
        Self::NoLeaseCheck,
        Self::LeaseFromReply,
        Self::FillLabelledWithView,
        Self::WaitFromBegin,
        Self::FrozenClock,
        Self::FencedRowDeletedAtOnce,
        Self::FencedRowIgnored,
        Self::LeaseWithoutMembership,
        Self::LaggingPoll,
        Self::ConfirmBeforeInstall,
        Self::MembersReadEarly,
        Self::ViewGoesBack,
        Self::NoMargin,
        Self::NoopAcknowledgedAtOnce,
        Self::FillExtendsLease,
    ];

    /// The number under which documents speak of it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::AcknowledgeAtCommit => 1,
            Self::NoLeaseCheck => 2,
            Self::LeaseFromReply => 3,
            Self::FillLabelledWithView => 4,
            Self::WaitFromBegin => 5,
            Self::FrozenClock => 6,
            Self::FencedRowDeletedAtOnce => 7,
            Self::FencedRowIgnored => 8,
            Self::LeaseWithoutMembership => 9,
            Self::LaggingPoll => 10,
            Self::ConfirmBeforeInstall => 11,
            Self::MembersReadEarly => 12,
            Self::ViewGoesBack => 13,
            Self::NoMargin => 14,
            Self::NoopAcknowledgedAtOnce => 15,
            Self::FillExtendsLease => 16,
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{} {self:?}", self.number())
    }
}
