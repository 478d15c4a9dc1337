use std::sync::Arc;

use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::Sight;

/// Where an answer came from: what has to be known to tell whether it still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose answer it is.
    pub tenant: Num,
    /// The shard of that tenant.
    pub shard: Shard,
    /// The state of the shard that the answer was read from, by the statement that read it.
    pub stamp: Stamp,
    /// The revision of the tenant in that state.
    pub revision: Revision,
    /// All things that it was built from.
    pub concerns: Arc<[Concern]>,
    /// The moment at which it ends to hold by the passing of time alone; at the moment itself it
    /// does not hold any more.
    pub not_after: Option<Timestamp>,
    /// The epoch in which the stamp was known, see [`Validity::epoch`].
    pub epoch: u64,
}

impl Origin {
    /// Whether time alone has not ended it.
    pub(crate) fn is_timely(&self, now: Timestamp) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }
}

/// A view of the present, by which entries are tested. A request takes one view and tests
/// everything by it.
pub trait Validity {
    /// The state of a shard in this view.
    fn stamp(&self, shard: Shard) -> Stamp;

    /// Grows when everything that was cached before must not be used any more, because the database
    /// turned out to have another history.
    fn epoch(&self) -> u64;

    /// Whether something that was true at `stamp`, and built from `concerns`, is still true in this
    /// view; and if so, the tenant's revision in this view, where `revision` is that at `stamp`. A
    /// stamp above that of the view never is.
    ///
    /// Where there is none though the stamp is not above that of the view, the entry is given up:
    /// later views seldom say otherwise.
    fn valid(
        &self,
        shard: Shard,
        tenant: Num,
        stamp: Stamp,
        revision: Revision,
        concerns: &[Concern],
    ) -> Option<Revision>;
}

impl Validity for Sight {
    fn stamp(&self, shard: Shard) -> Stamp {
        self.stamp(shard)
    }

    fn epoch(&self) -> u64 {
        self.epoch()
    }

    fn valid(
        &self,
        shard: Shard,
        tenant: Num,
        stamp: Stamp,
        revision: Revision,
        concerns: &[Concern],
    ) -> Option<Revision> {
        self.valid(shard, tenant, stamp, revision, concerns)
    }
}
