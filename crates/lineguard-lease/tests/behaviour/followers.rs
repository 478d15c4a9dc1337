//! Replicas that follow another one, wired to it directly.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::concern::Concern;
use lineguard_core::feed::{Incarnation, ReplicaState};
use lineguard_core::id::{Num, Revision};
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, ShardSet, Stamp};
use lineguard_lease::{
    Acknowledged, FollowerFeed, Freshness, Grants, NoBus, NotGranted, Params, Parent, Renewed,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::database::{Database, PATIENCE, Replica, SHARD, TestClock, names, start, start_on};

/// The way to a parent: a millisecond there and one back. Where it is cut nothing arrives.
struct Wire {
    parent: Mutex<Grants>,
    follower: Mutex<Option<Freshness>>,
    hints: Mutex<Option<JoinHandle<()>>>,
    cut: AtomicBool,
}

const WAY: Duration = Duration::from_millis(1);

impl Wire {
    async fn pass(&self) -> Result<Grants, StoreError> {
        sleep(WAY).await;
        match self.cut.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable { detail: "cut".into() }),
            false => Ok(self.parent.lock().unwrap().clone()),
        }
    }
}

#[async_trait]
impl Parent for Wire {
    async fn follow(&self, by: Incarnation, _: &str, shards: &ShardSet) -> Result<(), StoreError> {
        let no_room = |_| StoreError::Unavailable { detail: "no room".into() };
        let mut hints = self.pass().await?.follow(by, *shards).map_err(no_room)?;
        let follower = self.follower.lock().unwrap().clone();
        let listen = async move {
            while let (true, Some(follower)) = (hints.next().await, &follower) {
                sleep(WAY).await;
                follower.hinted();
            }
        };
        let before = self.hints.lock().unwrap().replace(tokio::spawn(listen));
        before.iter().for_each(JoinHandle::abort);
        Ok(())
    }

    async fn renew(&self, by: Incarnation, seen: &[(Shard, Stamp)]) -> Result<Renewed, NotGranted> {
        let away = |error: StoreError| NotGranted::Unavailable { detail: error.to_string() };
        let renewed = self.pass().await.map_err(away)?.renew(by, seen).await;
        self.pass().await.map_err(away)?;
        renewed
    }

    async fn confirm(
        &self,
        by: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        self.pass().await?.confirm(by, installed);
        Ok(())
    }

    async fn leave(&self, by: Incarnation) -> Result<(), StoreError> {
        self.pass().await?.leave(by);
        Ok(())
    }
}

struct Follower {
    wire: Arc<Wire>,
    freshness: Freshness,
}

/// A follower that has its first lease.
async fn follow(parent: &Replica, shards: ShardSet, first: u8) -> Follower {
    let wire = Arc::new(Wire {
        parent: Mutex::new(parent.freshness.grants()),
        follower: Mutex::default(),
        hints: Mutex::default(),
        cut: AtomicBool::new(false),
    });
    let clock = TestClock { start: Instant::now(), wall: AtomicU64::new(77_000_000_000_000) };
    let params = Params {
        poll: Duration::from_millis(250),
        poll_timeout: Duration::from_millis(200),
        ..Params::default()
    };
    let freshness = Freshness::start(
        Arc::new(FollowerFeed::new(wire.clone(), shards)),
        Arc::new(NoBus),
        Arc::new(clock),
        params,
        names(first),
    );
    *wire.follower.lock().unwrap() = Some(freshness.clone());
    let first = shards.iter().next().unwrap();
    freshness.sight_or_poll(first, PATIENCE).await.unwrap();
    Follower { wire, freshness }
}

impl Follower {
    fn cut(&self, cut: bool) {
        self.wire.cut.store(cut, Ordering::SeqCst);
    }

    fn stamp(&self) -> Option<Stamp> {
        self.freshness.sight(SHARD).map(|sight| sight.stamp(SHARD))
    }

