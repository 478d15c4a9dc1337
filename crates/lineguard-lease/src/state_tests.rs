//! The rules of [`State::install`] and of [`Sight::valid`], by example and against a slow model.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use lineguard_core::concern::Concern;
use lineguard_core::feed::{Changes, Counters, Incarnation, ReplicaState};
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

use crate::clock::{Clock, Moment};
use crate::plan::Fault;
use crate::state::{Outcome, Poll, Reply, State};

const LEASE: Duration = Duration::from_secs(5);
const SECOND: u64 = 1_000_000_000;
const SHARD: Shard = Shard(200);
const TENANT: Num = Num(4);

/// A clock that stands where it is put.
#[derive(Default)]
struct Hand(std::sync::atomic::AtomicU64);

impl Hand {
    fn put(&self, seconds: u64) {
        self.0.store(seconds * SECOND, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Moment {
        let now = self.0.load(std::sync::atomic::Ordering::SeqCst);
        Moment { boot: now, real: now + 77 * SECOND }
    }
}

fn stamp(counter: u64) -> Stamp {
    match counter {
        0 => Stamp::default(),
        counter => Stamp { counter, nonce: 1_000 + counter },
    }
}

fn row(counter: u64, concern: Concern) -> ConcernRow {
    let revision = Revision(counter);
    ConcernRow { shard: SHARD, stamp: stamp(counter), tenant: TENANT, revision, concern }
}

fn member(counter: u64) -> ConcernRow {
    row(counter, Concern::Member(Num(counter)))
}

fn counters(at: Stamp) -> Counters {
    let stamps = Shard::all().map(|shard| if shard == SHARD { at } else { Stamp::default() });
    Counters::of_database(stamps.collect(), Some(ReplicaState::Live))
}

fn reply(at: Stamp, rows: impl IntoIterator<Item = ConcernRow>) -> Reply {
    let rows = rows.into_iter().collect();
    let changes = Changes { stamps: vec![(SHARD, at)], rows, complete: true };
    Reply { counters: counters(at), changes: Some(changes), recent: Vec::new() }
}

/// A replica whose view is at a counter, with the clock at 100 seconds.
fn replica_at(counter: u64) -> (State, Hand) {
    let (state, clock) = (State::new(LEASE, 1_024), Hand::default());
    clock.put(100);
    state.enroll(Incarnation([1; 16]));
    let poll = state.begin(&clock).unwrap();
    let first = Reply { counters: counters(stamp(counter)), changes: None, recent: Vec::new() };
    assert!(matches!(state.install(&poll, first), Outcome::Installed(_)));
    (state, clock)
}

fn seen(state: &State, clock: &Hand) -> Option<u64> {
    state.sight(clock, SHARD).map(|sight| sight.stamp(SHARD).counter)
}

#[test]
fn a_lease_lasts_from_before_the_poll_was_sent() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    clock.put(104);
    assert_eq!(seen(&state, &clock), Some(3));
    assert_eq!(
        state.install(&poll, reply(stamp(3), [])),
        Outcome::Installed(Vec::new()),
        "nothing moved",
    );
    clock.put(105);
    assert_eq!(seen(&state, &clock), None, "it was sent at 100, whenever it came back");
    assert!(state.view().is_some());
}

#[test]
fn of_two_polls_in_flight_either_may_come_first() {
    for late_first in [true, false] {
        let (state, clock) = replica_at(3);
        let older: Poll = state.begin(&clock).unwrap();
        clock.put(102);
        let newer = state.begin(&clock).unwrap();
        let (old, new) = (
            || reply(stamp(4), [member(3), member(4)]),
            || reply(stamp(5), [member(3), member(4), member(5)]),
        );
        if late_first {
            assert!(matches!(state.install(&older, old()), Outcome::Installed(_)));
            assert_eq!(seen(&state, &clock), Some(4));
            assert!(matches!(state.install(&newer, new()), Outcome::Installed(_)));
        } else {
            assert!(matches!(state.install(&newer, new()), Outcome::Installed(_)));
            assert_eq!(state.install(&older, old()), Outcome::Late);
        }
        assert_eq!(seen(&state, &clock), Some(5));
        clock.put(106);
        assert_eq!(seen(&state, &clock), Some(5), "the lease is that of the newer");
        clock.put(107);
        assert_eq!(seen(&state, &clock), None);
    }
}

#[test]
fn a_late_reply_that_shows_the_same_never_shortens_the_lease() {
    let (state, clock) = replica_at(3);
    let older = state.begin(&clock).unwrap();
    clock.put(102);
    let newer = state.begin(&clock).unwrap();
    assert!(matches!(state.install(&newer, reply(stamp(3), [])), Outcome::Installed(_)));
    assert!(matches!(state.install(&older, reply(stamp(3), [])), Outcome::Installed(_)));
    clock.put(106);
    assert_eq!(seen(&state, &clock), Some(3));
}

#[test]
fn a_lower_counter_in_a_poll_sent_after_the_last_install_is_another_history() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    let outcome = state.install(&poll, reply(stamp(2), []));
    assert_eq!(outcome, Outcome::OtherHistory(Fault::Lower(SHARD)));
    assert_eq!((seen(&state, &clock), state.epoch()), (None, 1));
    assert!(state.view().is_none() && state.incarnation().is_none());
    assert!(state.begin(&clock).is_none(), "not before another incarnation is registered");
}

