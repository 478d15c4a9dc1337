//! R34 supervision, R35 what is conferred.

use lineguard::wire::pb;
use lineguard::wire::pb::{Effect, Reason};
use lineguard_core::change::Change;
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use super::belonging::{belonging, group_owner, listed, sees};
use crate::ask::{Answer, Ask, ask, user};
use crate::changes::{adjust, custom_role, status};
use crate::harness::Harness;

/// Sibling accounts `a` and `b`; in `b`, and only there, `lead` owns a group with `worker` in it.
fn siblings() -> World {
    let mut tree = belonging().account("root").member("lead").role("user");
    for account in ["a", "b"] {
        tree = tree.account(account).member("lead").role("user").member("worker").role("user");
        tree = tree.sent(&format!("of-{account}"), "worker", 0);
    }
    let tree = tree.group("gb", &[]).in_group("worker", "gb").change(group_owner("lead", "gb"));
    let tree = tree.below("b", "under").member("worker").role("user").sent("of-under", "worker", 0);
    tree.enter("root").member("worker").role("user").sent("of-root", "worker", 0)
}

#[tokio::test]
async fn r34_a_group_is_supervised_in_its_account_and_below_and_nowhere_else() {
    let harness = Harness::start().await;
    harness.build(siblings()).await;
    sees(&harness, "lead", "b", "of-b").await.allows_by("oversee");
    sees(&harness, "lead", "b", "of-under").await.allows_by("oversee");
    sees(&harness, "lead", "a", "of-a").await.denies(Reason::OutOfReach);
    // From above what lies in the group's account and below, and nothing beside it.
    assert_eq!(listed(&harness, "lead", "root").await, ["of-b", "of-under"]);
    for (fax, seen) in [("of-b", true), ("of-under", true), ("of-a", false), ("of-root", false)] {
        let answer = sees(&harness, "lead", "root", fax).await;
        if seen {
            answer.allows_by("oversee")
        } else {
            answer.denies(Reason::OutOfReach)
        };
    }
    assert!(listed(&harness, "lead", "a").await.is_empty());
}

