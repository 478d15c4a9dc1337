//! The door of this crate.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineguard_core::feed::Feed;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, Stamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::grants::{Grants, Listeners};
use crate::heard::{self, HeardStamps, covers};
use crate::keeper;
use crate::ledger::Ledger;
use crate::params::Params;
use crate::poller::{self, lease_remaining};
use crate::replica::{Progress, Random, Replica, Said, guard, supervise};
use crate::signal::Signal;
use crate::state::State;
use crate::status::{Counts, Status, read};
use crate::told;
use crate::view::Sight;
use crate::writer::{self, Acknowledged};

/// How recent this replica is. Keeps a lease on what its database shows, says what may be
/// answered from caches, and tells writers when a change is in force everywhere.
///
/// Ends when the last clone is dropped; [`Freshness::stop`] also tells the other replicas.
#[derive(Clone)]
pub struct Freshness(Arc<Handle>);

struct Handle {
    replica: Arc<Replica>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.replica.stopping.update(|stopping| *stopping = true);
    }
}

/// Why a stamp was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReached {
    /// The database was not reached in time.
    Behind,
    /// The stamp is of a history that the database does not show any more.
    OtherHistory,
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Behind => "the database was not reached in time",
            Self::OtherHistory => "the database shows another history",
        })
    }
}

impl std::error::Error for NotReached {}

impl Freshness {
    /// Starts to keep a lease, in tasks of the present runtime. Does not wait for the first one.
    /// `params` must have passed [`Params::check`]; `random` gives what incarnations are named by.
    pub fn start(
        feed: Arc<dyn Feed>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        params: Params,
        random: Random,
    ) -> Self {
        let ledger = Ledger::new(params.clone());
        let replica = Arc::new(Replica {
            state: State::new(params.lease, params.max_records),
            feed,
            bus,
            clock,
            params,
            random,
            heard: HeardStamps::default(),
            counts: Counts::default(),
            wanted: Notify::new(),
            progress: Signal::<Progress>::default(),
            ready: watch::Sender::new(false),
            stopping: Signal::default(),
            unconfirmed: Mutex::default(),
            to_confirm: Notify::new(),
            fenced: Mutex::default(),
            registering: Mutex::default(),
            orphans: Mutex::default(),
            to_clear: Notify::new(),
            ledger,
            listeners: Listeners::default(),
            told: Mutex::default(),
            to_announce: Notify::new(),
            said: Said::default(),
        });
        let task = || Arc::clone(&replica);
        let tasks = vec![
            tokio::spawn(supervise(task(), "listener", heard::run)),
            tokio::spawn(supervise(task(), "poller", poller::run)),
            tokio::spawn(supervise(task(), "announcer", told::run)),
            tokio::spawn(supervise(task(), "confirmer", keeper::confirm)),
            tokio::spawn(supervise(task(), "clearer", keeper::clear)),
            tokio::spawn(supervise(task(), "watcher", keeper::watch)),
        ];
        Self(Arc::new(Handle { replica, tasks: Mutex::new(tasks) }))
    }

    fn replica(&self) -> &Replica {
        &self.0.replica
    }

    /// The view, if a lease on it holds right now and no answer for this shard was newer. None: no
    /// cached answer may be used.
    pub fn sight(&self, shard: Shard) -> Option<Sight> {
        let replica = self.replica();
        replica.state.sight(&*replica.clock, shard)
    }

    /// As [`Freshness::sight`]; if there is none, asks for a poll and waits for it, at most for
    /// `patience`.
    pub async fn sight_or_poll(&self, shard: Shard, patience: Duration) -> Option<Sight> {
        if let Some(sight) = self.sight(shard) {
            return Some(sight);
        }
        let replica = self.replica();
        if replica.stopping.get() {
            return None;
        }
        let begun = replica.want_poll();
        let ended = replica.progress.wait_for(|progress| progress.ended > begun);
        // Whether it came in time or not, the sight is what counts.
        let _ = tokio::time::timeout(patience, ended).await;
        self.sight(shard)
    }

    /// The view that was installed last, however old, and its age; for operators who prefer old
    /// answers to none. None if nothing was installed, or what was is of another history.
    pub fn stale_sight(&self) -> Option<(Sight, Duration)> {
        let replica = self.replica();
        let view = replica.state.view()?;
        let age = replica.clock.now().since(view.polled);
        Some((Sight(view), age))
    }

    /// Changes when nothing that was read before may be kept any more, because the database shows
    /// another history. Take it before a statement is sent whose result is to be kept.
    pub fn epoch(&self) -> u64 {
        self.replica().state.epoch()
    }

    /// The counter of the latest state of a shard that this replica has installed or answered from.
    /// A read that is sent from now on and shows less is of a database that was put back, or of a
    /// connection that does not show the present: no answer may be made of it.
    pub fn seen(&self, shard: Shard) -> u64 {
        let state = &self.replica().state;
        let installed = state.view().map_or(0, |view| view.stamps.at(shard).counter);
        installed.max(state.answered(shard))
    }

    /// An answer was given from a state of the database with this stamp: no later answer of this
    /// replica may be older. Until a poll has got there, there is no sight of this shard.
    pub fn answered(&self, shard: Shard, stamp: Stamp) {
        let replica = self.replica();
        let seen = |counter| {
            replica.state.view().is_some_and(|view| view.stamps.at(shard).counter >= counter)
        };
        replica.state.raise_answered(shard, stamp.counter);
        if !seen(stamp.counter) {
            replica.want_poll();
        }
    }

