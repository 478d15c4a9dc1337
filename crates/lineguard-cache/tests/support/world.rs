//! A small world that changes, and views of it: the rule by which entries are tested, written as
//! plainly as possible.

use std::sync::Arc;

use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision};
use lineguard_core::stamp::{Shard, Stamp};

use crate::{Origin, Validity};

/// The only shard.
pub const SHARD: Shard = Shard(9);

/// One change.
#[derive(Clone)]
struct Change {
    nonce: u64,
    tenant: Num,
    revision: Revision,
    concern: Concern,
}

/// All changes of one history; the first raised the counter to 1.
#[derive(Clone, Default)]
pub struct World {
    changes: Vec<Change>,
    /// See [`Validity::epoch`].
    pub epoch: u64,
}

/// The world as it was when a counter had some value. It knows of all changes up to then.
#[derive(Clone)]
pub struct View {
    world: Arc<World>,
}

impl World {
    /// Changes one thing.
    pub fn change(&mut self, nonce: u64, tenant: Num, concern: Concern) {
        let Revision(before) = self.revision(tenant, u64::MAX);
        let revision = Revision(before + 1);
        self.changes.push(Change { nonce, tenant, revision, concern });
    }

    /// As it is now.
    pub fn view(&self) -> View {
        View { world: Arc::new(self.clone()) }
    }

    /// Goes back to what it was, as a database does that is restored.
    pub fn restore(&mut self, counter: u64) {
        self.changes.truncate(counter as usize);
        self.epoch += 1;
    }

    fn counter(&self) -> u64 {
        self.changes.len() as u64
    }

    fn revision(&self, tenant: Num, at: u64) -> Revision {
        let upto = self.changes.iter().take(at.min(self.counter()) as usize);
        upto.rev().find(|change| change.tenant == tenant).map_or(Revision(0), |last| last.revision)
    }
}

impl View {
    /// The answer to a question of a tenant about some things: when each was changed last. What
    /// concerns the tenant changes them all.
    pub fn answer(&self, tenant: Num, concerns: &[Concern]) -> Vec<u8> {
        let last = |concern: &Concern| {
            let counted = self.world.changes.iter().zip(1u64..);
            let touching = counted.filter(|(change, _)| touches(change, tenant, *concern));
            touching.map(|(change, at)| (at, change.nonce)).last().unwrap_or_default()
        };
        let mut answer = format!("{tenant:?}").into_bytes();
        concerns.iter().map(last).for_each(|(at, nonce)| {
            answer.extend(at.to_be_bytes());
            answer.extend(nonce.to_be_bytes());
        });
        answer
    }

    /// Where an answer that is read now comes from.
    pub fn origin(&self, tenant: Num, concerns: &[Concern]) -> Origin {
        Origin {
            tenant,
            shard: SHARD,
            stamp: self.stamp(SHARD),
            revision: self.revision(tenant),
            concerns: concerns.into(),
            not_after: None,
            epoch: self.world.epoch,
        }
    }

    /// The tenant's revision.
    pub fn revision(&self, tenant: Num) -> Revision {
        self.world.revision(tenant, u64::MAX)
    }
}

fn touches(change: &Change, tenant: Num, concern: Concern) -> bool {
    change.tenant == tenant && (change.concern == Concern::Tenant || change.concern == concern)
}

impl Validity for View {
    fn stamp(&self, _: Shard) -> Stamp {
        let nonce = self.world.changes.last().map_or(0, |last| last.nonce);
        Stamp { counter: self.world.counter(), nonce }
    }

    fn epoch(&self) -> u64 {
        self.world.epoch
    }

    fn valid(
        &self,
        shard: Shard,
        tenant: Num,
        stamp: Stamp,
        _: Revision,
        concerns: &[Concern],
    ) -> Option<Revision> {
        let place = usize::try_from(stamp.counter).ok()?.checked_sub(1)?;
        let known = self.world.changes.get(place)?;
        if shard != SHARD || known.nonce != stamp.nonce {
            return None;
        }
        let since = self.world.changes.iter().skip(place + 1);
        let concerned = |change: &Change| {
            change.tenant == tenant
                && concerns
                    .iter()
                    .chain([&Concern::Tenant])
                    .any(|concern| touches(change, tenant, *concern))
        };
        let mut since = since.filter(|change| concerned(change));
        since.next().is_none().then(|| self.revision(tenant))
    }
}
