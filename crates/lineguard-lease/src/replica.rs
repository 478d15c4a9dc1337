//! What the tasks of a replica share.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineguard_core::feed::{Feed, Incarnation, ReplicaRow, ReplicaState};
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, Stamp};
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::bus::Bus;
use crate::clock::{Clock, Moment};
use crate::grants::Listeners;
use crate::heard::HeardStamps;
use crate::ledger::Ledger;
use crate::pace::Seldom;
use crate::params::Params;
use crate::signal::Signal;
use crate::state::State;
use crate::status::{Counts, count};
use crate::told::Told;

/// Gives 16 random bytes.
pub(crate) type Random = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// How far polling has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// The last poll that ended, well or not.
    pub(crate) ended: u64,
    /// The last one that was installed.
    pub(crate) installed: u64,
}

pub(crate) struct Replica {
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) params: Params,
    pub(crate) random: Random,
    pub(crate) state: State,
    pub(crate) heard: HeardStamps,
    pub(crate) counts: Counts,
    /// Asks for a poll. One may be in flight and one waiting: more requests change nothing.
    pub(crate) wanted: Notify,
    pub(crate) progress: Signal<Progress>,
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) stopping: Signal<bool>,
    /// Installed, but not yet kept as confirmed in the database.
    pub(crate) unconfirmed: Mutex<(Option<Incarnation>, BTreeMap<Shard, Stamp>)>,
    pub(crate) to_confirm: Notify,
    /// Fenced replicas, and when they were first seen to be.
    pub(crate) fenced: Mutex<BTreeMap<Incarnation, Moment>>,
    /// The incarnation whose registration was begun and is not known to have succeeded.
    pub(crate) registering: Mutex<Option<Incarnation>>,
    /// Incarnations of this replica that hold no lease, whose rows may be there, and when, by this
    /// replica's clock, all leases are over that were granted under them.
    pub(crate) orphans: Mutex<BTreeMap<Incarnation, u64>>,
    pub(crate) to_clear: Notify,
    /// What is granted to followers.
    pub(crate) ledger: Ledger,
    pub(crate) listeners: Listeners,
    pub(crate) told: Mutex<Told>,
    /// Something was heard of a follower.
    pub(crate) to_announce: Notify,
    pub(crate) said: Said,
}

/// What may fail again and again, and is said seldom.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) polls: Seldom,
    pub(crate) changes: Seldom,
    pub(crate) confirmations: Seldom,
    pub(crate) removals: Seldom,
    pub(crate) trims: Seldom,
    pub(crate) fences: Seldom,
    pub(crate) leases: Seldom,
}

/// The lock; what it guards is whole between any two statements.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replica {
    /// A request to the database, given up after a while.
    pub(crate) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let limit = self.params.poll_timeout;
        let late = || StoreError::Unavailable { detail: format!("no answer within {limit:?}") };
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(late()))
    }

    /// Resolves when the replica is being stopped.
    pub(crate) async fn stopped(&self) {
        self.stopping.wait_for(|stopping| stopping).await;
    }

    /// A random byte.
    pub(crate) fn chance(&self) -> u8 {
        let [byte, ..] = (self.random)();
        byte
    }

    /// Between eight tenths and all of a duration, so that replicas do not move in step.
    pub(crate) fn jittered(&self, duration: Duration) -> Duration {
        duration.mul_f64(0.8 + 0.2 * f64::from(self.chance()) / 255.0)
    }

    /// Asks for a poll. Returns the number of the last one that was begun before.
    pub(crate) fn want_poll(&self) -> u64 {
        let begun = self.counts.polls.load(Ordering::SeqCst);
        self.wanted.notify_one();
        begun
    }

    /// An incarnation is not used any more: its row is to be removed when nobody answers from
    /// what was granted under it.
    pub(crate) fn orphan(&self, incarnation: Incarnation) {
        let end = self.ledger.end();
        guard(&self.orphans).entry(incarnation).or_insert(end);
        self.to_clear.notify_one();
    }

    /// Remembers who is fenced in what was just read, and forgets who is not, or no more.
    pub(crate) fn saw(&self, replicas: &[ReplicaRow]) {
        let now = self.clock.now();
        let mut fenced = guard(&self.fenced);
        let is_fenced = |row: &&ReplicaRow| row.state == ReplicaState::Fenced;
        let seen: BTreeMap<_, _> = replicas
            .iter()
            .filter(is_fenced)
            .map(|row| (row.incarnation, *fenced.get(&row.incarnation).unwrap_or(&now)))
            .collect();
        if seen.keys().any(|incarnation| !fenced.contains_key(incarnation)) {
            self.to_clear.notify_one();
        }
        *fenced = seen;
    }
}

/// Runs a task again if it panics, and counts it.
pub(crate) async fn supervise<F>(
    replica: Arc<Replica>,
    name: &'static str,
    task: fn(Arc<Replica>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(task(Arc::clone(&replica))).await {
        if !error.is_panic() {
            return;
        }
        warn!(task = name, "a task panicked and is started again");
        count(&replica.counts.restarts);
        tokio::time::sleep(replica.params.poll / 8).await;
    }
}
