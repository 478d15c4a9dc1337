//! `Get`, `List` and `ListTenants`.

use lineguard_core::id::{AccountId, Num, Subject};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::{Object, ObjectKind};

use crate::app::App;
use crate::objects::{self, Place};
use crate::token::Query;
use crate::wire::admin::{
    ListCall, ListRelatedCall, ObjectKey, get_call, list_call, list_related_call, list_tenants_call,
};
use crate::wire::invalid::InvalidRequest;
use crate::wire::object::{element_to_wire, object_to_wire, tenant_object, tenant_to_wire};
use crate::wire::page::{Filled, Page};
use crate::wire::pb;
use crate::wire::status::Failure;

/// The scope of ids that are unique in the whole tenant.
const IN_TENANT: Num = Num(0);

/// How many elements of each of its sets are told with an object.
const TOLD: usize = 1_000;

/// How many objects of a list are read at once: a page may end after any of them.
const AT_ONCE: usize = 25;

pub(super) async fn get(app: &App, message: pb::GetRequest) -> Result<pb::GetResponse, Failure> {
    let (tenant, key) = get_call(message)?;
    let unknown = || Failure::NotFound(key.kind().map_or("tenant", ObjectKind::as_str));
    let _place = app.cold.enter(&tenant).await.ok_or_else(|| app.shed())?;
    let mut reader = app.snapshot(&tenant).await?.ok_or_else(unknown)?;
    let row = reader.tenant().await?;
    let object = if key == ObjectKey::Tenant {
        tenant_object(&row)
    } else {
        let found = find(reader.as_mut(), &key).await?.ok_or_else(unknown)?;
        let stored = objects::load_first(reader.as_mut(), &[found], TOLD).await?;
        stored.first().map(|(object, cut)| object_to_wire(object, cut)).ok_or_else(unknown)?
    };
    Ok(pb::GetResponse { object: Some(object), revision: row.revision.0 })
}

async fn find(
    reader: &mut dyn TenantReader,
    key: &ObjectKey,
) -> Result<Option<Object>, StoreError> {
    let (kind, id) = match key {
        ObjectKey::Tenant => return Ok(None),
        ObjectKey::Member(account, subject) => {
            let Some(account) = account_num(reader, account).await? else { return Ok(None) };
            let id = Subject::qualified(subject);
            return one(reader, ObjectKind::Member, account, &id).await;
        }
        ObjectKey::Role(account, role) => {
            let Some(account) = account_num(reader, account).await? else { return Ok(None) };
            return one(reader, ObjectKind::Role, account, role.as_str()).await;
        }
        ObjectKey::Account(id) => (ObjectKind::Account, id.as_str()),
        ObjectKey::Group(id) => (ObjectKind::Group, id.as_str()),
        ObjectKey::Number(id) => (ObjectKind::Number, id.as_str()),
        ObjectKey::Extension(id) => (ObjectKind::Extension, id.as_str()),
        ObjectKey::Queue(id) => (ObjectKind::Queue, id.as_str()),
        ObjectKey::Faxbox(id) => (ObjectKind::Faxbox, id.as_str()),
        ObjectKey::Invitation(id) => (ObjectKind::Invitation, id.as_str()),
    };
    let found = one(reader, kind, IN_TENANT, id).await?;
    Ok(found.filter(|object| !object.is_retired_number()))
}

async fn one(
    reader: &mut dyn TenantReader,
    kind: ObjectKind,
    scope: Num,
    id: &str,
) -> Result<Option<Object>, StoreError> {
    Ok(reader.find(&[(kind, scope, id)]).await?.into_iter().next().flatten())
}

async fn account_num(
    reader: &mut dyn TenantReader,
    account: &AccountId,
) -> Result<Option<Num>, StoreError> {
    let found = one(reader, ObjectKind::Account, IN_TENANT, account.as_str()).await?;
    Ok(found.map(|account| account.num))
}

pub(super) async fn list(app: &App, message: pb::ListRequest) -> Result<pb::ListResponse, Failure> {
    let ListCall { tenant, kind, account, page } = list_call(message)?;
    let query = Query::of("List")
        .with(tenant.as_str())
        .with([kind as u8])
        .with_optional(account.as_ref().map(AccountId::as_str));
    let after = position(app, &query, &page)?;
    let word = if account.is_some() { "account" } else { "tenant" };
    let unknown = || Failure::NotFound(word);
    let _place = app.long.lists.enter(&tenant).await.ok_or_else(|| app.shed())?;
    let mut reader = app.snapshot(&tenant).await?.ok_or_else(unknown)?;
    let account = match &account {
        Some(id) => Some(account_num(reader.as_mut(), id).await?.ok_or_else(unknown)?),
        None => None,
    };
    let mut rows = present(reader.as_mut(), kind, account, after, page.size + 1).await?;
    let objects = fill(reader.as_mut(), &rows, page.size).await?;
    let more = rows.len() > objects.len();
    rows.truncate(objects.len());
    let next_page_token = next_token(app, &query, rows.last().map(|row| row.num), more)?;
    let revision = reader.tenant().await?.revision.0;
    Ok(pb::ListResponse { objects, next_page_token, revision })
}

