//! What is not a question gets a typed error that names the field.

use lineguard::wire::pb::{self, Effect, Reason};
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::ask::{Answer, Ask, ask, user};
use crate::changes::{default_number, fault, fax_in, list, numbers};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const N9: &str = "+15550100009";

/// The violations of a request that cannot be read: each field with what is wrong with it.
#[track_caller]
pub fn violations(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.domain, &*info.reason), ("lineguard.v1", "INVALID_REQUEST"));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|one| (one.field, one.description)).collect()
}

/// The same of an answer.
#[track_caller]
pub fn violations_of(answer: &Answer) -> Vec<(String, String)> {
    match answer {
        Answer::Error(status) => violations(status),
        Answer::Decision(decision) => panic!("expected an error, came {decision:?}"),
    }
}

/// Fails unless this one field is wrong, and the description says this.
#[track_caller]
pub fn names(found: &[(String, String)], field: &str, problem: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, field);
    assert!(found[0].1.contains(problem), "{found:?}");
}

/// A portal with a faxbox, somebody in it, and a fax.
pub fn portal() -> World {
    let portal = product("retarus").account("home").number(N1).faxbox("box");
    portal.member("me").role("user").join("me", "box").fax(fax_in("f1", "home", "box"))
}

/// The answer to a question that is not in the words of a test.
pub async fn check(harness: &Harness, message: pb::CheckRequest) -> Result<pb::Decision, Status> {
    Ok(harness.client().check(message).await?.into_inner().decision.unwrap())
}

#[tokio::test]
async fn everything_that_is_missing_is_told_at_once() {
    let harness = Harness::start().await;
    let status = check(&harness, pb::CheckRequest::default()).await.unwrap_err();
    let mut fields: Vec<_> = violations(&status).into_iter().map(|(field, _)| field).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["account", "action", "resource", "subject", "tenant"]);
}

#[tokio::test]
async fn an_unknown_action_or_type_is_an_error_with_a_suggestion() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let named = |action: &str, ty: &str| {
        let mut message = ask("me", "home", "fax.view").on("f1").message();
        message.action = Some(pb::Action { name: action.into() });
        message.resource.as_mut().unwrap().r#type = ty.into();
        message
    };
    let faults = async |message| violations(&check(&harness, message).await.unwrap_err());
    let found = faults(named("fax.veiw", "fax")).await;
    names(&found, "action.name", "did you mean `fax.view`?");
    names(&faults(named("fax.view", "faxs")).await, "resource.type", "did you mean `fax`?");
    // A known type that the action does not act on.
    names(&faults(named("fax.view", "call")).await, "resource.type", "`fax`");
    // Nothing is near enough to be suggested.
    names(&faults(named("xyzzyxyzzy", "fax")).await, "action.name", "unknown action");
    names(&faults(named("", "fax")).await, "action.name", "must not be empty");
    names(&faults(named("fax.view", "")).await, "resource.type", "must not be empty");
    // Names are compared byte for byte.
    names(&faults(named("Fax.View", "fax")).await, "action.name", "unknown action");
}

#[tokio::test]
async fn an_unknown_model_is_refused_and_nothing_is_left_of_its_tenant() {
    let harness = Harness::start().await;
    let batch = world("t9").model("no such text").account("home").member("me").batch();
    let request = pb::ApplyRequest {
        tenant: "t9".into(),
        ..crate::writing::changes("create", &batch.changes)
    };
    let status = crate::writing::admin(&harness).apply(request).await.unwrap_err();
    names(&violations(&status), "changes[0].create_tenant.model", "digest");
    assert!(harness.app.store.snapshot(&ids::tenant("t9")).await.unwrap().is_none());
}

type Place = fn(&mut pb::CheckRequest, &str);

/// Every place of a question that takes an identifier of the caller's.
const PLACES: [(&str, Place); 10] = [
    ("tenant", |message, id| message.tenant = id.into()),
    ("subject.id", |message, id| message.subject.as_mut().unwrap().id = id.into()),
    ("account", |message, id| message.account = id.into()),
    ("resource.id", |message, id| message.resource.as_mut().unwrap().id = Some(id.into())),
    ("resource.properties.account", |message, id| facts(message).account = Some(id.into())),
    ("resource.properties.faxbox", |message, id| facts(message).faxbox = Some(id.into())),
    ("resource.properties.creator.id", |message, id| facts(message).creator = Some(user(id))),
    ("resource.properties.assignee.group", |message, id| {
        let kind = Some(pb::user_or_group::Kind::Group(id.into()));
        facts(message).assignee = Some(pb::UserOrGroup { kind });
    }),
    ("resource.properties.labels.labels[1]", |message, id| {
        facts(message).labels = Some(pb::Labels { labels: vec!["red".into(), id.into()] });
    }),
    ("context.locked_by.id", |message, id| {
        message.context.get_or_insert_default().locked_by = Some(user(id));
    }),
];

