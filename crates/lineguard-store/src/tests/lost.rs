//! What is acknowledged is stored, also after a disk that was full.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::*;

/// A store in a file of its own, and the address of it.
async fn in_a_file(folder: &tempfile::TempDir) -> (String, SqlStore) {
    let address = format!("sqlite:{}", folder.path().join("lineguard.db").display());
    let store = SqlStore::open(&address, OpenMode::Migrate).await.unwrap();
    (address, store)
}

/// Leaves a connection that writes as SQLite leaves one whose commit met a full disk: rolled back by
/// the database itself, while the library goes on counting a transaction.
async fn rolled_back_behind_its_back(store: &SqlStore) {
    let tx = store.writer.connection().begin().await.unwrap();
    tx.execute_unprepared("ROLLBACK").await.unwrap();
    assert!(tx.rollback().await.is_err(), "there is nothing left to roll back");
}

async fn title(store: &SqlStore) -> String {
    store.tenants(Num(0), 1).await.unwrap().remove(0).title
}

/// The next transaction would be a part of one that nobody ever commits.
#[tokio::test]
async fn a_connection_whose_state_is_not_known_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let (address, store) = in_a_file(&folder).await;
    let setup = [Op::Insert(ObjectKind::Account, 0, "root", None)];
    apply(&store, "t", "r0", &setup).await.unwrap();

    rolled_back_behind_its_back(&store).await;
    let refused = apply(&store, "t", "r1", &[Op::Refuse]).await;
    assert!(matches!(refused, Err(ApplyError::Refused(_))), "{refused:?}");
    for request in ["one", "two"] {
        apply(&store, "t", request, &[Op::Title(request)]).await.unwrap();
        assert_eq!(title(&store).await, request, "a reader sees what was acknowledged");
    }
    store.close().await.unwrap();
    let store = SqlStore::open(&address, OpenMode::Existing).await.unwrap();
    assert_eq!(title(&store).await, "two", "and so does whoever opens the file next");
}
