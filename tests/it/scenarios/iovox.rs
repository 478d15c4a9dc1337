//! Call analytics on a tree of accounts: data is seen from above, set-up reaches down.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::vocabulary::ActionDef;
use lineguard_testkit::world::World;

use crate::ask::{Ask, ask, user};
use crate::changes::member;
use crate::harness::{Harness, product};

/// A parent with two children, and one person of this role at one of the three.
fn family(bound_at: &str, role: &str) -> World {
    let tree = product("iovox").account("parent").below("parent", "a").below("parent", "b");
    tree.enter(bound_at).member("me").role(role)
}

fn about(asked: Ask, account: &str) -> Ask {
    asked.facts(|facts| facts.account = Some(account.into()))
}

// IOV-S01
#[tokio::test]
async fn a_viewer_at_the_parent_sees_the_reports_of_a_child() {
    let harness = Harness::start().await;
    harness.build(family("parent", "full_viewer")).await;
    let answer = about(ask("me", "parent", "report.view"), "a").send(&harness).await;
    let allowed = answer.allows_by("reports.view");
    assert_eq!((allowed.reason(), allowed.clause.as_str()), (Reason::Granted, "account"));
}

// IOV-S02
#[tokio::test]
async fn an_editor_at_a_child_does_not_see_the_reports_of_the_parent() {
    let harness = Harness::start().await;
    harness.build(family("a", "full_editor")).await;
    let upwards = about(ask("me", "a", "report.view"), "parent").send(&harness).await;
    upwards.denies_by(Reason::OutOfReach, "reports.view");
    let as_parent = about(ask("me", "parent", "report.view"), "parent").send(&harness).await;
    as_parent.denies(Reason::NotAMemberOfActingAccount);
}

// IOV-S03
#[tokio::test]
async fn an_editor_at_a_child_does_not_see_the_reports_of_its_sibling() {
    let harness = Harness::start().await;
    harness.build(family("a", "full_editor")).await;
    let sideways = about(ask("me", "a", "report.view"), "b").send(&harness).await;
    sideways.denies_by(Reason::OutOfReach, "reports.view");
}

// IOV-S04
#[tokio::test]
async fn an_editor_at_the_parent_changes_the_call_rules_of_a_child() {
    let harness = Harness::start().await;
    harness.build(family("parent", "full_editor")).await;
    let answer = about(ask("me", "parent", "call_rule.update"), "a").send(&harness).await;
    answer.allows_by("rules.edit");
}

// IOV-S05
#[tokio::test]
async fn an_editor_at_a_child_does_not_change_the_call_rules_of_the_parent() {
    let harness = Harness::start().await;
    harness.build(family("a", "full_editor")).await;
    let answer = about(ask("me", "a", "call_rule.update"), "parent").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "rules.edit");
}

// IOV-S07
#[tokio::test]
async fn the_member_of_a_personal_account_sees_no_other_account() {
    let harness = Harness::start().await;
    harness.build(product("iovox").account("self").owner("me").personal()).await;
    let other = lineguard_testkit::world::world("t2").model(crate::harness::text_of("iovox"));
    harness.build(other.account("home").member("you").role("full_editor")).await;

    ask("me", "self", "report.view").send(&harness).await.allows_by("reports.view");
    let from_here = about(ask("me", "self", "report.view"), "home").send(&harness).await;
    from_here.denies_by(Reason::OutOfReach, "reports.view");
    let there = ask("me", "home", "report.view").tenant("t2").send(&harness).await;
    there.denies(Reason::NotAMemberOfActingAccount);
}

// IOV-S09
#[tokio::test]
async fn a_second_member_turns_a_personal_account_into_a_shared_one() {
    let harness = Harness::start().await;
    harness.build(product("iovox").account("self").owner("me").personal()).await;
    assert!(is_personal(&harness, "self").await);
    harness.apply([member("self", "you", &["full_viewer"])]).await;
    assert!(!is_personal(&harness, "self").await);
    ask("you", "self", "report.view").send(&harness).await.allows_by("reports.view");
    ask("me", "self", "report.view").send(&harness).await.allows_by("reports.view");
}

async fn is_personal(harness: &Harness, account: &str) -> bool {
    let kind = Some(pb::object_key::Kind::Account(account.into()));
    let request = pb::GetRequest { tenant: "t1".into(), key: Some(pb::ObjectKey { kind }) };
    let found = crate::writing::admin(harness).get(request).await.unwrap().into_inner();
    match found.object.unwrap().kind.unwrap() {
        pb::object::Kind::Account(account) => account.kind() == pb::AccountKind::Personal,
        other => panic!("{other:?}"),
    }
}

