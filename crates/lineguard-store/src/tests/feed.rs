//! The feed of changes: counters that no change escapes, and what replicas tell each other.

use std::collections::BTreeSet;

use lineguard_core::concern::Concern;
use lineguard_core::feed::{Feed, Incarnation, ReplicaState};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

use super::*;
use crate::OpenOptions;

lineguard_testkit::on_every_database! {
    every_written_row_raises_the_counter_and_says_what_it_concerns,
    what_reshapes_the_tenant_concerns_all_of_it,
    a_change_of_very_many_things_concerns_the_tenant,
    what_changes_nothing_raises_nothing,
    a_snapshot_has_the_stamp_of_its_own_moment,
    no_connection_is_given_out_in_a_transaction_that_somebody_left,
    too_many_rows_are_none_at_all,
    replicas_are_registered_fenced_and_removed,
    a_write_is_tried_and_nothing_of_it_stays,
    trimming_leaves_the_newest_change_from_before,
    every_table_is_known_to_influence_answers_or_not_to,
}

const ONE: Incarnation = Incarnation([1; 16]);
const TWO: Incarnation = Incarnation([2; 16]);

fn shard() -> Shard {
    Shard::of(&tenant_id("t"))
}

async fn stamp(store: &SqlStore) -> Stamp {
    store.counters(ONE, &[]).await.unwrap().stamps[shard().index()]
}

/// What happened to the tenant's shard from a counter on.
async fn since(store: &SqlStore, counter: u64) -> Vec<ConcernRow> {
    let changes = store.changes(&[(shard(), counter)], 1_000).await.unwrap();
    assert!(changes.complete);
    assert_eq!(changes.stamps, [(shard(), stamp(store).await)]);
    changes.rows
}

/// What the last change concerned.
async fn last(store: &SqlStore) -> BTreeSet<Concern> {
    let stamp = stamp(store).await;
    let rows = since(store, stamp.counter).await;
    assert!(rows.iter().all(|row| row.stamp == stamp && row.tenant == Num(1)));
    rows.iter().map(|row| row.concern).collect()
}

/// Account 1, subject 2 with member 3, group 4, number 5, faxbox 6, label 7, role 8, fax 1.
async fn furnished(databases: &Databases) -> SqlStore {
    let store = fresh(databases).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Subject, 0, "user:ann", None),
        Op::Insert(ObjectKind::Member, 1, "user:ann", Some(1)),
        Op::Insert(ObjectKind::Group, 0, "g", Some(1)),
        Op::Insert(ObjectKind::Number, 0, "+441234567890", Some(1)),
        Op::Insert(ObjectKind::Faxbox, 0, "b", Some(1)),
        Op::Insert(ObjectKind::Label, 0, "l", None),
        Op::Insert(ObjectKind::Role, 1, "r", Some(1)),
    ];
    apply(&store, "t", "furnish", &ops).await.unwrap();
    register(&store, "t", &[fax("f", 5)]).await.remove(0).unwrap();
    store
}

async fn every_written_row_raises_the_counter_and_says_what_it_concerns(databases: &Databases) {
    let store = furnished(databases).await;
    let num = Num;
    let person = [Concern::Subject(num(2)), Concern::Member(num(3))];
    let cases: [(Op, &[Concern]); 14] = [
        (Op::Update(1, "{}"), &[Concern::Account(num(1))]),
        (Op::Update(3, "{}"), &person),
        (Op::Update(4, "{}"), &[Concern::Tenant]),
        (Op::Update(5, "{}"), &[Concern::Number(num(5)), Concern::Numbers(num(1))]),
        (
            Op::Link(LinkKind::GroupMember, 4, 2),
            &[Concern::Subject(num(2)), Concern::Roster(num(4))],
        ),
        (Op::Link(LinkKind::FaxboxGroup, 6, 4), &[Concern::Group(num(4))]),
        (Op::Link(LinkKind::FaxboxUser, 6, 2), &[Concern::Subject(num(2))]),
        (Op::Link(LinkKind::NumberFaxbox, 5, 6), &[Concern::Number(num(5))]),
        (Op::Link(LinkKind::AccessNumber, 3, 5), &[Concern::Member(num(3))]),
        (Op::Unlink(LinkKind::AccessNumber, 3, 5), &[Concern::Member(num(3))]),
        (Op::Insert(ObjectKind::Label, 0, "m", None), &[Concern::Name(num(9))]),
        (Op::Remove(8), &[Concern::Account(num(1))]),
        (Op::EditFax("f", FaxState::Trash), &[Concern::Fax(num(1))]),
        (Op::DeleteFax("f"), &[Concern::Fax(num(1))]),
    ];
    for (at, (op, expected)) in cases.into_iter().enumerate() {
        let before = stamp(&store).await;
        // `Op::Update` takes an object out of its account; only the first case is about that one.
        let ops = if matches!(op, Op::Update(5, _)) {
            vec![Op::Update(5, "{\"active\":true}")]
        } else {
            vec![op.clone()]
        };
        apply(&store, "t", &format!("case {at}"), &ops).await.unwrap();
        let after = stamp(&store).await;
        assert_eq!(after.counter, before.counter + 1, "{op:?}");
        assert_ne!(after.nonce, before.nonce, "{op:?}");
        assert_eq!(last(&store).await, BTreeSet::from_iter(expected.iter().copied()), "{op:?}");
    }
    let rows = since(&store, 0).await;
    let counters: BTreeSet<u64> = rows.iter().map(|row| row.stamp.counter).collect();
    assert_eq!(counters, (1..=stamp(&store).await.counter).collect(), "no counter without a row");
}

