//! What a question confers must be something that the tenant knows: a misspelt key is a mistake of
//! the caller, and neither an allow nor a deny.

use std::collections::BTreeSet;

use lineguard_core::decision::{Decision, Effect, Reason};
use lineguard_core::facts::Fact;
use lineguard_core::id::Key;
use lineguard_core::request::Conferred;
use lineguard_core::suggest::nearest;

use crate::answer::Gathering;
use crate::gather::Member;
use crate::wire::check::CheckCall;
use crate::wire::invalid::{InvalidRequest, unknown};
use crate::wire::status::Failure;

/// Refuses a key that nothing which the person may confer from here has.
///
/// Permissions and built-in roles are the model's. Roles of the tenant's own count where they are
/// in force at the acting account, or at the account of the member who gets them; one of any other
/// account is as unknown as one that does not exist. Who is denied whatever the key says is told
/// that, and so learns nothing about keys.
pub(super) async fn known(
    call: &CheckCall,
    member: &Member,
    decision: &Decision,
    from: &mut Gathering<'_>,
) -> Result<(), Failure> {
    let depends = decision.effect == Effect::Allow || decision.reason == Reason::MayNotConfer;
    let Some(conferred) = call.conferred.as_ref().filter(|_| depends) else { return Ok(()) };
    let refused = match conferred {
        Conferred::Permission(key) => {
            let keys = member.model.permissions.iter().map(|permission| &permission.key);
            refusal("permission", key, keys.cloned().collect())
        }
        Conferred::Role(key) => {
            let mut keys = roles_of(member);
            if !keys.contains(key)
                && let Fact::Known(account) = &call.resource.facts.account
            {
                keys.extend(roles_of(&from.member(account, &call.subject).await?));
            }
            refusal("role", key, keys)
        }
    };
    refused.map_or(Ok(()), |refused| Err(refused.into()))
}

/// The roles in force at an account.
fn roles_of(member: &Member) -> BTreeSet<Key> {
    member.authority.iter().flat_map(|authority| authority.role_keys()).cloned().collect()
}

fn refusal(what: &str, key: &Key, known: BTreeSet<Key>) -> Option<InvalidRequest> {
    if known.contains(key) {
        return None;
    }
    let suggestion = nearest(key.as_str(), known.iter().map(Key::as_str));
    Some(InvalidRequest::one("target.id", unknown(what, key.as_str(), suggestion)))
}
