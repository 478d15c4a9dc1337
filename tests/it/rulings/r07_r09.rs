//! R7 data up and set-up down, R8 the order of the gates, R9 entitlement.

use lineguard::wire::pb::{self, Channel, Reason};
use lineguard_core::change::{Change, ListValue, MemberList, NumberList, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};

use tonic::Code;

use crate::ask::{Ask, ask, user};
use crate::caller_id::caller_id;
use crate::changes::{
    adjust, custom_role, entitlement, fault, flag, in_faxbox, list, member, numbers, off, on,
    overridden, roles, status, switch,
};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

fn about(asked: Ask, account: &str) -> Ask {
    asked.facts(|facts| facts.account = Some(account.into()))
}

/// A root with two accounts below it, and the same administrator in all three.
fn tree(model: &str, role: &str) -> World {
    let tree = product(model).account("root").member("me").role(role);
    let tree = tree.below("root", "left").member("me").role(role);
    tree.below("root", "right").member("me").role(role)
}

#[tokio::test]
async fn r7_data_is_seen_from_above_and_never_upwards_or_sideways() {
    let harness = Harness::start().await;
    let world = tree("standard", "auditor");
    harness.build(world.fax(received("f1", "left", 0)).fax(received("f0", "root", 1))).await;
    let sees =
        |at: &'static str, fax: &'static str| ask("me", at, "fax.view").on(fax).send(&harness);
    sees("root", "f1").await.allows_by("fax.view");
    sees("left", "f1").await.allows_by("fax.view");
    sees("right", "f1").await.denies(Reason::OutOfReach);
    sees("left", "f0").await.denies(Reason::OutOfReach);
    assert_eq!(harness.visible("me", "root").await, ["f0", "f1"]);
    assert_eq!(harness.visible("me", "left").await, ["f1"]);
    assert_eq!(harness.visible("me", "right").await, [""; 0]);
}

#[tokio::test]
async fn r7_a_flag_is_in_force_below_and_the_nearest_definition_wins() {
    let harness = Harness::start().await;
    harness.build(tree("standard", "administrator")).await;
    let toggles = |at: &'static str| ask("me", at, "notification.toggle_account").send(&harness);
    harness.apply([flag("root", "notifications", false)]).await;
    for at in ["root", "left", "right"] {
        toggles(at).await.denies_by(Reason::FeatureOff, "notify.account");
    }
    harness.apply([flag("left", "notifications", true)]).await;
    toggles("left").await.allows_by("notify.account");
    for at in ["root", "right"] {
        toggles(at).await.denies_by(Reason::FeatureOff, "notify.account");
    }
}

#[tokio::test]
async fn r7_a_role_is_known_below_where_it_is_defined_and_adjusted_nearest() {
    let harness = Harness::start().await;
    harness
        .build(product("iovox").account("root").below("root", "left").below("root", "right"))
        .await;
    let role = custom_role("root", "biller", &["billing.view"]);
    harness.apply([role, member("left", "me", &["biller"])]).await;
    ask("me", "left", "billing.view").send(&harness).await.allows_by("billing.view");
    // Nothing is defined sideways.
    let sideways =
        [custom_role("left", "local", &["billing.view"]), member("right", "me", &["local"])];
    let sideways = harness.write(sideways.into()).await;
    let fault = fault(Code::InvalidArgument, sideways);
    assert_eq!((fault.change, &*fault.field), (1, "roles"));

    harness
        .apply([
            adjust("root", "config_viewer", &["billing.view"], &[]),
            adjust("right", "config_viewer", &["payment.view"], &[]),
            member("right", "you", &["config_viewer"]),
            member("left", "you", &["config_viewer"]),
        ])
        .await;
    ask("you", "left", "billing.view").send(&harness).await.allows_by("billing.view");
    let right = ask("you", "right", "billing.view").send(&harness).await;
    right.denies_by(Reason::NoGrant, "billing.view");
    ask("you", "right", "payment_method.view").send(&harness).await.allows_by("payment.view");
}

#[tokio::test]
async fn r7_numbers_flow_down_where_the_model_says_so() {
    let harness = Harness::start().await;
    harness
        .build(tree("standard", "member").enter("root").number(N1).enter("left").number(N2))
        .await;
    let grant = |at: &str, number: &str| list(at, "me", numbers(NumberList::Granted, &[number]));
    harness.apply([grant("left", N1)]).await;
    caller_id("me", "left").number(N1).send(&harness).await.is(N1, "REQUESTED");
    // Neither upwards nor sideways.
    for at in ["root", "right"] {
        assert_eq!(harness.misses(grant(at, N2)).await.field, "list");
        caller_id("me", at).number(N2).send(&harness).await.denies("NOT_GRANTED");
    }
}