fn facts(message: &mut pb::CheckRequest) -> &mut pb::Facts {
    message.resource.as_mut().unwrap().properties.get_or_insert_default()
}

#[tokio::test]
async fn ids_that_are_empty_too_long_or_unprintable_are_errors_in_every_place() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let long = "x".repeat(129);
    let bad = [
        ("", "must not be empty"),
        (long.as_str(), "at most 128 bytes"),
        ("a\nb", "control characters"),
        ("a\0", "control characters"),
        ("\u{85}", "control characters"),
    ];
    for (field, put) in PLACES {
        for (id, problem) in bad {
            let mut message = ask("me", "home", "fax.send").message();
            put(&mut message, id);
            names(&violations(&check(&harness, message).await.unwrap_err()), field, problem);
        }
        // The longest one there may be is well formed; a fact may be missing besides.
        let mut message = ask("me", "home", "fax.view").message();
        put(&mut message, &"x".repeat(128));
        if let Err(status) = check(&harness, message).await {
            assert_eq!(status.get_details_error_info().unwrap().reason, "MISSING_FACT", "{field}");
        }
    }
}

#[tokio::test]
async fn ids_that_differ_in_case_or_blanks_are_other_ids() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let view = || ask("me", "home", "fax.view").on("f1").message();
    assert_eq!(check(&harness, view()).await.unwrap().effect(), Effect::Allow);
    let denied = async |change: fn(&mut pb::CheckRequest, &str), id: &str, reason: Reason| {
        let mut message = view();
        change(&mut message, id);
        let decision = check(&harness, message).await.unwrap();
        assert_eq!((decision.effect(), decision.reason()), (Effect::Deny, reason), "{id:?}");
    };
    let stranger = Reason::NotAMemberOfActingAccount;
    for id in ["T1", "t1 ", " t1"] {
        denied(PLACES[0].1, id, stranger).await;
    }
    for id in ["Me", "me ", " me", "mé"] {
        denied(PLACES[1].1, id, stranger).await;
    }
    for id in ["Home", "home ", "HOME"] {
        denied(PLACES[2].1, id, stranger).await;
    }
    for id in ["F1", "f1 ", " f1"] {
        denied(PLACES[3].1, id, Reason::RequirementNotMet).await;
    }
    // They are ids like any others; but nothing new has a blank at an end.
    let changes = [
        crate::changes::member("home", "Me", &["user"]),
        crate::changes::member("home", "mé", &["user"]),
    ];
    assert_eq!(harness.apply(changes).await.changed, 2);
    let blank = crate::changes::member("home", "me ", &["user"]);
    let fault = harness.finds_invalid(blank).await;
    assert_eq!(fault.field, "subject");
    assert!(fault.problem.contains("blank"), "{fault:?}");
    denied(PLACES[1].1, "Me", Reason::RequirementNotMet).await;
}

#[tokio::test]
async fn numbers_subjects_and_enumerations_have_a_form() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let faults = async |asked: Ask| violations_of(&asked.send(&harness).await);
    let sends = |number: &str| {
        let number = number.to_owned();
        ask("me", "home", "fax.send").facts(|fax| fax.number = Some(number))
    };
    for number in ["15550100001", "+0123456789", "+1 555 0100", "+1555", "", "+1555010000123456"] {
        names(&faults(sends(number)).await, "resource.properties.number", "");
    }
    names(&faults(ask("me", "home", "number.view").on("5550100")).await, "resource.id", "E.164");
    names(&faults(ask("me", "home", "member.view").on("me")).await, "resource.id", "qualified");
    let mut message = ask("me", "home", "fax.view").message();
    message.subject.as_mut().unwrap().r#type = "usr".into();
    let found = violations(&check(&harness, message).await.unwrap_err());
    names(&found, "subject.type", "did you mean `user`?");
    let asked = ask("me", "home", "fax.view").facts(|fax| fax.direction = Some(0));
    names(&faults(asked).await, "resource.properties.direction", "");
    let asked = ask("me", "home", "fax.view").facts(|fax| fax.state = Some(99));
    names(&faults(asked).await, "resource.properties.state", "");
    let asked = ask("me", "home", "fax.view").context(|context| context.channel = 99);
    names(&faults(asked).await, "context.channel", "");
    // A fact that the type does not have, and one that is set and absent.
    let asked = ask("me", "home", "fax.view").facts(|fax| fax.queue = Some("q".into()));
    names(&faults(asked).await, "resource.properties.queue", "no fact");
    let asked = ask("me", "home", "fax.send").facts(|fax| {
        fax.faxbox = Some("box".into());
        fax.absent = vec!["faxbox".into()];
    });
    names(&faults(asked).await, "resource.properties.faxbox", "absent");
}

