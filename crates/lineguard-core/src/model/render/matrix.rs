//! The permission matrix.

use std::fmt::Write;

use super::rules::{Detail, Rule, of_permission, of_role, rules};
use super::words::{NO, YES, cell};
use super::{padded, widest};
use crate::model::{
    Grant, Model, Overlay, OverlayGives, OwnedKind, Permission, PermissionIx, PermissionKind,
};
use crate::vocabulary::Vocabulary;

/// Longer cells go into the notes below the table.
const MAX_CELL: usize = 14;

/// Blanks between columns.
const GAP: &str = "  ";

/// The permissions of a model by category against its roles, its ownership overlays, then all that
/// it says besides.
///
/// A cell is `yes`, `-`, or says how far the permission reaches: `own`, `member`, `owned`. What is
/// too long for a cell stands in a numbered note.
pub fn matrix(model: &Model, vocabulary: &Vocabulary) -> String {
    let mut table = Table::new(model);
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{} ({})\n{}\n", model.title, model.name, model.summary);
    out.push_str(&table.header());
    let mut category = None;
    for (ix, permission) in in_order(model) {
        if category != Some(&permission.category) {
            category = Some(&permission.category);
            let _ = writeln!(out, "\n{}", permission.category);
        }
        out.push_str(&table.row(ix, permission));
    }
    out.push_str(&table.notes());
    out.push_str(&overlays(model));
    out.push_str(&whole_product(model, vocabulary));
    out.push_str(&small_print(model, vocabulary));
    out
}

/// The rules of the whole product.
fn whole_product(model: &Model, vocabulary: &Vocabulary) -> String {
    let rules = rules(model, vocabulary);
    let width = widest(rules.iter().map(|rule| rule.what.as_str()));
    let lines = rules
        .iter()
        .map(|Rule { what, says }| format!("{GAP}{}{GAP}{says}\n", padded(what, width)));
    format!("\nRules of the whole product\n\n{}", lines.collect::<String>())
}

/// What no cell shows of the roles and permissions; what goes without saying is not said.
fn small_print(model: &Model, vocabulary: &Vocabulary) -> String {
    let roles = model.roles.iter().map(|role| (role.key.as_str(), of_role(model, role)));
    let permissions = in_order(model).into_iter().map(|(_, permission)| {
        (permission.key.as_str(), of_permission(model, permission, vocabulary))
    });
    section("Roles in full", &roles.collect::<Vec<_>>())
        + &section("Permissions in full", &permissions.collect::<Vec<_>>())
}

fn section(head: &str, rows: &[(&str, Vec<Detail>)]) -> String {
    let width = widest(rows.iter().map(|(key, _)| *key));
    let line = |(key, details): &(&str, Vec<Detail>)| {
        let unusual = details.iter().filter(|detail| detail.says != detail.usual);
        let said: Vec<_> =
            unusual.map(|Detail { what, says, .. }| format!("{what} {says}")).collect();
        format!("{GAP}{}{GAP}{}\n", padded(key, width), said.join("; "))
    };
    match rows {
        [] => String::new(),
        rows => format!("\n{head}\n\n{}", rows.iter().map(line).collect::<String>()),
    }
}

/// The permissions of a category together, categories in the order in which they first appear.
fn in_order(model: &Model) -> Vec<(PermissionIx, &Permission)> {
    let mut categories: Vec<&str> = Vec::new();
    for permission in &model.permissions {
        if !categories.contains(&&*permission.category) {
            categories.push(&permission.category);
        }
    }
    let mut rows: Vec<_> = (0..).map(PermissionIx).zip(&model.permissions).collect();
    rows.sort_by_key(|(_, one)| categories.iter().position(|known| **known == *one.category));
    rows
}

struct Table<'m> {
    model: &'m Model,
    key_width: usize,
    /// One for each role.
    widths: Vec<usize>,
    notes: Vec<String>,
}

