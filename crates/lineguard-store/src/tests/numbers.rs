//! Numbers that are active in several tenants, as versions before could leave them.

use lineguard_core::facts::Capabilities;
use lineguard_core::port::DuplicateNumber;
use lineguard_testkit::world::{NOW, batch as provisioning, world};

use super::*;

lineguard_testkit::on_every_database![
    a_schema_of_the_version_before_is_migrated_with_the_duplicates_it_holds,
    duplicates_stay_and_are_refused_at_the_next_activation,
    a_long_list_of_duplicates_is_cut_and_in_order,
    a_row_of_another_tenant_that_does_not_parse_is_no_permission,
];

const ONE: &str = "+15550100100";
const TWO: &str = "+15550100200";

fn add(number: &str, active: bool) -> Change {
    let (account, capabilities) = (AccountId::parse("root").unwrap(), Capabilities::default());
    Change::AddNumber { account, number: phone(number), capabilities, active }
}

fn switch(number: &str, active: bool) -> Change {
    Change::SetNumberActive { number: phone(number), active }
}

/// Two tenants with numbers, all of which somebody has made active.
async fn duplicates(store: &SqlStore, numbers: &[&str]) {
    for tenant in ["b", "a"] {
        world(tenant).account("root").build(store).await;
        let changes = numbers.iter().map(|number| add(number, false)).collect();
        store.apply(&provisioning(tenant, "numbers", changes), NOW).await.unwrap();
    }
    let active = r#"{"active":true,"voice":false,"fax":false,"message":false}"#;
    tamper(store, &format!("UPDATE object SET body = '{active}' WHERE kind = 6")).await;
}

fn of_both(number: &str) -> DuplicateNumber {
    // In the order in which they were made.
    DuplicateNumber { number: phone(number), tenants: vec![tenant_id("b"), tenant_id("a")] }
}

async fn try_one(store: &SqlStore, tenant: &str, request: &str, change: Change) -> Applied {
    store.apply(&provisioning(tenant, request, vec![change]), NOW).await.unwrap()
}

async fn refused(store: &SqlStore, tenant: &str, request: &str, change: Change) {
    let answer = store.apply(&provisioning(tenant, request, vec![change]), NOW).await;
    assert!(
        matches!(answer, Err(ApplyError::Refused(Fault { field: "active", .. }))),
        "{answer:?}"
    );
}

async fn a_schema_of_the_version_before_is_migrated_with_the_duplicates_it_holds(on: &Databases) {
    let folder = tempfile::tempdir().unwrap();
    let url = match on.fresh().await {
        // One that is still there when it was closed.
        url if url.starts_with("sqlite:") => {
            format!("sqlite:{}", folder.path().join("lineguard.db").display())
        }
        url => url,
    };
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    duplicates(&store, &[ONE]).await;
    tamper(&store, "DROP TABLE number_hold").await;
    tamper(&store, "DELETE FROM seaql_migrations WHERE version = 'm0005_numbers_expand'").await;
    store.close().await.unwrap();
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    assert_eq!(store.duplicate_numbers(9).await.unwrap(), [of_both(ONE)]);
    world("c").account("root").build(&store).await;
    refused(&store, "c", "new", add(ONE, true)).await;
}

async fn duplicates_stay_and_are_refused_at_the_next_activation(on: &Databases) {
    let store = fresh(on).await;
    duplicates(&store, &[ONE, TWO]).await;
    assert_eq!(store.duplicate_numbers(9).await.unwrap(), [of_both(ONE), of_both(TWO)]);
    // What is so already is no activation.
    assert_eq!(try_one(&store, "a", "kept", switch(ONE, true)).await.changed, 0);
    try_one(&store, "a", "off", switch(ONE, false)).await;
    refused(&store, "a", "on", switch(ONE, true)).await;
    let remove = Change::RemoveNumber { number: phone(TWO) };
    try_one(&store, "b", "remove", remove).await;
    assert_eq!(store.duplicate_numbers(9).await.unwrap(), []);
    refused(&store, "b", "add", add(TWO, true)).await;
    // Given up where it stayed, it may be taken.
    try_one(&store, "b", "off", switch(ONE, false)).await;
    assert_eq!(try_one(&store, "a", "on again", switch(ONE, true)).await.changed, 1);
}

async fn a_long_list_of_duplicates_is_cut_and_in_order(on: &Databases) {
    let store = fresh(on).await;
    duplicates(&store, &[TWO, ONE]).await;
    assert_eq!(store.duplicate_numbers(1).await.unwrap(), [of_both(ONE)]);
    assert_eq!(store.duplicate_numbers(0).await.unwrap(), []);
}

async fn a_row_of_another_tenant_that_does_not_parse_is_no_permission(on: &Databases) {
    let store = fresh(on).await;
    duplicates(&store, &[ONE]).await;
    try_one(&store, "a", "off", switch(ONE, false)).await;
    let of_b = "UPDATE object SET body = '{\"active\":\"maybe\"}' WHERE kind = 6 AND tenant = 1";
    tamper(&store, of_b).await;
    let change = vec![switch(ONE, true)];
    let answer = store.apply(&provisioning("a", "on", change), NOW).await;
    let Err(ApplyError::Store(StoreError::Corrupt { row, .. })) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(row, "the number in another tenant");
    assert!(store.duplicate_numbers(9).await.is_err());
}
