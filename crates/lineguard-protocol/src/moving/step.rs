//! What can happen next. Whoever can act may act or wait, as in the coarse model.

use super::Config;
use super::content::{Content, Path};
use super::state::{GREATEST, Incarnation, OVER, Role, State, Writer};
use super::{answers, copies, replica, writer};

/// The copy that a statement reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The primary.
    Primary,
    /// The other copy, which is this.
    Other(Role),
    /// The copy that has stopped replaying.
    Cut,
}

/// Where a statement can be read, and what it sees there.
pub(super) fn places(state: &State) -> impl Iterator<Item = (Place, Content)> + use<> {
    let two = [(Place::Primary, state.head), (Place::Other(state.role), state.other)];
    two.into_iter().chain(state.cut.map(|content| (Place::Cut, content)))
}

/// What the replica makes of a reply to a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has this view now, and a lease.
    Installed(Path),
    /// It shows no beat that a lease could be counted from: nothing.
    Ignored,
    /// It shows another history: everything is dropped.
    OtherHistory,
    /// It shows a format that the program does not know: the lease is dropped.
    UnknownFormat,
}

/// One thing that one party does, or one tick of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A tick passes on every clock.
    Tick,
    /// The standby shows one transaction more.
    Replay,
    /// The standby becomes the primary, without so many transactions.
    Promote {
        /// How many there were that had not reached it.
        lost: u8,
    },
    /// The deposed primary is rebuilt as a standby of the new one.
    Rejoin,
    /// The standby takes writes from now on, by mistake.
    MakeWritable,
    /// A third copy replays what this one shows, and stops.
    CutOff(Place),
    /// A change is committed on the primary, which now shows this.
    Commit(Path),
    /// A change is committed on the deposed primary; its COMMIT never returns.
    CommitAside(Path),
    /// The writer's COMMIT returns.
    CommitReturns,
    /// The writer reads the members there, and whether the replica is one.
    Audience(Place, bool),
    /// The writer acknowledges, as nobody is left to wait for.
    AcknowledgeConfirmed {
        /// Whether there was nobody from the beginning.
        alone: bool,
    },
    /// The writer acknowledges, as it has waited long enough.
    AcknowledgeWaited,
    /// The writer gives up: nobody is told anything.
    Abandon,
    /// The replica is fenced, by one who counts the time since.
    Fence,
    /// Somebody sees that it is fenced, and counts the time since.
    SeeFenced,
    /// The one who counted deletes its row.
    DeleteFenced,
    /// A fax arrives on the primary.
    Arrive,
    /// The COMMIT of the arrival returns, and that is told.
    ArriveReturns,
    /// A newer program begins to use new meanings.
    RaiseFormat,
    /// The replica registers an incarnation.
    Register(Incarnation),
    /// The length of its lease changes, though not in its row. Mutants only.
    ChangeLease,
    /// It sends a beat, which is committed there.
    Beat(Place),
    /// The beat's COMMIT returns.
    BeatReturns,
    /// The replica ends the connection that its beat is on.
    BeatEnds,
    /// A beat finds no live row: the replica drops its lease and its incarnation.
    LoseMembership,
    /// The process ends and another begins, with empty memory.
    StartAgain,
    /// A poll reads a copy that shows this; the reply is under way.
    Poll(Place, Path),
    /// The reply to that poll arrives.
    Reply(Effect),
    /// A poll reads a copy, and its reply arrives at once.
    PollAtOnce(Place, Effect),
    /// A poll reads its first statement on one copy and its second on another. Mutants only.
    PollTwice(Place, Place, Effect),
    /// A question is called whether the fax is there.
    Ask,
    /// A question is answered from memory, as of this.
    AnswerWarm(Path),
    /// A question is answered from what a copy shows.
    AnswerCold(Place, Path),
    /// The question for the fax is answered from a copy: whether it is there.
    AnswerFax(Place, bool),
}

