//! A bound on questions that are read from the database, so that they starve nobody: those that are
//! answered from memory never come here, and no tenant takes the places of all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lineguard_core::id::TenantId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The share of all places that one tenant may take: a quarter.
const SHARE: usize = 4;

/// Places for questions that wait for the database or are being read.
pub struct ColdReads {
    /// As many are read at once.
    turns: Semaphore,
    most: usize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    taken: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// A place of a question, given back when it goes, and its turn to read.
pub struct Place<'c> {
    reads: &'c ColdReads,
    tenant: TenantId,
    _turn: Option<SemaphorePermit<'c>>,
}

impl ColdReads {
    /// `most` questions wait or are read, `at_once` of them are read.
    pub fn new(most: usize, at_once: usize) -> Self {
        Self { turns: Semaphore::new(at_once), most, places: Mutex::default() }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a question about a tenant, once it has its turn; none if there is none left, for
    /// this tenant or at all.
    pub async fn enter(&self, tenant: &TenantId) -> Option<Place<'_>> {
        let mut place = self.take(tenant)?;
        // Nobody closes the semaphore.
        place._turn = self.turns.acquire().await.ok();
        Some(place)
    }

    fn take(&self, tenant: &TenantId) -> Option<Place<'_>> {
        let mut places = self.places();
        let of_tenant = places.by_tenant.get(tenant).copied().unwrap_or_default();
        if places.taken >= self.most || of_tenant >= (self.most / SHARE).max(1) {
            return None;
        }
        places.taken += 1;
        places.by_tenant.insert(tenant.clone(), of_tenant + 1);
        Some(Place { reads: self, tenant: tenant.clone(), _turn: None })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.reads.places();
        places.taken -= 1;
        if let Some(count) = places.by_tenant.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                places.by_tenant.remove(&self.tenant);
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
        assert_eq!((places.taken, places.by_tenant.len()), (0, 0));
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
}
