//! Statements that a database would not take are not sent.

use super::*;

lineguard_testkit::on_every_database![
    a_statement_that_is_too_large_is_not_sent,
    no_statement_of_a_very_long_batch_is_large,
];
lineguard_testkit::on_one_database! { mariadb_as_it_comes, MariaDb,
    what_a_server_would_cut_the_connection_for_is_refused
}

fn body(bytes: usize) -> &'static str {
    Box::leak("x".repeat(bytes).into_boxed_str())
}

async fn is_refused(store: &SqlStore, ops: &[Op], most: usize) {
    let before = dump(store).await;
    let answer = apply(store, "t", "large", ops).await;
    let Err(ApplyError::Store(StoreError::TooLarge { bytes, most: limit })) = answer else {
        panic!("{answer:?}");
    };
    assert!(bytes > limit && limit == most, "{bytes} of {limit}");
    assert_eq!(dump(store).await, before);
}

async fn a_statement_that_is_too_large_is_not_sent(on: &Databases) {
    let mut store = fresh(on).await;
    apply(&store, "t", "r0", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    store.writer.take_no_more_than(100_000);
    is_refused(&store, &[Op::Update(1, body(100_000))], 100_000).await;
    // What was before and what is after stand in one edit.
    is_refused(&store, &[Op::Update(1, body(60_000)), Op::Update(1, body(60_001))], 100_000).await;
    // The connection is as good as before, and so is the request id.
    apply(&store, "t", "large", &[Op::Update(1, body(60_000))]).await.unwrap();
}

async fn no_statement_of_a_very_long_batch_is_large(on: &Databases) {
    let mut store = fresh(on).await;
    store.writer.take_no_more_than(2 * crate::trail::MAX_PART);
    let mut ops = vec![Op::Insert(ObjectKind::Account, 0, "root", None)];
    ops.extend((0..40).map(|at| Op::Update(1, body(20_000 + at))));
    apply(&store, "t", "r1", &ops).await.unwrap();
}

async fn what_a_server_would_cut_the_connection_for_is_refused(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r0", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    is_refused(&store, &[Op::Update(1, body(16 << 20))], 16 << 20).await;
    // What just fits is sent.
    apply(&store, "t", "r1", &[Op::Update(1, body(7 << 20))]).await.unwrap();
}
