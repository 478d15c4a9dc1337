//! The feed of changes: what a replica asks its database to know how recent its caches are.
//!
//! These are reads and writes of the *primary* database. None of them is ever answered from a
//! cache, and each is a single statement, so a single snapshot.
//!
//! A replica may also follow another one, its parent, and ask that instead of a database. Then
//! what it is shown is the view of the parent, and for how long it may answer from it is for the
//! parent to say ([`Counters::lease`]).

use std::time::Duration;

use async_trait::async_trait;

use crate::id::Timestamp;
use crate::port::StoreError;
use crate::stamp::{ConcernRow, Shard, ShardSet, Stamp};

/// One start of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub [u8; 16]);

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whether a replica is counted on to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplicaState {
    /// It is.
    Live,
    /// It made a writer wait for its lease to end. It may not take another lease under this
    /// incarnation; until its row is gone, writers still wait for it.
    Fenced,
}

/// A replica as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// Its state.
    pub state: ReplicaState,
    /// What it calls itself, for operators.
    pub name: String,
    /// When it registered, by its own wall clock; for operators.
    pub since: Timestamp,
}

/// All counters, and the asking replica's own state, as one statement reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// The stamp of each shard, by [`Shard::index`]; [`crate::stamp::SHARDS`] of them.
    pub stamps: Vec<Stamp>,
    /// The state of the asking incarnation; none if it has no row.
    pub state: Option<ReplicaState>,
    /// For how long after its question the replica may answer from them at most. None from a
    /// database: as long as the replica's own lease.
    pub lease: Option<Duration>,
    /// The shards that they are shown of. Of the others nothing is known.
    pub shards: ShardSet,
    /// Whether what the replica has seen is known to be of another history.
    pub other_history: bool,
}

impl Counters {
    /// What a database shows.
    pub fn of_database(stamps: Vec<Stamp>, state: Option<ReplicaState>) -> Self {
        Self { stamps, state, lease: None, shards: ShardSet::ALL, other_history: false }
    }
}

/// What happened in some shards, as one statement reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The stamps of the shards asked for.
    pub stamps: Vec<(Shard, Stamp)>,
    /// Rows at or above the counter asked for, by shard and counter. Where there are more than
    /// asked for, none at all.
    pub rows: Vec<ConcernRow>,
    /// Whether all rows are there.
    pub complete: bool,
}

/// Who has to confirm a write, and what, as one statement reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The stamp of the shard: at or above that of every change whose commit has returned.
    pub stamp: Stamp,
    /// All replicas, live and fenced.
    pub replicas: Vec<ReplicaRow>,
    /// What they confirmed in the database for this shard.
    pub confirmed: Vec<(Incarnation, Stamp)>,
}

/// The feed.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// Whether this is the database. Otherwise there are no replicas to wait for here and nothing
    /// to keep in order, and whoever writes does so at the parent.
    fn is_database(&self) -> bool {
        true
    }

    /// Writes something and takes it back in the same transaction, to learn whether anything can be
    /// written at all. Whoever is no database has nothing to try.
    async fn try_write(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// All counters and the state of an incarnation. `seen` is what the replica has installed,
    /// without the shards that never changed: a database needs none of it.
    async fn counters(
        &self,
        incarnation: Incarnation,
        seen: &[(Shard, Stamp)],
    ) -> Result<Counters, StoreError>;

    /// What happened in these shards from a counter on, that counter included; up to `limit` rows.
    async fn changes(&self, since: &[(Shard, u64)], limit: usize) -> Result<Changes, StoreError>;

    /// What happened in all shards since a moment, oldest first; none if there is more than
    /// `limit`.
    async fn recent(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<ConcernRow>>, StoreError>;

    /// Inserts the row of an incarnation, live.
    async fn register(
        &self,
        incarnation: Incarnation,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Who has to confirm a write to this shard.
    async fn audience(&self, shard: Shard) -> Result<Audience, StoreError>;

    /// Fences a replica; no effect if it is fenced or gone.
    async fn fence(&self, incarnation: Incarnation) -> Result<(), StoreError>;

    /// Removes the row of a replica and what it confirmed.
    async fn remove(&self, incarnation: Incarnation) -> Result<(), StoreError>;

    /// Keeps what a replica has installed; never goes back.
    async fn confirm(
        &self,
        incarnation: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError>;

    /// Removes rows of changes from before a moment. Of each shard the newest change from before
    /// it stays, so that a replica always finds the row of its own stamp.
    async fn trim(&self, before: Timestamp) -> Result<(), StoreError>;
}
