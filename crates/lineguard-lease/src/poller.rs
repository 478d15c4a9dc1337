//! The poller: keeps the incarnation, the view and the lease.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lineguard_core::feed::{Changes, Incarnation};
use lineguard_core::id::Timestamp;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{SHARDS, Shard};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::pace::Pauses;
use crate::plan::Fault;
use crate::replica::{Replica, guard};
use crate::state::{Outcome, Reply};
use crate::status::count;
use crate::told;

/// How far back the first poll looks for changes, in milliseconds: so old may an answer be that
/// another replica left behind and that this one uses.
const RECENT_MILLIS: i64 = 60 * 60 * 1_000;

/// Polls at every tick and whenever somebody asks; one poll at a time.
pub(crate) async fn run(replica: Arc<Replica>) {
    let mut tick = Instant::now();
    let mut pauses = Pauses::new(replica.params.poll / 8, replica.params.poll);
    loop {
        tokio::select! {
            biased;
            () = replica.stopped() => return,
            () = replica.wanted.notified() => {}
            () = tokio::time::sleep_until(tick) => {}
        }
        let regular = Instant::now() >= tick;
        if regular {
            tick = Instant::now() + replica.jittered(replica.params.poll);
        }
        let renewed = tokio::select! {
            biased;
            () = replica.stopped() => return,
            renewed = renew(&replica, regular) => renewed,
        };
        if renewed {
            pauses.reset();
            if let Some(failed) = replica.said.polls.over() {
                info!(failed, "the database is polled again");
            }
            continue;
        }
        // However many ask, a database in trouble is not asked without a pause.
        tokio::select! {
            biased;
            () = replica.stopped() => return,
            () = tokio::time::sleep(pauses.next(replica.chance())) => {}
        }
    }
}

/// Takes a new lease. An incarnation that is not counted on any more is replaced, once.
async fn renew(replica: &Replica, regular: bool) -> bool {
    let mut renewed = false;
    let mut number = 0;
    for _ in 0..2 {
        number = replica.counts.polls.fetch_add(1, Ordering::SeqCst) + 1;
        match poll(replica).await {
            Ok((incarnation, Outcome::Installed(installed))) => {
                told::installed(replica, incarnation, &installed);
                told::keep(replica, regular);
                renewed = true;
                break;
            }
            Ok((incarnation, outcome @ (Outcome::NotLive | Outcome::OtherHistory(_)))) => {
                lost(replica, incarnation, &outcome);
            }
            Ok((_, Outcome::Late)) => break,
            Err(error) => {
                if let Some(times) = replica.said.polls.again(Instant::now()) {
                    warn!(%error, times, "a poll of the database failed");
                }
                break;
            }
        }
    }
    if !renewed {
        count(&replica.counts.poll_failures);
    }
    replica.progress.update(|progress| {
        progress.ended = number;
        progress.installed = if renewed { number } else { progress.installed };
    });
    renewed
}