#[test]
fn what_was_in_flight_when_the_history_was_lost_is_discarded() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    let other = state.begin(&clock).unwrap();
    assert!(matches!(state.install(&poll, reply(stamp(2), [])), Outcome::OtherHistory(_)));
    state.enroll(Incarnation([2; 16]));
    assert_eq!(state.install(&other, reply(stamp(3), [])), Outcome::Late);
    assert_eq!(seen(&state, &clock), None);
}

#[test]
fn a_sight_of_a_lost_history_uses_nothing_of_the_next() {
    let (state, clock) = replica_at(3);
    let sight = state.sight(&clock, SHARD).unwrap();
    let poll = state.begin(&clock).unwrap();
    let next = Stamp { counter: 2, nonce: 5 };
    assert!(matches!(state.install(&poll, reply(next, [])), Outcome::OtherHistory(_)));
    state.enroll(Incarnation([2; 16]));
    let poll = state.begin(&clock).unwrap();
    assert!(matches!(state.install(&poll, reply(next, [])), Outcome::Installed(_)));
    assert_eq!(sight.valid(SHARD, TENANT, next, Revision(2), &[]), None);
    let sight = state.sight(&clock, SHARD).unwrap();
    assert_eq!(sight.valid(SHARD, TENANT, next, Revision(2), &[]), Some(Revision(2)));
}

#[test]
fn the_own_change_must_be_the_same_one() {
    let other = Stamp { counter: 3, nonce: 5 };
    let mut otherwise = member(3);
    otherwise.stamp = other;
    let cases = [
        (reply(other, []), Fault::OtherNonce(SHARD)),
        (reply(stamp(4), [otherwise, member(4)]), Fault::OtherNonce(SHARD)),
        (reply(stamp(4), [otherwise, member(3), member(4)]), Fault::OtherNonce(SHARD)),
        (reply(stamp(4), [member(4)]), Fault::NoRow(SHARD)),
    ];
    for (reply, fault) in cases {
        let (state, clock) = replica_at(3);
        let poll = state.begin(&clock).unwrap();
        assert_eq!(state.install(&poll, reply), Outcome::OtherHistory(fault));
    }
}

#[test]
fn a_shard_that_never_changed_has_no_change_to_find() {
    let (state, clock) = replica_at(0);
    let poll = state.begin(&clock).unwrap();
    let outcome = state.install(&poll, reply(stamp(1), [member(1)]));
    assert_eq!(outcome, Outcome::Installed(vec![(SHARD, stamp(1))]));
    let sight = state.sight(&clock, SHARD).unwrap();
    let valid = |concern| sight.valid(SHARD, TENANT, Stamp::default(), Revision(0), &[concern]);
    assert_eq!(valid(Concern::Member(Num(2))), Some(Revision(1)));
    assert_eq!(valid(Concern::Member(Num(1))), None);
}

#[test]
fn a_reply_that_moves_back_between_its_statements_is_another_history() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    let moved = Reply { counters: counters(stamp(5)), ..reply(stamp(4), [member(3), member(4)]) };
    assert_eq!(state.install(&poll, moved), Outcome::OtherHistory(Fault::Lower(SHARD)));
}

#[test]
fn a_poll_shows_at_least_what_had_been_answered_when_it_was_sent() {
    let (state, clock) = replica_at(3);
    state.raise_answered(SHARD, 4);
    assert_eq!(seen(&state, &clock), None, "older than an answer that was given");
    let poll = state.begin(&clock).unwrap();
    state.raise_answered(SHARD, 9);
    let four = reply(stamp(4), [member(3), member(4)]);
    assert!(matches!(state.install(&poll, four), Outcome::Installed(_)));
    assert_eq!(seen(&state, &clock), None);
    let poll = state.begin(&clock).unwrap();
    let outcome = state.install(&poll, reply(stamp(4), []));
    assert_eq!(outcome, Outcome::OtherHistory(Fault::Lower(SHARD)));
    assert_eq!(state.answered(SHARD), 0, "what was answered is of no account any more");
}

