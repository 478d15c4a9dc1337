//! The fax index.

use lineguard::wire::change::new_fax_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::register::AHEAD;
use lineguard_core::change::{Change, NewFax, NumberTarget};
use lineguard_core::id::Timestamp;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, World, received, world};
use tonic::{Code, Status};

use crate::ask::user;
use crate::harness::Harness;
use crate::writing::{expect, index};

/// Assigned to ada, to the team, and put into the box.
const NUMBERS: [&str; 3] = ["+15550100", "+15550101", "+15550102"];

fn routed() -> World {
    let to = |number: &str, target| Change::SetNumberTarget {
        number: ids::number(number),
        target,
        on: true,
    };
    NUMBERS
        .into_iter()
        .fold(world("t1").account("home"), World::number)
        .group("team", &["admin"])
        .faxbox("box")
        .member("ada")
        .auto_assign(&[NUMBERS[0]])
        .member("bob")
        .in_group("bob", "team")
        .change(to(NUMBERS[1], NumberTarget::Group(ids::group("team"))))
        .change(to(NUMBERS[2], NumberTarget::Faxbox(ids::faxbox("box"))))
}

fn on(id: &str, number: &str) -> NewFax {
    NewFax { number: Some(ids::number(number)), ..received(id, "home", 0) }
}

async fn register(harness: &Harness, fax: &NewFax) -> Result<pb::RegisterFaxResponse, Status> {
    let request = pb::RegisterFaxRequest {
        tenant: "t1".into(),
        actor: Some(user("router")),
        request_id: String::new(),
        fax: Some(new_fax_to_wire(fax)),
    };
    index(harness).register_fax(request).await.map(tonic::Response::into_inner)
}

async fn get(harness: &Harness, fax: &str) -> Result<pb::Fax, Status> {
    let request = pb::GetFaxRequest { tenant: "t1".into(), fax: fax.into() };
    Ok(index(harness).get_fax(request).await?.into_inner().fax.unwrap())
}

fn to_user(id: &str) -> Option<pb::UserOrGroup> {
    Some(pb::UserOrGroup { kind: Some(pb::user_or_group::Kind::User(user(id))) })
}

#[tokio::test]
async fn a_received_fax_goes_where_its_number_says() {
    let harness = Harness::start().await;
    let built = harness.build(routed()).await;
    let answer = register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    assert!(answer.created);
    assert_eq!(answer.revision, built.revision.0, "registering raises no revision");
    let fax = answer.fax.unwrap();
    assert_eq!((fax.assignee.clone(), fax.faxbox.as_str()), (to_user("ada"), ""));
    assert_eq!(get(&harness, "f1").await.unwrap(), fax);

    let fax = register(&harness, &on("f2", NUMBERS[1])).await.unwrap().fax.unwrap();
    let team = pb::user_or_group::Kind::Group("team".into());
    assert_eq!(fax.assignee, Some(pb::UserOrGroup { kind: Some(team) }));
    let fax = register(&harness, &on("f3", NUMBERS[2])).await.unwrap().fax.unwrap();
    assert_eq!((fax.assignee, fax.faxbox.as_str()), (None, "box"));

    let sent = NewFax { direction: Direction::Outbound, ..on("f4", NUMBERS[0]) };
    let fax = register(&harness, &sent).await.unwrap().fax.unwrap();
    assert_eq!((fax.assignee, fax.faxbox.as_str()), (None, ""));
    harness.stop().await;
}

#[tokio::test]
async fn the_same_fax_again_is_success_and_another_with_its_id_is_not() {
    let harness = Harness::start().await;
    harness.build(routed()).await;
    register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    let again = register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    assert!(!again.created);
    let other = register(&harness, &on("f1", NUMBERS[1])).await;
    expect(other, Code::AlreadyExists, "ALREADY_EXISTS", &["fax.fax"]);

    let delete = || pb::DeleteFaxRequest {
        tenant: "t1".into(),
        actor: Some(user("router")),
        request_id: "delete".into(),
        fax: "f1".into(),
    };
    let deleted = index(&harness).delete_fax(delete()).await.unwrap().into_inner();
    assert_eq!((deleted.changed, deleted.repeated), (true, false));
    // A repeat of the request has the first result, and says so.
    let again = index(&harness).delete_fax(delete()).await.unwrap().into_inner();
    assert_eq!((again.changed, again.repeated, again.revision), (true, true, deleted.revision));
    expect(get(&harness, "f1").await, Code::NotFound, "NOT_FOUND", &[]);
    let back = register(&harness, &on("f1", NUMBERS[0])).await;
    expect(back, Code::AlreadyExists, "ALREADY_EXISTS", &["fax.fax"]);
    harness.stop().await;
}

#[tokio::test]
async fn each_fax_of_a_batch_gets_its_own_answer() {
    use pb::register_fax_result::Result as Wire;

    let harness = Harness::start().await;
    harness.build(routed()).await;
    register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    let mut unreadable = new_fax_to_wire(&on("f2", NUMBERS[0]));
    unreadable.state = 0;
    let request = pb::BatchRegisterFaxesRequest {
        tenant: "t1".into(),
        actor: Some(user("router")),
        request_id: "batch".into(),
        faxes: vec![
            new_fax_to_wire(&on("f1", NUMBERS[0])),
            unreadable,
            new_fax_to_wire(&on("f3", "+15559999")),
            new_fax_to_wire(&on("f4", NUMBERS[2])),
        ],
    };
    let answer = index(&harness).batch_register_faxes(request).await.unwrap().into_inner();
    let told: Vec<String> = answer
        .results
        .into_iter()
        .map(|item| match item.result.unwrap() {
            Wire::Registered(one) => format!("{} {}", one.fax.unwrap().fax, one.created),
            Wire::Error(error) => format!("{} {}", error.reason, error.field_violations[0].field),
        })
        .collect();
    assert_eq!(told, ["f1 false", "INVALID_REQUEST state", "NOT_FOUND number", "f4 true"]);
    expect(get(&harness, "f2").await, Code::NotFound, "NOT_FOUND", &[]);
    harness.stop().await;
}

