//! The small duties: confirmations in the database, rows that are to be removed, old changes,
//! and whether the replica is ready.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::id::Timestamp;
use lineguard_core::stamp::Shard;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::pace::Pauses;
use crate::poller::lease_remaining;
use crate::replica::{Replica, guard};
use crate::status::count;

/// How often old changes are removed, and fenced replicas looked for that nobody told of.
const TRIM: Duration = Duration::from_secs(10 * 60);

/// The longest pause before what the database did not take is tried again.
const LONGEST: Duration = Duration::from_secs(5);

/// Keeps in the database what is installed.
pub(crate) async fn confirm(replica: Arc<Replica>) {
    let mut pauses = Pauses::new(replica.params.poll / 2, LONGEST);
    loop {
        tokio::select! {
            biased;
            () = replica.stopped() => return,
            () = replica.to_confirm.notified() => {}
        }
        let (by, stamps) = guard(&replica.unconfirmed).clone();
        let Some(by) = by.filter(|_| !stamps.is_empty()) else { continue };
        let stamps: Vec<_> = stamps.into_iter().collect();
        match replica.ask(replica.feed.confirm(by, &stamps)).await {
            Ok(()) => {
                pauses.reset();
                replica.said.confirmations.over();
                let mut unconfirmed = guard(&replica.unconfirmed);
                if unconfirmed.0 == Some(by) {
                    unconfirmed.1.retain(|shard, stamp| !stamps.contains(&(*shard, *stamp)));
                }
            }
            Err(error) => {
                if let Some(times) = replica.said.confirmations.again(Instant::now()) {
                    warn!(%error, times, "confirmations could not be kept");
                }
                tokio::select! {
                    biased;
                    () = replica.stopped() => return,
                    () = tokio::time::sleep(pauses.next(replica.chance())) => {}
                }
                replica.to_confirm.notify_one();
            }
        }
    }
}

/// Removes rows that nobody needs any more.
pub(crate) async fn clear(replica: Arc<Replica>) {
    let mut trim = Instant::now() + replica.jittered(TRIM);
    let database = replica.feed.is_database();
    let mut look = database;
    let mut pauses = Pauses::new(replica.params.poll, LONGEST);
    loop {
        if remove_orphans(&replica).await {
            pauses.reset();
        } else {
            // Whoever asks for more to be removed meanwhile is not heard any sooner.
            tokio::select! {
                biased;
                () = replica.stopped() => return,
                () = tokio::time::sleep(pauses.next(replica.chance())) => {}
            }
        }
        if look || !guard(&replica.fenced).is_empty() {
            look = !remove_fenced(&replica).await;
        }
        let busy =
            look || !guard(&replica.fenced).is_empty() || !guard(&replica.orphans).is_empty();
        trim = if database { trim } else { Instant::now() + TRIM };
        let next = match busy {
            true => trim.min(Instant::now() + replica.jittered(replica.params.poll)),
            false => trim,
        };
        tokio::select! {
            biased;
            () = replica.stopped() => return,
            () = replica.to_clear.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
        if Instant::now() >= trim && database {
            look = true;
            trim = Instant::now() + replica.jittered(TRIM);
            remove_old(&replica).await;
        }
    }
}

/// Removes own rows under which no lease is held or granted. Tells whether it could: where one
/// cannot be removed, the others are not tried either.
pub(crate) async fn remove_orphans(replica: &Replica) -> bool {
    let now = replica.clock.now().boot;
    let orphans = guard(&replica.orphans).clone();
    for (incarnation, _) in orphans.into_iter().filter(|(_, end)| *end <= now) {
        match replica.ask(replica.feed.remove(incarnation)).await {
            Ok(()) => drop(guard(&replica.orphans).remove(&incarnation)),
            Err(error) => {
                if let Some(times) = replica.said.removals.again(Instant::now()) {
                    warn!(%incarnation, %error, times, "a row of this replica could not be removed");
                }
                return false;
            }
        }
    }
    replica.said.removals.over();
    true
}

/// Removes replicas that were seen fenced so long ago that their leases are over for certain.
/// Tells whether it could look.
async fn remove_fenced(replica: &Replica) -> bool {
    let Ok(audience) = replica.ask(replica.feed.audience(Shard(0))).await else { return false };
    replica.saw(&audience.replicas);
    let now = replica.clock.now();
    let fenced = guard(&replica.fenced).clone();
    let over = fenced.into_iter().filter(|(_, seen)| now.waited(*seen) >= replica.params.wait());
    for (incarnation, _) in over {
        if replica.ask(replica.feed.remove(incarnation)).await.is_ok() {
            guard(&replica.fenced).remove(&incarnation);
            info!(%incarnation, "removed the row of a fenced replica");
        }
    }
    true
}

async fn remove_old(replica: &Replica) {
    let age = i64::try_from(replica.params.trim_after.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(replica.clock.now().timestamp().0.saturating_sub(age));
    // It may have much to remove, and nobody waits for it.
    let trimmed = tokio::select! {
        biased;
        () = replica.stopped() => return,
        trimmed = tokio::time::timeout(TRIM / 10, replica.feed.trim(before)) => trimmed,
    };
    match trimmed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => untrimmed(replica, &error.to_string()),
        Err(_) => untrimmed(replica, "not in time"),
    }
}

fn untrimmed(replica: &Replica, error: &str) {
    if let Some(times) = replica.said.trims.again(Instant::now()) {
        warn!(error, times, "old changes could not be removed");
    }
}

/// Waits until all leases are over that this replica granted. It has to be stopped.
pub(crate) async fn outlive(replica: &Replica) {
    loop {
        let end = replica.ledger.end();
        let Some(left) = end.checked_sub(replica.clock.now().boot).filter(|left| *left > 0) else {
            return;
        };
        tokio::select! {
            biased;
            () = replica.to_announce.notified() => {}
            () = tokio::time::sleep(Duration::from_nanos(left)) => {}
        }
    }
}

/// Says whether a lease is held, and counts those that ended before they were renewed.
pub(crate) async fn watch(replica: Arc<Replica>) {
    loop {
        let mut progressed = pin!(replica.progress.changed());
        progressed.as_mut().enable();
        let remaining = lease_remaining(&replica);
        let was = replica.ready.send_replace(remaining.is_some());
        if was && remaining.is_none() {
            if let Some(times) = replica.said.leases.again(Instant::now()) {
                warn!(times, "the lease ended before it was renewed");
            }
            count(&replica.counts.leases_lost);
        }
        // A clock may jump, so no sleep is trusted for long.
        let sleep = remaining.unwrap_or(Duration::MAX).min(replica.params.poll);
        tokio::select! {
            biased;
            () = replica.stopped() => break,
            () = progressed => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    replica.ready.send_replace(false);
}
