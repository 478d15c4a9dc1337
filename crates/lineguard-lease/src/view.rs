//! What a replica has seen of its database, and what may be answered from it.

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::concern::Concern;
use lineguard_core::feed::Incarnation;
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{Shard, ShardSet, Stamp};

use super::records::{Built, Records};
use crate::clock::Moment;
use crate::shards::PerShard;

/// What a poll showed, and whether a lease was taken on it. One object, replaced as a whole.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) epoch: u64,
    pub(crate) incarnation: Incarnation,
    pub(crate) stamps: PerShard<Stamp>,
    /// When the newest poll that was accepted was sent.
    pub(crate) polled: Moment,
    /// For how long from `polled` on answers may be given from it; none if no lease is held.
    pub(crate) lease: Option<Duration>,
    /// The shards that it shows.
    pub(crate) shards: ShardSet,
    pub(crate) records: Arc<Records>,
}

/// A view with what is needed to test cached entries. Load it once for a question, before the
/// entries, and again after every wait.
#[derive(Clone)]
pub struct Sight(pub(crate) Arc<View>);

impl Sight {
    /// The stamp of a shard at this view.
    pub fn stamp(&self, shard: Shard) -> Stamp {
        *self.0.stamps.at(shard)
    }

    /// Changes when nothing that was cached before may be used any more, because the database
    /// shows another history.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Whether something that was built at `stamp`, from what `concerns` names, is still true at
    /// this view; then the tenant's revision at this view. `revision` is the tenant's revision at
    /// `stamp`.
    ///
    /// Something that passed may be kept under this view's stamp and the revision returned.
    pub fn valid(
        &self,
        shard: Shard,
        tenant: Num,
        stamp: Stamp,
        revision: Revision,
        concerns: &[Concern],
    ) -> Option<Revision> {
        if !self.0.shards.has(shard) {
            return None;
        }
        let built = Built { tenant, stamp, revision, concerns };
        self.0.records.valid(self.0.epoch, shard, self.stamp(shard), &built)
    }
}

impl std::fmt::Debug for Sight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let View { epoch, incarnation, polled, lease, .. } = &*self.0;
        f.debug_struct("Sight")
            .field("epoch", epoch)
            .field("incarnation", incarnation)
            .field("polled", polled)
            .field("lease", lease)
            .finish_non_exhaustive()
    }
}
