//! The behaviours that every store shows.

use lineguard_core::port::Store;
use lineguard_store::{OpenMode, SqlStore};
use lineguard_testkit::databases::Databases;

lineguard_testkit::on_every_database![the_sql_store_conforms];

async fn the_sql_store_conforms(on: &Databases) {
    lineguard_testkit::conformance::run_all(async || {
        let store = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
        Box::new(store) as Box<dyn Store>
    })
    .await;
}