#[tokio::test]
async fn r7_the_filter_of_numbers_covers_those_that_flow_down() {
    let harness = Harness::start().await;
    let world = tree("standard", "auditor");
    harness.build(world.enter("root").number(N1).enter("right").number(N2)).await;
    let filter = |at: &str, action: &str| pb::GetVisibilityRequest {
        tenant: "t1".into(),
        subject: Some(user("me")),
        account: at.into(),
        action: Some(pb::Action { name: action.into() }),
        channel: 0,
        consistency: None,
    };
    let rows = [(N1, "root"), (N2, "right")];
    for (action, at, covered) in [
        ("number.view", "left", &["left", "root"][..]),
        ("number.view", "root", &["left", "right", "root"]),
        // What is no number does not flow down.
        ("extension.view", "left", &["left"]),
    ] {
        let answer = harness.client().get_visibility(filter(at, action)).await.unwrap();
        let terms = answer.into_inner().terms;
        assert!(!terms.is_empty(), "{action} at {at}");
        for term in terms {
            let mut accounts = term.accounts;
            accounts.sort_unstable();
            assert_eq!(accounts, covered, "{action} at {at}");
        }
        for (number, of) in rows.into_iter().filter(|_| action == "number.view") {
            let answer = ask("me", at, action).on(number).send(&harness).await;
            if covered.contains(&of) {
                answer.allows_by("number.view_all");
            } else {
                answer.denies(Reason::OutOfReach);
            }
        }
    }

    // It is managed only where it is set up.
    harness.apply([member("left", "boss", &["administrator"])]).await;
    let managed = filter("left", "number.manage");
    let managed = pb::GetVisibilityRequest { subject: Some(user("boss")), ..managed };
    let answer = harness.client().get_visibility(managed).await.unwrap().into_inner();
    assert!(answer.terms.iter().all(|term| term.accounts == ["left"]), "{:?}", answer.terms);
    assert!(!answer.terms.is_empty());
    let managed = ask("boss", "left", "number.manage").on(N1).send(&harness).await;
    managed.denies(Reason::OutOfReach);
}

#[tokio::test]
async fn r7_numbers_stay_where_they_are_in_other_models() {
    let harness = Harness::start().await;
    harness
        .build(tree("iovox", "full_editor").enter("root").number(N1).enter("left").number(N2))
        .await;
    let grant = list("left", "me", numbers(NumberList::Granted, &[N1]));
    assert_eq!(harness.misses(grant).await.field, "list");
    caller_id("me", "left").number(N1).send(&harness).await.denies("NOT_GRANTED");
    caller_id("me", "left").number(N2).send(&harness).await.is(N2, "REQUESTED");
}

#[tokio::test]
async fn r7_a_sealed_account_is_set_up_from_above_and_not_looked_into() {
    let harness = Harness::start().await;
    let tree = product("iovox").account("root").member("me").role("full_editor");
    let tree = tree.below("root", "sealed").sealed().member("you").role("full_viewer");
    harness.build(tree.below("sealed", "leaf").below("root", "open")).await;
    let from_root = |action: &str, account: &str| about(ask("me", "root", action), account);
    for account in ["sealed", "leaf"] {
        let data = from_root("report.view", account).send(&harness).await;
        data.denies_by(Reason::OutOfReach, "reports.view");
        let setup = from_root("call_rule.update", account).send(&harness).await;
        setup.allows_by("rules.edit");
    }
    from_root("report.view", "open").send(&harness).await.allows_by("reports.view");
    ask("you", "sealed", "report.view").send(&harness).await.allows_by("reports.view");

    // A role from above the seal opens no data to somebody who acts inside it either.
    harness.apply([member("sealed", "me", &[])]).await;
    let inside = ask("me", "sealed", "report.view").send(&harness).await;
    inside.denies_by(Reason::OutOfReach, "reports.view");
    ask("me", "sealed", "call_rule.update").send(&harness).await.allows_by("rules.edit");
    let open = Change::SetSealed { account: ids::account("sealed"), sealed: false };
    harness.apply([open]).await;
    ask("me", "sealed", "report.view").send(&harness).await.allows_by("reports.view");
}

