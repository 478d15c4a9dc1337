//! R18 auto-assign.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{Change, NumberList, NumberTarget};
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};

use crate::ask::{ask, user};
use crate::caller_id::{to_faxbox, to_group, to_user};
use crate::changes::{in_faxbox, in_group, level, list, numbers, on, status};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";

fn team() -> World {
    product("ifax").account("team").number(N1).member("boss").role("admin")
}

fn office() -> World {
    let office = product("standard").account("home").number(N1).faxbox("box").group("desk", &[]);
    office.member("boss").role("administrator")
}

fn receives(account: &str, who: &str) -> Change {
    list(account, who, numbers(NumberList::AutoAssign, &[N1]))
}

fn target(target: NumberTarget) -> Change {
    Change::SetNumberTarget { number: ids::number(N1), target, on: true }
}

fn faxbox() -> Change {
    target(NumberTarget::Faxbox(ids::faxbox("box")))
}

fn group() -> Change {
    target(NumberTarget::Group(ids::group("desk")))
}

/// Registers a fax on the number and reads it as the one who sees everything.
async fn arrives(harness: &Harness, account: &str) -> pb::Fax {
    let mut fax = received("new", account, 0);
    fax.number = Some(ids::number(N1));
    harness.register(fax).await;
    harness.visible_faxes("boss", account).await.remove(0)
}

#[tokio::test]
async fn r18_a_second_target_of_a_number_is_refused() {
    let harness = Harness::start().await;
    harness.build(team().member("ann").auto_assign(&[N1]).member("bob")).await;
    let fault = harness.refuses(receives("team", "bob")).await;
    assert_eq!(fault.field, "list");
    assert!(fault.problem.contains("receiver already"), "{}", fault.problem);
    let harness = Harness::start().await;
    harness.build(office().member("ann").auto_assign(&[N1])).await;
    assert_eq!(harness.refuses(group()).await.field, "target");
    // The faxbox that receives what nobody else does may stand beside the target.
    harness.apply([faxbox()]).await;
}

#[tokio::test]
async fn r18_targets_that_are_not_active_are_skipped_with_the_reason() {
    let harness = Harness::start().await;
    harness.build(team().member("ann").role("receiver").auto_assign(&[N1])).await;
    for (word, reason) in [
        (MemberStatus::Unverified, "MEMBER_UNVERIFIED"),
        (MemberStatus::Suspended, "MEMBER_SUSPENDED"),
    ] {
        harness.apply([status("team", "ann", word)]).await;
        let answer = harness.receiver_of(N1).await;
        assert_eq!(answer.recipients, []);
        assert_eq!(answer.skipped.len(), 1);
        assert_eq!(answer.skipped[0].target, Some(to_user("ann")));
        assert_eq!(answer.skipped[0].reason, reason);
    }
    // The fallback of this model leaves the fax unassigned.
    assert_eq!(arrives(&harness, "team").await.assignee, None);

    harness.apply([status("team", "ann", MemberStatus::Active)]).await;
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients[0].target, Some(to_user("ann")));
    assert_eq!(answer.skipped, []);
}

#[tokio::test]
async fn r18_the_fallback_is_the_faxbox_of_the_number_where_the_model_says_so() {
    let harness = Harness::start().await;
    let ann = office().member("ann").role("member").auto_assign(&[N1]);
    harness.build(ann.change(faxbox()).member("bob").role("member").join("bob", "box")).await;
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients[0].target, Some(to_user("ann")));
    assert!(!answer.fallback_used);

    harness.apply([status("home", "ann", MemberStatus::Suspended)]).await;
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients.len(), 1);
    assert_eq!(answer.recipients[0].target, Some(to_faxbox("box")));
    assert!(answer.recipients[0].visible_to_target);
    let fax = arrives(&harness, "home").await;
    assert_eq!((fax.faxbox.as_str(), fax.assignee), ("box", None));
    ask("bob", "home", "fax.view").on("new").send(&harness).await.allows_by("fax.view_faxbox");
}

#[tokio::test]
async fn r18_registering_stamps_what_was_shown_beforehand() {
    for (set_up, shown, assignee, faxbox) in [
        (
            receives("home", "ann"),
            to_user("ann"),
            Some(pb::user_or_group::Kind::User(user("ann"))),
            "",
        ),
        (group(), to_group("desk"), Some(pb::user_or_group::Kind::Group("desk".into())), ""),
        (faxbox(), to_faxbox("box"), None, "box"),
    ] {
        let harness = Harness::start().await;
        harness.build(office().member("ann").role("member").in_group("ann", "desk")).await;
        harness.apply([set_up]).await;
        assert_eq!(harness.receiver_of(N1).await.recipients[0].target, Some(shown));
        let fax = arrives(&harness, "home").await;
        assert_eq!(fax.assignee.map(|one| one.kind.unwrap()), assignee);
        assert_eq!(fax.faxbox, faxbox);
    }
}

