//! What a role that is to be conferred is worth: what the account of the member who gets it makes of
//! it (rulings R35), which may be an account below the acting one.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::assemble::role_definition;
use lineguard_core::engine::role_permissions;
use lineguard_core::facts::RoleDefinition;
use lineguard_core::id::{AccountId, Key, Num};
use lineguard_core::model::Model;
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::request::Conferred;
use lineguard_core::row::{self, ObjectKind};

use super::known::{Known, account_of_member, find_all};
use crate::wire::check::CheckCall;

/// The roles that are to be conferred, each as the nearest account that says something about it
/// defines or adjusts it. What no account speaks of is left out.
pub(super) async fn load(
    wanted: &BTreeSet<(AccountId, Key)>,
    known: &Known,
    reader: &mut dyn TenantReader,
) -> Result<BTreeMap<(AccountId, Key), RoleDefinition>, StoreError> {
    let mut roles = BTreeMap::new();
    let mut paths: BTreeMap<&AccountId, Vec<Num>> = BTreeMap::new();
    for (id, key) in wanted {
        let Some(account) = known.object(ObjectKind::Account, id.as_str()) else { continue };
        if !paths.contains_key(id) {
            paths.insert(id, row::path(reader, account.num).await?);
        }
        let path = paths.get(id).map(Vec::as_slice).unwrap_or_default();
        let keys: Vec<_> =
            path.iter().map(|level| (ObjectKind::Role, *level, key.as_str())).collect();
        let found = find_all(reader, &keys).await?;
        let nearest = path.iter().find_map(|level| found.iter().find(|role| role.scope == *level));
        if let Some(nearest) = nearest {
            let tenant = reader.tenant().await?.num;
            roles.insert((id.clone(), key.clone()), role_definition(tenant, nearest)?);
        }
    }
    Ok(roles)
}

/// What a question confers, with what that is worth.
pub(super) fn conferred(
    call: &CheckCall,
    known: &Known,
    model: &Model,
) -> Result<Option<Conferred>, StoreError> {
    let Some(Conferred::Role { key, .. }) = &call.conferred else {
        return Ok(call.conferred.clone());
    };
    let account = account_of_member(&call.resource.facts, &call.account);
    let permissions = role_permissions(model, key, known.role(account, key));
    let permissions = permissions.map_err(|unknown| {
        let row = format!("role {key} at {}: {unknown}", account.as_str());
        StoreError::Corrupt { table: "object", column: "body", row }
    })?;
    Ok(Some(Conferred::Role { key: key.clone(), permissions }))
}
