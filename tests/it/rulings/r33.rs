//! R33 suspension.

use lineguard::wire::pb;
use lineguard::wire::pb::Reason;
use lineguard_core::change::{Change, NumberTarget};
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;

use super::belonging::{N1, belonging, delegates, group_owner, listed, sees};
use crate::ask::{ask, user};
use crate::changes::{fax_in, faxbox_owner, removed, status};
use crate::harness::{Harness, product};

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
