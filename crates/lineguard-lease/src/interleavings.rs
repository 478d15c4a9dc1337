//! The state of a replica under every order of events that a scheduler can think of. It is built
//! here once more, from primitives that hand control over at each step.

mod sync {
    use std::sync::Arc;

    // There are hundreds of these, each read and written on its own: not worth a step each.
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};

    pub(super) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

    pub(super) struct Swap<T>(Mutex<Option<Arc<T>>>);

    impl<T> Swap<T> {
        pub(super) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(super) fn load(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap().clone()
        }

        pub(super) fn store(&self, value: Option<Arc<T>>) {
            *self.0.lock().unwrap() = value;
        }
    }

    pub(super) fn lock<T>(mutex: &Mutex<T>) -> (MutexGuard<'_, T>, bool) {
        (mutex.lock().unwrap(), false)
    }

    pub(super) fn write<T>(lock: &RwLock<T>) -> (RwLockWriteGuard<'_, T>, bool) {
        (lock.write().unwrap(), false)
    }
}

#[expect(clippy::duplicate_mod, reason = "built from other primitives")]
#[expect(dead_code, reason = "not all of the ledger is tried here")]
#[path = "ledger.rs"]
mod ledger;
#[expect(clippy::duplicate_mod, reason = "built from other primitives")]
#[path = "plan.rs"]
mod plan;
#[expect(clippy::duplicate_mod, reason = "built from other primitives")]
#[expect(dead_code, reason = "not all of the records is tried here")]
#[path = "records.rs"]
mod records;
#[expect(clippy::duplicate_mod, reason = "built from other primitives")]
#[expect(dead_code, reason = "not all of the state is tried here")]
#[path = "state.rs"]
mod state;
#[expect(clippy::duplicate_mod, reason = "built from other primitives")]
#[path = "view.rs"]
mod view;

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::concern::Concern;
use lineguard_core::feed::{Changes, Counters, Incarnation, ReplicaState};
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{ConcernRow, Shard, ShardSet, Stamp};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

use self::ledger::Ledger;
use self::state::{Outcome, Reply, State};
use crate::clock::{Clock, Moment};
use crate::params::Params;

const SHARD: Shard = Shard(3);
const TENANT: Num = Num(9);