    /// Whether something of this member that was built at a stamp is still used.
    fn uses(&self, stamp: Stamp, tenant: u64) -> bool {
        let concerns = [Concern::Member(Num(5))];
        let sight = self.freshness.sight(SHARD).unwrap();
        let revision = Revision(stamp.counter);
        sight.valid(SHARD, Num(tenant), stamp, revision, &concerns).is_some()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_is_in_force_at_a_follower() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    let mut before = Stamp::default();
    for nonce in 1..20 {
        let stamp = parent.database.change(nonce);
        let (waited, acknowledged) = parent.in_force().await;
        assert_eq!(acknowledged, Acknowledged::ByConfirmation);
        assert!(waited <= 10, "{waited} ms");
        assert_eq!(follower.stamp(), Some(stamp));
        if nonce > 1 {
            assert!(!follower.uses(before, 1), "the tenant changed");
            assert!(follower.uses(before, 2), "others did not");
        }
        before = stamp;
    }
    assert_eq!((parent.status().followers, parent.status().followers_leased), (1, 1));
    assert_eq!(parent.database.replicas().len(), 1, "it has no row");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_is_cut_off_costs_one_lease() {
    let parent = start().await;
    parent.database.change(1);
    parent.in_force().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    follower.cut(true);
    parent.database.change(2);
    let (waited, acknowledged) = parent.in_force().await;
    assert_eq!(acknowledged, Acknowledged::ByConfirmation);
    assert!((700..=1_080).contains(&waited), "{waited} ms");
    assert_eq!(follower.stamp(), None);
    parent.database.change(3);
    assert!(parent.in_force().await.0 <= 10, "it is not waited for again");
    assert_eq!(parent.status().fences, 0);
    follower.cut(false);
    sleep(PATIENCE).await;
    let stamp = parent.database.change(4);
    let (waited, _) = parent.in_force().await;
    assert!(waited <= 10, "{waited} ms");
    assert_eq!(follower.stamp(), Some(stamp));
}

#[tokio::test(start_paused = true)]
async fn a_follower_holds_a_lease_no_longer_than_its_parent_may() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    parent.database.away.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let mut ready = follower.freshness.subscribe_ready();
    ready.wait_for(|ready| *ready).await.unwrap();
    ready.wait_for(|ready| !*ready).await.unwrap();
    let lasted = begun.elapsed().as_millis();
    assert!((4_300..=5_000).contains(&lasted), "{lasted} ms");
    parent.database.away.store(false, Ordering::SeqCst);
    ready.wait_for(|ready| *ready).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_stops_waits_for_what_it_granted() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    follower.cut(true);
    let begun = Instant::now();
    let stopping = tokio::spawn({
        let parent = parent.freshness.clone();
        async move { parent.stop().await }
    });
    while follower.freshness.sight(SHARD).is_some() {
        assert!(parent.freshness.sight(SHARD).is_none() || begun.elapsed().is_zero());
        assert_eq!(parent.database.replicas().len(), 1, "its row has to be there");
        sleep(WAY).await;
    }
    stopping.await.unwrap();
    assert_eq!(parent.database.replicas(), []);
    let lasted = begun.elapsed().as_millis();
    assert!((700..=1_080).contains(&lasted), "{lasted} ms");
}

#[tokio::test(start_paused = true)]
async fn who_stops_waits_for_nobody_who_has_left() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    follower.freshness.stop().await;
    assert_eq!(parent.status().followers, 0);
    let begun = Instant::now();
    parent.freshness.stop().await;
    assert!(begun.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_lost_stays_until_its_grants_are_over() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    let own = parent.status().incarnation.unwrap();
    follower.cut(true);
    parent.database.with(|tables| tables.replicas.insert(own, ReplicaState::Fenced));
    let mut rows = 0;
    while follower.freshness.sight(SHARD).is_some() {
        rows = parent.database.replicas().len();
        assert!(parent.database.replicas().contains(&(own, ReplicaState::Fenced)));
        sleep(WAY).await;
    }
    assert_eq!(rows, 2, "there is a new incarnation beside it");
    sleep(PATIENCE).await;
    let new = parent.status().incarnation.unwrap();
    assert_eq!(parent.database.replicas(), [(new, ReplicaState::Live)]);
}

#[tokio::test(start_paused = true)]
async fn a_follower_has_no_sight_of_what_it_does_not_follow() {
    let parent = start().await;
    let follower = follow(&parent, [Shard(3)].into_iter().collect(), 2).await;
    assert!(follower.freshness.sight(Shard(3)).is_some());
    assert!(follower.freshness.sight(SHARD).is_none());
    let (sight, _) = follower.freshness.stale_sight().unwrap();
    assert_eq!(sight.valid(SHARD, Num(1), Stamp::default(), Revision(0), &[]), None);
    follower.cut(true);
    parent.database.change(1);
    assert!(parent.in_force().await.0 <= 10, "it does not concern the follower");
}

#[tokio::test(start_paused = true)]
async fn a_follower_goes_to_another_parent_and_keeps_what_is_true() {
    let one = start().await;
    let two = start_on(Arc::clone(&one.database), 3);
    two.freshness.sight_or_poll(SHARD, PATIENCE).await.unwrap();
    let kept = one.database.change(1);
    one.in_force().await;
    let follower = follow(&one, ShardSet::ALL, 2).await;
    // The second parent has yet to see it.
    let stamp = one.database.change(2);
    one.freshness.hinted();
    sleep(WAY * 10).await;
    assert_eq!(follower.stamp(), Some(stamp));
    assert_eq!(two.freshness.sight(SHARD).unwrap().stamp(SHARD), kept);
    *follower.wire.parent.lock().unwrap() = two.freshness.grants();
    follower.freshness.hinted();
    sleep(WAY * 20).await;
    assert_eq!((two.status().followers, follower.freshness.epoch()), (1, 0));
    assert_eq!(follower.stamp(), Some(stamp));
    assert!(follower.uses(kept, 2), "the second parent knows what changed since");
}

#[tokio::test(start_paused = true)]
async fn another_history_reaches_the_follower() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    for nonce in 1..4 {
        parent.database.change(nonce);
        parent.in_force().await;
    }
    let lost = follower.stamp().unwrap();
    parent.database.with(|tables| {
        tables.stamp = Stamp { counter: 1, nonce: 1 };
        tables.rows.truncate(1);
    });
    parent.database.change(8);
    sleep(PATIENCE * 2).await;
    assert_eq!((parent.freshness.epoch(), follower.freshness.epoch()), (1, 1));
    assert_eq!(follower.stamp(), Some(Stamp { counter: 2, nonce: 8 }));
    assert!(!follower.uses(lost, 2));
    assert!(follower.freshness.in_force(SHARD).await.is_err(), "it writes at its parent");
}

