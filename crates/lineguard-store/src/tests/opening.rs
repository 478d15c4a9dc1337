//! Opening: the lock, the schema, and what is still there afterwards.

use super::*;
use crate::OpenError;

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.directory.path().join("a db?.sqlite").display()).replace('?', "")
    }

    async fn open(&self, mode: OpenMode) -> Result<SqlStore, OpenError> {
        SqlStore::open(&self.url(), mode).await
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    apply(&store, "t", "r", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    register(&store, "t", &[fax("f", 1)]).await;
    let before = dump(&store).await;
    store.close().await.unwrap();
    let store = place.open(OpenMode::Existing).await.unwrap();
    assert_eq!(dump(&store).await, before);
    apply(&store, "t", "r2", &[Op::Insert(ObjectKind::Label, 0, "l", None)]).await.unwrap();
    assert_eq!(find(&store, "t", ObjectKind::Label, "l").await.unwrap().num, Num(2));
}

#[tokio::test]
async fn a_file_that_is_opened_again_knows_nobody_who_had_it_open_before() {
    use lineguard_core::feed::{Feed, Incarnation};
    use lineguard_core::stamp::{Shard, Stamp};

    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    let gone = Incarnation([1; 16]);
    Feed::register(&store, gone, "gone", Timestamp(1)).await.unwrap();
    store.confirm(gone, &[(Shard(0), Stamp { counter: 1, nonce: 1 })]).await.unwrap();
    drop(store);
    let store = place.open(OpenMode::Existing).await.unwrap();
    let audience = store.audience(Shard(0)).await.unwrap();
    assert!(audience.replicas.is_empty() && audience.confirmed.is_empty());
}

#[tokio::test]
async fn a_store_is_open_once() {
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    assert!(matches!(place.open(OpenMode::Existing).await, Err(OpenError::Locked { .. })));
    let other = place.directory.path().join("link.sqlite");
    std::os::unix::fs::symlink(place.directory.path().join("a db.sqlite"), &other).unwrap();
    let by_link = format!("sqlite://{}", other.display());
    let by_link = SqlStore::open(&by_link, OpenMode::Existing).await;
    assert!(matches!(by_link, Err(OpenError::Locked { .. })));
    drop(store);
    place.open(OpenMode::Existing).await.unwrap();
}

#[tokio::test]
async fn a_missing_database_is_made_only_when_asked() {
    let place = Place::new();
    assert!(matches!(place.open(OpenMode::Existing).await, Err(OpenError::Missing { .. })));
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_older_schema_is_refused_until_it_is_migrated() {
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    tamper(&store, "DROP TABLE change_log").await;
    tamper(&store, "DROP TABLE request").await;
    tamper(&store, "DELETE FROM seaql_migrations WHERE version LIKE 'm0003%'").await;
    store.close().await.unwrap();
    let Err(error) = place.open(OpenMode::Existing).await else { panic!("opened") };
    assert!(matches!(&error, OpenError::OlderSchema { missing } if *missing == ["m0003_changes"]));
    assert!(error.to_string().contains("lineguard migrate"));
    place.open(OpenMode::Migrate).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_only_has_more_is_taken() {
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    tamper(&store, "INSERT INTO seaql_migrations VALUES ('m9998_more_expand', 1)").await;
    store.close().await.unwrap();
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        place.open(mode).await.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_or_foreign_schema_is_refused_and_left_alone() {
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    tamper(&store, "INSERT INTO seaql_migrations VALUES ('m9999_future', 1)").await;
    store.close().await.unwrap();
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        let Err(error) = place.open(mode).await else { panic!("opened") };
        assert!(
            matches!(&error, OpenError::NewerSchema { unknown } if *unknown == ["m9999_future"])
        );
        assert!(error.to_string().contains("lineguard migrate"));
    }
    let place = Place::new();
    let store = place.open(OpenMode::Migrate).await.unwrap();
    tamper(&store, "DROP TABLE seaql_migrations").await;
    store.close().await.unwrap();
    for mode in [OpenMode::Existing, OpenMode::Migrate] {
        assert!(matches!(place.open(mode).await, Err(OpenError::ForeignSchema)));
    }
}

#[tokio::test]
async fn an_address_of_something_else_is_refused() {
    for url in [
        "sqlite:",
        "x.db",
        "sqlite:x.db?mode=memory",
        "postgress://x/y",
        "mariadb://host",
        "postgres://host:port/y",
    ] {
        let opened = SqlStore::open(url, OpenMode::Existing).await;
        assert!(matches!(opened, Err(OpenError::Address { .. })), "{url}");
    }
}
