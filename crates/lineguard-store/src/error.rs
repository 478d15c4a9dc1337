//! Errors of the database, translated once.

use lineguard_core::port::StoreError;
use sea_orm::DbErr;

/// A database that did not do what it was asked.
pub(crate) fn unavailable(error: DbErr) -> StoreError {
    StoreError::Unavailable { detail: error.to_string() }
}

/// Something the caller of a transaction must not ask for, such as an update of a missing row.
pub(crate) fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::Unavailable { detail: detail.into() }
}
