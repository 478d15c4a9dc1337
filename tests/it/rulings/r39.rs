//! R39 a number is active in one tenant, and keeps its name when it is given back.

use lineguard::wire::change::change_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::{Change, ListValue, MemberList, NumberList};
use lineguard_core::facts::Capabilities;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use tonic::{Code, Status};

use crate::ask::{ask, service, user};
use crate::caller_id::{caller_id, to_user};
use crate::changes::default_number;
use crate::harness::{Harness, product};
use crate::writing::{admin, again, expect, export, fields, import, index};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

fn add(number: &str, account: &str, active: bool) -> Change {
    let capabilities = Capabilities { voice: true, fax: true, message: true };
    let (account, number) = (ids::account(account), ids::number(number));
    Change::AddNumber { account, number, capabilities, active }
}

fn switch(active: bool) -> Change {
    Change::SetNumberActive { number: ids::number(N1), active }
}

fn remove(number: &str) -> Change {
    Change::RemoveNumber { number: ids::number(number) }
}

/// A tenant whose person presents the number, and another tenant.
async fn two(harness: &Harness) {
    let granted = product("nuacom").account("home").number(N1).member("me").role("nonadmin");
    harness.build(granted.granted(&[N1])).await;
    harness.build(world("t2").account("there")).await;
}

/// Applies a change to `t2`.
async fn by(
    harness: &Harness,
    actor: pb::Subject,
    request: &str,
    change: &Change,
) -> Result<pb::ApplyResponse, Status> {
    let request = pb::ApplyRequest {
        tenant: "t2".into(),
        actor: Some(actor),
        request_id: request.into(),
        if_exists: 0,
        changes: vec![change_to_wire(change)],
    };
    admin(harness).apply(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn r39_a_number_moves_to_another_tenant_by_deactivation_and_then_activation() {
    let harness = Harness::start().await;
    two(&harness).await;
    let there = async |request, change| by(&harness, service("portal"), request, &change).await;
    let refused = there("first", add(N1, "there", true)).await;
    expect(refused, Code::FailedPrecondition, "REFUSED", &["changes[0].add_number.active"]);
    caller_id("me", "home").number(N1).send(&harness).await.is(N1, "REQUESTED");
    harness.apply([switch(false)]).await;
    caller_id("me", "home").number(N1).send(&harness).await.denies("NUMBER_INACTIVE");
    there("second", add(N1, "there", true)).await.unwrap();
    assert_eq!(harness.refuses(switch(true)).await.field, "active");
    caller_id("me", "home").number(N1).send(&harness).await.denies("NUMBER_INACTIVE");
    harness.stop().await;
}

#[tokio::test]
async fn r39_a_refusal_does_not_tell_whether_another_tenant_has_the_number() {
    let harness = Harness::start().await;
    two(&harness).await;
    let refusal = |answer: Result<pb::ApplyResponse, Status>| {
        let status = answer.unwrap_err();
        (status.code(), status.message().to_owned(), status.details().to_vec(), fields(&status))
    };
    for number in [N1, N2] {
        let answer = by(&harness, user("ada"), number, &add(number, "there", true)).await.unwrap();
        assert_eq!((answer.changed, answer.warnings.len()), (1, 1));
        assert_eq!(answer.warnings[0].text, "the number is inactive until it is provisioned");
    }
    let switch = |number| Change::SetNumberActive { number: ids::number(number), active: true };
    let taken = refusal(by(&harness, user("ada"), "taken", &switch(N1)).await);
    let free = refusal(by(&harness, user("ada"), "free", &switch(N2)).await);
    let second = refusal(by(&harness, service("portal"), "second", &switch(N1)).await);
    assert_eq!(taken, free);
    assert_eq!(taken, second);
    assert_eq!(taken.3, ["changes[0].set_number_active.active"]);
    assert_eq!(by(&harness, service("portal"), "third", &switch(N2)).await.unwrap().changed, 1);
    harness.stop().await;
}

#[tokio::test]
async fn r39_a_person_is_warned_that_they_cannot_activate_what_they_deactivate() {
    let harness = Harness::start().await;
    harness.build(world("t2").account("there").number(N2)).await;
    let off = Change::SetNumberActive { number: ids::number(N2), active: false };
    let on = Change::SetNumberActive { number: ids::number(N2), active: true };
    let first = by(&harness, user("ada"), "first", &off).await.unwrap();
    let texts: Vec<_> = first.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(texts, ["no person can make the number active again, only a provisioning service"]);
    let again = by(&harness, user("ada"), "again", &off).await.unwrap();
    assert_eq!((again.changed, again.warnings.len()), (0, 0), "it is inactive already");
    let refused = by(&harness, user("ada"), "refused", &on).await;
    expect(refused, Code::FailedPrecondition, "REFUSED", &["changes[0].set_number_active.active"]);
    assert_eq!(by(&harness, service("portal"), "portal", &on).await.unwrap().changed, 1);
    let by_service = by(&harness, service("portal"), "off", &off).await.unwrap();
    assert_eq!((by_service.changed, by_service.warnings.len()), (1, 0));
    harness.stop().await;
}

#[tokio::test]
async fn r39_what_keeps_a_number_is_named() {
    let harness = Harness::start().await;
    let team = product("standard").account("home").number(N1).number(N2);
    let team = team.member("ann").access(&[N1]).granted(&[N1]).member("bob").access(&[N1]);
    let target = lineguard_core::change::NumberTarget::Faxbox(ids::faxbox("box"));
    let routed = Change::SetNumberTarget { number: ids::number(N2), target, on: true };
    harness.build(team.faxbox("box").change(routed)).await;
    let box_has_it = harness.refuses(remove(N2)).await;
    let words = "the faxbox `box` receives faxes of the number; take it out first";
    assert_eq!((&*box_has_it.field, &*box_has_it.problem), ("number", words));
    let member = "a list, the default or an override of the member `user:ann` names the number";
    let refusal = harness.refuses(remove(N1)).await;
    assert_eq!(refusal.field, "number");
    assert_eq!(refusal.problem, format!("{member}, and 1 more name it; take it out first"));
    harness.stop().await;
}

#[tokio::test]
async fn r39_nothing_is_routed_on_a_number_that_is_not_active() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).member("boss").role("admin");
    harness.build(team.member("ann").auto_assign(&[N1])).await;
    let arrived = |id| {
        let mut fax = received(id, "team", 0);
        fax.number = Some(ids::number(N1));
        fax
    };
    assert_eq!(harness.register(arrived("before")).await.assignee, recipient("ann"));
    harness.apply([switch(false)]).await;
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients, []);
    let skipped: Vec<_> = answer.skipped.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(skipped, ["NUMBER_INACTIVE"]);
    assert_eq!(answer.skipped[0].target, Some(to_user("ann")));
    // What arrived all the same is registered, and lies in its account.
    let late = harness.register(arrived("late")).await;
    assert_eq!((late.number.as_str(), late.assignee), (N1, None));
    harness.apply([switch(true)]).await;
    assert_eq!(harness.register(arrived("after")).await.assignee, recipient("ann"));
    harness.stop().await;
}

