//! How a question gets its answer: from memory while a lease holds, from the database otherwise,
//! and in an outage only as far as the operator allows.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `gathering` | what one question reads, and what its answer was built from |
//! | `caches` | the caches, their keys and what they weigh |
//! | `cold` | a bound on what is read from the database at a time |
//! | `paused` | a snapshot that is given back while a client does nothing |
//! | `outage` | what is answered while the present state cannot be known |

mod caches;
mod cold;
mod gathering;
mod outage;
mod paused;
mod question;
mod traced;

use std::time::Duration;

use async_trait::async_trait;
use lineguard_cache::Hit;
use lineguard_cache::flights::{Joined, Turn};
use lineguard_core::id::{Revision, TenantId, Timestamp};
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::Sight;

pub use caches::{CacheSize, Caches, Setting};
pub use cold::{ColdReads, LongReads};
pub use gathering::Gathering;
pub use outage::Contract;
pub use paused::{KEPT, KEPT_FOR_SIDECARS, Paused, turn};
pub use question::{Answer, Method, Question};

use crate::app::App;
use crate::metrics::Operation;
use crate::operations::CacheName;
use crate::telemetry::trace::{self, Span};
use crate::token::RevisionToken;
use crate::wire::consistency::Consistency;
use crate::wire::invalid::InvalidRequest;
use crate::wire::status::Failure;

/// Something that is asked about one tenant.
#[async_trait]
pub trait Ask: Sync {
    /// What is answered.
    type Answer: Send;

    /// The tenant.
    fn tenant(&self) -> &TenantId;

    /// What kind of operation the answer is for, for the case of an outage; one of no kind is never
    /// answered from an older state.
    fn operation(&self) -> Option<Operation>;

    /// The answer, from what a gathering reads. Asked again with another gathering where cached
    /// parts alone did not do.
    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Self::Answer, Failure>;

    /// The answer where the tenant does not exist.
    fn nowhere(&self) -> Result<Self::Answer, Failure>;
}

/// How recent the state must be that an answer is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recency {
    /// A write that it must include.
    pub at_least: Option<RevisionToken>,
    /// The oldest state that will do in an outage; none leaves it to the operator.
    pub max_staleness: Option<Duration>,
}

impl Recency {
    /// What a question about a tenant says.
    ///
    /// # Errors
    ///
    /// A fault of the field if it has a token that is none of this tenant.
    pub fn of(
        consistency: &Consistency,
        app: &App,
        tenant: &TenantId,
    ) -> Result<Self, InvalidRequest> {
        let at_least = consistency.at_least(&app.tokens, tenant)?;
        Ok(Self { at_least, max_staleness: consistency.max_staleness })
    }

    /// What does for both of two questions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let tokens = self.at_least.into_iter().chain(other.at_least);
        let ages = self.max_staleness.into_iter().chain(other.max_staleness);
        Self { at_least: tokens.max_by_key(|token| token.stamp.counter), max_staleness: ages.min() }
    }
}

/// An answer and what it is of.
#[derive(Debug, Clone)]
pub struct Answered<A> {
    /// The answer.
    pub answer: A,
    /// The tenant's revision; zero if there is no such tenant.
    pub revision: Revision,
    /// How old the state is at most, if the answer may be stale.
    pub staleness: Option<Duration>,
}

impl<A> Answered<A> {
    const fn fresh(answer: A, revision: Revision) -> Self {
        Self { answer, revision, staleness: None }
    }

    /// The same with another answer.
    pub fn map<B>(self, to: impl FnOnce(A) -> B) -> Answered<B> {
        let Self { answer, revision, staleness } = self;
        Answered { answer: to(answer), revision, staleness }
    }
}

/// What a question may be answered from right now.
fn usable(app: &App, shard: Shard, recency: &Recency) -> Option<Sight> {
    let sight = app.caches.are_on().then(|| app.freshness.sight(shard)).flatten()?;
    let enough = recency.at_least.as_ref().is_none_or(|token| reaches(sight.stamp(shard), token));
    enough.then_some(sight)
}

/// Whether a state includes the write that a token stands for.
fn reaches(stamp: Stamp, token: &RevisionToken) -> bool {
    match stamp.counter.cmp(&token.stamp.counter) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => stamp.nonce == token.stamp.nonce,
        std::cmp::Ordering::Greater => true,
    }
}

/// Answers from cached parts, or from one snapshot of the database.
pub async fn gathered<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
) -> Result<Answered<Q::Answer>, Failure> {
    let kept = |_: &Q::Answer, _: &Gathering<'_>| {};
    let sight = usable(app, Shard::of(asked.tenant()), recency);
    gather(app, asked, recency, sight, &kept).await
}

/// The same for a question that is always read from the database: its rows are never cached.
pub async fn from_database<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
) -> Result<Answered<Q::Answer>, Failure> {
    let sight = usable(app, Shard::of(asked.tenant()), recency);
    read(app, asked, recency, sight, &|_, _| {}).await
}

