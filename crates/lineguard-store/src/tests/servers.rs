//! What only a database server can do: serve several processes, go away, and come back.

use std::time::Duration;

use lineguard_core::id::Revision;
use tokio::net::TcpListener;

use super::*;
use crate::session::Session;
use crate::{Chain, OpenError, OpenOptions};

lineguard_testkit::on_one_database! { postgres, Postgres,
    a_schema_is_made_once_by_all_who_migrate,
    a_schema_that_is_not_ours_is_refused,
    a_lost_connection_is_replaced,
    readers_cannot_write,
    a_write_waits_for_no_other_tenant,
    more_readers_than_connections_all_get_their_turn,
    an_error_does_not_tell_the_password,
    a_server_that_does_not_answer_is_given_up,
    a_session_that_may_lose_commits_is_refused
}
lineguard_testkit::on_one_database! { mariadb, MariaDb,
    a_schema_is_made_once_by_all_who_migrate,
    a_schema_that_is_not_ours_is_refused,
    a_step_that_was_left_half_done_is_taken_up_again,
    a_lost_connection_is_replaced,
    readers_cannot_write,
    a_write_waits_for_no_other_tenant,
    more_readers_than_connections_all_get_their_turn,
    an_error_does_not_tell_the_password,
    a_server_that_does_not_answer_is_given_up
}

fn label(id: &'static str) -> [Op; 1] {
    [Op::Insert(ObjectKind::Label, 0, id, None)]
}

async fn refusal(url: &str, mode: OpenMode) -> OpenError {
    match SqlStore::open(url, mode).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

async fn a_schema_is_made_once_by_all_who_migrate(on: &Databases) {
    let url = on.fresh().await;
    let missing = refusal(&url, OpenMode::Existing).await;
    assert!(matches!(missing, OpenError::OlderSchema { .. }), "{missing}");
    let all: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { SqlStore::open(&url, OpenMode::Migrate).await })
        })
        .collect();
    for (process, store) in all.into_iter().enumerate() {
        let store = store.await.unwrap().unwrap();
        apply(&store, "t", &format!("r{process}"), &[]).await.unwrap();
        store.close().await.unwrap();
    }
    let store = SqlStore::open(&url, OpenMode::Existing).await.unwrap();
    assert_eq!(store.tenants(Num(0), 9).await.unwrap().len(), 1);
}

async fn a_schema_that_is_not_ours_is_refused(on: &Databases) {
    let url = on.fresh().await;
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    tamper(&store, "INSERT INTO seaql_migrations VALUES ('m9998_more_expand', 1)").await;
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        SqlStore::open(&url, mode).await.expect("it only has more").close().await.unwrap();
    }
    tamper(&store, "INSERT INTO seaql_migrations VALUES ('m9999_future', 1)").await;
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        let error = refusal(&url, mode).await;
        assert!(matches!(error, OpenError::NewerSchema { .. }), "{error}");
    }
    tamper(&store, "DELETE FROM seaql_migrations WHERE version = 'm9999_future'").await;
    tamper(&store, "DELETE FROM seaql_migrations WHERE version LIKE 'm0003%'").await;
    let error = refusal(&url, OpenMode::Existing).await;
    assert!(matches!(&error, OpenError::OlderSchema { missing } if *missing == ["m0003_changes"]));
    tamper(&store, "DROP TABLE seaql_migrations").await;
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        let error = refusal(&url, mode).await;
        assert!(matches!(error, OpenError::ForeignSchema), "{error}");
    }
}

async fn a_step_that_was_left_half_done_is_taken_up_again(on: &Databases) {
    let url = on.fresh().await;
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    apply(&store, "t", "r", &label("a")).await.unwrap();
    register(&store, "t", &[]).await;
    // The second step, of which half the indexes were made and nothing after them.
    tamper(&store, "DROP TABLE fax_gone").await;
    tamper(&store, "DROP INDEX fax_by_creator ON fax").await;
    tamper(&store, "DELETE FROM seaql_migrations WHERE version = 'm0002_faxes'").await;
    tamper(&store, "INSERT INTO schema_begun VALUES ('m0002_faxes')").await;
    let error = refusal(&url, OpenMode::Existing).await;
    assert!(matches!(&error, OpenError::HalfSchema { step } if step == "m0002_faxes"), "{error}");
    assert!(error.to_string().contains("lineguard migrate"));
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    let indexes = Sql::new(
        "SELECT COUNT(DISTINCT index_name) FROM information_schema.statistics \
         WHERE table_schema = database() AND table_name = 'fax'",
    );
    let indexes = indexes.one(&store.readers).await.unwrap().unwrap();
    assert_eq!(indexes.try_get_by_index::<i64>(0).unwrap(), 8);
    let store = SqlStore::open(&url, OpenMode::Existing).await.unwrap();
    let chain = store.verify_chain(&tenant_id("t")).await.unwrap().unwrap();
    assert!(matches!(chain, Chain::Intact { revision: Revision(1), .. }));
}

