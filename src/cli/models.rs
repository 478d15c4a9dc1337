//! `lineguard models`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lineguard_core::id::ModelDigest;
use lineguard_core::model::render::{diff, matrix, render_diff};
use lineguard_core::model::{BUILT_IN, Model, TextError, built_in_vocabulary, parse};
use lineguard_core::{model_test, suggest};
use serde_json::json;
use tonic::Status;

use super::client::{admin, ask, failed};
use super::paint::{Paint, columns, plain};
use super::{Exit, Failure, Output, Target, note, print};
use crate::dial::Connection;
use crate::wire::models::model_info;
use crate::wire::pb;
use crate::wire::pb::admin_service_client::AdminServiceClient;

/// Check, show and compare product models. Needs no server but for `list --from-server`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say every mistake of model files, and run the tests in them
    Check(CheckModels),
    /// Print the permission matrix of a model, and all that it says besides
    Show(Show),
    /// Show what differs between two models: cells, rules and details
    Diff(Diff),
    /// List the built-in models, or those that a server has
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

/// Print the permission matrix of a model, and all that it says besides.
#[derive(Debug, Args)]
pub struct Show {
    /// Name of a built-in model, or a model file
    model: String,
}

/// Show what differs between two models: cells, rules and details.
#[derive(Debug, Args)]
pub struct Diff {
    /// Name of a built-in model, or a model file
    before: String,
    /// Name of a built-in model, or a model file
    after: String,
}

/// List the built-in models, or those that a server has.
#[derive(Debug, Args)]
pub struct List {
    /// Ask a server: its built-in models, those of its models folder with their files, and those
    /// that its tenants name
    #[arg(long)]
    from_server: bool,
    #[command(flatten)]
    target: Target,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "LINEGUARD_OUTPUT")]
    output: Output,
}

impl ModelsCommand {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, a model to be shown has mistakes, or a server gives no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Check(command) => command.run(),
            Self::Show(command) => {
                print(matrix(&load(&command.model)?, built_in_vocabulary()).trim_end())
                    .map(|()| Exit::Ok)
            }
            Self::Diff(command) => command.run(),
            Self::List(command) => command.run().await,
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

/// A model file without mistakes.
struct Good {
    file: String,
    tests: usize,
    name: String,
    digest: ModelDigest,
}

impl Good {
    fn text(&self, paint: Paint) -> String {
        let Self { file, tests, name, digest } = self;
        let (file, ok) = (plain(file), paint.good("ok"));
        format!("{file}: {ok}, {tests} tests passed, `{name}` {digest}")
    }

    fn json(&self) -> serde_json::Value {
        let Self { file, tests, name, digest } = self;
        json!({ "file": file, "tests": tests, "name": name, "digest": digest.to_string() })
    }

    /// Whether it has the name of a built-in model and another text.
    fn is_in_disguise(&self) -> bool {
        BUILT_IN
            .iter()
            .any(|(known, text)| *known == self.name && ModelDigest::of(text) != self.digest)
    }
}

impl CheckModels {
    fn run(self) -> Result<Exit, Failure> {
        let (mut mistakes, mut good) = (Vec::new(), Vec::new());
        for file in &self.files {
            match check(file)? {
                Ok(one) => good.push(one),
                Err(found) => mistakes.extend(found),
            }
        }
        let paint = Paint::of_stdout();
        if self.output == Output::Json {
            let mistakes: Vec<_> = mistakes.iter().map(Mistake::json).collect();
            let models: Vec<_> = good.iter().map(Good::json).collect();
            print(json!({ "ok": mistakes.is_empty(), "mistakes": mistakes, "models": models }))?;
        } else {
            for mistake in &mistakes {
                print(mistake.text(paint))?;
            }
            for one in &good {
                print(one.text(paint))?;
            }
        }
        for one in good.iter().filter(|one| one.is_in_disguise()) {
            let (file, name) = (plain(&one.file), &one.name);
            note(format_args!(
                "warning: {file}: `{name}` is the name of a built-in model of another text; no \
                 models folder takes it"
            ));
        }
        Ok(if mistakes.is_empty() { Exit::Ok } else { Exit::Runtime })
    }
}

/// A model file without mistakes, or all that is wrong with it.
fn check(file: &Path) -> Result<Result<Good, Vec<Mistake>>, Failure> {
    let name = file.display().to_string();
    let text = read(file)?;
    let checked = model_test::check(&text, built_in_vocabulary());
    let mistake = |error: TextError| {
        let TextError { line, column, problem, suggestion } = error;
        Mistake { file: name.clone(), line, column, problem, suggestion }
    };
    Ok(match checked {
        Ok(model) => Ok(Good {
            tests: model.tests.len(),
            name: model.name.to_string(),
            digest: ModelDigest::of(&text),
            file: name,
        }),
        Err(errors) => Err(errors.into_iter().map(mistake).collect()),
    })
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
            print("nothing differs that the models say; comments and tests are not compared")?;
        } else {
            print(render_diff(&diffs).trim_end())?;
        }
        Ok(Exit::Ok)
    }
}

impl List {
    async fn run(self) -> Result<Exit, Failure> {
        let models = if self.from_server { self.of_server().await? } else { built_in()? };
        if self.output == Output::Json {
            let one = |model: &pb::ModelInfo| {
                let file = Some(&model.file).filter(|file| !file.is_empty());
                json!({
                    "name": model.name, "title": model.title, "digest": model.digest, "file": file,
                })
            };
            print(serde_json::Value::Array(models.iter().map(one).collect()))?;
        } else {
            let row = |model: &pb::ModelInfo| {
                let pb::ModelInfo { digest, name, title, file, .. } = model;
                let cells = [name, title, digest, file].map(|cell| plain(cell));
                cells.into_iter().filter(|cell| !cell.is_empty()).collect()
            };
            print(columns(&models.iter().map(row).collect::<Vec<Vec<String>>>()))?;
        }
        Ok(Exit::Ok)
    }

    async fn of_server(&self) -> Result<Vec<pb::ModelInfo>, Failure> {
        let mut client = admin(&self.target).await?;
        listed(&mut client).await.map_err(|status| failed(&status))
    }
}

/// All models that a server lists.
pub(super) async fn listed(
    client: &mut AdminServiceClient<Connection>,
) -> Result<Vec<pb::ModelInfo>, Status> {
    let mut models = Vec::new();
    let mut question = pb::ListModelsRequest::default();
    loop {
        let page = client.list_models(ask(question.clone())).await?.into_inner();
        models.extend(page.models);
        if page.next_page_token.is_empty() {
            return Ok(models);
        }
        question.page_token = page.next_page_token;
    }
}

fn built_in() -> Result<Vec<pb::ModelInfo>, Failure> {
    let one = |(name, text): &(&str, &str)| Ok(model_info(ModelDigest::of(text), &load(name)?));
    BUILT_IN.iter().map(one).collect()
}
