use lineguard_core::id::Num;
use lineguard_core::stamp::Shard;

use super::*;
use crate::random::Random;
use crate::world::{SHARD, View, World};

type Cached = L1<u64, Vec<u8>>;

const NOW: Timestamp = Timestamp(1_000);
const T: Num = Num(1);

fn cache(max_bytes: u64) -> Cached {
    L1::new(max_bytes, |_, value| value.capacity())
}

fn put(cache: &Cached, key: u64, view: &View, concerns: &[Concern]) {
    cache.put(key, view.answer(T, concerns), view.origin(T, concerns));
}

/// A world of some changes that concern nothing of what is asked.
fn world() -> World {
    let mut world = World::default();
    (1..=3).for_each(|nonce| world.change(nonce, T, Concern::Queue(Num(99))));
    world
}

#[test]
fn an_entry_holds_until_something_it_was_built_from_changes() {
    let (cache, mut world) = (cache(1 << 20), world());
    let member = [Concern::Member(Num(5))];
    put(&cache, 1, &world.view(), &member);
    world.change(10, T, Concern::Member(Num(6)));
    world.change(11, Num(2), Concern::Member(Num(5)));
    let view = world.view();
    let hit = cache.get(&1, &view, NOW).unwrap();
    assert_eq!(hit.value, view.answer(T, &member));
    assert_eq!((hit.revision, hit.stamp), (Revision(4), view.stamp(SHARD)));
    world.change(12, T, Concern::Member(Num(5)));
    assert_eq!(cache.get(&1, &world.view(), NOW), None);
    let L1Stats { hits, misses, stale, entries, bytes } = cache.stats();
    assert_eq!((hits, misses, stale, entries, bytes), (1, 1, 1, 0, 0));
}

#[test]
fn a_change_of_the_tenant_ends_all_its_entries() {
    let (cache, mut world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[Concern::Fax(Num(5))]);
    world.change(10, T, Concern::Tenant);
    assert_eq!(cache.get(&1, &world.view(), NOW), None);
}

#[test]
fn an_entry_ends_with_its_time_at_the_very_moment() {
    let (cache, view) = (cache(1 << 20), world().view());
    let origin = Origin { not_after: Some(NOW), ..view.origin(T, &[]) };
    cache.put(1, vec![1], origin);
    assert!(cache.get(&1, &view, Timestamp(NOW.0 - 1)).is_some());
    assert!(cache.get(&1, &view, NOW).is_none());
    assert_eq!(cache.stats().entries, 0);
}

#[test]
fn an_entry_of_another_history_is_never_valid() {
    let (cache, mut world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[]);
    assert!(cache.get(&1, &world.view(), NOW).is_some());
    world.restore(3);
    assert_eq!(cache.get(&1, &world.view(), NOW), None, "the epoch is another, if nothing else");

    world.change(4, T, Concern::Fax(Num(1)));
    put(&cache, 2, &world.view(), &[]);
    world.restore(3);
    world.change(5, T, Concern::Fax(Num(1)));
    let view = world.view();
    // As if nobody had noticed that the history is another: the nonce tells.
    cache.put(3, vec![], Origin { stamp: Stamp { counter: 4, nonce: 4 }, ..view.origin(T, &[]) });
    assert_eq!(cache.get(&2, &view, NOW), None);
    assert_eq!(cache.get(&3, &view, NOW), None);
}

#[test]
fn a_view_that_is_older_than_an_entry_neither_uses_nor_removes_it() {
    let (cache, mut world) = (cache(1 << 20), world());
    let old = world.view();
    world.change(10, T, Concern::Fax(Num(1)));
    put(&cache, 1, &world.view(), &[Concern::Fax(Num(1))]);
    assert_eq!(cache.get(&1, &old, NOW), None);
    assert!(cache.get(&1, &world.view(), NOW).is_some());
}

#[test]
fn a_view_that_is_older_than_the_last_test_tests_by_the_birth_of_the_entry() {
    let (cache, mut world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[]);
    world.change(10, T, Concern::Fax(Num(1)));
    let old = world.view();
    world.change(11, T, Concern::Fax(Num(1)));
    assert_eq!(cache.get(&1, &world.view(), NOW).unwrap().revision, Revision(5));
    let hit = cache.get(&1, &old, NOW).unwrap();
    assert_eq!((hit.revision, hit.stamp), (Revision(4), old.stamp(SHARD)));
}

/// A view that knows only the newest changes, as a replica does whose records are bounded.
struct Forgetful {
    view: View,
    floor: u64,
}

impl Validity for Forgetful {
    fn stamp(&self, shard: Shard) -> Stamp {
        self.view.stamp(shard)
    }

    fn epoch(&self) -> u64 {
        self.view.epoch()
    }

    fn valid(
        &self,
        shard: Shard,
        tenant: Num,
        stamp: Stamp,
        revision: Revision,
        concerns: &[Concern],
    ) -> Option<Revision> {
        let known = stamp.counter >= self.floor;
        let now = known.then(|| self.view.valid(shard, tenant, stamp, revision, concerns))??;
        // It does not remember the tenant's revision any more, only what it is told.
        Some(if self.floor > 0 { revision } else { now })
    }
}

