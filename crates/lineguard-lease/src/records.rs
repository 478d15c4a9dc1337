//! What changed lately: per shard the changes in their order, without a gap, and the newest change
//! of each thing among them.

use std::collections::{HashMap, VecDeque};

use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

use super::sync::{RwLock, write};
use crate::shards::PerShard;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) stamp: Stamp,
    pub(crate) concerned: Vec<(Num, Revision, Concern)>,
}

/// What a poll says of a shard that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing from before this stamp may be used: it is not known what changed.
    Restart(Stamp),
    /// It is at this stamp, and these are the changes that led there, as far as they are known.
    First { to: Stamp, changes: Vec<Change> },
    /// It moved from one stamp to another by these changes. Counters without a change among them
    /// are changes that nothing is known of.
    Extend { from: Stamp, to: Stamp, changes: Vec<Change> },
}

/// The changes of one shard. Their counters ascend by one and end at the shard's own stamp, so a
/// thing without a newest change here has not changed since the first of them, and a stamp is of
/// this history if it is one of theirs.
#[derive(Debug, Default)]
struct Shelf {
    epoch: u64,
    changes: VecDeque<Change>,
    /// The newest change of a tenant.
    tenants: HashMap<Num, (u64, Revision)>,
    /// The counter of the newest change of a thing.
    things: HashMap<(Num, Concern), u64>,
    size: usize,
}

impl Change {
    /// What it adds to the size of a shelf.
    fn size(&self) -> usize {
        1 + self.concerned.len()
    }
}

impl Shelf {
    fn newest(&self) -> Option<Stamp> {
        self.changes.back().map(|change| change.stamp)
    }

    fn knows(&self, stamp: Stamp) -> bool {
        let Some(first) = self.changes.front() else { return false };
        let at = stamp.counter.checked_sub(first.stamp.counter).map(usize::try_from);
        let Some(Ok(at)) = at else { return false };
        self.changes.get(at).is_some_and(|change| change.stamp == stamp)
    }

    fn restart(&mut self, epoch: u64, stamp: Stamp) {
        *self = Self { epoch, ..Self::default() };
        self.push(Change { stamp, concerned: Vec::new() });
    }

    fn push(&mut self, change: Change) {
        let counter = change.stamp.counter;
        let follows = self.newest().is_none_or(|newest| newest.counter + 1 == counter);
        if !follows {
            return self.restart(self.epoch, change.stamp);
        }
        for &(tenant, revision, concern) in &change.concerned {
            self.tenants.insert(tenant, (counter, revision));
            self.things.insert((tenant, concern), counter);
        }
        self.size += change.size();
        self.changes.push_back(change);
    }

    fn take(&mut self, epoch: u64, step: Step) {
        let (to, changes) = match step {
            Step::Restart(to) => return self.restart(epoch, to),
            Step::First { to, changes } => {
                *self = Self { epoch, ..Self::default() };
                (to, changes)
            }
            Step::Extend { from, to, changes } => {
                if self.epoch != epoch || self.newest() != Some(from) {
                    return self.restart(epoch, to);
                }
                (to, changes)
            }
        };
        changes.into_iter().for_each(|change| self.push(change));
        if self.newest() != Some(to) {
            self.restart(epoch, to);
        }
    }

    /// Forgets the oldest change, and with it how to tell whether anything from before is valid.
    /// The last one stays, bare. Tells whether it could.
    fn forget_oldest(&mut self) -> bool {
        if self.changes.len() < 2 {
            let Some(stamp) = self.newest().filter(|_| self.size > 1) else { return false };
            self.restart(self.epoch, stamp);
            return true;
        }
        let Some(oldest) = self.changes.pop_front() else { return false };
        self.size -= oldest.size();
        let counter = oldest.stamp.counter;
        for (tenant, _, concern) in oldest.concerned {
            if self.things.get(&(tenant, concern)) == Some(&counter) {
                self.things.remove(&(tenant, concern));
            }
            if self.tenants.get(&tenant).is_some_and(|(newest, _)| *newest == counter) {
                self.tenants.remove(&tenant);
            }
        }
        true
    }

