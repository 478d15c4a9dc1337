//! The state of a replica, without I/O: what is installed, under which lease, and the rules by
//! which a poll may change it.

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::{Changes, Counters, Incarnation, ReplicaState};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

use super::plan::{self, Fault};
use super::records::{Records, Step};
use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, Swap, lock};
use super::view::{Sight, View};
use crate::clock::{Clock, Moment};
use crate::shards::PerShard;

/// A poll that was begun.
pub(crate) struct Poll {
    /// Its place in the order of all begins and installs.
    at: u64,
    /// Read before anything was sent.
    sent: Moment,
    epoch: u64,
    pub(crate) incarnation: Incarnation,
    /// What had been answered when it was begun. It shows at least that.
    answered: PerShard<u64>,
}

/// All that a poll has read.
pub(crate) struct Reply {
    pub(crate) counters: Counters,
    /// Of the shards that had moved.
    pub(crate) changes: Option<Changes>,
    /// Before the first install: what is known of the time before.
    pub(crate) recent: Vec<ConcernRow>,
}

/// What came of a poll.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A lease is held. What moved is installed and may be confirmed; of a new incarnation, all.
    Installed(Vec<(Shard, Stamp)>),
    /// The incarnation is not counted on any more. The lease is gone, and so is the incarnation.
    NotLive,
    /// The database shows another history. The lease, the view, all records and the incarnation
    /// are gone.
    OtherHistory(Fault),
    /// It is older than what is installed, or was begun for an incarnation that is gone.
    Late,
}

/// What is changed only by one at a time.
#[derive(Default)]
struct Turn {
    epoch: u64,
    incarnation: Option<Incarnation>,
    /// Begins and installs so far.
    events: u64,
    /// Which of them was the last install.
    installed: u64,
    stopped: bool,
    sizes: Vec<(Shard, usize)>,
}

/// The state of a replica.
pub(crate) struct State {
    view: Swap<View>,
    records: Arc<Records>,
    /// Per shard the highest counter of an answer.
    answered: PerShard<AtomicU64>,
    turn: Mutex<Turn>,
    lease: Duration,
    max_records: usize,
}

impl State {
    pub(crate) fn new(lease: Duration, max_records: usize) -> Self {
        Self {
            view: Swap::empty(),
            records: Arc::new(Records::new()),
            answered: PerShard::from_fn(|_| AtomicU64::new(0)),
            turn: Mutex::new(Turn::default()),
            lease,
            max_records,
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        let (mut turn, broken) = lock(&self.turn);
        if broken {
            self.forget(&mut turn);
        }
        turn
    }

    /// The view, if a lease on it holds. The clock is read after the view was loaded.
    pub(crate) fn leased(&self, clock: &dyn Clock) -> Option<Arc<View>> {
        let view = self.view.load()?;
        let lease = view.lease?;
        (clock.now().since(view.polled) < lease).then_some(view)
    }

    /// The view and how much of its lease is left.
    pub(crate) fn left(&self, clock: &dyn Clock) -> Option<(Arc<View>, Duration)> {
        let view = self.view.load()?;
        let left = view.lease?.checked_sub(clock.now().since(view.polled))?;
        Some((view, left))
    }

    /// The leased view, unless an answer was newer for this shard.
    pub(crate) fn sight(&self, clock: &dyn Clock, shard: Shard) -> Option<Sight> {
        let view = self.leased(clock)?;
        let seen = view.shards.has(shard) && view.stamps.at(shard).counter >= self.answered(shard);
        seen.then_some(Sight(view))
    }

    /// The stamps that are installed, without those of shards that never changed.
    pub(crate) fn seen(&self) -> Vec<(Shard, Stamp)> {
        let Some(view) = self.view() else { return Vec::new() };
        let stamps = view.stamps.iter().filter(|(_, stamp)| stamp.counter > 0);
        stamps.map(|(shard, stamp)| (shard, *stamp)).collect()
    }

    /// What is installed, with or without a lease.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.load()
    }

    pub(crate) fn answered(&self, shard: Shard) -> u64 {
        self.answered.at(shard).load(Ordering::SeqCst)
    }

    /// No later answer may be older than this one.
    pub(crate) fn raise_answered(&self, shard: Shard, counter: u64) {
        self.answered.at(shard).fetch_max(counter, Ordering::SeqCst);
    }

    /// See [`Records::of_this_history`].
    pub(crate) fn of_this_history(&self, shard: Shard, stamp: Stamp) -> Option<bool> {
        self.records.of_this_history(shard, stamp)
    }

