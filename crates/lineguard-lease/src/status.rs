//! What operators can see.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineguard_core::feed::Incarnation;

/// How a replica is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Under which incarnation it is counted on; none while it has none.
    pub incarnation: Option<Incarnation>,
    /// Which history it is in, counted from the start of the process.
    pub epoch: u64,
    /// How long the lease still lasts; none if there is none.
    pub lease_remaining: Option<Duration>,
    /// How long ago the newest accepted poll was sent; none if nothing is installed.
    pub last_poll: Option<Duration>,
    /// How long that poll took.
    pub poll_latency: Duration,
    /// Polls begun.
    pub polls: u64,
    /// Polls that failed, were refused or came too late, and registrations that failed.
    pub poll_failures: u64,
    /// Leases that ended before they were renewed.
    pub leases_lost: u64,
    /// How often an incarnation of this replica was found fenced or gone.
    pub incarnations_lost: u64,
    /// How often the database showed another history: it was restored.
    pub other_histories: u64,
    /// How often a task of this replica panicked and was started again.
    pub restarts: u64,
    /// Shards that are known to have a newer state than the view.
    pub behind: usize,
    /// Changes and concerned things that are remembered.
    pub records: usize,
    /// Writes that were acknowledged because all replicas had confirmed them.
    pub waits_confirmed: u64,
    /// Writes that were acknowledged because all earlier leases were over.
    pub waits_expired: u64,
    /// Replicas that are known to be fenced and whose rows are still there.
    pub fenced: usize,
    /// Replicas that this one fenced.
    pub fences: u64,
    /// Replicas that follow this one.
    pub followers: usize,
    /// Those of them that hold a lease that this one granted.
    pub followers_leased: usize,
}

/// The counters behind it.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) polls: AtomicU64,
    pub(crate) poll_nanos: AtomicU64,
    pub(crate) poll_failures: AtomicU64,
    pub(crate) leases_lost: AtomicU64,
    pub(crate) incarnations_lost: AtomicU64,
    pub(crate) other_histories: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) waits_confirmed: AtomicU64,
    pub(crate) waits_expired: AtomicU64,
    pub(crate) fences: AtomicU64,
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How many there are.
pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