/// Answers a question whose whole answer may be kept.
pub async fn remembered<Q: Ask<Answer = Answer>>(
    app: &App,
    asked: &Q,
    question: Question,
    recency: &Recency,
) -> Result<Answered<Answer>, Failure> {
    let shard = Shard::of(asked.tenant());
    let now = app.clock.now();
    let keep = |answer: &Answer, from: &Gathering<'_>| {
        let Some(origin) = from.origin() else { return };
        if let Some(shared) = &app.caches.shared {
            shared.put(&question.shared(asked.tenant()), &answer.encode(), &origin);
        }
        app.caches.answers.put(question.clone(), answer.clone(), origin);
    };
    let Some(sight) = usable(app, shard, recency) else {
        return gather(app, asked, recency, None, &keep).await;
    };
    if let Some(hit) = from_memory(app, &question, &sight, now) {
        return Ok(Answered::fresh(hit.value, hit.revision));
    }
    let leader = match app.caches.flights.join(&question) {
        Joined::Leader(leader) => leader,
        Joined::Follower(follower) => {
            let (turn, _) = Span::around(trace::inner("wait for flight"), follower.wait()).await;
            // Whoever waited for somebody else's answer looks for it as everybody does: under a
            // lease that holds after the wait.
            let sight = usable(app, shard, recency);
            let hit =
                sight.as_ref().and_then(|sight| app.caches.answers.get(&question, sight, now));
            match (hit, turn) {
                (Some(hit), _) => return Ok(Answered::fresh(hit.value, hit.revision)),
                (None, Turn::Lead(leader)) => leader,
                // There is nothing to wait for: the answer is none that is kept.
                (None, Turn::Landed | Turn::TimedOut) => {
                    return gather(app, asked, recency, sight, &keep).await;
                }
            }
        }
    };
    // The lead may have taken a while to come.
    let sight = usable(app, shard, recency);
    let shared = match &sight {
        Some(sight) => from_shared(app, asked.tenant(), &question, sight).await,
        None => None,
    };
    let answered = match shared {
        Some(answered) => Ok(answered),
        None => gather(app, asked, recency, sight, &keep).await,
    };
    if answered.is_ok() {
        leader.land();
    }
    answered
}

/// An answer that is kept in memory.
fn from_memory(
    app: &App,
    question: &Question,
    sight: &Sight,
    now: Timestamp,
) -> Option<Hit<Answer>> {
    let span = trace::inner("look up l1.decisions");
    let hit = app.caches.answers.get(question, sight, now);
    traced::looked_up(span, CacheName::L1Decisions, hit.is_some());
    hit
}

/// An answer that another replica left in the shared cache, under the rule for our own.
async fn from_shared(
    app: &App,
    tenant: &TenantId,
    question: &Question,
    sight: &Sight,
) -> Option<Answered<Answer>> {
    let shared = app.caches.shared.as_ref()?;
    let key = question.shared(tenant);
    let found = traced::redis(app, shared.get(&key, sight, app.clock.now())).await?;
    let answer = Answer::decode(question.method(), &found.answer)?;
    app.caches.answers.put(question.clone(), answer.clone(), found.origin);
    Some(Answered::fresh(answer, found.revision))
}

/// What to do with an answer that may be kept.
type Keep<'k, A> = &'k (dyn Fn(&A, &Gathering<'_>) + Sync);

async fn gather<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
    sight: Option<Sight>,
    keep: Keep<'_, Q::Answer>,
) -> Result<Answered<Q::Answer>, Failure> {
    if let Some(sight) = &sight
        && let Some(answered) = from_cached_parts(app, asked, sight, keep).await?
    {
        return Ok(answered);
    }
    read(app, asked, recency, sight, keep).await
}

/// None if cached parts alone do not do.
async fn from_cached_parts<Q: Ask>(
    app: &App,
    asked: &Q,
    sight: &Sight,
    keep: Keep<'_, Q::Answer>,
) -> Result<Option<Answered<Q::Answer>>, Failure> {
    let mut from = Gathering::cached(app, asked.tenant(), sight.clone(), app.clock.now());
    let span = trace::inner("look up l1.members and l1.facts");
    let (answer, span) = Span::around(span, asked.ask(app, &mut from)).await;
    traced::looked_up(span, CacheName::L1Members, !from.has_missed());
    if from.has_missed() {
        return Ok(None);
    }
    let answer = answer?;
    keep(&answer, &from);
    Ok(Some(Answered::fresh(answer, from.revision())))
}

/// From the database; as the contract for outages says if it cannot be reached.
async fn read<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
    sight: Option<Sight>,
    keep: Keep<'_, Q::Answer>,
) -> Result<Answered<Q::Answer>, Failure> {
    // Only where something else could be answered is there a point in giving up before the deadline.
    let patience = asked.operation().map_or(Duration::MAX, |_| app.contract.patience);
    let reading = read_snapshot(app, asked, recency, sight, keep);
    let failure = match tokio::time::timeout(patience, reading).await {
        Ok(Err(failure @ Failure::Store(StoreError::Unavailable { .. }))) => failure,
        Ok(answered) => return answered,
        Err(_) => {
            let detail = "the database did not answer in time".into();
            Failure::Store(StoreError::Unavailable { detail })
        }
    };
    match outage::stale(app, asked, recency).await {
        Some(answered) => Ok(answered),
        None => Err(failure),
    }
}

async fn read_snapshot<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
    sight: Option<Sight>,
    keep: Keep<'_, Q::Answer>,
) -> Result<Answered<Q::Answer>, Failure> {
    let _place = app.cold.enter(asked.tenant()).await.ok_or_else(|| app.shed())?;
    let reading = Gathering::read(app, asked.tenant(), sight, app.clock.now()).await?;
    let Some(mut from) = reading else {
        return asked.nowhere().map(|answer| Answered::fresh(answer, Revision(0)));
    };
    // The primary database always knows what it acknowledged, unless it was put back.
    if recency.at_least.as_ref().is_some_and(|token| !reaches(from.stamp(), token)) {
        return Err(Failure::HistoryLost);
    }
    let answer = asked.ask(app, &mut from).await?;
    keep(&answer, &from);
    Ok(Answered::fresh(answer, from.revision()))
}
