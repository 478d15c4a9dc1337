//! The audit trail: complete, and tamper-evident.

use super::*;
use crate::Chain;

lineguard_testkit::on_every_database![
    an_untouched_trail_is_intact,
    whatever_is_rewritten_shows,
    whatever_is_removed_shows,
    a_trail_of_another_tenant_does_not_fit,
    edits_say_what_was_before_and_what_is_after,
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
fn bytes(kind: Kind, bytes: &[u8]) -> String {
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
