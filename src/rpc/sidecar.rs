//! `SidecarService`: what the sidecars that follow this replica ask it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::id::{AccountId, FaxId, ModelDigest, Num, TenantId};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::ObjectKind;
use lineguard_core::stamp::{Shard, ShardSet};
use lineguard_lease::{Grants, Hints, Incarnation, NotGranted};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::admit::{caller_of, not_permitted, permitted};
use super::models_in_use;
use crate::access::{Caller, Touches, caller::Scoped};
use crate::app::App;
use crate::wire::id::{ParseId, subject_at};
use crate::wire::pb;
use crate::wire::pb::follow_request::Says;
use crate::wire::pb::follow_response::Says as Answer;
use crate::wire::pb::read_tenant_request::Read;
use crate::wire::pb::read_tenant_response::Read as Found;
use crate::wire::pb::sidecar_service_server::SidecarService;
use crate::wire::sidecar as wire;
use crate::wire::status::Failure;

/// How long a snapshot is kept for a caller that asks nothing: it holds a connection.
const IDLE: Duration = Duration::from_secs(2);

/// Most keys of one read.
const MAX_KEYS: usize = 500;

/// Serves those who follow the replica of an [`App`].
#[derive(Clone)]
pub struct Sidecars(pub App);

type Answers<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

/// What a request to follow is about: its tenants, or all. Whoever follows decides alone, of
/// everybody and of all products.
impl Scoped for pb::Begin {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { incarnation: _, name: _, tenants } = self;
        see(Touches::Rows)
            && match tenants.as_slice() {
                [] => see(Touches::EveryTenant),
                tenants => tenants.iter().all(|tenant| see(Touches::Tenant(tenant))),
            }
    }
}

impl Scoped for pb::ReadOpen {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { tenant } = self;
        see(Touches::Rows) && see(Touches::Tenant(tenant))
    }
}

impl Scoped for pb::ReadModelRequest {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        // Whose model it is, is looked up.
        let Self { digest: _ } = self;
        see(Touches::Rows)
    }
}

#[tonic::async_trait]
impl SidecarService for Sidecars {
    type FollowStream = Answers<pb::FollowResponse>;

