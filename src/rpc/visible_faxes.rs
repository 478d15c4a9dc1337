//! `ListVisibleFaxes`: keyset pages, newest first.

use std::collections::BTreeSet;

use async_trait::async_trait;
use lineguard_core::decision::Decision;
use lineguard_core::engine::{may_see, not_a_member};
use lineguard_core::id::{ExternalId, FaxId, Num, Revision, TenantId, Timestamp};
use lineguard_core::list::{Filter, Limits, Page, Terms, Walk, cursor};
use lineguard_core::port::{FaxCursor, FaxRow, FaxSlice, StoreError, TenantReader};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::Action;

use super::check::One;
use super::words::tellable;
use crate::answer::{Answer, Ask, Gathering, Recency, from_database};
use crate::app::App;
use crate::compare::{PICKS, Tally, some};
use crate::gather::{Member, Wanted};
use crate::metrics::Operation;
use crate::names::named_faxes;
use crate::token::Query;
use crate::wire::check::{CheckCall, ResourceRef};
use crate::wire::consistency::Consistency;
use crate::wire::facts::SentFacts;
use crate::wire::faxes::{FaxFilter, ListFaxesCall, fax_to_wire, list_faxes_call};
use crate::wire::invalid::InvalidRequest;
use crate::wire::page::Filled;
use crate::wire::pb;
use crate::wire::status::Failure;

pub(super) async fn list(
    app: &App,
    message: pb::ListVisibleFaxesRequest,
) -> Result<pb::ListVisibleFaxesResponse, Failure> {
    let call = list_faxes_call(message)?;
    let query = query(&call);
    let after = position(app, &call, &query)?;
    let view = app
        .vocabulary
        .action(lineguard_core::FAX_VIEW)
        .ok_or_else(|| Failure::Internal("the vocabulary has no action to view a fax".into()))?;
    let listing = Listing { call: &call, view, after, query: &query };
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = from_database(app, &listing, &recency).await?;
    app.metrics.list_size(answered.answer.faxes.len());
    if let Some(leave) = app.comparer.leave() {
        leave.compare(app.metrics.clone(), comparison(app.clone(), call, view, after));
    }
    Ok(answered.answer)
}

/// Whether `Check` says the same as the page.
async fn comparison(
    app: App,
    call: ListFaxesCall,
    view: Action,
    after: Option<FaxCursor>,
) -> Result<Tally, Failure> {
    let listing = Listing { query: &query(&call), call: &call, view, after };
    Ok(from_database(&app, &Comparing(listing), &Recency::default()).await?.answer)
}

/// A page. Authority, rows and names are read from one snapshot, so they are of one revision.
struct Listing<'a> {
    call: &'a ListFaxesCall,
    view: Action,
    after: Option<FaxCursor>,
    query: &'a Query,
}

#[async_trait]
impl Ask for Listing<'_> {
    type Answer = pb::ListVisibleFaxesResponse;

    fn tenant(&self) -> &TenantId {
        &self.call.tenant
    }

    fn operation(&self) -> Option<Operation> {
        None
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Self::Answer, Failure> {
        let (Page { faxes, next }, _) = match self.page(from).await? {
            Ok(page) => page,
            Err(nothing) => {
                let revision = tellable(nothing.reason, from.revision());
                return Ok(answer(Vec::new(), String::new(), revision));
            }
        };
        let (faxes, next) = fill(from, &faxes, next).await?;
        let token = match next {
            None => String::new(),
            Some(next) => app
                .tokens
                .seal(self.query, &encode(next))
                .map_err(|_| Failure::Internal("the system gave no randomness".into()))?,
        };
        Ok(answer(faxes, token, from.revision()))
    }

    fn nowhere(&self) -> Result<Self::Answer, Failure> {
        Ok(pb::ListVisibleFaxesResponse::default())
    }
}

/// How many faxes of a page are read at once: it may end after any of them.
const AT_ONCE: usize = 100;