fn recipient(id: &str) -> Option<pb::UserOrGroup> {
    Some(pb::UserOrGroup { kind: Some(pb::user_or_group::Kind::User(user(id))) })
}

/// A team with a fax on a number that it gives back.
fn gives_back() -> World {
    let team = product("standard").account("home").account("branch").enter("home");
    team.number(N1).number(N2).received("f1", N1, 1).member("boss").role("administrator")
}

async fn given_back() -> Harness {
    let harness = Harness::start().await;
    harness.build(gives_back()).await;
    harness.apply([remove(N1)]).await;
    harness
}

async fn stored(harness: &Harness, fax: &str) -> pb::Fax {
    let request = pb::GetFaxRequest { tenant: "t1".into(), fax: fax.into() };
    index(harness).get_fax(request).await.unwrap().into_inner().fax.unwrap()
}

#[tokio::test]
async fn r39_a_fax_keeps_the_number_that_was_given_back() {
    let harness = given_back().await;
    assert_eq!(stored(&harness, "f1").await.number, N1);
    assert_eq!(harness.visible_faxes("boss", "home").await[0].number, N1);
    let view = |number: &str| {
        let number = number.to_owned();
        ask("boss", "home", "fax.view").on("f1").facts(move |facts| facts.number = Some(number))
    };
    view(N1).send(&harness).await.allows();
    view(N2).send(&harness).await.misses("resource.properties.number");
    // One that was sent before, and is told only now.
    let mut late = received("late", "home", 2);
    late.number = Some(ids::number(N1));
    late.direction = lineguard_core::model::reach::Direction::Outbound;
    assert_eq!(harness.register(late).await.number, N1);
    harness.stop().await;
}

