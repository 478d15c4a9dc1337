//! The audit trail: complete, and tamper-evident.

use super::*;
use crate::Chain;
use crate::trail::MAX_PART;

lineguard_testkit::on_every_database![
    an_untouched_trail_is_intact,
    whatever_is_rewritten_shows,
    whatever_is_removed_shows,
    a_trail_of_another_tenant_does_not_fit,
    edits_say_what_was_before_and_what_is_after,
    a_long_revision_stands_in_parts_of_bounded_size,
    whatever_is_done_to_a_part_shows,
    a_long_row_of_a_version_before_is_verified_as_it_is,
    a_fault_at_any_statement_of_a_long_revision_leaves_nothing,
    what_registrations_write_is_in_no_part,
];

async fn with_trail(on: &Databases) -> SqlStore {
    let store = fresh(on).await;
    for tenant in ["other", "t"] {
        for request in ["r1", "r2", "r3", "r4"] {
            let id: &'static str = request;
            let ops = [Op::Insert(ObjectKind::Label, 0, id, None)];
            apply(&store, tenant, request, &ops).await.unwrap();
        }
    }
    store
}

/// Bytes as a statement writes them.
pub(super) fn bytes(kind: Kind, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match kind {
        Kind::Postgres => format!("'\\x{hex}'"),
        _ => format!("x'{hex}'"),
    }
}

async fn chain(store: &SqlStore) -> Chain {
    store.verify_chain(&tenant_id("t")).await.unwrap().unwrap()
}

async fn an_untouched_trail_is_intact(on: &Databases) {
    let store = with_trail(on).await;
    assert!(matches!(chain(&store).await, Chain::Intact { revision, .. } if revision.0 == 4));
}

async fn whatever_is_rewritten_shows(on: &Databases) {
    for (field, at) in [
        ("edits = replace(edits, 'r2', 'rX')".to_owned(), 2),
        (format!("actor = {}", bytes(on.kind, b"user:else")), 2),
        (format!("request_id = {}", bytes(on.kind, b"else")), 2),
        ("at = at + 1".to_owned(), 2),
        (format!("prev_hash = {}", bytes(on.kind, &[0; 32])), 2),
        (format!("hash = {}", bytes(on.kind, &[0; 32])), 2),
    ] {
        let store = with_trail(on).await;
        let text = format!("UPDATE change_log SET {field} WHERE tenant = 2 AND revision = {at}");
        tamper(&store, &text).await;
        assert!(
            matches!(chain(&store).await, Chain::Broken { revision } if revision.0 == at),
            "{field}"
        );
        let other = store.verify_chain(&tenant_id("other")).await.unwrap().unwrap();
        assert!(matches!(other, Chain::Intact { .. }));
    }
}

async fn whatever_is_removed_shows(on: &Databases) {
    for (revision, broken) in [(1, 1), (3, 3), (4, 4)] {
        let store = with_trail(on).await;
        let text = format!("DELETE FROM change_log WHERE tenant = 2 AND revision = {revision}");
        tamper(&store, &text).await;
        assert_eq!(
            chain(&store).await,
            Chain::Broken { revision: lineguard_core::id::Revision(broken) }
        );
    }
}

async fn a_trail_of_another_tenant_does_not_fit(on: &Databases) {
    let store = with_trail(on).await;
    tamper(&store, "DELETE FROM change_log WHERE tenant = 2").await;
    tamper(&store, "UPDATE change_log SET tenant = 2 WHERE tenant = 1").await;
    assert!(matches!(chain(&store).await, Chain::Broken { revision } if revision.0 == 1));
}

