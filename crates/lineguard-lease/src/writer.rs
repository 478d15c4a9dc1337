//! The wait of a writer until what it committed is in force everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::{Audience, Incarnation, ReplicaState};
use lineguard_core::stamp::{Shard, Stamp};
use tokio::time::Instant;
use tracing::warn;

use crate::clock::Moment;
use crate::heard::covers;
use crate::replica::{Replica, guard};
use crate::status::count;

/// The first pause before the audience is read again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Why a write is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// All replicas have installed it.
    ByConfirmation,
    /// All leases that were taken before it are over.
    ByExpiry,
}

/// What one writer waits for.
struct Wait {
    shard: Shard,
    target: Stamp,
    /// Who has not confirmed.
    pending: BTreeMap<Incarnation, ReplicaState>,
    /// When it was first known who has to.
    known: Moment,
}

/// Waits until every change to a shard that was committed before `called` is in force. Ends at
/// the latest when [`crate::Params::wait`] has passed since.
pub(crate) async fn in_force(replica: Arc<Replica>, shard: Shard, called: Moment) -> Acknowledged {
    replica.want_poll();
    let mut wait: Option<Wait> = None;
    let mut pause = PAUSES.0;
    loop {
        let news = replica.heard.news.notified();
        tokio::pin!(news);
        let progressed = replica.progress.changed();
        tokio::pin!(progressed);
        // From here on nothing that is heard or installed is missed.
        news.as_mut().enable();
        progressed.as_mut().enable();
        let audience = replica.ask(replica.feed.audience(shard));
        let audience = tokio::time::timeout(remaining(&replica, called), audience).await;
        if let Ok(Ok(audience)) = audience {
            replica.saw(&audience.replicas);
            let now = replica.clock.now();
            let wait = wait.get_or_insert_with(|| Wait::of(shard, &audience, now));
            wait.read_again(&audience);
            replica.bus.hint(shard, wait.target);
        }
        let again = tokio::time::sleep(pause.min(remaining(&replica, called)));
        tokio::pin!(again);
        loop {
            if wait.as_mut().is_some_and(|wait| wait.is_over(&replica)) {
                count(&replica.counts.waits_confirmed);
                return Acknowledged::ByConfirmation;
            }
            if remaining(&replica, called).is_zero() {
                count(&replica.counts.waits_expired);
                let late = wait.map(|wait| wait.late(&replica)).unwrap_or_default();
                tokio::spawn(fence(Arc::clone(&replica), late));
                return Acknowledged::ByExpiry;
            }
            tokio::select! {
                biased;
                () = &mut news => {
                    news.set(replica.heard.news.notified());
                    news.as_mut().enable();
                }
                () = &mut progressed => {
                    progressed.set(replica.progress.changed());
                    progressed.as_mut().enable();
                }
                () = &mut again => break,
            }
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn remaining(replica: &Replica, called: Moment) -> Duration {
    replica.params.wait().saturating_sub(replica.clock.now().waited(called))
}

impl Wait {
    fn of(shard: Shard, audience: &Audience, now: Moment) -> Self {
        let pending = audience.replicas.iter().map(|row| (row.incarnation, row.state)).collect();
        Self { shard, target: audience.stamp, pending, known: now }
    }

    /// Whose row is gone cannot hold a lease from before; who is new has polled since.
    fn read_again(&mut self, audience: &Audience) {
        let states: BTreeMap<_, _> =
            audience.replicas.iter().map(|row| (row.incarnation, row.state)).collect();
        let target = self.target;
        let confirmed = |incarnation: &Incarnation| {
            audience.confirmed.iter().any(|(by, stamp)| by == incarnation && covers(*stamp, target))
        };
        self.pending.retain(|incarnation, state| match states.get(incarnation) {
            Some(now) => {
                *state = *now;
                !confirmed(incarnation)
            }
            None => false,
        });
    }

    /// Whether everybody has confirmed, by the bus or here in this process.
    fn is_over(&mut self, replica: &Replica) -> bool {
        let Self { shard, target, .. } = *self;
        // Nothing was ever changed there.
        if target.counter == 0 {
            return true;
        }
        let here = guard(&replica.told).covering(shard, target).map(|(by, _)| by);
        self.pending.retain(|incarnation, _| {
            Some(*incarnation) != here && !replica.heard.has(*incarnation, shard, target)
        });
        self.pending.is_empty()
    }

    /// Whom to fence: who did not confirm although there was time. Where the database was away
    /// for most of the wait, nobody had.
    fn late(self, replica: &Replica) -> Vec<Incarnation> {
        if replica.clock.now().waited(self.known) < replica.params.wait() / 2 {
            return Vec::new();
        }
        let live = self.pending.into_iter().filter(|(_, state)| *state == ReplicaState::Live);
        live.map(|(incarnation, _)| incarnation).collect()
    }
}

/// Fences replicas that made a writer wait. If it fails, the next writer waits too and tries
/// again.
async fn fence(replica: Arc<Replica>, late: Vec<Incarnation>) {
    for incarnation in late {
        warn!(%incarnation, "a replica did not confirm a change and is fenced");
        match replica.ask(replica.feed.fence(incarnation)).await {
            Ok(()) => count(&replica.counts.fences),
            Err(error) => {
                if let Some(times) = replica.said.fences.again(Instant::now()) {
                    warn!(%incarnation, %error, times, "it could not be fenced");
                }
            }
        }
    }
    // So that the rows are removed when the time has come.
    if let Ok(audience) = replica.ask(replica.feed.audience(Shard(0))).await {
        replica.saw(&audience.replicas);
    }
}
