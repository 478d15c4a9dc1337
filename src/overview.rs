//! What this server tells its operators about itself.

use std::time::Duration;

use async_trait::async_trait;
use lineguard_cache::L1Stats;
use lineguard_cache::breaker::Phase;
use lineguard_core::feed::Incarnation;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::Shard;
use lineguard_lease::{Acknowledged, Status};

use crate::answer::Caches;
use crate::app::App;
use crate::operations::{
    BreakerState, CacheName, CacheView, FreshnessView, Observed, OperationsSource, OperationsView,
    PollView, SharedView, SidecarsView, Untold, WaitPath, WaitView,
};
use crate::waits::Waits;

/// How long to wait for what is read from the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many numbers that are active in several tenants are told.
const MAX_DUPLICATES: usize = 100;

#[async_trait]
impl OperationsSource for App {
    async fn view(&self) -> Result<OperationsView, StoreError> {
        let late = || StoreError::Unavailable { detail: "the database did not answer".into() };
        // Any shard: the list is the same for all.
        let audience = tokio::time::timeout(PATIENCE, self.feed.audience(Shard(0)));
        let duplicates =
            tokio::time::timeout(PATIENCE, self.store.duplicate_numbers(MAX_DUPLICATES));
        let (audience, duplicates) = tokio::join!(audience, duplicates);
        let replicas = audience.unwrap_or_else(|_| Err(late()));
        let duplicates = duplicates.unwrap_or_else(|_| Err(late()));
        Ok(OperationsView {
            started: self.started,
            observed: self.observed(),
            replicas: replicas.map(|audience| audience.replicas),
            duplicates: duplicates.map_err(Untold::Unknown),
        })
    }
}

impl App {
    /// What this server knows of itself, without asking anybody.
    pub fn observed(&self) -> Observed {
        let status = self.freshness.status();
        Observed {
            sidecars: SidecarsView {
                following: status.followers as u64,
                leased: status.followers_leased as u64,
            },
            freshness: freshness(status, *self.freshness.subscribe_ready().borrow()),
            storing: self.storing.takes_writes(),
            removals: self.removing.as_ref().map(|removing| removing.view()).unwrap_or_default(),
            waits: vec![
                wait(WaitPath::Confirmed, &self.waits.ended(Acknowledged::ByConfirmation)),
                wait(WaitPath::Expired, &self.waits.ended(Acknowledged::ByExpiry)),
            ],
            caches: caches(&self.caches),
            shared: self.shared_view(),
        }
    }

    fn shared_view(&self) -> SharedView {
        let stats = self.caches.shared.as_ref().map(|shared| shared.stats());
        let breaker = stats.map(|stats| match stats.breaker {
            Phase::Closed => BreakerState::Closed,
            Phase::Open => BreakerState::Open,
            Phase::HalfOpen => BreakerState::HalfOpen,
        });
        let connected = self.bus.as_ref().is_some_and(|bus| bus.connected());
        SharedView {
            configured: self.bus.is_some(),
            connected,
            breaker,
            errors: stats.map_or(0, |stats| stats.failed + stats.put_failed),
            timeouts: stats.map_or(0, |stats| stats.timed_out),
            forged: stats.map_or(0, |stats| stats.refused),
        }
    }
}

fn freshness(status: Status, ready: bool) -> FreshnessView {
    let latency = status.poll_latency;
    FreshnessView {
        incarnation: status.incarnation.unwrap_or(Incarnation([0; 16])),
        ready,
        lease_remaining: status.lease_remaining,
        last_poll: status.last_poll.map(|age| PollView { age, latency }),
        polls_failed: status.poll_failures,
        leases_lost: status.leases_lost,
        revision_lag: status.behind as u64,
        other_histories: status.other_histories,
        fenced: status.incarnations_lost,
        records: status.records as u64,
    }
}

fn wait(path: WaitPath, waits: &Waits) -> WaitView {
    WaitView { path, count: waits.count, total: waits.total, longest: waits.longest }
}

fn caches(caches: &Caches) -> Vec<CacheView> {
    let l1 = |name, stats: L1Stats| CacheView {
        name,
        hits: stats.hits,
        misses: stats.misses.saturating_sub(stats.stale),
        stale: stats.stale,
        entries: stats.entries,
        bytes: stats.bytes,
    };
    let shared = caches.shared.as_ref().map(|shared| {
        let stats = shared.stats();
        let misses = stats.absent + stats.refused + stats.skipped + stats.timed_out + stats.failed;
        let (hits, stale) = (stats.hits, stats.stale);
        CacheView { name: CacheName::L2, hits, misses, stale, entries: 0, bytes: 0 }
    });
    let own = [
        l1(CacheName::L1Decisions, caches.answers.stats()),
        l1(CacheName::L1Members, caches.members.stats()),
        l1(CacheName::L1Facts, caches.facts.stats()),
    ];
    own.into_iter().filter(|_| caches.are_on()).chain(shared).collect()
}
