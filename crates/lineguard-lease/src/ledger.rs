//! What this replica grants to its followers, without I/O: who may answer from which view, until
//! when, and what may be confirmed to writers in spite of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::Incarnation;
use lineguard_core::stamp::{Shard, ShardSet, Stamp};

use super::state::State;
use super::sync::{Mutex, MutexGuard, lock};
use super::view::View;
use crate::clock::{Clock, Moment};
use crate::heard::covers;
use crate::params::Params;
use crate::shards::PerShard;

/// A follower that holds no lease and was not heard of for so long is forgotten.
const IDLE: Duration = Duration::from_secs(60);

/// Why nothing is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody follows under this name.
    Unknown,
    /// What the follower has seen, or was granted before, is of another history.
    OtherHistory,
    /// The follower has seen more than this replica.
    Ahead,
    /// This replica has no lease itself, or as good as none.
    NoLease,
}

/// A lease that was granted.
pub(crate) struct Granted {
    pub(crate) view: Arc<View>,
    pub(crate) shards: ShardSet,
    pub(crate) lease: Duration,
}

struct Follower {
    shards: ShardSet,
    /// The history that its leases are of; none if it never had one.
    epoch: Option<u64>,
    /// When all its leases are over for certain, by the clock of this replica.
    until: u64,
    /// Per shard the oldest state that it may answer from under any of them.
    base: PerShard<Stamp>,
    /// The view that was granted last.
    last: Option<Arc<View>>,
    heard: u64,
}

impl Follower {
    fn holds(&self, now: Moment) -> bool {
        now.boot < self.until
    }

    /// Whether it is not known to have what it was granted last.
    fn owes(&self) -> bool {
        let owed = |(shard, stamp): (Shard, &Stamp)| {
            self.shards.has(shard) && !covers(*self.base.at(shard), *stamp)
        };
        self.last.as_ref().is_some_and(|last| last.stamps.iter().any(owed))
    }

    /// Whether it has seen less than it was known to have.
    fn misses(&self, seen: &[(Shard, Stamp)]) -> bool {
        let mut seen = seen.iter().peekable();
        self.base.iter().filter(|(shard, base)| self.shards.has(*shard) && base.counter > 0).any(
            |(shard, base)| {
                while seen.next_if(|(of, _)| *of < shard).is_some() {}
                seen.peek().is_none_or(|(of, stamp)| *of != shard || !covers(*stamp, *base))
            },
        )
    }

    fn has(&mut self, stamps: &[(Shard, Stamp)]) {
        for (shard, stamp) in stamps {
            let base = self.base.at_mut(*shard);
            if stamp.counter > base.counter {
                *base = *stamp;
            }
        }
    }
}

/// The followers and their leases, under one lock: a grant is on record before anybody looks, or
/// it is given on a view that was loaded after the look.
pub(crate) struct Ledger {
    followers: Mutex<BTreeMap<Incarnation, Follower>>,
    params: Params,
}

impl Ledger {
    pub(crate) fn new(params: Params) -> Self {
        Self { followers: Mutex::default(), params }
    }

