//! Removals in steps: what each transaction leaves, and what a row that nobody meant does.

use std::collections::BTreeMap;

use lineguard_core::concern::Concern;
use lineguard_core::port::{RemovalStep, Removals as _};
use serde_json::{Value, json};

use super::*;

lineguard_testkit::on_every_database![
    a_fault_at_any_statement_of_a_removal_or_a_step_leaves_nothing,
    little_is_removed_at_once_and_much_is_not,
    rows_of_any_revision_can_be_rebuilt,
    steps_are_told_of_and_attributed_to_who_removed,
    a_row_that_nobody_meant_hides_nothing_and_shows_nothing,
    what_a_process_left_is_taken_up_by_the_next,
];

lineguard_testkit::on_one_database! { broken_steps, MariaDb,
    the_step_of_the_schema_is_taken_up_wherever_it_was_left
}

const BOX: u64 = 2;
const GROUP: u64 = 3;

/// A faxbox with five faxes and three links, and a group with two of those faxes and three links.
async fn filled(store: &SqlStore) {
    let mut ops = vec![
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Faxbox, 0, "box", Some(1)),
        Op::Insert(ObjectKind::Group, 0, "group", Some(1)),
    ];
    for subject in ["user:a", "user:b"] {
        ops.push(Op::Insert(ObjectKind::Subject, 0, subject, None));
    }
    ops.extend([
        Op::Link(LinkKind::FaxboxUser, BOX, 4),
        Op::Link(LinkKind::FaxboxOwner, BOX, 5),
        Op::Link(LinkKind::FaxboxGroup, BOX, GROUP),
        Op::Link(LinkKind::GroupMember, GROUP, 4),
        Op::Link(LinkKind::GroupOwner, GROUP, 5),
        // An end that is no object, with a number that one has.
        Op::Link(LinkKind::AttachmentSource, 4, BOX),
    ]);
    apply(store, "t", "r0", &ops).await.unwrap();
    let faxes: Vec<_> = (0..6)
        .map(|at| NewFax {
            direction: if at % 2 == 0 { Direction::Inbound } else { Direction::Outbound },
            ..fax(&format!("f{at}"), at)
        })
        .collect();
    register(store, "t", &faxes).await;
    tamper(store, &format!("UPDATE fax SET faxbox = {BOX} WHERE num < 6")).await;
    tamper(store, &format!("UPDATE fax SET assignee = {GROUP} WHERE num > 4")).await;
}

async fn step(store: &SqlStore) -> Result<RemovalStep, StoreError> {
    store.step(&tenant_id("t"), Timestamp(2_000)).await
}

/// Steps until none is left; how many.
async fn finish(store: &SqlStore) -> usize {
    let mut steps = 0;
    while step(store).await.unwrap() != RemovalStep::default() {
        steps += 1;
    }
    steps
}

async fn a_fault_at_any_statement_of_a_removal_or_a_step_leaves_nothing(on: &Databases) {
    let store = fresh(on).await.removing(2, 2);
    filled(&store).await;
    let ops = [Op::RemoveWhole(BOX, Whole::FaxboxWithFaxes), Op::RemoveWhole(GROUP, Whole::Group)];
    let (mut before, mut faults, mut removed) = (dump(&store).await, 0, false);
    let (mut position, mut steps) = (0, 0);
    while steps < 20 {
        arm(&store, position);
        let answer = if removed {
            step(&store).await
        } else {
            let applied = apply(&store, "t", "r1", &ops).await;
            applied.map(|_| RemovalStep { rows: 1, ..RemovalStep::default() }).map_err(|error| {
                let ApplyError::Store(error) = error else { panic!("{error:?}") };
                error
            })
        };
        disarm(&store);
        match answer {
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
                assert_eq!(dump(&store).await, before, "statement {position} of step {steps}");
                (position, faults) = (position + 1, faults + 1);
            }
            Ok(done) if done == RemovalStep::default() => break,
            Ok(_) => {
                (removed, position, steps, before) = (true, 0, steps + 1, dump(&store).await);
            }
        }
    }
    assert!(faults > 40 && steps > 5, "{faults} faults in {steps} steps");
    assert_eq!(store.pending(9).await.unwrap(), []);
    assert!(matches!(
        store.verify_chain(&tenant_id("t")).await.unwrap(),
        Some(crate::Chain::Intact { .. })
    ));
}

