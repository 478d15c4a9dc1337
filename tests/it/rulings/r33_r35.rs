//! R33 suspension, R34 supervision, R35 what is conferred; and what seals and ownership hold
//! against those who stand beside or above.

use lineguard::wire::pb;
use lineguard::wire::pb::{Effect, Reason};
use lineguard_core::change::{Change, NumberTarget};
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, world};

use crate::ask::{Answer, Ask, ask, user};
use crate::changes::{custom_role, fax_in, faxbox_owner, owner, removed, status, switch};
use crate::harness::{Harness, product};

/// Sight by belonging, owning, supervising and standing in, and nothing else.
const BELONGING: &str = r#"
format = 1
name = "belonging"
title = "Belonging"
summary = "What follows from memberships."

[tree]
sub_accounts = true

[members]
roles = "many"

[[permission]]
key = "view"
title = "View faxes"
category = "Faxes"
actions = ["fax.view", "message.view"]
reach = ["own", "assigned", "faxbox_member"]

[[permission]]
key = "oversee"
title = "View faxes of one's teams"
category = "Faxes"
actions = ["fax.view"]
reach = ["supervised"]

[[permission]]
key = "stand_in"
title = "View faxes of those one stands in for"
category = "Faxes"
actions = ["fax.view"]
reach = ["delegated"]

[[permission]]
key = "boxes"
title = "Manage faxboxes"
category = "Faxes"
actions = ["faxbox.update", "faxbox.delete", "faxbox.assign_members"]

[[permission]]
key = "teams"
title = "Manage teams"
category = "People"
actions = ["group.assign_members"]

[[permission]]
key = "p1"
title = "One"
category = "Things"
actions = ["report.view"]

[[permission]]
key = "p2"
title = "Two"
category = "Things"
actions = ["dashboard.view"]

[[permission]]
key = "assign"
title = "Assign what one holds"
category = "People"
actions = ["role.assign"]

[[permission]]
key = "assign_any"
title = "Assign anything"
category = "People"
actions = ["role.assign", "permission.assign"]
confers = ["role", "permission"]

[[permission]]
key = "others"
title = "View forms of everybody but one's teams"
category = "Forms"
actions = ["form.view"]
except = ["supervised"]

[[permission]]
key = "people"
title = "View people"
category = "People"
actions = ["member.view"]

[[role]]
key = "user"
title = "User"
permissions = ["view", "oversee", "stand_in", "others"]

[[role]]
key = "plain"
title = "Plain"
permissions = []

[[role]]
key = "chief"
title = "Chief"
permissions = ["assign", "people", "p1"]

[[role]]
key = "head"
title = "Head"
permissions = ["assign_any", "people"]

[[overlay]]
key = "faxbox_owner"
title = "Faxbox owner"
of = "faxbox"
permissions = ["boxes"]

[[overlay]]
key = "group_owner"
title = "Group owner"
of = "group"
permissions = ["teams"]
"#;

const N1: &str = "+15550100100";

fn belonging() -> World {
    world("t1").model(BELONGING)
}

fn group_owner(who: &str, group: &str) -> Change {
    Change::SetGroupOwner { group: ids::group(group), subject: ids::user(who), owner: true }
}

fn delegates(account: &str, from: &str, to: &str) -> Change {
    let (from, to) = (ids::user(from), ids::user(to));
    Change::SetDelegation { account: ids::account(account), from, to, on: true }
}

async fn sees(harness: &Harness, who: &str, account: &str, fax: &str) -> Answer {
    ask(who, account, "fax.view").on(fax).send(harness).await
}

/// The ids that a list shows. Listed is what `Check` allows, and nothing else.
async fn listed(harness: &Harness, who: &str, account: &str) -> Vec<String> {
    let message = pb::ListVisibleFaxesRequest {
        tenant: "t1".into(),
        subject: Some(user(who)),
        account: account.into(),
        page_size: 100,
        ..Default::default()
    };
    let mut client = harness.client();
    let page = client.list_visible_faxes(message).await.unwrap().into_inner();
    let mut faxes: Vec<String> = page.faxes.into_iter().map(|fax| fax.fax).collect();
    faxes.sort();
    faxes
}

