//! Opening a store: one process at a time, settings that hold, a schema that is known.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lineguard_core::port::StoreError;
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

use crate::dialect::{self, Durability};
use crate::error::unavailable;
use crate::migration::{self, Schema};
use crate::sql::Sql;

/// Snapshots that can be read at the same time.
const READERS: u32 = 8;

/// What to do about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Open only a database whose schema is this program's.
    Existing,
    /// Make the database if there is none, and bring an older schema up to date.
    Migrate,
}

/// Why a store was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The address is none that this program can open.
    Address {
        /// The address.
        url: String,
    },
    /// There is no database.
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Another process has it open.
    Locked {
        /// The file that it holds.
        lock: PathBuf,
    },
    /// A file could not be used.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The schema lacks these steps.
    OlderSchema {
        /// The steps.
        missing: Vec<String>,
    },
    /// The schema has steps that this program does not know.
    NewerSchema {
        /// The steps.
        unknown: Vec<String>,
    },
    /// The database holds tables of something else.
    ForeignSchema,
    /// A setting that safety depends on did not take effect.
    Setting {
        /// Its name.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The database gave no answer.
    Store(StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { url } => write!(
                f,
                "`{url}` is not the address of a store; write `sqlite:` and the path of a file"
            ),
            Self::Missing { path } => write!(
                f,
                "there is no database at `{}`; `lineguard migrate` makes one",
                path.display()
            ),
            Self::Locked { lock } => {
                write!(f, "another process has the store open (it holds `{}`)", lock.display())
            }
            Self::File { path, error } => write!(f, "`{}`: {error}", path.display()),
            Self::OlderSchema { missing } => write!(
                f,
                "the schema is older than this program (missing: {}); run `lineguard migrate`",
                missing.join(", ")
            ),
            Self::NewerSchema { unknown } => write!(
                f,
                "the schema is newer than this program (unknown: {}); run the newer program, whose \
                 `lineguard migrate` made it",
                unknown.join(", ")
            ),
            Self::ForeignSchema => f.write_str(
                "the database has tables, and none of them is of `lineguard migrate`; \
                 choose another database",
            ),
            Self::Setting { name, expected, found } => {
                write!(f, "the database keeps `{name}` at `{found}`; it must be `{expected}`")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An open database: connections, and what must live as long as they do.
pub(crate) struct Opened {
    pub(crate) writer: DatabaseConnection,
    pub(crate) readers: DatabaseConnection,
    pub(crate) held: Held,
}

/// Released when the store is dropped, after its connections.
pub(crate) struct Held {
    _lock: File,
    _temporary: Option<tempfile::TempDir>,
}

/// Opens the database of an address: `sqlite:` and a path, or `sqlite::memory:` for one that is
/// gone with the process.
pub(crate) async fn open(url: &str, mode: OpenMode) -> Result<Opened, OpenError> {
    let address = || OpenError::Address { url: url.to_owned() };
    let path = url.strip_prefix("sqlite:").ok_or_else(address)?;
    if path == ":memory:" {
        return open_temporary().await;
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(address());
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
    let held = Held { _lock: lock(&path)?, _temporary: temporary };
    let writer = connect(&path, durability, true).await?;
    check_settings(&writer, durability).await?;
    check_schema(&writer, mode).await?;
    let readers = connect(&path, durability, false).await?;
    check_settings(&readers, durability).await?;
    Ok(Opened { writer, readers, held })
}

/// The one name of a file, so that two names do not give two locks.
fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |error| OpenError::File { path: path.to_owned(), error };
    if path.exists() {
        return path.canonicalize().map_err(failed);
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize().map_err(failed)?;
    let name = path.file_name().ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?;
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
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |_| {
            use sea_orm::sqlx::ConnectOptions as _;
            dialect::sqlite_options(&file, durability, writes).disable_statement_logging()
        });
    Ok(Database::connect(options).await.map_err(unavailable)?)
}

async fn check_settings(db: &DatabaseConnection, durability: Durability) -> Result<(), OpenError> {
    for setting in dialect::sqlite_settings(durability) {
        let row = Sql::new(setting.query).one(db).await?;
        let found = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0));
        let found: String = found.map_err(unavailable)?;
        if found != setting.expected {
            let (name, expected) = (setting.name, setting.expected);
            return Err(OpenError::Setting { name, expected, found });
        }
    }
    Ok(())
}

async fn check_schema(db: &DatabaseConnection, mode: OpenMode) -> Result<(), OpenError> {
    match (migration::inspect(db).await?, mode) {
        (Schema::Current, _) => Ok(()),
        (Schema::Empty | Schema::Older(_), OpenMode::Migrate) => Ok(migration::migrate(db).await?),
        (Schema::Empty, OpenMode::Existing) => {
            Err(OpenError::OlderSchema { missing: vec!["all".to_owned()] })
        }
        (Schema::Older(missing), OpenMode::Existing) => Err(OpenError::OlderSchema { missing }),
        (Schema::Newer(unknown), _) => Err(OpenError::NewerSchema { unknown }),
        (Schema::Foreign, _) => Err(OpenError::ForeignSchema),
    }
}