async fn little_is_removed_at_once_and_much_is_not(on: &Databases) {
    let store = fresh(on).await.removing(9, 4);
    filled(&store).await;
    let removed = apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::Faxbox)]).await.unwrap();
    assert_eq!((removed.revision.0, store.pending(9).await.unwrap()), (2, Vec::new()));
    assert_eq!(step(&store).await.unwrap(), RemovalStep::default());
    let store = fresh(on).await.removing(8, 4);
    filled(&store).await;
    apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::Faxbox)]).await.unwrap();
    let pending = store.pending(9).await.unwrap();
    let [one] = pending.as_slice() else { panic!("{pending:?}") };
    assert_eq!((one.tenant.as_str(), one.num, one.whole), ("t", Num(BOX), Whole::Faxbox));
    let last = RemovalStep { rows: 0, ended: Some(Num(BOX)), more: false };
    assert_eq!(step(&store).await.unwrap(), last);
}

/// The rows of a tenant that edits are about, by table and key.
type Rows = BTreeMap<String, Value>;

async fn rows_of(store: &SqlStore) -> Rows {
    let mut rows = Rows::new();
    for (table, columns) in [
        ("object", "num, kind, account"),
        ("link", "kind, a, b"),
        ("fax", "num, faxbox, assignee"),
        ("removal", "num"),
    ] {
        let query = Sql::new(format!("SELECT {columns} FROM {table}"));
        for row in query.all(&store.readers).await.unwrap() {
            let at = |at| row.try_get_by_index::<Option<i64>>(at).unwrap();
            let (key, value) = match table {
                "object" => (format!("object {:?}", at(0)), json!([at(1), at(2)])),
                "link" => (format!("link {:?} {:?} {:?}", at(0), at(1), at(2)), json!(true)),
                "fax" => (format!("fax {:?}", at(0)), json!([at(1), at(2)])),
                _ => (format!("removal {:?}", at(0)), json!(true)),
            };
            rows.insert(key, value);
        }
    }
    rows
}

/// Does to rows what an audit row says.
fn replay(rows: &mut Rows, edits: &str) {
    let edits: Value = serde_json::from_str(edits).unwrap();
    for edit in edits.as_array().unwrap() {
        let table = edit["table"].as_str().unwrap();
        let some = |name: &str| Some(edit[name].as_i64().unwrap());
        let key = match table {
            "link" => format!("link {:?} {:?} {:?}", some("kind"), some("a"), some("b")),
            "tenant" => continue,
            table => format!("{table} {:?}", some("num")),
        };
        let shown = |side: &Value| match table {
            "object" if !side.is_null() => Some(json!([side["kind"], side["account"]])),
            "fax" if !side.is_null() => Some(json!([side["faxbox"], side["assignee"]])),
            _ => Some(json!(true)).filter(|_| side == &json!(true)),
        };
        assert_eq!(rows.get(&key).cloned(), shown(&edit["before"]), "{key} before");
        match shown(&edit["after"]) {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
}

async fn rows_of_any_revision_can_be_rebuilt(on: &Databases) {
    for whole in Whole::ALL {
        let store = fresh(on).await.removing(1, 2);
        filled(&store).await;
        let mut known = vec![rows_of(&store).await];
        let num = if whole == Whole::Group { GROUP } else { BOX };
        apply(&store, "t", "r1", &[Op::RemoveWhole(num, whole)]).await.unwrap();
        known.push(rows_of(&store).await);
        while step(&store).await.unwrap() != RemovalStep::default() {
            known.push(rows_of(&store).await);
        }
        let query = Sql::new("SELECT edits FROM change_log WHERE revision > 1 ORDER BY revision");
        let edits = query.all(&store.readers).await.unwrap();
        assert_eq!(edits.len() + 1, known.len());
        let mut rows = known[0].clone();
        for (at, row) in edits.iter().enumerate() {
            replay(&mut rows, &row.try_get_by_index::<String>(0).unwrap());
            assert_eq!(rows, known[at + 1], "{whole:?}, revision {}", at + 2);
        }
        let names = format!(" {:?}", Some(num));
        assert!(
            !rows.keys().any(|key| key.starts_with("link")
                && key.ends_with(&names)
                && !key.starts_with("link Some(33)")),
            "{rows:?}"
        );
        assert!(known.len() > 3, "{whole:?}: only {} revisions", known.len());
    }
}

async fn steps_are_told_of_and_attributed_to_who_removed(on: &Databases) {
    let store = fresh(on).await.removing(0, 3);
    filled(&store).await;
    apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::FaxboxWithFaxes)]).await.unwrap();
    let steps = finish(&store).await;
    assert_eq!(steps, 3);
    let revision = store.tenants(Num(0), 1).await.unwrap().remove(0).revision;
    assert_eq!(revision.0, 2 + steps as u64);
    let query = Sql::new("SELECT actor, request_id, at FROM change_log WHERE revision >= 2");
    for row in query.all(&store.readers).await.unwrap() {
        let bytes = |at| row.try_get_by_index::<Vec<u8>>(at).unwrap();
        assert_eq!((bytes(0), bytes(1)), (b"user:admin".to_vec(), b"r1".to_vec()));
    }
    let query = Sql::new("SELECT kind, num FROM concern ORDER BY counter, position");
    let told = query.all(&store.readers).await.unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()))
        .map(|(kind, num): (i64, i64)| (kind, num))
        .collect();
    let parts = |concern: Concern| (i64::from(concern.parts().0), concern.parts().1.0 as i64);
    let (all, gone) = (parts(Concern::Tenant), parts(Concern::Faxbox(Num(BOX))));
    assert!(told.ends_with(&[all, gone, gone, gone]), "{told:?}");
}