#[tokio::test]
async fn r18_a_target_whose_level_hides_the_fax_still_receives_it_and_is_told_so() {
    let harness = Harness::start().await;
    harness.build(team().member("ann").role("receiver").access(&[])).await;
    // The level shows access numbers; the number is an auto-assign number.
    let applied = harness.apply([receives("team", "ann")]).await;
    assert_eq!(applied.warnings.len(), 1, "the write warns");
    assert!(applied.warnings[0].text.contains("could not open"), "{:?}", applied.warnings);
    let recipient = harness.receiver_of(N1).await.recipients.remove(0);
    assert_eq!(recipient.target, Some(to_user("ann")));
    assert!(!recipient.visible_to_target);
    assert_eq!(recipient.reason(), Reason::OutOfReach);
    assert_ne!(recipient.explanation, "");
    arrives(&harness, "team").await;
    let answer = ask("ann", "team", "fax.view").on("new").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "fax.view_inbound");

    let applied = harness.apply([level("team", "ann", "assigned")]).await;
    assert_eq!(applied.warnings, []);
    assert!(harness.receiver_of(N1).await.recipients[0].visible_to_target);
    ask("ann", "team", "fax.view").on("new").send(&harness).await.allows_by("fax.view_inbound");
    // Taking sight away warns just the same.
    let applied = harness.apply([level("team", "ann", "given_numbers")]).await;
    assert_eq!(applied.warnings.len(), 1);
}

#[tokio::test]
async fn r18_a_model_may_say_that_assignment_implies_sight() {
    let harness = Harness::start().await;
    let ann = office().member("ann").role("member").change(level("home", "ann", "none"));
    harness.build(ann).await;
    let applied = harness.apply([receives("home", "ann")]).await;
    assert_eq!(applied.warnings, []);
    let recipient = harness.receiver_of(N1).await.recipients.remove(0);
    assert!(recipient.visible_to_target);
    assert_eq!(recipient.reason(), Reason::Unspecified);
    arrives(&harness, "home").await;
    let answer = ask("ann", "home", "fax.view").on("new").send(&harness).await;
    assert_eq!(answer.allows_by("fax.view").clause, "assigned");
}

#[tokio::test]
async fn r18_a_group_or_faxbox_with_nobody_in_it_is_told() {
    let harness = Harness::start().await;
    harness.build(office().member("ann").role("member")).await;
    let applied = harness.apply([group()]).await;
    assert_eq!(applied.warnings.len(), 1);
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients, []);
    assert_eq!(answer.skipped[0].reason, "NOBODY_IN_GROUP");
    harness.apply([in_group("ann", "desk", true)]).await;
    assert_eq!(harness.receiver_of(N1).await.recipients[0].target, Some(to_group("desk")));

    let harness = Harness::start().await;
    harness.build(office().member("ann").role("member")).await;
    let applied = harness.apply([faxbox()]).await;
    assert_eq!(applied.warnings.len(), 1);
    assert!(!harness.receiver_of(N1).await.recipients[0].visible_to_target);
    harness.apply([in_faxbox("ann", "box", true)]).await;
    assert!(harness.receiver_of(N1).await.recipients[0].visible_to_target);
}

#[tokio::test]
async fn r18_only_those_with_the_routing_permission_can_be_targets() {
    let harness = Harness::start().await;
    let home = product("amplify").account("home").number(N1).member("boss").role("admin");
    harness.build(home.member("ann").role("member").access(&[N1]).auto_assign(&[N1])).await;
    let answer = harness.receiver_of(N1).await;
    assert_eq!(answer.recipients, []);
    assert_eq!(answer.skipped[0].target, Some(to_user("ann")));
    assert_eq!(answer.skipped[0].reason, "NOT_A_TARGET");
    harness.apply([on("home", "ann", "fax.auto_assigned")]).await;
    let recipient = harness.receiver_of(N1).await.recipients.remove(0);
    assert_eq!(recipient.target, Some(to_user("ann")));
    assert!(recipient.visible_to_target);
}

#[tokio::test]
async fn r18_a_model_may_allow_several_targets_and_the_first_one_is_stamped() {
    let harness = Harness::start().await;
    let text = text_of("ifax").replacen("several = false", "several = true", 1);
    let team = world("t1").model(&text).account("team").number(N1).member("boss").role("admin");
    let ann = team.member("ann").role("receiver").change(level("team", "ann", "assigned"));
    harness.build(ann.member("bob").role("receiver").access(&[])).await;
    harness.apply([receives("team", "ann"), receives("team", "bob")]).await;
    let answer = harness.receiver_of(N1).await;
    let targets: Vec<_> = answer.recipients.iter().map(|one| one.target.clone()).collect();
    assert_eq!(targets, [Some(to_user("ann")), Some(to_user("bob"))]);
    let sees: Vec<_> = answer.recipients.iter().map(|one| one.visible_to_target).collect();
    assert_eq!(sees, [true, false]);
    assert_eq!(answer.skipped, []);
    let assignee = arrives(&harness, "team").await.assignee.unwrap().kind.unwrap();
    assert_eq!(assignee, pb::user_or_group::Kind::User(user("ann")));
}