/// Something that goes out without a number.
fn goes_out(asked: Ask, def: &ActionDef) -> Ask {
    let no_number = |facts: &mut pb::Facts| facts.absent = vec!["number".into()];
    match def.target {
        Some(of) => {
            let of = built_in_vocabulary().resource(of).unwrap();
            asked.target(&of.name, None, no_number)
        }
        None => asked.facts(no_number),
    }
}

/// Every action of the vocabulary, one by one, on something new in the account.
fn everything(who: &str, account: &str) -> (Vec<String>, pb::BatchCheckRequest) {
    let vocabulary = built_in_vocabulary();
    let (mut names, mut checks) = (Vec::new(), Vec::new());
    for (_, def) in vocabulary.actions() {
        let name = def.name.to_string();
        let asked = match name.as_str() {
            "role.assign" => ask(who, account, &name).target("role", Some("full_editor"), |_| ()),
            "permission.assign" => {
                ask(who, account, &name).target("permission", Some("rules.edit"), |_| ())
            }
            _ if def.sends.is_some() => goes_out(ask(who, account, &name), def),
            _ => match def.target {
                Some(of) => {
                    let of = vocabulary.resource(of).unwrap();
                    ask(who, account, &name).target(&of.name, None, |_| ())
                }
                None => ask(who, account, &name),
            },
        };
        names.push(name);
        checks.push(asked.message());
    }
    (names, pb::BatchCheckRequest { checks, consistency: None })
}

async fn decisions(harness: &Harness, who: &str, account: &str) -> Vec<(String, pb::Decision)> {
    let (names, request) = everything(who, account);
    assert!(names.len() > 200, "the whole vocabulary");
    let results = harness.client().batch_check(request).await.unwrap().into_inner().results;
    let decision = |result: pb::CheckResult| match result.result.unwrap() {
        pb::check_result::Result::Decision(decision) => decision,
        pb::check_result::Result::Error(error) => panic!("{error:?}"),
    };
    names.into_iter().zip(results.into_iter().map(decision)).collect()
}

// IOV-S10
#[tokio::test]
async fn whoever_created_an_account_may_do_every_single_action_in_it() {
    let harness = Harness::start().await;
    harness.build(product("iovox").account("home").owner("me")).await;
    for (action, decision) in decisions(&harness, "me", "home").await {
        assert_eq!(decision.effect(), pb::Effect::Allow, "{action}: {}", decision.explanation);
        if action == "call.emergency" {
            // No ownership is asked for that.
            assert_eq!(decision.reason(), Reason::EmergencyCall);
            continue;
        }
        assert_eq!(decision.reason(), Reason::Granted);
        let origin = decision.origin.unwrap();
        assert_eq!(
            (origin.kind(), origin.key.as_str()),
            (pb::OriginKind::Overlay, "account_owner"),
            "{action}"
        );
    }
}

// IOV-S13
#[tokio::test]
async fn whoever_has_not_accepted_the_invitation_may_do_nothing_at_all() {
    let harness = Harness::start().await;
    let world = product("iovox").account("home").member("me").role("full_editor");
    harness.build(world.status(MemberStatus::Invited)).await;
    for (action, decision) in decisions(&harness, "me", "home").await {
        if action == "call.emergency" {
            // That is allowed to whoever is asked about.
            assert_eq!(decision.effect(), pb::Effect::Allow);
            assert_eq!(decision.reason(), Reason::EmergencyCall);
            continue;
        }
        assert_eq!(decision.effect(), pb::Effect::Deny, "{action}");
        assert_eq!(decision.reason(), Reason::MemberInvited, "{action}");
    }
}

// IOV-S15
#[tokio::test]
async fn an_editor_at_the_parent_cannot_select_a_child() {
    let harness = Harness::start().await;
    harness.build(family("parent", "full_editor")).await;
    let request = pb::ListAccountsRequest { subject: Some(user("me")), ..Default::default() };
    let listed = harness.client().list_accounts(request).await.unwrap().into_inner().accounts;
    let listed: Vec<_> = listed.iter().map(|one| one.account.as_str()).collect();
    assert_eq!(listed, ["parent"]);
    // What the switcher does not offer cannot be acted as either, although its data is in reach.
    let as_child = about(ask("me", "a", "report.view"), "a").send(&harness).await;
    as_child.denies(Reason::NotAMemberOfActingAccount);
    let from_parent = about(ask("me", "parent", "report.view"), "a").send(&harness).await;
    from_parent.allows_by("reports.view");
}
