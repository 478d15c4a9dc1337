//! The core of single flight under a scheduler that tries many interleavings of its threads.

mod sync {
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    pub(super) use shuttle::sync::{Arc, Mutex, MutexGuard};

    /// Whatever is shared, the scheduler may let another thread go on.
    pub(super) fn out_of_lock() {
        AtomicBool::new(false).store(true, Ordering::SeqCst);
    }
}

#[path = "../src/flights/core.rs"]
mod core;

use core::{Joined, Leader, Table};
use std::pin::pin;
use std::task::Poll;

use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::{future, rand::Rng, thread};

/// What one thread does when it leads.
#[derive(Clone, Copy)]
enum Leading {
    Land,
    GiveUp,
}

/// What one thread does when it follows.
#[derive(Clone, Copy)]
enum Following {
    Wait,
    /// Leaves after it has looked so many times.
    Leave(usize),
}

/// Counts who leads, by key.
struct Watch {
    leaders: [AtomicUsize; 2],
}

impl Watch {
    fn lead(&self, leader: Leader<usize>, key: usize, leading: Leading) {
        let Some(leaders) = self.leaders.get(key) else { return };
        assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0, "two leaders");
        thread::yield_now();
        assert_eq!(leaders.fetch_sub(1, Ordering::SeqCst), 1, "two leaders");
        match leading {
            Leading::Land => leader.land(),
            Leading::GiveUp => drop(leader),
        }
    }
}

/// Joins once and does as told. That this returns at all is half of the test: a follower that is
/// never woken is a deadlock, which the scheduler reports.
fn join(
    table: &Arc<Table<usize>>,
    watch: &Watch,
    key: usize,
    leading: Leading,
    following: Following,
) {
    let mut follower = match table.join(&key) {
        Joined::Leader(leader) => return watch.lead(leader, key, leading),
        Joined::Follower(follower) => follower,
    };
    let lead = match following {
        Following::Wait => future::block_on(follower.turn()),
        Following::Leave(looks) => future::block_on(async {
            let mut turn = pin!(follower.turn());
            for _ in 0..looks {
                let looked = std::future::poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await;
                match looked {
                    Poll::Ready(lead) => return lead,
                    Poll::Pending => future::yield_now().await,
                }
            }
            None
        }),
    };
    if let Some(leader) = lead {
        watch.lead(leader, key, leading);
    }
}

/// What each thread does, one after the other: join this key, and then.
type Plan = Vec<(usize, Leading, Following)>;

fn run(plans: Vec<Plan>) {
    let table = Table::new();
    let watch = Arc::new(Watch { leaders: [(); 2].map(|()| AtomicUsize::new(0)) });
    let threads: Vec<_> = plans
        .into_iter()
        .map(|plan| {
            let (table, watch) = (table.clone(), watch.clone());
            thread::spawn(move || {
                for (key, leading, following) in plan {
                    join(&table, &watch, key, leading, following);
                }
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
    assert_eq!(table.len(), (0, 0), "something is left behind");
}

fn random_joins() {
    let mut random = shuttle::rand::thread_rng();
    let plans = (0..random.gen_range(2..6)).map(|_| {
        let joins = 0..random.gen_range(1..4);
        joins.map(|_| random_join(&mut random)).collect()
    });
    let plans = plans.collect();
    run(plans);
}

fn random_join(random: &mut impl Rng) -> (usize, Leading, Following) {
    let leading = if random.gen_bool(0.4) { Leading::Land } else { Leading::GiveUp };
    let leave = Following::Leave(random.gen_range(0..3));
    let following = if random.gen_bool(0.5) { Following::Wait } else { leave };
    (random.gen_range(0..2), leading, following)
}

#[test]
fn never_two_leaders_never_a_stuck_follower_nothing_left_behind() {
    shuttle::check_random(random_joins, 5_000);
}

#[test]
fn the_same_with_few_but_nasty_preemptions() {
    shuttle::check_pct(random_joins, 5_000, 3);
}

/// Interleavings of two one after the other, all of them where they are not too many.
#[test]
fn two_in_order() {
    let leadings = [Leading::Land, Leading::GiveUp];
    let followings = [Following::Wait, Following::Leave(0), Following::Leave(1)];
    for leading in leadings {
        for following in followings {
            let plan = vec![(0, leading, following)];
            shuttle::check_dfs(move || run(vec![plan.clone(), plan.clone()]), Some(5_000));
        }
    }
}