    /// Waits until a view at or above a stamp is installed, at most for `patience`. A stamp that
    /// is older than what is remembered counts as reached.
    pub async fn reach(
        &self,
        shard: Shard,
        stamp: Stamp,
        patience: Duration,
    ) -> Result<(), NotReached> {
        if let Some(reached) = self.reached(shard, stamp) {
            return reached;
        }
        let replica = self.replica();
        if replica.stopping.get() {
            return Err(NotReached::Behind);
        }
        let begun = replica.want_poll();
        let polled = replica.progress.wait_for(|progress| progress.installed > begun);
        let polled = tokio::time::timeout(patience, polled).await;
        match self.reached(shard, stamp) {
            Some(reached) => reached,
            // A poll that was sent after the stamp was known does not show it.
            None if polled.is_ok() => Err(NotReached::OtherHistory),
            None => Err(NotReached::Behind),
        }
    }

    /// Whether a stamp is reached or can never be; none if it may still be.
    fn reached(&self, shard: Shard, stamp: Stamp) -> Option<Result<(), NotReached>> {
        let state = &self.replica().state;
        let view = state.view()?;
        let here = *view.stamps.at(shard);
        if here.counter < stamp.counter {
            return None;
        }
        let lost = match covers(here, stamp) {
            true => state.of_this_history(shard, stamp) == Some(false),
            false => true,
        };
        Some(if lost { Err(NotReached::OtherHistory) } else { Ok(()) })
    }

    /// Call it after a commit has returned, or after a write that changed nothing has read its
    /// state. Returns when every change to the tenants of this shard that is committed now is in
    /// force on all replicas; at the latest after [`Params::wait`].
    ///
    /// # Errors
    ///
    /// If this replica follows another one, which is asked to write instead; or if this program
    /// fails. Then nothing is known of other replicas.
    pub async fn in_force(&self, shard: Shard) -> Result<Acknowledged, StoreError> {
        let replica = Arc::clone(&self.0.replica);
        if !replica.feed.is_database() {
            let detail = "whoever follows another replica writes there".into();
            return Err(StoreError::Unavailable { detail });
        }
        let called = replica.clock.now();
        // In a task of its own: whoever makes writers wait is fenced, even if none of them has
        // the patience to see it.
        let wait = tokio::spawn(writer::in_force(replica, shard, called));
        let failed = |_| StoreError::Unavailable { detail: "a wait for replicas failed".into() };
        wait.await.map_err(failed)
    }

    /// How this replica is doing.
    pub fn status(&self) -> Status {
        let replica = self.replica();
        let Replica { state, counts, clock, heard, .. } = replica;
        let view = state.view();
        let behind = |shard: &Shard| {
            let seen = view.as_ref().map_or(0, |view| view.stamps.at(*shard).counter);
            state.answered(*shard) > seen
        };
        let mut newer: Vec<_> = Shard::all().filter(behind).chain(heard.hints()).collect();
        newer.sort_unstable();
        newer.dedup();
        Status {
            incarnation: state.incarnation(),
            epoch: state.epoch(),
            lease_remaining: lease_remaining(replica),
            last_poll: view.as_ref().map(|view| clock.now().since(view.polled)),
            poll_latency: Duration::from_nanos(read(&counts.poll_nanos)),
            polls: read(&counts.polls),
            poll_failures: read(&counts.poll_failures),
            leases_lost: read(&counts.leases_lost),
            incarnations_lost: read(&counts.incarnations_lost),
            other_histories: read(&counts.other_histories),
            restarts: read(&counts.restarts),
            behind: newer.len(),
            records: state.records(),
            waits_confirmed: read(&counts.waits_confirmed),
            waits_expired: read(&counts.waits_expired),
            fenced: guard(&replica.fenced).len(),
            fences: read(&counts.fences),
            followers: replica.ledger.count(&**clock).0,
            followers_leased: replica.ledger.count(&**clock).1,
        }
    }

    /// Whether a lease is held; for readiness.
    pub fn subscribe_ready(&self) -> watch::Receiver<bool> {
        self.replica().ready.subscribe()
    }

    /// The door for replicas that follow this one.
    pub fn grants(&self) -> Grants {
        Grants(Arc::clone(&self.0.replica))
    }

    /// Asks for a poll, without waiting for it: somebody told that there is something new.
    pub fn hinted(&self) {
        self.replica().want_poll();
    }

    /// Stops: from now on there is no sight, and nothing is granted to followers. Ends the tasks,
    /// waits until all leases are over that were granted before, and removes the rows of this
    /// replica, so that no writer waits for it. Does nothing the second time.
    pub async fn stop(&self) {
        let replica = self.replica();
        let incarnation = replica.state.stop();
        replica.stopping.update(|stopping| *stopping = true);
        replica.listeners.end();
        let tasks = std::mem::take(&mut *guard(&self.0.tasks));
        for task in tasks {
            // A task that failed has ended too.
            let _ = task.await;
        }
        // The poller may have ended in the middle of a registration.
        let later = replica.state.stop().or_else(|| guard(&replica.registering).take());
        incarnation.into_iter().chain(later).for_each(|own| replica.orphan(own));
        keeper::outlive(replica).await;
        keeper::remove_orphans(replica).await;
    }
}
