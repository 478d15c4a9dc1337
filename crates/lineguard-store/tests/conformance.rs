//! The behaviours that every store shows.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use lineguard_core::port::Store;
use lineguard_store::{OpenMode, SqlStore};
use lineguard_testkit::databases::{Databases, Kind};

lineguard_testkit::on_every_database![the_sql_store_conforms, writes_that_meet_end_well];

async fn the_sql_store_conforms(on: &Databases) {
    lineguard_testkit::conformance::run_all(async || {
        let store = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
        Box::new(store) as Box<dyn Store>
    })
    .await;
}

async fn writes_that_meet_end_well(on: &Databases) {
    lineguard_testkit::conformance::run_races(async || {
        let url = on.fresh().await;
        let mut stores = Vec::new();
        // One process at a time has an SQLite file open.
        for _ in 0..if on.kind == Kind::Sqlite { 1 } else { 2 } {
            let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
            stores.push(Box::new(store) as Box<dyn Store>);
        }
        stores
    })
    .await;
}
