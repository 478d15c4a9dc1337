//! R17 visibility levels, R19 reassignment.

use lineguard::wire::pb::Reason;
use lineguard_core::change::{NumberList, UserOrGroup};
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use crate::ask::ask;
use crate::changes::{assign, in_group, level, list, numbers, on};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const N3: &str = "+15550100003";

/// A team with a received fax on each of three numbers, and a person with access to the first one
/// who is assigned the faxes of the second one.
fn team(role: &str) -> World {
    let team = product("ifax").account("team").number(N1).number(N2).number(N3);
    let team = team.member("you").role("receiver").group("desk", &[]);
    let me = team.member("me").role(role).access(&[N1]).auto_assign(&[N2]);
    me.received("f1", N1, 1).received("f2", N2, 2).received("f3", N3, 3)
}

fn to(who: &str) -> Option<UserOrGroup> {
    Some(UserOrGroup::User(ids::user(who)))
}

#[tokio::test]
async fn r17_levels_are_filters_of_their_own_and_do_not_nest() {
    let harness = Harness::start().await;
    harness.build(team("receiver")).await;
    // One that is assigned by hand, on a number that is in no list.
    harness.apply([assign("f3", to("me"))]).await;
    for (key, sees) in [
        ("given_numbers", vec!["f1"]),
        ("assigned", vec!["f3", "f2"]),
        ("all_team", vec!["f3", "f2", "f1"]),
    ] {
        harness.apply([level("team", "me", key)]).await;
        assert_eq!(harness.visible("me", "team").await, sees, "{key}");
        for fax in ["f1", "f2", "f3"] {
            let answer = ask("me", "team", "fax.view").on(fax).send(&harness).await;
            if sees.contains(&fax) {
                answer.allows_by("fax.view_inbound");
            } else {
                answer.denies_by(Reason::OutOfReach, "fax.view_inbound");
            }
        }
    }
}

#[tokio::test]
async fn r17_assigned_counts_the_groups_of_the_member() {
    let harness = Harness::start().await;
    harness.build(team("receiver").change(level("team", "me", "assigned"))).await;
    harness.apply([assign("f3", Some(UserOrGroup::Group(ids::group("desk"))))]).await;
    assert_eq!(harness.visible("me", "team").await, ["f2"]);
    harness.apply([in_group("me", "desk", true)]).await;
    assert_eq!(harness.visible("me", "team").await, ["f3", "f2"]);
}

#[tokio::test]
async fn r17_a_role_that_holds_everything_sees_every_received_fax() {
    let harness = Harness::start().await;
    harness.build(team("admin").change(level("team", "me", "given_numbers"))).await;
    assert_eq!(harness.visible("me", "team").await, ["f3", "f2", "f1"]);
    let standard = product("standard").account("home").number(N1).received("f1", N1, 0);
    let harness = Harness::start().await;
    harness.build(standard.member("me").role("administrator")).await;
    assert_eq!(harness.visible("me", "home").await, ["f1"]);
}

#[tokio::test]
async fn r17_own_sent_faxes_are_visible_and_those_of_others_by_permission_only() {
    let harness = Harness::start().await;
    let world = team("receiver").change(level("team", "me", "all_team"));
    harness.build(world.sent("mine", "me", 4).sent("theirs", "you", 5)).await;
    assert_eq!(harness.visible("me", "team").await, ["mine", "f3", "f2", "f1"]);
    let theirs = || ask("me", "team", "fax.view").on("theirs").send(&harness);
    theirs().await.denies(Reason::OutOfReach);
    harness.apply([on("team", "me", "fax.view_sent_others")]).await;
    theirs().await.allows_by("fax.view_sent_others");
    assert_eq!(harness.visible("me", "team").await, ["theirs", "mine", "f3", "f2", "f1"]);
}

#[tokio::test]
async fn r19_reassigning_takes_sight_away_from_the_old_assignee() {
    let harness = Harness::start().await;
    harness.build(team("receiver").change(level("team", "me", "assigned"))).await;
    let sees = |fax: &'static str| ask("me", "team", "fax.view").on(fax).send(&harness);
    harness.apply([assign("f3", to("me")), assign("f2", to("me"))]).await;
    sees("f3").await.allows_by("fax.view_inbound");
    harness.apply([assign("f3", to("you")), assign("f2", to("you"))]).await;
    sees("f3").await.denies_by(Reason::OutOfReach, "fax.view_inbound");
    // Unless another clause still covers the fax: its number is one of the person's own.
    sees("f2").await.allows_by("fax.view_inbound");
    harness.apply([assign("f3", None)]).await;
    sees("f3").await.denies_by(Reason::OutOfReach, "fax.view_inbound");
}

#[tokio::test]
async fn r19_number_lists_count_as_they_are_when_the_question_is_asked() {
    let harness = Harness::start().await;
    harness.build(team("receiver").change(level("team", "me", "given_numbers"))).await;
    assert_eq!(harness.visible("me", "team").await, ["f1"]);
    harness.apply([list("team", "me", numbers(NumberList::Access, &[N3]))]).await;
    assert_eq!(harness.visible("me", "team").await, ["f3"]);
    let lost = ask("me", "team", "fax.view").on("f1").send(&harness).await;
    lost.denies_by(Reason::OutOfReach, "fax.view_inbound");
}
