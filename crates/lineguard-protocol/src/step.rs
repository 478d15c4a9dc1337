//! What can happen next, and what it is called.
//!
//! Every party acts whenever it can; not acting for a while is how a pause, a slow network and a
//! lost message look. So there are no steps for them.

mod check;
mod replica;
mod writer;

use std::fmt;

use crate::Config;
use crate::mutant::Mutant;
use crate::state::{Audience, LEASE, Member, Poll, Revision, State, WAIT, WriterPhase};

/// One thing that one party does, or one tick of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A tick passes on every clock.
    Tick,
    /// A tick passes on every clock but the replica's.
    TickLost,
    /// A writer begins its transaction: it takes the row lock.
    Begin(Who),
    /// A writer's change is committed as this revision.
    Commit(Who, Revision),
    /// A writer finds its change made already, at this revision or earlier, and commits nothing.
    CommitNoop(Who, Revision),
    /// The reply to COMMIT arrives; the writer looks at its clock.
    CommitReturns(Who),
    /// A writer reads the table of members.
    ReadMembers(Who, Audience),
    /// A writer acknowledges, as everybody that it counts has confirmed.
    AcknowledgeConfirmed(Who, Audience),
    /// A writer acknowledges, as it has waited long enough.
    AcknowledgeWaited(Who),
    /// A writer acknowledges without having waited for anything. Mutants only.
    AcknowledgeAtOnce(Who),
    /// A writer dies before it commits, and its transaction is rolled back.
    Die(Who),
    /// Somebody fences the member.
    Fence,
    /// The one who fenced the member deletes its row.
    DeleteMember,
    /// The replica writes a row for a new incarnation.
    Register,
    /// The replica sends a poll.
    SendPoll,
    /// The database answers a poll: the revision, and whether the member row is live.
    ReadPoll(Revision, bool),
    /// The replica installs a poll's reply as its view, with the lease that comes with it.
    Install(Revision),
    /// The replica ignores a poll's reply that is older than its view.
    IgnoreLate(Revision),
    /// A reply shows that the replica is no member: it drops its lease and its incarnation.
    LoseMembership,
    /// The replica confirms this revision.
    Confirm(Revision),
    /// A Check is called. It must not answer from an older revision than this.
    Call(Revision),
    /// The Check finds a lease and will look for this revision in the cache.
    TestLease(Revision),
    /// The Check finds no lease and is refused.
    Refuse,
    /// The Check sends a query for the facts.
    SendFill,
    /// The database answers it from a snapshot of this revision.
    ReadFill(Revision),
    /// The Check answers from the cache.
    AnswerWarm(Answer),
    /// The Check stores what its query brought, and answers.
    AnswerCold(Answer),
}

/// A writer, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who(u8);

/// What a Check answers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The revision that the decision was made from.
    pub revision: Revision,
    /// The highest revision that anybody had been told is in effect when the Check was called.
    pub floor: Revision,
    /// The revision committed when the Check answers.
    pub committed: Revision,
}

/// Something that a search should have met, or it has shown little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// A write was acknowledged because a replica confirmed it.
    AcknowledgedEarly,
    /// A write was acknowledged because enough time had passed.
    AcknowledgedLate,
    /// A write was acknowledged because there was nobody to wait for.
    AcknowledgedAlone,
    /// A write that changed nothing was committed.
    Noop,
    /// A Check was answered from the cache.
    WarmAnswer,
    /// A Check was answered from the database.
    ColdAnswer,
    /// A Check was refused for want of a lease.
    Refused,
    /// A Check was answered from before a change that was committed and not yet acknowledged.
    OlderThanCommitted,
    /// A member was fenced.
    Fenced,
    /// A fenced member's row was deleted.
    MemberDeleted,
    /// A replica noticed that it is no member and dropped its lease.
    MembershipLost,
    /// A reply that was overtaken by a newer one was ignored.
    LateReplyIgnored,
    /// The replica's clock lost a tick.
    TickLost,
}

/// A set of landmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landmarks(u32);

impl Landmarks {
    /// Whether this one was met.
    #[must_use]
    pub const fn has(self, landmark: Landmark) -> bool {
        self.0 & (1 << landmark as u32) != 0
    }

    /// Adds what a step shows.
    pub fn note(&mut self, step: Step) {
        let mut add = |landmark: Landmark| self.0 |= 1 << landmark as u32;
        match step {
            Step::AcknowledgeConfirmed(_, Audience::Nobody) => add(Landmark::AcknowledgedAlone),
            Step::AcknowledgeConfirmed(..) => add(Landmark::AcknowledgedEarly),
            Step::AcknowledgeWaited(_) => add(Landmark::AcknowledgedLate),
            Step::CommitNoop(..) => add(Landmark::Noop),
            Step::AnswerWarm(answer) => {
                add(Landmark::WarmAnswer);
                if answer.revision < answer.committed {
                    add(Landmark::OlderThanCommitted);
                }
            }
            Step::AnswerCold(_) => add(Landmark::ColdAnswer),
            Step::Refuse => add(Landmark::Refused),
            Step::Fence => add(Landmark::Fenced),
            Step::DeleteMember => add(Landmark::MemberDeleted),
            Step::LoseMembership => add(Landmark::MembershipLost),
            Step::IgnoreLate(_) => add(Landmark::LateReplyIgnored),
            Step::TickLost => add(Landmark::TickLost),
            _ => {}
        }
    }
}