impl<'m> Table<'m> {
    fn new(model: &'m Model) -> Self {
        let mut table = Self {
            model,
            key_width: widest(model.permissions.iter().map(|one| one.key.as_str())),
            widths: Vec::new(),
            notes: Vec::new(),
        };
        table.widths = model.roles.iter().map(|role| widest([role.key.as_str(), YES])).collect();
        // In the order of the rows, so that the notes are numbered from top to bottom.
        for (ix, _) in in_order(model) {
            let cells = table.cells(ix);
            for (width, cell) in table.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        table
    }

    /// The column heads: the keys of the roles, which is what commands take.
    fn header(&self) -> String {
        let keys = self.model.roles.iter().map(|role| role.key.as_str().to_owned()).collect();
        self.line("", keys, "")
    }

    fn row(&mut self, ix: PermissionIx, permission: &Permission) -> String {
        let cells = self.cells(ix);
        let mut title = permission.title.to_string();
        let everybody = self.model.members.everybody.contains(&ix).then_some("everybody has it");
        let remark = remark(self.model, permission);
        for remark in remark.into_iter().chain(everybody) {
            let _ = write!(title, " ({remark})");
        }
        self.line(permission.key.as_str(), cells, &title)
    }

    fn line(&self, key: &str, cells: Vec<String>, title: &str) -> String {
        let mut line = format!("{GAP}{}", padded(key, self.key_width));
        for (cell, width) in cells.iter().zip(&self.widths) {
            let _ = write!(line, "{GAP}{}", padded(cell, *width));
        }
        let _ = write!(line, "{GAP}{title}");
        format!("{}\n", line.trim_end())
    }

    /// The cells of a permission, one for each role.
    fn cells(&mut self, ix: PermissionIx) -> Vec<String> {
        let model = self.model;
        let cells = model.roles.iter().map(|role| cell(model, role, ix));
        cells.map(|cell| self.short(cell)).collect()
    }

    /// A cell, or the number of the note that says the same at length.
    fn short(&mut self, cell: String) -> String {
        if cell.chars().count() <= MAX_CELL {
            return cell;
        }
        let known = self.notes.iter().position(|note| *note == cell);
        let number = known.unwrap_or_else(|| {
            self.notes.push(cell);
            self.notes.len() - 1
        });
        format!("({})", number + 1)
    }

    fn notes(&self) -> String {
        let mut out = String::new();
        if !self.notes.is_empty() {
            out.push_str("\nNotes\n");
        }
        let width = format!("({})", self.notes.len()).len();
        for (number, note) in (1..).zip(&self.notes) {
            let _ = writeln!(out, "{GAP}{}{GAP}{note}", padded(&format!("({number})"), width));
        }
        out
    }
}

/// What holding the permission means, where it is not to have its actions.
fn remark(model: &Model, permission: &Permission) -> Option<&'static str> {
    match &permission.kind {
        PermissionKind::Grant(grants) if grants.iter().any(|grant| needs_number(model, grant)) => {
            Some("with a number that the person may present")
        }
        PermissionKind::Grant(_) => permission.role_only.then_some("through a role only"),
        PermissionKind::Restriction(_) => Some("held: unrestricted by default"),
        PermissionKind::Obligation { .. } => Some("held: needs approval"),
        PermissionKind::Routing => Some("held: can be a target"),
        PermissionKind::Channel(_) => Some("not held: no access from there"),
    }
}

/// Whether something goes out by it, and its number must be held (rulings R30).
fn needs_number(model: &Model, grant: &Grant) -> bool {
    grant.actions.iter().any(|action| model.outgoing.held.contains(action))
}

fn overlays(model: &Model) -> String {
    let mut out = String::new();
    if !model.overlays.is_empty() {
        out.push_str("\nOwnership, whatever the role\n");
    }
    let keys: Vec<_> =
        model.overlays.iter().flat_map(|overlay| overlay_rows(model, overlay)).collect();
    let width = widest(keys.iter().map(|(key, _)| key.as_str()));
    for overlay in &model.overlays {
        let reach = match overlay.of {
            OwnedKind::Faxbox => "on the owned faxbox",
            OwnedKind::Group => "on the owned group",
            OwnedKind::Account => "on the owned account and below",
        };
        let _ = writeln!(out, "\n{GAP}{}: {}, {reach}", overlay.key, overlay.title);
        for (key, title) in overlay_rows(model, overlay) {
            let _ = writeln!(out, "{GAP}{GAP}{}{GAP}{title}", padded(&key, width));
        }
    }
    out
}

fn overlay_rows(model: &Model, overlay: &Overlay) -> Vec<(String, String)> {
    let OverlayGives::Permissions(list) = &overlay.gives else {
        return vec![("everything".to_owned(), "Every action there is".to_owned())];
    };
    let held = list.iter().filter_map(|ix| model.permission_at(*ix));
    let rows: Vec<_> =
        held.map(|one| (one.key.as_str().to_owned(), one.title.to_string())).collect();
    if rows.is_empty() { vec![(NO.to_owned(), "Nothing".to_owned())] } else { rows }
}
