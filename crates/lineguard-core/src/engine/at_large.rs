//! What a member holds without limits, whatever becomes of products, flags and switches.

use super::compile::{UnknownKey, surviving};
use super::effective::{Contribution, effective};
use crate::facts::MemberFacts;
use crate::model::reach::{Clause, Comparison};
use crate::model::{Grant, Model, PermissionKind, Word};
use crate::vocabulary::Action;

/// Whether a member holds a permission that grants an action to everything in the acting account:
/// from a role, from what everybody has, from an override without scopes, or from ownership of the
/// account. What is denied is not held. Entitlements, flags and switches are not asked: they belong
/// to the subscription, and what they close they open again.
pub fn holds_at_large(
    model: &Model,
    facts: &MemberFacts,
    action: Action,
) -> Result<bool, UnknownKey> {
    let effective = effective(model, facts)?;
    if effective.everything.is_some_and(|(_, sealed_off)| !sealed_off) {
        return Ok(true);
    }
    Ok(model.permissions_for(action).iter().any(|ix| {
        let at = usize::from(ix.0);
        let (Some(permission), Some(worth)) = (model.permission_at(*ix), effective.worth.get(at))
        else {
            return false;
        };
        let PermissionKind::Grant(grants) = &permission.kind else { return false };
        let mut grants = grants.iter().filter(|grant| grant.actions.contains(&action));
        permission.requires.is_empty()
            && grants.any(|grant| surviving(worth).any(|from| is_at_large(from, grant)))
    }))
}

fn is_at_large(from: &Contribution<'_>, grant: &Grant) -> bool {
    let everywhere = |clause: &Clause| match clause {
        Clause::Match { comparison: Comparison::Word(Word::Account), qualifiers } => {
            qualifiers.except.is_empty()
        }
        Clause::Match { .. } | Clause::Visibility => false,
    };
    from.owned.is_none()
        && from.scopes.is_none()
        && !from.sealed_off
        && from.reach.unwrap_or(&grant.reach).iter().any(everywhere)
}