async fn filter(harness: &Harness, action: &str) -> pb::GetVisibilityResponse {
    let message = pb::GetVisibilityRequest {
        tenant: "t1".into(),
        subject: Some(user("lead")),
        account: "root".into(),
        action: Some(pb::Action { name: action.into() }),
        ..Default::default()
    };
    harness.client().get_visibility(message).await.unwrap().into_inner()
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

#[tokio::test]
async fn r34_the_filter_for_other_services_is_bounded_in_the_same_way() {
    let harness = Harness::start().await;
    harness.build(siblings()).await;
    let worker = ["user:worker".to_owned()];
    let shown = filter(&harness, "fax.view").await;
    let mut supervising = 0;
    for term in shown.terms {
        if term.conditions.iter().any(|condition| condition.values == worker) {
            assert_eq!(sorted(term.accounts), ["b", "under"]);
            supervising += 1;
        }
    }
    assert!(supervising > 0);
    // Under an exception as well: what is supervised is taken out there, and nowhere else.
    let shown = filter(&harness, "form.view").await;
    let [term] = shown.terms.as_slice() else { panic!("{:?}", shown.terms) };
    assert_eq!(sorted(term.accounts.clone()), ["a", "b", "root", "under"]);
    let [except] = term.except.as_slice() else { panic!("{:?}", term.except) };
    let mut fields: Vec<_> = except
        .conditions
        .iter()
        .map(|one| (one.field.as_str(), sorted(one.values.clone())))
        .collect();
    fields.sort();
    let in_accounts = vec!["b".to_owned(), "under".to_owned()];
    assert_eq!(fields, [("account", in_accounts), ("creator", worker.to_vec())]);
    for (account, seen) in [("root", true), ("a", true), ("b", false), ("under", false)] {
        let asked = ask("lead", "root", "form.view").facts(|form| {
            form.account = Some(account.into());
            form.creator = Some(user("worker"));
        });
        let answer = asked.send(&harness).await;
        if seen {
            answer.allows_by("others")
        } else {
            answer.denies(Reason::OutOfReach)
        };
    }
}

#[tokio::test]
async fn r34_nobody_supervises_through_a_group_where_they_are_suspended() {
    let harness = Harness::start().await;
    harness.build(siblings()).await;
    harness.apply([status("b", "lead", MemberStatus::Suspended)]).await;
    sees(&harness, "lead", "a", "of-a").await.denies(Reason::OutOfReach);
    assert!(listed(&harness, "lead", "root").await.is_empty());
    sees(&harness, "lead", "root", "of-b").await.denies(Reason::OutOfReach);
}

#[tokio::test]
async fn r35_a_role_is_worth_what_the_account_of_who_gets_it_makes_of_it() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("adm").role("chief").member("near").role("plain");
    let tree = tree.change(custom_role("root", "helper", &["p1"]));
    let tree = tree.account("kid").member("vic").role("plain");
    let tree = tree.change(custom_role("kid", "helper", &["p1", "p2"]));
    let tree = tree.below("kid", "leaf").member("low").role("plain");
    let tree = tree.account("side").member("sid").role("plain");
    harness.build(tree).await;
    let assigns = |account: &'static str, whom: &'static str| {
        role_assigned(ask("adm", "root", "role.assign"), account, whom, "helper").send(&harness)
    };
    assigns("root", "near").await.allows_by("assign");
    assigns("kid", "vic").await.denies_by(Reason::MayNotConfer, "assign");
    assigns("leaf", "low").await.denies_by(Reason::MayNotConfer, "assign");
    assigns("side", "sid").await.allows_by("assign");
    // A definition that comes nearer, and one that goes, are noticed.
    harness.apply([custom_role("side", "helper", &["p2"])]).await;
    assigns("side", "sid").await.denies_by(Reason::MayNotConfer, "assign");
    let gone = Change::RemoveRole { account: ids::account("kid"), role: ids::key("helper") };
    harness.apply([gone]).await;
    assigns("kid", "vic").await.allows_by("assign");
    assigns("leaf", "low").await.allows_by("assign");
    // An adjustment of a built-in role there counts as well.
    let widened = |account| adjust(account, "plain", &["p2"], &[]);
    let plain = |account: &'static str, whom: &'static str| {
        role_assigned(ask("adm", "root", "role.assign"), account, whom, "plain").send(&harness)
    };
    plain("leaf", "low").await.allows_by("assign");
    harness.apply([widened("kid")]).await;
    plain("leaf", "low").await.denies_by(Reason::MayNotConfer, "assign");
    plain("root", "near").await.allows_by("assign");
}

#[tokio::test]
async fn r35_a_role_defined_only_below_can_be_given_there_and_nowhere_else() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("adm").role("chief").role("head");
    let tree = tree.member("near").role("plain").account("kid").member("vic").role("plain");
    harness.build(tree.change(custom_role("kid", "helper", &["p1"]))).await;
    let assigns = |account, whom, role| {
        role_assigned(ask("adm", "root", "role.assign"), account, whom, role).send(&harness)
    };
    assigns("kid", "vic", "helper").await.allows();
    // Declared by the model or not: what no account knows is never conferred.
    for (account, whom, role) in [("root", "near", "helper"), ("root", "near", "plane")] {
        match assigns(account, whom, role).await {
            Answer::Decision(decision) => assert_eq!(decision.effect(), Effect::Deny),
            Answer::Error(status) => assert_eq!(status.code(), tonic::Code::InvalidArgument),
        }
    }
}

fn role_assigned(asked: Ask, account: &str, whom: &str, role: &str) -> Ask {
    let asked = asked.on(&format!("user:{whom}"));
    let asked = asked.facts(|facts| facts.account = Some(account.into()));
    asked.target("role", Some(role), |_| ())
}
