//! A database that does as it is told, and replicas on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::concern::Concern;
use lineguard_core::feed::{
    Audience, Changes, Counters, Feed, Incarnation, ReplicaRow, ReplicaState,
};
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};
use lineguard_lease::{Acknowledged, Clock, Freshness, Moment, NoBus, Params, Status};
use tokio::time::{Instant, sleep};

pub const SHARD: Shard = Shard(9);
pub const GHOST: Incarnation = Incarnation([0xff; 16]);
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Follows tokio's clock; its wall clock can be set.
pub struct TestClock {
    pub start: Instant,
    pub wall: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let boot = u64::try_from((Instant::now() - self.start).as_nanos()).unwrap();
        Moment { boot, real: boot + self.wall.load(Ordering::SeqCst) }
    }
}

#[derive(Default)]
pub struct Tables {
    pub stamp: Stamp,
    pub rows: Vec<ConcernRow>,
    pub replicas: BTreeMap<Incarnation, ReplicaState>,
    pub registered: Vec<Incarnation>,
    pub confirmed: BTreeMap<Incarnation, Stamp>,
    pub trimmed: Vec<Timestamp>,
}

/// A database with one shard that changes.
#[derive(Default)]
pub struct Database {
    pub tables: Mutex<Tables>,
    pub away: AtomicBool,
    pub panics: AtomicBool,
    pub refuses_to_register: AtomicBool,
    pub hides_changes: AtomicBool,
    pub takes_no_writes: AtomicBool,
    /// Writes that were tried.
    pub writes: AtomicU64,
}

impl Database {
    /// One statement, which takes a millisecond.
    async fn run<T>(&self, statement: impl FnOnce(&mut Tables) -> T) -> Result<T, StoreError> {
        sleep(Duration::from_millis(1)).await;
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { detail: "away".into() });
        }
        Ok(self.with(statement))
    }

    /// The same for one that writes.
    async fn write<T>(&self, statement: impl FnOnce(&mut Tables) -> T) -> Result<T, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.takes_no_writes.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { detail: "read only".into() });
        }
        self.run(statement).await
    }

    pub fn with<T>(&self, what: impl FnOnce(&mut Tables) -> T) -> T {
        what(&mut self.tables.lock().unwrap())
    }

    pub fn change(&self, nonce: u64) -> Stamp {
        let mut tables = self.tables.lock().unwrap();
        tables.stamp = Stamp { counter: tables.stamp.counter + 1, nonce };
        let stamp = tables.stamp;
        tables.rows.push(ConcernRow {
            shard: SHARD,
            stamp,
            tenant: Num(1),
            revision: Revision(stamp.counter),
            concern: Concern::Tenant,
        });
        stamp
    }

    pub fn replicas(&self) -> Vec<(Incarnation, ReplicaState)> {
        self.with(|tables| tables.replicas.iter().map(|(by, state)| (*by, *state)).collect())
    }

    pub fn haunt(&self) {
        self.with(|tables| tables.replicas.insert(GHOST, ReplicaState::Live));
    }

    pub fn ghost(&self) -> Option<ReplicaState> {
        self.with(|tables| tables.replicas.get(&GHOST).copied())
    }
}

#[async_trait]
impl Feed for Database {
    async fn counters(
        &self,
        incarnation: Incarnation,
        _: &[(Shard, Stamp)],
    ) -> Result<Counters, StoreError> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "as it was told");
        let at = |shard, stamp| if shard == SHARD { stamp } else { Stamp::default() };
        self.run(|tables| {
            let stamps = Shard::all().map(|shard| at(shard, tables.stamp)).collect();
            Counters::of_database(stamps, tables.replicas.get(&incarnation).copied())
        })
        .await
    }

    async fn changes(&self, since: &[(Shard, u64)], _: usize) -> Result<Changes, StoreError> {
        if self.hides_changes.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.run(|tables| Changes {
            stamps: since.iter().map(|(shard, _)| (*shard, tables.stamp)).collect(),
            rows: tables.rows.clone(),
            complete: true,
        })
        .await
    }

    async fn recent(&self, _: Timestamp, _: usize) -> Result<Option<Vec<ConcernRow>>, StoreError> {
        self.run(|tables| Some(tables.rows.clone())).await
    }

    async fn register(
        &self,
        incarnation: Incarnation,
        _: &str,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|tables| {
            assert!(!tables.registered.contains(&incarnation), "used twice");
            tables.registered.push(incarnation);
            tables.replicas.insert(incarnation, ReplicaState::Live);
        })
        .await?;
        match self.refuses_to_register.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable { detail: "the reply is lost".into() }),
            false => Ok(()),
        }
    }

    async fn audience(&self, shard: Shard) -> Result<Audience, StoreError> {
        let row = |(incarnation, state): (&Incarnation, &ReplicaState)| ReplicaRow {
            incarnation: *incarnation,
            state: *state,
            name: String::new(),
            since: Timestamp(0),
        };
        self.run(|tables| Audience {
            stamp: if shard == SHARD { tables.stamp } else { Stamp::default() },
            replicas: tables.replicas.iter().map(row).collect(),
            confirmed: tables.confirmed.iter().map(|(by, stamp)| (*by, *stamp)).collect(),
        })
        .await
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.replicas.entry(incarnation).and_modify(|state| *state = ReplicaState::Fenced);
        })
        .await
    }

    async fn remove(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        self.write(|tables| tables.replicas.remove(&incarnation)).await.map(|_| ())
    }

    async fn confirm(
        &self,
        incarnation: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        let installed = installed.to_vec();
        self.write(|tables| {
            for (_, stamp) in installed.iter().filter(|(shard, _)| *shard == SHARD) {
                tables.confirmed.insert(incarnation, *stamp);
            }
        })
        .await
    }

    async fn trim(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(|tables| tables.trimmed.push(before)).await
    }
}

pub struct Replica {
    pub database: Arc<Database>,
    pub clock: Arc<TestClock>,
    pub freshness: Freshness,
}

/// The names of incarnations, one after the other.
pub fn names(first: u8) -> Arc<dyn Fn() -> [u8; 16] + Send + Sync> {
    let next = AtomicU64::new(0);
    Arc::new(move || {
        let mut name = [first; 16];
        let (_, count) = name.split_at_mut(8);
        count.copy_from_slice(&next.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        name
    })
}

pub fn start_on(database: Arc<Database>, first: u8) -> Replica {
    let clock = TestClock { start: Instant::now(), wall: AtomicU64::new(1_000_000_000_000_000) };
    let clock = Arc::new(clock);
    let freshness = Freshness::start(
        database.clone(),
        Arc::new(NoBus),
        clock.clone(),
        Params::default(),
        names(first),
    );
    Replica { database, clock, freshness }
}

/// A replica that has its first lease.
pub async fn start() -> Replica {
    let replica = start_on(Arc::default(), 1);
    replica.freshness.sight_or_poll(SHARD, PATIENCE).await.unwrap();
    replica
}

impl Replica {
    pub fn status(&self) -> Status {
        self.freshness.status()
    }

    /// How long a write waits, in milliseconds, and why it was acknowledged.
    pub async fn in_force(&self) -> (u128, Acknowledged) {
        let begun = Instant::now();
        let acknowledged = self.freshness.in_force(SHARD).await.unwrap();
        (begun.elapsed().as_millis(), acknowledged)
    }
}
