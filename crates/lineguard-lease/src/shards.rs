//! One of something for each shard.

use lineguard_core::stamp::{SHARDS, Shard};

/// One `T` for each shard.
#[derive(Debug, Clone)]
pub(crate) struct PerShard<T>([T; SHARDS]);

impl<T> PerShard<T> {
    pub(crate) fn from_fn(mut make: impl FnMut(Shard) -> T) -> Self {
        let mut shards = Shard::all();
        Self(std::array::from_fn(|_| make(shards.next().unwrap_or(Shard(u8::MAX)))))
    }

    #[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
    pub(crate) fn at(&self, shard: Shard) -> &T {
        &self.0[shard.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
    pub(crate) fn at_mut(&mut self, shard: Shard) -> &mut T {
        &mut self.0[shard.index()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Shard, &T)> {
        Shard::all().zip(&self.0)
    }
}
