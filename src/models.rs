//! Parsed product models, by digest. A text is immutable, so an entry is never stale.

pub mod folder;

use std::sync::Arc;

use lineguard_core::change::apply::ModelSource;
use lineguard_core::id::ModelDigest;
use lineguard_core::model::{self, Model};
use lineguard_core::port::{Store, StoreError};
use lineguard_core::vocabulary::Vocabulary;
use moka::sync::Cache;

/// How many parsed models are kept.
const MAX_MODELS: u64 = 256;

/// The models of a store, parsed once each.
#[derive(Clone)]
pub struct Models {
    store: Arc<dyn Store>,
    vocabulary: &'static Vocabulary,
    parsed: Cache<ModelDigest, Arc<Model>>,
}

impl Models {
    /// The models of this store.
    pub fn new(store: Arc<dyn Store>, vocabulary: &'static Vocabulary) -> Self {
        Self { store, vocabulary, parsed: Cache::new(MAX_MODELS) }
    }

    /// A model that has been parsed already.
    pub fn parsed(&self, digest: &ModelDigest) -> Option<Arc<Model>> {
        self.parsed.get(digest)
    }

    /// A model; an error if its text is not in the store or this server cannot read it.
    pub async fn get(&self, digest: &ModelDigest) -> Result<Arc<Model>, StoreError> {
        if let Some(model) = self.parsed.get(digest) {
            return Ok(model);
        }
        let unreadable = |detail: String| StoreError::UnreadableModel { digest: *digest, detail };
        let text = self.store.model_text(digest).await?;
        let text = text.ok_or_else(|| unreadable("its text is not in the store".into()))?;
        let model = model::parse(&text, self.vocabulary).map_err(|errors| {
            unreadable(errors.first().map_or_else(String::new, |error| error.problem.clone()))
        })?;
        let model = Arc::new(model);
        self.parsed.insert(*digest, Arc::clone(&model));
        Ok(model)
    }
}

/// A single model that has been looked up already.
pub struct OneModel(pub ModelDigest, pub Arc<Model>);

impl ModelSource for OneModel {
    fn model(&self, digest: &ModelDigest) -> Option<Arc<Model>> {
        (self.0 == *digest).then(|| Arc::clone(&self.1))
    }
}
