//! Identifiers are bytes, and tenants are worlds of their own.

use super::*;

lineguard_testkit::on_every_database![
    identifiers_are_compared_byte_for_byte,
    the_longest_identifier_fits_everywhere,
    ids_of_tenants_and_faxes_are_bytes_too,
    tenants_with_equal_ids_share_nothing,
    accounts_of_a_subject_span_tenants_and_page,
    a_snapshot_stays_at_its_revision,
    find_answers_in_the_order_asked_with_repeats,
    a_row_that_does_not_parse_is_named_and_others_are_answered,
];

const CONFUSABLE: [&str; 9] =
    ["Bob", "bob", "bob ", " bob", "b\u{f6}b", "bo\u{308}b", "bob\u{200b}", "bob\u{1f600}", "b%b"];

async fn identifiers_are_compared_byte_for_byte(on: &Databases) {
    let store = fresh(on).await;
    let ops: Vec<Op> =
        CONFUSABLE.iter().map(|id| Op::Insert(ObjectKind::Label, 0, id, None)).collect();
    apply(&store, "t", "r1", &ops).await.unwrap();
    let mut nums = Vec::new();
    for id in CONFUSABLE {
        let object = find(&store, "t", ObjectKind::Label, id).await.unwrap();
        assert_eq!(object.id, id);
        nums.push(object.num);
    }
    nums.sort_unstable();
    nums.dedup();
    assert_eq!(nums.len(), CONFUSABLE.len());
    for id in ["BOB", "bob  ", "bo", "b_b", "bob\u{1f601}"] {
        assert_eq!(find(&store, "t", ObjectKind::Label, id).await, None, "{id:?}");
    }
}

async fn the_longest_identifier_fits_everywhere(on: &Databases) {
    let store = fresh(on).await;
    let long = "\u{1f4e0}".repeat(32);
    let leaked: &'static str = Box::leak(long.clone().into_boxed_str());
    let ops = [Op::Insert(ObjectKind::Account, 0, leaked, None)];
    apply(&store, &long, &long, &ops).await.unwrap();
    let found = find(&store, &long, ObjectKind::Account, &long).await.unwrap();
    assert_eq!(found.id, long);
}

async fn ids_of_tenants_and_faxes_are_bytes_too(on: &Databases) {
    let store = fresh(on).await;
    for (request, tenant) in ["acme", "Acme", "acme "].into_iter().enumerate() {
        let ops = [Op::Insert(ObjectKind::Account, 0, "root", None)];
        let applied = apply(&store, tenant, &format!("r{request}"), &ops).await.unwrap();
        assert_eq!(applied.revision.0, 1, "{tenant:?} is a tenant of its own");
    }
    assert_eq!(store.tenants(Num(0), 10).await.unwrap().len(), 3);
    let answers = register(&store, "acme", &[fax("F", 1), fax("f", 1), fax("f ", 1)]).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().created));
}

async fn tenants_with_equal_ids_share_nothing(on: &Databases) {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Subject, 0, "user:u", None),
        Op::Insert(ObjectKind::Member, 1, "user:u", Some(1)),
        Op::Insert(ObjectKind::Group, 0, "g", Some(1)),
        Op::Link(LinkKind::GroupMember, 4, 2),
    ];
    for tenant in ["a", "b"] {
        apply(&store, tenant, "same", &ops).await.unwrap();
        register(&store, tenant, &[fax("f", 1)]).await;
    }
    let ops = [
        Op::Unlink(LinkKind::GroupMember, 4, 2),
        Op::Remove(4),
        Op::Update(1, "{\"title\":\"changed\"}"),
        Op::DeleteFax("f"),
    ];
    apply(&store, "b", "next", &ops).await.unwrap();

    let mut a = store.snapshot(&tenant_id("a")).await.unwrap().unwrap();
    assert_eq!(a.tenant().await.unwrap().revision.0, 1);
    assert_eq!(a.links_from(LinkKind::GroupMember, Num(4)).await.unwrap(), [Num(2)]);
    assert_eq!(a.links_to(LinkKind::GroupMember, Num(2)).await.unwrap(), [Num(4)]);
    assert_eq!(a.get(&[Num(1)]).await.unwrap()[0].body, "{\"title\":\"root\"}");
    assert!(a.fax(&FaxId::parse("f").unwrap()).await.unwrap().is_some());
    let rows = a.member_rows(&AccountId::parse("root").unwrap(), &user("u")).await.unwrap();
    assert_eq!(rows.unwrap().links.len(), 1);

    let mut b = store.snapshot(&tenant_id("b")).await.unwrap().unwrap();
    assert_eq!(b.list(ObjectKind::Group, None, Num(0), 9).await.unwrap(), []);
    assert_eq!(b.fax(&FaxId::parse("f").unwrap()).await.unwrap(), None);
    assert_eq!(b.newest_faxes(Default::default(), 9).await.unwrap(), []);
}

