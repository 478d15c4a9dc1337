//! What tells how recent a state is: tenants share [`SHARDS`] counters, and each change raises the
//! counter of its tenant's shard.

use sha2::{Digest, Sha256};

use crate::concern::Concern;
use crate::id::{Num, Revision, TenantId};

/// How many counters there are. A fixed number keeps the question "what has changed?" one small
/// query, whatever the number of tenants.
pub const SHARDS: usize = 256;

/// Which counter the changes of a tenant raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(pub u8);

impl Shard {
    /// The shard of a tenant: the first byte of the SHA-256 of its id, the same for all time.
    pub fn of(tenant: &TenantId) -> Self {
        let [first, ..] = <[u8; 32]>::from(Sha256::digest(tenant.as_str()));
        Self(first)
    }

    /// All of them, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// Its place among [`SHARDS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A state of a shard. Of two stamps of one history the higher counter is the later; equal
/// counters with different nonces belong to different histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Stamp {
    /// The counter. Zero before the first change.
    pub counter: u64,
    /// Drawn at random by the change that raised the counter; tells a history that was lost when
    /// a database was restored from the one that took its place.
    pub nonce: u64,
}

/// One thing that one change concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcernRow {
    /// The shard.
    pub shard: Shard,
    /// The stamp that the change gave it.
    pub stamp: Stamp,
    /// The tenant.
    pub tenant: Num,
    /// The tenant's revision after the change.
    pub revision: Revision,
    /// What it concerned.
    pub concern: Concern,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_tenant_never_changes() {
        let shard = |id| Shard::of(&TenantId::parse(id).unwrap());
        // The first bytes of `printf t1 | sha256sum` and its like.
        assert_eq!(shard("t1"), Shard(0x62));
        assert_eq!(shard("T1"), Shard(0x1f));
    }

    #[test]
    fn every_shard_has_its_place() {
        assert_eq!(Shard::all().count(), SHARDS);
        assert!(Shard::all().enumerate().all(|(at, shard)| shard.index() == at));
    }
}