#[test]
fn an_entry_that_passed_is_tested_from_there_on() {
    let (cache, mut world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[]);
    put(&cache, 2, &world.view(), &[]);
    world.change(10, T, Concern::Fax(Num(1)));
    assert!(cache.get(&1, &world.view(), NOW).is_some());
    let forgetful = Forgetful { view: world.view(), floor: 4 };
    let hit = cache.get(&1, &forgetful, NOW).unwrap();
    assert_eq!(hit.revision, Revision(4), "the revision of the view that it passed by");
    assert_eq!(cache.get(&2, &forgetful, NOW), None, "it began below the floor");

    world.change(11, T, Concern::Fax(Num(1)));
    let older = Forgetful { view: world.view(), floor: 5 };
    assert_eq!(cache.get(&1, &older, NOW), None);
}

#[test]
fn a_view_from_before_the_last_test_that_cannot_tell_removes_nothing() {
    let (cache, mut world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[]);
    world.change(10, T, Concern::Fax(Num(1)));
    let old = Forgetful { view: world.view(), floor: 4 };
    world.change(11, T, Concern::Fax(Num(1)));
    assert!(cache.get(&1, &world.view(), NOW).is_some());
    assert_eq!(cache.get(&1, &old, NOW), None);
    assert!(cache.get(&1, &world.view(), NOW).is_some());
}

#[test]
fn an_entry_does_not_take_the_place_of_a_later_one() {
    let (cache, mut world) = (cache(1 << 20), world());
    let old = world.view();
    world.change(10, T, Concern::Fax(Num(1)));
    let fax = [Concern::Fax(Num(1))];
    put(&cache, 1, &world.view(), &fax);
    put(&cache, 1, &old, &fax);
    assert!(cache.get(&1, &world.view(), NOW).is_some());

    // Of the same state it does: its time may end later.
    let ends = |end| Origin { not_after: Some(Timestamp(end)), ..world.view().origin(T, &[]) };
    cache.put(2, vec![1], ends(500));
    cache.put(2, vec![2], ends(2_000));
    assert_eq!(cache.get(&2, &world.view(), NOW).unwrap().value, [2]);
}

#[test]
fn only_the_entry_that_was_tested_is_removed() {
    let (cache, world) = (cache(1 << 20), world());
    put(&cache, 1, &world.view(), &[]);
    let tested = cache.entries.get(&1).unwrap();
    put(&cache, 1, &world.view(), &[]);
    cache.remove(&1, &tested);
    assert!(cache.get(&1, &world.view(), NOW).is_some());
}

/// Whatever is changed, asked and restored in whatever order, by whatever views: an answer is that
/// of its view.
#[test]
fn every_hit_is_the_answer_of_its_view() {
    let mut hits = 0;
    for seed in 0..200 {
        hits += every_hit_of(&mut Random::seeded(seed));
    }
    assert!(hits > 200 * 30, "{hits} hits: nothing was tested, or too much is outdated");
}

fn every_hit_of(random: &mut Random) -> u64 {
    let (cache, mut world) = (cache(1 << 20), world());
    let mut views = vec![world.view()];
    let concern = |num: usize| match num {
        0 => Concern::Tenant,
        num => Concern::Member(Num(num as u64 % 6)),
    };
    // A question asks a tenant about two things.
    let questions: Vec<(Num, [Concern; 2])> = (0..8)
        .map(|num| (Num(num % 2), [1, 2].map(|of| Concern::Member(Num(num / of % 6)))))
        .collect();
    for _ in 0..400 {
        match random.below(20) {
            0 => {
                let thing = random.below(12);
                world.change(random.next(), Num(random.next() % 2), concern(thing));
                views.push(world.view());
            }
            1 if random.below(10) == 0 => {
                let Stamp { counter, .. } = world.view().stamp(SHARD);
                world.restore(counter - random.next() % 3);
                // Views of the lost history are not used any more; entries may be.
                views = vec![world.view()];
            }
            step => {
                let at = random.below(views.len());
                let view = &views[if step < 10 { views.len() - 1 } else { at }];
                let key = random.below(questions.len());
                let (tenant, concerns) = &questions[key];
                let truth = view.answer(*tenant, concerns);
                match cache.get(&(key as u64), view, NOW) {
                    None => cache.put(key as u64, truth, view.origin(*tenant, concerns)),
                    Some(hit) => {
                        assert_eq!(hit.value, truth);
                        assert_eq!(hit.revision, view.revision(*tenant));
                        assert_eq!(hit.stamp, view.stamp(SHARD));
                    }
                }
            }
        }
    }
    cache.stats().hits
}

#[test]
fn many_threads_get_right_answers_only() {
    let cache = cache(1 << 20);
    let mut world = world();
    let mut views = Vec::new();
    let mut random = Random::seeded(77);
    for _ in 0..200 {
        world.change(random.next(), T, Concern::Member(Num(random.next() % 4)));
        views.push(world.view());
    }
    let latest = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, views, latest) = (cache.clone(), &views, &latest);
            scope.spawn(move || {
                let mut random = Random::seeded(thread);
                for at in 0..views.len() {
                    latest.fetch_max(at, std::sync::atomic::Ordering::Relaxed);
                    for _ in 0..50 {
                        let view = &views[latest.load(std::sync::atomic::Ordering::Relaxed)];
                        let key = random.next() % 4;
                        let concerns = [Concern::Member(Num(key))];
                        let truth = view.answer(T, &concerns);
                        match cache.get(&key, view, NOW) {
                            None => cache.put(key, truth, view.origin(T, &concerns)),
                            Some(hit) => {
                                assert_eq!(hit.value, truth);
                                assert_eq!(hit.revision, view.revision(T));
                            }
                        }
                    }
                }
            });
        }
    });
    assert!(cache.stats().hits > 10_000, "{:?}", cache.stats());
}
