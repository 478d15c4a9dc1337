//! `ListPermissions`: what a member effectively holds, and where it comes from.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineguard_core::change::{AttachmentSource, OverrideValue};
use lineguard_core::engine::{Authority, levels_in_force};
use lineguard_core::explain::clause_word;
use lineguard_core::facts::{MemberFacts, Membership, Override};
use lineguard_core::id::{Num, TenantId};
use lineguard_core::model::{Permission, PermissionIx, ScopeKind};
use lineguard_core::port::StoreError;
use lineguard_core::row::ObjectKind;

use super::words::origin;
use crate::answer::{Ask, Gathering, Recency, Setting, from_database};
use crate::app::App;
use crate::metrics::Operation;
use crate::names::Names;
use crate::token::Query;
use crate::wire::enums::WireEnum;
use crate::wire::invalid::InvalidRequest;
use crate::wire::page::{Filled, Page};
use crate::wire::pb;
use crate::wire::permissions::{
    EffectivePermission, ListPermissionsCall, list_permissions_call, permission_to_wire,
};
use crate::wire::status::Failure;

pub(super) async fn list(
    app: &App,
    message: pb::ListPermissionsRequest,
) -> Result<pb::ListPermissionsResponse, Failure> {
    let call = list_permissions_call(message)?;
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = from_database(app, &Listing(&call), &recency).await?;
    Ok(answered.answer)
}

struct Listing<'a>(&'a ListPermissionsCall);

#[async_trait]
impl Ask for Listing<'_> {
    type Answer = pb::ListPermissionsResponse;

    fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    fn operation(&self) -> Option<Operation> {
        None
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Self::Answer, Failure> {
        let not_found = || Failure::NotFound("member");
        let setting = from.setting()?;
        let read = from.read_member(&self.0.account, &self.0.subject).await?;
        let facts = read.facts.as_ref().ok_or_else(not_found)?;
        let acting = facts.path.first();
        let membership =
            acting.and_then(|level| level.membership.as_ref()).ok_or_else(not_found)?;
        let authority = read.authority.as_deref().ok_or_else(not_found)?;
        let levels = levels(&setting, facts)?;
        let names = Names::load(from, scope_values(membership)).await?;
        let ListPermissionsCall { tenant, account, subject, page, consistency: _ } = self.0;
        let query = Query::of("ListPermissions")
            .with(tenant.as_str())
            .with(account.as_str())
            .with(subject.qualified())
            .with(setting.tenant.model.0);
        let first = first_of(app, &query, page)?;
        let mut filled = Filled::new(page.size);
        let mut next = None;
        for (ix, permission) in (0u16..).zip(&setting.model.permissions).skip(first.into()) {
            let one = effective(authority, PermissionIx(ix), permission, membership, &names)?;
            if !filled.add(permission_to_wire(one)) {
                next = Some(ix.to_be_bytes());
                break;
            }
        }
        let token = next.map(|next| app.tokens.seal(&query, &next)).transpose();
        Ok(pb::ListPermissionsResponse {
            permissions: filled.items,
            next_page_token: token
                .map_err(|_| Failure::Internal("the system gave no randomness".into()))?
                .unwrap_or_default(),
            status: WireEnum::to_wire(membership.status),
            visibility: levels.join(","),
            revision: from.revision().0,
            staleness: None,
        })
    }

    fn nowhere(&self) -> Result<Self::Answer, Failure> {
        Err(Failure::NotFound("member"))
    }
}

/// The permission that a page begins with.
fn first_of(app: &App, query: &Query, page: &Page) -> Result<u16, InvalidRequest> {
    let Some(token) = &page.token else { return Ok(0) };
    let opened = app.tokens.open(query, token);
    let first = opened.and_then(|position| position.try_into().ok()).map(u16::from_be_bytes);
    first.ok_or_else(|| InvalidRequest::one("page_token", "is not a token of this list"))
}

fn levels<'a>(setting: &'a Setting, facts: &'a MemberFacts) -> Result<Vec<&'a str>, StoreError> {
    let levels = levels_in_force(&setting.model, facts).map_err(|unknown| {
        let row = format!("tenant {}: {unknown}", setting.tenant.num.0);
        StoreError::Corrupt { table: "object", column: "body", row }
    })?;
    Ok(levels.into_iter().map(|level| level.as_str()).collect())
}

fn effective(
    authority: &Authority,
    ix: PermissionIx,
    permission: &Permission,
    membership: &Membership,
    names: &Names,
) -> Result<EffectivePermission, StoreError> {
    let standing = authority.standing(ix);
    let obstacle = standing.and_then(|standing| standing.obstacle);
    let origins = standing.map(|standing| standing.origins.as_slice()).unwrap_or_default();
    let mut reach: Vec<String> = Vec::new();
    for term in authority.terms_of(ix) {
        let word = clause_word(term.comparison);
        if !reach.contains(&word) {
            reach.push(word);
        }
    }
    let overridden = membership.overrides.get(&permission.key);
    Ok(EffectivePermission {
        key: permission.key.to_string(),
        title: permission.title.to_string(),
        category: permission.category.to_string(),
        // A membership that is not active gives nothing, whatever its roles say.
        lacking: authority.barred().or(obstacle),
        origins: origins.iter().filter_map(|ix| authority.origin(*ix)).map(origin).collect(),
        reach,
        overridden: overridden.map(|value| override_value(value, names)).transpose()?,
    })
}

fn scope_values(membership: &Membership) -> Vec<Num> {
    let scopes = membership.overrides.values().filter_map(|value| match value {
        Override::Scoped(scopes) => Some(scopes),
        Override::On | Override::Off => None,
    });
    let of_objects = scopes.flatten().filter(|(kind, _)| **kind != ScopeKind::Source);
    of_objects.flat_map(|(_, values)| values.iter().copied()).collect()
}

fn override_value(value: &Override, names: &Names) -> Result<OverrideValue, StoreError> {
    Ok(match value {
        Override::Off => OverrideValue::Off,
        Override::On => OverrideValue::On,
        Override::Scoped(scopes) => {
            let mut named = BTreeMap::new();
            for (kind, values) in scopes {
                let texts = values.iter().map(|value| scope_value(*kind, *value, names));
                named.insert(*kind, texts.collect::<Result<_, _>>()?);
            }
            OverrideValue::Scoped(named)
        }
    })
}

fn scope_value(kind: ScopeKind, value: Num, names: &Names) -> Result<String, StoreError> {
    let object = match kind {
        ScopeKind::Number => ObjectKind::Number,
        ScopeKind::FormType => ObjectKind::FormType,
        ScopeKind::DocumentType => ObjectKind::DocumentType,
        ScopeKind::Template => ObjectKind::Template,
        ScopeKind::Source => {
            let known = AttachmentSource::ALL.into_iter().find(|(source, _)| source.num() == value);
            return Ok(known.map_or("", |(_, word)| word).to_owned());
        }
    };
    names.text(value, object).map(str::to_owned)
}
