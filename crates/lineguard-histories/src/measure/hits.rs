//! What reaches the database: while others change, and when many ask the same at once.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lineguard::wire::pb;

use super::{Measure, figures, rest, say, together};
use crate::clock::{Nanos, nanos, seconds};
use crate::failure::{Failure, Result};

/// Members that are asked about and never changed while they are.
const WATCHED: usize = 2_000;

/// How long members are changed, and how many of them in a second.
const CHANGING: Duration = Duration::from_secs(20);
const CHANGES: u32 = 50;

/// Those who ask the same at once.
const CROWD: usize = 1_000;

/// Statements that a server has sent to the database.
fn statements(this: &Measure, at: usize) -> Result<u64> {
    let link = this.replica(at)?.links.postgres.as_ref();
    let link = link.ok_or_else(|| Failure("measuring needs PostgreSQL".into()))?;
    Ok(link.counts().statements.load(Ordering::Relaxed))
}

/// One question that nobody has asked before, by many at once.
pub(super) async fn stampede(this: &Measure) -> Result<()> {
    let asked = this.members.saturating_sub(1);
    // The connections are there before the crowd comes.
    together((0..64).map(|at| one(this.clone(), at))).await?;
    let (before, began) = (statements(this, 0)?, this.watch.now());
    let took = together((0..CROWD).map(|_| one(this.clone(), asked))).await?;
    let (after, ended) = (statements(this, 0)?, this.watch.now());
    say(&format!(
        "{CROWD} checks of one new question at once: {} statements, polls included, in {:.0} ms; {}",
        after - before,
        seconds(ended - began) * 1_000.0,
        figures(took),
    ));
    Ok(())
}

async fn one(this: Measure, at: usize) -> Result<Nanos> {
    this.check(0, at).await
}

/// Asks about some members while others are changed.
pub(super) async fn under_changes(this: &Measure) -> Result<()> {
    for _ in 0..2 {
        together((0..WATCHED).step_by(250).map(|from| ask(this.clone(), from))).await?;
    }
    rest(this.promise.poll * 2).await;
    let (caches, sent) = (caches(this).await?, statements(this, 0)?);
    let until = this.watch.now() + nanos(CHANGING);
    let changing = tokio::spawn(change(this.clone(), until));
    let mut took = Vec::new();
    while this.watch.now() < until {
        for at in (0..WATCHED).step_by(7) {
            took.push(this.check(0, at).await?);
        }
    }
    let changed = changing.await.map_err(|error| Failure(error.to_string()))??;
    let (asked, sent) = (took.len(), statements(this, 0)? - sent);
    say(&format!(
        "{asked} checks of {WATCHED} of {} members while {changed} others were changed in {:.0} s: \
         {sent} statements, polls included; {}",
        this.members,
        CHANGING.as_secs_f64(),
        figures(took),
    ));
    for (name, after) in self::caches(this).await? {
        let before = caches.get(&name).copied().unwrap_or_default();
        let [hits, misses, stale] =
            [after.hits - before.hits, after.misses - before.misses, after.stale - before.stale];
        let all = hits + misses + stale;
        let ratio = if all == 0 { 0.0 } else { 100.0 * hits as f64 / all as f64 };
        say(&format!(
            "  {name:<16} {hits:>8} hits, {misses:>6} misses, {stale:>6} outdated: {ratio:.2} %"
        ));
    }
    Ok(())
}

async fn ask(this: Measure, from: usize) -> Result<()> {
    for at in from..from + 250 {
        this.check(0, at).await?;
    }
    Ok(())
}

/// Changes members that nobody asks about, by another server.
async fn change(this: Measure, until: Nanos) -> Result<usize> {
    let mut every = tokio::time::interval(Duration::from_secs(1) / CHANGES);
    let mut writes = tokio::task::JoinSet::new();
    let mut at = WATCHED;
    while this.watch.now() < until {
        every.tick().await;
        at = if at + 2 >= this.members { WATCHED } else { at + 1 };
        let this = this.clone();
        writes.spawn(async move { this.write(1, at, 0).await });
    }
    let mut done = 0;
    while let Some(write) = writes.join_next().await {
        write.map_err(|error| Failure(error.to_string()))??;
        done += 1;
    }
    Ok(done)
}

/// Look-ups of a cache.
#[derive(Debug, Clone, Copy, Default)]
struct LookUps {
    hits: u64,
    misses: u64,
    stale: u64,
}

/// What the first server says of its caches; nothing where it does not say.
async fn caches(this: &Measure) -> Result<BTreeMap<String, LookUps>> {
    let status = this.replica(0)?.operations().get_status(pb::GetStatusRequest {}).await;
    let Ok(status) = status else { return Ok(BTreeMap::new()) };
    let look_ups = |cache: pb::CacheStatus| {
        let pb::CacheStatus { name, hits, misses, stale, .. } = cache;
        (name, LookUps { hits, misses, stale })
    };
    Ok(status.into_inner().caches.into_iter().map(look_ups).collect())
}