/// Something that a search should have met, or it has shown little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// A write was acknowledged because the replica had confirmed it.
    AcknowledgedEarly,
    /// A write was acknowledged because enough time had passed.
    AcknowledgedLate,
    /// A write was acknowledged because there was nobody to wait for.
    AcknowledgedAlone,
    /// The members were read from a copy that was not the primary.
    AudienceElsewhere,
    /// An answer from memory.
    Warm,
    /// An answer from the primary.
    ColdFromPrimary,
    /// An answer from another copy, with the change in it.
    ColdFromOther,
    /// A lease from a snapshot of a copy that was not the primary.
    LeaseFromOther,
    /// A reply that brought nothing.
    Ignored,
    /// A beat whose connection was ended before it returned.
    BeatEnded,
    /// A beat was committed on a deposed primary.
    BeatOnDeposed,
    /// A standby was promoted that had everything.
    Promoted,
    /// A standby was promoted that had not.
    PromotedWithLoss,
    /// A deposed primary became a standby.
    Rejoined,
    /// The replica saw another history.
    OtherHistory,
    /// A fenced row was deleted.
    FencedDeleted,
    /// The replica saw that it was no member.
    MembershipLost,
    /// A lease from a snapshot of a copy that had stopped replaying.
    LeaseFromCut,
    /// A standby was made writable.
    MadeWritable,
    /// A fax was found on another copy than the primary.
    FoundElsewhere,
    /// A replica refused to go on with a format that it does not know.
    UnknownFormat,
    /// An incarnation with a short lease registered.
    ShortLease,
    /// An incarnation registered that says nothing of its lease.
    UnstatedLease,
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
        let landmark = match step {
            Step::AcknowledgeConfirmed { alone: false } => Landmark::AcknowledgedEarly,
            Step::AcknowledgeConfirmed { alone: true } => Landmark::AcknowledgedAlone,
            Step::AcknowledgeWaited => Landmark::AcknowledgedLate,
            Step::Audience(Place::Other(_), _) => Landmark::AudienceElsewhere,
            Step::AnswerWarm(_) => Landmark::Warm,
            Step::AnswerCold(Place::Primary, _) => Landmark::ColdFromPrimary,
            Step::AnswerCold(Place::Other(_), path) if path.len > 0 => Landmark::ColdFromOther,
            Step::PollAtOnce(Place::Other(_), Effect::Installed(_)) => Landmark::LeaseFromOther,
            Step::PollAtOnce(Place::Cut, Effect::Installed(_)) => Landmark::LeaseFromCut,
            Step::Reply(Effect::Ignored) | Step::PollAtOnce(_, Effect::Ignored) => {
                Landmark::Ignored
            }
            Step::BeatEnds => Landmark::BeatEnded,
            Step::Beat(Place::Other(Role::Deposed)) => Landmark::BeatOnDeposed,
            Step::Promote { lost: 0 } => Landmark::Promoted,
            Step::Promote { .. } => Landmark::PromotedWithLoss,
            Step::Rejoin => Landmark::Rejoined,
            Step::Reply(Effect::OtherHistory) | Step::PollAtOnce(_, Effect::OtherHistory) => {
                Landmark::OtherHistory
            }
            Step::DeleteFenced => Landmark::FencedDeleted,
            Step::LoseMembership => Landmark::MembershipLost,
            Step::MakeWritable => Landmark::MadeWritable,
            Step::AnswerFax(Place::Other(_), true) => Landmark::FoundElsewhere,
            Step::Reply(Effect::UnknownFormat) | Step::PollAtOnce(_, Effect::UnknownFormat) => {
                Landmark::UnknownFormat
            }
            Step::Register(Incarnation { length: 1, .. }) => Landmark::ShortLease,
            Step::Register(Incarnation { stated: None, .. }) => Landmark::UnstatedLease,
            _ => return,
        };
        self.0 |= 1 << landmark as u32;
    }
}

/// A step and the state that it leads to.
pub type Next = (Step, State);

/// Everything that can happen next, in a fixed order.
pub fn successors(config: &Config, state: &State, next: &mut Vec<Next>) {
    next.clear();
    answers::steps(config, state, next);
    next.push((Step::Tick, tick(state)));
    copies::steps(config, state, next);
    writer::steps(config, state, next);
    replica::steps(config, state, next);
}

fn tick(state: &State) -> State {
    let mut to = *state;
    let up = |age: u8| (age + 1).min(GREATEST);
    if let Writer::Returned { age, .. } | Writer::Waiting { age, .. } = &mut to.writer {
        *age = up(*age);
    }
    to.seen = to.seen.map(up);
    to.fenced = to.fenced.map(up);
    let older = |age: u8| (age + 1).min(OVER);
    to.each_beat(|beat| beat.age = older(beat.age));
    let replica = &mut to.replica;
    replica.lease = replica.lease.saturating_sub(1);
    replica.last = older(replica.last);
    if let Some(flying) = &mut replica.flying {
        flying.age = older(flying.age);
    }
    to
}