#[test]
fn who_is_fenced_or_unknown_gets_no_lease() {
    for fenced in [Some(ReplicaState::Fenced), None] {
        let (state, clock) = replica_at(3);
        let poll = state.begin(&clock).unwrap();
        let counters = Counters { state: fenced, ..counters(stamp(3)) };
        let reply = Reply { counters, changes: None, recent: Vec::new() };
        assert_eq!(state.install(&poll, reply), Outcome::NotLive);
        assert_eq!((seen(&state, &clock), state.incarnation(), state.epoch()), (None, None, 0));
        assert!(state.view().is_some(), "it may still be continued");
        state.enroll(Incarnation([2; 16]));
        let poll = state.begin(&clock).unwrap();
        let again = state.install(&poll, reply_without_rows(3));
        assert_eq!(again, Outcome::Installed(vec![(SHARD, stamp(3))]), "confirmed anew");
        assert_eq!(seen(&state, &clock), Some(3));
    }
}

fn reply_without_rows(counter: u64) -> Reply {
    Reply { counters: counters(stamp(counter)), changes: None, recent: Vec::new() }
}

#[test]
fn nothing_is_installed_after_the_end() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    assert_eq!(state.stop(), Some(Incarnation([1; 16])));
    assert_eq!(state.stop(), None);
    assert_eq!(state.install(&poll, reply_without_rows(3)), Outcome::Late);
    assert!(state.view().is_none() && state.begin(&clock).is_none());
}

#[test]
fn the_tenant_outdates_all_that_is_its_own() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    let rows = [member(3), row(4, Concern::Tenant)];
    assert!(matches!(state.install(&poll, reply(stamp(4), rows)), Outcome::Installed(_)));
    let sight = state.sight(&clock, SHARD).unwrap();
    let valid = |tenant| sight.valid(SHARD, tenant, stamp(3), Revision(3), &[]);
    assert_eq!((valid(TENANT), valid(Num(5))), (None, Some(Revision(3))));
}

#[test]
fn the_time_before_the_first_poll_is_known_as_far_as_no_change_is_missing() {
    let (state, clock) = (State::new(LEASE, 1_024), Hand::default());
    state.enroll(Incarnation([1; 16]));
    let poll = state.begin(&clock).unwrap();
    let recent = [2, 4, 5, 6, 7].map(member).to_vec();
    let first = Reply { recent, ..reply_without_rows(6) };
    assert!(matches!(state.install(&poll, first), Outcome::Installed(_)));
    let sight = state.sight(&clock, SHARD).unwrap();
    let valid =
        |at, thing| sight.valid(SHARD, TENANT, at, Revision(4), &[Concern::Member(Num(thing))]);
    assert_eq!(valid(stamp(4), 9), Some(Revision(6)));
    assert_eq!(valid(stamp(4), 5), None);
    assert_eq!(valid(stamp(3), 9), None, "3 is missing");
    assert_eq!(valid(stamp(2), 9), None);
    assert_eq!(valid(stamp(7), 9), None, "above the view");
    assert_eq!(valid(Stamp { counter: 5, nonce: 1 }, 9), None, "of another history");
    assert_eq!(valid(Stamp { counter: 6, nonce: 1 }, 9), None, "of another history");
}

#[test]
fn to_look_and_to_test_an_entry_allocates_nothing() {
    let (state, clock) = replica_at(3);
    let poll = state.begin(&clock).unwrap();
    assert!(matches!(
        state.install(&poll, reply(stamp(4), [member(3), member(4)])),
        Outcome::Installed(_)
    ));
    let concerns = [Concern::Member(Num(9)), Concern::Group(Num(2))];
    let test = || {
        for at in [stamp(3), stamp(4)] {
            let sight = state.sight(&clock, SHARD).unwrap();
            assert!(sight.valid(SHARD, TENANT, at, Revision(3), &concerns).is_some());
        }
    };
    // What a thread needs once.
    test();
    assert_eq!(allocation_counter::measure(test).count_total, 0);
}

/// SplitMix64.
struct Random(Cell<u64>);

