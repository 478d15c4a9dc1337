//! A bound on what is read from the database, so that it starves nobody: what is answered from memory
//! never comes here, no tenant and no caller takes the places of all, and who has a place reads only
//! while it has a turn.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lineguard_core::id::TenantId;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Limits;

/// The share of all places that one tenant may take: a quarter.
const SHARE_OF_TENANT: usize = 4;

/// The share of all places that one caller may take, where callers are told apart: a half.
const SHARE_OF_CALLER: usize = 2;

/// What reads long, or for a client that may be slow; each has a small share of the connections, so
/// that questions always have some.
pub struct LongReads {
    /// Exports.
    pub exports: ColdReads,
    /// Lists for administration.
    pub lists: ColdReads,
    /// Snapshots that sidecars read from.
    pub sidecars: ColdReads,
    /// Imports that are being received; they hold memory.
    pub imports: ColdReads,
    /// Model texts that are being read and tried; each keeps a core busy.
    pub models: ColdReads,
}

/// How many model texts wait or are tried, of which a quarter name no tenant, as all do.
const MODELS: usize = 64;

/// How many are tried at once.
const MODELS_AT_ONCE: usize = 2;

impl LongReads {
    /// Of so many snapshots that there can be at a time.
    pub fn new(limits: &Limits, snapshots: usize) -> Self {
        let share = |part: usize| (snapshots / part).max(1);
        Self {
            exports: ColdReads::new(limits.exports, share(4)),
            lists: ColdReads::new(limits.cold, share(4)),
            sidecars: ColdReads::new(limits.cold, share(2)),
            imports: ColdReads::new(limits.imports, limits.imports),
            models: ColdReads::new(MODELS, MODELS_AT_ONCE),
        }
    }
}

/// Places for what waits for the database or is being read.
pub struct ColdReads {
    /// As many are read at once.
    turns: Semaphore,
    most: usize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    taken: usize,
    by: HashMap<By, usize>,
}

/// Who takes places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum By {
    Tenant(TenantId),
    /// What names no tenant.
    NoTenant,
    Caller(String),
}

impl By {
    fn share(&self, most: usize) -> usize {
        let share = match self {
            Self::Tenant(_) | Self::NoTenant => SHARE_OF_TENANT,
            Self::Caller(_) => SHARE_OF_CALLER,
        };
        (most / share).max(1)
    }
}

/// A place, given back when it goes, and its turn to read while it has one.
pub struct Place<'c> {
    reads: &'c ColdReads,
    by: Vec<By>,
    turn: Option<SemaphorePermit<'c>>,
}

impl ColdReads {
    /// `most` wait or are read, `at_once` of them are read.
    pub fn new(most: usize, at_once: usize) -> Self {
        Self { turns: Semaphore::new(at_once), most, places: Mutex::default() }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        self.places().taken
    }

    /// A place for a question about a tenant, once it has its turn; none if there is none left, for
    /// this tenant or at all.
    pub async fn enter(&self, tenant: &TenantId) -> Option<Place<'_>> {
        self.take(vec![By::Tenant(tenant.clone())])?.entered().await
    }

    /// The same for what names no tenant.
    pub async fn enter_without_tenant(&self) -> Option<Place<'_>> {
        self.take(vec![By::NoTenant])?.entered().await
    }

    /// A place for a caller who reads a tenant, without a turn yet; none if there is none left, for
    /// this tenant, for this caller or at all.
    pub fn place(&self, tenant: &TenantId, caller: &str) -> Option<Place<'_>> {
        self.take(vec![By::Tenant(tenant.clone()), By::Caller(caller.to_owned())])
    }

    /// A place for a caller who has named no tenant yet.
    pub fn place_of_caller(&self, caller: &str) -> Option<Place<'_>> {
        self.take(vec![By::Caller(caller.to_owned())])
    }

    fn take(&self, by: Vec<By>) -> Option<Place<'_>> {
        let mut places = self.places();
        let full = |by: &By| places.by.get(by).is_some_and(|taken| *taken >= by.share(self.most));
        if places.taken >= self.most || by.iter().any(full) {
            return None;
        }
        places.taken += 1;
        for by in &by {
            *places.by.entry(by.clone()).or_default() += 1;
        }
        Some(Place { reads: self, by, turn: None })
    }
}