async fn edits_say_what_was_before_and_what_is_after(on: &Databases) {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Link(LinkKind::GroupMember, 1, 1),
        Op::Link(LinkKind::GroupMember, 1, 1),
    ];
    apply(&store, "t", "r1", &ops).await.unwrap();
    register(&store, "t", &[fax("f", 7)]).await;
    let ops = [
        Op::Update(1, "{}"),
        Op::Unlink(LinkKind::GroupMember, 1, 1),
        Op::EditFax("f", FaxState::Trash),
        Op::DeleteFax("f"),
        Op::Title("new"),
    ];
    apply(&store, "t", "r2", &ops).await.unwrap();
    let rows = Sql::new("SELECT edits FROM change_log ORDER BY revision").all(&store.readers).await;
    let edits: Vec<serde_json::Value> = rows
        .unwrap()
        .iter()
        .map(|row| serde_json::from_str(&row.try_get_by_index::<String>(0).unwrap()).unwrap())
        .collect();
    let tables = |edits: &serde_json::Value| -> Vec<String> {
        let list = edits.as_array().unwrap();
        list.iter().map(|edit| edit["table"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(tables(&edits[0]), ["tenant", "object", "link"]);
    assert_eq!(tables(&edits[1]), ["object", "link", "fax", "fax", "tenant"]);
    assert_eq!(edits[0][1]["before"], serde_json::Value::Null);
    assert_eq!(edits[1][0]["before"]["body"], "{\"title\":\"root\"}");
    assert_eq!(edits[1][0]["after"]["body"], "{}");
    assert_eq!(edits[1][1]["before"], true);
    assert_eq!(edits[1][3]["before"]["state"], 4);
    assert_eq!(edits[1][3]["after"], serde_json::Value::Null);
    assert_eq!(edits[1][4]["before"]["title"], "t");
}

/// A body of so many bytes, which stands before and after in the edit that comes next.
fn body(bytes: usize) -> &'static str {
    Box::leak(format!("{{\"title\":\"{}\"}}", "x".repeat(bytes)).into_boxed_str())
}

/// Writes many short edits, one that is longer than a part, and short ones again.
fn long() -> Vec<Op> {
    let mut ops = Vec::new();
    for at in 0..10 {
        let id: &'static str = Box::leak(format!("label {at}").into_boxed_str());
        ops.push(Op::Insert(ObjectKind::Label, 0, id, None));
        ops.push(Op::Update(at + 1, body(60_000)));
    }
    ops.push(Op::Update(1, body(300_000)));
    ops.push(Op::Link(LinkKind::GroupMember, 1, 1));
    ops
}

/// Revisions 1 and 3 are short, 2 and 4 are long.
async fn with_parts(on: &Databases) -> SqlStore {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    let mut long = long();
    // Its numbers begin after the account.
    long.retain(|op| !matches!(op, Op::Insert(_, _, id, _) if *id == "label 9"));
    apply(&store, "t", "r2", &long[..long.len() - 3]).await.unwrap();
    apply(&store, "t", "r3", &[Op::Insert(ObjectKind::Label, 0, "a", None)]).await.unwrap();
    apply(&store, "t", "r4", &[Op::Update(1, body(300_000)), Op::Update(1, body(10))])
        .await
        .unwrap();
    store
}

/// The parts of a revision, in their order.
async fn parts(store: &SqlStore, revision: i64) -> Vec<String> {
    let query = Sql::new("SELECT content FROM change_part WHERE revision = ? ORDER BY part");
    let rows = query.bind(revision).all(&store.readers).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn a_long_revision_stands_in_parts_of_bounded_size(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &long()).await.unwrap();
    let parts = parts(&store, 1).await;
    assert!(parts.len() > 4, "only {} parts", parts.len());
    let mut edits = Vec::new();
    for part in &parts {
        let serde_json::Value::Array(list) = serde_json::from_str(part).unwrap() else {
            panic!("a part is a list");
        };
        assert!(part.len() <= MAX_PART || list.len() == 1, "{} bytes", part.len());
        edits.extend(list);
    }
    // The tenant, and all that was done, in its order.
    assert_eq!(edits.len(), 1 + long().len());
    assert_eq!(edits[0]["table"], "tenant");
    assert_eq!(edits[1]["after"]["id"], "label 0");
    assert_eq!(edits[21]["before"]["body"], body(60_000));
    assert_eq!(edits[22]["table"], "link");
    let row = Sql::new("SELECT edits FROM change_log").one(&store.readers).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "");
    assert!(matches!(chain(&store).await, Chain::Intact { revision, .. } if revision.0 == 1));
}

