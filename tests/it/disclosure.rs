//! What does not exist and what may not be seen get one answer.

use lineguard::wire::pb::{self, Effect, Reason};
use lineguard_core::model::built_in_vocabulary;
use lineguard_testkit::world::World;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::ask::{ask, user};
use crate::bad_input::{check, names, page, portal, violations, violations_of};
use crate::changes::fax_in;
use crate::harness::{Harness, product};

const N2: &str = "+15550100002";
const N9: &str = "+15550100009";

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
                consistency: None,
            };
            filters.push(client.get_visibility(request).await.unwrap().into_inner());
            let asked = crate::caller_id::caller_id(subject, account).number(N2);
            numbers.push(asked.send(&harness).await);
        }
    }
    assert_eq!(decisions[0].reason(), Reason::NotAMemberOfActingAccount);
    assert_eq!((decisions[0].revision, lists[0].revision), (0, 0), "nothing of the tenant is told");
    let elsewhere = ask("me", "mine", "fax.view").on("f2").tenant("t9").message();
    assert_eq!(check(&harness, elsewhere).await.unwrap(), decisions[0]);
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
            ..Default::default()
        };
        statuses.push(client.list_permissions(request).await.unwrap_err());
    }
    assert_same_not_found(&statuses);

    let mut statuses = Vec::new();
    for (tenant, number) in [("t1", N9), ("t9", N2), ("t9", N9)] {
        let request = pb::ResolveAutoAssignRequest {
            tenant: tenant.into(),
            number: number.into(),
            consistency: None,
        };
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
