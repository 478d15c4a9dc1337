//! A team's faxes, seen through numbers.

use lineguard::wire::pb::{self, OriginKind, Reason};
use lineguard_core::change::NewFax;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};

use crate::ask::ask;
use crate::caller_id::{caller_id, to_user};
use crate::changes::{custom_role, level, off, on};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const N9: &str = "+15550100009";

/// A team with three numbers and a received fax on each, and one person of this role.
fn team(role: &str) -> World {
    let team = product("ifax").account("team").number(N1).number(N2).number(N9);
    let faxes = team.received("on-n1", N1, 1).received("on-n2", N2, 2).received("on-n9", N9, 3);
    faxes.member("me").role(role)
}

/// The person receives faxes at this level, with access to N1; those of N2 are assigned to them.
fn receiver(at: &str) -> World {
    team("receiver").access(&[N1]).auto_assign(&[N2]).change(level("team", "me", at))
}

// IFX-S01
#[tokio::test]
async fn at_all_team_a_fax_on_any_number_of_the_team_is_visible() {
    let harness = Harness::start().await;
    harness.build(team("receiver").access(&[N1]).change(level("team", "me", "all_team"))).await;
    let answer = ask("me", "team", "fax.view").on("on-n9").send(&harness).await;
    assert_eq!(answer.allows_by("fax.view_inbound").reason(), Reason::Granted);
    assert_eq!(harness.visible("me", "team").await, ["on-n9", "on-n2", "on-n1"]);
}

// IFX-S02
#[tokio::test]
async fn at_given_numbers_a_fax_on_an_access_number_is_visible() {
    let harness = Harness::start().await;
    harness.build(receiver("given_numbers")).await;
    let answer = ask("me", "team", "fax.view").on("on-n1").send(&harness).await;
    assert_eq!(answer.allows_by("fax.view_inbound").clause, "number in numbers.access");
    assert_eq!(harness.visible("me", "team").await, ["on-n1"]);
}

// IFX-S03
#[tokio::test]
async fn at_given_numbers_a_fax_on_an_auto_assign_number_is_hidden() {
    let harness = Harness::start().await;
    harness.build(receiver("given_numbers")).await;
    let answer = ask("me", "team", "fax.view").on("on-n2").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "fax.view_inbound");
}

// IFX-S04
#[tokio::test]
async fn at_assigned_a_fax_on_an_auto_assign_number_is_visible() {
    let harness = Harness::start().await;
    harness.build(receiver("assigned")).await;
    let answer = ask("me", "team", "fax.view").on("on-n2").send(&harness).await;
    assert_eq!(answer.allows_by("fax.view_inbound").clause, "number in numbers.auto_assign");
    assert_eq!(harness.visible("me", "team").await, ["on-n2"]);
}

// IFX-S05
#[tokio::test]
async fn at_assigned_a_fax_on_an_access_number_is_hidden() {
    let harness = Harness::start().await;
    harness.build(receiver("assigned")).await;
    let answer = ask("me", "team", "fax.view").on("on-n1").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "fax.view_inbound");
}

// IFX-S07
#[tokio::test]
async fn a_level_shows_nothing_without_the_permission_to_view_received_faxes() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).received("on-n1", N1, 1);
    let world = team
        .change(custom_role("team", "clerk", &["doc.view"]))
        .member("me")
        .role("clerk")
        .access(&[N1])
        .change(level("team", "me", "all_team"));
    harness.build(world).await;
    let answer = ask("me", "team", "fax.view").on("on-n1").send(&harness).await;
    // What everybody holds is the permission for own sent faxes, which does not reach so far.
    answer.denies_by(Reason::OutOfReach, "fax.view_own_sent");
    assert_eq!(harness.visible("me", "team").await, [""; 0]);
}

// IFX-S08
#[tokio::test]
async fn at_all_team_a_fax_of_another_team_is_hidden() {
    let harness = Harness::start().await;
    harness.build(team("receiver").change(level("team", "me", "all_team"))).await;
    let theirs = world("t2").model(text_of("ifax")).account("them").member("you").role("admin");
    harness.build(theirs.fax(received("theirs", "them", 0))).await;

    let from_here = ask("me", "team", "fax.view").on("theirs").send(&harness).await;
    from_here.denies_by(Reason::OutOfReach, "fax.view_inbound");
    let there = ask("me", "them", "fax.view").tenant("t2").on("theirs").send(&harness).await;
    there.denies(Reason::NotAMemberOfActingAccount);
    assert_eq!(harness.visible("me", "team").await, ["on-n9", "on-n2", "on-n1"]);
}

