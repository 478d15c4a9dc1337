//! A database server: PostgreSQL, MariaDB, or MySQL, which is expected to work.
//!
//! Readers and writers have connections of their own, each set up once for all its transactions.
//! A reading transaction sees one snapshot. A writing one sees what was committed last, and locks
//! its tenant before it reads anything else.

use std::time::Duration;

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _, Executor as _};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr};

use super::guard::{END, END_ON_MARIADB, guarded, timed_out};
use super::{
    Held, OpenError, OpenMode, OpenOptions, Opened, Setting, bad_address, check_schema,
    check_settings,
};
use crate::error::unavailable;
use crate::limits::{LEAST_PACKET, Limits};
use crate::migration::{self, Schema};
use crate::sql::Sql;

/// Connections are made anew after this time, so that they follow names and rights that changed.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Connections for the feed of changes, beside those that the options count: one for the poll, one
/// for writers that wait.
const FEED: u32 = 2;

/// Statements kept prepared on each connection.
const PREPARED: usize = 256;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Reads,
    Writes,
    Migrates,
}

impl Role {
    /// What is said first on a connection to PostgreSQL. Time limits end what a process that was
    /// stopped has left behind; callers have deadlines of their own, which are shorter. Every read
    /// is made of seeks in the order that is written: what a recursion gives cannot be estimated,
    /// and PostgreSQL would rather read a whole table.
    const fn postgres(self) -> &'static str {
        match self {
            Self::Reads => {
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
                 SET statement_timeout = '30s'; \
                 SET idle_in_transaction_session_timeout = '10min'; \
                 SET jit = off; SET enable_seqscan = off; \
                 SET enable_bitmapscan = off; SET enable_material = off; \
                 SET enable_hashjoin = off; SET enable_mergejoin = off; \
                 SET join_collapse_limit = 1; SET from_collapse_limit = 1"
            }
            Self::Writes => {
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                 SET lock_timeout = '60s'; \
                 SET idle_in_transaction_session_timeout = '60s'; \
                 SET jit = off"
            }
            Self::Migrates => "SET lock_timeout = '60s'",
        }
    }

    /// The same for MariaDB; what stands in comments is read by MariaDB (`M!`) or MySQL alone.
    const fn mariadb(self) -> [&'static str; 2] {
        match self {
            Self::Reads => [
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION' \
                 /*M!100301 , SESSION max_statement_time = 30, \
                 SESSION idle_transaction_timeout = 600 */ \
                 /*!80000 , SESSION max_execution_time = 30000 */",
            ],
            Self::Writes => [
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                 SESSION innodb_lock_wait_timeout = 60, SESSION lock_wait_timeout = 60 \
                 /*M!100301 , SESSION idle_transaction_timeout = 60 */",
            ],
            Self::Migrates => [
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                 SESSION lock_wait_timeout = 60",
            ],
        }
    }
}

/// An address that was understood.
enum Address {
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
}

