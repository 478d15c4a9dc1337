//! Opening a store: settings that hold, a schema that is known, and, of an SQLite file, one
//! process at a time.

mod guard;
mod server;
mod sqlite;

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use lineguard_core::port::StoreError;
use sea_orm::DatabaseConnection;

use crate::error::unavailable;
use crate::limits::Limits;
use crate::migration::{self, Schema};
use crate::sql::Sql;

pub(crate) use sqlite::Held;

/// What to do about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Open only a database whose schema is this program's.
    Existing,
    /// Make the database if there is none, and bring an older schema up to date.
    Migrate,
}

/// How to use the connections of a database server. An SQLite file has no use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Most connections of this process, 2 at least: a quarter of them write, the others read.
    pub max_connections: u32,
    /// How long to wait for a connection, making one included.
    pub acquire_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { max_connections: 16, acquire_timeout: Duration::from_secs(1) }
    }
}

/// Why a store was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The address is none that this program can open.
    Address {
        /// The address, without what may be a password.
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
    /// The schema has a step that was begun and not finished.
    HalfSchema {
        /// The step.
        step: String,
    },
    /// Another process is changing the schema.
    Migrating,
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
    /// The database does not let this program in, or there is none of this name on its server.
    Denied {
        /// What it said.
        detail: String,
    },
    /// The database gave no answer.
    Store(StoreError),
}

/// Settings that say which of several servers this is, or what it is doing now. All others are
/// somebody's choice.
const OF_THE_MOMENT: [&str; 3] = ["pg_is_in_recovery()", "transaction_read_only", "read_only"];

impl OpenError {
    /// Whether it may be over later although nobody starts this program otherwise: an outage, or a
    /// schema that `lineguard migrate` has yet to make. Everything else is a mistake, and to wait
    /// would hide it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::Locked { .. }
            | Self::OlderSchema { .. }
            | Self::HalfSchema { .. }
            | Self::Migrating
            | Self::Store(StoreError::Unavailable { .. }) => true,
            Self::Setting { name, .. } => OF_THE_MOMENT.contains(name),
            // A disk that is full or gone; what names no file, or none that may be used, is not.
            Self::File { error, .. } => !matches!(
                error.kind(),
                ErrorKind::NotFound
                    | ErrorKind::PermissionDenied
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::InvalidInput
                    | ErrorKind::InvalidData
                    | ErrorKind::InvalidFilename
            ),
            Self::Address { .. }
            | Self::Denied { .. }
            | Self::NewerSchema { .. }
            | Self::ForeignSchema
            | Self::Store(_) => false,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { url } => write!(
                f,
                "`{url}` is not the address of a store; write `sqlite:` and the path of a file, \
                 `postgres://user:password@host:port/database` or \
                 `mariadb://user:password@host:port/database`"
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
            Self::HalfSchema { step } => write!(
                f,
                "step `{step}` of the schema was begun and not finished; run `lineguard migrate`, \
                 which takes it up again"
            ),
            Self::Migrating => {
                f.write_str("another process is changing the schema; try again when it is done")
            }
            Self::ForeignSchema => f.write_str(
                "the database has tables, and none of them is of `lineguard migrate`; \
                 choose another database",
            ),
            Self::Setting { name, expected, found } => {
                write!(f, "the database keeps `{name}` at `{found}`; it must be `{expected}`")
            }
            Self::Denied { detail } => {
                write!(f, "the database does not let this program in: {detail}")
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
    /// How many of them there can be.
    pub(crate) snapshots: usize,
    /// For the feed of changes, which must not wait behind questions.
    pub(crate) feed: DatabaseConnection,
    pub(crate) limits: Limits,
    /// How many transactions may write at the same time.
    pub(crate) writers: usize,
    pub(crate) held: Held,
}

/// What [`open`] gives; a type without a name would nest too deeply for the compiler.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, OpenError>> + Send + 'a>>;

/// Opens the database of an address; see [`crate::SqlStore::open_with`].
pub(crate) fn open(url: &str, mode: OpenMode, options: OpenOptions) -> Opening<'_> {
    match url.strip_prefix("sqlite:") {
        Some(path) => Box::pin(sqlite::open(url, path, mode)),
        None => Box::pin(server::open(url, mode, options)),
    }
}

/// The error of an address that cannot be opened.
fn bad_address(url: &str) -> OpenError {
    OpenError::Address { url: redacted(url) }
}

/// An address without what may be a password: nothing between its scheme and the last `@`, and no
/// parameters.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // No address at all; then the part before an `@` is hidden too.
        return url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| hidden(rest));
    };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://{}", hidden(place)),
        None if scheme == "sqlite" => url.to_owned(),
        None => format!("{scheme}://{}", without_parameters(rest)),
    }
}

