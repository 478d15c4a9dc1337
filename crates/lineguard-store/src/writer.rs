//! Turns to write: how many transactions write at the same time, and what is tried again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use lineguard_core::id::TenantId;
use lineguard_core::port::StoreError;
use sea_orm::{DatabaseConnection, TransactionTrait as _};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::dialect;
use crate::error::unavailable;
use crate::limits::Limits;
use crate::sql::Tx;
use crate::watch::{Statement, Watch, Watcher, watched};

/// How often a write is tried that fails for the sake of another one.
const TRIES: u32 = 8;

/// The connections that write. Writers take turns before they ask for one, so that waiting has no
/// time limit of the pool's.
pub(crate) struct Writer {
    connection: DatabaseConnection,
    limits: Limits,
    turns: Semaphore,
    tenants: Tenants,
    watcher: Watcher,
    #[cfg(test)]
    pub(crate) fuse: Arc<crate::sql::Fuse>,
}

/// The writes of this process to each tenant, one at a time. The database orders those of all
/// processes, but a write that waits there holds a connection that another tenant could use.
#[derive(Default)]
struct Tenants(std::sync::Mutex<HashMap<TenantId, Weak<Mutex<()>>>>);

impl Tenants {
    fn of(&self, tenant: &TenantId) -> Arc<Mutex<()>> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tenants.get(tenant).and_then(Weak::upgrade) {
            return known;
        }
        tenants.retain(|_, waiting| waiting.strong_count() > 0);
        let new = Arc::new(Mutex::new(()));
        tenants.insert(tenant.clone(), Arc::downgrade(&new));
        new
    }
}

/// A turn to write. Every transaction of it may be tried again.
pub(crate) struct Turn<'w> {
    _permit: Option<SemaphorePermit<'w>>,
    _tenant: Option<OwnedMutexGuard<()>>,
    lost: Arc<AtomicBool>,
    tries: u32,
}

impl Turn<'_> {
    /// Whether the transaction that failed did so for the sake of another one, and is to be tried
    /// again.
    pub(crate) fn again(&mut self) -> bool {
        self.tries += 1;
        self.lost.swap(false, Ordering::Relaxed) && self.tries < TRIES
    }
}

impl Writer {
    /// Over connections of which so many may write at the same time.
    pub(crate) fn new(connection: DatabaseConnection, limits: Limits, writers: usize) -> Self {
        Self {
            connection,
            limits,
            turns: Semaphore::new(writers),
            tenants: Tenants::default(),
            watcher: None,
            #[cfg(test)]
            fuse: Arc::new(crate::sql::Fuse { left: (-1).into(), for_good: false.into() }),
        }
    }

    /// Tells of the statements of transactions that begin from now on.
    pub(crate) fn watch(&mut self, watch: Arc<dyn Watch>) {
        self.watcher = Some(watch);
    }

    /// Waits until fewer writes are under way than there may be.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        // Nobody closes the semaphore; if somebody did, the pool would still limit writers.
        let permit = self.turns.acquire().await.ok();
        Turn { _permit: permit, _tenant: None, lost: Arc::default(), tries: 0 }
    }

    /// Waits, too, until no other write of this process to the tenant is under way.
    pub(crate) async fn turn_of(&self, tenant: &TenantId) -> Turn<'_> {
        let own = self.tenants.of(tenant).lock_owned().await;
        Turn { _tenant: Some(own), ..self.turn().await }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self, turn: &Turn<'_>) -> Result<Tx, StoreError> {
        let options = dialect::write_options(self.connection.get_database_backend());
        let begin = Statement::about(self.connection.get_database_backend(), "BEGIN");
        let begun = watched(&self.watcher, begin, self.connection.begin_with_options(options));
        let inner = begun.await.map_err(unavailable)?;
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests put a fuse in"))]
        let mut tx = Tx::new(inner, self.limits, &self.watcher).with_flag(&turn.lost);
        #[cfg(test)]
        {
            tx.fuse = Some(Arc::clone(&self.fuse));
        }
        Ok(tx)
    }

    /// How large statements may be.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The same with less room for a statement.
    #[cfg(test)]
    pub(crate) fn take_no_more_than(&mut self, bytes: usize) {
        self.limits.bytes = bytes;
    }

    /// The connections, past all turns.
    #[cfg(test)]
    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Closes the connections.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        self.connection.close().await.map_err(unavailable)
    }
}