impl Random {
    fn below(&self, limit: u64) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let z = self.0.get();
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// The slow model: every change that ever happened to one shard.
#[derive(Default)]
struct Truth(BTreeMap<u64, Vec<ConcernRow>>);

impl Truth {
    fn counter(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(counter, _)| *counter)
    }

    fn change(&mut self, random: &Random) {
        let counter = self.counter() + 1;
        let rows = (0..random.below(4)).map(|_| {
            let concern = match random.below(12) {
                0 => Concern::Tenant,
                thing => Concern::Member(Num(thing)),
            };
            let tenant = Num(random.below(3));
            let before: u64 = self
                .rows()
                .filter(|row| row.tenant == tenant)
                .map(|r| r.revision.0)
                .max()
                .unwrap_or(0);
            ConcernRow { tenant, revision: Revision(before + 1), ..row(counter, concern) }
        });
        let rows = rows.collect();
        self.0.insert(counter, rows);
    }

    fn rows(&self) -> impl Iterator<Item = &ConcernRow> {
        self.0.values().flatten()
    }

    fn read(&self, from: u64) -> Reply {
        reply(stamp(self.counter()), self.rows().filter(|row| row.stamp.counter >= from).copied())
    }

    fn revision(&self, tenant: Num, at: u64) -> Revision {
        let of = self.rows().filter(|row| row.tenant == tenant && row.stamp.counter <= at);
        of.map(|row| row.revision).max().unwrap_or_default()
    }

    /// Whether something really changed between two states; a change without a row may be any.
    fn changed(&self, tenant: Num, thing: Concern, after: u64, to: u64) -> bool {
        let concerns = |row: &ConcernRow| {
            row.tenant == tenant && (row.concern == thing || row.concern == Concern::Tenant)
        };
        let mut between = self.0.range(after..=to).skip_while(|(counter, _)| **counter == after);
        between.any(|(_, rows)| rows.is_empty() || rows.iter().any(concerns))
    }
}

#[test]
fn nothing_is_valid_that_changed_and_every_revision_is_right() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..400 {
        let random = Random(Cell::new(seed));
        let clock = Hand::default();
        let state = State::new(LEASE, if seed % 2 == 0 { 8 } else { 1_024 });
        state.enroll(Incarnation([1; 16]));
        let mut truth = Truth::default();
        // So much has been seen, and must be seen from then on.
        let mut top = 0;
        let mut flying: Vec<(Poll, Reply)> = Vec::new();
        for _ in 0..80 {
            match random.below(6) {
                0 | 1 => truth.change(&random),
                2 | 3 => {
                    let from = state.view().map_or(0, |view| view.stamps.at(SHARD).counter);
                    let reply = match state.view() {
                        Some(_) => truth.read(from),
                        None => reply_without_rows(truth.counter()),
                    };
                    flying.push((state.begin(&clock).unwrap(), reply));
                }
                4 if !flying.is_empty() => {
                    let at = random.below(flying.len() as u64) as usize;
                    let (poll, reply) = flying.remove(at);
                    match state.install(&poll, reply) {
                        Outcome::Installed(_) | Outcome::Late => {}
                        // A change without a row cannot be told from a restored database.
                        Outcome::OtherHistory(Fault::NoRow(_)) => {
                            state.enroll(Incarnation([seed as u8; 16]));
                            top = 0;
                        }
                        other => panic!("seed {seed}: {other:?}"),
                    }
                }
                _ => {}
            }
            let Some(sight) = state.sight(&clock, SHARD) else { continue };
            let view = sight.stamp(SHARD).counter;
            assert!(view >= top, "seed {seed}: from {top} back to {view}");
            top = view;
            for _ in 0..4 {
                let (at, tenant) = (random.below(truth.counter() + 1), Num(random.below(3)));
                let thing = Concern::Member(Num(1 + random.below(11)));
                let built = stamp(at);
                match sight.valid(SHARD, tenant, built, truth.revision(tenant, at), &[thing]) {
                    Some(revision) => {
                        valid += 1;
                        assert!(at <= view, "seed {seed}: newer than the view");
                        let changed = truth.changed(tenant, thing, at, view);
                        assert!(!changed, "seed {seed}: {tenant:?} {thing:?} of {at} at {view}");
                        assert_eq!(revision, truth.revision(tenant, view), "seed {seed}");
                    }
                    None => invalid += 1,
                }
            }
        }
        let size = state.records();
        assert!(size <= 1_024 && (seed % 2 == 1 || size <= 256 + 8), "seed {seed}: {size}");
    }
    assert!(valid > 3_000 && invalid > 3_000, "{valid} and {invalid} prove little");
}