impl Address {
    fn parse(url: &str) -> Result<Self, OpenError> {
        let bad = |_| bad_address(url);
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => {
                let options: PgConnectOptions = url.parse().map_err(bad)?;
                Ok(Self::Postgres(
                    options.statement_cache_capacity(PREPARED).disable_statement_logging(),
                ))
            }
            Some(("mysql" | "mariadb", rest)) => {
                let options: MySqlConnectOptions =
                    format!("mysql://{rest}").parse().map_err(bad)?;
                if options.get_database().is_none() {
                    return Err(bad_address(url));
                }
                Ok(Self::MySql(
                    options.statement_cache_capacity(PREPARED).disable_statement_logging(),
                ))
            }
            _ => Err(bad_address(url)),
        }
    }

    /// Makes one connection, to learn why there is none: a pool only says that it waited.
    async fn reach(&self, patience: Duration) -> Result<(), OpenError> {
        let reached = async {
            match self {
                Self::Postgres(options) => options.connect().await?.close().await,
                Self::MySql(options) => options.connect().await?.close().await,
            }
        };
        let reached = tokio::time::timeout(patience, reached).await;
        let reached = reached.unwrap_or_else(|_| Err(sqlx::Error::Io(timed_out())));
        reached.map_err(|error| match denied(&error) {
            Some(detail) => OpenError::Denied { detail },
            None => {
                let error = RuntimeErr::SqlxError(std::sync::Arc::new(error));
                unavailable(DbErr::Conn(error)).into()
            }
        })
    }

    async fn connect(
        &self,
        role: Role,
        most: u32,
        patience: Duration,
    ) -> Result<DatabaseConnection, OpenError> {
        let mut options = match self {
            Self::Postgres(_) => ConnectOptions::new("postgres://"),
            Self::MySql(_) => ConnectOptions::new("mysql://localhost"),
        };
        options
            .max_connections(most)
            .min_connections(1)
            .acquire_timeout(patience)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false);
        let lifetime = (role != Role::Migrates).then_some(LIFETIME);
        match self {
            Self::Postgres(own) => {
                let own = own.clone();
                options.map_sqlx_postgres_opts(move |_| own.clone());
                options.map_sqlx_postgres_pool_opts(move |pool| {
                    guarded(pool, END, lifetime).after_connect(
                        move |connection: &mut PgConnection, _| {
                            Box::pin(async move {
                                connection.execute(role.postgres()).await?;
                                Ok(())
                            })
                        },
                    )
                });
            }
            Self::MySql(own) => {
                let own = own.clone();
                options.map_sqlx_mysql_opts(move |_| own.clone());
                options.map_sqlx_mysql_pool_opts(move |pool| {
                    guarded(pool, END_ON_MARIADB, lifetime).after_connect(
                        move |connection: &mut MySqlConnection, _| {
                            Box::pin(async move {
                                for text in role.mariadb() {
                                    connection.execute(text).await?;
                                }
                                Ok(())
                            })
                        },
                    )
                });
            }
        }
        Ok(Database::connect(options).await.map_err(unavailable)?)
    }
}

/// What a server said that knows this program, or the database that it wants, and does not let it
/// in. Whoever takes such an address for an outage waits for ever.
fn denied(error: &sqlx::Error) -> Option<String> {
    if let sqlx::Error::Configuration(error) = error {
        return Some(error.to_string());
    }
    let error = error.as_database_error()?;
    let code = error.code()?;
    // Who may not log in; no such database; the same, and who may not use it, for MariaDB, which
    // says the last for much else, but not to whoever connects.
    let known = code.starts_with("28") || matches!(&*code, "3D000" | "42000");
    known.then(|| error.message().to_owned())
}

/// Opens the database of an address.
pub(super) async fn open(
    url: &str,
    mode: OpenMode,
    options: OpenOptions,
) -> Result<Opened, OpenError> {
    let address = Address::parse(url)?;
    let patience = options.acquire_timeout;
    address.reach(patience).await?;
    let migrator = address.connect(Role::Migrates, 1, patience).await?;
    check_settings(&migrator, settings(migrator.get_database_backend())).await?;
    match mode {
        OpenMode::Existing => check_schema(&migrator, mode).await?,
        OpenMode::Migrate => migrate(&migrator).await?,
    }
    let limits = Limits::read(&migrator).await?;
    migrator.close().await.map_err(unavailable)?;
    let writers = (options.max_connections / 4).max(1);
    let readers = options.max_connections.saturating_sub(writers).max(1);
    Ok(Opened {
        snapshots: usize::try_from(readers).unwrap_or(1),
        readers: address.connect(Role::Reads, readers, patience).await?,
        feed: address.connect(Role::Reads, FEED, patience).await?,
        writer: address.connect(Role::Writes, writers, patience).await?,
        limits,
        writers: usize::try_from(writers).unwrap_or(1),
        held: Held::default(),
    })
}

/// Brings the schema up to date, one process at a time. The lock belongs to the only connection of
/// the pool, and is gone with it.
async fn migrate(db: &DatabaseConnection) -> Result<(), OpenError> {
    if migration::inspect(db).await? == Schema::Current {
        return Ok(());
    }
    lock(db).await?;
    check_schema(db, OpenMode::Migrate).await
}

async fn lock(db: &DatabaseConnection) -> Result<(), OpenError> {
    if db.get_database_backend() == DbBackend::Postgres {
        // Waits as long as `lock_timeout`. The numbers are the name of the lock: of this program,
        // and of the schema.
        let lock = Sql::new(
            "SELECT 1 FROM (SELECT pg_advisory_lock(1818844775, hashtext(current_schema()))) AS locked",
        );
        return match lock.one(db).await {
            Ok(_) => Ok(()),
            Err(error) if error.to_string().contains("lock timeout") => Err(OpenError::Migrating),
            Err(error) => Err(error.into()),
        };
    }
    let lock =
        Sql::new("SELECT GET_LOCK(CONCAT('lineguard.', SHA1(DATABASE())), 60) + 0 AS locked");
    let row = lock.one(db).await?;
    let locked = row.map_or(Ok(None), |row| row.try_get_by_index::<Option<i64>>(0));
    match locked.map_err(unavailable)? {
        Some(1) => Ok(()),
        _ => Err(OpenError::Migrating),
    }
}