/// As many of the faxes as there is room for, and where to go on.
async fn fill(
    from: &mut Gathering<'_>,
    rows: &[FaxRow],
    next: Option<FaxCursor>,
) -> Result<(Vec<pb::Fax>, Option<FaxCursor>), StoreError> {
    let mut page = Filled::new(rows.len());
    let mut last = None;
    for rows in rows.chunks(AT_ONCE) {
        for (row, named) in rows.iter().zip(named_faxes(from, rows).await?) {
            if !page.add(fax_to_wire(&named)) {
                return Ok((page.items, last));
            }
            last = Some(cursor(row));
        }
    }
    Ok((page.items, next))
}

impl Listing<'_> {
    /// The rows of the page, and what was wanted; the deny if the person sees no fax at all.
    async fn page(
        &self,
        from: &mut Gathering<'_>,
    ) -> Result<Result<(Page, Filter), Decision>, StoreError> {
        let call = self.call;
        let member = from.member(&call.account, &call.subject).await?;
        let (terms, filter) = match terms(from, &member, call, self.view).await? {
            Ok(found) => found,
            Err(nothing) => return Ok(Err(nothing)),
        };
        let (slice, size, limits) = (self.slice(), call.page.size, Limits::default());
        let walk = Walk { terms, filter, slice, size, limits };
        let page = walk.page(from).await?;
        Ok(Ok((page, walk.filter)))
    }

    const fn slice(&self) -> FaxSlice {
        let FaxFilter { not_before, before, .. } = self.call.filter;
        FaxSlice { after: self.after, not_before, before }
    }
}

/// A page, and what `Check` says of some faxes on it and of some that it left out.
struct Comparing<'a>(Listing<'a>);

/// Among so many newest faxes of the page's range those are looked for that it left out.
const RECENT: usize = 200;

#[async_trait]
impl Ask for Comparing<'_> {
    type Answer = Tally;

    fn tenant(&self) -> &TenantId {
        &self.0.call.tenant
    }

    fn operation(&self) -> Option<Operation> {
        None
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Tally, Failure> {
        let Self(listing) = self;
        let Ok((Page { faxes, next }, filter)) = listing.page(from).await? else {
            return Ok(Tally::default());
        };
        let listed: BTreeSet<Num> = faxes.iter().map(|fax| fax.num).collect();
        let mut left_out = from.newest_faxes(listing.slice(), RECENT).await?;
        left_out.retain(|fax| {
            let on_page = next.is_none_or(|end| cursor(fax) >= end);
            on_page && filter.admits(fax) && !listed.contains(&fax.num)
        });
        let mut tally = Tally::default();
        for fax in some(faxes, PICKS).into_iter().chain(some(left_out, PICKS)) {
            let question = view_question(app, listing, &fax.id)?;
            let answer = One(&question, None).ask(app, from).await?;
            let allowed =
                matches!(&answer, Answer::Decision(one) if one.effect() == pb::Effect::Allow);
            let agreed = allowed == listed.contains(&fax.num);
            *(if agreed { &mut tally.agree } else { &mut tally.disagree }) += 1;
        }
        Ok(tally)
    }

    fn nowhere(&self) -> Result<Tally, Failure> {
        Ok(Tally::default())
    }
}

/// Whether the person who asks for a list may view this fax.
fn view_question(app: &App, listing: &Listing<'_>, fax: &FaxId) -> Result<CheckCall, Failure> {
    let call = listing.call;
    let ty = app.vocabulary.resource_type("fax");
    let ty = ty.ok_or_else(|| Failure::Internal("the vocabulary has no faxes".into()))?;
    let id = ExternalId::parse(fax.as_str());
    let id = id.map_err(|_| Failure::Internal("a fax has an id that none can have".into()))?;
    Ok(CheckCall {
        tenant: call.tenant.clone(),
        account: call.account.clone(),
        subject: call.subject.clone(),
        action: listing.view,
        resource: ResourceRef { ty, id: Some(id), facts: SentFacts::default() },
        target: None,
        conferred: None,
        channel: call.channel,
        recipient_verified: None,
        locked_by: None,
        consistency: Consistency::default(),
    })
}

