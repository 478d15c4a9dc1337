//! Values as TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lineguard_core::change::OverrideValue;
use lineguard_core::id::{Key, Subject, SubjectKind};
use lineguard_core::model::ScopeKind;

/// A subject as a world file writes it: a user by the bare id, unless that would read as something
/// else.
pub(in crate::world) fn subject_text(subject: &Subject) -> String {
    let id = subject.id();
    let prefixes = ["user:", "service:", "group:"];
    let bare =
        subject.kind == SubjectKind::User && !prefixes.iter().any(|prefix| id.starts_with(prefix));
    if bare { id.to_owned() } else { subject.qualified() }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

pub(super) fn keys(keys: &[Key]) -> String {
    list(keys.iter().map(|key| key.as_str().to_owned()))
}

pub(super) fn subjects(subjects: &BTreeSet<Subject>) -> String {
    list(subjects.iter().map(subject_text))
}

/// An inline table with `true` or `false` by key.
pub(super) fn switches(map: &BTreeMap<Key, bool>) -> String {
    let pairs: Vec<String> =
        map.iter().map(|(key, on)| format!("{} = {on}", quoted(key.as_str()))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

pub(super) fn overrides(overrides: &BTreeMap<Key, OverrideValue>) -> String {
    let one = |(permission, value): (&Key, &OverrideValue)| {
        let value = match value {
            OverrideValue::Unset => return None,
            OverrideValue::Off => quoted("off"),
            OverrideValue::On => quoted("on"),
            OverrideValue::Scoped(scopes) => {
                let scope = |(scope, values): (&ScopeKind, &Vec<String>)| {
                    format!("{} = {}", scope.as_str(), list(values.iter().cloned()))
                };
                let scopes: Vec<String> = scopes.iter().map(scope).collect();
                format!("{{ {} }}", scopes.join(", "))
            }
        };
        Some(format!("{} = {value}", quoted(permission.as_str())))
    };
    let all: Vec<String> = overrides.iter().filter_map(one).collect();
    format!("{{ {} }}", all.join(", "))
}
