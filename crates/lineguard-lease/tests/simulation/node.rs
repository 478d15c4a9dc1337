//! One replica: a runtime with a clock of its own, which can be paused and killed.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::feed::{Audience, Changes, Counters, Feed, Incarnation, ReplicaState};
use lineguard_core::id::Timestamp;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{ConcernRow, Shard, ShardSet, Stamp};
use lineguard_lease::{Bus, Clock, FollowerFeed, Freshness, Heard, Moment, NoBus, Params};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::time::Instant;

use crate::REPLICAS;
use crate::database::SHARDS_USED;
use crate::peers::{Desk, NodeParent, listen};
use crate::random::Random;
use crate::work::{self, Cache, Worker};
use crate::world::{MS, Shared, World};

/// A step that is left out or done wrongly, to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    Nothing,
    /// A write is acknowledged when it is committed.
    AcknowledgeAtCommit,
    /// Cached entries are used whether a lease holds or not.
    NoLease,
    /// A fill in the cache is used without a look at what changed.
    NoConcerns,
    /// Writers do not wait for fenced replicas.
    ForgetFenced,
    /// Fenced replicas are removed at once.
    RemoveFencedAtOnce,
    /// All nonces are the same.
    NoNonces,
    /// A poll shows what was read when the one before it ended.
    OldReads,
    /// What a poll has read is confirmed before it is installed.
    ConfirmEarly,
    /// An answer from the database is not reported.
    ForgetAnswers,
    /// Every replica is told that it is live.
    AlwaysLive,
    /// A follower counts its lease from the reply.
    LeaseFromReceipt,
    /// A follower is told more than it is granted.
    GrantTooMuch,
    /// A follower confirms what it has received before it is installed.
    FollowerConfirmsEarly,
    /// A parent forgets what it granted to a follower that is cut off.
    LeaveWhenCut,
    /// Whoever stops has its row removed first.
    RowGoneAtStop,
}

/// The clock of one replica, which runs at its own rate.
#[derive(Clone)]
pub struct NodeClock(Arc<Mutex<ClockState>>);

struct ClockState {
    true_base: u64,
    base: Option<Instant>,
    drift_ppm: i64,
    real_offset: u64,
}

impl NodeClock {
    fn new(drift_ppm: i64) -> Self {
        let start = 1_000_000_000 * MS;
        Self(Arc::new(Mutex::new(ClockState {
            true_base: 0,
            base: None,
            drift_ppm,
            real_offset: start,
        })))
    }

    /// The true time, as far as this replica has come.
    pub fn true_now(&self) -> u64 {
        let state = self.0.lock().unwrap();
        let since = state.base.map_or(Duration::ZERO, |base| Instant::now() - base);
        state.true_base + since.as_nanos() as u64
    }

    fn set(&self, true_base: u64, base: Instant) {
        let mut state = self.0.lock().unwrap();
        (state.true_base, state.base) = (true_base, Some(base));
    }

    /// Somebody sets the wall clock.
    pub fn jump(&self, offset: u64) {
        self.0.lock().unwrap().real_offset = offset;
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Moment {
        let now = self.true_now() as i128;
        let state = self.0.lock().unwrap();
        let here = (now + now * i128::from(state.drift_ppm) / 1_000_000) as u64;
        Moment { boot: here + 5 * MS, real: here + state.real_offset }
    }
}

/// The database as one replica reaches it.
pub struct NodeFeed {
    pub shared: Shared,
    pub node: usize,
    pub clock: NodeClock,
    broken: Break,
    early: Mutex<Option<oneshot::Receiver<Counters>>>,
}

impl NodeFeed {
    fn send<T: Send + 'static>(
        &self,
        execute: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        let deliver = move |result| drop(reply.send(result));
        let sent = self.clock.true_now();
        self.shared.lock().statement(self.node, sent, execute, deliver);
        answer
    }

    pub async fn ask<T: Send + 'static>(
        &self,
        execute: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = |_| StoreError::Unavailable { detail: "no connection".into() };
        self.send(execute).await.map_err(gone)
    }

    fn nonce(&self, stamp: &mut Stamp) {
        if self.broken == Break::NoNonces {
            stamp.nonce = 0;
        }
    }

    fn nonces<'a>(&self, stamps: impl Iterator<Item = &'a mut Stamp>) {
        stamps.for_each(|stamp| self.nonce(stamp));
    }

    async fn read_counters(&self, incarnation: Incarnation) -> Result<Counters, StoreError> {
        let read = move |world: &mut World| world.db.counters(incarnation);
        if self.broken != Break::OldReads {
            return self.ask(read).await;
        }
        let early = self.early.lock().unwrap().take();
        let counters = match early {
            Some(early) => early.await.ok(),
            None => self.ask(read).await.ok(),
        };
        *self.early.lock().unwrap() = Some(self.send(read));
        counters.ok_or(StoreError::Unavailable { detail: "no connection".into() })
    }
}

