//! The tests that a model text carries. Their runner reads what is inside.

use serde::Deserialize;
use toml::Spanned;

use crate::model::ModelTest;
use crate::text::{Fields, Source};

const KEYS: &[&str] = &["name", "given", "ask", "expect"];

/// Most tests of one text.
const MAX_TESTS: usize = 10_000;

pub(super) fn tests<'s>(source: &'s Source<'_>, root: &Fields<'s, '_>) -> Vec<ModelTest> {
    let tests = root.subs("test", MAX_TESTS, KEYS);
    tests.iter().filter_map(|fields| test(source, fields)).collect()
}

fn test(source: &Source<'_>, fields: &Fields<'_, '_>) -> Option<ModelTest> {
    let name = fields.title("name");
    for part in ["given", "ask", "expect"] {
        match fields.value(part) {
            None => fields.missing(part),
            Some(value) if !value.get_ref().is_table() => fields.wrong_type(part, value, "a table"),
            Some(_) => {}
        }
    }
    let table = Spanned::new(0..0, fields.table().clone());
    match toml::Table::deserialize(toml::de::Deserializer::from(table)) {
        Ok(body) => Some(ModelTest { name, line: source.position(fields.at()).0, body }),
        // Numbers are read only now, and may be too large.
        Err(error) => {
            let at = error.span().map_or(fields.at(), |span| span.start);
            source.error(at, error.message());
            None
        }
    }
}
