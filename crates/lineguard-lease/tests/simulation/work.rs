//! What replicas are for: random writes, and random questions answered from caches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Acknowledged, Freshness, NotReached, Sight};

use crate::database::{Fill, SHARDS_USED, TENANTS, THINGS, Write};
use crate::history::Answer;
use crate::node::{Break, NodeFeed, params};
use crate::random::Random;
use crate::world::{MS, World};

/// A cached thing.
#[derive(Clone)]
struct Entry {
    epoch: u64,
    stamp: Stamp,
    revision: Revision,
    value: u64,
}

type Key = (Shard, u64, usize);

#[derive(Clone, Default)]
pub struct Cache(Arc<Mutex<HashMap<Key, Entry>>>);

pub struct Worker {
    pub process: (usize, u64),
    pub feed: Arc<NodeFeed>,
    pub freshness: Freshness,
    pub cache: Cache,
    pub random: Random,
    pub broken: Break,
}

/// A question that was asked.
struct Question {
    shard: Shard,
    tenant: u64,
    things: Vec<usize>,
    called: u64,
    token: Option<(usize, Stamp)>,
}

impl Worker {
    async fn sleep(&mut self, most: u64) {
        let time = self.random.between(0, most * 1_000);
        tokio::time::sleep(Duration::from_micros(time)).await;
    }

    fn place(&mut self) -> (Shard, u64) {
        let shard = SHARDS_USED[self.random.between(0, SHARDS_USED.len() as u64) as usize];
        (shard, self.random.between(0, TENANTS))
    }

    async fn fill(&self, shard: Shard, tenant: u64) -> Option<Fill> {
        let read = self.feed.ask(move |world| world.db.read(shard, tenant));
        let read = tokio::time::timeout(Duration::from_millis(200), read).await;
        let mut fill = read.ok()?.ok()?;
        if self.broken == Break::NoNonces {
            fill.stamp.nonce = 0;
        }
        Some(fill)
    }
}

/// Writes, waits until it is in force, and says so.
pub async fn write(mut worker: Worker) {
    loop {
        worker.sleep(300).await;
        let (shard, tenant) = worker.place();
        let committed = match worker.random.percent(85) {
            true => commit(&mut worker, shard, tenant).await,
            // Nothing to change: who is told so must be able to rely on it as well.
            false => worker.fill(shard, tenant).await.map(|fill| (fill.history, fill.stamp)),
        };
        let Some((history, stamp)) = committed else { continue };
        let called = worker.feed.clock.true_now();
        let mut by = Acknowledged::ByConfirmation;
        if worker.broken != Break::AcknowledgeAtCommit {
            let patience = Duration::from_millis(worker.random.between(200, 3_000));
            let in_force = worker.freshness.in_force(shard);
            let Ok(acknowledged) = tokio::time::timeout(patience, in_force).await else { continue };
            by = acknowledged.unwrap();
        }
        let now = worker.feed.clock.true_now();
        let most = params().wait().as_nanos() as u64 * 1_006 / 1_000 + 5 * MS;
        let mut world = worker.feed.shared.lock();
        world.history.acknowledged(history, shard, stamp.counter, now);
        world.history.by_expiry += u64::from(by == Acknowledged::ByExpiry);
        let paused = world.links[worker.process.0].paused_until > called;
        if !paused && now - called > most {
            let waited = (now - called) / MS;
            world.history.broken = Some(format!("a write at {called} waited {waited} ms"));
        }
    }
}

static WRITES: AtomicU64 = AtomicU64::new(0);

/// Commits a change. If the reply is lost, asks whether it happened.
async fn commit(worker: &mut Worker, shard: Shard, tenant: u64) -> Option<(usize, Stamp)> {
    let thing = worker.random.between(0, THINGS as u64) as usize;
    let write = match worker.random.between(0, 100) {
        0..80 => Write::Thing(thing),
        80..96 => Write::Tenant,
        96..98 => Write::Huge(thing),
        _ => Write::Untold,
    };
    let id = WRITES.fetch_add(1, Ordering::Relaxed);
    let nonce = worker.random.next();
    let limit = Duration::from_millis(150);
    let done = move |world: &mut World| (world.db.history, world.db.stamp(shard));
    for attempt in 0..4 {
        let execute = move |world: &mut World| {
            if attempt == 0 {
                let now = world.now;
                world.db.write(now, nonce, shard, tenant, write);
                world.db.done.insert(id);
                world.committed(shard);
            }
            world.db.done.contains(&id).then(|| done(world))
        };
        match tokio::time::timeout(limit, worker.feed.ask(execute)).await {
            Ok(Ok(committed)) => return committed,
            _ => worker.sleep(200).await,
        }
    }
    None
}