const fn answer(
    faxes: Vec<pb::Fax>,
    next_page_token: String,
    revision: Revision,
) -> pb::ListVisibleFaxesResponse {
    pb::ListVisibleFaxesResponse { faxes, next_page_token, revision: revision.0, staleness: None }
}

/// What makes faxes visible to the member, and what the caller wants of it; the deny if nothing does.
async fn terms<'m>(
    reader: &mut dyn TenantReader,
    member: &'m Member,
    call: &ListFaxesCall,
    view: Action,
) -> Result<Result<(Terms<'m>, Filter), Decision>, StoreError> {
    let Some(authority) = member.authority.as_deref() else { return Ok(Err(not_a_member())) };
    let terms = match may_see(authority, view, call.channel) {
        Ok(terms) => terms,
        Err(denied) => return Ok(Err(denied)),
    };
    let FaxFilter { direction, number, faxbox, states, .. } = &call.filter;
    let mut wanted = Wanted::default();
    if let Some(number) = number {
        wanted.object(ObjectKind::Number, number.as_str());
    }
    if let Some(faxbox) = faxbox {
        wanted.object(ObjectKind::Faxbox, faxbox.as_str());
    }
    let known = wanted.load(reader).await?;
    let filter = Filter {
        direction: *direction,
        number: number.as_ref().map(|number| known.num(ObjectKind::Number, number.as_str())),
        faxbox: faxbox.as_ref().map(|faxbox| known.num(ObjectKind::Faxbox, faxbox.as_str())),
        states: states.clone(),
    };
    Ok(Ok((Terms { authority, terms }, filter)))
}

/// Everything of the query but the page.
fn query(call: &ListFaxesCall) -> Query {
    let ListFaxesCall { tenant, account, subject, channel, filter, page: _, consistency: _ } = call;
    let FaxFilter { direction, number, faxbox, states, not_before, before } = filter;
    let time = |time: &Option<Timestamp>| time.map(|time| time.0.to_be_bytes());
    let states: Vec<u8> = states.iter().map(|state| *state as u8).collect();
    Query::of("ListVisibleFaxes")
        .with(tenant.as_str())
        .with(account.as_str())
        .with(subject.qualified())
        .with_optional(channel.map(|channel| [channel as u8]))
        .with_optional(direction.map(|direction| [direction as u8]))
        .with_optional(number.as_ref().map(|number| number.as_str()))
        .with_optional(faxbox.as_ref().map(|faxbox| faxbox.as_str()))
        .with(states)
        .with_optional(time(not_before))
        .with_optional(time(before))
}

fn position(
    app: &App,
    call: &ListFaxesCall,
    query: &Query,
) -> Result<Option<FaxCursor>, InvalidRequest> {
    let Some(token) = &call.page.token else { return Ok(None) };
    let opened = app.tokens.open(query, token).and_then(|position| decode(&position));
    opened.map(Some).ok_or_else(|| InvalidRequest::one("page_token", "is not a token of this list"))
}

fn encode(cursor: FaxCursor) -> [u8; 16] {
    let mut position = [0; 16];
    let (at, num) = position.split_at_mut(8);
    at.copy_from_slice(&cursor.at.0.to_be_bytes());
    num.copy_from_slice(&cursor.num.0.to_be_bytes());
    position
}

fn decode(position: &[u8]) -> Option<FaxCursor> {
    let (at, num) = position.split_first_chunk::<8>()?;
    let num: [u8; 8] = num.try_into().ok()?;
    Some(FaxCursor { at: Timestamp(i64::from_be_bytes(*at)), num: Num(u64::from_be_bytes(num)) })
}