impl Place<'_> {
    async fn entered(mut self) -> Option<Self> {
        self.turn().await;
        Some(self)
    }

    /// Waits for a turn, unless it has one.
    pub async fn turn(&mut self) {
        if self.turn.is_none() {
            // Nobody closes the semaphore.
            self.turn = self.reads.turns.acquire().await.ok();
        }
    }

    /// Gives the turn back and keeps the place.
    pub fn rest(&mut self) {
        self.turn = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.reads.places();
        places.taken -= 1;
        for by in &self.by {
            if let Some(count) = places.by.get_mut(by) {
                *count -= 1;
                if *count == 0 {
                    places.by.remove(by);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn a_tenant_that_floods_leaves_room_for_others() {
        let reads = ColdReads::new(8, 1);
        let (flood, other) = (tenant("flood"), tenant("other"));
        let first = reads.enter(&flood).await.unwrap();
        let mut second = pin!(reads.enter(&flood));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending(), "one is read at a time");
        assert!(reads.enter(&flood).await.is_none(), "a quarter of the places is taken");
        let mut others = pin!(reads.enter(&other));
        assert!(others.as_mut().poll(&mut context).is_pending(), "it waits for its turn");
        drop(first);
        let second = second.as_mut().poll(&mut context);
        assert!(second.is_ready(), "in the order in which they came");
        assert!(others.as_mut().poll(&mut context).is_pending());
        drop(second);
        assert!(others.as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn places_are_given_back_by_whoever_gives_up() {
        let reads = ColdReads::new(4, 1);
        let one = tenant("one");
        let first = reads.enter(&one).await.unwrap();
        assert!(reads.enter(&one).await.is_none());
        drop(first);
        let first = reads.enter(&one).await.unwrap();
        let two = tenant("two");
        {
            let mut waits = pin!(reads.enter(&two));
            assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(reads.places().taken, 2);
        }
        assert_eq!(reads.places().taken, 1);
        drop(first);
        let places = reads.places();
        assert_eq!((places.taken, places.by.len()), (0, 0));
    }

    #[tokio::test]
    async fn all_tenants_together_have_so_many_places() {
        let reads = ColdReads::new(4, 4);
        let mut kept = Vec::new();
        for id in ["a", "b", "c", "d"] {
            kept.push(reads.enter(&tenant(id)).await.unwrap());
        }
        assert!(reads.enter(&tenant("e")).await.is_none());
    }

    #[tokio::test]
    async fn a_caller_has_half_of_the_places_and_keeps_its_own_while_it_rests() {
        let reads = ColdReads::new(8, 1);
        let place = |tenant_id: &str, caller| reads.place(&tenant(tenant_id), caller);
        let mut first = place("a", "one").unwrap();
        let _rest = (place("a", "one").unwrap(), place("b", "one").unwrap());
        assert!(place("a", "two").is_none(), "a quarter of them is of this tenant");
        let _last = place("b", "one").unwrap();
        assert!(place("c", "one").is_none(), "half of them are of this caller");
        let mut second = place("c", "two").unwrap();
        first.turn().await;
        {
            let mut waits = pin!(second.turn());
            let mut context = Context::from_waker(Waker::noop());
            assert!(waits.as_mut().poll(&mut context).is_pending(), "the turn is taken");
            first.rest();
            assert!(waits.as_mut().poll(&mut context).is_ready());
        }
        assert_eq!(reads.taken(), 5);
        drop(first);
        assert_eq!(reads.taken(), 4);
    }
}
