//! A fax portal where membership of the faxbox decides, not the role.

use lineguard::wire::pb::{self, Reason};
use lineguard_testkit::world::World;

use crate::ask::ask;
use crate::changes::{fax_in, faxbox_owner, flag, in_faxbox, setting, to_faxbox};
use crate::harness::{Harness, product};

/// The number of the first faxbox.
const N1: &str = "+15550100001";

/// A portal with two faxboxes, a fax in each, and one person of this role.
fn portal(role: &str) -> World {
    product("retarus")
        .account("home")
        .member("me")
        .role(role)
        .faxbox("box")
        .faxbox("other")
        .number(N1)
        .change(to_faxbox(N1, "box"))
        .fax(fax_in("f1", "home", "box"))
        .fax(fax_in("f2", "home", "other"))
}

// RET-S01
#[tokio::test]
async fn a_tenant_admin_who_is_no_member_of_the_faxbox_sees_none_of_its_faxes() {
    let harness = Harness::start().await;
    harness.build(portal("tenant_admin")).await;
    let answer = ask("me", "home", "fax.view").on("f1").send(&harness).await;
    let denied = answer.denies_by(Reason::RequirementNotMet, "fax.view");
    assert_eq!(denied.requirement, "faxbox_member");
    assert_eq!(harness.visible("me", "home").await, [""; 0]);
}

// RET-S02
#[tokio::test]
async fn a_tenant_admin_who_is_a_member_of_the_faxbox_sees_its_faxes() {
    let harness = Harness::start().await;
    harness.build(portal("tenant_admin").join("me", "box")).await;
    let answer = ask("me", "home", "fax.view").on("f1").send(&harness).await;
    assert_eq!(answer.allows_by("fax.view").reason(), Reason::Granted);
    assert_eq!(harness.visible("me", "home").await, ["f1"]);
}

// RET-S03
#[tokio::test]
async fn the_owner_of_a_faxbox_who_is_no_member_neither_sees_nor_sends_its_faxes() {
    let harness = Harness::start().await;
    harness.build(portal("user").change(faxbox_owner("me", "box"))).await;
    let sees = ask("me", "home", "fax.view").on("f1").send(&harness).await;
    sees.denies_by(Reason::RequirementNotMet, "fax.view");
    let sends = ask("me", "home", "fax.send").facts(|fax| fax.faxbox = Some("box".into()));
    sends.send(&harness).await.denies_by(Reason::RequirementNotMet, "fax.send");
}

// RET-S04
#[tokio::test]
async fn the_owner_of_a_faxbox_changes_it_without_being_a_member() {
    let harness = Harness::start().await;
    harness.build(portal("user").change(faxbox_owner("me", "box"))).await;
    let answer = ask("me", "home", "faxbox.update").on("box").send(&harness).await;
    let origin = answer.allows_by("faxbox.modify").origin.clone().unwrap();
    assert_eq!((origin.kind(), origin.key.as_str()), (pb::OriginKind::Overlay, "faxbox_owner"));
}

// RET-S06
#[tokio::test]
async fn a_member_of_a_group_that_is_in_the_faxbox_sees_its_faxes() {
    let harness = Harness::start().await;
    let world = portal("user").group("nurses", &[]).in_group("me", "nurses");
    harness.build(world.join_group("nurses", "box")).await;
    ask("me", "home", "fax.view").on("f1").send(&harness).await.allows_by("fax.view");
}

// RET-S07
#[tokio::test]
async fn membership_of_one_faxbox_opens_no_other() {
    let harness = Harness::start().await;
    harness.build(portal("user").join("me", "box")).await;
    ask("me", "home", "fax.view").on("f1").send(&harness).await.allows_by("fax.view");
    let other = ask("me", "home", "fax.view").on("f2").send(&harness).await;
    other.denies_by(Reason::RequirementNotMet, "fax.view");
}

// RET-S09
#[tokio::test]
async fn the_owner_of_one_faxbox_assigns_no_members_to_another() {
    let harness = Harness::start().await;
    harness.build(portal("user").change(faxbox_owner("me", "box"))).await;
    let own = ask("me", "home", "faxbox.assign_members").on("box").send(&harness).await;
    own.allows_by("faxbox.assign_members");
    let other = ask("me", "home", "faxbox.assign_members").on("other").send(&harness).await;
    let denied = other.denies_by(Reason::OutOfReach, "faxbox.assign_members");
    assert_eq!(denied.clause, "owned_faxbox");
}

// RET-S10
#[tokio::test]
async fn a_tenant_admin_does_not_manage_contacts() {
    let harness = Harness::start().await;
    harness.build(portal("tenant_admin")).await;
    for action in ["contact.create", "contact.update", "contact.delete"] {
        let answer = ask("me", "home", action).send(&harness).await;
        answer.denies_by(Reason::NoGrant, "contacts.manage");
    }
}