    /// How many records are kept.
    pub(crate) fn records(&self) -> usize {
        self.turn().sizes.iter().map(|(_, size)| size).sum()
    }

    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        self.turn().incarnation
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.turn().epoch
    }

    /// From now on polls are for this incarnation, whose row is in the database.
    pub(crate) fn enroll(&self, incarnation: Incarnation) {
        self.turn().incarnation = Some(incarnation);
    }

    /// A poll is about to be sent. None while there is no incarnation to poll for.
    pub(crate) fn begin(&self, clock: &dyn Clock) -> Option<Poll> {
        let mut turn = self.turn();
        let incarnation = turn.incarnation.filter(|_| !turn.stopped)?;
        turn.events += 1;
        Some(Poll {
            at: turn.events,
            sent: clock.now(),
            epoch: turn.epoch,
            incarnation,
            answered: PerShard::from_fn(|shard| self.answered(shard)),
        })
    }

    /// The shards that moved since the view, with the counters to read their changes from; none
    /// if there is no view.
    pub(crate) fn moved(&self, counters: &Counters) -> Option<Vec<(Shard, u64)>> {
        let view = self.view()?;
        let moved = Shard::all().zip(&counters.stamps).filter_map(|(shard, stamp)| {
            let old = view.stamps.at(shard).counter;
            (stamp.counter > old).then_some((shard, old))
        });
        Some(moved.collect())
    }

    /// Applies the reply to a poll: first the records, then view and lease as one.
    pub(crate) fn install(&self, poll: &Poll, reply: Reply) -> Outcome {
        let mut turn = self.turn();
        let current = turn.epoch == poll.epoch && turn.incarnation == Some(poll.incarnation);
        if turn.stopped || !current {
            return Outcome::Late;
        }
        if reply.counters.other_history {
            self.forget(&mut turn);
            return Outcome::OtherHistory(Fault::Told);
        }
        if reply.counters.state != Some(ReplicaState::Live) {
            self.leave(&mut turn);
            return Outcome::NotLive;
        }
        let view = self.view.load();
        let late = poll.at < turn.installed;
        let steps = plan::stamps(&reply, &poll.answered)
            .and_then(|stamps| Ok((plan::steps(view.as_deref(), &stamps, &reply)?, stamps)));
        let (steps, stamps) = match steps {
            Ok(planned) => planned,
            // It was read before what is installed arrived, so it may just be older.
            Err(Fault::Lower(_)) if late => return Outcome::Late,
            Err(fault) => {
                self.forget(&mut turn);
                return Outcome::OtherHistory(fault);
            }
        };
        let mut installed: Vec<_> = steps.iter().map(|(shard, _)| *shard).collect();
        if view.as_deref().is_none_or(|view| view.incarnation != poll.incarnation) {
            installed = Shard::all().collect();
        }
        let installed = installed.into_iter().map(|shard| (shard, *stamps.at(shard)));
        let installed = installed.filter(|(_, stamp)| stamp.counter > 0).collect();
        self.keep(&mut turn, steps);
        let Counters { shards, lease, .. } = reply.counters;
        let lease = lease.map_or(self.lease, |lease| lease.min(self.lease));
        let (polled, lease) = match view.as_deref() {
            Some(&View { polled, lease: Some(lease), .. }) if polled.boot > poll.sent.boot => {
                (polled, lease)
            }
            _ => (poll.sent, lease),
        };
        self.view.store(Some(Arc::new(View {
            epoch: turn.epoch,
            incarnation: poll.incarnation,
            stamps,
            polled,
            lease: Some(lease),
            shards,
            records: Arc::clone(&self.records),
        })));
        turn.events += 1;
        turn.installed = turn.events;
        Outcome::Installed(installed)
    }

    /// Puts changes into the records, and forgets the oldest where they are too many.
    fn keep(&self, turn: &mut Turn, steps: Vec<(Shard, Step)>) {
        let epoch = turn.epoch;
        if turn.sizes.is_empty() {
            turn.sizes = Shard::all().map(|shard| (shard, 0)).collect();
        }
        for (shard, step) in steps {
            let size = self.records.take(epoch, shard, step);
            if let Some(entry) = turn.sizes.get_mut(shard.index()) {
                entry.1 = size;
            }
        }
        loop {
            let total: usize = turn.sizes.iter().map(|(_, size)| size).sum();
            let excess = total.saturating_sub(self.max_records);
            let Some((shard, size)) = turn.sizes.iter_mut().max_by_key(|(_, size)| *size) else {
                return;
            };
            // At most half of one shard at a time, so that a busy shard does not lose everything.
            let keep = size.saturating_sub(excess.min(*size / 2));
            if excess == 0 || *size <= 1 {
                return;
            }
            *size = self.records.shrink(*shard, keep);
        }
    }

    /// Ends the lease and the incarnation. The view and the records stay: the history is the same.
    fn leave(&self, turn: &mut Turn) {
        turn.incarnation = None;
        if let Some(view) = self.view.load() {
            self.view.store(Some(Arc::new(View { lease: None, ..View::clone(&view) })));
        }
    }

    /// Ends everything: what is known belongs to a history that is gone.
    fn forget(&self, turn: &mut Turn) {
        turn.incarnation = None;
        turn.epoch += 1;
        self.view.store(None);
        for (_, answered) in self.answered.iter() {
            answered.store(0, Ordering::SeqCst);
        }
    }

    /// Ends the lease for good. Returns the incarnation, the first time.
    pub(crate) fn stop(&self) -> Option<Incarnation> {
        let mut turn = self.turn();
        turn.stopped = true;
        self.view.store(None);
        turn.incarnation.take()
    }
}
