//! What every party remembers between two steps.

use super::history::{Both, History, LAST, Part, Revision, Stamp};

/// A part of an answer, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The state of the shard that it is known to be true at.
    pub stamp: Stamp,
    /// What it really says: the stamp of the change that made it so. No rule looks at this.
    pub content: Stamp,
}

/// One poll of a replica's.
///
/// Sending and reading are one step: a statement that is read later shows what one sent later
/// would have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Poll {
    /// Not in flight.
    #[default]
    Idle,
    /// The database has answered the first statement.
    Counters {
        /// The shard's stamp.
        stamp: Stamp,
        /// Whether there is a live row for this incarnation.
        live: bool,
        /// When it was sent.
        sent: Sent,
    },
    /// The replica found the first statement's counter above its view, and the database has
    /// answered the second. Its rows are those of the history up to this stamp.
    Changes {
        /// The shard's stamp, perhaps a later one than the first statement's.
        stamp: Stamp,
        /// When the first statement was sent.
        sent: Sent,
    },
}

/// When a poll was sent, as far as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sent {
    /// Too long ago for a lease to come of it. Mutants only: such a reply is ignored.
    pub long_ago: bool,
    /// Before the reply arrived that the present view is from.
    pub before_view: bool,
}

/// Who wants an answer, and what would be wrong to tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Caller {
    /// The highest revision acknowledged to anybody when the Check was called.
    pub floor: Revision,
    /// Whether the database was restored since.
    pub before_restore: bool,
    /// The highest revision that this incarnation had answered at by then.
    pub told: Revision,
}

/// How far a Check is with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Hand {
    /// It has not looked for it.
    #[default]
    Untested,
    /// There is no entry, or not one that is known to be good at the view.
    Unfit,
    /// This entry is not older than the newest change of the part; the floor is yet to be tested.
    /// Only where records are dropped, as nothing can come between the two tests otherwise.
    Passed(Entry),
    /// This entry is good at the view.
    Fit(Entry),
}

/// A Check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Check {
    /// There is none.
    #[default]
    Idle,
    /// It has loaded the view and looks for the parts.
    Looking {
        /// Who wants to know.
        caller: Caller,
        /// The view that it has loaded.
        sight: Stamp,
        /// Whether there was a lease on it. Mutants only: without one, a Check loads no view.
        leased: bool,
        /// The parts.
        hands: Both<Hand>,
    },
    /// The database has answered its statement.
    Fetched {
        /// Who wants to know.
        caller: Caller,
        /// The stamp in the statement's snapshot.
        snapshot: Stamp,
        /// The parts of the answer to be.
        contents: Both<Stamp>,
        /// Which of them are from the snapshot, and not from memory.
        fresh: Both<bool>,
        /// Whether it has to look again once they are stored.
        waits: bool,
    },
}

/// Which record is being dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Eviction {
    /// Whose record.
    pub part: Part,
    /// What it said.
    pub newest: Revision,
}

/// The process that serves Checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// Whether it believes that it has a row in the table of members.
    pub registered: bool,
    /// Whether it has one.
    pub listed: bool,
    /// The counter when it got it. Writers of this revision and earlier ones do not know it.
    pub joined: Revision,
    /// The highest revision that the present incarnation has confirmed.
    pub confirmed: Revision,
    /// The newest stamp that it has installed.
    pub view: Option<Stamp>,
    /// Whether there is a lease on the view.
    pub lease: bool,
    /// The view must reach this counter before it may be answered from.
    pub answered: Revision,
    /// The highest revision that this incarnation has answered at. No rule looks at this.
    pub told: Revision,
    /// The newest change of each part, as far as there is a record. 0 if there is none.
    pub newest: Both<Revision>,
    /// Entries from below this revision are not used, whatever the records say.
    pub floor: Revision,
    /// For each revision but 0, whether its stamp is known, and then whether it is a redrawn one.
    pub known: [Option<bool>; LAST as usize],
    /// What is stored of each part.
    pub entries: Both<Option<Entry>>,
    /// The record that is being dropped.
    pub eviction: Option<Eviction>,
    /// Polls in flight, in order of their contents: it makes no difference which is which.
    pub polls: [Poll; 2],
    /// Checks in flight, in order of their contents likewise.
    pub checks: [Check; 2],
}

