//! R4 owners, R5 status and invitations, R6 channels.

use lineguard::wire::pb::{Channel, OriginKind, Reason};
use lineguard_core::change::Change;
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::Timestamp;
use lineguard_core::port::ApplyError;
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, batch};

use crate::ask::{Ask, ask};
use crate::caller_id::caller_id;
use crate::changes::{fax_in, off, owner, removed, status};
use crate::harness::{Harness, product};

fn about(asked: Ask, account: &str) -> Ask {
    asked.facts(|facts| facts.account = Some(account.into()))
}

#[tokio::test]
async fn r4_whoever_creates_an_account_owns_it_and_what_lies_below() {
    let harness = Harness::start().await;
    let tree = product("iovox").account("root").owner("ann").below("root", "mid").owner("bob");
    harness.build(tree.below("mid", "leaf")).await;

    let seals = |who: &'static str, at: &'static str, what: &'static str| {
        about(ask(who, at, "account.seal"), what).send(&harness)
    };
    for account in ["root", "mid", "leaf"] {
        let answer = seals("ann", "root", account).await;
        let origin = answer.allows().origin.clone().unwrap();
        assert_eq!((origin.kind(), &*origin.key), (OriginKind::Overlay, "account_owner"));
    }
    seals("bob", "mid", "leaf").await.allows();
    seals("bob", "mid", "root").await.denies(Reason::OutOfReach);
    seals("bob", "root", "root").await.denies(Reason::NotAMemberOfActingAccount);
}

#[tokio::test]
async fn r4_what_an_owner_may_do_cannot_be_taken_away_one_by_one() {
    let harness = Harness::start().await;
    let world = product("iovox").account("root").owner("ann").member("bob").role("full_editor");
    let world = world.change(off("root", "bob", "rules.edit"));
    harness.build(world.change(off("root", "ann", "rules.edit"))).await;
    ask("ann", "root", "call_rule.update").send(&harness).await.allows_by("rules.edit");
    let bob = ask("bob", "root", "call_rule.update").send(&harness).await;
    bob.denies_by(Reason::ExplicitlyDenied, "rules.edit");
}

#[tokio::test]
async fn r4_the_last_owner_stays_and_suspension_always_wins() {
    let harness = Harness::start().await;
    let world = product("iovox").account("root").owner("ann").member("bob").role("full_editor");
    harness.build(world).await;
    let not_removed = || [removed("root", "ann"), owner("root", "ann", false)];
    for change in not_removed() {
        assert!(harness.refuses(change).await.problem.contains("last owner"));
    }
    let told = harness.apply([status("root", "ann", MemberStatus::Suspended)]).await;
    let told: Vec<_> = told.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(told, ["nobody active owns the account now"]);
    let answer = ask("ann", "root", "call_rule.update").send(&harness).await;
    answer.denies(Reason::MemberSuspended);
    // What was suspended still has to be handed over before it can be taken away.
    for change in not_removed() {
        assert!(harness.refuses(change).await.problem.contains("last owner"));
    }
    harness.apply([owner("root", "bob", true)]).await;
    let answer = ask("ann", "root", "call_rule.update").send(&harness).await;
    answer.denies(Reason::MemberSuspended);
    ask("bob", "root", "account.seal").send(&harness).await.allows();
    harness.apply([removed("root", "ann")]).await;
    let answer = ask("ann", "root", "call_rule.update").send(&harness).await;
    answer.denies(Reason::MemberRemoved);
}

#[tokio::test]
async fn r4_only_owners_remove_or_suspend_an_owner() {
    let harness = Harness::start().await;
    let world = product("iovox").account("root").owner("top").below("root", "mid");
    let world = world.owner("ann").member("adm").role("full_editor");
    let world = world.member("eve").role("full_viewer").member("ben").role("full_viewer");
    harness.build(world.change(owner("mid", "ben", true))).await;

    let asks = |who: &'static str, at: &'static str, action: &str, whom: &str| {
        about(ask(who, at, action), "mid").on(&format!("user:{whom}")).send(&harness)
    };
    for action in ["member.remove", "member.suspend"] {
        // Below owner: everybody but an owner.
        asks("adm", "mid", action, "eve").await.allows();
        asks("adm", "mid", action, "ann").await.denies(Reason::OwnerIsSpared);
        // Another owner, and the owner of the account above.
        for (who, at) in [("ben", "mid"), ("top", "root")] {
            let answer = asks(who, at, action, "ann").await;
            let origin = answer.allows().origin.clone().unwrap();
            assert_eq!((origin.kind(), &*origin.key), (OriginKind::Overlay, "account_owner"));
        }
        // An owner of the account below is nobody above.
        asks("ben", "root", action, "ann").await.denies(Reason::NotAMemberOfActingAccount);
        // Whoever may not do it to anybody is told so.
        asks("eve", "mid", action, "ann").await.denies(Reason::NoGrant);
    }
    // Other changes to an owner stay what the model says.
    asks("adm", "mid", "member.update", "ann").await.allows();
    // Who owns what is read anew.
    harness.apply([owner("mid", "ann", false)]).await;
    asks("adm", "mid", "member.remove", "ann").await.allows();
}