#[async_trait]
impl Feed for NodeFeed {
    async fn counters(
        &self,
        incarnation: Incarnation,
        _: &[(Shard, Stamp)],
    ) -> Result<Counters, StoreError> {
        let mut counters = self.read_counters(incarnation).await?;
        self.nonces(counters.stamps.iter_mut());
        if self.broken == Break::AlwaysLive {
            counters.state = Some(ReplicaState::Live);
        }
        if self.broken == Break::ConfirmEarly {
            let bus =
                NodeBus { shared: self.shared.clone(), node: self.node, clock: self.clock.clone() };
            let moved = Shard::all().zip(&counters.stamps).filter(|(_, stamp)| stamp.counter > 0);
            moved.for_each(|(shard, stamp)| bus.confirm(incarnation, shard, *stamp));
            let pause = self.shared.lock().random.between(1, 60);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Ok(counters)
    }

    async fn changes(&self, since: &[(Shard, u64)], limit: usize) -> Result<Changes, StoreError> {
        let since = since.to_vec();
        let mut changes = self.ask(move |world| world.db.changes(&since, limit)).await?;
        self.nonces(changes.stamps.iter_mut().map(|(_, stamp)| stamp));
        self.nonces(changes.rows.iter_mut().map(|row| &mut row.stamp));
        Ok(changes)
    }

    async fn recent(
        &self,
        _: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<ConcernRow>>, StoreError> {
        let mut rows = self.ask(move |world| world.db.recent(limit)).await?;
        self.nonces(rows.iter_mut().flatten().map(|row| &mut row.stamp));
        Ok(rows)
    }

    async fn register(
        &self,
        incarnation: Incarnation,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.ask(move |world| world.db.register(incarnation, &name, now)).await
    }

    async fn audience(&self, shard: Shard) -> Result<Audience, StoreError> {
        let mut audience = self.ask(move |world| world.db.audience(shard)).await?;
        self.nonce(&mut audience.stamp);
        self.nonces(audience.confirmed.iter_mut().map(|(_, stamp)| stamp));
        if self.broken == Break::ForgetFenced {
            audience.replicas.retain(|row| row.state == ReplicaState::Live);
        }
        Ok(audience)
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        let at_once = self.broken == Break::RemoveFencedAtOnce;
        self.ask(move |world| match at_once {
            true => world.db.remove(incarnation),
            false => world.db.fence(incarnation),
        })
        .await
    }

    async fn remove(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        self.ask(move |world| world.db.remove(incarnation)).await
    }

    async fn confirm(
        &self,
        incarnation: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        let installed = installed.to_vec();
        self.ask(move |world| world.db.confirm(incarnation, &installed)).await
    }

    async fn trim(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

struct NodeBus {
    shared: Shared,
    node: usize,
    clock: NodeClock,
}

impl NodeBus {
    fn send(&self, message: Heard) {
        let sent = self.clock.true_now();
        self.shared.lock().broadcast(self.node, sent, message);
    }
}

impl Bus for NodeBus {
    fn hint(&self, shard: Shard, stamp: Stamp) {
        self.send(Heard::Hint { shard, stamp });
    }

    fn confirm(&self, incarnation: Incarnation, shard: Shard, stamp: Stamp) {
        self.send(Heard::Confirmed { incarnation, shard, stamp });
    }

    fn subscribe(&self) -> broadcast::Receiver<Heard> {
        let ears = broadcast::Sender::new(64);
        let heard = ears.subscribe();
        self.shared.lock().links[self.node].ears = Some(ears);
        heard
    }

    fn connected(&self) -> bool {
        !self.shared.lock().links[self.node].bus_cut
    }
}

/// What all replicas of a simulation are given.
pub fn params() -> Params {
    Params {
        lease: Duration::from_secs(1),
        poll: Duration::from_millis(100),
        poll_timeout: Duration::from_millis(80),
        margin: Duration::from_millis(20),
        max_records: 1_024,
        grant: Duration::from_millis(400),
        ..Params::default()
    }
}

pub struct Node {
    pub number: usize,
    starts: u64,
    runtime: Option<Runtime>,
    pub freshness: Option<Freshness>,
    pub clock: NodeClock,
    /// How far in true time it has come.
    came_to: u64,
    paused: bool,
    broken: Break,
}

impl Node {
    pub fn new(shared: &Shared, number: usize, broken: Break) -> Self {
        let drift = shared.lock().random.between(0, 10_000) as i64 - 5_000;
        let clock = NodeClock::new(drift);
        Self {
            number,
            starts: 0,
            runtime: None,
            freshness: None,
            clock,
            came_to: 0,
            paused: false,
            broken,
        }
    }

    pub fn start(&mut self, shared: &Shared) {
        self.starts += 1;
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let (now, seed) = {
            let mut world = shared.lock();
            (world.now, world.random.next())
        };
        self.came_to = now;
        runtime.block_on(async { self.clock.set(now, Instant::now()) });
        let entered = runtime.enter();
        let feed = Arc::new(NodeFeed {
            shared: shared.clone(),
            node: self.number,
            clock: self.clock.clone(),
            broken: self.broken,
            early: Mutex::new(None),
        });
        let bus = NodeBus { shared: shared.clone(), node: self.number, clock: self.clock.clone() };
        let names = Mutex::new(Random(seed));
        let random = Arc::new(move || names.lock().unwrap().bytes());
        let clock = Arc::new(self.clock.clone());
        let follows = self.number >= REPLICAS;
        let freshness = match follows {
            true => Freshness::start(self.follow(shared), Arc::new(NoBus), clock, params(), random),
            false => Freshness::start(feed.clone(), Arc::new(bus), clock, params(), random),
        };
        self.freshness = Some(freshness.clone());
        match follows {
            true => {
                let hinted = Arc::new(Notify::new());
                shared.lock().links[self.number].hinted = Some(Arc::clone(&hinted));
                runtime.spawn(listen(freshness.clone(), hinted));
            }
            false => {
                let (inbox, letters) = mpsc::unbounded_channel();
                shared.lock().links[self.number].inbox = Some(inbox);
                let desk = Desk {
                    shared: shared.clone(),
                    clock: self.clock.clone(),
                    freshness: freshness.clone(),
                    broken: self.broken,
                };
                runtime.spawn(desk.serve(letters));
            }
        }
        let cache = Cache::default();
        for at in 0..4 {
            let worker = Worker {
                process: (self.number, self.starts),
                feed: feed.clone(),
                freshness: freshness.clone(),
                cache: cache.clone(),
                random: Random(seed ^ (at + 1)),
                broken: self.broken,
            };
            match at {
                // Who follows writes elsewhere.
                0 if follows => {}
                0 => drop(runtime.spawn(work::write(worker))),
                _ => drop(runtime.spawn(work::ask(worker))),
            }
        }
        drop(entered);
        self.runtime = Some(runtime);
    }

    /// The feed of a follower, of all shards or of one.
    fn follow(&self, shared: &Shared) -> Arc<FollowerFeed> {
        let parent = NodeParent {
            shared: shared.clone(),
            node: self.number,
            clock: self.clock.clone(),
            broken: self.broken,
            parent: AtomicUsize::new(self.number % REPLICAS),
        };
        let shards = match self.number == REPLICAS {
            true => ShardSet::ALL,
            false => SHARDS_USED.into_iter().take(1).collect(),
        };
        Arc::new(FollowerFeed::new(Arc::new(parent), shards))
    }

    /// It is gone, in the middle of whatever it did.
    pub fn kill(&mut self) {
        self.freshness = None;
        self.runtime = None;
        self.paused = false;
    }

    /// It takes its leave; who asks it is still answered from the database.
    pub fn stop(&self, world: &mut World) {
        if let (Some(runtime), Some(freshness)) = (&self.runtime, self.freshness.clone()) {
            let own = freshness.status().incarnation;
            if let Some(own) = own.filter(|_| self.broken == Break::RowGoneAtStop) {
                world.db.remove(own);
            }
            runtime.spawn(async move { freshness.stop().await });
        }
    }

    pub fn runs(&self) -> bool {
        self.runtime.is_some()
    }

    pub fn pause(&mut self) {
        self.paused = self.runs();
    }

    /// Goes on. If only the process was stopped its timers have run out meanwhile; if the whole
    /// machine was suspended they go on where they were.
    pub fn resume(&mut self, now: u64, suspended: bool) {
        if !std::mem::take(&mut self.paused) {
            return;
        }
        let Some(runtime) = &self.runtime else { return };
        let missed = Duration::from_nanos(now - self.came_to);
        runtime.block_on(async {
            match suspended {
                true => self.clock.set(now, Instant::now()),
                false => tokio::time::advance(missed).await,
            }
        });
        self.came_to = now;
    }

    /// Lets it do what it does until a moment.
    pub fn run(&mut self, to: u64) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.paused) else { return };
        let step = Duration::from_nanos(to - self.came_to);
        runtime.block_on(async {
            self.clock.set(self.came_to, Instant::now());
            tokio::time::sleep(step).await;
        });
        self.came_to = to;
    }

    /// Does something inside of it.
    pub fn within<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.runtime.as_ref().map(|runtime| runtime.block_on(what))
    }
}
