//! What a question confers must be something that exists: a misspelt key is a mistake of the caller,
//! and neither an allow nor a deny.

use lineguard_core::decision::{Decision, Reason};
use lineguard_core::id::Key;
use lineguard_core::model::Model;
use lineguard_core::request::{Conferred, Question};
use lineguard_core::suggest::nearest;

use crate::wire::invalid::{InvalidRequest, unknown};

/// Refuses a key that nothing has which could be conferred there.
///
/// Permissions and built-in roles are the model's. Roles of the tenant's own count where they are
/// in force at the account of the member who gets them; one of any other account is as unknown as
/// one that does not exist. Nobody confers what does not exist, so it matters only to who is denied
/// for that. Who is denied whatever the key says is told that, and so learns nothing about keys.
pub(super) fn known(
    question: &Question,
    model: &Model,
    decision: &Decision,
) -> Result<(), InvalidRequest> {
    let Some(conferred) = &question.conferred else { return Ok(()) };
    if decision.reason != Reason::MayNotConfer {
        return Ok(());
    }
    match conferred {
        Conferred::Permission(key) if model.permission(key.as_str()).is_none() => {
            let known = model.permissions.iter().map(|permission| permission.key.as_str());
            Err(refusal("permission", key, known))
        }
        Conferred::Role { key, permissions: None } => {
            Err(refusal("role", key, model.roles.iter().map(|role| role.key.as_str())))
        }
        Conferred::Permission(_) | Conferred::Role { .. } => Ok(()),
    }
}

fn refusal<'a>(what: &str, key: &Key, known: impl Iterator<Item = &'a str>) -> InvalidRequest {
    let suggestion = nearest(key.as_str(), known);
    InvalidRequest::one("target.id", unknown(what, key.as_str(), suggestion))
}
