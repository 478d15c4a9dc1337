//! The cache in the process.

mod entry;

use std::hash::Hash;
use std::sync::Arc;

use lineguard_core::concern::Concern;
use lineguard_core::id::{Revision, Timestamp};
use lineguard_core::stamp::Stamp;
use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::origin::{Origin, Validity};
use crate::tally::Tally;
use entry::{Entry, Tested};

/// What an entry takes beyond its key, its value and its concerns: the nodes of the table, of the
/// queues that decide what to evict, and of the last successful test.
const OVERHEAD: usize = 368;

/// Answers kept in the process, bounded by bytes. Cheap to clone; clones share the entries.
///
/// An entry never changes once it is in, but for the record of the last view that found it valid.
pub struct L1<K, V> {
    entries: Cache<K, Arc<Entry<V>>>,
    weigh: fn(&K, &V) -> usize,
    tally: Arc<Tally<3>>,
}

const HIT: usize = 0;
const MISS: usize = 1;
const STALE: usize = 2;

/// An answer that holds in the view it was asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<V> {
    /// The answer.
    pub value: V,
    /// The tenant's revision in that view.
    pub revision: Revision,
    /// The state of the tenant's shard in that view. What is put together from several hits of one
    /// view has this for its own stamp.
    pub stamp: Stamp,
    /// All things that it was built from.
    pub concerns: Arc<[Concern]>,
    /// The moment at which it ends to hold.
    pub not_after: Option<Timestamp>,
}

/// What a cache counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Stats {
    /// Valid entries found.
    pub hits: u64,
    /// Times that no valid entry was found.
    pub misses: u64,
    /// How many of the misses found an entry that was not valid.
    pub stale: u64,
    /// Entries present.
    pub entries: u64,
    /// What they are taken to occupy, in bytes.
    pub bytes: u64,
}

impl<K, V> L1<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most so many bytes. `weigh` says what a key and a value own beyond their own
    /// size, in bytes; all else is added.
    pub fn new(max_bytes: u64, weigh: fn(&K, &V) -> usize) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, entry: &Arc<Entry<V>>| entry.bytes)
            .build();
        Self { entries, weigh, tally: Arc::new(Tally::new()) }
    }

    /// The answer under a key, if it holds in this view and at this time.
    pub fn get<Q>(&self, key: &Q, sight: &impl Validity, now: Timestamp) -> Option<Hit<V>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Some(entry) = self.entries.get(key) else {
            self.tally.raise(MISS);
            return None;
        };
        match entry.test(sight, now) {
            Tested::Valid { stamp, revision } => {
                self.tally.raise(HIT);
                let Origin { concerns, not_after, .. } = &entry.origin;
                let (concerns, not_after) = (concerns.clone(), *not_after);
                let value = entry.value.clone();
                Some(Hit { value, revision, stamp, concerns, not_after })
            }
            Tested::Later => {
                self.missed_stale();
                None
            }
            Tested::Over => {
                self.missed_stale();
                self.remove(key, &entry);
                None
            }
        }
    }

    /// Keeps an answer. An entry of a later state stays where it is.
    pub fn put(&self, key: K, value: V, origin: Origin) {
        let bytes = size_of::<K>()
            .saturating_add((self.weigh)(&key, &value))
            .saturating_add(size_of::<Entry<V>>())
            .saturating_add(size_of_val(&*origin.concerns))
            .saturating_add(OVERHEAD);
        let entry = Entry::new(value, origin, u32::try_from(bytes).unwrap_or(u32::MAX));
        self.entries.entry(key).and_compute_with(|present| match present {
            Some(present) if present.value().is_later_than(&entry) => Op::Nop,
            _ => Op::Put(Arc::new(entry)),
        });
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.invalidate_all();
    }

    /// What was counted so far, and what is there.
    pub fn stats(&self) -> L1Stats {
        // Otherwise the last writes would not be in the figures yet.
        self.entries.run_pending_tasks();
        let [hits, misses, stale] = self.tally.read();
        let (entries, bytes) = (self.entries.entry_count(), self.entries.weighted_size());
        L1Stats { hits, misses, stale, entries, bytes }
    }

    fn missed_stale(&self) {
        self.tally.raise(MISS);
        self.tally.raise(STALE);
    }

    /// Removes this very entry, not one that took its place meanwhile.
    fn remove<Q>(&self, key: &Q, entry: &Arc<Entry<V>>)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.entries.entry_by_ref(key).and_compute_with(|present| match present {
            Some(present) if Arc::ptr_eq(present.value(), entry) => Op::Remove,
            _ => Op::Nop,
        });
    }
}

impl<K, V> Clone for L1<K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), weigh: self.weigh, tally: self.tally.clone() }
    }
}

#[cfg(test)]
mod tests;