/// A step and the state that it leads to.
pub type Next = (Step, State);

/// Everything that can happen next, in a fixed order.
pub fn successors(config: &Config, state: &State, next: &mut Vec<Next>) {
    next.clear();
    time(config, state, next);
    writer::steps(config, state, next);
    fencer(config, state, next);
    replica::steps(config, state, next);
    check::steps(config, state, next);
}

/// Time passes. Without the replica's clock only as often as the configuration says, unless the
/// clock is one that stops in a pause.
fn time(config: &Config, state: &State, next: &mut Vec<Next>) {
    let mut to = *state;
    for writer in &mut to.writers {
        if counts(config, writer.phase) {
            writer.age = (writer.age + 1).min(WAIT);
        }
    }
    if let Member::Fenced { age } = &mut to.member {
        *age = (*age + 1).min(WAIT);
    }
    let lost = to;
    let replica = &mut to.replica;
    replica.lease_age = (replica.lease_age + 1).min(LEASE);
    for poll in &mut replica.polls {
        if let Poll::Sent { age } | Poll::Read { age, .. } = poll {
            *age = (*age + 1).min(LEASE);
        }
    }
    replica.polls.sort_unstable();
    next.push((Step::Tick, to));

    let frozen = config.lacks(Mutant::FrozenClock);
    if frozen || lost.ticks_to_lose > 0 {
        let spent = if frozen { 0 } else { 1 };
        next.push((Step::TickLost, State { ticks_to_lose: lost.ticks_to_lose - spent, ..lost }));
    }
}

/// Whether a writer in this phase counts ticks.
fn counts(config: &Config, phase: WriterPhase) -> bool {
    match phase {
        WriterPhase::Open | WriterPhase::Committed => config.lacks(Mutant::WaitFromBegin),
        WriterPhase::Waiting => true,
        WriterPhase::Idle | WriterPhase::Acknowledged | WriterPhase::Dead => false,
    }
}

/// Fences whenever it likes, and deletes when it has waited.
fn fencer(config: &Config, state: &State, next: &mut Vec<Next>) {
    match state.member {
        Member::Absent => {}
        Member::Live => {
            next.push((Step::Fence, State { member: Member::Fenced { age: 0 }, ..*state }));
        }
        Member::Fenced { age } => {
            if age >= config.wait() || config.lacks(Mutant::FencedRowDeletedAtOnce) {
                next.push((Step::DeleteMember, State { member: Member::Absent, ..*state }));
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "writer {}", self.0 + 1)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick => f.write_str("a tick passes"),
            Self::TickLost => f.write_str("a tick passes, and the replica's clock misses it"),
            Self::Begin(who) => write!(f, "{who} begins and locks the row"),
            Self::Commit(who, revision) => write!(f, "{who} commits revision {revision}"),
            Self::CommitNoop(who, revision) => {
                write!(f, "{who} finds its change made at revision {revision}")
            }
            Self::CommitReturns(who) => write!(f, "{who} learns that it has committed"),
            Self::ReadMembers(who, Audience::Nobody) => write!(f, "{who} finds no members"),
            Self::ReadMembers(who, _) => write!(f, "{who} finds the member's row"),
            Self::AcknowledgeConfirmed(who, Audience::Nobody) => {
                write!(f, "{who} acknowledges: nobody is left to wait for")
            }
            Self::AcknowledgeConfirmed(who, _) => {
                write!(f, "{who} acknowledges: the member has confirmed")
            }
            Self::AcknowledgeWaited(who) => write!(f, "{who} acknowledges: it has waited"),
            Self::AcknowledgeAtOnce(who) => write!(f, "{who} acknowledges at once"),
            Self::Die(who) => write!(f, "{who} dies"),
            Self::Fence => f.write_str("the member is fenced"),
            Self::DeleteMember => f.write_str("the fenced member's row is deleted"),
            Self::Register => f.write_str("the replica registers an incarnation"),
            Self::SendPoll => f.write_str("the replica sends a poll"),
            Self::ReadPoll(revision, true) => {
                write!(f, "the poll reads revision {revision} and a live member row")
            }
            Self::ReadPoll(revision, false) => {
                write!(f, "the poll reads revision {revision} and no live member row")
            }
            Self::Install(revision) => write!(f, "the replica installs revision {revision}"),
            Self::IgnoreLate(revision) => {
                write!(f, "the replica ignores a late reply of revision {revision}")
            }
            Self::LoseMembership => f.write_str("the replica learns that it is no member"),
            Self::Confirm(revision) => write!(f, "the replica confirms revision {revision}"),
            Self::Call(floor) => write!(f, "a Check is called, with {floor} acknowledged"),
            Self::TestLease(key) => write!(f, "the Check holds a lease on revision {key}"),
            Self::Refuse => f.write_str("the Check is refused"),
            Self::SendFill => f.write_str("the Check asks the database"),
            Self::ReadFill(revision) => write!(f, "the database answers at revision {revision}"),
            Self::AnswerWarm(answer) => {
                write!(f, "the Check answers from memory, made from revision {}", answer.revision)
            }
            Self::AnswerCold(answer) => {
                write!(f, "the Check answers from the database at revision {}", answer.revision)
            }
        }
    }
}
