//! What is not a question gets a typed error that names the field; what does not exist and what may
//! not be seen get one answer.

use lineguard::wire::pb::{self, Effect, Reason};
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::port::ApplyError;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::ask::{Answer, Ask, ask, user};
use crate::changes::{default_number, fax_in, list, numbers};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const N9: &str = "+15550100009";

/// The violations of a request that cannot be read: each field with what is wrong with it.
#[track_caller]
fn violations(status: &Status) -> Vec<(String, String)> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.domain, &*info.reason), ("lineguard.v1", "INVALID_REQUEST"));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|one| (one.field, one.description)).collect()
}

#[track_caller]
fn violations_of(answer: &Answer) -> Vec<(String, String)> {
    match answer {
        Answer::Error(status) => violations(status),
        Answer::Decision(decision) => panic!("expected an error, came {decision:?}"),
    }
}

/// Fails unless this one field is wrong, and the description says this.
#[track_caller]
fn names(found: &[(String, String)], field: &str, problem: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, field);
    assert!(found[0].1.contains(problem), "{found:?}");
}

fn portal() -> World {
    let portal = product("retarus").account("home").number(N1).faxbox("box");
    portal.member("me").role("user").join("me", "box").fax(fax_in("f1", "home", "box"))
}

async fn check(harness: &Harness, message: pb::CheckRequest) -> Result<pb::Decision, Status> {
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
    let refused = harness.app.store.apply(&batch, lineguard_testkit::world::NOW).await;
    let Err(ApplyError::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!((faults[0].change, faults[0].field), (0, "model"));
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
        // The longest one there may be is an answer, not an error.
        let mut message = ask("me", "home", "fax.view").message();
        put(&mut message, &"x".repeat(128));
        if field != "resource.id" {
            facts(&mut message).absent = vec!["number".into()];
        }
        let _: pb::Decision = check(&harness, message).await.unwrap_or_default();
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
    // They are ids like any others.
    let changes = [
        crate::changes::member("home", "Me", &["user"]),
        crate::changes::member("home", "me ", &["user"]),
    ];
    assert_eq!(harness.apply(changes).await.changed, 2);
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
    let contradictions: [(&str, fn(&mut pb::Facts)); 7] = [
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
async fn a_contradiction_does_not_give_away_that_a_hidden_resource_exists() {
    let harness = Harness::start().await;
    let world = portal().faxbox("secret").fax(fax_in("hidden", "home", "secret"));
    harness.build(world).await;
    let asked = |fax: &str| {
        let asked = ask("me", "home", "fax.view").on(fax);
        asked.facts(|fax| fax.faxbox = Some("box".into())).message()
    };
    let hidden = check(&harness, asked("hidden")).await.unwrap();
    let unknown = check(&harness, asked("no-such-fax")).await.unwrap();
    assert_eq!(hidden, unknown);

    // The same for where a fax is to go.
    let moves = |faxbox: &str| {
        let asked = ask("me", "home", "fax.move").on("f1");
        asked.target("faxbox", Some(faxbox), |target| target.account = Some("x".into())).message()
    };
    let hidden = check(&harness, moves("secret")).await.unwrap();
    let unknown = check(&harness, moves("no-such-faxbox")).await.unwrap();
    assert_eq!(hidden, unknown);
    let known = check(&harness, moves("box")).await.unwrap_err();
    names(&violations(&known), "target.properties.account", "not what is stored");
}

#[tokio::test]
async fn a_contradiction_is_told_to_whoever_may_do_it_without_seeing_it() {
    let harness = Harness::start().await;
    // Ownership changes the faxbox and does not open it.
    let world = portal().faxbox("owned").change(crate::changes::faxbox_owner("me", "owned"));
    harness.build(world).await;
    let changes = ask("me", "home", "faxbox.update").on("owned");
    changes.clone().send(&harness).await.allows_by("faxbox.modify");
    let contradicting = changes.facts(|faxbox| faxbox.account = Some("x".into()));
    let found = violations_of(&contradicting.send(&harness).await);
    names(&found, "resource.properties.account", "not what is stored");
}

#[tokio::test]
async fn a_batch_has_1_to_1000_questions_and_each_gets_its_own_answer() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let question = || ask("me", "home", "fax.view").on("f1").message();
    let batch = async |checks: Vec<pb::CheckRequest>| {
        harness.client().batch_check(pb::BatchCheckRequest { checks }).await
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

fn page(who: &str, account: &str, token: &str) -> pb::ListVisibleFaxesRequest {
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
        ("half of it", page("me", "team", &token[..token.len() / 2])),
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
        let status = list(request).await.expect_err(what);
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
    let team = team.auto_assign(&[N1]).member("you").role("receiver");
    harness.build(team).await;
    harness.build(world("t2").model(text_of("ifax")).account("team").number(N2)).await;
    let auto_assign = |number: &str| {
        list("team", "you", numbers(lineguard_core::change::NumberList::AutoAssign, &[number]))
    };
    let harmless = || crate::changes::level("team", "me", "all_team");
    // The fault is in the second change, and the first one is gone with it.
    let second = harness.write(vec![harmless(), auto_assign(N1)]).await.unwrap_err();
    let ApplyError::Refused(fault) = second else { panic!("{second:?}") };
    assert_eq!((fault.change, fault.field), (1, "list"));
    let foreign = harness.write(vec![harmless(), default_number("team", "me", N2)]).await;
    let Err(ApplyError::NotFound(fault)) = foreign else { panic!("{foreign:?}") };
    assert_eq!((fault.change, fault.field), (1, "number"));
    // A number of another tenant is answered like one that does not exist.
    let unknown = harness.write(vec![harmless(), default_number("team", "me", N9)]).await;
    assert_eq!(unknown, Err(ApplyError::NotFound(fault)));

    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients[0].target, Some(crate::caller_id::to_user("me")));
    assert!(!answer.recipients[0].visible_to_target, "the level is what it was");
}

/// A tenant of two accounts with one of everything that is stored, and an administrator of one of
/// them who is nothing in the other.
fn neighbours() -> World {
    let root = product("standard").account("root").below("root", "mine").below("root", "theirs");
    let theirs = root.enter("theirs").number(N2).extension("202").queue("q2").faxbox("box2");
    let theirs = theirs.group("group2", &[]).member("you").role("administrator");
    let theirs = theirs.fax(fax_in("f2", "theirs", "box2"));
    theirs.enter("mine").faxbox("box1").member("me").role("administrator")
}

/// Something that exists in the other account, and something that does not exist, by type.
const STORED: [(&str, &str, &str); 8] = [
    ("account", "theirs", "nowhere"),
    ("member", "user:you", "user:nobody"),
    ("group", "group2", "group9"),
    ("number", N2, N9),
    ("extension", "202", "909"),
    ("queue", "q2", "q9"),
    ("faxbox", "box2", "box9"),
    ("fax", "f2", "f9"),
];

#[tokio::test]
async fn what_does_not_exist_and_what_may_not_be_seen_are_denied_in_the_same_bytes() {
    let harness = Harness::start().await;
    harness.build(neighbours()).await;
    let vocabulary = built_in_vocabulary();
    let mut compared = 0;
    for (ty, existing, unknown) in STORED {
        let actions = vocabulary.actions().filter(|(_, def)| {
            vocabulary.resource(def.resource).is_some_and(|resource| &*resource.name == ty)
        });
        for (_, def) in actions {
            let asked = |id: &str| {
                let asked = ask("me", "mine", &def.name).on(id);
                let asked = match &*def.name {
                    "role.assign" => asked.target("role", Some("member"), |_| ()),
                    "permission.assign" => asked.target("permission", Some("fax.view"), |_| ()),
                    "fax.move" | "fax.drop" => asked.target("faxbox", Some("box1"), |_| ()),
                    _ => asked,
                };
                // Of a member, the account is part of what is named.
                if ty == "member" {
                    asked.facts(|member| member.account = Some("theirs".into())).message()
                } else {
                    asked.message()
                }
            };
            let hidden = check(&harness, asked(existing)).await.unwrap();
            let missing = check(&harness, asked(unknown)).await.unwrap();
            assert_eq!(hidden.effect(), Effect::Deny, "{}", def.name);
            assert_eq!(hidden.encode_to_vec(), missing.encode_to_vec(), "{}", def.name);
            compared += 1;
        }
    }
    assert!(compared > 90, "{compared}");
}

#[tokio::test]
async fn an_account_that_does_not_exist_and_one_of_others_have_the_same_answers() {
    let harness = Harness::start().await;
    harness.build(neighbours()).await;
    let mut client = harness.client();
    let (mut decisions, mut lists, mut filters, mut numbers) = (vec![], vec![], vec![], vec![]);
    for account in ["theirs", "nowhere"] {
        for subject in ["me", "nobody"] {
            let message = ask(subject, account, "fax.view").on("f2").message();
            decisions.push(check(&harness, message).await.unwrap());
            let listed = client.list_visible_faxes(page(subject, account, "")).await.unwrap();
            lists.push(listed.into_inner());
            let request = pb::GetVisibilityRequest {
                tenant: "t1".into(),
                subject: Some(user(subject)),
                account: account.into(),
                action: Some(pb::Action { name: "call.view".into() }),
                channel: 0,
            };
            filters.push(client.get_visibility(request).await.unwrap().into_inner());
            let asked = crate::caller_id::caller_id(subject, account).number(N2);
            numbers.push(asked.send(&harness).await);
        }
    }
    assert_eq!(decisions[0].reason(), Reason::NotAMemberOfActingAccount);
    assert!(decisions.iter().all(|one| *one == decisions[0]), "{decisions:?}");
    assert!(lists.iter().all(|one| *one == lists[0]) && lists[0].faxes.is_empty(), "{lists:?}");
    assert!(filters.iter().all(|one| *one == filters[0]), "{filters:?}");
    assert!(filters[0].terms.is_empty());
    assert!(numbers.iter().all(|one| *one == numbers[0]), "{numbers:?}");
    numbers[0].denies("NOT_A_MEMBER_OF_ACTING_ACCOUNT");
}

#[tokio::test]
async fn reads_of_what_does_not_exist_have_the_same_not_found() {
    let harness = Harness::start().await;
    harness.build(neighbours()).await;
    let mut client = harness.client();
    let mut statuses = Vec::new();
    for (tenant, subject, account) in [
        ("t1", "me", "theirs"),
        ("t1", "me", "nowhere"),
        ("t1", "nobody", "mine"),
        ("t1", "you", "mine"),
        ("t9", "me", "mine"),
    ] {
        let request = pb::ListPermissionsRequest {
            tenant: tenant.into(),
            subject: Some(user(subject)),
            account: account.into(),
        };
        statuses.push(client.list_permissions(request).await.unwrap_err());
    }
    assert_same_not_found(&statuses);

    let mut statuses = Vec::new();
    for (tenant, number) in [("t1", N9), ("t9", N2), ("t9", N9)] {
        let request = pb::ResolveAutoAssignRequest { tenant: tenant.into(), number: number.into() };
        statuses.push(client.resolve_auto_assign(request).await.unwrap_err());
    }
    assert_same_not_found(&statuses);
}

#[track_caller]
fn assert_same_not_found(statuses: &[Status]) {
    for status in statuses {
        assert_eq!(status.code(), Code::NotFound, "{status:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!((&*info.domain, &*info.reason), ("lineguard.v1", "NOT_FOUND"));
        assert_eq!(status.message(), statuses[0].message());
        assert_eq!(status.details(), statuses[0].details());
    }
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
