//! `SidecarService`: what the sidecars that follow this replica ask it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::id::{AccountId, FaxId, ModelDigest, Num, TenantId};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::ObjectKind;
use lineguard_core::stamp::{Shard, ShardSet};
use lineguard_lease::{Grants, Hints, Incarnation, NotGranted};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::admit::{caller_of, not_permitted, permitted};
use super::models_in_use;
use super::outbox::{Emptying, Gone, Outbox, outbox};
use crate::access::{Caller, Touches, caller::Scoped};
use crate::answer::{KEPT_FOR_SIDECARS, Paused, turn};
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

/// How long a stream is kept for a follower that says nothing, or hears nothing. One that follows
/// renews its lease every second.
const SILENT: Duration = Duration::from_secs(30);

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
        // An answer is read when the one before it was taken.
        let (answers, taken) = outbox(1);
        let app = self.0.clone();
        tokio::spawn(async move {
            let read = read(&app, &caller, request.into_inner(), &answers);
            let ended = tokio::select! {
                ended = read => ended,
                () = answers.gone() => return,
            };
            match ended {
                Ok(()) => answers.end(),
                Err(status) => answers.fail(status),
            }
        });
        Ok(Response::new(Box::pin(taken)))
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
        let mut silent = pin!(sleep(SILENT));
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
        while !self.answers.is_closed() {
            tokio::select! {
                // Grants nothing any more, and lets connections end.
                () = closed(&mut closing) => return,
                moved = hints.next() => match moved {
                    true => self.answer(Answer::Moved(pb::Moved {})).await,
                    false => return,
                },
                () = silent.as_mut() => return self.end(Failure::Stalled.into()).await,
                said = says.message() => match said {
                    Ok(Some(pb::FollowRequest { says: Some(said) })) => match self.hear(by, said).await {
                        Ok(true) => silent.as_mut().reset(Instant::now() + SILENT),
                        Ok(false) => return,
                        Err(status) => return self.end(status).await,
                    },
                    Ok(Some(_)) => return self.end(bad("says", "is missing")).await,
                    Ok(None) | Err(_) => return,
                },
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
        self.tell(Ok(pb::FollowResponse { says: Some(says) })).await;
    }

    async fn end(&self, status: Status) {
        self.tell(Err(status)).await;
    }

    /// Whoever asked may be gone, or not listen: then the silence that follows ends it.
    async fn tell(&self, says: Result<pb::FollowResponse, Status>) {
        let _ = timeout(SILENT, self.answers.send(says)).await;
    }
}

async fn first(says: &mut Streaming<pb::FollowRequest>) -> Result<pb::Begin, Status> {
    match timeout(SILENT, says.message()).await.map_err(stalled)?? {
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

type Answered = Outbox<pb::ReadTenantResponse>;

fn stalled<E>(_: E) -> Status {
    Failure::Stalled.into()
}

/// Answers the reads of one stream from one snapshot; from another one of the same set-up after a
/// pause.
async fn read(
    app: &App,
    caller: &Caller,
    mut reads: Streaming<pb::ReadTenantRequest>,
    answers: &Answered,
) -> Result<(), Status> {
    let open = timeout(app.patience, reads.message()).await.map_err(stalled)??;
    let Some(pb::ReadTenantRequest { read: Some(Read::Open(open)) }) = open else {
        return Err(bad("open", "must come first"));
    };
    permitted(app, caller, &open)?;
    let tenant =
        TenantId::parse_id(&open.tenant).map_err(|error| bad("open.tenant", &error.to_string()))?;
    let place = app.long.sidecars.place(&tenant, &caller.name);
    let mut place = place.ok_or_else(|| app.shed())?;
    turn(app, &mut place).await?;
    let Some(reader) = app.snapshot(&tenant).await.map_err(Failure::from)? else {
        drop(place);
        say(answers, Found::Nothing(pb::Nothing {}));
        return emptied(app, answers).await;
    };
    let mut reader = Paused::new(app, reader, place).await.map_err(Failure::from)?;
    let row = reader.tenant().await.map_err(Failure::from)?;
    let stamp = reader.stamp().await.map_err(Failure::from)?;
    say(answers, Found::Tenant(wire::tenant_to_wire(row, Shard::of(&tenant), stamp)));
    loop {
        let read = match next(app, &mut reads, answers, &mut reader).await? {
            Some(pb::ReadTenantRequest { read: Some(read) }) => read,
            Some(_) => return Err(bad("read", "is missing")),
            None => return emptied(app, answers).await,
        };
        match find(&mut reader, read).await {
            Ok(found) => say(answers, found),
            Err(status) => return Err(reader.why().map_or(status, Status::from)),
        }
    }
}

fn say(answers: &Answered, found: Found) {
    answers.put(pb::ReadTenantResponse { read: Some(found) }, 1);
}

/// The next read, once the answer before it was taken. While the caller takes its time, nothing is
/// held for it.
async fn next(
    app: &App,
    reads: &mut Streaming<pb::ReadTenantRequest>,
    answers: &Answered,
    reader: &mut Paused<'_>,
) -> Result<Option<pb::ReadTenantRequest>, Status> {
    let next = async {
        let (read, room) = tokio::join!(reads.message(), answers.room());
        match room {
            Ok(()) => read,
            Err(Gone) => Ok(None),
        }
    };
    let mut next = pin!(next);
    if let Ok(next) = timeout(KEPT_FOR_SIDECARS, next.as_mut()).await {
        return next;
    }
    reader.pause();
    timeout(app.patience, next).await.map_err(stalled)?
}

/// Keeps the stream until its last answer was taken.
async fn emptied(app: &App, answers: &Answered) -> Result<(), Status> {
    match answers.emptied(app.patience).await {
        Ok(()) | Err(Emptying::Gone) => Ok(()),
        Err(Emptying::Stalled) => Err(Failure::Stalled.into()),
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
