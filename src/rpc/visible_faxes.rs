//! `ListVisibleFaxes`: keyset pages, newest first.

use async_trait::async_trait;
use lineguard_core::engine::may_see;
use lineguard_core::id::{Num, Revision, TenantId, Timestamp};
use lineguard_core::list::{Filter, Limits, Page, Terms, Walk};
use lineguard_core::port::{FaxCursor, FaxSlice, StoreError, TenantReader};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::Action;

use crate::answer::{Ask, Gathering, Recency, from_database};
use crate::app::App;
use crate::gather::{Member, Wanted};
use crate::metrics::Operation;
use crate::names::named_faxes;
use crate::token::Query;
use crate::wire::faxes::{FaxFilter, ListFaxesCall, fax_to_wire, list_faxes_call};
use crate::wire::invalid::InvalidRequest;
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
    Ok(answered.answer)
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
        let call = self.call;
        let member = from.member(&call.account, &call.subject).await?;
        let Some((terms, filter)) = terms(from, &member, call, self.view).await? else {
            return Ok(answer(Vec::new(), String::new(), from.revision()));
        };
        let FaxFilter { not_before, before, .. } = call.filter;
        let walk = Walk {
            terms,
            filter,
            slice: FaxSlice { after: self.after, not_before, before },
            size: call.page.size,
            limits: Limits::default(),
        };
        let Page { faxes, next } = walk.page(from).await?;
        let faxes = named_faxes(from, &faxes).await?.iter().map(fax_to_wire).collect();
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

const fn answer(
    faxes: Vec<pb::Fax>,
    next_page_token: String,
    revision: Revision,
) -> pb::ListVisibleFaxesResponse {
    pb::ListVisibleFaxesResponse { faxes, next_page_token, revision: revision.0, staleness: None }
}

/// What makes faxes visible to the member, and what the caller wants of it; none if nothing is.
async fn terms<'m>(
    reader: &mut dyn TenantReader,
    member: &'m Member,
    call: &ListFaxesCall,
    view: Action,
) -> Result<Option<(Terms<'m>, Filter)>, StoreError> {
    let Some(authority) = member.authority.as_deref() else { return Ok(None) };
    let Ok(terms) = may_see(authority, view, call.channel) else { return Ok(None) };
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
    Ok(Some((Terms { authority, terms }, filter)))
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
