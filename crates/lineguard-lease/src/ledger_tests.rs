//! What a replica may grant, and what it may confirm meanwhile, by example.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineguard_core::feed::{Counters, Incarnation, ReplicaState};
use lineguard_core::stamp::{Shard, ShardSet, Stamp};

use crate::clock::{Clock, Moment};
use crate::ledger::{Ledger, Refusal};
use crate::params::Params;
use crate::state::{Outcome, Reply, State};

const SHARD: Shard = Shard(17);
const ONE: Incarnation = Incarnation([1; 16]);
const TWO: Incarnation = Incarnation([2; 16]);

/// A clock that stands where it is put, in milliseconds.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Moment {
        let now = self.0.load(Ordering::SeqCst) * 1_000_000;
        Moment { boot: now, real: now }
    }
}

struct Parent {
    state: State,
    ledger: Ledger,
    clock: Hand,
}

fn stamp(counter: u64) -> Stamp {
    Stamp { counter, nonce: 500 + counter }
}

/// A replica with a lease on a view with this counter, at 100 seconds.
fn parent(counter: u64) -> Parent {
    let params = Params { max_followers: 3, ..Params::default() };
    let parent = Parent {
        state: State::new(params.lease, 1_024),
        ledger: Ledger::new(params),
        clock: Hand::default(),
    };
    parent.at(100_000);
    parent.state.enroll(Incarnation([9; 16]));
    parent.install(stamp(counter));
    parent
}

impl Parent {
    fn at(&self, millis: u64) {
        self.clock.0.store(millis, Ordering::SeqCst);
    }

    fn install(&self, to: Stamp) -> Outcome {
        let poll = self.state.begin(&self.clock).unwrap();
        let at = |shard| if shard == SHARD { to } else { Stamp::default() };
        let counters =
            Counters::of_database(Shard::all().map(at).collect(), Some(ReplicaState::Live));
        self.state.install(&poll, Reply { counters, changes: None, recent: Vec::new() })
    }

    fn follow(&self, by: Incarnation) -> bool {
        self.ledger.follow(&self.clock, by, ShardSet::ALL).0
    }

    /// The lease in milliseconds, and the counter that it is on.
    fn renew(&self, by: Incarnation, seen: u64) -> Result<(u128, u64), Refusal> {
        let seen = [(SHARD, stamp(seen))];
        let seen = if seen[0].1.counter == 0 { &[] } else { &seen[..] };
        let granted = self.ledger.renew(&self.state, &self.clock, by, seen)?;
        Ok((granted.lease.as_millis(), granted.view.stamps.at(SHARD).counter))
    }

    fn confirm(&self, by: Incarnation, counter: u64) {
        self.ledger.confirm(&self.clock, by, &[(SHARD, stamp(counter))]);
    }

    fn confirmable(&self) -> Option<u64> {
        let view = self.state.view()?;
        let shards = BTreeSet::from([SHARD]);
        let ready = self.ledger.confirmable(&view, &self.clock, &shards);
        ready.first().map(|(_, stamp)| stamp.counter)
    }
}

#[test]
fn a_grant_is_no_longer_than_what_is_left() {
    let parent = parent(3);
    assert_eq!(parent.renew(ONE, 0), Err(Refusal::Unknown));
    assert!(parent.follow(ONE) && parent.follow(TWO));
    assert_eq!(parent.renew(ONE, 0), Ok((1_000, 3)));
    parent.at(104_500);
    assert_eq!(parent.renew(TWO, 0), Ok((450, 3)));
    parent.at(104_950);
    assert_eq!(parent.renew(TWO, 3), Err(Refusal::NoLease));
}

#[test]
fn nothing_is_confirmed_that_a_follower_may_not_have() {
    let parent = parent(3);
    assert!(parent.follow(ONE) && parent.follow(TWO));
    for by in [ONE, TWO] {
        parent.renew(by, 0).unwrap();
    }
    parent.install(stamp(5));
    assert_eq!(parent.confirmable(), Some(3));
    // What they are granted now they need not have received.
    parent.renew(ONE, 3).unwrap();
    assert_eq!(parent.confirmable(), Some(3));
    parent.confirm(ONE, 5);
    assert_eq!(parent.confirmable(), Some(3));
    parent.confirm(TWO, 4);
    assert_eq!(parent.confirmable(), Some(4));
    assert_eq!(parent.renew(TWO, 5), Ok((1_000, 5)), "to have seen it is to confirm it");
    assert_eq!(parent.confirmable(), Some(5));
}