fn hidden(place: &str) -> String {
    format!("***@{}", without_parameters(place))
}

fn without_parameters(place: &str) -> &str {
    place.split(['?', '#']).next().unwrap_or_default()
}

/// A setting that safety depends on.
struct Setting {
    /// Its name.
    name: &'static str,
    /// The statement that reads it, as text.
    query: &'static str,
    /// Whether it is safe.
    safe: fn(&str) -> bool,
    /// What it must be, for people.
    expected: &'static str,
}

async fn check_settings(db: &DatabaseConnection, settings: &[Setting]) -> Result<(), OpenError> {
    for setting in settings {
        let row = Sql::new(setting.query).one(db).await?;
        let found = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0));
        let found: String = found.map_err(unavailable)?;
        if !(setting.safe)(&found) {
            let (name, expected) = (setting.name, setting.expected);
            return Err(OpenError::Setting { name, expected, found });
        }
    }
    Ok(())
}

/// Checks the schema, and brings it up to date if that is asked for. `db` has one connection, or
/// is the only one that may change the schema for some other reason.
async fn check_schema(db: &DatabaseConnection, mode: OpenMode) -> Result<(), OpenError> {
    match (migration::inspect(db).await?, mode) {
        (Schema::Current, _) => Ok(()),
        (Schema::Empty | Schema::Older(_) | Schema::Half(_), OpenMode::Migrate) => {
            Ok(migration::migrate(db).await?)
        }
        (Schema::Empty, OpenMode::Existing) => {
            Err(OpenError::OlderSchema { missing: vec!["all".to_owned()] })
        }
        (Schema::Older(missing), OpenMode::Existing) => Err(OpenError::OlderSchema { missing }),
        (Schema::Half(step), OpenMode::Existing) => Err(OpenError::HalfSchema { step }),
        (Schema::Newer(unknown), _) => Err(OpenError::NewerSchema { unknown }),
        (Schema::Foreign, _) => Err(OpenError::ForeignSchema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_waited_for_and_what_is_a_mistake_is_told() {
        let file = |kind: ErrorKind| OpenError::File { path: "x.db".into(), error: kind.into() };
        let setting = |name| OpenError::Setting { name, expected: "on", found: "off".to_owned() };
        let unavailable = StoreError::Unavailable { detail: String::new() };
        for outage in [
            OpenError::Missing { path: "x.db".into() },
            OpenError::Locked { lock: "x.db.lock".into() },
            OpenError::OlderSchema { missing: Vec::new() },
            OpenError::HalfSchema { step: String::new() },
            OpenError::Migrating,
            OpenError::Store(unavailable),
            file(ErrorKind::StorageFull),
            setting("pg_is_in_recovery()"),
            setting("transaction_read_only"),
            setting("read_only"),
        ] {
            assert!(outage.may_pass(), "{outage}");
        }
        let corrupt = StoreError::Corrupt { table: "t", column: "c", row: String::new() };
        for mistake in [
            OpenError::Address { url: "x".into() },
            OpenError::Denied { detail: String::new() },
            OpenError::NewerSchema { unknown: Vec::new() },
            OpenError::ForeignSchema,
            OpenError::Store(corrupt),
            file(ErrorKind::NotFound),
            file(ErrorKind::PermissionDenied),
            setting("fsync"),
            setting("synchronous_commit"),
            setting("innodb_doublewrite"),
        ] {
            assert!(!mistake.may_pass(), "{mistake}");
        }
        for setting in OF_THE_MOMENT {
            assert!(server::names().any(|name| name == setting), "{setting}");
        }
    }

    #[test]
    fn an_address_in_an_error_has_no_password() {
        for (url, shown) in [
            ("x.db", "x.db"),
            ("sqlite://a@b.db", "sqlite://***@b.db"),
            ("postgres://host/db", "postgres://host/db"),
            ("postgres://user:secret@host:1/db?password=secret", "postgres://***@host:1/db"),
            ("postgres://host/db?password=secret", "postgres://host/db"),
            ("postgress://user:se/cr?et@host/db", "postgress://***@host/db"),
            ("mysql://user:se@cret@host/db#secret", "mysql://***@host/db"),
            ("user:secret@host/db", "***@host/db"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
