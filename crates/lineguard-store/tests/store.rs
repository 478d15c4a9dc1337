//! The store with the rules of the core, from the outside.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use lineguard_core::change::{
    AccountKind, Applied, Batch, Change, FaxesLeft, IfExists, NewFax, NumberTarget,
};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::{
    AccountId, FaxId, FaxboxId, Num, PhoneNumber, RequestId, Subject, TenantId, Timestamp,
};
use lineguard_core::model::BUILT_IN;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{ApplyError, FaxColumn, FaxSlice, Seek, Store};
use lineguard_core::row::ObjectKind;
use lineguard_store::{Chain, OpenMode, SqlStore};
use lineguard_testkit::databases::{Databases, Kind};

lineguard_testkit::on_every_database![
    a_tenant_is_created_used_and_found_again,
    an_unknown_model_creates_no_tenant,
    faxes_are_registered_by_the_thousand,
];

fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn number() -> PhoneNumber {
    PhoneNumber::parse("+15550100100").unwrap()
}

fn faxbox() -> FaxboxId {
    FaxboxId::parse("in").unwrap()
}

fn batch(request: &str, changes: Vec<Change>) -> Batch {
    Batch {
        tenant: tenant(),
        actor: Subject::parse(lineguard_core::id::SubjectKind::Service, "admin").unwrap(),
        provisions: true,
        request_id: RequestId::parse(request).unwrap(),
        if_exists: IfExists::Refuse,
        changes,
    }
}

fn fax(position: i64) -> NewFax {
    NewFax {
        fax: FaxId::parse(&format!("f{position}")).unwrap(),
        account: account("root"),
        direction: Direction::Inbound,
        number: Some(number()),
        faxbox: None,
        creator: None,
        state: FaxState::Active,
        labels: Vec::new(),
        at: Timestamp(position),
        attachment_sources: None,
    }
}

async fn set_up(store: &SqlStore) {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "standard").unwrap();
    let model = store.put_model(text).await.unwrap();
    let changes = vec![
        Change::CreateTenant {
            title: "Acme".into(),
            model,
            root: account("root"),
            kind: AccountKind::Shared,
            owner: Some(Subject::user("olga").unwrap()),
        },
        Change::AddNumber {
            account: account("root"),
            number: number(),
            capabilities: Capabilities { voice: true, fax: true, message: false },
            active: true,
        },
        Change::AddFaxbox { account: account("root"), faxbox: faxbox(), title: "In".into() },
        Change::SetNumberTarget {
            number: number(),
            target: NumberTarget::Faxbox(faxbox()),
            on: true,
        },
    ];
    let applied = store.apply(&batch("r1", changes.clone()), Timestamp(5)).await.unwrap();
    assert_eq!((applied.revision.0, applied.changed), (1, 4));
    let again = store.apply(&batch("r1", changes), Timestamp(6)).await.unwrap();
    assert_eq!(again, Applied { repeated: true, ..applied });
}

async fn a_tenant_is_created_used_and_found_again(on: &Databases) {
    let directory = tempfile::tempdir().unwrap();
    let url = match on.kind {
        Kind::Sqlite => format!("sqlite:{}", directory.path().join("lineguard.db").display()),
        _ => on.fresh().await,
    };
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    set_up(&store).await;
    let answer = store.register(&tenant(), &[fax(1), fax(2)], Timestamp(6)).await.unwrap();
    let registered = answer.into_iter().next().unwrap().unwrap();
    assert!(registered.created);
    store.close().await.unwrap();

    let store = SqlStore::open(&url, OpenMode::Existing).await.unwrap();
    let mut snapshot = store.snapshot(&tenant()).await.unwrap().unwrap();
    let keys = [(ObjectKind::Faxbox, Num(0), "in")];
    let faxbox = snapshot.find(&keys).await.unwrap().remove(0).unwrap();
    assert_eq!(registered.fax.faxbox, Some(faxbox.num));
    let seek = Seek { column: FaxColumn::Faxbox, value: faxbox.num, direction: Direction::Inbound };
    let found = snapshot.seek_faxes(&[seek], FaxSlice::default(), 9).await.unwrap();
    drop(snapshot);
    assert_eq!(found.concat().iter().map(|fax| fax.num.0).collect::<Vec<_>>(), [2, 1]);
    let remove = batch(
        "r2",
        vec![Change::RemoveFaxbox { faxbox: self::faxbox(), faxes: Some(FaxesLeft::Delete) }],
    );
    assert_eq!(store.apply(&remove, Timestamp(7)).await.unwrap().revision.0, 2);
    let answer = store.register(&tenant(), &[fax(1)], Timestamp(8)).await.unwrap().remove(0);
    assert!(matches!(answer, Err(ApplyError::AlreadyExists(_))));
    let chain = store.verify_chain(&tenant()).await.unwrap().unwrap();
    assert!(matches!(chain, Chain::Intact { revision, .. } if revision.0 == 2));
}

async fn an_unknown_model_creates_no_tenant(on: &Databases) {
    let store = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
    let create = Change::CreateTenant {
        title: "Acme".into(),
        model: lineguard_core::id::ModelDigest([7; 32]),
        root: account("root"),
        kind: AccountKind::Shared,
        owner: None,
    };
    let answer = store.apply(&batch("r1", vec![create]), Timestamp(5)).await;
    assert!(matches!(answer, Err(ApplyError::Invalid(_) | ApplyError::NotFound(_))), "{answer:?}");
    assert_eq!(store.tenants(Num(0), 9).await.unwrap(), []);
}

async fn faxes_are_registered_by_the_thousand(on: &Databases) {
    let store = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
    set_up(&store).await;
    let faxes: Vec<_> = (0..30_000).map(fax).collect();
    for chunk in faxes.chunks(5_000) {
        let answers = store.register(&tenant(), chunk, Timestamp(30_000)).await.unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().created));
    }
    let mut snapshot = store.snapshot(&tenant()).await.unwrap().unwrap();
    let newest = snapshot.newest_faxes(FaxSlice::default(), 3).await.unwrap();
    assert_eq!(newest.iter().map(|fax| fax.at.0).collect::<Vec<_>>(), [29_999, 29_998, 29_997]);
}
