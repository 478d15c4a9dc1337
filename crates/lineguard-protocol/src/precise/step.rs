//! What can happen next, and what it is called.
//!
//! As in the coarse model, everybody acts whenever they can, and not acting for a while is how a
//! pause, a slow network and a lost message look.

use super::history::{Both, Change, Part, Revision, Stamp};
use super::state::{Caller, Hand, State, Who};
use super::{Config, check, database, poll};

/// One thing that one party does, or one tick of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So much time passes that leases asked for before are over, and writers stop waiting.
    Tick,
    /// A change is committed as this revision.
    Commit(Change, Revision),
    /// The database comes back as of this revision, perhaps without the rows of its members.
    Restore(Revision, bool),
    /// A replica writes a row for a new incarnation.
    Register(Who),
    /// A poll is sent, and the database reads the counter and whether the member's row is live.
    Poll(Who, Stamp, bool),
    /// The poll shows a newer counter; the second statement is sent and the database reads.
    AskChanges {
        /// Whose poll.
        who: Who,
        /// The first statement's stamp.
        shown: Stamp,
        /// The second statement's.
        now: Stamp,
    },
    /// A reply becomes the view.
    Install {
        /// Whose view.
        who: Who,
        /// The view before.
        from: Option<Stamp>,
        /// The view now.
        to: Stamp,
        /// Whether a revision in between has no row.
        gap: bool,
    },
    /// A reply shows that the view is still the newest.
    Renew(Who, Stamp),
    /// A reply that was overtaken is ignored.
    IgnoreLate(Who, Stamp),
    /// A reply shows that the view is of another history: everything is forgotten.
    OtherHistory(Who),
    /// A reply shows that the incarnation has no row any more.
    LoseMembership(Who),
    /// The first half of dropping a record.
    BeginEviction(Who, Part),
    /// The second half.
    EndEviction(Who, Part),
    /// A Check is called and loads the view.
    Call {
        /// By which replica.
        who: Who,
        /// The highest revision acknowledged.
        floor: Revision,
        /// The view.
        sight: Stamp,
    },
    /// A Check is called, may not use the view, and asks the database.
    CallAndFetch {
        /// By which replica.
        who: Who,
        /// The highest revision acknowledged.
        floor: Revision,
        /// What the database was at.
        snapshot: Stamp,
        /// Whether there is a lease, but a newer answer was given.
        barred: bool,
    },
    /// A Check is called and takes what another one has got already. Mutants only.
    TakeFlight {
        /// By which replica.
        who: Who,
        /// The highest revision acknowledged.
        floor: Revision,
        /// What the database was at.
        snapshot: Stamp,
    },
    /// A Check looks for a part in memory.
    Test {
        /// On which replica.
        who: Who,
        /// For which part.
        part: Part,
        /// What it finds.
        hand: Hand,
    },
    /// A Check misses something and asks the database.
    Fetch {
        /// On which replica.
        who: Who,
        /// What the database was at.
        snapshot: Stamp,
        /// Whether parts from memory are used as well.
        mixed: bool,
    },
    /// A Check stores what it got, if there is room, and begins anew.
    LookAgain {
        /// On which replica.
        who: Who,
        /// What the database was at.
        snapshot: Stamp,
        /// Whether there was room.
        stored: bool,
    },
    /// A Check answers, and stores what it got, if anything.
    Answer(Answer),
}

/// What a Check answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The replica that answers.
    pub who: Who,
    /// Who asked.
    pub caller: Caller,
    /// The revision that the answer says it is from.
    pub stamp: Stamp,
    /// What it is made from.
    pub contents: Both<Stamp>,
    /// Where that was.
    pub source: Source,
    /// What the database is at by now.
    pub committed: Stamp,
}

/// Where an answer is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The replica's memory.
    Memory {
        /// Whether some of it is from before the view.
        old: bool,
    },
    /// The second level of cache.
    Level2 {
        /// The stamp it was stored under.
        stamp: Stamp,
    },
    /// A statement of its own.
    Database {
        /// Whether parts in memory were used as well.
        mixed: bool,
        /// Whether the snapshot is newer than the view.
        newer: bool,
        /// Whether what it brought is stored.
        stored: bool,
    },
}

/// Something that a search should have met, or it has shown little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// A Check was answered from memory at a view newer than what was in memory.
    OldEntryUsed,
    /// A Check combined parts from memory and from the database.
    Mixed,
    /// A Check answered from a snapshot newer than the view.
    NewerThanView,
    /// A Check found a lease, and the view barred.
    Barred,
    /// A Check answered from before a change that was committed and not yet acknowledged.
    OlderThanCommitted,
    /// A Check began anew after it had asked the database.
    LookedAgain,
    /// A Check was answered from an older entry of the second level.
    Level2,
    /// The second statement of a poll was answered from a newer snapshot than the first.
    SecondIsNewer,
    /// A record was dropped.
    Evicted,
    /// A reply that was overtaken by a newer one was ignored.
    LateIgnored,
    /// A revision without a row was installed.
    Gap,
    /// The database was restored.
    Restored,
    /// A replica noticed that.
    OtherHistory,
    /// A replica noticed that its row is gone.
    MembershipLost,
    /// A Check from before the restore was answered as of the lost history after it.
    LostAnswer,
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
            Step::Answer(answer) => answer.landmarks(add),
            Step::CallAndFetch { barred: true, .. } => add(Landmark::Barred),
            Step::LookAgain { .. } => add(Landmark::LookedAgain),
            Step::EndEviction(..) => add(Landmark::Evicted),
            Step::AskChanges { shown, now, .. } if shown != now => add(Landmark::SecondIsNewer),
            Step::IgnoreLate(..) => add(Landmark::LateIgnored),
            Step::Install { gap: true, .. } => add(Landmark::Gap),
            Step::Restore(..) => add(Landmark::Restored),
            Step::OtherHistory(_) => add(Landmark::OtherHistory),
            Step::LoseMembership(_) => add(Landmark::MembershipLost),
            _ => {}
        }
    }
}

impl Answer {
    fn landmarks(&self, mut add: impl FnMut(Landmark)) {
        match self.source {
            Source::Memory { old: true } => add(Landmark::OldEntryUsed),
            Source::Level2 { stamp } if stamp != self.stamp => add(Landmark::Level2),
            Source::Database { mixed: true, .. } => add(Landmark::Mixed),
            Source::Database { newer: true, .. } => add(Landmark::NewerThanView),
            _ => {}
        }
        if self.stamp < self.committed {
            add(Landmark::OlderThanCommitted);
        }
        if self.stamp.counter > self.committed.counter {
            add(Landmark::LostAnswer);
        }
    }
}

/// A step and the state that it leads to.
pub type Next = (Step, State);

/// Everything that can happen next, in a fixed order.
pub fn successors(config: &Config, state: &State, next: &mut Vec<Next>) {
    next.clear();
    database::steps(config, state, next);
    for who in [Who::First, Who::Second].into_iter().take(usize::from(config.replicas)) {
        poll::steps(config, state, who, next);
        check::steps(config, state, who, next);
    }
    for (_, after) in next {
        sort(config, after);
    }
}

/// Puts things that are alike in the order of their contents.
fn sort(config: &Config, state: &mut State) {
    for replica in &mut state.replicas {
        if config.polls > 1 {
            replica.polls.sort_unstable();
        }
        if config.checks > 1 {
            replica.checks.sort_unstable();
        }
    }
    if config.replicas > 1 {
        state.replicas.sort_unstable();
    }
}