#[test]
fn a_follower_whose_lease_is_over_is_not_waited_for() {
    let parent = parent(3);
    assert!(parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    parent.install(stamp(4));
    // A second, two clocks that differ by two hundredths of it, and the margin.
    parent.at(101_069);
    assert_eq!(parent.confirmable(), Some(3));
    assert_eq!(parent.ledger.next_end(&parent.clock), Some(Duration::from_millis(1)));
    parent.at(101_070);
    assert_eq!(parent.confirmable(), Some(4));
    assert_eq!(
        (parent.ledger.next_end(&parent.clock), parent.ledger.count(&parent.clock)),
        (None, (1, 0))
    );
}

#[test]
fn who_does_not_take_what_it_is_granted_costs_one_lease_and_is_forgotten() {
    let parent = parent(3);
    assert!(parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    parent.at(100_100);
    assert_eq!(parent.renew(ONE, 3), Ok((1_000, 3)));
    parent.install(stamp(4));
    parent.at(100_200);
    assert_eq!(parent.renew(ONE, 3), Ok((1_000, 4)));
    for (at, lease) in [(100_300, 901), (100_700, 509), (101_200, 19)] {
        parent.at(at);
        assert_eq!(parent.renew(ONE, 3), Ok((lease, 4)), "what is left of the second");
    }
    parent.at(101_220);
    assert_eq!(parent.renew(ONE, 3), Err(Refusal::NoLease));
    assert_eq!(parent.confirmable(), Some(3));
    parent.at(101_270);
    assert_eq!(parent.confirmable(), Some(4));
    assert_eq!(parent.renew(ONE, 0), Err(Refusal::Unknown));
    assert_eq!(parent.ledger.count(&parent.clock), (0, 0));
}

#[test]
fn who_was_away_and_has_what_it_was_granted_goes_on() {
    let parent = parent(3);
    assert!(parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    parent.install(stamp(7));
    parent.at(103_000);
    assert_eq!(parent.renew(ONE, 3), Ok((1_000, 7)));
    assert_eq!(parent.confirmable(), Some(7), "it has no lease on what it had before");
}

#[test]
fn only_followers_of_a_shard_are_waited_for() {
    let parent = parent(3);
    let others = Shard::all().filter(|shard| *shard != SHARD).collect();
    assert!(parent.ledger.follow(&parent.clock, ONE, others).0);
    parent.renew(ONE, 0).unwrap();
    parent.install(stamp(4));
    assert_eq!(parent.confirmable(), Some(4));
}

#[test]
fn grants_outlive_the_incarnation_that_gave_them() {
    let parent = parent(3);
    assert!(parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    let poll = parent.state.begin(&parent.clock).unwrap();
    let gone = Counters::of_database(vec![Stamp::default(); 256], None);
    let reply = Reply { counters: gone, changes: None, recent: Vec::new() };
    assert_eq!(parent.state.install(&poll, reply), Outcome::NotLive);
    assert_eq!(parent.renew(ONE, 3), Err(Refusal::NoLease));
    parent.state.enroll(Incarnation([10; 16]));
    parent.install(stamp(4));
    assert_eq!(parent.confirmable(), Some(3));
    assert_eq!(parent.ledger.end(), 101_070_000_000);
    assert_eq!(parent.renew(ONE, 4), Ok((1_000, 4)));
    assert_eq!(parent.confirmable(), Some(4));
}

#[test]
fn another_history_of_the_parent_is_another_one_for_its_followers() {
    let parent = parent(3);
    assert!(parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    assert!(matches!(parent.install(stamp(2)), Outcome::OtherHistory(_)));
    assert_eq!(parent.renew(ONE, 3), Err(Refusal::NoLease));
    parent.state.enroll(Incarnation([10; 16]));
    parent.install(stamp(2));
    assert_eq!(parent.renew(ONE, 3), Err(Refusal::OtherHistory));
    assert_eq!(parent.confirmable(), None, "it may still answer from what is lost");
    assert!(parent.follow(TWO));
    assert_eq!(parent.renew(TWO, 3), Err(Refusal::Ahead));
    let other = [(SHARD, Stamp { counter: 2, nonce: 1 })];
    let refused = parent.ledger.renew(&parent.state, &parent.clock, TWO, &other);
    assert_eq!(refused.err(), Some(Refusal::OtherHistory));
    parent.at(101_070);
    assert_eq!(parent.confirmable(), Some(2));
}

#[test]
fn there_are_no_more_followers_than_allowed() {
    let parent = parent(3);
    assert!(parent.follow(ONE) && parent.follow(TWO) && !parent.follow(ONE));
    parent.renew(ONE, 0).unwrap();
    parent.renew(TWO, 0).unwrap();
    assert!(parent.follow(Incarnation([3; 16])));
    // The third holds no lease.
    let (room, gone) = parent.ledger.follow(&parent.clock, Incarnation([4; 16]), ShardSet::ALL);
    assert_eq!((room, gone), (true, vec![Incarnation([3; 16])]));
    parent.renew(Incarnation([4; 16]), 0).unwrap();
    assert!(!parent.follow(Incarnation([5; 16])), "all of them are waited for");
}
