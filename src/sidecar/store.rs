//! The parent as a store to read from: each snapshot is a stream, at whose other end the parent
//! reads from one snapshot of its database.

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{AccountId, FaxId, ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, FaxRow, FaxSlice, MemberRows, Registered, Seek,
    Store, StoreError, TenantReader, TenantRow,
};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::Stamp;
use lineguard_lease::Seldom;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::Parent;
use super::again::again;
use crate::wire::id::subject_to_wire;
use crate::wire::pb;
use crate::wire::pb::read_tenant_request::Read;
use crate::wire::pb::read_tenant_response::Read as Found;
use crate::wire::pb::sidecar_service_client::SidecarServiceClient;
use crate::wire::sidecar::{self as wire, malformed};

/// Greatest size of a message from the parent: what is known of one member.
const MAX_MESSAGE: usize = 64 << 20;

/// Reads from the parent. Nothing is written through it: writes are passed on as they are.
pub(super) struct ParentStore(Parent);

impl ParentStore {
    /// Over this connection.
    pub(super) fn new(parent: Parent) -> Self {
        Self(parent)
    }

    fn client(&self) -> SidecarServiceClient<Parent> {
        SidecarServiceClient::new(self.0.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    /// Opens a snapshot: where to ask, what comes first, and where the rest comes.
    async fn open(&self, tenant: &TenantId) -> Result<Opened, Status> {
        let (reads, requests) = mpsc::channel(4);
        let open = pb::ReadOpen { tenant: tenant.as_str().to_owned() };
        let open = pb::ReadTenantRequest { read: Some(Read::Open(open)) };
        let ended = || Status::unavailable("the parent ended a snapshot");
        reads.send(open).await.map_err(|_| ended())?;
        let found = self.client().read_tenant(ReceiverStream::new(requests)).await;
        let mut found = found?.into_inner();
        let first = found.message().await?.ok_or_else(ended)?;
        Ok((reads, first, found))
    }
}

/// A snapshot that is open.
type Opened = (
    mpsc::Sender<pb::ReadTenantRequest>,
    pb::ReadTenantResponse,
    Streaming<pb::ReadTenantResponse>,
);

static NOT_LET: Seldom = Seldom::new();

/// What the parent says of a row that does not parse is told on as it is, as far as it goes.
fn failed(status: &Status) -> StoreError {
    let detail = match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => {
            if let Some(times) = NOT_LET.again(Instant::now()) {
                let code = status.code();
                tracing::error!(?code, times, "the parent does not let this sidecar read");
            }
            "the parent does not let this sidecar read"
        }
        _ => "the parent does not answer",
    };
    StoreError::Unavailable { detail: format!("{detail}: {:?}", status.code()) }
}

fn elsewhere() -> StoreError {
    StoreError::Unavailable { detail: "that is asked of the parent".into() }
}

/// A snapshot at the other end of a stream.
struct ParentReader {
    tenant: TenantRow,
    stamp: Stamp,
    reads: mpsc::Sender<pb::ReadTenantRequest>,
    found: Streaming<pb::ReadTenantResponse>,
}

impl ParentReader {
    async fn ask(&mut self, read: Read) -> Result<Found, StoreError> {
        let ended = || StoreError::Unavailable { detail: "the parent ended a snapshot".into() };
        self.reads.send(pb::ReadTenantRequest { read: Some(read) }).await.map_err(|_| ended())?;
        let found = self.found.message().await.map_err(|status| failed(&status))?;
        found.and_then(|found| found.read).ok_or_else(ended)
    }

    async fn objects(&mut self, read: Read) -> Result<Vec<pb::ObjectRow>, StoreError> {
        match self.ask(read).await? {
            Found::Objects(pb::ObjectRows { objects }) => Ok(objects),
            _ => Err(malformed("answer")),
        }
    }

    async fn ends(&mut self, kind: LinkKind, num: Num, to: bool) -> Result<Vec<Num>, StoreError> {
        let read = pb::ReadLinks { kind: u32::from(kind as u8), num: num.0, to };
        match self.ask(Read::Links(read)).await? {
            Found::Nums(pb::Nums { nums }) => Ok(nums.into_iter().map(Num).collect()),
            _ => Err(malformed("answer")),
        }
    }
}

fn plain(nums: &[Num]) -> Vec<u64> {
    nums.iter().map(|num| num.0).collect()
}

#[async_trait]
impl TenantReader for ParentReader {
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
        let account = account.as_str().to_owned();
        let read = pb::ReadMember { account, subject: Some(subject_to_wire(subject)) };
        match self.ask(Read::Member(read)).await? {
            Found::Nothing(_) => Ok(None),
            Found::Member(rows) => wire::member(self.tenant.clone(), rows).map(Some),
            _ => Err(malformed("answer")),
        }
    }

