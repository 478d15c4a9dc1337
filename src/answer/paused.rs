//! A snapshot that is given back while nobody reads from it.
//!
//! A snapshot is a transaction and a connection of the database, of which there are few. Whoever
//! waits for a client gives it back and keeps what it was of: the next read takes another one, and
//! goes on only if the set-up of the tenant is still the same. What reads without a pause reads from
//! one snapshot, however much is written meanwhile.

use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::id::{AccountId, FaxId, Num, Subject};
use lineguard_core::port::{
    FaxRow, FaxSlice, MemberRows, Seek, StoreError, TenantReader, TenantRow,
};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::Stamp;

use super::cold::Place;
use crate::app::App;
use crate::wire::status::Failure;

/// How long a snapshot is kept for an export whose client takes nothing.
pub const KEPT: Duration = Duration::from_millis(100);

/// How long it is kept for a sidecar that reads nothing: longer than one takes between two reads of a
/// question, also on a busy machine, because what is read after a pause may be of another revision
/// and is refused.
pub const KEPT_FOR_SIDECARS: Duration = Duration::from_millis(500);

/// A snapshot that can be given back.
pub struct Paused<'a> {
    app: &'a App,
    tenant: TenantRow,
    stamp: Stamp,
    reader: Option<Box<dyn TenantReader + 'a>>,
    place: Place<'a>,
    failure: Option<Failure>,
}

impl<'a> Paused<'a> {
    /// Goes on with a snapshot that was taken in the turn of `place`.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn new(
        app: &'a App,
        mut reader: Box<dyn TenantReader + 'a>,
        place: Place<'a>,
    ) -> Result<Self, StoreError> {
        let (tenant, stamp) = (reader.tenant().await?, reader.stamp().await?);
        Ok(Self { app, tenant, stamp, reader: Some(reader), place, failure: None })
    }

    /// Gives connection and turn back, until the next read.
    pub fn pause(&mut self) {
        self.reader = None;
        self.place.rest();
    }

    /// Why it was not taken up again, where the last read failed for that.
    pub fn why(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    async fn reader(&mut self) -> Result<&mut (dyn TenantReader + 'a), StoreError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.again().await?,
        };
        Ok(self.reader.insert(reader).as_mut())
    }

    /// Another snapshot of the same set-up. Faxes may have been registered since: that raises no
    /// revision, and they come after all that were there.
    async fn again(&mut self) -> Result<Box<dyn TenantReader + 'a>, StoreError> {
        if tokio::time::timeout(self.app.patience, self.place.turn()).await.is_err() {
            return Err(self.fails(Failure::Overloaded));
        }
        let app: &'a App = self.app;
        let reader = app.snapshot(&self.tenant.id).await;
        let Some(mut reader) = reader? else { return Err(self.fails(Failure::TenantChanged)) };
        if reader.tenant().await? != self.tenant {
            return Err(self.fails(Failure::TenantChanged));
        }
        Ok(reader)
    }

    fn fails(&mut self, failure: Failure) -> StoreError {
        self.place.rest();
        self.failure = Some(failure);
        StoreError::Unavailable { detail: "a snapshot was not taken up again".into() }
    }
}

/// Takes a turn, as long as somebody who waits has patience.
///
/// # Errors
///
/// [`Failure::Overloaded`].
pub async fn turn(app: &App, place: &mut Place<'_>) -> Result<(), Failure> {
    let turn = tokio::time::timeout(app.patience, place.turn()).await;
    turn.map_err(|_| app.shed())
}

#[async_trait]
impl TenantReader for Paused<'_> {
    async fn tenant(&mut self) -> Result<TenantRow, StoreError> {
        Ok(self.tenant.clone())
    }

    async fn stamp(&mut self) -> Result<Stamp, StoreError> {
        Ok(self.stamp)
    }

    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<MemberRows>, StoreError> {
        self.reader().await?.member_rows(account, subject).await
    }

    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError> {
        self.reader().await?.find(keys).await
    }

    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        self.reader().await?.get(nums).await
    }

    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        self.reader().await?.list(kind, account, after, limit).await
    }

    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError> {
        self.reader().await?.links_from(kind, a).await
    }

    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError> {
        self.reader().await?.links_to(kind, b).await
    }

    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError> {
        self.reader().await?.links_of(nums).await
    }

    async fn faxes(&mut self, after: Num, limit: usize) -> Result<Vec<FaxRow>, StoreError> {
        self.reader().await?.faxes(after, limit).await
    }

    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError> {
        self.reader().await?.find_faxes(ids).await
    }

    async fn newest_faxes(
        &mut self,
        slice: FaxSlice,
        limit: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        self.reader().await?.newest_faxes(slice, limit).await
    }

    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError> {
        self.reader().await?.seek_faxes(seeks, slice, limit_each).await
    }
}
