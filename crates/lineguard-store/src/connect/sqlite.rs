//! An SQLite file, which one process at a time has open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr, RuntimeErr,
};

use super::guard::{END, guarded};
use super::{OpenError, OpenMode, Opened, Setting, bad_address, check_schema, check_settings};
use crate::error::unavailable;
use crate::limits::Limits;

/// Snapshots that can be read at the same time.
const READERS: u32 = 8;

/// How durable a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// A commit is on the disk.
    Full,
    /// Nothing outlives the process: for tests.
    None,
}

/// Released when the store is dropped, after its connections. Empty for a database server.
#[derive(Default)]
pub(crate) struct Held {
    _lock: Option<File>,
    _temporary: Option<tempfile::TempDir>,
}

/// Opens the file at `path`, which is what `url` says after its scheme.
pub(super) async fn open(url: &str, path: &str, mode: OpenMode) -> Result<Opened, OpenError> {
    if path == ":memory:" {
        return open_temporary().await;
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(bad_address(url));
    }
    open_file(Path::new(path), mode, Durability::Full, None).await
}

/// A database of its own in the directory for temporary files. Not truly in memory: only a file
/// lets readers and a writer work side by side.
async fn open_temporary() -> Result<Opened, OpenError> {
    let directory = tempfile::tempdir()
        .map_err(|error| OpenError::File { path: std::env::temp_dir(), error })?;
    let path = directory.path().join("lineguard.db");
    open_file(&path, OpenMode::Migrate, Durability::None, Some(directory)).await
}

async fn open_file(
    path: &Path,
    mode: OpenMode,
    durability: Durability,
    temporary: Option<tempfile::TempDir>,
) -> Result<Opened, OpenError> {
    if mode == OpenMode::Existing && !path.exists() {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let path = absolute(path)?;
    let held = Held { _lock: Some(lock(&path)?), _temporary: temporary };
    let writer = connect(&path, durability, true).await?;
    check_settings(&writer, &settings(durability)).await?;
    check_schema(&writer, mode).await?;
    // Whoever had the file open before is gone, and no writer shall wait for them.
    for table in ["confirmation", "replica"] {
        let delete = format!("DELETE FROM {table}");
        writer.execute_unprepared(&delete).await.map_err(unavailable)?;
    }
    // And nobody goes on with what they staged.
    writer.execute_unprepared("UPDATE stage SET beat = 0").await.map_err(unavailable)?;
    let readers = connect(&path, durability, false).await?;
    check_settings(&readers, &settings(durability)).await?;
    let feed = connect(&path, durability, false).await?;
    let limits = Limits::read(&writer).await?;
    Ok(Opened { writer, readers, snapshots: READERS as usize, feed, limits, writers: 1, held })
}

/// The one name of a file, so that two names do not give two locks.
fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |error| OpenError::File { path: path.to_owned(), error };
    if path.exists() {
        return path.canonicalize().map_err(failed);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize().map_err(failed)?;
    let name = path.file_name().ok_or_else(|| failed(ErrorKind::InvalidInput.into()))?;
    Ok(parent.join(name))
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let failed = |error| OpenError::File { path: lock.clone(), error };
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { lock }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

async fn connect(
    path: &Path,
    durability: Durability,
    writes: bool,
) -> Result<DatabaseConnection, OpenError> {
    let file = path.to_owned();
    // The options below name the file: as part of an address it would have to be escaped.
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .max_connections(if writes { 1 } else { READERS })
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |_| {
            use sea_orm::sqlx::ConnectOptions as _;
            file_options(&file, durability, writes).disable_statement_logging()
        })
        .map_sqlx_sqlite_pool_opts(|pool| guarded(pool, END, None));
    Database::connect(options).await.map_err(|error| match is_no_database(&error) {
        true => OpenError::File {
            path: path.to_owned(),
            error: std::io::Error::new(ErrorKind::InvalidData, "not an SQLite database"),
        },
        false => unavailable(error).into(),
    })
}

/// Whether it is SQLITE_NOTADB: the file holds something else.
fn is_no_database(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    cause.as_database_error().and_then(|error| error.code()).as_deref() == Some("26")
}

fn file_options(file: &Path, durability: Durability, writes: bool) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(writes)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::None => SqliteSynchronous::Off,
        })
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(256)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY");
    if writes { options } else { options.pragma("query_only", "ON") }
}

/// What [`file_options`] asked for and a file may have refused.
fn settings(durability: Durability) -> [Setting; 3] {
    [
        Setting {
            name: "journal_mode",
            query: "SELECT journal_mode FROM pragma_journal_mode",
            safe: |found| found == "wal",
            expected: "wal",
        },
        Setting {
            name: "synchronous",
            query: "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
            safe: match durability {
                Durability::Full => |found| found == "2",
                Durability::None => |found| found == "0",
            },
            expected: "2",
        },
        Setting {
            name: "foreign_keys",
            query: "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys",
            safe: |found| found == "1",
            expected: "1",
        },
    ]
}