/// Tries random orders, and those that break at few, random places. A failure prints how to
/// repeat it. `LINEGUARD_SEEDS=n` tries n of each.
fn explore(rounds: fn()) {
    let asked = std::env::var("LINEGUARD_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let count = asked.unwrap_or(100);
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    Runner::new(RandomScheduler::new(count), config.clone()).run(rounds);
    Runner::new(PctScheduler::new(3, count), config).run(rounds);
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Moment {
        Moment { boot: 1, real: 1 }
    }
}

/// The change with this counter concerns the member of this number.
fn change(counter: u64, nonce: u64) -> ConcernRow {
    ConcernRow {
        shard: SHARD,
        stamp: Stamp { counter, nonce },
        tenant: TENANT,
        revision: Revision(100 + counter),
        concern: Concern::Member(Num(counter)),
    }
}

fn poll(state: &State, counter: u64, nonce: u64) -> Outcome {
    let poll = state.begin(&Still).unwrap();
    let stamp = Stamp { counter, nonce };
    let at = |shard| if shard == SHARD { stamp } else { Stamp::default() };
    let counters = Counters::of_database(Shard::all().map(at).collect(), Some(ReplicaState::Live));
    let changes = state.moved(&counters).map(|moved| Changes {
        stamps: moved.iter().map(|(shard, _)| (*shard, stamp)).collect(),
        rows: moved
            .iter()
            .flat_map(|(_, from)| *from..=counter)
            .map(|c| change(c, nonce))
            .collect(),
        complete: true,
    });
    state.install(&poll, Reply { counters, changes, recent: Vec::new() })
}

fn started(max_records: usize) -> Arc<State> {
    let state = Arc::new(State::new(Duration::from_secs(5), max_records));
    state.enroll(Incarnation([1; 16]));
    assert!(matches!(poll(&state, 1, 1), Outcome::Installed(_)));
    state
}

/// What a check finds for something built at the first state, from a member.
fn look(state: &State, member: u64) -> Option<(u64, Option<Revision>)> {
    let sight = state.sight(&Still, SHARD)?;
    let first = Stamp { counter: 1, nonce: 1 };
    let concerns = [Concern::Member(Num(member))];
    let valid = sight.valid(SHARD, TENANT, first, Revision(101), &concerns);
    Some((sight.stamp(SHARD).counter, valid))
}

#[test]
fn a_check_never_sees_a_newer_view_with_older_records() {
    let rounds = || {
        let state = started(1_024);
        let polls = Arc::clone(&state);
        let poller = thread::spawn(move || {
            poll(&polls, 2, 1);
            poll(&polls, 4, 1);
        });
        for member in [5, 2, 5, 3, 5, 4, 5] {
            let (view, valid) = look(&state, member).unwrap();
            if let Some(revision) = valid {
                assert!(view < member, "used at {view} although {member} changed");
                assert_eq!(revision, Revision(100 + view));
            }
        }
        // A change of something else never costs more than a moment.
        poller.join().unwrap();
        assert_eq!(look(&state, 5), Some((4, Some(Revision(104)))));
    };
    explore(rounds);
}

#[test]
fn what_is_confirmed_is_installed() {
    let rounds = || {
        let state = started(1_024);
        let confirmed = Arc::new(shuttle::sync::atomic::AtomicU64::new(1));
        let (polls, confirms) = (Arc::clone(&state), Arc::clone(&confirmed));
        let poller = thread::spawn(move || {
            for counter in 2..5 {
                if let Outcome::Installed(installed) = poll(&polls, counter, 1) {
                    let (_, stamp) = installed.into_iter().find(|(at, _)| *at == SHARD).unwrap();
                    confirms.store(stamp.counter, shuttle::sync::atomic::Ordering::SeqCst);
                }
            }
        });
        for _ in 0..4 {
            let acknowledged = confirmed.load(shuttle::sync::atomic::Ordering::SeqCst);
            assert!(look(&state, 0).unwrap().0 >= acknowledged);
        }
        poller.join().unwrap();
    };
    explore(rounds);
}

#[test]
fn what_is_forgotten_was_not_proof_of_anything() {
    let rounds = || {
        let state = started(2);
        let polls = Arc::clone(&state);
        let poller =
            thread::spawn(move || (2..7).for_each(|counter| drop(poll(&polls, counter, 1))));
        for _ in 0..5 {
            let (view, valid) = look(&state, 3).unwrap();
            assert!(valid.is_none() || view < 3, "used at {view} although it changed at 3");
        }
        poller.join().unwrap();
        assert_eq!(look(&state, 0), Some((6, None)), "its own stamp is forgotten");
    };
    explore(rounds);
}

#[test]
fn nothing_of_a_lost_history_is_used_in_the_next() {
    let rounds = || {
        let state = started(1_024);
        poll(&state, 3, 1);
        let epoch = state.epoch();
        let polls = Arc::clone(&state);
        let poller = thread::spawn(move || {
            assert!(matches!(poll(&polls, 2, 2), Outcome::OtherHistory(_)));
            polls.enroll(Incarnation([2; 16]));
            poll(&polls, 2, 2);
            poll(&polls, 4, 2);
        });
        for _ in 0..4 {
            let Some(sight) = state.sight(&Still, SHARD) else { continue };
            for counter in 1..5 {
                for nonce in [1, 2] {
                    let stamp = Stamp { counter, nonce };
                    let valid = sight.valid(SHARD, TENANT, stamp, Revision(1), &[]);
                    assert!(valid.is_none() || (sight.epoch() == epoch) == (nonce == 1));
                }
            }
        }
        poller.join().unwrap();
        assert_eq!(state.sight(&Still, SHARD).unwrap().epoch(), epoch + 1);
    };
    explore(rounds);
}

#[test]
fn there_is_no_sight_after_an_end_and_none_older_than_an_answer() {
    let rounds = || {
        let state = started(1_024);
        let polls = Arc::clone(&state);
        let poller = thread::spawn(move || {
            polls.raise_answered(SHARD, 3);
            assert!(polls.sight(&Still, SHARD).is_none_or(|sight| sight.stamp(SHARD).counter >= 3));
            polls.stop();
            assert!(polls.sight(&Still, SHARD).is_none());
        });
        if let Some(begun) = state.begin(&Still) {
            let stamps = vec![Stamp { counter: 3, nonce: 1 }; 256];
            let counters = Counters::of_database(stamps, Some(ReplicaState::Live));
            state.install(&begun, Reply { counters, changes: None, recent: Vec::new() });
        }
        poller.join().unwrap();
        assert!(state.sight(&Still, SHARD).is_none());
    };
    explore(rounds);
}

/// A follower that never confirms anything: what is confirmed in spite of it, it was granted.
#[test]
fn a_grant_is_seen_before_a_confirmation_or_is_on_the_newer_view() {
    let rounds = || {
        let state = started(1_024);
        let ledger = Arc::new(Ledger::new(Params::default()));
        let follower = Incarnation([7; 16]);
        ledger.follow(&Still, follower, ShardSet::ALL);
        let (polls, looks) = (Arc::clone(&state), Arc::clone(&ledger));
        let poller = thread::spawn(move || {
            poll(&polls, 2, 1);
            let view = polls.view().unwrap();
            let ready = looks.confirmable(&view, &Still, &[SHARD].into());
            ready.first().map(|(_, stamp)| stamp.counter)
        });
        let granted = ledger.renew(&state, &Still, follower, &[]);
        let granted = granted.ok().unwrap().view.stamps.at(SHARD).counter;
        let confirmed = poller.join().unwrap().unwrap();
        assert!(granted >= confirmed, "{confirmed} is confirmed, and {granted} may be answered");
    };
    explore(rounds);
}

#[test]
fn nothing_is_granted_after_an_end_that_is_not_waited_for() {
    let rounds = || {
        let state = started(1_024);
        let ledger = Arc::new(Ledger::new(Params::default()));
        let follower = Incarnation([7; 16]);
        ledger.follow(&Still, follower, ShardSet::ALL);
        let (stops, looks) = (Arc::clone(&state), Arc::clone(&ledger));
        let stopper = thread::spawn(move || {
            stops.stop();
            looks.end()
        });
        let granted = ledger.renew(&state, &Still, follower, &[]).is_ok();
        let end = stopper.join().unwrap();
        assert!(!granted || end > Still.now().boot, "its row would be gone at once");
    };
    explore(rounds);
}
