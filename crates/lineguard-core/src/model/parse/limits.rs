//! What a new text may come to in all. Each entry may be within its bounds and the whole may not:
//! whoever holds the roles pays for them with every question that is not answered from memory.

use super::Context;
use crate::model::reach::Clause;
use crate::model::{Level, Permission, PermissionKind, Role};

/// Most permissions of all roles together, each counted once for each role that holds it.
pub const MAX_HELD: usize = 100_000;

/// Most terms that all permissions and all reaches of roles make: an action of a grant, with one
/// clause of its reach, is a term.
pub const MAX_TERMS: usize = 50_000;

impl Context<'_, '_, '_> {
    /// A mistake at the entry with which a new text goes beyond a limit.
    pub(super) fn limits(&self, permissions: &[Permission], roles: &[Role], levels: &[Level]) {
        self.source.in_new_texts(|| {
            let clauses = levels.iter().map(|level| level.reach.len());
            let visibility = clauses.max().unwrap_or_default().max(1);
            let terms = self.terms_of_permissions(permissions, visibility);
            self.sums_of_roles(permissions, roles, visibility, terms);
        });
    }

    fn terms_of_permissions(&self, permissions: &[Permission], visibility: usize) -> usize {
        let mut terms = 0;
        for (permission, (key, fields)) in permissions.iter().zip(&self.permission.entries) {
            let PermissionKind::Grant(grants) = &permission.kind else { continue };
            let within = terms <= MAX_TERMS;
            for grant in grants {
                terms += grant.actions.len() * size(&grant.reach, visibility);
            }
            if within && terms > MAX_TERMS {
                let problem = format!(
                    "the permissions up to `{key}` have more than {MAX_TERMS} actions with clauses of \
                     their reach together"
                );
                self.source.error(fields.at(), problem);
            }
        }
        terms
    }

    fn sums_of_roles(
        &self,
        permissions: &[Permission],
        roles: &[Role],
        visibility: usize,
        mut terms: usize,
    ) {
        let actions = |permission: &Permission| match &permission.kind {
            PermissionKind::Grant(grants) => grants.iter().map(|grant| grant.actions.len()).sum(),
            _ => 0,
        };
        let actions: Vec<usize> = permissions.iter().map(actions).collect();
        let mut held = 0;
        for (role, (key, fields)) in roles.iter().zip(&self.role.entries) {
            let within = (held <= MAX_HELD, terms <= MAX_TERMS);
            held += role.permissions.len();
            for one in &role.permissions {
                let Some(reach) = &one.reach else { continue };
                let actions = actions.get(usize::from(one.permission.0)).copied();
                terms += actions.unwrap_or_default() * size(reach, visibility);
            }
            if within.0 && held > MAX_HELD {
                let problem = format!(
                    "the roles up to `{key}` hold {held} permissions together; {MAX_HELD} are allowed"
                );
                self.source.error(fields.at(), problem);
            }
            if within.1 && terms > MAX_TERMS {
                let problem = format!(
                    "the permissions and the roles up to `{key}` have more than {MAX_TERMS} actions \
                     with clauses of their reach together"
                );
                self.source.error(fields.at(), problem);
            }
        }
    }
}

/// How many clauses a reach may come to.
fn size(reach: &[Clause], visibility: usize) -> usize {
    let size = |clause: &Clause| if *clause == Clause::Visibility { visibility } else { 1 };
    reach.iter().map(size).sum()
}