// RET-S11
#[tokio::test]
async fn an_address_book_admin_manages_contacts() {
    let harness = Harness::start().await;
    harness.build(portal("address_book_admin")).await;
    for action in ["contact.create", "contact.update", "contact.delete"] {
        ask("me", "home", action).send(&harness).await.allows_by("contacts.manage");
    }
}

// RET-S12
#[tokio::test]
async fn an_address_book_admin_does_not_use_contacts() {
    let harness = Harness::start().await;
    harness.build(portal("address_book_admin")).await;
    let answer = ask("me", "home", "contact.use").send(&harness).await;
    answer.denies_by(Reason::NoGrant, "contacts.use");
}

// RET-S14
#[tokio::test]
async fn the_owner_of_a_faxbox_manages_its_cover_pages_and_no_global_ones() {
    let harness = Harness::start().await;
    harness.build(portal("user").change(faxbox_owner("me", "box"))).await;
    let global = ask("me", "home", "cover_page.update_global").send(&harness).await;
    global.denies_by(Reason::NoGrant, "cover.global.manage");
    let specific = ask("me", "home", "cover_page.update");
    let specific = specific.facts(|page| page.faxbox = Some("box".into()));
    specific.send(&harness).await.allows_by("cover.specific.manage");
}

// RET-S16
#[tokio::test]
async fn nobody_edits_documents_while_the_tenant_has_editing_turned_off() {
    let harness = Harness::start().await;
    let world = portal("user").join("me", "box");
    harness.build(world.change(flag("home", "document_editing", false))).await;
    let edits = ["document.redact", "document.place_signature", "document.extract"];
    for action in edits {
        let answer = ask("me", "home", action).on("f1").send(&harness).await;
        answer.denies_by(Reason::FeatureOff, "doc.redact_sign_extract");
    }
    harness.apply([flag("home", "document_editing", true)]).await;
    for action in edits {
        let answer = ask("me", "home", action).on("f1").send(&harness).await;
        answer.allows_by("doc.redact_sign_extract");
    }
}

// RET-S17
#[tokio::test]
async fn a_fax_to_an_unverified_recipient_is_denied_under_the_policy() {
    let harness = Harness::start().await;
    harness.build(portal("user").join("me", "box")).await;
    let sends = ask("me", "home", "fax.send").facts(|fax| {
        fax.faxbox = Some("box".into());
        fax.number = Some(N1.into());
    });
    let sends = sends.context(|context| context.recipient_verified = Some(false));
    sends.clone().send(&harness).await.allows_by("fax.send");
    harness.apply([setting("home", "restrict_recipients", true)]).await;
    let answer = sends.send(&harness).await;
    answer.denies_by(Reason::RecipientNotVerified, "fax.send");
}

// RET-S18
#[tokio::test]
async fn a_fax_to_a_verified_recipient_goes_out_under_the_policy() {
    let harness = Harness::start().await;
    let world = portal("user").join("me", "box");
    harness.build(world.change(setting("home", "restrict_recipients", true))).await;
    let sends = ask("me", "home", "fax.send").facts(|fax| {
        fax.faxbox = Some("box".into());
        fax.number = Some(N1.into());
    });
    let sends = sends.context(|context| context.recipient_verified = Some(true));
    sends.send(&harness).await.allows_by("fax.send");
}

// RET-S20
#[tokio::test]
async fn whoever_is_taken_out_of_a_faxbox_no_longer_sees_its_faxes() {
    let harness = Harness::start().await;
    harness.build(portal("user").join("me", "box")).await;
    ask("me", "home", "fax.view").on("f1").send(&harness).await.allows_by("fax.view");
    harness.apply([in_faxbox("me", "box", false)]).await;
    let answer = ask("me", "home", "fax.view").on("f1").send(&harness).await;
    answer.denies_by(Reason::RequirementNotMet, "fax.view");
}

// RET-S21
#[tokio::test]
async fn a_tenant_admin_changes_no_faxbox_of_another_tenant() {
    let harness = Harness::start().await;
    harness.build(portal("tenant_admin")).await;
    let other = lineguard_testkit::world::world("t2").model(crate::harness::text_of("retarus"));
    harness.build(other.account("home").member("you").role("tenant_admin").faxbox("theirs")).await;

    ask("me", "home", "faxbox.update").on("box").send(&harness).await.allows_by("faxbox.modify");
    // From the own account a faxbox of the other tenant does not exist …
    let from_here = ask("me", "home", "faxbox.update").on("theirs").send(&harness).await;
    from_here.denies_by(Reason::OutOfReach, "faxbox.modify");
    // … and in the other tenant the person does not.
    let there = ask("me", "home", "faxbox.update").tenant("t2").on("theirs").send(&harness).await;
    there.denies(Reason::NotAMemberOfActingAccount);
}