#[tokio::test]
async fn a_target_is_sent_where_the_action_has_one() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let faults = async |asked: Ask| violations_of(&asked.send(&harness).await);
    let asked = ask("me", "home", "fax.view").on("f1").target("fax", None, |_| ());
    names(&faults(asked).await, "target", "takes no target");
    let asked = ask("me", "home", "fax.move").on("f1").target("fax", None, |_| ());
    names(&faults(asked).await, "target.type", "`faxbox`");
    names(&faults(ask("me", "home", "role.assign").on("user:me")).await, "target", "confers");
    let asked = ask("me", "home", "role.assign").on("user:me").target("role", None, |_| ());
    names(&faults(asked).await, "target.id", "required");
}

#[tokio::test]
async fn facts_that_contradict_the_resource_are_errors_that_name_them() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let faults = async |set: fn(&mut pb::Facts)| {
        let asked = ask("me", "home", "fax.view").on("f1").facts(set);
        violations_of(&asked.send(&harness).await)
    };
    type Set = fn(&mut pb::Facts);
    let contradictions: [(&str, Set); 7] = [
        ("account", |fax| fax.account = Some("other".into())),
        ("faxbox", |fax| fax.faxbox = Some("other".into())),
        ("number", |fax| fax.number = Some(N1.into())),
        ("creator", |fax| fax.creator = Some(user("me"))),
        ("direction", |fax| fax.direction = Some(pb::Direction::Outbound.into())),
        ("state", |fax| fax.state = Some(pb::FaxState::Trash.into())),
        ("labels", |fax| fax.labels = Some(pb::Labels { labels: vec!["red".into()] })),
    ];
    for (fact, set) in contradictions {
        names(&faults(set).await, &format!("resource.properties.{fact}"), "not what is stored");
    }
    // Facts that agree change nothing, and neither does a known absence of what is absent.
    let agreeing = ask("me", "home", "fax.view").on("f1").facts(|fax| {
        fax.account = Some("home".into());
        fax.faxbox = Some("box".into());
        fax.direction = Some(pb::Direction::Inbound.into());
        fax.absent = vec!["number".into(), "creator".into()];
    });
    agreeing.send(&harness).await.allows_by("fax.view");
}

#[tokio::test]
async fn a_batch_has_1_to_1000_questions_and_each_gets_its_own_answer() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let question = || ask("me", "home", "fax.view").on("f1").message();
    let batch = async |checks: Vec<pb::CheckRequest>| {
        harness.client().batch_check(pb::BatchCheckRequest { checks, consistency: None }).await
    };
    let too_many = batch(vec![question(); 1_001]).await.unwrap_err();
    names(&violations(&too_many), "checks", "1001");
    names(&violations(&batch(vec![]).await.unwrap_err()), "checks", "must not be empty");

    let mut checks = vec![question(); 1_000];
    checks[7].action = Some(pb::Action { name: "fax.veiw".into() });
    checks[8].tenant = "T1".into();
    let results = batch(checks).await.unwrap().into_inner().results;
    assert_eq!(results.len(), 1_000);
    for (i, result) in results.into_iter().enumerate() {
        match (i, result.result.unwrap()) {
            (7, pb::check_result::Result::Error(error)) => {
                assert_eq!(error.code, i32::from(Code::InvalidArgument));
                assert_eq!(error.reason, "INVALID_REQUEST");
                assert_eq!(error.field_violations[0].field, "action.name");
            }
            (8, pb::check_result::Result::Decision(decision)) => {
                assert_eq!(decision.reason(), Reason::NotAMemberOfActingAccount);
            }
            (_, pb::check_result::Result::Decision(decision)) => {
                assert_eq!(decision.effect(), Effect::Allow);
            }
            (_, error) => panic!("{i}: {error:?}"),
        }
    }
}