#[tokio::test]
async fn a_fax_is_assigned_moved_labelled_and_put_into_the_trash() {
    let harness = Harness::start().await;
    harness.build(routed()).await;
    register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    let (tenant, actor, fax) = ("t1".to_owned(), Some(user("ada")), "f1".to_owned());
    let assign = |who: &str, request: &str| pb::AssignFaxRequest {
        tenant: tenant.clone(),
        actor: actor.clone(),
        request_id: request.into(),
        fax: fax.clone(),
        assignee: to_user(who),
    };
    let mut client = index(&harness);
    assert!(client.assign_fax(assign("bob", "r1")).await.unwrap().into_inner().changed);
    assert!(!client.assign_fax(assign("bob", "r2")).await.unwrap().into_inner().changed);
    let reused = client.assign_fax(assign("ada", "r1")).await;
    expect(reused, Code::Aborted, "REQUEST_ID_REUSED", &[]);
    let stranger = client.assign_fax(assign("eve", "r3")).await;
    expect(stranger, Code::NotFound, "NOT_FOUND", &["assignee"]);

    let request = pb::MoveFaxRequest {
        tenant: tenant.clone(),
        actor: actor.clone(),
        request_id: "r4".into(),
        fax: fax.clone(),
        faxbox: Some("box".into()),
    };
    client.move_fax(request).await.unwrap();
    let request = pb::SetFaxLabelsRequest {
        tenant: tenant.clone(),
        actor: actor.clone(),
        request_id: "r5".into(),
        fax: fax.clone(),
        labels: vec!["b".into(), "a".into(), "b".into()],
    };
    client.set_fax_labels(request).await.unwrap();
    let state = |state: pb::FaxState, request: &str| pb::ChangeFaxStateRequest {
        tenant: tenant.clone(),
        actor: actor.clone(),
        request_id: request.into(),
        fax: fax.clone(),
        state: state.into(),
    };
    client.change_fax_state(state(pb::FaxState::Trash, "r6")).await.unwrap();
    let draft = client.change_fax_state(state(pb::FaxState::Draft, "r7")).await;
    expect(draft, Code::FailedPrecondition, "REFUSED", &["state"]);

    let read = get(&harness, "f1").await.unwrap();
    assert_eq!(read.assignee, to_user("bob"));
    assert_eq!((read.faxbox.as_str(), read.state()), ("box", pb::FaxState::Trash));
    assert_eq!(read.labels.len(), 2);
    harness.stop().await;
}

#[tokio::test]
async fn a_fax_keeps_the_name_of_a_number_that_is_removed() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home").number(NUMBERS[0])).await;
    register(&harness, &on("f1", NUMBERS[0])).await.unwrap();
    let remove = Change::RemoveNumber { number: ids::number(NUMBERS[0]) };
    crate::writing::apply(&harness, "r1", &[remove]).await.unwrap();
    assert_eq!(get(&harness, "f1").await.unwrap().number, NUMBERS[0]);
    let parts = crate::writing::export(&harness, "t1").await;
    let again = crate::writing::again("t1", "again", &parts);
    let results = crate::writing::import(&harness, again).await;
    assert_eq!(results[0].as_ref().unwrap().registered_faxes, 0);
    harness.stop().await;
}

/// What a registration must not say, whoever says it, and what is said about it.
#[tokio::test]
async fn a_fax_that_cannot_be_so_is_refused_by_its_field() {
    let harness = Harness::start().await;
    let told = routed().account("branch").number("+15550103").member("cyd");
    harness.build(told).await;
    harness.build(world("t2").account("home").number("+15550104")).await;
    let sent = |number: &str| NewFax {
        direction: Direction::Outbound,
        creator: Some(ids::user("ada")),
        ..on("f1", number)
    };
    let mut texts = std::collections::BTreeSet::new();
    // A child's, another tenant's, and nobody's.
    for number in ["+15550103", "+15550104", "+15550105"] {
        let refused = register(&harness, &sent(number)).await;
        texts.insert(refused.as_ref().unwrap_err().message().to_owned());
        expect(refused, Code::NotFound, "NOT_FOUND", &["fax.number"]);
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    let pending = NewFax { state: FaxState::Pending, creator: None, ..sent(NUMBERS[0]) };
    let refused = register(&harness, &pending).await;
    expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &["fax.creator"]);
    for at in [-1, NOW.0 + AHEAD + 1, 253_402_300_799_999] {
        let refused = register(&harness, &NewFax { at: Timestamp(at), ..sent(NUMBERS[0]) }).await;
        expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &["fax.at"]);
    }
    expect(get(&harness, "f1").await, Code::NotFound, "NOT_FOUND", &[]);
    // From a number of its account, or of one above it.
    let branch = NewFax { account: ids::account("branch"), ..sent(NUMBERS[0]) };
    assert!(register(&harness, &branch).await.unwrap().created);
    harness.stop().await;
}
