//! Differences as text for a terminal.

use std::fmt::Write;

use super::diff::{CellDiff, Side};
use super::{padded, widest};

/// The differences as text for a terminal: `-` is only in the first model, `+` only in the second,
/// `~` differs.
pub fn render_diff(diffs: &[CellDiff]) -> String {
    if diffs.is_empty() {
        return "no differences\n".to_owned();
    }
    let rows: Vec<_> = diffs.iter().map(row).collect();
    let width = widest(rows.iter().map(|(_, subject, _)| subject.as_str()));
    let mut out = String::new();
    let mut last = None;
    for (diff, (mark, subject, text)) in diffs.iter().zip(&rows) {
        let head = heading(diff);
        if last != Some(head) {
            let blank = if last.is_some() { "\n" } else { "" };
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "{blank}{head}");
            last = Some(head);
        }
        let _ = writeln!(out, "  {mark} {}  {text}", padded(subject, width));
    }
    out
}

fn heading(diff: &CellDiff) -> &'static str {
    match diff {
        CellDiff::Permission { only_in: Side::Before, .. }
        | CellDiff::Role { only_in: Side::Before, .. } => "Only before",
        CellDiff::Permission { .. } | CellDiff::Role { .. } => "Only after",
        CellDiff::Cell { .. } => "Cells",
        CellDiff::Overlay { .. } => "Ownership",
        CellDiff::Rule { .. } => "Rules",
        CellDiff::Detail { .. } => "Details",
    }
}

/// Mark, subject and text of one difference.
fn row(diff: &CellDiff) -> (char, String, String) {
    let mark = |side: &Side| if *side == Side::Before { '-' } else { '+' };
    match diff {
        CellDiff::Permission { only_in, permission, title } => {
            (mark(only_in), permission.to_string(), title.to_string())
        }
        CellDiff::Role { only_in, role, title } => {
            (mark(only_in), format!("role {role}"), title.to_string())
        }
        CellDiff::Cell { role, permission, before, after } => {
            ('~', format!("{role}  {permission}"), format!("{before} → {after}"))
        }
        CellDiff::Overlay { overlay, removed, added } => {
            let removed = removed.iter().map(|what| format!("-{what}"));
            let words: Vec<_> =
                removed.chain(added.iter().map(|what| format!("+{what}"))).collect();
            ('~', overlay.to_string(), words.join(" "))
        }
        CellDiff::Rule { what, before, after } => {
            ('~', what.clone(), format!("{before} → {after}"))
        }
        CellDiff::Detail { of, what, before, after } => {
            ('~', format!("{of}  {what}"), format!("{before} → {after}"))
        }
    }
}
