//! Errors of the database, translated once.

use lineguard_core::port::StoreError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A database that did not do what it was asked.
pub(crate) fn unavailable(error: DbErr) -> StoreError {
    StoreError::Unavailable { detail: error.to_string() }
}

/// Something the caller of a transaction must not ask for, such as an update of a missing row.
pub(crate) fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::Unavailable { detail: detail.into() }
}

/// Whether a row with the same key is there already.
pub(crate) fn is_repeated_key(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether a transaction failed for the sake of another one that ran at the same time, and may
/// succeed when it is tried again.
pub(crate) fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    let code = cause.as_database_error().and_then(|error| error.code());
    // `serialization_failure` and `deadlock_detected`; MariaDB has the first for both.
    matches!(code.as_deref(), Some("40001" | "40P01"))
}