// IFX-S09
#[tokio::test]
async fn an_administrator_sees_every_received_fax_of_the_team() {
    let harness = Harness::start().await;
    // Whatever level is stored.
    harness.build(team("admin").change(level("team", "me", "assigned"))).await;
    for fax in ["on-n1", "on-n2", "on-n9"] {
        let answer = ask("me", "team", "fax.view").on(fax).send(&harness).await;
        assert_eq!(answer.allows_by("fax.view_inbound").clause, "account");
    }
}

// IFX-S11
#[tokio::test]
async fn an_own_sent_fax_is_visible_without_the_permission_for_those_of_others() {
    let harness = Harness::start().await;
    let world = team("sender").sent("mine", "me", 4).sent("theirs", "you", 5);
    harness.build(world).await;
    let mine = ask("me", "team", "fax.view").on("mine").send(&harness).await;
    mine.allows_by("fax.view_own_sent");
    let theirs = ask("me", "team", "fax.view").on("theirs").send(&harness).await;
    theirs.denies_by(Reason::OutOfReach, "fax.view_own_sent");
    assert_eq!(harness.visible("me", "team").await, ["mine"]);
}

// IFX-S12
#[tokio::test]
async fn the_only_access_number_is_the_default_caller_id() {
    let harness = Harness::start().await;
    harness.build(team("sender").access(&[N1])).await;
    let presented = caller_id("me", "team").used_for(pb::SendChannel::Fax).send(&harness).await;
    assert_eq!(presented.is(N1, "ONLY_SELECTABLE").selectable, [N1]);
}

/// Somebody with access to N1 and a draft, a sent fax of their own and one of somebody else.
fn sends_from_n1(team: World) -> World {
    let from_n1 = |id: &str| NewFax {
        direction: Direction::Outbound,
        creator: Some(ids::user("me")),
        number: Some(ids::number(N1)),
        ..received(id, "team", 0)
    };
    let draft = NewFax { state: FaxState::Draft, ..from_n1("draft") };
    team.access(&[N1]).fax(from_n1("mine")).fax(draft).sent("theirs", "you", 5)
}

/// What sending takes besides the permission for it is nothing that anybody has to tick.
async fn sends_and_sees_own_sent_faxes(harness: &Harness) {
    let presented = caller_id("me", "team").used_for(pb::SendChannel::Fax).send(harness).await;
    assert_eq!(presented.is(N1, "ONLY_SELECTABLE").selectable, [N1]);
    let sends =
        |number: &str| ask("me", "team", "fax.send").facts(|fax| fax.number = Some(number.into()));
    sends(N1).send(harness).await.allows_by("fax.send");
    sends(N2).send(harness).await.denies_by(Reason::NumberNotHeld, "fax.send");

    let mine = ask("me", "team", "fax.view").on("mine").send(harness).await;
    let told = mine.allows_by("fax.view_own_sent");
    let origin = told.origin.as_ref().unwrap();
    assert_eq!((origin.kind(), &*origin.key), (OriginKind::Everybody, "fax.view_own_sent"));
    assert_eq!(
        told.explanation,
        "Allowed by “View own sent faxes” (everybody has it), which covers the person's own (sent only)."
    );
    ask("me", "team", "fax.send").on("draft").send(harness).await.allows_by("fax.send");
    let theirs = ask("me", "team", "fax.view").on("theirs").send(harness).await;
    theirs.denies_by(Reason::OutOfReach, "fax.view_own_sent");
    assert_eq!(harness.visible("me", "team").await, ["draft", "mine"]);
}

// IFX-A5, IFX-S11, IFX-S12
#[tokio::test]
async fn a_group_of_the_teams_own_that_sends_needs_nothing_else_ticked() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).number(N2);
    let team = team.change(custom_role("team", "frontdesk", &["fax.send", "fax.view_inbound"]));
    harness.build(sends_from_n1(team.member("me").role("frontdesk"))).await;
    sends_and_sees_own_sent_faxes(&harness).await;
}

