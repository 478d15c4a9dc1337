//! R20 moving, cover pages and the editing lock, R21 verified recipients, R22 approval.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::NewFax;
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received};

use crate::ask::{Ask, ask, user};
use crate::changes::{fax_in, in_faxbox, off, on, pending, setting, status, to_faxbox};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";

fn portal() -> World {
    let portal = product("retarus").account("home").faxbox("box").faxbox("other").number(N1);
    let portal = portal.change(to_faxbox(N1, "box")).member("me").role("user");
    portal.fax(NewFax { number: Some(ids::number(N1)), ..fax_in("f1", "home", "box") })
}

/// What goes out from the faxbox.
fn from_box(fax: &mut pb::Facts) {
    fax.faxbox = Some("box".into());
    fax.number = Some(N1.into());
}

#[tokio::test]
async fn r20_moving_and_dropping_need_membership_of_both_ends() {
    let harness = Harness::start().await;
    harness.build(portal().join("me", "box")).await;
    for (action, permission) in [("fax.move", "fax.move"), ("fax.drop", "fax.drop")] {
        let moves = || {
            let asked = ask("me", "home", action).on("f1");
            asked.target("faxbox", Some("other"), |_| ()).send(&harness)
        };
        let answer = moves().await;
        let denied = answer.denies_by(Reason::RequirementNotMet, permission);
        assert_eq!(denied.requirement, "target_faxbox_member");
        harness.apply([in_faxbox("me", "other", true)]).await;
        moves().await.allows_by(permission);
        // Only the other end is not enough either.
        harness.apply([in_faxbox("me", "box", false)]).await;
        let answer = moves().await;
        let denied = answer.denies(Reason::RequirementNotMet);
        assert_eq!(denied.requirement, "faxbox_member");
        harness.apply([in_faxbox("me", "other", false), in_faxbox("me", "box", true)]).await;
        // Where it goes must be said.
        ask("me", "home", action).on("f1").send(&harness).await.misses("target.properties.faxbox");
    }
}

#[tokio::test]
async fn r20_the_cover_page_of_a_faxbox_is_used_in_its_faxbox_only() {
    let harness = Harness::start().await;
    harness.build(portal().join("me", "box").join("me", "other")).await;
    let page_of_box =
        || ask("me", "home", "cover_page.use").facts(|page| page.faxbox = Some("box".into()));
    let for_fax_in = |asked: Ask, faxbox: &str| {
        let faxbox = faxbox.to_owned();
        asked.target("fax", None, |fax| fax.faxbox = Some(faxbox)).send(&harness)
    };
    for_fax_in(page_of_box(), "box").await.allows_by("cover.use");
    let answer = for_fax_in(page_of_box(), "other").await;
    let denied = answer.denies_by(Reason::RequirementNotMet, "cover.use");
    assert_eq!(denied.requirement, "cover_page_of_faxbox");
    // A global one belongs to no faxbox and is used everywhere.
    let global = ask("me", "home", "cover_page.use");
    let global = global.facts(|page| page.absent = vec!["faxbox".into()]);
    for_fax_in(global, "other").await.allows_by("cover.use");
    page_of_box().send(&harness).await.misses("target.properties.faxbox");
}

#[tokio::test]
async fn r20_a_fax_that_somebody_else_edits_is_locked() {
    let harness = Harness::start().await;
    harness.build(portal().join("me", "box").member("you").role("user").join("you", "box")).await;
    let edits = |holder: Option<&str>, action: &str| {
        let holder = holder.map(user);
        let asked = ask("me", "home", action).on("f1");
        asked.context(|context| context.locked_by = holder).send(&harness)
    };
    edits(Some("you"), "document.redact")
        .await
        .denies_by(Reason::LockedByAnother, "doc.redact_sign_extract");
    edits(Some("me"), "document.redact").await.allows_by("doc.redact_sign_extract");
    edits(None, "document.redact").await.allows_by("doc.redact_sign_extract");
    // Looking at it is no editing.
    edits(Some("you"), "document.preview").await.allows_by("doc.preview");
}

#[tokio::test]
async fn r21_every_way_out_needs_a_verified_recipient_under_the_policy() {
    let harness = Harness::start().await;
    harness.build(portal().join("me", "box")).await;
    let sends = |action: &str, verified: Option<bool>| {
        let asked = match action {
            "fax.send" => ask("me", "home", action).facts(from_box),
            "fax.forward" => ask("me", "home", action).on("f1").target("fax", None, from_box),
            _ => ask("me", "home", action).on("f1"),
        };
        asked.context(|context| context.recipient_verified = verified).send(&harness)
    };
    let ways_out = ["fax.send", "fax.forward", "fax.resend", "fax.email"];
    for action in ways_out {
        sends(action, None).await.allows();
    }
    harness.apply([setting("home", "restrict_recipients", true)]).await;
    for action in ways_out {
        sends(action, Some(true)).await.allows();
        sends(action, Some(false)).await.denies(Reason::RecipientNotVerified);
        sends(action, None).await.misses("context.recipient_verified");
    }
    sends("fax.download", None).await.allows_by("fax.download");
    // Whoever may not send at all is told that, and not asked for the fact.
    harness.apply([in_faxbox("me", "box", false)]).await;
    sends("fax.send", None).await.denies_by(Reason::RequirementNotMet, "fax.send");
}