async fn accounts_of_a_subject_span_tenants_and_page(on: &Databases) {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Account, 0, "sub", Some(1)),
        Op::Insert(ObjectKind::Member, 2, "user:u", Some(2)),
        Op::Insert(ObjectKind::Member, 1, "user:u", Some(1)),
        Op::Insert(ObjectKind::Member, 1, "user:U", Some(1)),
        Op::Insert(ObjectKind::Member, 1, "service:u", Some(1)),
    ];
    for tenant in ["a", "b"] {
        apply(&store, tenant, "r", &ops).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.accounts_of(&user("u"), after, 3).await.unwrap();
        let Some((tenant, last)) = page.last() else {
            break;
        };
        after = Some((*tenant, last.account.num));
        seen.extend(page.iter().map(|(_, one)| format!("{} {}", one.tenant, one.account.id)));
        assert!(page.iter().all(|(_, one)| one.member.id == "user:u"));
    }
    assert_eq!(seen, ["a root", "a sub", "b root", "b sub"]);
}

async fn a_snapshot_stays_at_its_revision(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await.unwrap();
    let mut before = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    apply(&store, "t", "r2", &[Op::Insert(ObjectKind::Label, 0, "new", None)]).await.unwrap();
    assert_eq!(before.tenant().await.unwrap().revision.0, 1);
    assert_eq!(before.find(&[(ObjectKind::Label, Num(0), "new")]).await.unwrap(), [None]);
    assert!(find(&store, "t", ObjectKind::Label, "new").await.is_some());
}

async fn find_answers_in_the_order_asked_with_repeats(on: &Databases) {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Label, 0, "x", None),
        Op::Insert(ObjectKind::Member, 1, "x", Some(1)),
        Op::Insert(ObjectKind::Member, 2, "x", Some(2)),
    ];
    apply(&store, "t", "r", &ops).await.unwrap();
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let mut keys = vec![
        (ObjectKind::Member, Num(2), "x"),
        (ObjectKind::Label, Num(0), "missing"),
        (ObjectKind::Label, Num(0), "x"),
        (ObjectKind::Member, Num(1), "x"),
        (ObjectKind::Member, Num::UNKNOWN, "x"),
        (ObjectKind::Label, Num(0), "x"),
    ];
    let found = snapshot.find(&keys).await.unwrap();
    let nums: Vec<_> = found.iter().map(|one| one.as_ref().map(|one| one.num.0)).collect();
    assert_eq!(nums, [Some(3), None, Some(1), Some(2), None, Some(1)]);
    keys.extend(std::iter::repeat_n((ObjectKind::Label, Num(0), "x"), 1_200));
    assert_eq!(snapshot.find(&keys).await.unwrap().iter().flatten().count(), 1_204);
    assert_eq!(snapshot.find(&[]).await.unwrap(), []);
    let nums: Vec<Num> = (1..1_500).map(Num).collect();
    assert_eq!(snapshot.get(&nums).await.unwrap().len(), 3);
}

async fn a_row_that_does_not_parse_is_named_and_others_are_answered(on: &Databases) {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Label, 0, "bad", None),
    ];
    apply(&store, "t", "r", &ops).await.unwrap();
    register(&store, "t", &[fax("f", 1)]).await;
    tamper(&store, "UPDATE object SET kind = 99 WHERE num = 2").await;
    tamper(&store, "UPDATE fax SET labels = 'x'").await;
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    let error = snapshot.get(&[Num(1), Num(2)]).await.unwrap_err();
    let expected =
        StoreError::Corrupt { table: "object", column: "kind", row: "tenant 1 num 2".into() };
    assert_eq!(error, expected);
    assert_eq!(snapshot.get(&[Num(1)]).await.unwrap().len(), 1);
    let error = snapshot.fax(&FaxId::parse("f").unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "fax", column: "labels", .. }));
}
