//! A replica without a database, which follows another one.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lineguard_core::feed::{Audience, Changes, Counters, Feed, Incarnation, ReplicaState};
use lineguard_core::id::Timestamp;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{ConcernRow, SHARDS, Shard, ShardSet, Stamp};

use crate::grants::{NotGranted, Renewed};
use crate::replica::guard;

/// The parent, as a follower reaches it: [`crate::Grants`] at the other end of a connection.
///
/// Requests may be late, lost or repeated. Replies must be of the request that they are taken
/// for.
#[async_trait]
pub trait Parent: Send + Sync + 'static {
    /// As [`crate::Grants::follow`]. Whoever keeps the hints calls [`crate::Freshness::hinted`].
    async fn follow(
        &self,
        by: Incarnation,
        name: &str,
        shards: &ShardSet,
    ) -> Result<(), StoreError>;

    /// As [`crate::Grants::renew`]. What went wrong on the way is
    /// [`NotGranted::Unavailable`].
    async fn renew(&self, by: Incarnation, seen: &[(Shard, Stamp)]) -> Result<Renewed, NotGranted>;

    /// As [`crate::Grants::confirm`].
    async fn confirm(
        &self,
        by: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError>;

    /// As [`crate::Grants::leave`].
    async fn leave(&self, by: Incarnation) -> Result<(), StoreError>;
}

/// The feed of a follower: start a [`crate::Freshness`] on it, with [`crate::NoBus`].
///
/// The replica has no sight of shards that it does not follow. It should ask several times in the
/// time that a parent grants ([`crate::Params::grant`] there): with a `poll` of 250 ms and a
/// `poll_timeout` of 200 ms here, one request in four may get lost.
pub struct FollowerFeed {
    parent: Arc<dyn Parent>,
    shards: ShardSet,
    /// What came with the newest counters: what changed since the ones before.
    since: Mutex<Option<Since>>,
}

/// What changed in some shards from one counter each to one stamp each.
struct Since {
    from: Vec<(Shard, u64)>,
    changes: Changes,
}

impl FollowerFeed {
    /// Follows these shards of a parent.
    pub fn new(parent: Arc<dyn Parent>, shards: ShardSet) -> Self {
        Self { parent, shards, since: Mutex::default() }
    }

    /// The parent's view as the counters of a database, and what changed kept for the question
    /// that comes next.
    fn counters_of(&self, renewed: Renewed, seen: &[(Shard, Stamp)]) -> Counters {
        let Renewed { lease, stamps, rows, complete } = renewed;
        let mut counters = vec![Stamp::default(); SHARDS];
        let mut from = Vec::new();
        for (shard, stamp) in seen.iter().chain(&stamps) {
            if let Some(counter) = counters.get_mut(shard.index()) {
                *counter = *stamp;
            }
        }
        for (shard, _) in &stamps {
            let had = seen.iter().find(|(of, _)| of == shard);
            from.push((*shard, had.map_or(0, |(_, stamp)| stamp.counter)));
        }
        *guard(&self.since) = Some(Since { from, changes: Changes { stamps, rows, complete } });
        Counters {
            lease: Some(lease),
            shards: self.shards,
            ..Counters::of_database(counters, Some(ReplicaState::Live))
        }
    }
}

/// What a follower has no part in.
fn none_of_its_business<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable { detail: "that is for the parent to do".into() })
}

#[async_trait]
impl Feed for FollowerFeed {
    fn is_database(&self) -> bool {
        false
    }

    async fn counters(
        &self,
        incarnation: Incarnation,
        seen: &[(Shard, Stamp)],
    ) -> Result<Counters, StoreError> {
        *guard(&self.since) = None;
        let none = || Counters::of_database(vec![Stamp::default(); SHARDS], None);
        match self.parent.renew(incarnation, seen).await {
            Ok(renewed) => Ok(self.counters_of(renewed, seen)),
            Err(NotGranted::Unknown) => Ok(none()),
            Err(NotGranted::OtherHistory) => Ok(Counters { other_history: true, ..none() }),
            Err(NotGranted::Unavailable { detail }) => Err(StoreError::Unavailable { detail }),
        }
    }

    async fn changes(&self, since: &[(Shard, u64)], limit: usize) -> Result<Changes, StoreError> {
        let known = guard(&self.since).take();
        let known = known.filter(|known| since.iter().all(|asked| known.from.contains(asked)));
        let known = known.map(|known| known.changes).filter(|known| known.rows.len() <= limit);
        let incomplete = Changes { stamps: Vec::new(), rows: Vec::new(), complete: false };
        Ok(known.unwrap_or(incomplete))
    }

    async fn recent(&self, _: Timestamp, _: usize) -> Result<Option<Vec<ConcernRow>>, StoreError> {
        Ok(None)
    }

    async fn register(
        &self,
        incarnation: Incarnation,
        name: &str,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.parent.follow(incarnation, name, &self.shards).await
    }

    async fn audience(&self, _: Shard) -> Result<Audience, StoreError> {
        none_of_its_business()
    }

    async fn fence(&self, _: Incarnation) -> Result<(), StoreError> {
        none_of_its_business()
    }

    async fn remove(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        self.parent.leave(incarnation).await
    }

    async fn confirm(
        &self,
        incarnation: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        self.parent.confirm(incarnation, installed).await
    }

    async fn trim(&self, _: Timestamp) -> Result<(), StoreError> {
        none_of_its_business()
    }
}

impl fmt::Debug for FollowerFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowerFeed").field("shards", &self.shards).finish_non_exhaustive()
    }
}
