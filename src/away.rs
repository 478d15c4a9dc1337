//! A store that is not there yet: what answers while a server waits for its database. Questions are
//! read, callers are known and mistakes are told as ever; whatever needs the store is an outage.

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::feed::{Audience, Changes, Counters, Feed, Incarnation};
use lineguard_core::id::{ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, Registered, Store, StoreError, TenantReader,
    TenantRow,
};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

/// The store and its feed.
#[derive(Debug, Clone, Copy)]
pub struct Away;

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable { detail: "this server still waits for its database".into() })
}

#[async_trait]
impl Store for Away {
    async fn snapshot(
        &self,
        _: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        away()
    }

    async fn apply(&self, _: &Batch, _: Timestamp) -> Result<Applied, ApplyError> {
        Ok(away()?)
    }

    async fn register(
        &self,
        _: &TenantId,
        _: &[NewFax],
        _: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        Ok(away()?)
    }

    async fn import(&self, _: &Import, _: Timestamp) -> Result<Imported, ApplyError> {
        Ok(away()?)
    }

    async fn accounts_of(
        &self,
        _: &Subject,
        _: Option<(Num, Num)>,
        _: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        away()
    }

    async fn tenants(&self, _: Num, _: usize) -> Result<Vec<TenantRow>, StoreError> {
        away()
    }

    async fn duplicate_numbers(&self, _: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        away()
    }

    async fn put_model(&self, _: &str) -> Result<ModelDigest, StoreError> {
        away()
    }

    async fn model_text(&self, _: &ModelDigest) -> Result<Option<String>, StoreError> {
        away()
    }

    async fn secret(
        &self,
        _: &'static str,
        _: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        away()
    }
}

#[async_trait]
impl Feed for Away {
    async fn counters(&self, _: Incarnation, _: &[(Shard, Stamp)]) -> Result<Counters, StoreError> {
        away()
    }

    async fn changes(&self, _: &[(Shard, u64)], _: usize) -> Result<Changes, StoreError> {
        away()
    }

    async fn recent(&self, _: Timestamp, _: usize) -> Result<Option<Vec<ConcernRow>>, StoreError> {
        away()
    }

    /// Whoever waits for a database has nobody to be known to, and is not told so again and again.
    async fn register(&self, _: Incarnation, _: &str, _: Timestamp) -> Result<(), StoreError> {
        std::future::pending().await
    }

    async fn audience(&self, _: Shard) -> Result<Audience, StoreError> {
        away()
    }

    async fn fence(&self, _: Incarnation) -> Result<(), StoreError> {
        away()
    }

    /// It is not there.
    async fn remove(&self, _: Incarnation) -> Result<(), StoreError> {
        Ok(())
    }

    async fn confirm(&self, _: Incarnation, _: &[(Shard, Stamp)]) -> Result<(), StoreError> {
        away()
    }

    async fn trim(&self, _: Timestamp) -> Result<(), StoreError> {
        away()
    }
}
