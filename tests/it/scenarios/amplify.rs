//! Four products in one subscription, with permissions that narrow, oblige and route.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{ListValue, MemberList};
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use crate::ask::{Ask, ask};
use crate::caller_id::caller_id;
use crate::changes::{adjust, custom_role, on, pending, switch};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

/// An organization with two numbers, and one person who holds exactly these permissions.
fn holding(permissions: &[&str]) -> World {
    let home = product("amplify").account("home").number(N1).number(N2);
    home.change(custom_role("home", "exactly", permissions)).member("me").role("exactly")
}

/// A fax without attachments from a number.
fn sends_from(number: &str) -> Ask {
    ask("me", "home", "fax.send").facts(|fax| {
        fax.number = Some(number.into());
        fax.absent = vec!["attachment_sources".into()];
    })
}

fn send_from(numbers: &[&str]) -> MemberList {
    MemberList::SendFrom(SendChannel::Fax, ListValue::These(ids::numbers(numbers)))
}

// AMP-S01
#[tokio::test]
async fn a_product_switched_off_for_an_administrator_is_off() {
    let harness = Harness::start().await;
    let world = product("amplify").account("home").number(N1).member("me").role("admin");
    harness.build(world.change(switch("home", "me", "ifax", false))).await;
    sends_from(N1).send(&harness).await.denies_by(Reason::ProductSwitchedOff, "fax.send");
    harness.apply([switch("home", "me", "ifax", true)]).await;
    sends_from(N1).send(&harness).await.allows_by("fax.send");
}

// AMP-S03
#[tokio::test]
async fn calling_and_choosing_a_number_do_not_include_hiding_it() {
    let harness = Harness::start().await;
    harness.build(holding(&["call.make", "call.caller_id"]).granted(&[N1])).await;
    let hidden = caller_id("me", "home").anonymous().send(&harness).await;
    assert!(!hidden.denies("NOT_GRANTED").may_be_anonymous);
    let hides = ask("me", "home", "caller_id.hide").send(&harness).await;
    hides.denies_by(Reason::NoGrant, "call.anonymous");

    harness.apply([on("home", "me", "call.anonymous")]).await;
    caller_id("me", "home").anonymous().send(&harness).await.is_anonymous();
}

// AMP-S04
#[tokio::test]
async fn a_fax_from_a_number_outside_the_send_from_list_is_restricted() {
    let harness = Harness::start().await;
    harness.build(holding(&["fax.send"]).list(send_from(&[N1]))).await;
    sends_from(N2).send(&harness).await.denies_by(Reason::Restricted, "fax.send");
}

// AMP-S05
#[tokio::test]
async fn a_fax_from_a_number_of_the_send_from_list_goes_out() {
    let harness = Harness::start().await;
    harness.build(holding(&["fax.send"]).list(send_from(&[N1]))).await;
    let answer = sends_from(N1).send(&harness).await;
    assert_eq!(answer.allows_by("fax.send").reason(), Reason::Granted);
}

// AMP-S06
#[tokio::test]
async fn whoever_sends_for_approval_may_send_with_the_obligation_of_approval() {
    let harness = Harness::start().await;
    // The send-from list is left unset; its row is held, so it does not restrict.
    let held = ["fax.send", "fax.send_for_approval", "fax.send_from", "fax.attachment_sources"];
    harness.build(holding(&held)).await;
    let answer = sends_from(N1).send(&harness).await;
    let allowed = answer.allows_by("fax.send");
    assert_eq!(allowed.obligations, [pb::Obligation::Approval as i32]);
}

// AMP-S07
#[tokio::test]
async fn an_approver_approves_a_pending_fax_of_somebody_else() {
    let harness = Harness::start().await;
    let world = holding(&["fax.approve"]).member("you").role("member");
    harness.build(world.fax(pending("f1", "home", "you", N1))).await;
    let answer = ask("me", "home", "fax.approve").on("f1").send(&harness).await;
    assert_eq!(answer.allows_by("fax.approve").obligations, [0; 0]);
}

// AMP-S09
#[tokio::test]
async fn the_permission_for_own_sent_faxes_shows_none_of_another_user() {
    let harness = Harness::start().await;
    let world = holding(&["fax.view_own_sent"]).sent("mine", "me", 0).sent("theirs", "you", 1);
    harness.build(world).await;
    let theirs = ask("me", "home", "fax.view").on("theirs").send(&harness).await;
    theirs.denies_by(Reason::OutOfReach, "fax.view_own_sent");
    let mine = ask("me", "home", "fax.view").on("mine").send(&harness).await;
    mine.allows_by("fax.view_own_sent");
}

// AMP-S11
#[tokio::test]
async fn access_to_numbers_does_not_manage_them() {
    let harness = Harness::start().await;
    harness.build(holding(&["numbers.access"]).access(&[N1])).await;
    ask("me", "home", "number.view").on(N1).send(&harness).await.allows_by("numbers.access");
    let answer = ask("me", "home", "number.manage").on(N1).send(&harness).await;
    answer.denies_by(Reason::NoGrant, "numbers.manage");
}

// AMP-S12
#[tokio::test]
async fn a_default_role_can_be_given_more() {
    let harness = Harness::start().await;
    harness.build(product("amplify").account("home").member("me").role("member")).await;
    let before = ask("me", "home", "report.view").send(&harness).await;
    before.denies_by(Reason::NoGrant, "reports.view");
    harness.apply([adjust("home", "member", &["reports.view"], &[])]).await;
    let after = ask("me", "home", "report.view").send(&harness).await;
    let origin = after.allows_by("reports.view").origin.clone().unwrap();
    assert_eq!((origin.kind(), origin.key.as_str()), (pb::OriginKind::Role, "member"));
}

// AMP-S14
#[tokio::test]
async fn a_members_own_override_does_not_switch_on_ai() {
    let harness = Harness::start().await;
    let world = product("amplify").account("home").number(N1).member("me").role("member");
    harness.build(world.access(&[N1]).received("f1", N1, 0)).await;
    let fault = harness.finds_invalid(on("home", "me", "fax.ai")).await;
    assert_eq!(fault.field, "value");
    ask("me", "home", "fax.view").on("f1").send(&harness).await.allows_by("fax.view_received");
    let answer = ask("me", "home", "fax.use_ai").on("f1").send(&harness).await;
    answer.denies_by(Reason::NoGrant, "fax.ai");
}
