//! What became of each tenant of an import, in the words of a world file.

use lineguard_core::change::Part;
use lineguard_core::port::{ApplyError, Fault};
use serde_json::json;

use super::Upload;
use crate::cli::paint::{Paint, plain};
use crate::wire::pb;
use crate::wire::status;
use crate::world::about;

/// What became of one tenant.
pub(super) struct Done {
    pub(super) tenant: String,
    pub(super) result: Result<Imported, String>,
}

pub(super) struct Imported {
    pub(super) revision: u64,
    pub(super) changed: u64,
    pub(super) faxes: u64,
    pub(super) warnings: Vec<String>,
    pub(super) repeated: bool,
}

impl Imported {
    fn text(&self) -> String {
        let Self { revision, changed, faxes, repeated, .. } = self;
        let done = match (changed, faxes) {
            (0, 0) => "nothing to change".to_owned(),
            _ => format!("{changed} changes, {faxes} new faxes"),
        };
        // An attempt whose answer was lost.
        let before = if *repeated { ", by an earlier attempt of the same request" } else { "" };
        format!("{done}, revision {revision}{before}")
    }
}

impl Done {
    pub(super) fn text(&self, paint: Paint) -> String {
        let tenant = paint.strong(&plain(&self.tenant));
        match &self.result {
            Err(problem) => format!("{tenant}: {}\n{problem}", paint.bad("nothing applied")),
            Ok(imported) => format!("{tenant}: {}", imported.text()),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let tenant = &self.tenant;
        match &self.result {
            Err(problem) => json!({ "tenant": tenant, "error": problem }),
            Ok(Imported { revision, changed, faxes, warnings, repeated }) => json!({
                "tenant": tenant, "revision": revision, "changed": changed,
                "registered_faxes": faxes, "warnings": warnings, "repeated": repeated,
            }),
        }
    }
}

pub(super) fn texts<T>(items: Vec<T>, text: impl Fn(T) -> String) -> Vec<String> {
    items.into_iter().map(text).collect()
}

/// Why a store refused a tenant.
pub(super) fn refused(upload: &Upload, error: ApplyError) -> String {
    let named = |fault: &Fault| named(&upload.parts, fault.change, fault.field);
    let item = status::Failure::of_write(error, named).into_item_error();
    item_text(&item, |field| field.to_owned())
}

/// What a position in all changes and faxes of a tenant is about.
fn named(parts: &[Part], position: usize, field: &str) -> String {
    let mut left = position;
    for part in parts {
        if let Some(change) = part.changes.get(left) {
            return format!("{}, `{field}`", about(change));
        }
        left = left.saturating_sub(part.changes.len());
        if let Some(fax) = part.faxes.get(left) {
            return format!("fax `{}`, `{field}`", fax.fax);
        }
        left = left.saturating_sub(part.faxes.len());
    }
    format!("`{field}`")
}

pub(super) fn result(uploads: &[Upload], one: pb::ImportResult) -> Done {
    use pb::import_result::Result as Wire;
    let result = match one.result {
        Some(Wire::Imported(imported)) => Ok(Imported {
            revision: imported.revision,
            changed: imported.changed.into(),
            faxes: imported.registered_faxes.into(),
            warnings: texts(imported.warnings, |warning| warning.text),
            repeated: imported.repeated,
        }),
        Some(Wire::Error(error)) => Err(item_text(&error, |field| of_path(uploads, field))),
        None => Err("the server did not say what became of it".to_owned()),
    };
    Done { tenant: one.tenant, result }
}

fn item_text(error: &pb::ItemError, field: impl Fn(&str) -> String) -> String {
    let lines: Vec<String> = error
        .field_violations
        .iter()
        .map(|violation| {
            format!("  {}: {}", plain(&field(&violation.field)), plain(&violation.description))
        })
        .collect();
    if lines.is_empty() { format!("  {}", plain(&error.message)) } else { lines.join("\n") }
}

/// What a path as `parts[2].changes[7].set_roles.roles` is about, in the words of a world file.
fn of_path(uploads: &[Upload], path: &str) -> String {
    found(uploads, path).unwrap_or_else(|| path.to_owned())
}

fn found(uploads: &[Upload], path: &str) -> Option<String> {
    let (part, rest) = path.strip_prefix("parts[")?.split_once("].")?;
    let part = uploads.iter().flat_map(|upload| &upload.parts).nth(part.parse().ok()?)?;
    let (list, rest) = rest.split_once('[')?;
    let (index, field) = rest.split_once(']')?;
    let index: usize = index.parse().ok()?;
    let field = field.trim_start_matches('.');
    let field = field.split_once('.').map_or(field, |(_, field)| field);
    match list {
        "changes" => Some(format!("{}, `{field}`", about(part.changes.get(index)?))),
        "faxes" => Some(format!("fax `{}`, `{field}`", part.faxes.get(index)?.fax)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn a_repeated_request_is_told() {
        let imported = |repeated| Imported {
            revision: 4,
            changed: 2,
            faxes: 1,
            warnings: Vec::new(),
            repeated,
        };
        let told = |repeated| Done { tenant: "t".to_owned(), result: Ok(imported(repeated)) };
        assert_eq!(imported(false).text(), "2 changes, 1 new faxes, revision 4");
        let again = "2 changes, 1 new faxes, revision 4, by an earlier attempt of the same request";
        assert_eq!(imported(true).text(), again);
        assert_eq!(told(true).json()["repeated"], true);
        assert_eq!(told(false).json()["repeated"], false);
    }

    #[test]
    fn a_refusal_names_what_the_file_says() {
        let text = "format = 1\n[tenant]\nid = \"t\"\n[[tenant.member]]\nsubject = \"anna\"\n";
        let world = World::parse(text).unwrap();
        let steps = world.steps().remove(0);
        let upload = Upload { tenant: steps.tenant.clone(), parts: steps.into_parts(1) };
        let path = "parts[1].changes[0].add_member.roles";
        assert_eq!(of_path(&[upload], path), "member `anna` of `t`, `roles`");
        assert_eq!(of_path(&[], path), path);
    }
}
