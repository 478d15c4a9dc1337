//! The models folder: product models of an operator's own, beside the built-in ones. All of it is
//! read and judged before any of it is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineguard_core::id::ModelDigest;
use lineguard_core::model::{BUILT_IN, Model, TextError};
use lineguard_core::model_test;
use lineguard_core::text::{Fields, Source, shown};
use lineguard_core::vocabulary::Vocabulary;

use crate::wire::models::MAX_MODEL_BYTES;

/// A model of the folder.
#[derive(Debug, Clone)]
pub struct FolderModel {
    /// The name of its file.
    pub file: String,
    /// The text.
    pub text: String,
    /// Its digest, by which tenants name it.
    pub digest: ModelDigest,
    /// What the text says.
    pub model: Arc<Model>,
}

/// Why nothing of a models folder is kept.
#[derive(Debug)]
pub enum FolderError {
    /// The folder or a file of it cannot be read.
    Unreadable(PathBuf, io::Error),
    /// Texts have mistakes, or do not go together: all that is wrong, each with its file.
    Mistakes(Vec<(PathBuf, TextError)>),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "models_dir: `{}`: {error}", path.display()),
            Self::Mistakes(mistakes) => {
                f.write_str("models_dir: there are mistakes, so no model of it is used")?;
                let mut each = mistakes.iter();
                each.try_for_each(|(path, error)| write!(f, "\n  {}:{error}", path.display()))
            }
        }
    }
}

impl std::error::Error for FolderError {}

/// The models of a folder, in the order of their files; none of no folder.
///
/// # Errors
///
/// [`FolderError`] if one of them cannot be read, has a mistake, fails a test of its own, or has
/// the name of a built-in model or of another file's.
pub fn read(
    folder: Option<&Path>,
    vocabulary: &Vocabulary,
) -> Result<Vec<FolderModel>, FolderError> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut models: Vec<FolderModel> = Vec::new();
    let mut mistakes = Vec::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for path in files(folder)? {
        let text = text(&path).map_err(|error| FolderError::Unreadable(path.clone(), error))?;
        let model = match model_test::check(&text, vocabulary) {
            Ok(model) => model,
            Err(errors) => {
                mistakes.extend(errors.into_iter().map(|error| (path.clone(), error)));
                continue;
            }
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = model.name.to_string();
        if BUILT_IN.iter().any(|(known, _)| *known == name) {
            let problem = format!("`name`: `{}` is the name of a built-in model", shown(&name));
            mistakes.push((path, at_name(&text, problem)));
        } else if let Some(first) = names.get(&name) {
            let problem = format!("`name`: `{}` is the name of `{first}` already", shown(&name));
            mistakes.push((path, at_name(&text, problem)));
        } else {
            names.insert(name, file.clone());
            let (digest, model) = (ModelDigest::of(&text), Arc::new(model));
            models.push(FolderModel { file, text, digest, model });
        }
    }
    if mistakes.is_empty() { Ok(models) } else { Err(FolderError::Mistakes(mistakes)) }
}

/// The model files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let unreadable = |error| FolderError::Unreadable(folder.to_owned(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_MODEL_BYTES as u64 + 1).read_to_string(&mut text)?;
    if text.len() > MAX_MODEL_BYTES {
        let problem = format!("is longer than {MAX_MODEL_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(text)
}

/// A mistake in the name that a text without other mistakes gives itself.
fn at_name(text: &str, problem: String) -> TextError {
    let place = Source::read(text).ok().and_then(|(source, table)| {
        let at = Fields::new(&source, &table, 0, &["name"]).item("name")?.at;
        Some(source.position(at))
    });
    let (line, column) = place.unwrap_or((1, 1));
    TextError { line, column, problem, suggestion: None }
}
