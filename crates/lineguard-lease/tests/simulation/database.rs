//! A database that does what a feed is told about: tenants with things whose values change.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::concern::Concern;
use lineguard_core::feed::{Audience, Changes, Counters, Incarnation, ReplicaRow, ReplicaState};
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::stamp::{ConcernRow, SHARDS, Shard, Stamp};

/// The shards that tenants are in; the others never change.
pub const SHARDS_USED: [Shard; 2] = [Shard(0), Shard(7)];
/// Tenants in each of them.
pub const TENANTS: u64 = 2;
/// Things of each tenant.
pub const THINGS: usize = 3;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenant {
    pub revision: Revision,
    pub values: [u64; THINGS],
}

#[derive(Debug, Clone, Default)]
pub struct ShardState {
    pub stamp: Stamp,
    pub tenants: BTreeMap<u64, Tenant>,
}

/// What a write does.
#[derive(Debug, Clone, Copy)]
pub enum Write {
    Thing(usize),
    /// All things, told as one concern.
    Tenant,
    /// All things, told to nobody: a direct write of somebody.
    Untold,
    /// One thing, and more rows than a poll may read.
    Huge(usize),
}

#[derive(Debug, Clone, Default)]
pub struct Database {
    pub shards: BTreeMap<Shard, ShardState>,
    pub rows: Vec<(u64, ConcernRow)>,
    pub replicas: BTreeMap<Incarnation, ReplicaRow>,
    pub confirmed: BTreeMap<(Incarnation, Shard), Stamp>,
    pub done: BTreeSet<u64>,
    /// Counted by restores.
    pub history: usize,
}

/// What one statement reads of a tenant.
#[derive(Debug, Clone)]
pub struct Fill {
    pub stamp: Stamp,
    pub tenant: Tenant,
    pub history: usize,
}

impl Database {
    pub fn stamp(&self, shard: Shard) -> Stamp {
        self.shards.get(&shard).map(|state| state.stamp).unwrap_or_default()
    }

    pub fn read(&self, shard: Shard, tenant: u64) -> Fill {
        let state = self.shards.get(&shard).cloned().unwrap_or_default();
        let tenant = state.tenants.get(&tenant).cloned().unwrap_or_default();
        Fill { stamp: state.stamp, tenant, history: self.history }
    }

    pub fn write(&mut self, now: u64, nonce: u64, shard: Shard, tenant: u64, write: Write) {
        let state = self.shards.entry(shard).or_default();
        state.stamp = Stamp { counter: state.stamp.counter + 1, nonce };
        let stamp = state.stamp;
        let of = state.tenants.entry(tenant).or_default();
        of.revision.0 += 1;
        let revision = of.revision;
        let mut row = |concern| {
            let tenant = Num(tenant);
            self.rows.push((now, ConcernRow { shard, stamp, tenant, revision, concern }));
        };
        match write {
            Write::Thing(thing) | Write::Huge(thing) => {
                of.values[thing] += 1;
                row(Concern::Member(Num(thing as u64)));
            }
            Write::Tenant => {
                of.values.iter_mut().for_each(|value| *value += 1);
                row(Concern::Tenant);
            }
            Write::Untold => of.values.iter_mut().for_each(|value| *value += 1),
        }
        if let Write::Huge(_) = write {
            (0..200).for_each(|at| row(Concern::Fax(Num(at))));
        }
    }

    pub fn counters(&self, incarnation: Incarnation) -> Counters {
        let stamps = Shard::all().map(|shard| self.stamp(shard)).collect();
        Counters::of_database(stamps, self.replicas.get(&incarnation).map(|row| row.state))
    }

    pub fn changes(&self, since: &[(Shard, u64)], limit: usize) -> Changes {
        let wanted = |row: &ConcernRow| {
            since.iter().any(|(shard, from)| row.shard == *shard && row.stamp.counter >= *from)
        };
        let mut rows: Vec<_> = self.rows.iter().map(|(_, row)| *row).filter(wanted).collect();
        rows.sort_by_key(|row| (row.shard, row.stamp.counter));
        let complete = rows.len() <= limit;
        if !complete {
            rows.clear();
        }
        let stamps = since.iter().map(|(shard, _)| (*shard, self.stamp(*shard))).collect();
        Changes { stamps, rows, complete }
    }

    pub fn recent(&self, limit: usize) -> Option<Vec<ConcernRow>> {
        let rows: Vec<_> = self.rows.iter().map(|(_, row)| *row).collect();
        (rows.len() <= limit).then_some(rows)
    }

    pub fn register(&mut self, incarnation: Incarnation, name: &str, since: Timestamp) {
        let row = ReplicaRow { incarnation, state: ReplicaState::Live, name: name.into(), since };
        assert!(self.replicas.insert(incarnation, row).is_none(), "an incarnation was used twice");
    }

    pub fn audience(&self, shard: Shard) -> Audience {
        let confirmed = self.confirmed.iter().filter(|((_, of), _)| *of == shard);
        Audience {
            stamp: self.stamp(shard),
            replicas: self.replicas.values().cloned().collect(),
            confirmed: confirmed.map(|((by, _), stamp)| (*by, *stamp)).collect(),
        }
    }

    pub fn fence(&mut self, incarnation: Incarnation) {
        if let Some(row) = self.replicas.get_mut(&incarnation) {
            row.state = ReplicaState::Fenced;
        }
    }

    pub fn remove(&mut self, incarnation: Incarnation) {
        self.replicas.remove(&incarnation);
        self.confirmed.retain(|(by, _), _| *by != incarnation);
    }

    pub fn confirm(&mut self, incarnation: Incarnation, installed: &[(Shard, Stamp)]) {
        for (shard, stamp) in installed {
            let kept = self.confirmed.entry((incarnation, *shard)).or_insert(*stamp);
            if stamp.counter > kept.counter {
                *kept = *stamp;
            }
        }
    }

    pub fn trim(&mut self, before: u64) {
        let mut newest: BTreeMap<Shard, u64> = BTreeMap::new();
        for (at, row) in &self.rows {
            if *at < before {
                let newest = newest.entry(row.shard).or_default();
                *newest = row.stamp.counter.max(*newest);
            }
        }
        let kept = |row: &ConcernRow| newest.get(&row.shard) == Some(&row.stamp.counter);
        self.rows.retain(|(at, row)| *at >= before || kept(row));
    }

    /// There are as many counters as shards.
    pub fn whole(&self) -> bool {
        self.counters(Incarnation([0; 16])).stamps.len() == SHARDS
    }
}
