use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinSet};

use super::*;

const PATIENCE: Duration = Duration::from_secs(2);

fn flights() -> Flights<&'static str> {
    Flights::new(PATIENCE)
}

fn lead(flights: &Flights<&'static str>, key: &'static str) -> Leader<&'static str> {
    match flights.join(&key) {
        Joined::Leader(leader) => leader,
        Joined::Follower(_) => panic!("somebody else leads"),
    }
}

fn follow(flights: &Flights<&'static str>, key: &'static str) -> Follower<&'static str> {
    match flights.join(&key) {
        Joined::Leader(_) => panic!("nobody leads"),
        Joined::Follower(follower) => follower,
    }
}

/// Nothing is left behind.
fn assert_empty(flights: &Flights<&'static str>) {
    let FlightStats { flying, waiting, .. } = flights.stats();
    assert_eq!((flying, waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn followers_look_again_when_the_leader_has_landed() {
    let flights = flights();
    let leader = lead(&flights, "a");
    let [first, second] = [(); 2].map(|()| follow(&flights, "a"));
    drop(lead(&flights, "b"));
    leader.land();
    assert!(matches!(first.wait().await, Turn::Landed));
    assert!(matches!(second.wait().await, Turn::Landed));
    assert_empty(&flights);
    lead(&flights, "a").land();
}

#[tokio::test(start_paused = true)]
async fn the_one_who_waited_longest_takes_over_and_the_others_wait_on() {
    let flights = flights();
    let leader = lead(&flights, "a");
    let [first, second, third] = [(); 3].map(|()| follow(&flights, "a"));
    drop(leader);
    let Turn::Lead(leader) = first.wait().await else { panic!("the first does not lead") };
    drop(leader);
    let Turn::Lead(leader) = second.wait().await else { panic!("the second does not lead") };
    let third = tokio::spawn(third.wait());
    tokio::task::yield_now().await;
    assert!(!third.is_finished());
    leader.land();
    assert!(matches!(third.await.unwrap(), Turn::Landed));
    assert_empty(&flights);
    assert_eq!(flights.stats().took_over, 2);
}

#[tokio::test(start_paused = true)]
async fn a_follower_loses_patience_with_a_leader_that_hangs() {
    let flights = flights();
    let leader = lead(&flights, "a");
    let begin = Instant::now();
    assert!(matches!(follow(&flights, "a").wait().await, Turn::TimedOut));
    assert_eq!(begin.elapsed().as_secs(), PATIENCE.as_secs());
    assert_eq!(flights.stats().waiting, 0, "it left the queue");
    // Still only one leads.
    drop(follow(&flights, "a"));
    leader.land();
    assert_empty(&flights);
}

#[tokio::test(start_paused = true)]
async fn a_lead_that_nobody_takes_up_goes_on() {
    let flights = flights();
    let leader = lead(&flights, "a");
    let [first, second, third] = [(); 3].map(|()| follow(&flights, "a"));
    drop(first);
    drop(leader);
    // The lead is with the second, who leaves without having looked.
    drop(second);
    assert!(matches!(third.wait().await, Turn::Lead(_)));
    assert_empty(&flights);
}

#[tokio::test(start_paused = true)]
async fn patience_holds_for_all_leaders_together() {
    let flights = flights();
    let leader = lead(&flights, "a");
    let [first, second] = [(); 2].map(|()| follow(&flights, "a"));
    let begin = Instant::now();
    tokio::time::advance(PATIENCE / 2).await;
    drop(leader);
    let Turn::Lead(_leader) = first.wait().await else { panic!("the first does not lead") };
    assert!(matches!(second.wait().await, Turn::TimedOut));
    assert!(begin.elapsed() < PATIENCE + PATIENCE / 10);
}

/// A cache of one value, and a fetch that goes as planned.
struct Source {
    flights: Flights<&'static str>,
    cached: Mutex<Option<u64>>,
    plan: fn(usize) -> Plan,
    gate: Semaphore,
    fetches: AtomicUsize,
    at_once: AtomicUsize,
    /// The task that began the last fetch.
    fetching: Mutex<Option<Id>>,
}

/// What becomes of a fetch once the gate is open.
enum Plan {
    Succeed,
    Fail,
    Hang,
}

impl Source {
    fn planned(plan: fn(usize) -> Plan) -> Arc<Self> {
        Arc::new(Self {
            flights: Flights::new(PATIENCE),
            cached: Mutex::new(None),
            plan,
            gate: Semaphore::new(0),
            fetches: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            fetching: Mutex::new(None),
        })
    }

    /// Asks as a request does: cache, flight, fetch.
    async fn ask(self: Arc<Self>) -> Option<u64> {
        loop {
            if let Some(value) = self.cached() {
                return Some(value);
            }
            let leader = match self.flights.join(&"key") {
                Joined::Leader(leader) => leader,
                Joined::Follower(follower) => match follower.wait().await {
                    Turn::Landed => continue,
                    Turn::TimedOut => return None,
                    Turn::Lead(leader) => leader,
                },
            };
            // Somebody may have put it there before this one led.
            if self.cached().is_none() {
                *self.cached.lock().unwrap() = Some(self.fetch().await?);
            }
            leader.land();
        }
    }

    fn cached(&self) -> Option<u64> {
        *self.cached.lock().unwrap()
    }

    async fn fetch(&self) -> Option<u64> {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.at_once.fetch_add(1, Ordering::SeqCst), 0, "two fetch at once");
        let _fetching = Fetching(self);
        *self.fetching.lock().unwrap() = tokio::task::try_id();
        drop(self.gate.acquire().await);
        match (self.plan)(number) {
            Plan::Succeed => Some(7),
            Plan::Fail => None,
            Plan::Hang => std::future::pending().await,
        }
    }

    /// Lets a thousand ask, and returns when one of them fetches and the others wait.
    async fn asked_by_a_thousand(self: &Arc<Self>) -> JoinSet<Option<u64>> {
        let mut all = JoinSet::new();
        (0..1_000).for_each(|_| drop(all.spawn(self.clone().ask())));
        while self.flights.stats().waiting < 999 {
            tokio::task::yield_now().await;
        }
        all
    }
}

/// One fetch; it ends also if it is cancelled.
struct Fetching<'a>(&'a Source);

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_cold_requests_are_one_fetch() {
    let source = Source::planned(|_| Plan::Succeed);
    let all = source.asked_by_a_thousand().await;
    source.gate.add_permits(1);
    assert_eq!(all.join_all().await, vec![Some(7); 1_000]);
    assert_eq!(source.fetches.load(Ordering::SeqCst), 1);
    assert_empty(&source.flights);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_fail_fail_alone() {
    let source = Source::planned(|number| if number < 50 { Plan::Fail } else { Plan::Succeed });
    let all = source.asked_by_a_thousand().await;
    source.gate.add_permits(1);
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 50);
    assert_eq!(source.fetches.load(Ordering::SeqCst), 51);
    assert_empty(&source.flights);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_are_cancelled_take_nobody_with_them() {
    let source = Source::planned(|number| if number < 50 { Plan::Hang } else { Plan::Succeed });
    let mut all = JoinSet::new();
    let tasks: Vec<_> = (0..1_000).map(|_| all.spawn(source.clone().ask())).collect();
    while source.flights.stats().waiting < 999 {
        tokio::task::yield_now().await;
    }
    source.gate.add_permits(1);
    // Half of all go away at once; then always the one who fetches.
    tasks.iter().step_by(2).for_each(AbortHandle::abort);
    while source.fetches.load(Ordering::SeqCst) < 51 {
        let fetching = *source.fetching.lock().unwrap();
        tasks.iter().filter(|task| Some(task.id()) == fetching).for_each(AbortHandle::abort);
        tokio::task::yield_now().await;
    }
    let mut answers = 0;
    while let Some(answer) = all.join_next().await {
        if let Ok(answer) = answer {
            assert_eq!(answer, Some(7));
            answers += 1;
        }
    }
    assert!((449..=500).contains(&answers), "{answers}");
    assert_eq!(source.fetches.load(Ordering::SeqCst), 51);
    assert_empty(&source.flights);
}
