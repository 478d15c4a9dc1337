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

/// Whether a stored fax and a newly registered one say the same, whatever happened to the stored
/// one since: what `Store::register` calls success.
pub fn same_registration(stored: &FaxRow, new: &FaxRow) -> bool {
    let _ = (stored, new);
    false
}
