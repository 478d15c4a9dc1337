//! What every pool of connections is held to, whatever the database.

use std::time::Duration;

use sea_orm::sqlx::{self, Connection as _, Database as Kind, Executor as _};

/// A connection that was idle for longer is tried before it is used: its server may be gone.
const TRIED_AFTER: Duration = Duration::from_millis(500);

/// How long a connection may take to answer when it is given back. One whose caller gave up may
/// never answer, and holds its place in the pool until it is known to be dead.
const RELEASE: Duration = Duration::from_secs(5);

/// Ends a transaction that may be open. PostgreSQL writes a warning to its log for the end of none,
/// and SQLite calls it an error, so one is begun first; if there is one already, that is an error
/// and the connection goes.
pub(super) const END: &str = "BEGIN; ROLLBACK";

/// The same. To begin a transaction would commit the one before.
pub(super) const END_ON_MARIADB: &str = "ROLLBACK";

/// A pool that gives out no connection that is dead, in a transaction or older than its lifetime,
/// and keeps none that does not answer or whose state is not known.
///
/// Ages are looked at here, and the pool is told none: it would look after its connections in a task
/// of its own, whose loop, in sqlx up to 0.9.0, goes on without end when a connection is taken in the
/// moment in which it is given back (launchbadge/sqlx#3645). That costs a thread of the runtime, and
/// no server that has it can be stopped in order.
///
/// Two things leave such a state. The library forgets a transaction whose caller gave up while it
/// began: whatever was read on that connection from then on, the feed of changes too, would be of
/// the moment of its first statement. And a database may roll back by itself, as SQLite does when a
/// disk is full, while the library goes on counting a transaction: it would take the next one for a
/// part of it, whose commit makes nothing durable.
pub(super) fn guarded<D>(
    pool: sqlx::pool::PoolOptions<D>,
    end: &'static str,
    lifetime: Option<Duration>,
) -> sqlx::pool::PoolOptions<D>
where
    D: Kind,
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
{
    let pool = pool.idle_timeout(None).max_lifetime(None);
    pool.before_acquire(move |connection, state| {
        Box::pin(async move {
            if lifetime.is_some_and(|lifetime| state.age > lifetime) {
                return Ok(false);
            }
            if state.idle_for <= TRIED_AFTER {
                return Ok(true);
            }
            // Every server cuts what is idle sooner or later. An error here would be a warning of
            // the library's, one for each connection.
            let ended = connection.ping().await.err();
            if let Some(error) = &ended {
                tracing::debug!(%error, "a connection that was idle has ended");
            }
            Ok(ended.is_none())
        })
    })
    .after_release(move |connection, _| {
        Box::pin(async move {
            match tokio::time::timeout(RELEASE, connection.execute(end)).await {
                // Asked only now: what was rolled back on the way here is over by then.
                Ok(Ok(_)) => Ok(!connection.is_in_transaction()),
                // Whoever used it has the same error, or has gone away on purpose.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection is not used again");
                    Ok(false)
                }
                // It must not be asked for an orderly end, which it would not answer either.
                Err(_) => Err(sqlx::Error::Io(timed_out())),
            }
        })
    })
}

/// The error of a database that did not answer.
pub(super) fn timed_out() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the database did not answer in time")
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn a_connection_past_its_lifetime_is_not_used_and_no_task_looks_for_it() {
        let hour = Duration::from_secs(60 * 60);
        for (lifetime, stays) in [(None, true), (Some(hour), true), (Some(Duration::ZERO), false)] {
            let pool = guarded(SqlitePoolOptions::new().max_connections(1), END, lifetime);
            assert_eq!((pool.get_max_lifetime(), pool.get_idle_timeout()), (None, None));
            let pool = pool.connect("sqlite::memory:").await.unwrap();
            pool.execute("CREATE TEMP TABLE mark (one)").await.unwrap();
            let marked = pool.execute("SELECT one FROM mark").await.is_ok();
            assert_eq!(marked, stays, "{lifetime:?}");
        }
    }
}
