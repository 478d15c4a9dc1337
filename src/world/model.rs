//! The product models that world files name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use lineguard_core::id::ModelDigest;
use lineguard_core::model::{BUILT_IN, Model, STANDARD, built_in_vocabulary, parse};

struct Known {
    name: &'static str,
    text: &'static str,
    digest: ModelDigest,
    model: Option<Arc<Model>>,
}

/// The models that come with the program, each parsed once.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |(name, text): &(&'static str, &'static str)| Known {
        name,
        text,
        digest: ModelDigest::of(text),
        model: parse(text, built_in_vocabulary()).ok().map(Arc::new),
    };
    BUILT_IN.iter().map(known).collect()
});

/// The model of a new tenant that names none.
pub fn default_model() -> ModelDigest {
    built_in_digest(STANDARD).unwrap_or_else(|| ModelDigest::of(""))
}

/// Digest of the built-in model of this name.
pub fn built_in_digest(name: &str) -> Option<ModelDigest> {
    KNOWN.iter().find(|known| known.name == name).map(|known| known.digest)
}

/// Name of the built-in model of this digest.
pub fn name_of_model(digest: &ModelDigest) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.digest == *digest).map(|known| known.name)
}

/// Text of the built-in model of this digest.
pub fn built_in_text(digest: &ModelDigest) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.digest == *digest).map(|known| known.text)
}

/// The built-in model of this digest.
fn built_in(digest: &ModelDigest) -> Option<Arc<Model>> {
    KNOWN.iter().find(|known| known.digest == *digest).and_then(|known| known.model.clone())
}

/// What world files may call a model besides the built-in ones, whose names nobody else has.
#[derive(Debug, Default)]
pub struct ModelNames {
    known: BTreeMap<String, (ModelDigest, Option<Arc<Model>>)>,
    unknown: RefCell<BTreeSet<String>>,
}

impl ModelNames {
    /// Adds a name. Where the model is not at hand, only the server knows its words.
    pub fn add(&mut self, name: &str, digest: ModelDigest, model: Option<Arc<Model>>) {
        self.known.insert(name.to_owned(), (digest, model));
    }

    /// Whether a file that was read named a model that is none of these.
    pub fn any_unknown(&self) -> bool {
        !self.unknown.borrow().is_empty()
    }

    /// The model of a name or a digest, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<(ModelDigest, Option<Arc<Model>>)> {
        if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
            return Some((known.digest, known.model.clone()));
        }
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        if let Some(digest) = ModelDigest::from_hex(name) {
            let here = || self.known.values().find(|(known, _)| *known == digest)?.1.clone();
            return Some((digest, built_in(&digest).or_else(here)));
        }
        self.unknown.borrow_mut().insert(name.to_owned());
        None
    }

    /// All names.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        BUILT_IN.iter().map(|(name, _)| *name).chain(self.known.keys().map(String::as_str))
    }
}