/// What a server must not have been told: a commit that has returned is on the disk, and this is
/// the server that takes writes.
fn settings(backend: DbBackend) -> &'static [Setting] {
    if backend == DbBackend::Postgres { &POSTGRES } else { &MARIADB }
}

const POSTGRES: [Setting; 5] = [
    Setting {
        name: "fsync",
        query: "SELECT current_setting('fsync')",
        safe: |found| found == "on",
        expected: "on",
    },
    Setting {
        name: "full_page_writes",
        query: "SELECT current_setting('full_page_writes')",
        safe: |found| found == "on",
        expected: "on",
    },
    Setting {
        name: "synchronous_commit",
        query: "SELECT current_setting('synchronous_commit')",
        safe: |found| matches!(found, "on" | "remote_write" | "remote_apply"),
        expected: "on",
    },
    Setting {
        name: "pg_is_in_recovery()",
        query: "SELECT CAST(pg_is_in_recovery() AS text)",
        safe: |found| found == "false",
        expected: "false",
    },
    Setting {
        name: "transaction_read_only",
        query: "SELECT current_setting('transaction_read_only')",
        safe: |found| found == "off",
        expected: "off",
    },
];

const MARIADB: [Setting; 5] = [
    Setting {
        name: "innodb_flush_log_at_trx_commit",
        query: "SELECT CAST(@@innodb_flush_log_at_trx_commit AS CHAR)",
        safe: |found| found == "1",
        expected: "1",
    },
    Setting {
        name: "sync_binlog",
        query: "SELECT IF(@@log_bin, CAST(@@sync_binlog AS CHAR), 'without a log')",
        safe: |found| matches!(found, "1" | "without a log"),
        expected: "1",
    },
    Setting {
        name: "innodb_doublewrite",
        query: "SELECT CAST(@@innodb_doublewrite AS CHAR)",
        safe: |found| !matches!(found, "" | "0" | "OFF" | "DETECT_ONLY"),
        expected: "ON",
    },
    Setting {
        name: "read_only",
        query: "SELECT CAST(@@read_only AS CHAR)",
        safe: |found| matches!(found, "0" | "OFF"),
        expected: "OFF",
    },
    Setting {
        name: "max_allowed_packet",
        query: "SELECT CAST(@@max_allowed_packet AS CHAR)",
        safe: |found| found.parse::<u64>().is_ok_and(|bytes| bytes >= LEAST_PACKET),
        expected: "1048576 or more",
    },
];

/// The names of all settings.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    POSTGRES.iter().chain(&MARIADB).map(|setting| setting.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &[Setting], found: &[&str]) -> Vec<&'static str> {
        let unsafe_ones =
            settings.iter().zip(found).filter(|(setting, found)| !(setting.safe)(found));
        unsafe_ones.map(|(setting, _)| setting.name).collect()
    }

    #[test]
    fn settings_that_lose_commits_are_refused() {
        let none: [&str; 0] = [];
        assert_eq!(refused(&POSTGRES, &["on", "on", "on", "false", "off"]), none);
        assert_eq!(refused(&POSTGRES, &["on", "on", "remote_apply", "false", "off"]), none);
        for bad in ["off", "local"] {
            assert_eq!(
                refused(&POSTGRES, &["on", "on", bad, "false", "off"]),
                ["synchronous_commit"]
            );
        }
        assert_eq!(refused(&POSTGRES, &["off", "off", "off", "true", "on"]).len(), 5);
        assert_eq!(refused(&MARIADB, &["1", "without a log", "1", "0", "1048576"]), none);
        assert_eq!(refused(&MARIADB, &["1", "1", "ON", "OFF", "16777216"]), none);
        assert_eq!(refused(&MARIADB, &["2", "0", "0", "1", "1048575"]).len(), 5);
        assert_eq!(refused(&MARIADB, &["0", "1000", "OFF", "ON", ""]).len(), 5);
    }
}
