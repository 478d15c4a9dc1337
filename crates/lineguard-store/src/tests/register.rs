//! Registration of faxes.

use super::*;

lineguard_testkit::on_every_database![
    each_fax_gets_its_own_answer,
    the_id_of_a_deleted_fax_is_never_used_again,
    a_repeat_is_known_after_the_fax_was_changed,
    many_faxes_at_once_are_all_there,
];

async fn ready(on: &Databases) -> SqlStore {
    let store = fresh(on).await;
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Number, 0, "+15550100100", Some(1)),
    ];
    apply(&store, "t", "r", &ops).await.unwrap();
    store
}

fn field(answer: &Result<lineguard_core::port::Registered, ApplyError>) -> String {
    match answer {
        Ok(registered) => format!("{} {}", registered.fax.num.0, registered.created),
        Err(ApplyError::NotFound(fault)) => format!("not found {} {}", fault.change, fault.field),
        Err(ApplyError::AlreadyExists(fault)) => format!("exists {} {}", fault.change, fault.field),
        Err(error) => format!("{error:?}"),
    }
}

async fn each_fax_gets_its_own_answer(on: &Databases) {
    let store = ready(on).await;
    let nowhere = AccountId::parse("nowhere").unwrap();
    let faxes = [
        NewFax { number: Some(phone("+15550100100")), ..fax("a", 1) },
        NewFax { account: nowhere, ..fax("b", 2) },
        NewFax { number: Some(phone("+15550100199")), ..fax("c", 3) },
        fax("d", 4),
        fax("d", 4),
        fax("d", 5),
    ];
    let answers: Vec<_> = register(&store, "t", &faxes).await.iter().map(field).collect();
    let expected = [
        "1 true",
        "not found 1 account",
        "not found 2 number",
        "2 true",
        "2 false",
        "exists 5 fax",
    ];
    assert_eq!(answers, expected);
    let answers: Vec<_> = register(&store, "t", &faxes[..1]).await.iter().map(field).collect();
    assert_eq!(answers, ["1 false"]);
    let tenant = store.tenants(Num(0), 1).await.unwrap().remove(0);
    assert_eq!(tenant.revision.0, 1, "faxes raise no revision");
}

async fn the_id_of_a_deleted_fax_is_never_used_again(on: &Databases) {
    let store = ready(on).await;
    register(&store, "t", &[fax("a", 1), fax("b", 2)]).await;
    apply(&store, "t", "r2", &[Op::DeleteFax("a")]).await.unwrap();
    let answers: Vec<_> =
        register(&store, "t", &[fax("a", 1), fax("c", 3)]).await.iter().map(field).collect();
    assert_eq!(answers, ["exists 0 fax", "3 true"]);
    let mut snapshot = store.snapshot(&tenant_id("t")).await.unwrap().unwrap();
    assert_eq!(snapshot.fax(&FaxId::parse("a").unwrap()).await.unwrap(), None);
    let again = apply(&store, "u", "r", &[Op::Insert(ObjectKind::Account, 0, "root", None)]).await;
    again.unwrap();
    assert!(register(&store, "u", &[fax("a", 1)]).await[0].as_ref().unwrap().created);
}

async fn a_repeat_is_known_after_the_fax_was_changed(on: &Databases) {
    let store = ready(on).await;
    register(&store, "t", &[fax("a", 1)]).await;
    apply(&store, "t", "r2", &[Op::EditFax("a", FaxState::Trash)]).await.unwrap();
    let answer = register(&store, "t", &[fax("a", 1)]).await.remove(0).unwrap();
    assert!(!answer.created);
    assert_eq!((answer.fax.state, answer.fax.labels), (FaxState::Trash, vec![Num(9)]));
}

async fn many_faxes_at_once_are_all_there(on: &Databases) {
    let store = ready(on).await;
    let faxes: Vec<_> = (0..20_000)
        .map(|position| NewFax {
            number: Some(phone("+15550100100")),
            creator: (position % 7 == 0).then(|| user(&format!("u{}", position % 50))),
            ..fax(&format!("f{position}"), position)
        })
        .collect();
    for chunk in faxes.chunks(5_000) {
        let answers = register(&store, "t", chunk).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().created));
    }
    let count = Sql::new("SELECT count(*) FROM fax").one(&store.readers).await.unwrap().unwrap();
    assert_eq!(count.try_get_by_index::<i64>(0).unwrap(), 20_000);
}
