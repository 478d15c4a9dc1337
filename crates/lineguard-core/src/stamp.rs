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

/// Some of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShardSet([u64; SHARDS / 64]);

impl ShardSet {
    /// All of them.
    pub const ALL: Self = Self([u64::MAX; SHARDS / 64]);

    /// Whether a shard is one of them.
    pub fn has(&self, shard: Shard) -> bool {
        self.0.get(shard.index() / 64).is_some_and(|word| word >> (shard.index() % 64) & 1 == 1)
    }

    /// Makes a shard one of them.
    pub fn insert(&mut self, shard: Shard) {
        if let Some(word) = self.0.get_mut(shard.index() / 64) {
            *word |= 1 << (shard.index() % 64);
        }
    }

    /// These, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Shard> {
        let own = *self;
        Shard::all().filter(move |shard| own.has(*shard))
    }
}

impl FromIterator<Shard> for ShardSet {
    fn from_iter<T: IntoIterator<Item = Shard>>(shards: T) -> Self {
        let mut set = Self::default();
        shards.into_iter().for_each(|shard| set.insert(shard));
        set
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
    fn a_set_holds_the_shards_that_were_put_into_it() {
        let shards = [Shard(0), Shard(63), Shard(64), Shard(255)];
        let set: ShardSet = shards.into_iter().rev().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), shards);
        assert_eq!(ShardSet::ALL.iter().count(), SHARDS);
        assert!(!ShardSet::default().has(Shard(0)));
    }

    #[test]
    fn every_shard_has_its_place() {
        assert_eq!(Shard::all().count(), SHARDS);
        assert!(Shard::all().enumerate().all(|(at, shard)| shard.index() == at));
    }
}