/// A question for the second page of a list.
pub fn page(who: &str, account: &str, token: &str) -> pb::ListVisibleFaxesRequest {
    pb::ListVisibleFaxesRequest {
        tenant: "t1".into(),
        subject: Some(user(who)),
        account: account.into(),
        page_size: 2,
        page_token: token.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_page_token_is_of_one_query_and_cannot_be_altered() {
    let harness = Harness::start().await;
    let faxes = |mut world: World| {
        for i in 0..5 {
            world = world.fax(received(&format!("f{i}"), "team", i));
        }
        world.member("me").role("admin").member("you").role("admin")
    };
    harness.build(faxes(product("ifax").account("team"))).await;
    harness.build(faxes(world("t2").model(text_of("ifax")).account("team"))).await;

    let list = async |request| harness.client().list_visible_faxes(request).await;
    let first = list(page("me", "team", "")).await.unwrap().into_inner();
    let token = first.next_page_token;
    assert_ne!(token, "");
    // The size of the page is no part of the query.
    let next = pb::ListVisibleFaxesRequest { page_size: 100, ..page("me", "team", &token) };
    assert_eq!(list(next).await.unwrap().into_inner().faxes.len(), 3);

    let mut others = vec![
        ("another subject", page("you", "team", &token)),
        ("another account", page("me", "other", &token)),
        ("another tenant", {
            let tenant = "t2".into();
            pb::ListVisibleFaxesRequest { tenant, ..page("me", "team", &token) }
        }),
        ("a filter", {
            let direction = pb::Direction::Inbound.into();
            pb::ListVisibleFaxesRequest { direction, ..page("me", "team", &token) }
        }),
        ("a state", {
            let states = vec![pb::FaxState::Active.into()];
            pb::ListVisibleFaxesRequest { states, ..page("me", "team", &token) }
        }),
        ("a channel", {
            let channel = pb::Channel::Web.into();
            pb::ListVisibleFaxesRequest { channel, ..page("me", "team", &token) }
        }),
        ("half of it", page("me", "team", token.get(..token.len() / 2).unwrap())),
        ("something else", page("me", "team", "no token at all")),
        ("far too long", page("me", "team", &"x".repeat(10_000))),
    ];
    for at in [0, token.len() / 2, token.len() - 1] {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        others.push(("altered", page("me", "team", &altered)));
    }
    for (what, request) in others {
        println!("{what}");
        let status = list(request).await.unwrap_err();
        names(&violations(&status), "page_token", "not a token of this list");
    }
    let negative = pb::ListVisibleFaxesRequest { page_size: -1, ..page("me", "team", "") };
    names(&violations(&list(negative).await.unwrap_err()), "page_size", "negative");

    // A token of one list is none of another.
    let accounts = pb::ListAccountsRequest {
        subject: Some(user("me")),
        page_token: token,
        ..Default::default()
    };
    let status = harness.client().list_accounts(accounts).await.unwrap_err();
    names(&violations(&status), "page_token", "not a token of this list");
}

#[tokio::test]
async fn writes_that_name_a_second_target_or_a_foreign_number_change_nothing() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).member("me").role("receiver");
    let team = team.access(&[]).auto_assign(&[N1]).member("you").role("receiver");
    harness.build(team).await;
    harness.build(world("t2").model(text_of("ifax")).account("team").number(N2)).await;
    let auto_assign = |number: &str| {
        list("team", "you", numbers(lineguard_core::change::NumberList::AutoAssign, &[number]))
    };
    let harmless = || crate::changes::level("team", "me", "all_team");
    // The fault is in the second change, and the first one is gone with it.
    let second = harness.write(vec![harmless(), auto_assign(N1)]).await;
    let second = fault(Code::FailedPrecondition, second);
    assert_eq!((second.change, &*second.field), (1, "list"));
    let foreign = harness.write(vec![harmless(), default_number("team", "me", N2)]).await;
    let foreign = fault(Code::NotFound, foreign);
    assert_eq!((foreign.change, &*foreign.field), (1, "number"));
    // A number of another tenant is answered like one that does not exist.
    let unknown = harness.write(vec![harmless(), default_number("team", "me", N9)]).await;
    assert_eq!(fault(Code::NotFound, unknown), foreign);

    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients[0].target, Some(crate::caller_id::to_user("me")));
    assert!(!answer.recipients[0].visible_to_target, "the level is what it was");
}

#[tokio::test]
async fn the_other_questions_name_their_fields_too() {
    let harness = Harness::start().await;
    let mut client = harness.client();
    let fields = |status: &Status| {
        let mut fields: Vec<_> = violations(status).into_iter().map(|(field, _)| field).collect();
        fields.sort_unstable();
        fields
    };
    let status = client.list_visible_faxes(pb::ListVisibleFaxesRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["account", "subject", "tenant"]);
    let status = client.get_visibility(pb::GetVisibilityRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["account", "action", "subject", "tenant"]);
    let status = client.resolve_caller_id(pb::ResolveCallerIdRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["account", "subject", "tenant", "used_for"]);
    let status = client.resolve_auto_assign(pb::ResolveAutoAssignRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["number", "tenant"]);
    let status = client.list_permissions(pb::ListPermissionsRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["account", "subject", "tenant"]);
    let status = client.list_accounts(pb::ListAccountsRequest::default()).await;
    assert_eq!(fields(&status.unwrap_err()), ["subject"]);
    let late = pb::ListVisibleFaxesRequest {
        before: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        not_before: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        ..page("me", "home", "")
    };
    let status = client.list_visible_faxes(late).await.unwrap_err();
    assert_eq!(fields(&status), ["before", "not_before"]);
}