#[tokio::test]
async fn r33_a_group_of_an_account_where_one_is_suspended_opens_no_faxbox_below() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("pia").role("user").group("g", &[]);
    let tree = tree.in_group("pia", "g").account("kid").member("pia").role("user");
    let tree = tree.faxbox("kbox").join_group("g", "kbox").fax(fax_in("f1", "kid", "kbox"));
    harness.build(tree).await;
    sees(&harness, "pia", "kid", "f1").await.allows_by("view");
    assert_eq!(listed(&harness, "pia", "kid").await, ["f1"]);

    harness.apply([status("root", "pia", MemberStatus::Suspended)]).await;
    sees(&harness, "pia", "kid", "f1").await.denies_by(Reason::OutOfReach, "view");
    assert!(listed(&harness, "pia", "kid").await.is_empty());
    harness.apply([status("root", "pia", MemberStatus::Active)]).await;
    sees(&harness, "pia", "kid", "f1").await.allows_by("view");
}

#[tokio::test]
async fn r33_a_faxbox_of_an_account_where_one_is_suspended_is_not_seen_from_above() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("pia").role("user").group("g", &[]);
    let tree = tree.in_group("pia", "g").account("kid").member("pia").role("user");
    let tree = tree.faxbox("one").join("pia", "one").fax(fax_in("f1", "kid", "one"));
    let tree = tree.faxbox("two").join_group("g", "two").fax(fax_in("f2", "kid", "two"));
    harness.build(tree).await;
    assert_eq!(listed(&harness, "pia", "root").await, ["f1", "f2"]);
    harness.apply([status("kid", "pia", MemberStatus::Suspended)]).await;
    for fax in ["f1", "f2"] {
        sees(&harness, "pia", "root", fax).await.denies_by(Reason::OutOfReach, "view");
    }
    assert!(listed(&harness, "pia", "root").await.is_empty());
    // What the suspended keep is a part of what the removed keep: the group opens its faxbox again
    // once the membership above decides.
    harness.apply([removed("kid", "pia")]).await;
    assert_eq!(listed(&harness, "pia", "root").await, ["f2"]);
}

#[tokio::test]
async fn r33_the_nearest_membership_decides_and_those_that_are_neither_are_passed_over() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("pia").role("user");
    let tree = tree.account("kid").faxbox("kbox").join("pia", "kbox");
    harness.build(tree.fax(fax_in("f1", "kid", "kbox"))).await;
    // A member of the account above uses the faxbox.
    sees(&harness, "pia", "root", "f1").await.allows_by("view");
    let at_kid = |status| Change::AddMember {
        account: ids::account("kid"),
        subject: ids::user("pia"),
        status,
        roles: Some(ids::keys(&["user"])),
    };
    // One nearer comes: it decides if it is active or suspended, and is nothing otherwise.
    harness.apply([at_kid(MemberStatus::Invited)]).await;
    sees(&harness, "pia", "root", "f1").await.allows_by("view");
    harness.apply([status("kid", "pia", MemberStatus::Unverified)]).await;
    sees(&harness, "pia", "root", "f1").await.allows_by("view");
    harness.apply([status("kid", "pia", MemberStatus::Suspended)]).await;
    sees(&harness, "pia", "root", "f1").await.denies_by(Reason::OutOfReach, "view");
    harness.apply([status("kid", "pia", MemberStatus::Active)]).await;
    sees(&harness, "pia", "root", "f1").await.allows_by("view");
    // Suspended above, active nearer: the faxbox stays open from the account itself.
    harness.apply([status("root", "pia", MemberStatus::Suspended)]).await;
    sees(&harness, "pia", "kid", "f1").await.allows_by("view");
}