    fn followers(&self) -> MutexGuard<'_, BTreeMap<Incarnation, Follower>> {
        // Each follower is whole between any two statements.
        lock(&self.followers).0
    }

    /// Whether there is room for another follower, which begins without a lease. Who was
    /// forgotten to make room is returned.
    pub(crate) fn follow(
        &self,
        clock: &dyn Clock,
        by: Incarnation,
        shards: ShardSet,
    ) -> (bool, Vec<Incarnation>) {
        let now = clock.now();
        let mut followers = self.followers();
        let idle = |heard: u64| u128::from(now.boot.saturating_sub(heard)) >= IDLE.as_nanos();
        let full = followers.len() >= self.params.max_followers;
        let gone = followers
            .extract_if(.., |_, follower| !follower.holds(now) && (full || idle(follower.heard)));
        let gone = gone.map(|(by, _)| by).collect();
        let room = followers.len() < self.params.max_followers && !followers.contains_key(&by);
        if room {
            let base = PerShard::from_fn(|_| Stamp::default());
            followers.insert(
                by,
                Follower { shards, epoch: None, until: 0, base, last: None, heard: now.boot },
            );
        }
        (room, gone)
    }

    /// Grants a lease on the view, no longer than this replica's own. `seen` is what the follower
    /// has installed, by shard.
    ///
    /// Who does not take what it is granted makes others wait no longer than one lease: until it
    /// has taken it, nothing lasts longer, and then it is forgotten.
    pub(crate) fn renew(
        &self,
        state: &State,
        clock: &dyn Clock,
        by: Incarnation,
        seen: &[(Shard, Stamp)],
    ) -> Result<Granted, Refusal> {
        let mut followers = self.followers();
        let follower = followers.get_mut(&by).ok_or(Refusal::Unknown)?;
        let (view, left) = state.left(clock).ok_or(Refusal::NoLease)?;
        let now = clock.now();
        follower.heard = now.boot;
        if follower.epoch.is_some_and(|epoch| epoch != view.epoch) {
            return Err(Refusal::OtherHistory);
        }
        for (shard, stamp) in seen {
            let here = view.stamps.at(*shard);
            match stamp.counter.cmp(&here.counter) {
                std::cmp::Ordering::Greater => return Err(Refusal::Ahead),
                std::cmp::Ordering::Equal if stamp != here => return Err(Refusal::OtherHistory),
                _ => {}
            }
        }
        let mut lease = self.params.grant.min(left.saturating_sub(self.params.margin));
        if follower.holds(now) {
            follower.has(seen);
            if follower.owes() {
                let left = Duration::from_nanos(follower.until - now.boot);
                lease = lease.min(self.params.over_within(left));
            }
        } else if follower.last.is_some() && follower.misses(seen) {
            followers.remove(&by);
            return Err(Refusal::Unknown);
        } else {
            follower.base = view.stamps.clone();
        }
        if lease.is_zero() {
            return Err(Refusal::NoLease);
        }
        follower.epoch = Some(view.epoch);
        follower.last = Some(Arc::clone(&view));
        let over = u64::try_from(self.params.until_over(lease).as_nanos()).unwrap_or(u64::MAX);
        follower.until = follower.until.max(now.boot.saturating_add(over));
        Ok(Granted { view, shards: follower.shards, lease })
    }

    /// A follower has installed this.
    pub(crate) fn confirm(&self, clock: &dyn Clock, by: Incarnation, installed: &[(Shard, Stamp)]) {
        if let Some(follower) = self.followers().get_mut(&by) {
            follower.heard = clock.now().boot;
            follower.has(installed);
        }
    }

    /// A follower holds no lease any more, and takes none under this name.
    pub(crate) fn leave(&self, by: Incarnation) {
        self.followers().remove(&by);
    }

    /// What of a view may be confirmed, by shard: that which every follower has too that may
    /// answer from older states. The view was loaded before, so what is granted afterwards is
    /// granted on this view or a newer one.
    pub(crate) fn confirmable(
        &self,
        view: &View,
        clock: &dyn Clock,
        shards: &BTreeSet<Shard>,
    ) -> Vec<(Shard, Stamp)> {
        let followers = self.followers();
        let now = clock.now();
        let holding: Vec<_> = followers.values().filter(|follower| follower.holds(now)).collect();
        let lowest = |shard: Shard| {
            let mut lowest = *view.stamps.at(shard);
            for follower in holding.iter().filter(|follower| follower.shards.has(shard)) {
                let base = *follower.base.at(shard);
                if follower.epoch != Some(view.epoch) {
                    return None;
                }
                if !covers(base, lowest) {
                    lowest = Some(base).filter(|base| base.counter < lowest.counter)?;
                }
            }
            Some((shard, lowest)).filter(|(_, lowest)| lowest.counter > 0)
        };
        shards.iter().filter_map(|shard| lowest(*shard)).collect()
    }

    /// How long until the next lease is over that somebody holds.
    pub(crate) fn next_end(&self, clock: &dyn Clock) -> Option<Duration> {
        let followers = self.followers();
        let now = clock.now();
        let holding = followers.values().filter(|follower| follower.holds(now));
        holding.map(|follower| Duration::from_nanos(follower.until - now.boot)).min()
    }

    /// When all leases are over that were granted until now, by the clock of this replica.
    pub(crate) fn end(&self) -> u64 {
        self.followers().values().map(|follower| follower.until).max().unwrap_or(0)
    }

    /// How many followers there are, and how many of them hold a lease.
    pub(crate) fn count(&self, clock: &dyn Clock) -> (usize, usize) {
        let followers = self.followers();
        let now = clock.now();
        (followers.len(), followers.values().filter(|follower| follower.holds(now)).count())
    }
}