    /// See [`Records::since`].
    fn since(&self, from: u64, to: Stamp) -> Option<impl Iterator<Item = &Change>> {
        let first = self.changes.front()?.stamp.counter;
        let start = usize::try_from(from.checked_sub(first)?).ok()?;
        // A bare change says that it is not known what changed there; none is needed for a
        // shard that had never changed.
        let bare = self.changes.get(start)?.concerned.is_empty() && from > 0;
        (!bare && self.knows(to)).then(|| {
            self.changes.iter().skip(start).take_while(move |c| c.stamp.counter <= to.counter)
        })
    }

    fn valid(&self, view: Stamp, built: &Built<'_>) -> Option<Revision> {
        if !self.knows(built.stamp) {
            return None;
        }
        let since = built.stamp.counter;
        let Some(&(newest, revision)) = self.tenants.get(&built.tenant) else {
            return Some(built.revision);
        };
        if newest <= since {
            return Some(built.revision);
        }
        // The records may be ahead of the view. Then the revision at the view is not known.
        if newest > view.counter {
            return None;
        }
        let changed = |concern| {
            self.things.get(&(built.tenant, concern)).is_some_and(|counter| *counter > since)
        };
        let outdated = changed(Concern::Tenant) || built.concerns.iter().any(|&c| changed(c));
        (!outdated).then_some(revision)
    }
}

/// What something was built from, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Built<'a> {
    pub(crate) tenant: Num,
    pub(crate) stamp: Stamp,
    pub(crate) revision: Revision,
    pub(crate) concerns: &'a [Concern],
}

/// The shelves of all shards. Each is read and changed under its own lock, as a whole.
pub(crate) struct Records(PerShard<RwLock<Shelf>>);

impl Records {
    pub(crate) fn new() -> Self {
        Self(PerShard::from_fn(|_| RwLock::default()))
    }

    /// Whether something is still true at a view, and the tenant's revision there.
    pub(crate) fn valid(
        &self,
        epoch: u64,
        shard: Shard,
        view: Stamp,
        built: &Built<'_>,
    ) -> Option<Revision> {
        if built.stamp.counter >= view.counter {
            return (built.stamp == view).then_some(built.revision);
        }
        // A writer that panicked may have left half of a change.
        let shelf = self.0.at(shard).read().ok()?;
        if shelf.epoch != epoch { None } else { shelf.valid(view, built) }
    }

    /// All rows of the changes of a shard from a counter on, that of the counter itself included,
    /// up to a stamp; none if some are not known.
    pub(crate) fn since(
        &self,
        epoch: u64,
        shard: Shard,
        from: u64,
        to: Stamp,
    ) -> Option<Vec<ConcernRow>> {
        let shelf = self.0.at(shard).read().ok()?;
        let changes = if shelf.epoch == epoch { shelf.since(from, to)? } else { return None };
        let rows = |change: &Change| {
            let stamp = change.stamp;
            let row = move |(tenant, revision, concern)| ConcernRow {
                shard,
                stamp,
                tenant,
                revision,
                concern,
            };
            change.concerned.clone().into_iter().map(row)
        };
        Some(changes.flat_map(rows).collect())
    }

    /// Whether a stamp is of the history of the view, where that is known: its row is there, or
    /// another one is in its place.
    pub(crate) fn of_this_history(&self, shard: Shard, stamp: Stamp) -> Option<bool> {
        let shelf = self.0.at(shard).read().ok()?;
        let first = shelf.changes.front()?.stamp.counter;
        let last = shelf.changes.back()?.stamp.counter;
        (first..=last).contains(&stamp.counter).then(|| shelf.knows(stamp))
    }

    /// Puts what a poll says of a shard in its place. Returns the size of the shelf.
    pub(crate) fn take(&self, epoch: u64, shard: Shard, step: Step) -> usize {
        let (mut shelf, broken) = write(self.0.at(shard));
        match step {
            Step::Extend { to, .. } if broken => shelf.restart(epoch, to),
            step => shelf.take(epoch, step),
        }
        shelf.size
    }

    /// Forgets the oldest changes of a shard until it has at most `size` left. Returns its size.
    pub(crate) fn shrink(&self, shard: Shard, size: usize) -> usize {
        let (mut shelf, broken) = write(self.0.at(shard));
        if broken {
            *shelf = Shelf::default();
        }
        while shelf.size > size && shelf.forget_oldest() {}
        shelf.size
    }
}
