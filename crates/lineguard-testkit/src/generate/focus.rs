//! What a world and the questions about it are to be about.

use lineguard_core::model::{Clause, FactSet, Model, OverlayGives, OwnedKind, PermissionKind};
use lineguard_core::vocabulary::{Action, Vocabulary};

use super::Rng;

/// A few actions that a world and the questions about it are to be about: mostly such as the model
/// grants, where there is one already.
pub fn focus(rng: &mut Rng, vocabulary: &Vocabulary, model: Option<&Model>) -> Vec<Action> {
    const KNOTTY: [&str; 14] = [
        "fax.view",
        "fax.send",
        "fax.forward",
        "fax.resend",
        "fax.move",
        "cover_page.use",
        "message.send",
        "message.forward",
        "call.make",
        "role.assign",
        "permission.assign",
        "fax.approve",
        "call.view",
        "document.redact",
    ];
    let knotty = KNOTTY.iter().filter_map(|name| vocabulary.action(name));
    let mut focus: Vec<_> = knotty.filter(|_| rng.chance(35)).collect();
    let all: Vec<_> = vocabulary.actions().map(|(action, _)| action).collect();
    let granted =
        |action: &&Action| model.is_none_or(|model| !model.permissions_for(**action).is_empty());
    let granted: Vec<_> = all.iter().filter(granted).copied().collect();
    // In some worlds it is mostly about what hangs on groups, faxboxes and other people.
    let tied = |action: &&Action| model.is_none_or(|model| is_tied(model, **action));
    let tied: Vec<_> = all.iter().filter(tied).copied().collect();
    if rng.chance(40) && !tied.is_empty() {
        focus.truncate(2);
        focus.extend(rng.some(&tied, 10));
        focus.extend(rng.pick(&tied));
        return focus;
    }
    focus.extend(rng.some(&granted, 14));
    focus.extend(rng.some(&all, 2));
    focus
}

/// Whether a model grants an action by what a person belongs to or owns, or by whose things it is.
fn is_tied(model: &Model, action: Action) -> bool {
    const TIES: [FactSet; 7] = [
        FactSet::Groups,
        FactSet::SelfOrGroups,
        FactSet::Supervised,
        FactSet::Delegators,
        FactSet::Faxboxes,
        FactSet::OwnedFaxboxes,
        FactSet::OwnedGroups,
    ];
    let by_tie = |clause: &Clause| match clause {
        Clause::Visibility => true,
        Clause::Match { comparison, .. } => {
            comparison.alternatives().iter().any(|(_, set)| TIES.contains(set))
        }
    };
    let granting = model.permissions_for(action);
    granting.iter().filter_map(|ix| model.permission_at(*ix)).any(|permission| {
        let PermissionKind::Grant(grants) = &permission.kind else { return false };
        let mut grants = grants.iter().filter(|grant| grant.actions.contains(&action));
        grants.any(|grant| grant.reach.iter().any(by_tie))
    }) || model.overlays.iter().any(|overlay| match &overlay.gives {
        OverlayGives::Permissions(given) => {
            overlay.of != OwnedKind::Account && granting.iter().any(|ix| given.contains(ix))
        }
        OverlayGives::Everything => false,
    })
}