#[tokio::test]
async fn r4_the_owner_of_a_portal_administers_it_and_opens_no_faxbox() {
    let harness = Harness::start().await;
    let world = product("retarus").account("home").owner("ann").faxbox("box");
    harness.build(world.fax(fax_in("f1", "home", "box"))).await;
    ask("ann", "home", "faxbox.update").on("box").send(&harness).await.allows_by("faxbox.modify");
    let answer = ask("ann", "home", "fax.view").on("f1").send(&harness).await;
    answer.denies_by(Reason::RequirementNotMet, "fax.view");
}

#[tokio::test]
async fn r5_only_active_members_get_anything_and_each_status_has_its_reason() {
    let harness = Harness::start().await;
    let mut world = product("iovox").account("home");
    for (status, word) in MemberStatus::ALL {
        world = world.member(word).role("full_editor").status(status);
    }
    harness.build(world).await;
    for (who, reason) in [
        ("invited", Reason::MemberInvited),
        ("unverified", Reason::MemberUnverified),
        ("suspended", Reason::MemberSuspended),
        ("removed", Reason::MemberRemoved),
        ("stranger", Reason::NotAMemberOfActingAccount),
    ] {
        let decision = ask(who, "home", "report.view").send(&harness).await;
        assert_eq!(decision.denies(reason).permission, None);
    }
    ask("active", "home", "report.view").send(&harness).await.allows_by("reports.view");
}

fn invite(id: &str, expires_at: Timestamp) -> Change {
    Change::Invite {
        account: ids::account("home"),
        invitation: ids::invitation(id),
        roles: Some(ids::keys(&["full_viewer"])),
        expires_at,
    }
}

fn accept(id: &str, who: &str) -> Change {
    Change::AcceptInvitation { invitation: ids::invitation(id), subject: ids::user(who) }
}

const TOMORROW: Timestamp = Timestamp(NOW.0 + 24 * 3_600_000);

#[tokio::test]
async fn r5_an_invitation_is_bound_once_to_whoever_accepts_it() {
    let harness = Harness::start().await;
    harness.build(product("iovox").account("home").owner("boss")).await;
    harness.apply([invite("i1", TOMORROW)]).await;
    let asks = |who: &'static str| ask(who, "home", "report.view").send(&harness);
    asks("me").await.denies(Reason::NotAMemberOfActingAccount);

    harness.apply([accept("i1", "me")]).await;
    asks("me").await.allows_by("reports.view");
    assert_eq!(harness.apply([accept("i1", "me")]).await.changed, 0);
    let second = harness.refuses(accept("i1", "you")).await;
    assert_eq!(second.field, "invitation");
    asks("you").await.denies(Reason::NotAMemberOfActingAccount);
}

#[tokio::test]
async fn r5_an_invitation_expires_and_can_be_revoked() {
    let harness = Harness::start().await;
    harness.build(product("iovox").account("home").owner("boss")).await;
    harness.apply([invite("late", TOMORROW), invite("revoked", TOMORROW)]).await;
    assert_eq!(harness.finds_invalid(invite("past", NOW)).await.field, "expires_at");

    let too_late = batch("t1", "too late", vec![accept("late", "me")]);
    match harness.app.store.apply(&too_late, TOMORROW).await {
        Err(ApplyError::Refused(fault)) => assert!(fault.problem.contains("expired")),
        other => panic!("{other:?}"),
    }
    harness.apply([Change::RevokeInvitation { invitation: ids::invitation("revoked") }]).await;
    let fault = harness.refuses(accept("revoked", "me")).await;
    assert!(fault.problem.contains("revoked"));
    let answer = ask("me", "home", "report.view").send(&harness).await;
    answer.denies(Reason::NotAMemberOfActingAccount);
}

#[tokio::test]
async fn r6_without_app_access_every_action_from_the_applications_is_denied() {
    let harness = Harness::start().await;
    let world = product("amplify").account("home").member("me").role("admin");
    harness.build(world.change(off("home", "me", "app.access"))).await;
    let asks = |channel: Channel| {
        let asked = ask("me", "home", "report.view");
        asked.context(|context| context.channel = channel.into()).send(&harness)
    };
    for channel in [Channel::Web, Channel::Desktop, Channel::Mobile] {
        asks(channel).await.denies_by(Reason::ChannelNotAllowed, "app.access");
        let hidden = caller_id("me", "home").anonymous().through(channel).send(&harness).await;
        hidden.denies("CHANNEL_NOT_ALLOWED");
    }
    for channel in [Channel::Api, Channel::Unspecified] {
        asks(channel).await.allows_by("reports.view");
    }
}