async fn a_lost_connection_is_replaced(on: &Databases) {
    let url = on.fresh().await;
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    apply(&store, "t", "r", &label("a")).await.unwrap();
    for connections in [&store.readers, store.writer.connection()] {
        let own = match on.kind {
            Kind::Postgres => "SELECT CAST(pg_backend_pid() AS bigint)",
            _ => "SELECT CAST(CONNECTION_ID() AS SIGNED)",
        };
        let row = Sql::new(own).one(connections).await.unwrap().unwrap();
        let own: i64 = row.try_get_by_index(0).unwrap();
        let end = match on.kind {
            Kind::Postgres => format!("SELECT pg_terminate_backend({own})"),
            _ => format!("KILL {own}"),
        };
        on.on_server(&end).await;
    }
    // What is told of the end may fail once on each; then there are new ones.
    let mut reads = 0;
    while store.snapshot(&tenant_id("t")).await.is_err() {
        reads += 1;
        assert!(reads < 3);
    }
    let mut tries = 0;
    while apply(&store, "t", "r2", &label("b")).await.is_err() {
        tries += 1;
        assert!(tries < 3);
    }
}

async fn readers_cannot_write(on: &Databases) {
    let store = fresh(on).await;
    let write = Sql::new("DELETE FROM tenant");
    let tx = crate::sql::Tx::new(
        sea_orm::TransactionTrait::begin(&store.readers).await.unwrap(),
        store.writer.limits(),
        &None,
    );
    let error = tx.run(write).await.unwrap_err().to_string().to_lowercase();
    assert!(error.contains("read-only") || error.contains("read only"), "{error}");
}

async fn a_write_waits_for_no_other_tenant(on: &Databases) {
    let store = std::sync::Arc::new(fresh(on).await);
    for tenant in ["a", "b"] {
        apply(&store, tenant, "r1", &label("l")).await.unwrap();
    }
    let turn = store.writer.turn().await;
    let tx = store.writer.begin(&turn).await.unwrap();
    let held = Session::open(tx, &tenant_id("a")).await.unwrap().ok().unwrap();
    // More of them than there are connections, and all of the tenant that is held.
    let waiting: Vec<_> = ["w0", "w1", "w2", "w3", "w4", "w5"]
        .into_iter()
        .map(|id| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move { apply(&store, "a", id, &label(id)).await })
        })
        .collect();
    for request in ["r2", "r3", "r4"] {
        tokio::task::yield_now().await;
        apply(&store, "b", request, &[]).await.unwrap();
    }
    assert!(waiting.iter().all(|one| !one.is_finished()));
    held.tx.rollback().await;
    drop(turn);
    for one in waiting {
        one.await.unwrap().unwrap();
    }
}

async fn more_readers_than_connections_all_get_their_turn(on: &Databases) {
    let url = on.fresh().await;
    let options = OpenOptions { max_connections: 4, acquire_timeout: Duration::from_secs(30) };
    let store = SqlStore::open_with(&url, OpenMode::Migrate, options).await.unwrap();
    apply(&store, "t", "r", &label("a")).await.unwrap();
    let store = std::sync::Arc::new(store);
    let all: Vec<_> = (0..50)
        .map(|_| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move { find(&store, "t", ObjectKind::Label, "a").await })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap().is_some());
    }
}

/// The same address with another password, host and port.
fn elsewhere(url: &str, place: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, rest) = rest.split_once('/').unwrap();
    format!("{scheme}://lineguard:hush@{place}/{rest}")
}

async fn an_error_does_not_tell_the_password(on: &Databases) {
    let url = on.fresh().await;
    let place = url.split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    for (place, there) in
        [(place.as_str(), true), ("127.0.0.1:1", false), ("nowhere.invalid:1", false)]
    {
        let error = refusal(&elsewhere(&url, place), OpenMode::Existing).await;
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hush"), "{told}");
        // Who is not let in will not be a second later; who finds nobody may.
        assert_eq!(matches!(error, OpenError::Denied { .. }), there, "{told}");
        assert_eq!(error.may_pass(), !there, "{told}");
    }
    let missing = match url.split_once('?') {
        Some((url, _)) => format!("{url}_of_nobody"),
        None => format!("{url}_of_nobody"),
    };
    let error = refusal(&missing, OpenMode::Existing).await;
    assert!(matches!(error, OpenError::Denied { .. }), "{error}");
}

async fn a_server_that_does_not_answer_is_given_up(on: &Databases) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = silent.local_addr().unwrap().to_string();
    let url = elsewhere(&on.fresh().await, &place);
    let options = OpenOptions { max_connections: 4, acquire_timeout: Duration::from_millis(100) };
    let answer = SqlStore::open_with(&url, OpenMode::Existing, options).await;
    assert!(matches!(answer, Err(OpenError::Store(StoreError::Unavailable { .. }))));
}

async fn a_session_that_may_lose_commits_is_refused(on: &Databases) {
    let url = format!("{}%20-csynchronous_commit%3Doff", on.fresh().await);
    let error = refusal(&url, OpenMode::Migrate).await;
    assert!(
        matches!(&error, OpenError::Setting { name: "synchronous_commit", found, .. } if found == "off"),
        "{error}"
    );
}