/// Somebody who sends, and two who approve.
fn approvals() -> World {
    let home = product("amplify").account("home").number(N1).member("me").role("member");
    home.member("boss").role("manager").member("chief").role("manager")
}

fn sends(who: &str) -> Ask {
    ask(who, "home", "fax.send").facts(|fax| {
        fax.number = Some(N1.into());
        fax.attachment_sources = Some(pb::AttachmentSources::default());
    })
}

#[tokio::test]
async fn r22_a_send_that_needs_approval_is_allowed_with_that_obligation() {
    let harness = Harness::start().await;
    harness.build(approvals()).await;
    let approval = [i32::from(pb::Obligation::Approval)];
    assert_eq!(sends("me").send(&harness).await.allows_by("fax.send").obligations, [0; 0]);
    harness.apply([on("home", "me", "fax.send_for_approval")]).await;
    assert_eq!(sends("me").send(&harness).await.allows_by("fax.send").obligations, approval);
    assert_eq!(sends("boss").send(&harness).await.allows_by("fax.send").obligations, [0; 0]);
    // The setting of the account holds the faxes of everybody.
    harness.apply([setting("home", "approval", true)]).await;
    assert_eq!(sends("boss").send(&harness).await.allows_by("fax.send").obligations, approval);
    // What is denied obliges to nothing.
    harness.apply([off("home", "boss", "fax.send")]).await;
    let denied = sends("boss").send(&harness).await;
    assert_eq!(denied.denies_by(Reason::ExplicitlyDenied, "fax.send").obligations, [0; 0]);
}

#[tokio::test]
async fn r22_an_approver_sees_what_waits_for_approval() {
    let harness = Harness::start().await;
    let sent = NewFax {
        state: lineguard_core::model::reach::FaxState::Active,
        ..pending("sent", "home", "me", N1)
    };
    let inbound = received("inbound", "home", 5);
    let world = approvals().fax(pending("waiting", "home", "me", N1)).fax(sent).fax(inbound);
    harness.build(world.member("you").role("member")).await;
    let sees =
        |who: &'static str, fax: &'static str| ask(who, "home", "fax.view").on(fax).send(&harness);
    sees("boss", "waiting").await.allows_by("fax.approve");
    sees("boss", "sent").await.denies(Reason::OutOfReach);
    sees("you", "waiting").await.denies(Reason::OutOfReach);
    assert_eq!(harness.visible("boss", "home").await, ["waiting"]);
    for action in ["fax.approve", "fax.reject"] {
        let approves =
            |who: &'static str, fax: &'static str| ask(who, "home", action).on(fax).send(&harness);
        approves("boss", "waiting").await.allows_by("fax.approve");
        approves("boss", "sent").await.denies(Reason::OutOfReach);
        approves("you", "waiting").await.denies_by(Reason::NoGrant, "fax.approve");
    }
}

#[tokio::test]
async fn r22_nobody_approves_an_own_fax_unless_the_account_says_so() {
    let harness = Harness::start().await;
    harness.build(approvals().fax(pending("own", "home", "boss", N1))).await;
    let approves = |who: &'static str| ask(who, "home", "fax.approve").on("own").send(&harness);
    approves("boss").await.denies_by(Reason::OutOfReach, "fax.approve");
    approves("chief").await.allows_by("fax.approve");
    harness.apply([setting("home", "self_approval", true)]).await;
    approves("boss").await.allows_by("fax.approve");
}

#[tokio::test]
async fn r22_at_release_the_right_of_the_sender_is_asked_again() {
    let harness = Harness::start().await;
    harness.build(approvals().fax(pending("f1", "home", "me", N1))).await;
    // The question at release is the sender's own, about the fax that waits.
    let again = || {
        let asked = ask("me", "home", "fax.send").on("f1");
        asked.facts(|fax| fax.attachment_sources = Some(pb::AttachmentSources::default()))
    };
    again().send(&harness).await.allows_by("fax.send");
    harness.apply([off("home", "me", "fax.send")]).await;
    again().send(&harness).await.denies_by(Reason::ExplicitlyDenied, "fax.send");
    harness.apply([status("home", "me", MemberStatus::Suspended)]).await;
    again().send(&harness).await.denies(Reason::MemberSuspended);
    // An approver alone releases nothing for them: the approval stands, the send does not.
    ask("boss", "home", "fax.approve").on("f1").send(&harness).await.allows_by("fax.approve");
}