async fn what_reshapes_the_tenant_concerns_all_of_it(databases: &Databases) {
    let store = furnished(databases).await;
    for (request, op) in [
        ("title", Op::Title("other")),
        ("account", Op::Insert(ObjectKind::Account, 0, "below", Some(1))),
        ("sealed", Op::Update(9, "{\"sealed\":true}")),
        ("gone", Op::Remove(9)),
    ] {
        apply(&store, "t", request, &[op]).await.unwrap();
        assert_eq!(last(&store).await, BTreeSet::from([Concern::Tenant]), "{request}");
    }
}

async fn a_change_of_very_many_things_concerns_the_tenant(databases: &Databases) {
    let store = furnished(databases).await;
    let ops = vec![Op::Insert(ObjectKind::Label, 0, "x", None); 0];
    let many = (0..1_001_u64).map(|at| Op::Link(LinkKind::AccessNumber, 1_000 + at, 5));
    apply(&store, "t", "many", &ops.into_iter().chain(many).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(last(&store).await, BTreeSet::from([Concern::Tenant]));
}

async fn what_changes_nothing_raises_nothing(databases: &Databases) {
    let store = furnished(databases).await;
    let before = stamp(&store).await;
    register(&store, "t", &[fax("g", 6)]).await.remove(0).unwrap();
    apply(&store, "t", "furnish", &[]).await.unwrap();
    apply(&store, "t", "nothing", &[]).await.unwrap();
    apply(&store, "t", "refused", &[Op::Remove(7), Op::Refuse]).await.unwrap_err();
    assert_eq!(stamp(&store).await, before);
}

async fn a_snapshot_has_the_stamp_of_its_own_moment(databases: &Databases) {
    let store = furnished(databases).await;
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let before = stamp(&store).await;
    apply(&store, "t", "later", &[Op::Remove(7)]).await.unwrap();
    assert_eq!(snapshot.stamp().await.unwrap(), before);
    assert_eq!(snapshot.get(&[Num(7)]).await.unwrap().len(), 1);
    assert_ne!(stamp(&store).await, before);
}

async fn no_connection_is_given_out_in_a_transaction_that_somebody_left(databases: &Databases) {
    let url = databases.fresh().await;
    // One connection that reads, so that it is the one that is left.
    let options = OpenOptions { max_connections: 2, ..OpenOptions::default() };
    let store = SqlStore::open_with(&url, OpenMode::Migrate, options).await.unwrap();
    apply(&store, "t", "first", &[Op::Insert(ObjectKind::Label, 0, "l", None)]).await.unwrap();
    let begin = || Sql::new("BEGIN");
    if databases.kind == Kind::Sqlite {
        // Its transactions cannot be left: the thread that begins one sees that nobody waits.
        return;
    }
    for pool in [&store.readers, &store.feed] {
        begin().all(pool).await.unwrap();
    }
    let read = || async {
        let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
        (snapshot.stamp().await.unwrap(), stamp(&store).await)
    };
    let (before, _) = read().await;
    apply(&store, "t", "second", &[Op::Title("x")]).await.unwrap();
    let (read, fed) = read().await;
    assert_eq!(read.counter, before.counter + 1);
    assert_eq!(fed, read);
}

async fn too_many_rows_are_none_at_all(databases: &Databases) {
    let store = furnished(databases).await;
    let changes = store.changes(&[(shard(), 0)], 0).await.unwrap();
    assert!(!changes.complete && changes.rows.is_empty());
    assert_eq!(store.recent(Timestamp(0), 0).await.unwrap(), None);
    assert!(!store.recent(Timestamp(0), 100).await.unwrap().unwrap().is_empty());
    assert_eq!(store.recent(Timestamp(2_000), 100).await.unwrap().unwrap(), []);
}

async fn replicas_are_registered_fenced_and_removed(databases: &Databases) {
    let store = furnished(databases).await;
    assert_eq!(store.counters(ONE, &[]).await.unwrap().state, None);
    Feed::register(&store, ONE, "one", Timestamp(1)).await.unwrap();
    Feed::register(&store, TWO, "two", Timestamp(2)).await.unwrap();
    store.fence(TWO).await.unwrap();
    assert_eq!(store.counters(ONE, &[]).await.unwrap().state, Some(ReplicaState::Live));
    assert_eq!(store.counters(TWO, &[]).await.unwrap().state, Some(ReplicaState::Fenced));

    let newer = stamp(&store).await;
    let older = Stamp { counter: newer.counter - 1, nonce: 9 };
    store.confirm(ONE, &[(shard(), newer), (Shard(0), Stamp::default())]).await.unwrap();
    store.confirm(ONE, &[(shard(), older)]).await.unwrap();
    let audience = store.audience(shard()).await.unwrap();
    assert_eq!(audience.stamp, newer);
    assert_eq!(audience.confirmed, [(ONE, newer)]);
    let mut names: Vec<_> =
        audience.replicas.iter().map(|row| (row.name.as_str(), row.state)).collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    assert_eq!(names, [("one", ReplicaState::Live), ("two", ReplicaState::Fenced)]);

    store.remove(TWO).await.unwrap();
    store.remove(ONE).await.unwrap();
    let audience = store.audience(shard()).await.unwrap();
    assert!(audience.replicas.is_empty() && audience.confirmed.is_empty());
}

async fn a_write_is_tried_and_nothing_of_it_stays(databases: &Databases) {
    let store = std::sync::Arc::new(furnished(databases).await);
    let before = stamp(&store).await;
    store.try_write().await.unwrap();
    // Several replicas may try at the same time, and none is in the way of another.
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move { store.try_write().await })
        })
        .collect();
    for one in tries {
        one.await.unwrap().unwrap();
    }
    let audience = store.audience(Shard(0)).await.unwrap();
    assert!(audience.confirmed.is_empty() && audience.replicas.is_empty());
    assert_eq!(stamp(&store).await, before);
    store.writer.fuse.left.store(1, Ordering::SeqCst);
    assert!(store.try_write().await.is_err());
}

