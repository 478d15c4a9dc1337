//! `lineguard models`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lineguard_core::id::ModelDigest;
use lineguard_core::model::render::{diff, matrix, render_diff};
use lineguard_core::model::{BUILT_IN, Model, TextError, built_in_vocabulary, parse};
use lineguard_core::{model_test, suggest};
use serde_json::json;

use super::paint::{Paint, columns, plain};
use super::{Exit, Failure, Output, print};

/// Check, show and compare product models. Needs no server.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say every mistake of model files, and run the tests in them
    Check(CheckModels),
    /// Print the permission matrix of a model
    Show(Show),
    /// Show which cells differ between two models
    Diff(Diff),
    /// List the built-in models
    List(List),
}

/// Say every mistake of model files, and run the tests in them.
#[derive(Debug, Args)]
pub struct CheckModels {
    /// Model files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "LINEGUARD_OUTPUT")]
    output: Output,
}

/// Print the permission matrix of a model.
#[derive(Debug, Args)]
pub struct Show {
    /// Name of a built-in model, or a model file
    model: String,
}

/// Show which cells differ between two models.
#[derive(Debug, Args)]
pub struct Diff {
    /// Name of a built-in model, or a model file
    before: String,
    /// Name of a built-in model, or a model file
    after: String,
}

/// List the built-in models.
#[derive(Debug, Args)]
pub struct List {
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "LINEGUARD_OUTPUT")]
    output: Output,
}

impl ModelsCommand {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or a model to be shown has mistakes.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Check(command) => command.run(),
            Self::Show(command) => {
                print(matrix(&load(&command.model)?).trim_end()).map(|()| Exit::Ok)
            }
            Self::Diff(command) => command.run(),
            Self::List(command) => command.run(),
        }
    }
}

/// One thing that is wrong with a model file.
struct Mistake {
    file: String,
    line: usize,
    column: usize,
    problem: String,
    suggestion: Option<String>,
}

impl Mistake {
    fn text(&self, paint: Paint) -> String {
        let Self { file, line, column, problem, suggestion } = self;
        let near = suggestion.as_ref().map(|near| format!("; did you mean `{near}`?"));
        let place = paint.strong(&format!("{}:{line}:{column}:", plain(file)));
        format!("{place} {}{}", plain(problem), near.unwrap_or_default())
    }

    fn json(&self) -> serde_json::Value {
        let Self { file, line, column, problem, suggestion } = self;
        json!({
            "file": file, "line": line, "column": column, "problem": problem,
            "suggestion": suggestion,
        })
    }
}

impl CheckModels {
    fn run(self) -> Result<Exit, Failure> {
        let (mut mistakes, mut good) = (Vec::new(), Vec::new());
        for file in &self.files {
            match check(file)? {
                Ok(tests) => good.push((file.display().to_string(), tests)),
                Err(found) => mistakes.extend(found),
            }
        }
        let paint = Paint::of_stdout();
        if self.output == Output::Json {
            let mistakes: Vec<_> = mistakes.iter().map(Mistake::json).collect();
            print(json!({ "ok": mistakes.is_empty(), "mistakes": mistakes }))?;
        } else {
            for mistake in &mistakes {
                print(mistake.text(paint))?;
            }
            for (file, tests) in &good {
                print(format_args!("{}: {}, {tests} tests passed", plain(file), paint.good("ok")))?;
            }
        }
        Ok(if mistakes.is_empty() { Exit::Ok } else { Exit::Runtime })
    }
}

/// How many tests of a model passed, or all that is wrong with it.
fn check(file: &Path) -> Result<Result<usize, Vec<Mistake>>, Failure> {
    let name = file.display().to_string();
    let text = read(file)?;
    let checked = model_test::check(&text, built_in_vocabulary());
    let mistake = |error: TextError| {
        let TextError { line, column, problem, suggestion } = error;
        Mistake { file: name.clone(), line, column, problem, suggestion }
    };
    Ok(checked
        .map(|model| model.tests.len())
        .map_err(|errors| errors.into_iter().map(mistake).collect()))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(format_args!("`{}`: {error}", file.display())))
}

/// A model by the name of a built-in one, or from a file.
fn load(name: &str) -> Result<Model, Failure> {
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let text = match built_in {
        Some((_, text)) => (*text).to_owned(),
        None if Path::new(name).exists() => read(Path::new(name))?,
        None => {
            let names = BUILT_IN.iter().map(|(known, _)| *known);
            let near = suggest::nearest(name, names);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let text = format!("`{}` is neither a built-in model nor a file{near}", plain(name));
            return Err(Failure::with(Exit::Usage, text));
        }
    };
    parse(&text, built_in_vocabulary()).map_err(|errors| {
        let lines = errors.iter().map(|error| format!("\n  {}:{error}", plain(name)));
        Failure::new(format_args!("the model has mistakes{}", lines.collect::<String>()))
    })
}

impl Diff {
    fn run(self) -> Result<Exit, Failure> {
        let (before, after) = (load(&self.before)?, load(&self.after)?);
        let diffs = diff(&before, &after, built_in_vocabulary());
        if diffs.is_empty() {
            print("no cell differs")?;
        } else {
            print(render_diff(&diffs).trim_end())?;
        }
        Ok(Exit::Ok)
    }
}

impl List {
    fn run(self) -> Result<Exit, Failure> {
        let mut rows = Vec::new();
        for (name, text) in BUILT_IN {
            let model = load(name)?;
            let digest = ModelDigest::of(text).to_string();
            rows.push(vec![(*name).to_owned(), model.title.to_string(), digest]);
        }
        if self.output == Output::Json {
            let one = |row: &Vec<String>| json!({ "name": row.first(), "title": row.get(1), "digest": row.get(2) });
            print(serde_json::Value::Array(rows.iter().map(one).collect()))?;
        } else {
            print(columns(&rows))?;
        }
        Ok(Exit::Ok)
    }
}