#[tokio::test(start_paused = true)]
async fn a_follower_is_not_answered_from_below_what_its_parent_answered() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    parent.database.away.store(true, Ordering::SeqCst);
    let stamp = parent.database.change(1);
    follower.freshness.answered(SHARD, stamp);
    assert_eq!(follower.stamp(), None);
    sleep(PATIENCE / 2).await;
    assert_eq!((follower.stamp(), follower.freshness.epoch()), (None, 0));
    assert!(follower.freshness.sight(Shard(3)).is_some(), "it costs the one shard");
    parent.database.away.store(false, Ordering::SeqCst);
    sleep(PATIENCE).await;
    assert_eq!(follower.stamp(), Some(stamp));
}

/// A database with nobody on it to keep it in order.
#[tokio::test(start_paused = true)]
async fn a_follower_asks_nothing_of_a_database() {
    let parent = start().await;
    let follower = follow(&parent, ShardSet::ALL, 2).await;
    sleep(Duration::from_secs(60 * 60)).await;
    assert!(follower.freshness.sight(SHARD).is_some());
    let statements: &Database = &parent.database;
    assert_eq!(statements.with(|tables| tables.registered.len()), 1);
    assert_eq!(follower.freshness.status().restarts, 0);
    assert_eq!(follower.freshness.status().leases_lost, 0);
}
