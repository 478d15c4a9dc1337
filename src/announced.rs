//! A store whose writes return when they are in force: every question that is asked from then on, of
//! any replica, is answered by a state that includes them.

use std::sync::Arc;

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, Registered, Store, StoreError, TenantReader,
    TenantRow,
};
use lineguard_core::stamp::Shard;
use lineguard_lease::{Acknowledged, Clock as _, Freshness, SystemClock};

use crate::metrics::{Metrics, catalogue};
use crate::operations::WaitPath;
use crate::storing::Storing;
use crate::telemetry::trace::{self, Span};
use crate::waits::WriteWaits;

/// The store with the wait.
pub struct Announced {
    store: Arc<dyn Store>,
    freshness: Freshness,
    waits: Arc<WriteWaits>,
    storing: Arc<Storing>,
    metrics: Metrics,
}

impl Announced {
    /// Around a store that replicas share.
    pub fn new(
        store: Arc<dyn Store>,
        freshness: Freshness,
        waits: Arc<WriteWaits>,
        storing: Arc<Storing>,
        metrics: Metrics,
    ) -> Self {
        Self { store, freshness, waits, storing, metrics }
    }

    /// The wait for what a tenant's write has left in the database.
    fn wait(&self, tenant: &TenantId) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let (freshness, metrics) = (self.freshness.clone(), self.metrics.clone());
        let waits = Arc::clone(&self.waits);
        let shard = Shard::of(tenant);
        async move {
            let begun = SystemClock.now();
            let span = trace::inner("wait until in force");
            let (how, span) = Span::around(span, freshness.in_force(shard)).await;
            if let (Ok(how), Some(mut span)) = (&how, span) {
                span.set(catalogue::PATH, word(*how));
            }
            let how = how?;
            let time = SystemClock.now().since(begun);
            waits.add(how, time);
            metrics.write_waited(path(how), time);
            Ok(())
        }
    }
}

const fn path(how: Acknowledged) -> WaitPath {
    match how {
        Acknowledged::ByConfirmation => WaitPath::Confirmed,
        Acknowledged::ByExpiry => WaitPath::Expired,
    }
}

const fn word(how: Acknowledged) -> &'static str {
    match how {
        Acknowledged::ByConfirmation => "confirmed",
        Acknowledged::ByExpiry => "expired",
    }
}

/// Goes on even if the caller goes away: a commit that nobody announced would be found by the other
/// replicas only at their next poll.
async fn unabandoned<T: Send + 'static>(
    write: impl Future<Output = Result<T, ApplyError>> + Send + 'static,
) -> Result<T, ApplyError> {
    trace::apart(write).await.unwrap_or_else(|_| {
        let detail = "a write ended without a result".into();
        Err(ApplyError::Store(StoreError::Unavailable { detail }))
    })
}

#[async_trait]
impl Store for Announced {
    /// Waits even where the batch changed nothing, or is a repeat: what it found done may be done by
    /// a write that some replica has not installed yet.
    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError> {
        let (store, wait) = (Arc::clone(&self.store), self.wait(&batch.tenant));
        let (batch, storing) = (batch.clone(), Arc::clone(&self.storing));
        unabandoned(async move {
            let applied = store.apply(&batch, now).await;
            storing.wrote(&applied);
            let applied = applied?;
            wait.await?;
            Ok(applied)
        })
        .await
    }

    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        let (store, wait) = (Arc::clone(&self.store), self.wait(&import.tenant));
        let (import, storing) = (import.clone(), Arc::clone(&self.storing));
        unabandoned(async move {
            let imported = store.import(&import, now).await;
            storing.wrote(&imported);
            let imported = imported?;
            wait.await?;
            Ok(imported)
        })
        .await
    }

    /// A fax that arrives outdates nothing, because nothing is kept about faxes that are not known.
    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        let registered = self.store.register(tenant, faxes, now).await;
        self.storing.wrote(&registered);
        registered
    }

    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        self.store.snapshot(tenant).await
    }

    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        limit: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        self.store.accounts_of(subject, after, limit).await
    }

    async fn tenants(&self, after: Num, limit: usize) -> Result<Vec<TenantRow>, StoreError> {
        self.store.tenants(after, limit).await
    }

    async fn duplicate_numbers(&self, limit: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        self.store.duplicate_numbers(limit).await
    }

    /// A text never changes under its digest.
    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError> {
        let put = self.store.put_model(text).await;
        self.storing.ended(put.as_ref().err());
        put
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        self.store.model_text(digest).await
    }

    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        self.store.secret(name, make).await
    }
}