/// A replica, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The first.
    First,
    /// The second.
    Second,
}

/// Under which of the stamps with one counter something is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Under the original one.
    pub original: bool,
    /// Under the redrawn one.
    pub redrawn: bool,
}

/// The whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The database's contents.
    pub history: History,
    /// The newest revision that was committed so long ago that no lease from before is left.
    pub settled: Revision,
    /// Under which stamps answers were ever stored in the second level, by their counters.
    /// Whatever was, may turn up at any time, as if somebody brought back an old copy.
    pub level2: [Stored; LAST as usize + 1],
    /// The replicas, in order of their contents.
    pub replicas: [Replica; 2],
}

impl Replica {
    /// A process that has just started.
    pub const NEW: Self = Self {
        registered: false,
        listed: false,
        joined: 0,
        confirmed: 0,
        view: None,
        lease: false,
        answered: 0,
        told: 0,
        newest: Both { a: 0, b: 0 },
        floor: 0,
        known: [None; LAST as usize],
        entries: Both { a: None, b: None },
        eviction: None,
        polls: [Poll::Idle; 2],
        checks: [Check::Idle; 2],
    };

    /// The view that may be answered from without asking anybody: there is a lease on it, and no
    /// newer answer was given.
    #[must_use]
    pub fn sight(&self) -> Option<Stamp> {
        self.view.filter(|view| self.lease && view.counter >= self.answered)
    }
}

impl State {
    /// Nothing was written and the replicas have just started.
    pub const INITIAL: Self = Self {
        history: History::EMPTY,
        settled: 0,
        level2: [Stored { original: false, redrawn: false }; LAST as usize + 1],
        replicas: [Replica::NEW; 2],
    };

    /// The highest revision that its writer may have been told is in effect: old enough, or
    /// confirmed by every replica that was registered when it was committed.
    ///
    /// Writers are no parties of this model. What one of them may acknowledge stays so, and the
    /// promise is the harder to keep the earlier it does; so it is taken to do so at once.
    #[must_use]
    pub fn acknowledged(&self) -> Revision {
        let confirmed = |revision: &Revision| {
            self.replicas.iter().all(|replica| {
                !replica.listed || replica.joined >= *revision || replica.confirmed >= *revision
            })
        };
        (self.settled..=self.history.counter).rev().find(confirmed).unwrap_or(self.settled)
    }

    /// A replica.
    #[must_use]
    pub const fn replica(&self, who: Who) -> &Replica {
        let [first, second] = &self.replicas;
        match who {
            Who::First => first,
            Who::Second => second,
        }
    }

    /// The same world with another state of a replica.
    #[must_use]
    pub const fn with(&self, who: Who, replica: Replica) -> Self {
        let [first, second] = self.replicas;
        let replicas = match who {
            Who::First => [replica, second],
            Who::Second => [first, replica],
        };
        Self { replicas, ..*self }
    }

    /// The stamps under which something was ever stored in the second level.
    pub fn stored(&self) -> impl Iterator<Item = Stamp> {
        (0..).zip(&self.level2).flat_map(|(counter, stored)| {
            let stamp = |redrawn| Stamp { counter, redrawn };
            [stored.original.then(|| stamp(false)), stored.redrawn.then(|| stamp(true))]
                .into_iter()
                .flatten()
        })
    }

    /// Stores something in the second level.
    pub fn store(&mut self, stamp: Stamp) {
        if let Some(stored) = self.level2.get_mut(usize::from(stamp.counter)) {
            *(if stamp.redrawn { &mut stored.redrawn } else { &mut stored.original }) = true;
        }
    }
}
