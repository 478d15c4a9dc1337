//! What differs between two models, cell by cell.

use std::collections::BTreeSet;

use super::rules::{Detail, NOTHING, Rule, head, of_permission, of_role, rules};
use super::words::cell;
use crate::id::Key;
use crate::model::{Model, Overlay, OverlayGives, Permission, PermissionIx, Role};
use crate::vocabulary::Vocabulary;

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
    /// A rule of the whole product differs: of the tree, of members, of numbers, a flag, a level.
    Rule {
        /// The rule.
        what: String,
        /// What the first model says of it.
        before: String,
        /// What the second model says of it.
        after: String,
    },
    /// A permission or role differs in its title or in what no cell shows.
    Detail {
        /// The permission or role.
        of: Key,
        /// What about it.
        what: &'static str,
        /// In the first model.
        before: String,
        /// In the second model.
        after: String,
    },
}

/// The differences between two models: permissions, roles, cells, overlays, rules, then details.
/// None are left out but those of their tests.
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
    diffs.extend(rule_diffs(head(before), head(after)));
    diffs.extend(rule_diffs(rules(before, vocabulary), rules(after, vocabulary)));
    diffs.extend(order_diffs(before, after));
    for (old, new) in &permissions {
        let old_details = permission_details(before, old.1, vocabulary);
        let new_details = permission_details(after, new.1, vocabulary);
        diffs.extend(detail_diffs(&old.1.key, old_details, new_details));
    }
    for (old, new) in common_roles(before, after) {
        diffs.extend(detail_diffs(&old.key, of_role(before, old), of_role(after, new)));
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

/// Rules that only one of the models has say nothing in the other.
fn rule_diffs(before: Vec<Rule>, after: Vec<Rule>) -> Vec<CellDiff> {
    let says = |rules: &[Rule], what: &str| {
        let rule = rules.iter().find(|rule| rule.what == what);
        rule.map_or_else(|| NOTHING.to_owned(), |rule| rule.says.clone())
    };
    let only_after = after.iter().filter(|new| before.iter().all(|old| old.what != new.what));
    let all = before.iter().chain(only_after);
    let pairs = all.map(|rule| (&rule.what, says(&before, &rule.what), says(&after, &rule.what)));
    pairs
        .filter(|(_, before, after)| before != after)
        .map(|(what, before, after)| CellDiff::Rule { what: what.clone(), before, after })
        .collect()
}

/// Lists whose order a screen shows, where what both models have stands in another order. The first
/// that does is told.
fn order_diffs(before: &Model, after: &Model) -> Vec<CellDiff> {
    let diff = |(what, old, new): (&str, Vec<&Key>, Vec<&Key>)| {
        let mut old_order = old.iter().filter(|key| new.contains(key));
        let mut new_order = new.iter().filter(|key| old.contains(key));
        let first = std::iter::zip(&mut old_order, &mut new_order).find(|(old, new)| old != new)?;
        Some(CellDiff::Rule {
            what: format!("order of {what}"),
            before: format!("… {} …", first.0),
            after: format!("… {} …", first.1),
        })
    };
    std::iter::zip(ordered(before), ordered(after))
        .filter_map(|((what, old), (_, new))| diff((what, old, new)))
        .collect()
}

fn ordered(model: &Model) -> [(&'static str, Vec<&Key>); 7] {
    [
        ("permissions", model.permissions.iter().map(|one| &one.key).collect()),
        ("roles", model.roles.iter().map(|one| &one.key).collect()),
        ("overlays", model.overlays.iter().map(|one| &one.key).collect()),
        ("products", model.products.iter().map(|one| &one.key).collect()),
        ("flags", model.flags.iter().map(|one| &one.key).collect()),
        ("settings", model.settings.iter().map(|one| &one.key).collect()),
        ("levels", model.levels.iter().map(|one| &one.key).collect()),
    ]
}

fn detail_diffs(of: &Key, before: Vec<Detail>, after: Vec<Detail>) -> Vec<CellDiff> {
    let pairs = before.into_iter().zip(after);
    pairs
        .filter(|(before, after)| before.says != after.says)
        .map(|(before, after)| CellDiff::Detail {
            of: of.clone(),
            what: before.what,
            before: before.says,
            after: after.says,
        })
        .collect()
}

/// Everything about a permission that no cell shows, and how the table calls it.
fn permission_details(
    model: &Model,
    permission: &Permission,
    vocabulary: &Vocabulary,
) -> Vec<Detail> {
    let called = [("title", &permission.title), ("category", &permission.category)];
    let called = called.map(|(what, says)| Detail { what, says: says.to_string(), usual: "" });
    called.into_iter().chain(of_permission(model, permission, vocabulary)).collect()
}