#[tokio::test]
async fn r33_what_one_owns_where_one_is_suspended_is_not_managed_from_above() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("own").role("plain");
    let tree = tree.account("b").member("own").role("plain").member("other").role("user");
    let tree = tree.faxbox("bb").change(faxbox_owner("own", "bb")).group("bg", &[]);
    let tree = tree.change(group_owner("own", "bg"));
    harness.build(tree).await;
    let owned = [
        ("faxbox.update", "bb", "boxes"),
        ("faxbox.delete", "bb", "boxes"),
        ("faxbox.assign_members", "bb", "boxes"),
        ("group.assign_members", "bg", "teams"),
    ];
    for (action, what, by) in owned {
        ask("own", "root", action).on(what).send(&harness).await.allows_by(by);
    }
    harness.apply([status("b", "own", MemberStatus::Suspended)]).await;
    for (action, what, _) in owned {
        ask("own", "root", action).on(what).send(&harness).await.denies(Reason::NoGrant);
    }
    harness.apply([status("b", "own", MemberStatus::Active)]).await;
    for (action, what, by) in owned {
        ask("own", "root", action).on(what).send(&harness).await.allows_by(by);
    }
}

#[tokio::test]
async fn r33_who_is_suspended_lets_nobody_stand_in() {
    let harness = Harness::start().await;
    let home = belonging().account("home").member("ann").role("user").member("del").role("user");
    let home = home.sent("f1", "ann", 0).change(delegates("home", "ann", "del"));
    harness.build(home).await;
    sees(&harness, "del", "home", "f1").await.allows_by("stand_in");
    harness.apply([status("home", "ann", MemberStatus::Suspended)]).await;
    sees(&harness, "del", "home", "f1").await.denies(Reason::OutOfReach);
    assert!(listed(&harness, "del", "home").await.is_empty());
    harness.apply([status("home", "ann", MemberStatus::Active)]).await;
    sees(&harness, "del", "home", "f1").await.allows_by("stand_in");
    harness.apply([status("home", "del", MemberStatus::Suspended)]).await;
    sees(&harness, "del", "home", "f1").await.denies(Reason::MemberSuspended);
}

#[tokio::test]
async fn r33_a_nearer_membership_of_who_delegated_is_noticed() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("ann").role("user");
    let tree = tree.account("mid").below("mid", "leaf").member("del").role("user");
    let tree = tree.member("ann").role("user").status(MemberStatus::Invited);
    let tree = tree.sent("f1", "ann", 0).change(delegates("leaf", "ann", "del"));
    harness.build(tree).await;
    // Invited at the leaf, so the membership of the root decides.
    sees(&harness, "del", "leaf", "f1").await.allows_by("stand_in");
    let between = Change::AddMember {
        account: ids::account("mid"),
        subject: ids::user("ann"),
        status: MemberStatus::Suspended,
        roles: Some(ids::keys(&["user"])),
    };
    harness.apply([between]).await;
    sees(&harness, "del", "leaf", "f1").await.denies(Reason::OutOfReach);
    harness.apply([removed("mid", "ann")]).await;
    sees(&harness, "del", "leaf", "f1").await.allows_by("stand_in");
}

#[tokio::test]
async fn r33_the_faxes_of_who_is_suspended_stay_with_who_supervises() {
    let harness = Harness::start().await;
    let home =
        belonging().account("home").member("lead").role("user").member("worker").role("user");
    let home = home.group("g", &[]).in_group("worker", "g").change(group_owner("lead", "g"));
    harness.build(home.sent("f1", "worker", 0)).await;
    sees(&harness, "lead", "home", "f1").await.allows_by("oversee");
    harness.apply([status("home", "worker", MemberStatus::Suspended)]).await;
    sees(&harness, "lead", "home", "f1").await.allows_by("oversee");
    sees(&harness, "worker", "home", "f1").await.denies(Reason::MemberSuspended);
}

#[tokio::test]
async fn r33_a_group_receives_nothing_for_who_is_suspended_where_it_lies() {
    let harness = Harness::start().await;
    let tree = product("clinicline").account("root").number(N1).member("pia");
    let tree = tree.account("kid").member("pia").group("g", &[]).in_group("pia", "g");
    let target = NumberTarget::Group(ids::group("g"));
    let routed = Change::SetNumberTarget { number: ids::number(N1), target, on: true };
    harness.build(tree.change(routed)).await;
    let skipped = async || {
        let message = pb::ResolveAutoAssignRequest {
            tenant: "t1".into(),
            number: N1.into(),
            ..Default::default()
        };
        let answer = harness.client().resolve_auto_assign(message).await.unwrap().into_inner();
        answer.skipped.len()
    };
    assert_eq!(skipped().await, 0);
    harness.apply([status("kid", "pia", MemberStatus::Suspended)]).await;
    assert_eq!(skipped().await, 1);
}