/// Asks and notes the answers.
pub async fn ask(mut worker: Worker) {
    let mut token: Option<(Shard, usize, Stamp)> = None;
    loop {
        worker.sleep(30).await;
        let (shard, tenant) = worker.place();
        let mut things: Vec<usize> = vec![worker.random.between(0, THINGS as u64) as usize];
        if worker.random.percent(50) {
            things.push((things[0] + 1) % THINGS);
        }
        let called = worker.feed.clock.true_now();
        let mut question = Question { shard, tenant, things, called, token: None };
        let known = token.filter(|(of, ..)| *of == shard);
        question.token = known.map(|(_, history, stamp)| (history, stamp));
        let answer = worker.answer(&question).await;
        worker.record(answer);
        // The next question may be asked with what somebody else knows.
        token = match worker.random.percent(15) {
            true => worker.fill(shard, tenant).await.map(|fill| (shard, fill.history, fill.stamp)),
            false => None,
        };
    }
}

impl Worker {
    fn record(&self, answer: Option<Answer>) {
        let mut world = self.feed.shared.lock();
        match answer {
            Some(answer) => {
                let replied = self.feed.clock.true_now();
                world.history.answers.push(Answer { replied, ..answer });
            }
            None => world.history.refused += 1,
        }
    }

    /// An answer, or a refusal. See the rules of [`Sight::valid`].
    async fn answer(&mut self, question: &Question) -> Option<Answer> {
        let Question { shard, tenant, ref things, token, .. } = *question;
        if let Some((_, stamp)) = token {
            let reached = self.freshness.reach(shard, stamp, Duration::from_millis(150)).await;
            match reached {
                Ok(()) => {}
                Err(NotReached::Behind | NotReached::OtherHistory) => return None,
            }
        }
        for _ in 0..3 {
            let Some(sight) = self.sight(shard).await else { break };
            // Somewhere between any two steps the process may be stopped for long.
            if self.random.percent(20) {
                self.sleep(10).await;
            }
            let mut found = Vec::new();
            let mut missing = false;
            for &thing in things {
                match self.cached(&sight, (shard, tenant, thing)) {
                    Some(entry) => found.push((thing, entry)),
                    None => missing = true,
                }
            }
            if !missing {
                let revision = found[0].1.revision;
                assert!(found.iter().all(|(_, entry)| entry.revision == revision));
                let values = found.iter().map(|(thing, entry)| (*thing, entry.value)).collect();
                let stamp = sight.stamp(shard);
                if token.is_some_and(|(_, token)| stamp.counter < token.counter) {
                    continue;
                }
                return Some(self.note(question, stamp, revision, values, true));
            }
            let fill = self.fill(shard, tenant).await?;
            self.keep(&sight, shard, tenant, &fill);
            if fill.stamp.counter > sight.stamp(shard).counter {
                let _ = self.freshness.reach(shard, fill.stamp, Duration::from_millis(100)).await;
            }
        }
        // Nothing cached may be used: all parts by one statement.
        let fill = self.fill(shard, tenant).await?;
        if self.broken != Break::ForgetAnswers {
            self.freshness.answered(shard, fill.stamp);
        }
        if token.is_some_and(|(_, token)| fill.stamp.counter < token.counter) {
            return None;
        }
        let values = things.iter().map(|thing| (*thing, fill.tenant.values[*thing])).collect();
        Some(self.note(question, fill.stamp, fill.tenant.revision, values, false))
    }

    async fn sight(&mut self, shard: Shard) -> Option<Sight> {
        if self.broken == Break::NoLease {
            return self.freshness.stale_sight().map(|(sight, _)| sight);
        }
        match self.random.percent(70) {
            true => self.freshness.sight(shard),
            false => self.freshness.sight_or_poll(shard, Duration::from_millis(100)).await,
        }
    }

    fn cached(&self, sight: &Sight, key: Key) -> Option<Entry> {
        let (shard, tenant, thing) = key;
        let mut cache = self.cache.0.lock().unwrap();
        let entry = cache.get_mut(&key).filter(|entry| entry.epoch == sight.epoch())?;
        let concerns = [Concern::Member(Num(thing as u64))];
        let concerns = if self.broken == Break::NoConcerns { &[] } else { &concerns[..] };
        let (stamp, revision) = (entry.stamp, entry.revision);
        entry.revision = sight.valid(shard, Num(tenant), stamp, revision, concerns)?;
        entry.stamp = sight.stamp(shard);
        Some(entry.clone())
    }

    fn keep(&self, sight: &Sight, shard: Shard, tenant: u64, fill: &Fill) {
        let mut cache = self.cache.0.lock().unwrap();
        for (thing, value) in fill.tenant.values.into_iter().enumerate() {
            let entry = Entry {
                epoch: sight.epoch(),
                stamp: fill.stamp,
                revision: fill.tenant.revision,
                value,
            };
            cache.insert((shard, tenant, thing), entry);
        }
    }

    fn note(
        &self,
        question: &Question,
        stamp: Stamp,
        revision: Revision,
        values: Vec<(usize, u64)>,
        cached: bool,
    ) -> Answer {
        Answer {
            process: self.process,
            called: question.called,
            replied: 0,
            shard: question.shard,
            tenant: question.tenant,
            stamp,
            revision,
            values,
            token: question.token,
            cached,
        }
    }
}
