//! The statement behind an authority.

use super::*;
use crate::member;

lineguard_testkit::on_every_database![
    it_reads_what_the_port_says_and_nothing_else,
    an_unknown_subject_still_gets_the_tree_and_an_unknown_account_nothing,
    a_tree_that_is_a_circle_is_named,
];

/// A tree root(1) > mid(2) > leaf(3), mid > side(4), and another child of the root, aside(5).
fn tree() -> Vec<Op> {
    vec![
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Account, 0, "mid", Some(1)),
        Op::Insert(ObjectKind::Account, 0, "leaf", Some(2)),
        Op::Insert(ObjectKind::Account, 0, "side", Some(2)),
        Op::Insert(ObjectKind::Account, 0, "aside", Some(1)),
        Op::Insert(ObjectKind::Subject, 0, "user:u", None),
        Op::Insert(ObjectKind::Subject, 0, "user:v", None),
        Op::Insert(ObjectKind::Member, 1, "user:u", Some(1)),
        Op::Insert(ObjectKind::Member, 2, "user:u", Some(2)),
        Op::Insert(ObjectKind::Member, 4, "user:u", Some(4)),
        Op::Insert(ObjectKind::Member, 2, "user:v", Some(2)),
        Op::Insert(ObjectKind::Member, 1, "user:v", Some(1)),
        Op::Insert(ObjectKind::Group, 0, "group of the root", Some(1)),
        Op::Insert(ObjectKind::Group, 0, "group aside", Some(5)),
        Op::Insert(ObjectKind::Group, 0, "owned group", Some(2)),
        Op::Insert(ObjectKind::Role, 1, "role", Some(1)),
        Op::Insert(ObjectKind::Role, 4, "role", Some(4)),
        Op::Insert(ObjectKind::Faxbox, 0, "box", Some(2)),
        Op::Link(LinkKind::GroupMember, 13, 6),
        Op::Link(LinkKind::GroupMember, 13, 7),
        Op::Link(LinkKind::GroupMember, 14, 6),
        Op::Link(LinkKind::GroupOwner, 15, 6),
        Op::Link(LinkKind::GroupMember, 15, 6),
        Op::Link(LinkKind::GroupMember, 15, 7),
        Op::Link(LinkKind::FaxboxGroup, 18, 13),
        Op::Link(LinkKind::FaxboxGroup, 18, 14),
        Op::Link(LinkKind::FaxboxUser, 18, 6),
        Op::Link(LinkKind::FaxboxOwner, 18, 6),
        Op::Link(LinkKind::AccountOwner, 1, 6),
        Op::Link(LinkKind::Delegation, 11, 6),
        Op::Link(LinkKind::Delegation, 12, 6),
        Op::Link(LinkKind::AccessNumber, 9, 0),
        Op::Link(LinkKind::DefaultNumber, 8, 30),
        Op::Link(LinkKind::AccessNumber, 10, 31),
        Op::Link(LinkKind::AccessNumber, 11, 32),
    ]
}

async fn it_reads_what_the_port_says_and_nothing_else(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r", &tree()).await.unwrap();
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let account = AccountId::parse("mid").unwrap();
    let rows = snapshot.member_rows(&account, &user("u")).await.unwrap().unwrap();
    assert_eq!(rows.subject, Some(Num(6)));
    assert_eq!(rows.path, [Num(2), Num(1)]);
    assert_eq!(rows.tenant.revision.0, 1);
    let mut objects: Vec<_> = rows.objects.iter().map(|object| object.num.0).collect();
    objects.sort_unstable();
    assert_eq!(objects, [1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 15, 16]);
    let mut homes: Vec<_> = rows.homes.iter().map(|home| (home.num.0, home.account)).collect();
    homes.sort_unstable();
    let (root, mid) = (Some(Num(1)), Some(Num(2)));
    assert_eq!(homes, [(1, None), (2, root), (15, mid), (18, mid)]);
    // Of who delegated, above; the subject's own on the path are objects already.
    assert_eq!(rows.standings.iter().map(|member| member.num.0).collect::<Vec<_>>(), [12]);
    let mut links: Vec<_> =
        rows.links.iter().map(|link| (link.kind as u8, link.a.0, link.b.0)).collect();
    links.sort_unstable();
    let expected = [
        (1, 13, 6),
        (1, 14, 6),
        (1, 15, 6),
        (1, 15, 7),
        (2, 15, 6),
        (3, 18, 6),
        (4, 18, 13),
        (5, 18, 6),
        (6, 1, 6),
        (9, 11, 6),
        (20, 9, 0),
        (34, 8, 30),
    ];
    assert_eq!(links, expected);
}

async fn an_unknown_subject_still_gets_the_tree_and_an_unknown_account_nothing(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r", &tree()).await.unwrap();
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let leaf = AccountId::parse("leaf").unwrap();
    let rows = snapshot.member_rows(&leaf, &user("stranger")).await.unwrap().unwrap();
    assert_eq!((rows.subject, rows.path), (None, vec![Num(3), Num(2), Num(1)]));
    let mut objects: Vec<_> = rows.objects.iter().map(|object| object.num.0).collect();
    objects.sort_unstable();
    assert_eq!(objects, [1, 2, 3, 16]);
    assert_eq!((rows.links, rows.homes, rows.standings), (vec![], vec![], vec![]));
    let nowhere = AccountId::parse("Leaf").unwrap();
    assert_eq!(snapshot.member_rows(&nowhere, &user("u")).await.unwrap(), None);
}

async fn a_tree_that_is_a_circle_is_named(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r", &tree()).await.unwrap();
    tamper(&store, "UPDATE object SET account = 3 WHERE num = 1").await;
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let leaf = AccountId::parse("leaf").unwrap();
    let answer = snapshot.member_rows(&leaf, &user("u")).await;
    assert!(matches!(answer, Err(StoreError::Corrupt { column: "account", .. })));
}

#[tokio::test]
async fn it_scans_no_table() {
    let store = fresh(&Databases::new(Kind::Sqlite)).await;
    apply(&store, "t", "r", &tree()).await.unwrap();
    for hidden in lists::hidden() {
        let mid = AccountId::parse("mid").unwrap();
        let sql = member::query(sea_orm::DbBackend::Sqlite, 1, &mid, &user("u"), &hidden);
        scans_no_table(&lists::plan(&store, sql).await);
    }
}

fn scans_no_table(steps: &[String]) {
    for step in steps {
        let table = ["object", "link", "o", "l", "g", "m"].iter().any(|name| {
            step == &format!("SCAN {name}") || step.starts_with(&format!("SCAN {name} "))
        });
        assert!(!table, "{step}\n{}", steps.join("\n"));
    }
    for step in steps.iter().filter(|step| step.contains("USING") && step.contains("tenant=?")) {
        assert!(step.matches("=?").count() > 1, "by the tenant alone: {step}");
    }
}