// IFX-A5, IFX-S11, IFX-S12
#[tokio::test]
async fn a_member_without_a_role_who_may_send_needs_nothing_else_switched_on() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).number(N2);
    harness.build(sends_from_n1(team.member("me"))).await;
    harness.apply([on("team", "me", "fax.send")]).await;
    sends_and_sees_own_sent_faxes(&harness).await;
}

#[tokio::test]
async fn what_everybody_has_can_be_taken_away_from_one_person() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).number(N2);
    let team = team.change(custom_role("team", "frontdesk", &["fax.send"]));
    harness.build(sends_from_n1(team.member("me").role("frontdesk"))).await;
    let off = ["numbers.use", "fax.view_own_sent"].map(|permission| off("team", "me", permission));
    harness.apply(off).await;
    let sends = ask("me", "team", "fax.send").facts(|fax| fax.number = Some(N1.into()));
    sends.send(&harness).await.denies_by(Reason::NumberNotHeld, "fax.send");
    let mine = ask("me", "team", "fax.view").on("mine").send(&harness).await;
    mine.denies_by(Reason::ExplicitlyDenied, "fax.view_own_sent");
    assert_eq!(harness.visible("me", "team").await, [""; 0]);
}

// IFX-S15
#[tokio::test]
async fn a_new_fax_is_assigned_to_the_user_whose_auto_assign_number_it_comes_in_on() {
    let harness = Harness::start().await;
    let world = product("ifax").account("team").number(N2).member("boss").role("admin");
    let world = world.member("user_b").role("receiver").auto_assign(&[N2]);
    harness.build(world.change(level("team", "user_b", "assigned"))).await;

    let before = harness.receiver_of(N2).await;
    assert_eq!(before.recipients.len(), 1);
    assert_eq!(before.recipients[0].target, Some(to_user("user_b")));
    assert!(before.recipients[0].visible_to_target);
    assert_eq!(before.recipients[0].reason(), Reason::Unspecified);
    assert_eq!((before.fallback_used, before.account.as_str()), (false, "team"));
    assert_eq!(before.skipped, []);

    let mut fax = received("new", "team", 0);
    fax.number = Some(ids::number(N2));
    harness.register(fax).await;
    let seen = harness.visible_faxes("boss", "team").await;
    let assignee = seen[0].assignee.clone().unwrap().kind.unwrap();
    assert_eq!(assignee, pb::user_or_group::Kind::User(crate::ask::user("user_b")));
    let own = ask("user_b", "team", "fax.view").on("new").send(&harness).await;
    own.allows_by("fax.view_inbound");
}

// IFX-S17
#[tokio::test]
async fn a_sender_sees_no_received_fax() {
    let harness = Harness::start().await;
    harness.build(team("sender").access(&[N1])).await;
    let answer = ask("me", "team", "fax.view").on("on-n1").send(&harness).await;
    // What a sender does hold is the permission for own sent faxes, which does not reach so far.
    answer.denies_by(Reason::OutOfReach, "fax.view_own_sent");
    assert_eq!(harness.visible("me", "team").await, [""; 0]);
}

// IFX-S18
#[tokio::test]
async fn a_receiver_sends_no_fax() {
    let harness = Harness::start().await;
    harness.build(receiver("given_numbers")).await;
    let sends = ask("me", "team", "fax.send").facts(|fax| fax.number = Some(N1.into()));
    sends.send(&harness).await.denies_by(Reason::NoGrant, "fax.send");
}

// IFX-S19
#[tokio::test]
async fn changing_the_permissions_of_a_user_needs_users_and_permissions() {
    let harness = Harness::start().await;
    let world = team("manager").member("boss").role("admin").member("other").role("sender");
    harness.build(world).await;
    let change = |who: &str| {
        let asked = ask(who, "team", "permission.assign").on("user:other");
        asked.target("permission", Some("fax.delete_inbound"), |_| ())
    };
    change("me").send(&harness).await.denies_by(Reason::NoGrant, "account.users");
    change("boss").send(&harness).await.allows_by("account.users");
}
