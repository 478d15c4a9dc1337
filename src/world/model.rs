//! The product models that world files name.

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
pub(super) fn built_in(digest: &ModelDigest) -> Option<Arc<Model>> {
    KNOWN.iter().find(|known| known.digest == *digest).and_then(|known| known.model.clone())
}

/// Names of the built-in models.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}
