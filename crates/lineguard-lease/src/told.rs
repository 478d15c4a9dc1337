//! What this replica has confirmed, and what it has yet to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::Incarnation;
use lineguard_core::stamp::{Shard, Stamp};
use tracing::debug;

use crate::heard::covers;
use crate::replica::{Replica, guard};

/// The least pause before the leases of followers are looked at again.
const PAUSE: Duration = Duration::from_millis(1);

/// What one incarnation has confirmed. Nothing else counts, here in this process or elsewhere.
#[derive(Default)]
pub(crate) struct Told {
    by: Option<Incarnation>,
    stamps: BTreeMap<Shard, Stamp>,
    /// Shards that moved, whose followers are not known to have moved too.
    pending: BTreeSet<Shard>,
}

impl Told {
    /// The incarnation that has confirmed a stamp of a shard, and what it has confirmed there.
    pub(crate) fn covering(&self, shard: Shard, target: Stamp) -> Option<(Incarnation, Stamp)> {
        let stamp = *self.stamps.get(&shard)?;
        self.by.filter(|_| covers(stamp, target)).map(|by| (by, stamp))
    }
}

/// An incarnation has installed this.
pub(crate) fn installed(replica: &Replica, by: Incarnation, installed: &[(Shard, Stamp)]) {
    let mut told = guard(&replica.told);
    if told.by != Some(by) {
        *told = Told { by: Some(by), ..Told::default() };
    }
    told.pending.extend(installed.iter().map(|(shard, _)| *shard));
    drop(told);
    replica.listeners.moved(installed);
    if announce(replica) {
        replica.to_announce.notify_one();
    }
}

/// Confirms what may be confirmed. Tells whether something is left.
fn announce(replica: &Replica) -> bool {
    // Loaded before the leases of followers are looked at: see `Ledger::confirmable`.
    let Some(view) = replica.state.view() else { return false };
    let by = view.incarnation;
    let mut told = guard(&replica.told);
    if told.by != Some(by) {
        return false;
    }
    let mut fresh = Vec::new();
    for (shard, stamp) in replica.ledger.confirmable(&view, &*replica.clock, &told.pending) {
        if stamp == *view.stamps.at(shard) {
            told.pending.remove(&shard);
        }
        if told.stamps.get(&shard).is_none_or(|before| before.counter < stamp.counter) {
            told.stamps.insert(shard, stamp);
            fresh.push((shard, stamp));
        }
    }
    for &(shard, stamp) in &fresh {
        debug!(shard = shard.0, counter = stamp.counter, "confirmed");
        replica.bus.confirm(by, shard, stamp);
    }
    let mut unconfirmed = guard(&replica.unconfirmed);
    if unconfirmed.0 != Some(by) {
        *unconfirmed = (Some(by), BTreeMap::new());
    }
    unconfirmed.1.extend(fresh.iter().copied());
    drop(unconfirmed);
    if !fresh.is_empty() {
        replica.heard.news.notify_waiters();
    }
    !told.pending.is_empty()
}

/// Has what was confirmed kept in the database: at once where messages do not pass.
pub(crate) fn keep(replica: &Replica, regular: bool) {
    let waiting = !guard(&replica.unconfirmed).1.is_empty();
    if waiting && (regular || !replica.bus.connected()) {
        replica.to_confirm.notify_one();
    }
}

/// Confirms what had to wait, when followers have installed it or their leases are over.
pub(crate) async fn run(replica: Arc<Replica>) {
    loop {
        let end = match announce(&replica) {
            // No timer is trusted for long: the clock of leases goes on while a machine sleeps.
            true => replica.ledger.next_end(&*replica.clock).unwrap_or(PAUSE).max(PAUSE),
            false => Duration::MAX,
        };
        keep(&replica, false);
        tokio::select! {
            biased;
            () = replica.stopped() => return,
            () = replica.to_announce.notified() => {}
            () = tokio::time::sleep(end.min(replica.params.poll)) => {}
        }
    }
}
