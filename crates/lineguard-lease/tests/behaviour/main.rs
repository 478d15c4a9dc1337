//! A whole replica under tokio's paused clock, with a database that does as it is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod database;
mod followers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lineguard_core::feed::{Feed, ReplicaState};
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Acknowledged, Clock, NotReached};
use tokio::time::{Instant, sleep};

use database::{Database, GHOST, PATIENCE, Replica, SHARD, start, start_on};

#[tokio::test(start_paused = true)]
async fn a_single_replica_waits_for_itself_only() {
    let replica = start().await;
    let stamp = replica.database.change(5);
    let (waited, acknowledged) = replica.in_force().await;
    assert_eq!(acknowledged, Acknowledged::ByConfirmation);
    assert!(waited < 10, "{waited} ms");
    assert_eq!(replica.freshness.sight(SHARD).unwrap().stamp(SHARD), stamp);
    assert_eq!((replica.status().waits_confirmed, replica.status().waits_expired), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn two_replicas_confirm_through_the_database() {
    let one = start().await;
    let two = start_on(Arc::clone(&one.database), 2);
    two.freshness.sight_or_poll(SHARD, PATIENCE).await.unwrap();
    for nonce in 1..20 {
        let stamp = one.database.change(nonce);
        let (waited, acknowledged) = one.in_force().await;
        assert_eq!(acknowledged, Acknowledged::ByConfirmation);
        // A poll interval, and the pauses between two looks.
        assert!(waited < 1_200, "{waited} ms");
        assert_eq!(two.freshness.sight(SHARD).unwrap().stamp(SHARD), stamp);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_confirm_is_waited_for_then_fenced_then_removed() {
    let replica = start().await;
    replica.database.change(1);
    replica.database.haunt();
    assert_eq!(replica.in_force().await, (5_150, Acknowledged::ByExpiry));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(replica.database.ghost(), Some(ReplicaState::Fenced));
    assert_eq!(replica.status().fences, 1);
    // Until its row is gone it still counts.
    assert_eq!(replica.in_force().await, (5_150, Acknowledged::ByExpiry));
    assert_eq!(replica.status().fences, 1);
    sleep(PATIENCE).await;
    assert_eq!((replica.database.ghost(), replica.status().fenced), (None, 0));
    assert!(replica.in_force().await.0 < 10);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_who_goes_away_meanwhile() {
    let replica = start().await;
    replica.database.change(1);
    replica.database.haunt();
    let database = Arc::clone(&replica.database);
    tokio::spawn(async move {
        sleep(PATIENCE).await;
        database.remove(GHOST).await.unwrap();
    });
    let (waited, acknowledged) = replica.in_force().await;
    assert_eq!(acknowledged, Acknowledged::ByConfirmation);
    assert!((1_000..1_600).contains(&waited), "{waited} ms");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_fences_all_the_same() {
    let replica = start().await;
    replica.database.change(1);
    replica.database.haunt();
    let wait = tokio::time::timeout(PATIENCE, replica.freshness.in_force(SHARD)).await;
    assert!(wait.is_err());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(replica.database.ghost(), Some(ReplicaState::Fenced));
    sleep(Duration::from_secs(7)).await;
    assert_eq!(replica.database.ghost(), None);
}

#[tokio::test(start_paused = true)]
async fn setting_the_wall_clock_forward_shortens_no_wait() {
    let replica = start().await;
    replica.database.change(1);
    replica.database.haunt();
    let clock = Arc::clone(&replica.clock);
    tokio::spawn(async move {
        sleep(PATIENCE).await;
        clock.wall.fetch_add(3_600_000_000_000, Ordering::SeqCst);
    });
    assert_eq!(replica.in_force().await, (5_150, Acknowledged::ByExpiry));
}

#[tokio::test(start_paused = true)]
async fn setting_the_wall_clock_ends_the_lease() {
    let replica = start().await;
    for jump in [3_600_000_000_000, 1_000_000_000_000_000] {
        assert!(replica.freshness.sight(SHARD).is_some());
        replica.clock.wall.store(jump, Ordering::SeqCst);
        assert!(replica.freshness.sight(SHARD).is_none());
        assert!(replica.freshness.sight_or_poll(SHARD, PATIENCE).await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_database_a_lease_ends_and_a_write_expires() {
    let replica = start().await;
    let mut ready = replica.freshness.subscribe_ready();
    ready.wait_for(|ready| *ready).await.unwrap();
    replica.database.away.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    ready.wait_for(|ready| !*ready).await.unwrap();
    let lasted = begun.elapsed().as_millis();
    assert!((4_400..=5_000).contains(&lasted), "{lasted} ms");
    assert!(replica.freshness.sight(SHARD).is_none());
    assert!(replica.freshness.stale_sight().unwrap().1 >= Duration::from_secs(5));
    let status = replica.status();
    assert_eq!((status.leases_lost, status.lease_remaining), (1, None));
    assert!(status.poll_failures > 5 && status.poll_failures < 20, "{status:?}");
    // Nobody is asked to be quick where nothing can be.
    let polls = status.polls;
    for _ in 0..100 {
        assert!(replica.freshness.sight_or_poll(SHARD, PATIENCE).await.is_none());
    }
    assert!(begun.elapsed() > Duration::from_secs(5));
    assert!(replica.status().polls - polls <= 101);
    assert_eq!(replica.in_force().await, (5_150, Acknowledged::ByExpiry));
    replica.database.away.store(false, Ordering::SeqCst);
    ready.wait_for(|ready| *ready).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_is_fenced_comes_back_under_another_name() {
    let replica = start().await;
    let before = replica.status().incarnation.unwrap();
    replica.database.with(|tables| tables.replicas.insert(before, ReplicaState::Fenced));
    sleep(PATIENCE).await;
    let status = replica.status();
    assert!(status.incarnation.is_some() && status.incarnation != Some(before));
    assert_eq!((status.incarnations_lost, status.epoch), (1, 0));
    assert_eq!(replica.database.replicas(), [(status.incarnation.unwrap(), ReplicaState::Live)]);
    assert!(replica.freshness.sight(SHARD).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_restored_database_is_noticed() {
    let replica = start().await;
    let lost = [replica.database.change(1), replica.database.change(2)][1];
    replica.in_force().await;
    let sight = replica.freshness.sight(SHARD).unwrap();
    replica.database.with(|tables| {
        tables.stamp = Stamp { counter: 1, nonce: 1 };
        tables.rows.truncate(1);
    });
    replica.database.change(3);
    sleep(PATIENCE).await;
    let status = replica.status();
    assert_eq!((status.other_histories, status.epoch), (1, 1));
    let now = replica.freshness.sight(SHARD).unwrap();
    assert_ne!((now.epoch(), now.stamp(SHARD)), (sight.epoch(), sight.stamp(SHARD)));
    let reached = replica.freshness.reach(SHARD, lost, PATIENCE).await;
    assert_eq!(reached, Err(NotReached::OtherHistory));
    let never = Stamp { counter: 50, nonce: 1 };
    let reached = replica.freshness.reach(SHARD, never, PATIENCE).await;
    assert_eq!(reached, Err(NotReached::OtherHistory), "a poll sent since does not show it");
    replica.database.away.store(true, Ordering::SeqCst);
    let reached = replica.freshness.reach(SHARD, never, PATIENCE).await;
    assert_eq!(reached, Err(NotReached::Behind));
}

#[tokio::test(start_paused = true)]
async fn no_sight_is_older_than_an_answer() {
    let replica = start().await;
    let stamp = replica.database.change(4);
    replica.freshness.answered(SHARD, stamp);
    assert!(replica.freshness.sight(SHARD).is_none());
    assert!(replica.freshness.sight(Shard(3)).is_some());
    assert_eq!(replica.status().behind, 1);
    sleep(Duration::from_millis(5)).await;
    assert_eq!(replica.freshness.sight(SHARD).unwrap().stamp(SHARD), stamp);
}

#[tokio::test(start_paused = true)]
async fn changes_that_cannot_be_read_cost_what_they_may_concern_and_not_the_lease() {
    let replica = start().await;
    let before = replica.database.change(4);
    replica.in_force().await;
    replica.database.hides_changes.store(true, Ordering::SeqCst);
    let after = replica.database.change(5);
    assert!(replica.in_force().await.0 < 1_300);
    let sight = replica.freshness.sight(SHARD).unwrap();
    assert_eq!(sight.stamp(SHARD), after);
    let valid = |shard, stamp| sight.valid(shard, Num(2), stamp, Revision(1), &[]);
    assert_eq!((valid(SHARD, before), valid(SHARD, after)), (None, Some(Revision(1))));
    assert_eq!(valid(Shard(3), Stamp::default()), Some(Revision(1)));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_started_again() {
    let replica = start().await;
    replica.database.panics.store(true, Ordering::SeqCst);
    sleep(PATIENCE).await;
    assert_eq!(replica.status().restarts, 1);
    replica.database.change(1);
    assert!(replica.in_force().await.0 < 1_000);
    assert!(replica.freshness.sight(SHARD).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_may_have_failed_is_undone() {
    let database = Arc::new(Database::default());
    database.refuses_to_register.store(true, Ordering::SeqCst);
    let replica = start_on(Arc::clone(&database), 1);
    sleep(PATIENCE).await;
    assert_eq!(replica.status().incarnation, None);
    database.refuses_to_register.store(false, Ordering::SeqCst);
    sleep(PATIENCE).await;
    let own = replica.status().incarnation.unwrap();
    assert_eq!(database.replicas(), [(own, ReplicaState::Live)]);
    assert!(database.with(|tables| tables.registered.len()) > 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_who_has_stopped() {
    let replica = start().await;
    let sight = replica.freshness.sight(SHARD);
    assert!(sight.is_some());
    replica.freshness.stop().await;
    assert!(replica.freshness.sight(SHARD).is_none());
    assert!(!*replica.freshness.subscribe_ready().borrow());
    assert_eq!(replica.database.replicas(), []);
    let polls = replica.status().polls;
    replica.freshness.stop().await;
    sleep(PATIENCE).await;
    assert_eq!(replica.status().polls, polls);
    replica.database.change(1);
    assert!(replica.in_force().await.0 < 10, "there is nobody to wait for");
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_last_clone() {
    let Replica { database, freshness, .. } = start().await;
    drop(freshness);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(Arc::strong_count(&database), 1);
}

#[tokio::test(start_paused = true)]
async fn old_changes_are_removed_now_and_then() {
    let replica = start().await;
    sleep(Duration::from_secs(60 * 60)).await;
    let trimmed = replica.database.with(|tables| tables.trimmed.clone());
    assert!((6..=8).contains(&trimmed.len()), "{trimmed:?}");
    let now = replica.clock.now().timestamp().0;
    let day = 24 * 60 * 60 * 1_000;
    assert!(trimmed.iter().all(|before| before.0 <= now - day));
}

/// What a replica goes through that was fenced, or started, while its database could be read only.
#[tokio::test(start_paused = true)]
async fn a_database_that_takes_no_writes_is_tried_with_pauses_and_little_is_left_behind() {
    let replica = start().await;
    let database = &replica.database;
    database.takes_no_writes.store(true, Ordering::SeqCst);
    database.with(|tables| tables.replicas.clear());
    let before = database.writes.load(Ordering::SeqCst);
    let until = Instant::now() + Duration::from_secs(50);
    while Instant::now() < until {
        // Somebody always asks.
        replica.freshness.sight_or_poll(SHARD, PATIENCE).await;
        sleep(Duration::from_millis(10)).await;
    }
    let tried = database.writes.load(Ordering::SeqCst) - before;
    assert!((50..250).contains(&tried), "{tried} writes");
    database.takes_no_writes.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    let mut ready = replica.freshness.subscribe_ready();
    ready.wait_for(|ready| *ready).await.unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(database.replicas().len(), 1);
}