async fn whatever_is_done_to_a_part_shows(on: &Databases) {
    let store = with_parts(on).await;
    assert!(matches!(chain(&store).await, Chain::Intact { revision, .. } if revision.0 == 4));
    assert!(parts(&store, 2).await.len() > 2);
    let insert = |revision: i64, part: i64| {
        format!("INSERT INTO change_part VALUES (1, {revision}, {part}, '[]')")
    };
    let swap = [
        "UPDATE change_part SET part = 99 WHERE revision = 2 AND part = 0",
        "UPDATE change_part SET part = 0 WHERE revision = 2 AND part = 1",
        "UPDATE change_part SET part = 1 WHERE revision = 2 AND part = 99",
    ];
    let one = |text: &str| vec![text.to_owned()];
    let last = parts(&store, 2).await.len() as i64;
    for (what, at) in [
        (one("UPDATE change_part SET content = replace(content, 'label 1', 'label X')"), 2),
        (one("DELETE FROM change_part WHERE revision = 2 AND part = 0"), 2),
        (one("DELETE FROM change_part WHERE revision = 2 AND part = 1"), 2),
        (one(&format!("DELETE FROM change_part WHERE revision = 2 AND part = {}", last - 1)), 2),
        (one("DELETE FROM change_part WHERE revision = 4"), 4),
        (swap.map(str::to_owned).to_vec(), 2),
        (one("UPDATE change_part SET revision = 3 WHERE revision = 4"), 3),
        (one("UPDATE change_log SET parts = 0 WHERE revision = 2"), 2),
        (one("UPDATE change_log SET parts = parts + 1 WHERE revision = 2"), 2),
        (one("UPDATE change_log SET parts = 1 WHERE revision = 3"), 3),
        (one(&insert(2, last)), 2),
        (one(&insert(2, -1)), 2),
        (one(&insert(3, 0)), 3),
        (one(&insert(5, 0)), 5),
        (one(&insert(-1, 0)), 5),
    ] {
        let store = with_parts(on).await;
        for text in &what {
            tamper(&store, text).await;
        }
        let found = chain(&store).await;
        assert!(
            matches!(found, Chain::Broken { revision } if revision.0 == at),
            "{what:?}: {found:?}"
        );
    }
}

async fn a_long_row_of_a_version_before_is_verified_as_it_is(on: &Databases) {
    let store = with_trail(on).await;
    let edits = format!("[\"{}\"]", "x".repeat(2 * MAX_PART));
    crate::audit::rewrite_as_before(&store, Num(2), &edits).await;
    assert!(matches!(chain(&store).await, Chain::Intact { revision, .. } if revision.0 == 4));
    tamper(&store, "UPDATE change_log SET edits = replace(edits, 'xxxx', 'xxx')").await;
    assert!(matches!(chain(&store).await, Chain::Broken { .. }));
}

async fn a_fault_at_any_statement_of_a_long_revision_leaves_nothing(on: &Databases) {
    let store = fresh(on).await;
    let ops = long();
    let mut faults = 0;
    loop {
        arm(&store, faults);
        let answer = apply(&store, "t", "r1", &ops).await;
        disarm(&store);
        if answer.is_ok() {
            break;
        }
        assert_eq!(dump(&store).await, "", "after a fault at statement {faults}");
        faults += 1;
    }
    assert!(faults > 40, "only {faults} statements were made to fail");
}

async fn what_registrations_write_is_in_no_part(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    // Their creators are new to the tenant, and would be more than a part.
    let faxes: Vec<NewFax> = (0..2_000)
        .map(|at| NewFax {
            creator: Some(user(&format!("{at:0>100}"))),
            ..fax(&format!("f{at}"), at)
        })
        .collect();
    register(&store, "t", &faxes).await;
    assert_eq!(parts(&store, 2).await, Vec::<String>::new());
    apply(&store, "t", "r2", &[Op::Title("x")]).await.unwrap();
    assert!(matches!(chain(&store).await, Chain::Intact { revision, .. } if revision.0 == 2));
}