#[tokio::test]
async fn r39_a_number_that_was_given_back_is_like_one_that_never_was() {
    let never = "+15550100000";
    let harness = given_back().await;
    let asked = async |number: &str| {
        let presented = caller_id("boss", "home").number(number).send(&harness).await;
        presented.denies("NOT_GRANTED");
        format!("{:?}", presented.0).replace(number, "")
    };
    assert_eq!(asked(N1).await, asked(never).await);
    for number in [N1, never] {
        let request = pb::ResolveAutoAssignRequest {
            tenant: "t1".into(),
            number: number.to_owned(),
            consistency: None,
        };
        expect(
            harness.client().resolve_auto_assign(request).await,
            Code::NotFound,
            "NOT_FOUND",
            &[],
        );
        let key = pb::ObjectKey { kind: Some(pb::object_key::Kind::Number(number.to_owned())) };
        let request = pb::GetRequest { tenant: "t1".into(), key: Some(key) };
        expect(admin(&harness).get(request).await, Code::NotFound, "NOT_FOUND", &[]);
        let these = ListValue::These(vec![ids::number(number)]);
        let list = MemberList::Numbers(NumberList::Access, these);
        let (account, subject) = (ids::account("home"), ids::user("boss"));
        assert_eq!(harness.misses(Change::SetList { account, subject, list }).await.field, "list");
        let default = default_number("home", "boss", number);
        assert_eq!(harness.misses(default).await.field, "number");
    }
    let viewed = async |number: &str| {
        let answer = ask("boss", "home", "number.view").on(number).send(&harness).await;
        answer.denies(pb::Reason::OutOfReach).clone()
    };
    assert_eq!(viewed(N1).await, viewed(never).await);
    harness.stop().await;
}

#[tokio::test]
async fn r39_a_list_of_numbers_is_complete_without_those_given_back() {
    let harness = Harness::start().await;
    let numbers: Vec<String> = (0..9).map(|at| format!("+1555010000{at}")).collect();
    let told = product("standard").account("home");
    harness.build(numbers.iter().fold(told, |told, number| told.number(number))).await;
    let gone = [0, 1, 2, 4, 8];
    harness.apply(gone.map(|at| remove(&numbers[at]))).await;
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListRequest {
            tenant: "t1".into(),
            kind: pb::ObjectKind::Number.into(),
            account: None,
            page_size: 2,
            page_token,
        };
        let page = admin(&harness).list(request).await.unwrap().into_inner();
        assert_eq!(page.objects.len(), 2);
        for object in page.objects {
            let Some(pb::object::Kind::Number(number)) = object.kind else { panic!("no number") };
            listed.push(number.number);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [3, 5, 6, 7].map(|at| numbers[at].clone()));
    harness.stop().await;
}

#[tokio::test]
async fn r39_an_export_brings_the_numbers_that_were_given_back() {
    let harness = given_back().await;
    let before = stored(&harness, "f1").await;
    let parts = export(&harness, "t1").await;
    let fresh = Harness::start().await;
    for (request, faxes) in [("once", 1), ("twice", 0)] {
        let results = import(&fresh, again("t1", request, &parts)).await;
        let imported = results[0].as_ref().unwrap();
        assert_eq!((imported.registered_faxes, imported.warnings.len()), (faxes, 0));
        assert_eq!(imported.changed > 0, request == "once", "{imported:?}");
    }
    assert_eq!(stored(&fresh, "f1").await, before);
    let mut same = export(&fresh, "t1").await;
    same.iter_mut().zip(&parts).for_each(|(one, other)| one.revision = other.revision);
    assert_eq!(same, parts);
    // It is not in use there either.
    let number = Change::SetNumberActive { number: ids::number(N1), active: true };
    assert_eq!(fresh.misses(number).await.field, "number");
    fresh.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn r39_an_account_goes_without_the_numbers_that_it_gave_back() {
    let harness = Harness::start().await;
    harness.build(gives_back()).await;
    let change = Change::MoveNumber { number: ids::number(N1), account: ids::account("branch") };
    harness.apply([change, remove(N1)]).await;
    harness.apply([Change::RemoveAccount { account: ids::account("branch") }]).await;
    assert_eq!(stored(&harness, "f1").await.number, N1);
    let parts = export(&harness, "t1").await;
    let fresh = Harness::start().await;
    import(&fresh, again("t1", "again", &parts)).await[0].as_ref().unwrap();
    assert_eq!(stored(&fresh, "f1").await.number, N1);
    fresh.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn r39_a_number_that_comes_back_is_the_one_that_the_faxes_name() {
    let harness = given_back().await;
    harness.apply([add(N1, "branch", true)]).await;
    assert_eq!(stored(&harness, "f1").await.number, N1);
    let elsewhere = harness.write(vec![add(N1, "home", true)]).await;
    let named = ["changes[0].add_number.number"];
    expect(elsewhere, Code::AlreadyExists, "ALREADY_EXISTS", &named);
    harness.stop().await;
}
