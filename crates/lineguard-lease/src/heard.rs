//! What was heard on the bus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lineguard_core::feed::Incarnation;
use lineguard_core::stamp::{Shard, Stamp};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

use crate::bus::Heard;
use crate::replica::{Replica, guard};

/// More incarnations than this are not remembered: it costs time only.
const MAX_INCARNATIONS: usize = 1_024;

/// Whether who has installed one stamp has what another one tells of. A higher counter says so
/// too: nobody gets there without the changes in between.
pub(crate) fn covers(installed: Stamp, target: Stamp) -> bool {
    installed.counter > target.counter || installed == target
}

/// The newest of what others confirmed and hinted.
#[derive(Default)]
pub(crate) struct HeardStamps {
    confirmed: Mutex<HashMap<Incarnation, HashMap<Shard, Stamp>>>,
    hints: Mutex<HashMap<Shard, Stamp>>,
    /// Wakes writers that wait for confirmations.
    pub(crate) news: Notify,
}

impl HeardStamps {
    fn confirm(&self, incarnation: Incarnation, shard: Shard, stamp: Stamp) {
        let mut confirmed = guard(&self.confirmed);
        if confirmed.len() >= MAX_INCARNATIONS && !confirmed.contains_key(&incarnation) {
            confirmed.clear();
        }
        let newest = confirmed.entry(incarnation).or_default().entry(shard).or_insert(stamp);
        if stamp.counter >= newest.counter {
            *newest = stamp;
        }
        drop(confirmed);
        self.news.notify_waiters();
    }

    /// Whether an incarnation was heard to have installed a stamp.
    pub(crate) fn has(&self, incarnation: Incarnation, shard: Shard, target: Stamp) -> bool {
        let confirmed = guard(&self.confirmed);
        let stamp = confirmed.get(&incarnation).and_then(|shards| shards.get(&shard));
        stamp.is_some_and(|stamp| covers(*stamp, target))
    }

    /// The shards that something newer than installed was heard of.
    pub(crate) fn hints(&self) -> Vec<Shard> {
        guard(&self.hints).keys().copied().collect()
    }

    /// Forgets the hints that led to a poll.
    pub(crate) fn clear_hints(&self) {
        guard(&self.hints).clear();
    }
}

/// Listens to the bus.
pub(crate) async fn run(replica: Arc<Replica>) {
    let mut heard = replica.bus.subscribe();
    loop {
        let message = tokio::select! {
            biased;
            () = replica.stopped() => return,
            message = heard.recv() => message,
        };
        match message {
            Ok(Heard::Confirmed { incarnation, shard, stamp }) => {
                replica.heard.confirm(incarnation, shard, stamp);
            }
            Ok(Heard::Hint { shard, stamp }) => hinted(&replica, shard, stamp),
            Err(RecvError::Lagged(_)) => {
                replica.want_poll();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who hints also waits. If what it waits for is confirmed here, that may have been lost.
fn hinted(replica: &Replica, shard: Shard, stamp: Stamp) {
    let told = guard(&replica.told).covering(shard, stamp);
    if let Some((by, told)) = told {
        replica.bus.confirm(by, shard, told);
        return;
    }
    // What is installed and not confirmed waits for followers.
    let view = replica.state.view();
    if view.is_none_or(|view| !covers(*view.stamps.at(shard), stamp)) {
        guard(&replica.heard.hints).insert(shard, stamp);
        replica.want_poll();
    }
}