/// As many of the objects as a page has room for.
async fn fill(
    reader: &mut dyn TenantReader,
    rows: &[Object],
    size: usize,
) -> Result<Vec<pb::Object>, StoreError> {
    let mut page = Filled::new(size);
    for rows in rows.chunks(AT_ONCE) {
        for (object, cut) in objects::load_first(reader, rows, TOLD).await? {
            if !page.add(object_to_wire(&object, &cut)) {
                return Ok(page.items);
            }
        }
    }
    Ok(page.items)
}

pub(super) async fn list_related(
    app: &App,
    message: pb::ListRelatedRequest,
) -> Result<pb::ListRelatedResponse, Failure> {
    let ListRelatedCall { tenant, key, sent, relation, page } = list_related_call(message)?;
    let query =
        Query::of("ListRelated").with(tenant.as_str()).with(sent).with([relation.to_wire() as u8]);
    let after = match &page.token {
        None => (0, Num(0)),
        Some(token) => app
            .tokens
            .open(&query, token)
            .and_then(|position| decode(&position))
            .ok_or_else(|| InvalidRequest::one("page_token", "is not a token of this list"))?,
    };
    let unknown = || Failure::NotFound(key.kind().map_or("tenant", ObjectKind::as_str));
    let _place = app.long.lists.enter(&tenant).await.ok_or_else(|| app.shed())?;
    let mut reader = app.snapshot(&tenant).await?.ok_or_else(unknown)?;
    let object = find(reader.as_mut(), &key).await?.ok_or_else(unknown)?;
    let elements = relation.elements(reader.as_mut(), &object, after, page.size + 1).await?;
    let mut filled = Filled::new(page.size);
    let mut next = None;
    for (place, element) in &elements {
        if !filled.add(element_to_wire(element)) {
            break;
        }
        next = Some(encode(*place));
    }
    let next = next.filter(|_| elements.len() > filled.items.len());
    let next_page_token = sealed(app, &query, next.as_ref().map(<[u8; 9]>::as_slice))?;
    let revision = reader.tenant().await?.revision.0;
    Ok(pb::ListRelatedResponse { related: filled.items, next_page_token, revision })
}

fn encode((kind, num): Place) -> [u8; 9] {
    let mut position = [kind; 9];
    let (_, rest) = position.split_at_mut(1);
    rest.copy_from_slice(&num.0.to_be_bytes());
    position
}

fn decode(position: &[u8]) -> Option<Place> {
    let (kind, num) = position.split_first()?;
    Some((*kind, Num(u64::from_be_bytes(num.try_into().ok()?))))
}

/// As [`TenantReader::list`], without numbers that were given back.
async fn present(
    reader: &mut dyn TenantReader,
    kind: ObjectKind,
    account: Option<Num>,
    mut after: Num,
    limit: usize,
) -> Result<Vec<Object>, StoreError> {
    let mut present = Vec::new();
    loop {
        let rows = reader.list(kind, account, after, limit).await?;
        let last = rows.last().map(|row| row.num).filter(|_| rows.len() == limit);
        present.extend(rows.into_iter().filter(|row| !row.is_retired_number()));
        match last {
            Some(last) if present.len() < limit => after = last,
            _ => break,
        }
    }
    present.truncate(limit);
    Ok(present)
}

pub(super) async fn list_tenants(
    app: &App,
    message: pb::ListTenantsRequest,
) -> Result<pb::ListTenantsResponse, Failure> {
    let page = list_tenants_call(message)?;
    let query = Query::of("ListTenants");
    let after = position(app, &query, &page)?;
    let _place = app.long.lists.enter_without_tenant().await.ok_or_else(|| app.shed())?;
    let mut tenants = app.store.tenants(after, page.size + 1).await?;
    let more = tenants.len() > page.size;
    tenants.truncate(page.size);
    let next_page_token = next_token(app, &query, tenants.last().map(|row| row.num), more)?;
    let tenants = tenants.iter().map(tenant_to_wire).collect();
    Ok(pb::ListTenantsResponse { tenants, next_page_token })
}

/// The number after which a page begins.
fn position(app: &App, query: &Query, page: &Page) -> Result<Num, InvalidRequest> {
    let Some(token) = &page.token else { return Ok(Num(0)) };
    let opened = app.tokens.open(query, token);
    let num = opened.and_then(|position| position.try_into().ok()).map(u64::from_be_bytes);
    num.map(Num).ok_or_else(|| InvalidRequest::one("page_token", "is not a token of this list"))
}

fn next_token(app: &App, query: &Query, last: Option<Num>, more: bool) -> Result<String, Failure> {
    let last = last.filter(|_| more).map(|last| last.0.to_be_bytes());
    sealed(app, query, last.as_ref().map(<[u8; 8]>::as_slice))
}

/// The token of a position; empty for the end.
pub(super) fn sealed(app: &App, query: &Query, next: Option<&[u8]>) -> Result<String, Failure> {
    let Some(next) = next else { return Ok(String::new()) };
    app.tokens
        .seal(query, next)
        .map_err(|_| Failure::Internal("the system gave no randomness".into()))
}
