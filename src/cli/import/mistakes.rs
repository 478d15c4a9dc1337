//! The mistakes of world files.

use lineguard_core::model::TextError;
use serde_json::json;

use crate::cli::paint::plain;
use crate::cli::{Exit, Failure, print};
use crate::world::World;

/// One thing that is wrong with a file.
pub(super) struct Mistake {
    file: String,
    place: Option<(usize, usize)>,
    problem: String,
    suggestion: Option<String>,
}

impl Mistake {
    /// One at a place of a file.
    pub(super) fn of_text(file: &str, error: TextError) -> Self {
        let TextError { line, column, problem, suggestion } = error;
        Self { file: file.to_owned(), place: Some((line, column)), problem, suggestion }
    }

    /// One of a file as a whole.
    pub(super) fn of_file(file: &str, problem: String) -> Self {
        Self { file: file.to_owned(), place: None, problem, suggestion: None }
    }

    fn text(&self) -> String {
        let place = self.place.map(|(line, column)| format!("{line}:{column}:"));
        let near = self.suggestion.as_ref().map(|near| format!("; did you mean `{near}`?"));
        let (place, near) = (place.unwrap_or_default(), near.unwrap_or_default());
        format!("\n  {}:{place} {}{near}", plain(&self.file), self.problem)
    }

    fn json(&self) -> serde_json::Value {
        let Self { file, place, problem, suggestion } = self;
        json!({
            "file": file,
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
            "problem": problem,
            "suggestion": suggestion,
        })
    }
}

/// Nothing is applied because of mistakes.
pub(super) fn failure(mistakes: Vec<Mistake>) -> Failure {
    let told: String = mistakes.iter().map(Mistake::text).collect();
    Failure::new(format!("nothing was applied, because of these mistakes:{told}"))
}

/// What a check of files found, in the form of `models check`.
pub(super) fn print_json(read: &Result<World, Vec<Mistake>>) -> Result<Exit, Failure> {
    let (tenants, mistakes) = match read {
        Ok(world) => (world.tenants.keys().map(ToString::to_string).collect(), Vec::new()),
        Err(mistakes) => (Vec::new(), mistakes.iter().map(Mistake::json).collect()),
    };
    let ok = mistakes.is_empty();
    print(json!({ "ok": ok, "tenants": tenants, "mistakes": mistakes }))?;
    Ok(if ok { Exit::Ok } else { Exit::Runtime })
}
