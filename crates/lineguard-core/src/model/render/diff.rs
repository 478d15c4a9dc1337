//! What differs between two models, cell by cell.

use std::collections::BTreeSet;

use super::words::{cell, reach};
use crate::id::Key;
use crate::model::{
    Level, Model, Overlay, OverlayGives, OwnedKind, Permission, PermissionIx, PermissionKind,
    Requirement, Role,
};
use crate::vocabulary::{Confers, Vocabulary};

/// One of the two models compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
}

/// One difference between two models. Keys are those of the models; texts are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellDiff {
    /// Only one of the models has this permission. Its cells are not told one by one.
    Permission {
        /// Which model has it.
        only_in: Side,
        /// Its key.
        permission: Key,
        /// Its title.
        title: Box<str>,
    },
    /// Only one of the models has this role. Its cells are not told one by one.
    Role {
        /// Which model has it.
        only_in: Side,
        /// Its key.
        role: Key,
        /// Its title.
        title: Box<str>,
    },
    /// A role holds a permission in another way, or in one model only.
    Cell {
        /// The role.
        role: Key,
        /// The permission.
        permission: Key,
        /// The cell in the first model.
        before: String,
        /// The cell in the second model.
        after: String,
    },
    /// An overlay gives something else; an overlay that is not there gives nothing.
    Overlay {
        /// The overlay.
        overlay: Key,
        /// What only the first model gives.
        removed: Vec<String>,
        /// What only the second model gives.
        added: Vec<String>,
    },
    /// A permission, role, level or overlay differs in its title or in what no cell shows.
    Detail {
        /// The permission, role, level or overlay.
        of: Key,
        /// What about it.
        what: &'static str,
        /// In the first model.
        before: String,
        /// In the second model.
        after: String,
    },
}

/// The differences between two models: permissions, roles, cells, overlays, then details.
pub fn diff(before: &Model, after: &Model, vocabulary: &Vocabulary) -> Vec<CellDiff> {
    let mut diffs = only_in(before, after, Side::Before);
    diffs.extend(only_in(after, before, Side::After));
    let permissions = common_permissions(before, after);
    for (old_role, new_role) in common_roles(before, after) {
        for (old, new) in &permissions {
            let cells = (cell(before, old_role, old.0), cell(after, new_role, new.0));
            if cells.0 != cells.1 {
                diffs.push(CellDiff::Cell {
                    role: old_role.key.clone(),
                    permission: old.1.key.clone(),
                    before: cells.0,
                    after: cells.1,
                });
            }
        }
    }
    diffs.extend(overlay_diffs(before, after));
    for (old, new) in &permissions {
        let old_details = permission_details(before, *old, vocabulary);
        let new_details = permission_details(after, *new, vocabulary);
        diffs.extend(detail_diffs(&old.1.key, old_details, new_details));
    }
    for (old, new) in common_roles(before, after) {
        diffs.extend(detail_diffs(&old.key, role_details(old), role_details(new)));
    }
    for old in &before.levels {
        if let Some((_, new)) = after.level(old.key.as_str()) {
            diffs.extend(detail_diffs(&old.key, level_details(old), level_details(new)));
        }
    }
    for old in &before.overlays {
        if let Some(new) = overlay(after, &old.key) {
            diffs.extend(detail_diffs(&old.key, overlay_details(old), overlay_details(new)));
        }
    }
    diffs
}

/// Permissions and roles of one model that the other does not have.
fn only_in(one: &Model, other: &Model, only_in: Side) -> Vec<CellDiff> {
    let permissions =
        one.permissions.iter().filter(|item| other.permission(item.key.as_str()).is_none()).map(
            |item| CellDiff::Permission {
                only_in,
                permission: item.key.clone(),
                title: item.title.clone(),
            },
        );
    let roles =
        one.roles.iter().filter(|item| other.role(item.key.as_str()).is_none()).map(|item| {
            CellDiff::Role { only_in, role: item.key.clone(), title: item.title.clone() }
        });
    permissions.chain(roles).collect()
}

fn common_roles<'m>(before: &'m Model, after: &'m Model) -> Vec<(&'m Role, &'m Role)> {
    let pair = |role: &'m Role| Some((role, after.role(role.key.as_str())?.1));
    before.roles.iter().filter_map(pair).collect()
}

type Indexed<'m> = (PermissionIx, &'m Permission);

fn common_permissions<'m>(before: &'m Model, after: &'m Model) -> Vec<(Indexed<'m>, Indexed<'m>)> {
    let indexed = |model: &'m Model| (0..).map(PermissionIx).zip(&model.permissions);
    indexed(before)
        .filter_map(|old| Some((old, indexed(after).find(|new| new.1.key == old.1.key)?)))
        .collect()
}

