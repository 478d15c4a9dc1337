//! What it costs to find an answer in the process, its test included.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::{Bencher, counter::ItemsCount};
use lineguard_cache::{L1, Origin, Validity};
use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::stamp::{Shard, Stamp};

const ENTRIES: u64 = 10_000;
const NOW: Timestamp = Timestamp(1_000);

fn main() {
    divan::main();
}

/// A view at some counter; asked, it compares each concern, as one that knows of changes does.
struct View(u64);

impl Validity for View {
    fn stamp(&self, _: Shard) -> Stamp {
        Stamp { counter: self.0, nonce: self.0 }
    }

    fn epoch(&self) -> u64 {
        1
    }

    fn valid(
        &self,
        _: Shard,
        _: Num,
        _: Stamp,
        revision: Revision,
        concerns: &[Concern],
    ) -> Option<Revision> {
        let changed = black_box(Concern::Queue(Num(u64::MAX)));
        (!concerns.contains(&changed)).then_some(revision)
    }
}

/// A question as it is asked: some sixty bytes.
fn key(number: u64) -> Vec<u8> {
    format!("tenant-0001 member {number:08} fax.view on fax {:08}", number * 7).into_bytes()
}

fn filled() -> L1<Vec<u8>, Arc<str>> {
    let cache = L1::new(64 << 20, |key: &Vec<u8>, value: &Arc<str>| key.capacity() + value.len());
    let concerns: Arc<[Concern]> = (0..6).map(|num| Concern::Group(Num(num))).collect();
    for number in 0..ENTRIES {
        let origin = Origin {
            tenant: Num(1),
            shard: Shard(1),
            stamp: Stamp { counter: 1, nonce: 1 },
            revision: Revision(1),
            concerns: concerns.clone(),
            not_after: None,
            epoch: 1,
        };
        cache.put(key(number), Arc::from("allow"), origin);
    }
    cache.stats();
    cache
}

fn get_all_of(bencher: Bencher, of: u64, view: impl Fn() -> View + Sync) {
    let cache = filled();
    let keys: Vec<_> = (0..ENTRIES).step_by((ENTRIES / of) as usize).map(key).collect();
    bencher.counter(ItemsCount::new(keys.len())).bench(|| {
        let view = view();
        for key in &keys {
            black_box(cache.get(key.as_slice(), &view, NOW));
        }
    });
}

/// Entries that an earlier request tested by the same view.
#[divan::bench(threads = [1, 2])]
fn tested_before(bencher: Bencher) {
    get_all_of(bencher, 1_000, || View(2));
}

/// One entry over and over: all threads meet in it.
#[divan::bench(threads = [1, 2])]
fn one_entry(bencher: Bencher) {
    get_all_of(bencher, 1, || View(2));
}

/// Each time a new view, so each entry is tested, and keeps the new stamp.
#[divan::bench(threads = [1, 2])]
fn tested_anew(bencher: Bencher) {
    let counter = AtomicU64::new(2);
    get_all_of(bencher, 1_000, || View(counter.fetch_add(1, Ordering::Relaxed)));
}

/// Nothing there.
#[divan::bench]
fn absent(bencher: Bencher) {
    let cache = filled();
    let keys: Vec<_> = (ENTRIES..ENTRIES + 1_000).map(key).collect();
    bencher.counter(ItemsCount::new(keys.len())).bench(|| {
        for key in &keys {
            black_box(cache.get(key.as_slice(), &View(2), NOW));
        }
    });
}

/// What is put takes the place of what was there.
#[divan::bench]
fn put(bencher: Bencher) {
    let cache = filled();
    let concerns: Arc<[Concern]> = (0..6).map(|num| Concern::Group(Num(num))).collect();
    let mut counter = 2;
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        counter += 1;
        let origin = Origin {
            tenant: Num(1),
            shard: Shard(1),
            stamp: Stamp { counter, nonce: counter },
            revision: Revision(1),
            concerns: concerns.clone(),
            not_after: None,
            epoch: 1,
        };
        cache.put(key(counter % ENTRIES), Arc::from("allow"), origin);
    });
}