async fn trimming_leaves_the_newest_change_from_before(databases: &Databases) {
    let store = furnished(databases).await;
    for request in ["a", "b", "c"] {
        apply(&store, "t", request, &[Op::Title("x")]).await.unwrap();
    }
    let newest = stamp(&store).await.counter;
    store.trim(Timestamp(1_000)).await.unwrap();
    assert_eq!(since(&store, 0).await.first().unwrap().stamp.counter, 1);
    store.trim(Timestamp(1_001)).await.unwrap();
    let left: BTreeSet<u64> = since(&store, 0).await.iter().map(|row| row.stamp.counter).collect();
    assert_eq!(left, BTreeSet::from([newest]));
}

async fn every_table_is_known_to_influence_answers_or_not_to(databases: &Databases) {
    let store = fresh(databases).await;
    let backend = sea_orm::ConnectionTrait::get_database_backend(&store.readers);
    let query = Sql::new(crate::dialect::table_names(backend));
    let mut tables: Vec<String> = Vec::new();
    for row in query.all(&store.readers).await.unwrap() {
        tables.push(row.try_get_by_index(0).unwrap());
    }
    // Written through `Edit`, so what is written is mapped to what it concerns. Registering a fax
    // writes rows that nothing cached can know of.
    let mut known = vec!["tenant", "object", "link", "fax", "fax_gone"];
    // Never changed once written.
    known.extend(["model_text", "secret"]);
    // No answer is made of these.
    known.extend([
        "change_log",
        "change_part",
        "request",
        "rev_shard",
        "concern",
        "replica",
        "confirmation",
    ]);
    // What is staged is a tenant of nobody until one transaction makes one of it.
    known.extend(["stage", "stage_part"]);
    known.push("number_hold");
    // Who goes on with what the tenant's row hides.
    known.push("removal");
    known.push("seaql_migrations");
    // Only where steps of the schema cannot be undone.
    tables.retain(|table| table != "schema_begun");
    tables.sort_unstable();
    known.sort_unstable();
    assert_eq!(tables, known, "say of the new table whether answers depend on it");
}
