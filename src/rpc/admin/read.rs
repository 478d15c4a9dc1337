//! `Get`, `List` and `ListTenants`.

use lineguard_core::id::{AccountId, Num, Subject};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::row::{Object, ObjectKind};

use crate::app::App;
use crate::objects;
use crate::token::Query;
use crate::wire::admin::{ListCall, ObjectKey, get_call, list_call, list_tenants_call};
use crate::wire::invalid::InvalidRequest;
use crate::wire::object::{object_to_wire, tenant_object, tenant_to_wire};
use crate::wire::page::Page;
use crate::wire::pb;
use crate::wire::status::Failure;

/// The scope of ids that are unique in the whole tenant.
const IN_TENANT: Num = Num(0);

pub(super) async fn get(app: &App, message: pb::GetRequest) -> Result<pb::GetResponse, Failure> {
    let (tenant, key) = get_call(message)?;
    let unknown = || Failure::NotFound(kind_of(&key).map_or("tenant", ObjectKind::as_str));
    let _place = app.cold.enter(&tenant).await.ok_or_else(|| app.shed())?;
    let mut reader = app.snapshot(&tenant).await?.ok_or_else(unknown)?;
    let row = reader.tenant().await?;
    let object = if key == ObjectKey::Tenant {
        tenant_object(&row)
    } else {
        let found = find(reader.as_mut(), &key).await?.ok_or_else(unknown)?;
        let stored = objects::load(reader.as_mut(), &[found]).await?;
        stored.first().map(object_to_wire).ok_or_else(unknown)?
    };
    Ok(pb::GetResponse { object: Some(object), revision: row.revision.0 })
}

fn kind_of(key: &ObjectKey) -> Option<ObjectKind> {
    match key {
        ObjectKey::Tenant => None,
        ObjectKey::Account(_) => Some(ObjectKind::Account),
        ObjectKey::Member(..) => Some(ObjectKind::Member),
        ObjectKey::Group(_) => Some(ObjectKind::Group),
        ObjectKey::Role(..) => Some(ObjectKind::Role),
        ObjectKey::Number(_) => Some(ObjectKind::Number),
        ObjectKey::Extension(_) => Some(ObjectKind::Extension),
        ObjectKey::Queue(_) => Some(ObjectKind::Queue),
        ObjectKey::Faxbox(_) => Some(ObjectKind::Faxbox),
        ObjectKey::Invitation(_) => Some(ObjectKind::Invitation),
    }
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
    let more = rows.len() > page.size;
    rows.truncate(page.size);
    let next_page_token = next_token(app, &query, rows.last().map(|row| row.num), more)?;
    let objects = objects::load(reader.as_mut(), &rows).await?;
    let revision = reader.tenant().await?.revision.0;
    let objects = objects.iter().map(object_to_wire).collect();
    Ok(pb::ListResponse { objects, next_page_token, revision })
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
    let Some(last) = last.filter(|_| more) else { return Ok(String::new()) };
    let token = app.tokens.seal(query, &last.0.to_be_bytes());
    token.map_err(|_| Failure::Internal("the system gave no randomness".into()))
}
