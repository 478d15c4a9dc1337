//! Turns a fax to be registered into the row to be stored; every store registers with it.

use super::NewFax;
use super::apply::ModelSource;
use crate::port::{ApplyError, FaxRow, TenantTx};

/// The row for a new fax, with [`crate::id::Num::UNKNOWN`] as its number: the store gives it one.
/// `position` is the fax's place in its registration, for faults. Labels that the tenant has never
/// seen are inserted as plain objects.
pub async fn row(
    tx: &mut dyn TenantTx,
    models: &dyn ModelSource,
    fax: &NewFax,
    position: usize,
) -> Result<FaxRow, ApplyError> {
    let _ = (tx, models, fax, position);
    Err(ApplyError::Invalid(Vec::new()))
}

/// SHA-256 of what the caller said about a fax. A store keeps it with the fax and its tombstone:
/// the same id with the same fingerprint is a repeat, whatever became of the fax since; with
/// another one it is refused.
pub fn fingerprint(fax: &NewFax) -> [u8; 32] {
    let _ = fax;
    [0; 32]
}
