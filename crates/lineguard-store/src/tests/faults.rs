//! A fault at any statement leaves nothing behind.

use super::*;

lineguard_testkit::on_every_database![
    a_fault_at_any_statement_of_a_batch_leaves_nothing,
    a_fault_while_a_tenant_is_created_leaves_no_tenant,
    a_fault_at_any_statement_of_a_registration_leaves_nothing,
    a_refused_batch_leaves_nothing_and_may_be_tried_again,
    a_write_that_is_abandoned_half_way_leaves_nothing_or_all_of_it,
    writes_wait_for_each_other_and_all_take_effect,
    a_fault_at_any_statement_of_an_import_leaves_nothing,
];

fn setup() -> Vec<Op> {
    vec![
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Label, 0, "a", None),
        Op::Link(LinkKind::GroupMember, 1, 2),
    ]
}

/// Every kind of write.
fn everything() -> Vec<Op> {
    vec![
        Op::Insert(ObjectKind::Label, 0, "b", None),
        Op::Update(1, "{}"),
        Op::Unlink(LinkKind::GroupMember, 1, 2),
        Op::Remove(2),
        Op::Link(LinkKind::GroupOwner, 1, 1),
        Op::EditFax("f", FaxState::Trash),
        Op::DeleteFax("g"),
        Op::Title("other"),
    ]
}

async fn a_fault_at_any_statement_of_a_batch_leaves_nothing(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r0", &setup()).await.unwrap();
    register(&store, "t", &[fax("f", 1), fax("g", 2)]).await;
    let before = dump(&store).await;
    let mut faults = 0;
    loop {
        arm(&store, faults);
        let answer = apply(&store, "t", "r1", &everything()).await;
        disarm(&store);
        if answer.is_ok() {
            break;
        }
        assert!(matches!(answer, Err(ApplyError::Store(StoreError::Unavailable { .. }))));
        assert_eq!(dump(&store).await, before, "after a fault at statement {faults}");
        faults += 1;
    }
    assert!(faults > 15, "only {faults} statements were made to fail");
    assert_ne!(dump(&store).await, before);
    let tenant = store.tenants(Num(0), 1).await.unwrap().remove(0);
    assert_eq!((tenant.revision.0, tenant.title.as_str()), (2, "other"));
}

async fn a_fault_while_a_tenant_is_created_leaves_no_tenant(on: &Databases) {
    let store = fresh(on).await;
    let mut faults = 0;
    loop {
        arm(&store, faults);
        let answer = apply(&store, "t", "r1", &setup()).await;
        disarm(&store);
        if answer.is_ok() {
            break;
        }
        assert_eq!(dump(&store).await, "", "after a fault at statement {faults}");
        faults += 1;
    }
    assert!(faults > 7);
}

async fn a_fault_at_any_statement_of_a_registration_leaves_nothing(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r0", &setup()).await.unwrap();
    let before = dump(&store).await;
    let new = NewFax { creator: Some(user("somebody")), ..fax("f", 1) };
    let mut faults = 0;
    loop {
        arm(&store, faults);
        let answer = try_register(&store, "t", std::slice::from_ref(&new)).await;
        disarm(&store);
        if answer.is_ok() {
            break;
        }
        assert_eq!(dump(&store).await, before, "after a fault at statement {faults}");
        faults += 1;
    }
    assert!(faults > 5);
}

async fn a_refused_batch_leaves_nothing_and_may_be_tried_again(on: &Databases) {
    let store = fresh(on).await;
    let mut ops = setup();
    ops.push(Op::Refuse);
    let answer = apply(&store, "t", "r0", &ops).await;
    assert!(matches!(answer, Err(ApplyError::Refused(_))));
    assert_eq!(dump(&store).await, "");
    assert_eq!(apply(&store, "t", "r0", &setup()).await.unwrap().revision.0, 1);
}

async fn a_write_that_is_abandoned_half_way_leaves_nothing_or_all_of_it(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r0", &setup()).await.unwrap();
    let before = dump(&store).await;
    let ops = [Op::Insert(ObjectKind::Label, 0, "b", None)];
    for polls in 1..40 {
        let mut future = Box::pin(apply(&store, "t", "r1", &ops));
        let mut done = false;
        for _ in 0..polls {
            let step = tokio::time::timeout(std::time::Duration::from_micros(20), &mut future);
            if step.await.is_ok() {
                done = true;
                break;
            }
        }
        if done {
            return;
        }
        drop(future);
        if dump(&store).await != before {
            // The commit was on its way already. Then all of it holds, and a repeat says so.
            let again = apply(&store, "t", "r1", &ops).await.unwrap();
            assert_eq!((again.revision.0, again.changed), (2, 1), "abandoned after {polls} polls");
            return;
        }
    }
}

async fn writes_wait_for_each_other_and_all_take_effect(on: &Databases) {
    let store = std::sync::Arc::new(fresh(on).await);
    apply(&store, "t", "r0", &setup()).await.unwrap();
    let ids = ["l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7"];
    let tasks: Vec<_> = ids
        .into_iter()
        .map(|id| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                apply(&store, "t", id, &[Op::Insert(ObjectKind::Label, 0, id, None)]).await
            })
        })
        .collect();
    let mut revisions = Vec::new();
    for task in tasks {
        revisions.push(task.await.unwrap().unwrap().revision.0);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..10).collect::<Vec<u64>>());
}

async fn a_fault_at_any_statement_of_an_import_leaves_nothing(on: &Databases) {
    use lineguard_core::change::{Import, Part};
    use lineguard_core::id::Revision;
    use lineguard_testkit::world::{NOW, received, world};
    use lineguard_testkit::{ids, model};

    let store = fresh(on).await;
    store.put_model(model::PLAIN).await.unwrap();
    let trash = Change::SetFaxState { fax: ids::fax("a"), state: FaxState::Trash };
    let changes = world("t").account("root").faxbox("box").batch().changes;
    let faxes = vec![received("a", "root", 1), received("b", "root", 2)];
    let import = Import {
        tenant: ids::tenant("t"),
        actor: ids::user("ada"),
        provisions: false,
        request_id: ids::request("r1"),
        parts: vec![
            Part { changes, faxes },
            Part { changes: vec![trash], faxes: vec![received("c", "root", 3)] },
        ],
    };
    let mut faults = 0;
    loop {
        arm(&store, faults);
        let answer = store.import(&import, NOW).await;
        disarm(&store);
        if let Ok(imported) = answer {
            assert_eq!((imported.applied.changed, imported.registered), (3, 3));
            break;
        }
        assert!(store.tenants(Num(0), 1).await.unwrap().is_empty(), "after statement {faults}");
        faults += 1;
    }
    assert!(faults > 15, "only {faults} statements were made to fail");
    assert!(matches!(
        store.verify_chain(&ids::tenant("t")).await.unwrap(),
        Some(crate::Chain::Intact { revision: Revision(1), .. })
    ));
}