async fn a_row_that_nobody_meant_hides_nothing_and_shows_nothing(on: &Databases) {
    let store = fresh(on).await.removing(0, 2);
    filled(&store).await;
    apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::FaxboxWithFaxes)]).await.unwrap();
    let corrupt = |error: StoreError| match error {
        StoreError::Corrupt { table, column, .. } => (table, column),
        error => panic!("{error}"),
    };
    // Nobody knows who removed it: it stays hidden, and stays.
    tamper(&store, "DELETE FROM removal").await;
    assert_eq!(corrupt(step(&store).await.unwrap_err()), ("tenant", "removals"));
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    assert_eq!(snapshot.faxes(Num(0), 9).await.unwrap().len(), 1);
    drop(snapshot);
    // The tenant's row does not hide what is said to be under way.
    let row = "INSERT INTO removal (tenant, num, what, actor, request_id, at) \
               SELECT 1, 2, 'group', actor, request_id, 1 FROM change_log WHERE revision = 1";
    tamper(&store, row).await;
    tamper(&store, "UPDATE tenant SET removals = NULL").await;
    assert_eq!(corrupt(step(&store).await.unwrap_err()), ("removal", "num"));
    for damaged in ["2", "2:everything", "two:faxbox", "2:faxbox,3:group"] {
        tamper(&store, &format!("UPDATE tenant SET removals = '{damaged}'")).await;
        let read = store.snapshot(&tenant_id("t")).await.err().unwrap();
        assert_eq!(corrupt(read), ("tenant", "removals"));
        assert_eq!(corrupt(step(&store).await.unwrap_err()), ("tenant", "removals"));
        let written = apply(&store, "t", "r9", &[Op::Title("x")]).await;
        assert!(matches!(written, Err(ApplyError::Store(StoreError::Corrupt { .. }))));
    }
}

async fn what_a_process_left_is_taken_up_by_the_next(on: &Databases) {
    let folder = tempfile::tempdir().unwrap();
    let url = match on.kind {
        Kind::Sqlite => format!("sqlite:{}", folder.path().join("lineguard.db").display()),
        _ => on.fresh().await,
    };
    let mut store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap().removing(0, 1);
    filled(&store).await;
    apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::FaxboxWithFaxes)]).await.unwrap();
    let mut starts = 0;
    while step(&store).await.unwrap() != RemovalStep::default() {
        store.close().await.unwrap();
        store = SqlStore::open(&url, OpenMode::Existing).await.unwrap().removing(0, 1);
        let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
        assert_eq!(snapshot.faxes(Num(0), 9).await.unwrap().len(), 1);
        starts += 1;
    }
    assert_eq!(starts, 9);
}

async fn the_step_of_the_schema_is_taken_up_wherever_it_was_left(on: &Databases) {
    for undone in [
        &["ALTER TABLE tenant RENAME COLUMN next_object TO next_num"][..],
        &[
            "ALTER TABLE tenant RENAME COLUMN next_object TO next_num",
            "ALTER TABLE tenant DROP COLUMN removals",
        ],
        &[],
    ] {
        let url = on.fresh().await;
        let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
        filled(&store).await;
        for text in undone {
            tamper(&store, text).await;
        }
        tamper(&store, "DELETE FROM seaql_migrations WHERE version = 'm0007_removals'").await;
        tamper(&store, "INSERT INTO schema_begun VALUES ('m0007_removals')").await;
        store.close().await.unwrap();
        let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
        apply(&store, "t", "r1", &[Op::RemoveWhole(BOX, Whole::Faxbox)]).await.unwrap();
    }
}
