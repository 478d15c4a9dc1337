//! A store that takes a step of every removal before each of its answers, or never takes one.

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, Registered, Removals as _, Store, StoreError,
    TenantReader, TenantRow,
};
use lineguard_store::SqlStore;

/// The store, with the number of steps between two answers.
pub(crate) struct Stepping(pub(crate) SqlStore, pub(crate) usize);

impl Stepping {
    async fn step(&self, tenant: &TenantId) -> Result<(), StoreError> {
        for _ in 0..self.1 {
            self.0.step(tenant, Timestamp(1)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Stepping {
    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        self.step(tenant).await?;
        self.0.snapshot(tenant).await
    }

    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError> {
        self.step(&batch.tenant).await?;
        self.0.apply(batch, now).await
    }

    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        self.step(tenant).await?;
        self.0.register(tenant, faxes, now).await
    }

    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        self.step(&import.tenant).await?;
        self.0.import(import, now).await
    }

    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        limit: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        self.0.accounts_of(subject, after, limit).await
    }

    async fn tenants(&self, after: Num, limit: usize) -> Result<Vec<TenantRow>, StoreError> {
        self.0.tenants(after, limit).await
    }

    async fn duplicate_numbers(&self, limit: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        self.0.duplicate_numbers(limit).await
    }

    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError> {
        self.0.put_model(text).await
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        self.0.model_text(digest).await
    }

    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        self.0.secret(name, make).await
    }
}