#[tokio::test]
async fn r33_what_is_assigned_to_a_group_is_not_seen_by_who_is_suspended_in_its_account() {
    let harness = Harness::start().await;
    let tree = belonging().account("root").member("pia").role("user").group("g", &[]);
    let tree = tree.in_group("pia", "g").account("kid").member("pia").role("user");
    harness.build(tree).await;
    let asks = || {
        let asked = ask("pia", "kid", "message.view").facts(|message| {
            message.creator = Some(user("somebody"));
            message.participants = Some(pb::Subjects::default());
            let kind = Some(pb::user_or_group::Kind::Group("g".into()));
            message.assignee = Some(pb::UserOrGroup { kind });
        });
        asked.send(&harness)
    };
    asks().await.allows_by("view");
    harness.apply([status("root", "pia", MemberStatus::Suspended)]).await;
    asks().await.denies_by(Reason::OutOfReach, "view");
}

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
    let widened = |account| crate::changes::adjust(account, "plain", &["p2"], &[]);
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

#[tokio::test]
async fn nobody_above_a_seal_lifts_it_or_names_owners_below_it() {
    let harness = Harness::start().await;
    let tree = product("standard").account("root").owner("ann").member("adm");
    let tree = tree.role("owner_admin").below("root", "open").owner("bob");
    let tree = tree.below("root", "shut").owner("bob").sealed();
    harness.build(tree).await;
    for action in ["account.seal", "account.assign_owners"] {
        for who in ["ann", "adm"] {
            ask(who, "root", action).on("open").send(&harness).await.allows();
            let shut = ask(who, "root", action).on("shut").send(&harness).await;
            let Answer::Decision(decision) = &shut else { panic!("{shut:?}") };
            assert_eq!(decision.effect(), Effect::Deny, "{who} {action}");
        }
        ask("bob", "shut", action).on("shut").send(&harness).await.allows();
    }
    // Whoever acts as the sealed account by a right from above is stopped there, too.
    let joins = Change::AddMember {
        account: ids::account("shut"),
        subject: ids::user("ann"),
        status: MemberStatus::Active,
        roles: Some(Vec::new()),
    };
    harness.apply([joins]).await;
    for action in ["account.seal", "account.assign_owners"] {
        let shut = ask("ann", "shut", action).on("shut").send(&harness).await;
        shut.denies(Reason::OutOfReach);
    }
    // Set up it is, as before.
    let facts = |asked: Ask| asked.facts(|facts| facts.account = Some("shut".into()));
    facts(ask("ann", "root", "faxbox.create")).send(&harness).await.allows();
}

#[tokio::test]
async fn nobody_below_an_owner_takes_away_what_ownership_does_not_hold() {
    let harness = Harness::start().await;
    let home = product("standard").account("home").owner("ann").member("adm");
    let home = home.role("administrator").member("eve").role("member").member("ben");
    harness.build(home.role("member").change(owner("home", "ben", true))).await;
    let target = |asked: Ask, action: &str| match action {
        "role.assign" => asked.target("role", Some("member"), |_| ()),
        "permission.assign" => asked.target("permission", Some("fax.view"), |_| ()),
        _ => asked,
    };
    for action in [
        "member.switch_products",
        "member.set_restrictions",
        "member.set_visibility",
        "role.assign",
        "permission.assign",
    ] {
        let asks = |who: &'static str, whom: &str| {
            target(ask(who, "home", action).on(&format!("user:{whom}")), action).send(&harness)
        };
        asks("adm", "eve").await.allows();
        asks("adm", "ann").await.denies(Reason::OwnerIsSpared);
        for whom in ["ann", "ben", "eve"] {
            asks("ben", whom).await.allows();
        }
    }
    // The switch would have shut the owner out.
    harness.apply([switch("home", "ann", "fax", false)]).await;
    let shut_out = ask("ann", "home", "fax.send").facts(|fax| fax.number = None);
    shut_out.send(&harness).await.denies(Reason::ProductSwitchedOff);
}
