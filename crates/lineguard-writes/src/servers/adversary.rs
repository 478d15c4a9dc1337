//! Somebody else on the same server: kills connections, holds what a write needs, and wants what a
//! write holds.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement,
};
use tokio::time::sleep;

use super::private::Kind;
use crate::failure::{Doing, Failure, Result};

/// A connection past the link.
pub async fn connect(url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).min_connections(1).sqlx_logging(false);
    // No connection gets old: the task that would look after that can go on without end.
    options.idle_timeout(None).max_lifetime(None);
    let mut last = None;
    for _ in 0..100 {
        match Database::connect(options.clone()).await {
            Ok(db) => return Ok(db),
            Err(error) => last = Some(error),
        }
        sleep(Duration::from_millis(100)).await;
    }
    let last = last.map_or(String::new(), |error| error.to_string());
    Err(Failure(format!("a connection of our own: {last}")))
}

/// One number.
pub async fn number(db: &DatabaseConnection, text: &str) -> Result<i64> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), text)).await;
    let row = row.doing(text)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).doing(text)
}

async fn numbers(db: &DatabaseConnection, text: &str) -> Result<Vec<i64>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), text)).await;
    let number = |row: sea_orm::QueryResult| row.try_get_by_index::<i64>(0).doing(text);
    rows.doing(text)?.into_iter().map(number).collect()
}

/// Transactions of others that are open.
const fn open_transactions(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            "SELECT CAST(pid AS bigint) FROM pg_stat_activity WHERE usename = current_user \
             AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        }
        Kind::MariaDb => {
            "SELECT CAST(trx_mysql_thread_id AS SIGNED) FROM information_schema.innodb_trx \
             WHERE trx_mysql_thread_id NOT IN (0, CONNECTION_ID())"
        }
    }
}

const fn connections(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            "SELECT CAST(pid AS bigint) FROM pg_stat_activity WHERE usename = current_user \
             AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
             AND application_name <> 'adversary'"
        }
        Kind::MariaDb => {
            "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
             WHERE user = 'lineguard' AND id NOT IN (SELECT id FROM first.spared)"
        }
    }
}

/// Ends connections of others: all, or those with a transaction.
pub async fn end_others(db: &DatabaseConnection, kind: Kind, all: bool) -> Result<()> {
    if kind == Kind::MariaDb && !all {
        sleep(STALE).await;
    }
    let these = if all { connections(kind) } else { open_transactions(kind) };
    for id in numbers(db, these).await? {
        let end = match kind {
            Kind::Postgres => format!("SELECT pg_terminate_backend({id})"),
            Kind::MariaDb => format!("KILL {id}"),
        };
        // It may be gone by now.
        let _ = db.execute_unprepared(&end).await;
    }
    Ok(())
}

/// How long MariaDB shows the same transactions again to whoever asks more often.
const STALE: Duration = Duration::from_millis(120);

/// Waits until no transaction of others is open: what is unknown is decided then. `tables` are all
/// tables: those of MariaDB are locked for a moment, which nobody can do before the others are done.
pub async fn settled(db: &DatabaseConnection, kind: Kind, tables: &[String]) -> Result<()> {
    if kind == Kind::MariaDb {
        let tables: Vec<String> =
            tables.iter().map(|table| format!("point.`{table}` READ")).collect();
        let lock = format!("LOCK TABLES {}", tables.join(", "));
        db.execute_unprepared(&lock).await.doing("waiting for transactions")?;
        db.execute_unprepared("UNLOCK TABLES").await.doing("unlocking")?;
        return Ok(());
    }
    for _ in 0..2_000 {
        if numbers(db, open_transactions(kind)).await?.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Err(Failure("a transaction stays open".into()))
}

/// Holds a table against everybody who writes to it, if nobody has written yet.
pub async fn hold(db: &DatabaseConnection, table: &str) -> bool {
    let text = match db.get_database_backend() {
        DbBackend::Postgres => {
            format!("BEGIN; LOCK TABLE point.\"{table}\" IN EXCLUSIVE MODE NOWAIT")
        }
        _ => format!("LOCK TABLES point.`{table}` WRITE"),
    };
    db.execute_unprepared(&text).await.is_ok()
}

/// Lets go of everything.
pub async fn let_go(db: &DatabaseConnection) {
    // Whoever waits for it sees the end of the connection otherwise.
    let _ = db.execute_unprepared("ROLLBACK").await;
    if db.get_database_backend() == DbBackend::MySql {
        let _ = db.execute_unprepared("UNLOCK TABLES").await;
    }
}

/// Locks what a write is about to lock, and when it waits, wants what it holds: its tenant.
pub async fn embrace(db: DatabaseConnection, watcher: DatabaseConnection, kind: Kind) {
    let waiting = match kind {
        Kind::Postgres => "SELECT count(*) FROM pg_locks WHERE NOT granted",
        Kind::MariaDb => {
            "SELECT CAST(count(*) AS SIGNED) FROM information_schema.innodb_trx \
             WHERE trx_state = 'LOCK WAIT'"
        }
    };
    for _ in 0..30 {
        if number(&watcher, waiting).await.unwrap_or(0) > 0 {
            break;
        }
        sleep(if kind == Kind::MariaDb { STALE } else { Duration::from_millis(5) }).await;
    }
    // An error here is the other outcome: this side was chosen to give up.
    let _ = db.execute_unprepared("SELECT 1 FROM point.tenant FOR UPDATE").await;
    let_go(&db).await;
}

/// The locks for [`embrace`]; false if the write has them already.
pub async fn reach_for(db: &DatabaseConnection, kind: Kind, table: &str) -> bool {
    match kind {
        Kind::Postgres => {
            let lock = format!("LOCK TABLE point.\"{table}\" IN SHARE ROW EXCLUSIVE MODE NOWAIT");
            db.execute_unprepared(&format!("BEGIN; {lock}")).await.is_ok()
        }
        Kind::MariaDb => {
            // The one with less to undo gives up: that is to be the write.
            let weight = "INSERT INTO first.weight SELECT shard FROM first.rev_shard";
            let lock = format!("SELECT 1 FROM point.`{table}` FOR UPDATE NOWAIT");
            db.execute_unprepared("BEGIN").await.is_ok()
                && db.execute_unprepared(weight).await.is_ok()
                && db.execute_unprepared(&lock).await.is_ok()
        }
    }
}