/// One permission behind every gate there is.
const GATES: &str = r#"
format = 1
name = "gates"
title = "Gates"
summary = "One permission behind every gate."

[[product]]
key = "fax"
title = "Fax"

[[flag]]
key = "sending"
title = "Sending"
default = false

[[permission]]
key = "send"
title = "Send faxes"
category = "Faxes"
product = "fax"
flag = "sending"
actions = ["fax.send"]
reach = ["number.access"]
requires = ["faxbox_member"]

[[permission]]
key = "send_from"
title = "Send from every number"
category = "Faxes"
kind = "restriction"
restricts = "send_from.fax"

[[permission]]
key = "held_back"
title = "Faxes are held back"
category = "Faxes"
kind = "obligation"
actions = ["fax.send"]
obligation = "approval"

[[permission]]
key = "web"
title = "The web"
category = "Faxes"
kind = "channel"
channels = ["web"]

[[role]]
key = "nothing"
title = "Nothing"
permissions = []

[[role]]
key = "sender"
title = "Sender"
permissions = ["send", "held_back"]
"#;

#[tokio::test]
async fn r8_the_gates_stand_in_their_order() {
    let harness = Harness::start().await;
    let home = world("t1").model(GATES).account("home").number(N1).faxbox("box");
    let me = home.member("me").role("nothing").status(MemberStatus::Unverified);
    harness
        .build(
            me.change(switch("home", "me", "fax", false)).change(entitlement("home", "fax", false)),
        )
        .await;

    let send_from = |value| list("home", "me", MemberList::SendFrom(SendChannel::Fax, value));
    // Every step opens one gate and comes to the next one.
    let steps = [
        (status("home", "me", MemberStatus::Active), Reason::ChannelNotAllowed, "web"),
        (on("home", "me", "web"), Reason::NotEntitled, "send"),
        (entitlement("home", "fax", true), Reason::ProductSwitchedOff, "send"),
        (switch("home", "me", "fax", true), Reason::FeatureOff, "send"),
        (flag("home", "sending", true), Reason::NoGrant, "send"),
        (off("home", "me", "send"), Reason::ExplicitlyDenied, "send"),
        (roles("home", "me", &["sender"], true), Reason::ExplicitlyDenied, "send"),
        (overridden("home", "me", "send", OverrideValue::Unset), Reason::RequirementNotMet, "send"),
        (in_faxbox("me", "box", true), Reason::OutOfReach, "send"),
        (list("home", "me", numbers(NumberList::Access, &[N1])), Reason::Restricted, "send"),
    ];
    let asked = || {
        let asked = ask("me", "home", "fax.send").facts(|fax| {
            fax.number = Some(N1.into());
            fax.faxbox = Some("box".into());
        });
        asked.context(|context| context.channel = Channel::Web.into()).send(&harness)
    };
    asked().await.denies(Reason::MemberUnverified);
    for (change, reason, permission) in steps {
        harness.apply([change]).await;
        asked().await.denies_by(reason, permission);
    }
    harness.apply([send_from(ListValue::All)]).await;
    let answer = asked().await;
    assert_eq!(answer.allows_by("send").obligations, [pb::Obligation::Approval as i32]);
}

#[tokio::test]
async fn r9_a_product_outside_the_subscription_binds_administrators_and_owners() {
    let harness = Harness::start().await;
    let world = product("amplify").account("home").owner("boss").member("me").role("admin");
    harness.build(world.change(entitlement("home", "forms", false))).await;
    for who in ["me", "boss"] {
        let answer = ask(who, "home", "form.view").send(&harness).await;
        answer.denies_by(Reason::NotEntitled, "forms.view");
        // The other products stay.
        ask(who, "home", "report.view").send(&harness).await.allows_by("reports.view");
    }
    harness.apply([entitlement("home", "forms", true)]).await;
    ask("me", "home", "form.view").send(&harness).await.allows_by("forms.view");
}

#[tokio::test]
async fn r9_a_module_outside_the_subscription_is_absent_and_the_others_are_not() {
    let harness = Harness::start().await;
    let world = product("nuacom").account("home").queue("q1").member("boss").role("admin");
    let world = world.change(entitlement("home", "bundle", false));
    harness.build(world.change(entitlement("home", "voicemail", false))).await;
    let answer = ask("boss", "home", "voicemail.listen").send(&harness).await;
    answer.denies(Reason::NotEntitled);
    let answer = ask("boss", "home", "wallboard.view").send(&harness).await;
    answer.allows_by("module.wallboard");
}