    async fn find(
        &mut self,
        keys: &[(ObjectKind, Num, &str)],
    ) -> Result<Vec<Option<Object>>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(500) {
            let key = |(kind, scope, id): &(ObjectKind, Num, &str)| pb::ObjectRow {
                kind: u32::from(*kind as u8),
                scope: scope.0,
                id: (*id).to_owned(),
                ..Default::default()
            };
            let read = pb::ReadFind { keys: keys.iter().map(key).collect() };
            let objects = self.objects(Read::Find(read)).await?;
            if objects.len() != keys.len() {
                return Err(malformed("answer"));
            }
            for (object, (kind, scope, id)) in objects.into_iter().zip(keys) {
                if object.num == 0 {
                    found.push(None);
                    continue;
                }
                let object = wire::object(object)?;
                if (object.kind, object.scope, object.id.as_str()) != (*kind, *scope, *id) {
                    return Err(malformed("answer"));
                }
                found.push(Some(object));
            }
        }
        Ok(found)
    }

    async fn get(&mut self, nums: &[Num]) -> Result<Vec<Object>, StoreError> {
        let mut found = Vec::with_capacity(nums.len());
        for nums in nums.chunks(500) {
            let read = Read::Get(pb::ReadGet { nums: plain(nums) });
            found.extend(wire::objects(self.objects(read).await?)?);
        }
        Ok(found)
    }

    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Result<Vec<Object>, StoreError> {
        let read = pb::ReadList {
            kind: u32::from(kind as u8),
            account: account.map(|account| account.0),
            after: after.0,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        wire::objects(self.objects(Read::List(read)).await?)
    }

    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Result<Vec<Num>, StoreError> {
        self.ends(kind, a, false).await
    }

    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Result<Vec<Num>, StoreError> {
        self.ends(kind, b, true).await
    }

    async fn links_of(&mut self, nums: &[Num]) -> Result<Vec<Link>, StoreError> {
        let mut found = Vec::new();
        for nums in nums.chunks(500) {
            match self.ask(Read::LinksOf(pb::ReadLinksOf { nums: plain(nums) })).await? {
                Found::Links(pb::LinkRows { links }) => found.extend(wire::links(links)?),
                _ => return Err(malformed("answer")),
            }
        }
        Ok(found)
    }

    async fn faxes(&mut self, _: Num, _: usize) -> Result<Vec<FaxRow>, StoreError> {
        Err(elsewhere())
    }

    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Result<Vec<FaxRow>, StoreError> {
        let mut found = Vec::new();
        for ids in ids.chunks(500) {
            let ids = ids.iter().map(|id| id.as_str().to_owned()).collect();
            match self.ask(Read::Faxes(pb::ReadFaxes { ids })).await? {
                Found::Faxes(pb::FaxRows { faxes }) => found.extend(wire::faxes(faxes)?),
                _ => return Err(malformed("answer")),
            }
        }
        Ok(found)
    }

    async fn newest_faxes(&mut self, _: FaxSlice, _: usize) -> Result<Vec<FaxRow>, StoreError> {
        Err(elsewhere())
    }

    async fn seek_faxes(
        &mut self,
        _: &[Seek],
        _: FaxSlice,
        _: usize,
    ) -> Result<Vec<Vec<FaxRow>>, StoreError> {
        Err(elsewhere())
    }
}

#[async_trait]
impl Store for ParentStore {
    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        let opened = again(async || self.open(tenant).await).await;
        let (reads, first, found) = opened.map_err(|status| failed(&status))?;
        match first.read {
            Some(Found::Nothing(_)) => Ok(None),
            Some(Found::Tenant(row)) => {
                let (tenant, stamp) = wire::tenant(tenant, row)?;
                Ok(Some(Box::new(ParentReader { tenant, stamp, reads, found })))
            }
            _ => Err(malformed("answer")),
        }
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        let request = pb::ReadModelRequest { digest: digest.0.to_vec() };
        let answer = again(async || self.client().read_model(request.clone()).await).await;
        let answer = answer.map_err(|status| failed(&status))?;
        let text = answer.into_inner().text;
        // The digest is the only name of a text, so another text would be another model.
        match text {
            Some(text) if ModelDigest::of(&text) != *digest => Err(malformed("model")),
            text => Ok(text),
        }
    }

    async fn apply(&self, _: &Batch, _: Timestamp) -> Result<Applied, ApplyError> {
        Err(elsewhere().into())
    }

    async fn import(&self, _: &Import, _: Timestamp) -> Result<Imported, ApplyError> {
        Err(elsewhere().into())
    }

    async fn register(
        &self,
        _: &TenantId,
        _: &[NewFax],
        _: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        Err(elsewhere().into())
    }

    async fn accounts_of(
        &self,
        _: &Subject,
        _: Option<(Num, Num)>,
        _: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        Err(elsewhere())
    }

    async fn tenants(&self, _: Num, _: usize) -> Result<Vec<TenantRow>, StoreError> {
        Err(elsewhere())
    }

    async fn duplicate_numbers(&self, _: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        Err(elsewhere())
    }

    async fn put_model(&self, _: &str) -> Result<ModelDigest, StoreError> {
        Err(elsewhere())
    }

    async fn secret(
        &self,
        _: &'static str,
        _: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        Err(elsewhere())
    }
}
