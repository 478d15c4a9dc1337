//! Model texts, parsed once and kept by digest.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use lineguard_core::change::Change;
use lineguard_core::change::apply::ModelSource;
use lineguard_core::id::ModelDigest;
use lineguard_core::model::{self, Model};
use lineguard_core::port::StoreError;
use moka::sync::Cache;
use sea_orm::ConnectionTrait;

use crate::rows::Row;
use crate::sql::Sql;

/// Most parsed models kept; tenants share a handful of texts.
const MAX_PARSED: u64 = 256;

/// Parsed models by digest. A text never changes, so nothing is ever outdated.
pub(crate) struct Models {
    parsed: Cache<ModelDigest, Arc<Model>>,
}

impl Models {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { parsed: Cache::new(MAX_PARSED) }
    }

    /// The model of a digest.
    pub(crate) async fn get(
        &self,
        db: &impl ConnectionTrait,
        digest: ModelDigest,
    ) -> Result<Arc<Model>, StoreError> {
        if let Some(model) = self.parsed.get(&digest) {
            return Ok(model);
        }
        let unreadable = |detail| StoreError::UnreadableModel { digest, detail };
        let text = text(db, &digest).await?.ok_or_else(|| unreadable("not in the store".into()))?;
        let parsed = model::parse(&text, model::built_in_vocabulary());
        let parsed = parsed.map_err(|errors| {
            let first = errors.first().map_or("", |error| error.problem.as_str());
            unreadable(format!("{} mistakes, the first: {first}", errors.len()))
        })?;
        let parsed = Arc::new(parsed);
        self.parsed.insert(digest, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The models that changes may need: the tenant's own and those they name. One that cannot be
    /// read is left out; what that means for the changes is not for the store to say.
    pub(crate) async fn for_changes(
        &self,
        db: &impl ConnectionTrait,
        own: ModelDigest,
        changes: impl IntoIterator<Item = &Change>,
    ) -> Result<Preloaded, StoreError> {
        let named = changes.into_iter().filter_map(|change| match change {
            Change::CreateTenant { model, .. } | Change::SetModel { model } => Some(*model),
            _ => None,
        });
        let digests = BTreeSet::from_iter(std::iter::once(own).chain(named));
        self.preload(db, digests.into_iter()).await
    }

    /// These models, without those that cannot be read.
    pub(crate) async fn preload(
        &self,
        db: &impl ConnectionTrait,
        digests: impl Iterator<Item = ModelDigest> + Send,
    ) -> Result<Preloaded, StoreError> {
        let mut preloaded = Preloaded::default();
        for digest in digests {
            match self.get(db, digest).await {
                Ok(model) => drop(preloaded.models.insert(digest, model)),
                Err(error @ StoreError::UnreadableModel { .. }) => {
                    tracing::warn!(%error, "a model is left out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(preloaded)
    }
}

/// Models at hand without waiting.
#[derive(Default)]
pub(crate) struct Preloaded {
    models: HashMap<ModelDigest, Arc<Model>>,
}

impl ModelSource for Preloaded {
    fn model(&self, digest: &ModelDigest) -> Option<Arc<Model>> {
        self.models.get(digest).cloned()
    }
}

/// A model text, if the store has it and it is what its digest says.
pub(crate) async fn text(
    db: &impl ConnectionTrait,
    digest: &ModelDigest,
) -> Result<Option<String>, StoreError> {
    let query = Sql::new("SELECT content FROM model_text WHERE digest = ?").bind(digest.0.to_vec());
    let Some(row) = query.one(db).await? else {
        return Ok(None);
    };
    let text = Row::new("model_text", &row, 0).text(0, "content")?;
    if ModelDigest::of(&text) != *digest {
        let row = digest.to_string();
        return Err(StoreError::Corrupt { table: "model_text", column: "content", row });
    }
    Ok(Some(text))
}