    async fn follow(
        &self,
        request: Request<Streaming<pb::FollowRequest>>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let caller = caller_of(&request)?;
        let (answers, stream) = mpsc::channel(16);
        let link = Link { app: self.0.clone(), caller, answers };
        tokio::spawn(link.serve(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    type ReadTenantStream = Answers<pb::ReadTenantResponse>;

    async fn read_tenant(
        &self,
        request: Request<Streaming<pb::ReadTenantRequest>>,
    ) -> Result<Response<Self::ReadTenantStream>, Status> {
        let caller = caller_of(&request)?;
        let (answers, stream) = mpsc::channel(4);
        let app = self.0.clone();
        tokio::spawn(async move {
            let ended = read(&app, &caller, request.into_inner(), &answers).await;
            if let Err(status) = ended {
                // Whoever asked may be gone.
                let _ = answers.send(Err(status)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn read_model(
        &self,
        request: Request<pb::ReadModelRequest>,
    ) -> Result<Response<pb::ReadModelResponse>, Status> {
        let caller = caller_of(&request)?;
        let message = request.into_inner();
        permitted(&self.0, &caller, &message)?;
        let pb::ReadModelRequest { digest } = message;
        let digest = ModelDigest(digest.try_into().map_err(|_| bad("digest", "is not 32 bytes"))?);
        if !models_in_use::may_see(&self.0, &caller, &digest).await.map_err(Failure::from)? {
            // The same for a text that is not there: whether others use it is not told.
            return Err(not_permitted(&self.0).into());
        }
        let text = self.0.store.model_text(&digest).await.map_err(Failure::from)?;
        Ok(Response::new(pb::ReadModelResponse { text }))
    }
}

fn bad(field: &str, problem: &str) -> Status {
    Failure::from(crate::wire::invalid::InvalidRequest::one(field.to_owned(), problem)).into()
}

/// One follower at the other end of a stream.
struct Link {
    app: App,
    caller: Arc<Caller>,
    answers: mpsc::Sender<Result<pb::FollowResponse, Status>>,
}

impl Link {
    /// Until the stream ends. The grant of a follower does not end with it: its lease goes on.
    async fn serve(self, mut says: Streaming<pb::FollowRequest>) {
        let mut closing = self.app.closing.subscribe();
        let begin = match first(&mut says).await {
            Ok(begin) => begin,
            Err(status) => return self.end(status).await,
        };
        let (by, mut hints) = match self.begin(begin) {
            Ok(begun) => begun,
            Err(status) => return self.end(status).await,
        };
        self.answer(Answer::Begun(pb::Begun {})).await;
        loop {
            tokio::select! {
                // Grants nothing any more, and lets connections end.
                () = closed(&mut closing) => return,
                moved = hints.next() => match moved {
                    true => self.answer(Answer::Moved(pb::Moved {})).await,
                    false => return,
                },
                said = says.message() => match said {
                    Ok(Some(pb::FollowRequest { says: Some(said) })) => match self.hear(by, said).await {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(status) => return self.end(status).await,
                    },
                    Ok(Some(_)) => return self.end(bad("says", "is missing")).await,
                    Ok(None) | Err(_) => return,
                },
            }
            if self.answers.is_closed() {
                return;
            }
        }
    }

    fn grants(&self) -> Grants {
        self.app.freshness.grants()
    }

    fn begin(&self, begin: pb::Begin) -> Result<(Incarnation, Hints), Status> {
        permitted(&self.app, &self.caller, &begin)?;
        let pb::Begin { incarnation, name: _, tenants } = begin;
        let by = incarnation.try_into().map_err(|_| bad("incarnation", "is not 16 bytes"))?;
        let mut shards = if tenants.is_empty() { ShardSet::ALL } else { ShardSet::default() };
        for tenant in &tenants {
            let tenant =
                TenantId::parse_id(tenant).map_err(|error| bad("tenants", &error.to_string()))?;
            shards.insert(Shard::of(&tenant));
        }
        let hints = self.grants().follow(Incarnation(by), shards);
        Ok((Incarnation(by), hints.map_err(|_| Failure::Overloaded)?))
    }

    /// False where there is nothing more to hear.
    async fn hear(&self, by: Incarnation, said: Says) -> Result<bool, Status> {
        match said {
            Says::Begin(_) => return Err(bad("begin", "stands only at the beginning")),
            Says::Renew(pb::Renew { number, seen }) => {
                let seen = wire::stamps(&seen).map_err(Failure::from)?;
                let answer = match self.grants().renew(by, &seen).await {
                    Ok(renewed) => Answer::Lease(wire::lease_to_wire(number, renewed)),
                    Err(refused) => Answer::NoLease(no_lease(number, &refused)),
                };
                self.answer(answer).await;
            }
            Says::Installed(pb::Installed { stamps }) => {
                self.grants().confirm(by, &wire::stamps(&stamps).map_err(Failure::from)?);
            }
            Says::Leave(pb::Leave {}) => {
                self.grants().leave(by);
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn answer(&self, says: Answer) {
        // Whoever asked may be gone.
        let _ = self.answers.send(Ok(pb::FollowResponse { says: Some(says) })).await;
    }

    async fn end(&self, status: Status) {
        let _ = self.answers.send(Err(status)).await;
    }
}

async fn first(says: &mut Streaming<pb::FollowRequest>) -> Result<pb::Begin, Status> {
    match says.message().await? {
        Some(pb::FollowRequest { says: Some(Says::Begin(begin)) }) => Ok(begin),
        _ => Err(bad("begin", "must come first")),
    }
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = closing.wait_for(|closing| *closing).await;
}

fn no_lease(number: u64, refused: &NotGranted) -> pb::NoLease {
    let reason = match refused {
        NotGranted::Unknown => pb::NoLeaseReason::Unknown,
        NotGranted::OtherHistory => pb::NoLeaseReason::OtherHistory,
        NotGranted::Unavailable { .. } => pb::NoLeaseReason::Unavailable,
    };
    pb::NoLease { number, reason: reason.into(), detail: refused.to_string() }
}

type FoundSender = mpsc::Sender<Result<pb::ReadTenantResponse, Status>>;

/// Answers the reads of one stream from one snapshot.
async fn read(
    app: &App,
    caller: &Caller,
    mut reads: Streaming<pb::ReadTenantRequest>,
    answers: &FoundSender,
) -> Result<(), Status> {
    let open = match reads.message().await? {
        Some(pb::ReadTenantRequest { read: Some(Read::Open(open)) }) => open,
        _ => return Err(bad("open", "must come first")),
    };
    permitted(app, caller, &open)?;
    let tenant =
        TenantId::parse_id(&open.tenant).map_err(|error| bad("open.tenant", &error.to_string()))?;
    let say = |found| answers.send(Ok(pb::ReadTenantResponse { read: Some(found) }));
    let Some(mut reader) = app.snapshot(&tenant).await.map_err(Failure::from)? else {
        let _ = say(Found::Nothing(pb::Nothing {})).await;
        return Ok(());
    };
    let row = reader.tenant().await.map_err(Failure::from)?;
    let stamp = reader.stamp().await.map_err(Failure::from)?;
    if say(Found::Tenant(wire::tenant_to_wire(row, Shard::of(&tenant), stamp))).await.is_err() {
        return Ok(());
    }
    loop {
        let next = tokio::time::timeout(IDLE, reads.message()).await;
        let read = match next.map_err(|_| Failure::DeadlineExceeded)?? {
            Some(pb::ReadTenantRequest { read: Some(read) }) => read,
            Some(_) => return Err(bad("read", "is missing")),
            None => return Ok(()),
        };
        let found = find(reader.as_mut(), read).await?;
        if say(found).await.is_err() {
            return Ok(());
        }
    }
}

async fn find(reader: &mut (dyn TenantReader + '_), read: Read) -> Result<Found, Status> {
    let found = match read {
        Read::Open(_) => return Err(bad("open", "stands only at the beginning")),
        Read::Member(pb::ReadMember { account, subject }) => {
            let account = AccountId::parse_id(&account)
                .map_err(|error| bad("member.account", &error.to_string()))?;
            let subject = subject_at("member.subject", subject).map_err(Failure::from)?;
            match reader.member_rows(&account, &subject).await.map_err(Failure::from)? {
                None => Found::Nothing(pb::Nothing {}),
                Some(rows) => Found::Member(wire::member_to_wire(rows)),
            }
        }
        Read::Find(pb::ReadFind { keys }) => {
            bounded(keys.len())?;
            let kinds: Vec<ObjectKind> = keys
                .iter()
                .map(|key| wire::object_kind(key.kind))
                .collect::<Result<_, StoreError>>()
                .map_err(Failure::from)?;
            let keys: Vec<_> = keys
                .iter()
                .zip(kinds)
                .map(|(key, kind)| (kind, Num(key.scope), key.id.as_str()))
                .collect();
            let objects = reader.find(&keys).await.map_err(Failure::from)?;
            let row = |object: Option<_>| object.map(wire::object_to_wire).unwrap_or_default();
            Found::Objects(pb::ObjectRows { objects: objects.into_iter().map(row).collect() })
        }
        Read::Get(pb::ReadGet { nums }) => {
            bounded(nums.len())?;
            let nums: Vec<_> = nums.into_iter().map(Num).collect();
            objects(reader.get(&nums).await)?
        }
        Read::List(pb::ReadList { kind, account, after, limit }) => {
            let kind = wire::object_kind(kind).map_err(Failure::from)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(10_000);
            objects(reader.list(kind, account.map(Num), Num(after), limit).await)?
        }
        Read::Links(pb::ReadLinks { kind, num, to }) => {
            let kind = wire::link_kind(kind).map_err(Failure::from)?;
            let nums = match to {
                true => reader.links_to(kind, Num(num)).await,
                false => reader.links_from(kind, Num(num)).await,
            };
            let nums = nums.map_err(Failure::from)?.into_iter().map(|num| num.0).collect();
            Found::Nums(pb::Nums { nums })
        }
        Read::LinksOf(pb::ReadLinksOf { nums }) => {
            bounded(nums.len())?;
            let nums: Vec<_> = nums.into_iter().map(Num).collect();
            let links = reader.links_of(&nums).await.map_err(Failure::from)?;
            Found::Links(pb::LinkRows {
                links: links.into_iter().map(wire::link_to_wire).collect(),
            })
        }
        Read::Faxes(pb::ReadFaxes { ids }) => {
            bounded(ids.len())?;
            let ids: Vec<FaxId> = ids
                .iter()
                .map(|id| FaxId::parse_id(id))
                .collect::<Result<_, _>>()
                .map_err(|error| bad("faxes.ids", &error.to_string()))?;
            let ids: Vec<_> = ids.iter().collect();
            let faxes = reader.find_faxes(&ids).await.map_err(Failure::from)?;
            Found::Faxes(pb::FaxRows { faxes: faxes.into_iter().map(wire::fax_to_wire).collect() })
        }
    };
    Ok(found)
}

fn objects(found: Result<Vec<lineguard_core::row::Object>, StoreError>) -> Result<Found, Status> {
    let objects = found.map_err(Failure::from)?.into_iter().map(wire::object_to_wire).collect();
    Ok(Found::Objects(pb::ObjectRows { objects }))
}

fn bounded(len: usize) -> Result<(), Status> {
    if len > MAX_KEYS {
        return Err(bad("keys", &format!("has {len} elements, at most {MAX_KEYS} are allowed")));
    }
    Ok(())
}
