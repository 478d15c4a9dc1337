//! What those who run a replica want to know of it, as plain data.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::feed::{Incarnation, ReplicaRow};
use lineguard_core::id::Timestamp;
use lineguard_core::port::{DuplicateNumber, StoreError};

/// Tells how a replica is doing. Whoever puts the service together implements it.
#[async_trait]
pub trait OperationsSource: Send + Sync + 'static {
    /// The state at this moment.
    ///
    /// # Errors
    ///
    /// Only where nothing can be said. Without the database everything but what is read from it can,
    /// and [`OperationsView::replicas`] and [`OperationsView::duplicates`] say that.
    async fn view(&self) -> Result<OperationsView, StoreError>;
}

/// The state of one replica. Counts are since its start.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationsView {
    /// When it started.
    pub started: Timestamp,
    /// What it knows of itself.
    pub observed: Observed,
    /// All replicas that writers wait for; or why that is not known.
    pub replicas: Result<Vec<ReplicaRow>, StoreError>,
    /// Numbers that are active in several tenants; or why they are not told.
    pub duplicates: Result<Vec<DuplicateNumber>, Untold>,
}

/// Why something is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// It is not known.
    Unknown(StoreError),
    /// It is not for this caller.
    NotForCaller,
}

/// Tells what a replica knows of itself, without asking anybody. Metrics are read from it too, so
/// it should cost little.
pub type Observe = Arc<dyn Fn() -> Observed + Send + Sync>;

/// What a replica knows of itself. Counts are since its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// How recent its state is.
    pub freshness: FreshnessView,
    /// Whether the database takes writes.
    pub storing: bool,
    /// What removals have left.
    pub removals: RemovalsView,
    /// Writes that waited until they were in force everywhere.
    pub waits: Vec<WaitView>,
    /// Caches.
    pub caches: Vec<CacheView>,
    /// What is shared through Redis.
    pub shared: SharedView,
    /// Sidecars that follow it.
    pub sidecars: SidecarsView,
}

/// What removals have left to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovalsView {
    /// Removals of any server that are not at their end, as this replica has last seen.
    pub pending: u64,
    /// Rows that this replica has taken away.
    pub rows: u64,
}

/// Sidecars that follow a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SidecarsView {
    /// How many are known.
    pub following: u64,
    /// Those of them that may answer from memory.
    pub leased: u64,
}

/// How recent the state of a replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshnessView {
    /// This start of this replica.
    pub incarnation: Incarnation,
    /// Whether it is sure to answer.
    pub ready: bool,
    /// How long it may still answer from what it keeps; none without a lease.
    pub lease_remaining: Option<Duration>,
    /// How long ago the last poll that succeeded was sent, and how long it took.
    pub last_poll: Option<PollView>,
    /// Polls that failed or took too long.
    pub polls_failed: u64,
    /// Leases that ended before the next one was taken.
    pub leases_lost: u64,
    /// By how many changes, over all shards, the state is behind what the last poll found.
    pub revision_lag: u64,
    /// How often the database turned out to have another history.
    pub other_histories: u64,
    /// How often this replica found itself fenced and began anew.
    pub fenced: u64,
    /// Newest changes that are remembered one by one.
    pub records: u64,
}

/// A poll that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollView {
    /// How long ago it was sent.
    pub age: Duration,
    /// How long it took.
    pub latency: Duration,
}

/// How a writer knew that its change was in force everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitPath {
    /// Every replica confirmed it.
    Confirmed,
    /// Every lease that could have been held had ended.
    Expired,
}

/// Writes that waited, by how they knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitView {
    /// How they knew.
    pub path: WaitPath,
    /// How many.
    pub count: u64,
    /// How long they waited together.
    pub total: Duration,
    /// The longest wait.
    pub longest: Duration,
}

/// A cache by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheName {
    /// Decisions in memory.
    L1Decisions,
    /// What members may do, compiled, in memory.
    L1Members,
    /// Facts of recently used faxes, in memory.
    L1Facts,
    /// Decisions that replicas share.
    L2,
}

impl CacheName {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::L1Decisions, "l1.decisions"),
        (Self::L1Members, "l1.members"),
        (Self::L1Facts, "l1.facts"),
        (Self::L2, "l2"),
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::L1Decisions => "l1.decisions",
            Self::L1Members => "l1.members",
            Self::L1Facts => "l1.facts",
            Self::L2 => "l2",
        }
    }
}

/// A cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheView {
    /// Which.
    pub name: CacheName,
    /// Look-ups that could be used.
    pub hits: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
    /// Look-ups that found something outdated.
    pub stale: u64,
    /// Entries that it holds; 0 where that is not known.
    pub entries: u64,
    /// What they weigh, in bytes; 0 where that is not known.
    pub bytes: u64,
}

impl CacheView {
    /// Hits among all look-ups; 0 without look-ups.
    pub fn hit_ratio(&self) -> f64 {
        let all = self.hits.saturating_add(self.misses).saturating_add(self.stale);
        // Counts beyond 2^53 lose digits that no ratio shows.
        if all == 0 { 0.0 } else { self.hits as f64 / all as f64 }
    }
}

/// What is shared through Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedView {
    /// Whether a server is configured.
    pub configured: bool,
    /// Whether hints and confirmations are heard.
    pub connected: bool,
    /// The breaker before it; none without a server.
    pub breaker: Option<BreakerState>,
    /// Reads and writes that failed.
    pub errors: u64,
    /// Reads and writes that took too long.
    pub timeouts: u64,
    /// Values whose seal is not ours.
    pub forged: u64,
}

/// Whether a breaker lets questions through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It does.
    Closed,
    /// It does not, for a while.
    Open,
    /// It lets some through to see.
    HalfOpen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_needs_look_ups() {
        let cache =
            CacheView { name: CacheName::L2, hits: 0, misses: 0, stale: 0, entries: 0, bytes: 0 };
        assert!(cache.hit_ratio().abs() < f64::EPSILON);
        let used = CacheView { hits: 3, misses: 2, stale: 1, ..cache };
        assert!((used.hit_ratio() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn every_cache_has_its_name() {
        for (name, word) in CacheName::ALL {
            assert_eq!(name.as_str(), word);
        }
    }
}