fn overlay_diffs(before: &Model, after: &Model) -> Vec<CellDiff> {
    let mut keys: Vec<&Key> = Vec::new();
    for overlay in before.overlays.iter().chain(&after.overlays) {
        if !keys.contains(&&overlay.key) {
            keys.push(&overlay.key);
        }
    }
    let diff = |key: &Key| {
        let (old, new) = (gives(before, key), gives(after, key));
        let removed: Vec<_> = old.difference(&new).cloned().collect();
        let added: Vec<_> = new.difference(&old).cloned().collect();
        let same = removed.is_empty() && added.is_empty();
        (!same).then(|| CellDiff::Overlay { overlay: key.clone(), removed, added })
    };
    keys.into_iter().filter_map(diff).collect()
}

fn overlay<'m>(model: &'m Model, key: &Key) -> Option<&'m Overlay> {
    model.overlays.iter().find(|overlay| overlay.key == *key)
}

fn gives(model: &Model, key: &Key) -> BTreeSet<String> {
    match overlay(model, key).map(|overlay| &overlay.gives) {
        None => BTreeSet::new(),
        Some(OverlayGives::Everything) => BTreeSet::from(["everything".to_owned()]),
        Some(OverlayGives::Permissions(list)) => {
            let held = list.iter().filter_map(|ix| model.permission_at(*ix));
            held.map(|permission| permission.key.as_str().to_owned()).collect()
        }
    }
}

type Details = Vec<(&'static str, String)>;

fn detail_diffs(of: &Key, before: Details, after: Details) -> Vec<CellDiff> {
    let pairs = before.into_iter().zip(after);
    pairs
        .filter(|((_, before), (_, after))| before != after)
        .map(|((what, before), (_, after))| CellDiff::Detail {
            of: of.clone(),
            what,
            before,
            after,
        })
        .collect()
}

/// Everything about a permission that no cell shows, always in the same order.
fn permission_details(
    model: &Model,
    (ix, permission): Indexed<'_>,
    vocabulary: &Vocabulary,
) -> Details {
    let product = permission.product.and_then(|ix| model.products.get(usize::from(ix.0)));
    let flag = permission.flag.and_then(|ix| model.flags.get(usize::from(ix.0)));
    let key = |key: Option<&Key>| key.map_or_else(|| "none".to_owned(), Key::to_string);
    let (kind, actions) = kind_details(permission, vocabulary);
    let requires = permission.requires.iter().copied().map(Requirement::as_str).collect();
    let scopes = permission.scopes.iter().map(|scope| scope.as_str()).collect();
    let confers = permission.confers.iter().map(|confers| match confers {
        Confers::Role => "role",
        Confers::Permission => "permission",
    });
    vec![
        ("title", permission.title.to_string()),
        ("category", permission.category.to_string()),
        ("product", key(product.map(|product| &product.key))),
        ("flag", key(flag.map(|flag| &flag.key))),
        ("kind", kind),
        ("actions", actions),
        ("requires", listed(requires)),
        ("inherited", permission.inherited.to_string()),
        ("role_only", permission.role_only.to_string()),
        ("everybody", model.members.everybody.contains(&ix).to_string()),
        ("scopes", listed(scopes)),
        ("confers", listed(confers.collect())),
    ]
}

fn kind_details(permission: &Permission, vocabulary: &Vocabulary) -> (String, String) {
    let (kind, actions) = match &permission.kind {
        PermissionKind::Grant(grants) => {
            let actions: Vec<_> = grants.iter().flat_map(|grant| grant.actions.clone()).collect();
            ("grant".to_owned(), actions)
        }
        PermissionKind::Obligation { actions, obligation } => {
            (format!("obligation {}", obligation.as_str()), actions.clone())
        }
        PermissionKind::Restriction(list) => (format!("restriction {list:?}"), Vec::new()),
        PermissionKind::Routing => ("routing".to_owned(), Vec::new()),
        PermissionKind::Channel(channels) => (format!("channel {channels:?}"), Vec::new()),
    };
    let names = actions.iter().filter_map(|action| vocabulary.def(*action));
    (kind, listed(names.map(|def| &*def.name).collect()))
}

fn role_details(role: &Role) -> Details {
    let visibility = role.visibility.as_ref();
    vec![
        ("title", role.title.to_string()),
        ("locked", role.locked.to_string()),
        ("visibility", visibility.map_or_else(|| "none".to_owned(), Key::to_string)),
    ]
}

fn level_details(level: &Level) -> Details {
    vec![("title", level.title.to_string()), ("reach", reach(&level.reach))]
}

fn overlay_details(overlay: &Overlay) -> Details {
    let of = match overlay.of {
        OwnedKind::Faxbox => "faxbox",
        OwnedKind::Group => "group",
        OwnedKind::Account => "account",
    };
    vec![("title", overlay.title.to_string()), ("of", of.to_owned())]
}

/// Words in an order of their own: the order of a list in a text means nothing.
fn listed(mut words: Vec<&str>) -> String {
    words.sort_unstable();
    words.dedup();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