/// One poll, from before it is sent to after it is installed.
async fn poll(replica: &Replica) -> Result<(Incarnation, Outcome), StoreError> {
    let Replica { feed, state, clock, params, .. } = replica;
    if state.incarnation().is_none() {
        register(replica).await?;
    }
    let begun = state.begin(&**clock);
    let poll = begun.ok_or(StoreError::Unavailable { detail: "it is being stopped".into() })?;
    let sent = clock.now();
    let seen = state.seen();
    let counters = replica.ask(feed.counters(poll.incarnation, &seen)).await?;
    if counters.stamps.len() != SHARDS {
        let detail = format!("{} counters instead of {SHARDS}", counters.stamps.len());
        return Err(StoreError::Unavailable { detail });
    }
    let limit = params.max_records / 8;
    let mut reply = Reply { counters, changes: None, recent: Vec::new() };
    match state.moved(&reply.counters) {
        Some(moved) if moved.is_empty() => {}
        Some(moved) => reply.changes = changes(replica, &moved, limit).await,
        None => {
            let since = Timestamp(sent.timestamp().0 - RECENT_MILLIS);
            // Without it less of what others left behind can be used, that is all.
            let recent = replica.ask(feed.recent(since, limit)).await;
            reply.recent = recent.ok().flatten().unwrap_or_default();
        }
    }
    // The process may have stood still meanwhile. A view that no lease can be taken on says less
    // than it seems: the database may have been put back since it was read.
    let lease = reply.counters.lease.map_or(params.lease, |lease| lease.min(params.lease));
    if clock.now().since(sent) >= lease {
        return Ok((poll.incarnation, Outcome::Late));
    }
    let outcome = state.install(&poll, reply);
    let took = clock.now().waited(sent).as_nanos();
    let took = u64::try_from(took).unwrap_or(u64::MAX);
    replica.counts.poll_nanos.store(took, Ordering::Relaxed);
    replica.heard.clear_hints();
    Ok((poll.incarnation, outcome))
}

/// What changed. If it cannot be read, everything in the shards that moved counts as changed: a
/// large import, or a row that this version cannot read, must not cost the lease for good.
async fn changes(replica: &Replica, moved: &[(Shard, u64)], limit: usize) -> Option<Changes> {
    let changes = replica.feed.changes(moved, limit);
    // There is more to read than in other statements.
    match tokio::time::timeout(replica.params.lease / 4, changes).await {
        Ok(Ok(changes)) => return Some(changes),
        Ok(Err(error)) => unread(replica, &error.to_string()),
        Err(_) => unread(replica, "not in time"),
    }
    None
}

fn unread(replica: &Replica, error: &str) {
    if let Some(times) = replica.said.changes.again(Instant::now()) {
        warn!(error, times, "changes could not be read: drops what they may concern");
    }
}

/// Registers an incarnation that was never used. If that fails it may still have happened, so
/// none is tried twice; and before the next is tried, what may have happened is taken back: a
/// database that takes no writes for a day would else be left with a row to remove for every try.
async fn register(replica: &Replica) -> Result<(), StoreError> {
    let Replica { feed, state, clock, params, random, .. } = replica;
    let unfinished = *guard(&replica.registering);
    if let Some(unfinished) = unfinished {
        replica.ask(feed.remove(unfinished)).await?;
    }
    let incarnation = Incarnation(random());
    *guard(&replica.registering) = Some(incarnation);
    replica.ask(feed.register(incarnation, &params.name, clock.now().timestamp())).await?;
    state.enroll(incarnation);
    *guard(&replica.registering) = None;
    info!(%incarnation, "registered");
    Ok(())
}

/// An incarnation is over.
fn lost(replica: &Replica, incarnation: Incarnation, outcome: &Outcome) {
    if let Outcome::OtherHistory(Fault::Told) = outcome {
        warn!("the parent is in another history: all caches are dropped");
        count(&replica.counts.other_histories);
    } else if let Outcome::OtherHistory(fault) = outcome {
        error!(%fault, "the database was restored to another history: all caches are dropped");
        count(&replica.counts.other_histories);
    } else {
        match replica.feed.is_database() {
            true => warn!(%incarnation, "fenced for making a writer wait; takes a new incarnation"),
            false => info!(%incarnation, "forgotten by the parent; takes a new incarnation"),
        }
        count(&replica.counts.incarnations_lost);
    }
    // No lease is held under it any more, and none can be taken, so nobody has to wait for it but
    // for what it has granted.
    replica.orphan(incarnation);
    // The lease is over: who watches it shall see.
    replica.progress.update(|_| {});
}

/// How long a lease still lasts.
pub(crate) fn lease_remaining(replica: &Replica) -> Option<Duration> {
    let (_, left) = replica.state.left(&*replica.clock)?;
    Some(left).filter(|left| !left.is_zero())
}
