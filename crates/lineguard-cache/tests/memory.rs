//! What the cache in the process takes of the heap. A program of its own, because memory that one
//! thread lets go may be given back by another.

use lineguard_cache::{L1, L1Stats, Origin, Validity};
use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::stamp::{Shard, Stamp};

const NOW: Timestamp = Timestamp(1_000);

/// A view by which everything is valid; each entry that it meets keeps its stamp.
struct Always;

impl Validity for Always {
    fn stamp(&self, _: Shard) -> Stamp {
        Stamp { counter: 2, nonce: 2 }
    }

    fn epoch(&self) -> u64 {
        0
    }

    fn valid(
        &self,
        _: Shard,
        _: Num,
        _: Stamp,
        revision: Revision,
        _: &[Concern],
    ) -> Option<Revision> {
        Some(revision)
    }
}

fn origin(concerns: &[Concern]) -> Origin {
    Origin {
        tenant: Num(1),
        shard: Shard(1),
        stamp: Stamp { counter: 1, nonce: 1 },
        revision: Revision(1),
        concerns: concerns.into(),
        not_after: None,
        epoch: 0,
    }
}

#[test]
fn it_is_bounded_by_the_bytes_that_it_really_takes() {
    const MOST: u64 = 8 << 20;
    let concerns: Vec<Concern> = (0..8).map(|num| Concern::Number(Num(num))).collect();
    for size in [0, 100, 2_000] {
        let mut stats = L1Stats::default();
        let taken = allocation_counter::measure(|| {
            let cache = L1::new(MOST, |_: &u64, value: &Vec<u8>| value.capacity());
            for key in 0..20_000 {
                cache.put(key, vec![0; size], origin(&concerns));
                cache.get(&key, &Always, NOW);
            }
            // What was evicted is given back some time later.
            for _ in 0..20 {
                (0..1_000).for_each(|key| drop(cache.get(&key, &Always, NOW)));
                stats = cache.stats();
            }
            std::mem::forget(cache);
        });
        let taken = taken.bytes_current as u64;
        assert!(stats.bytes <= MOST && stats.bytes > MOST * 9 / 10, "{stats:?}");
        assert!(taken < stats.bytes * 11 / 10, "{stats:?} take {taken}");
        assert!(taken > stats.bytes * 8 / 10, "{stats:?} take {taken}");
    }
}
