//! Request ids, and what a batch without effect leaves.

use super::*;

lineguard_testkit::on_every_database![
    a_repeat_gives_the_first_result_and_does_nothing,
    another_batch_with_a_used_request_id_is_refused,
    a_batch_without_effect_raises_no_revision_and_leaves_no_change,
    a_tenant_that_does_not_exist_is_not_found,
    models_and_secrets_are_kept_once,
];

const ONE: [Op; 1] = [Op::Insert(ObjectKind::Label, 0, "a", None)];

async fn a_repeat_gives_the_first_result_and_does_nothing(on: &Databases) {
    let store = fresh(on).await;
    let first = apply(&store, "t", "r1", &ONE).await.unwrap();
    assert_eq!((first.revision.0, first.changed, first.warnings.len()), (1, 1, 1));
    apply(&store, "t", "r2", &[Op::Insert(ObjectKind::Label, 0, "b", None)]).await.unwrap();
    let before = dump(&store).await;
    let again = Applied { repeated: true, ..first };
    assert_eq!(apply(&store, "t", "r1", &ONE).await.unwrap(), again);
    assert_eq!(dump(&store).await, before);
}

async fn another_batch_with_a_used_request_id_is_refused(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &ONE).await.unwrap();
    let before = dump(&store).await;
    let other = Batch { actor: user("somebody"), ..batch("t", "r1") };
    let answer = crate::apply::apply(&store, &other, Timestamp(1), &Script(ONE.to_vec())).await;
    assert_eq!(answer, Err(ApplyError::RequestIdReused));
    assert_eq!(dump(&store).await, before);
    apply(&store, "u", "r1", &ONE).await.unwrap();
}

async fn a_batch_without_effect_raises_no_revision_and_leaves_no_change(on: &Databases) {
    let store = fresh(on).await;
    apply(&store, "t", "r1", &ONE).await.unwrap();
    let applied = apply(&store, "t", "r2", &[]).await.unwrap();
    assert_eq!((applied.revision.0, applied.changed), (1, 0));
    let again = Applied { repeated: true, ..applied };
    assert_eq!(apply(&store, "t", "r2", &[]).await.unwrap(), again);
    let changes = Sql::new("SELECT count(*) FROM change_log").one(&store.readers).await.unwrap();
    assert_eq!(changes.unwrap().try_get_by_index::<i64>(0).unwrap(), 1);
}

async fn a_tenant_that_does_not_exist_is_not_found(on: &Databases) {
    let store = fresh(on).await;
    let batch = Batch { changes: Vec::new(), ..batch("t", "r1") };
    let answer = crate::apply::apply(&store, &batch, Timestamp(1), &Script(Vec::new())).await;
    assert!(matches!(answer, Err(ApplyError::NotFound(Fault { field: "tenant", .. }))));
    let answer = try_register(&store, "t", &[]).await;
    assert!(matches!(answer, Err(ApplyError::NotFound(Fault { field: "tenant", .. }))));
    assert!(store.snapshot(&tenant_id("t")).await.unwrap().is_none());
    assert_eq!(store.verify_chain(&tenant_id("t")).await.unwrap(), None);
    assert_eq!(dump(&store).await, "");
}

#[test]
fn batches_that_differ_have_different_digests() {
    let number = |digits: &str| Change::RemoveNumber { number: phone(digits) };
    let label = |labels: &[&str]| Change::SetFaxLabels {
        fax: FaxId::parse("f").unwrap(),
        labels: labels
            .iter()
            .map(|one| lineguard_core::id::ExternalId::parse(one).unwrap())
            .collect(),
    };
    let queue = lineguard_core::id::QueueId::parse("x").unwrap();
    let extension = lineguard_core::id::ExtensionId::parse("x").unwrap();
    let batches = [
        vec![],
        vec![number("+15550100100")],
        vec![number("+15550100101")],
        vec![number("+15550100100"), number("+15550100101")],
        vec![number("+15550100101"), number("+15550100100")],
        vec![label(&["ab", "c"])],
        vec![label(&["a", "bc"])],
        vec![label(&["abc"])],
        vec![label(&[])],
        vec![Change::RemoveQueue { queue }],
        vec![Change::RemoveExtension { extension }],
    ];
    let digests: Vec<_> = batches
        .into_iter()
        .map(|changes| crate::batch_digest::of(&Batch { changes, ..batch("t", "r") }))
        .collect();
    for (position, digest) in digests.iter().enumerate() {
        assert!(!digests[..position].contains(digest), "batch {position}");
    }
    let renamed = batch("t", "another");
    assert_eq!(crate::batch_digest::of(&renamed), crate::batch_digest::of(&batch("t", "r")));
}

#[test]
fn the_digest_of_a_batch_is_the_same_in_every_version() {
    let digest = ModelDigest(crate::batch_digest::of(&batch("t", "r")));
    assert_eq!(
        digest.to_string(),
        "4adc87129d628f4e91a828c898ebab16da3ee79e853a8f08cf6903dcc62c50c5"
    );
}

async fn models_and_secrets_are_kept_once(on: &Databases) {
    let store = fresh(on).await;
    let digest = store.put_model("text").await.unwrap();
    assert_eq!(store.put_model("text").await.unwrap(), digest);
    assert_eq!(store.model_text(&digest).await.unwrap().as_deref(), Some("text"));
    assert_eq!(store.model_text(&ModelDigest([0; 32])).await.unwrap(), None);
    let first = store.secret("cursor", &|| vec![1, 2]).await.unwrap();
    assert_eq!(store.secret("cursor", &|| vec![3]).await.unwrap(), first);
    assert_eq!(store.secret("other", &|| vec![3]).await.unwrap(), [3]);
    tamper(&store, "UPDATE model_text SET content = 'other'").await;
    assert!(matches!(store.model_text(&digest).await, Err(StoreError::Corrupt { .. })));
    let unknown = store.model(&ModelDigest([0; 32])).await;
    assert!(matches!(unknown, Err(StoreError::UnreadableModel { .. })));
}
