//! The behaviours that every store shows.

use lineguard_core::port::Store;
use lineguard_store::{OpenMode, SqlStore};

#[tokio::test]
async fn the_sql_store_conforms() {
    lineguard_testkit::conformance::run_all(async || {
        let store = SqlStore::open("sqlite::memory:", OpenMode::Migrate).await.unwrap();
        Box::new(store) as Box<dyn Store>
    })
    .await;
}
