//! What a model gives to every member whatever their roles.

use lineguard::wire::pb::{self, OriginKind, Reason};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::ScopeKind;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::{World, world};

use crate::ask::{Ask, ask, user};
use crate::changes::{custom_role, member, off, on, roles, scoped, status};
use crate::harness::Harness;

/// Everybody views forms; no role gives it. A tree of two, with somebody who has no role in either.
fn tree() -> World {
    let everybody = "default_roles = [\"user\"]\neverybody = [\"forms\"]";
    let text = PLAIN.replacen("default_roles = [\"user\"]", everybody, 1);
    assert_ne!(text, PLAIN);
    let root = world("t1").model(&text).account("root").below("root", "below").enter("root");
    root.change(member("root", "me", &[])).change(member("below", "me", &[]))
}

fn views(account: &str, form_type: &str) -> Ask {
    ask("me", account, "form.view").facts(|form| form.form_type = Some(form_type.into()))
}

async fn forms(harness: &Harness, account: &str) -> pb::EffectivePermission {
    let request = pb::ListPermissionsRequest {
        tenant: "t1".into(),
        subject: Some(user("me")),
        account: account.into(),
        ..Default::default()
    };
    let listed = harness.client().list_permissions(request).await.unwrap().into_inner();
    listed.permissions.into_iter().find(|one| one.key == "forms").unwrap()
}

#[tokio::test]
async fn everybody_has_it_and_the_answer_says_so() {
    let harness = Harness::start().await;
    harness.build(tree()).await;
    let told = views("below", "invoice").send(&harness).await;
    let told = told.allows_by("forms");
    let origin = told.origin.as_ref().unwrap();
    assert_eq!((origin.kind(), &*origin.key), (OriginKind::Everybody, "forms"));
    assert_eq!(origin.title, "View forms");
    assert_eq!(
        told.explanation,
        "Allowed by “View forms” (everybody has it), which covers everything in the account."
    );

    // Two memberships give it, and it is told once.
    let listed = forms(&harness, "below").await;
    assert!(listed.held);
    assert_eq!(listed.origins, std::slice::from_ref(origin));
    assert_eq!((listed.reach, listed.r#override), (vec!["account".to_owned()], None));

    // A role that gives it too is told beside it.
    harness.apply([custom_role("below", "clerk", &["forms"])]).await;
    harness.apply([roles("below", "me", &["clerk"], true)]).await;
    let kinds = forms(&harness, "below").await.origins;
    let kinds: Vec<_> = kinds.iter().map(pb::Origin::kind).collect();
    assert_eq!(kinds, [OriginKind::Everybody, OriginKind::Role]);
}

#[tokio::test]
async fn it_reaches_as_far_as_an_active_membership() {
    let harness = Harness::start().await;
    harness.build(tree()).await;
    harness.apply([status("below", "me", MemberStatus::Suspended)]).await;
    views("below", "invoice").send(&harness).await.denies(Reason::MemberSuspended);
    // From above, a membership there reaches what lies below.
    let from_above = views("root", "invoice").facts(|form| form.account = Some("below".into()));
    from_above.send(&harness).await.allows_by("forms");
    harness.apply([status("root", "me", MemberStatus::Suspended)]).await;
    views("root", "invoice").send(&harness).await.denies(Reason::MemberSuspended);
    let stranger = ask("you", "root", "form.view").facts(|form| form.form_type = Some("x".into()));
    stranger.send(&harness).await.denies(Reason::NotAMemberOfActingAccount);
}

#[tokio::test]
async fn an_override_takes_it_away_here_and_below() {
    let harness = Harness::start().await;
    harness.build(tree()).await;
    harness.apply([off("root", "me", "forms")]).await;
    for account in ["root", "below"] {
        let told = views(account, "invoice").send(&harness).await;
        let told = told.denies_by(Reason::ExplicitlyDenied, "forms");
        assert_eq!(told.origin.as_ref().unwrap().kind(), OriginKind::Override);
        let listed = forms(&harness, account).await;
        assert!(!listed.held);
        assert_eq!(listed.reason(), Reason::ExplicitlyDenied);
    }
}

#[tokio::test]
async fn an_override_limits_it_here_and_below() {
    let harness = Harness::start().await;
    harness.build(tree()).await;
    harness.apply([scoped("below", "me", "forms", ScopeKind::FormType, &["invoice"])]).await;
    views("below", "invoice").send(&harness).await.allows_by("forms");
    views("below", "order").send(&harness).await.denies_by(Reason::OutOfReach, "forms");
    views("root", "order").send(&harness).await.allows_by("forms");
    // The membership below gives it again, as a role there would.
    harness.apply([on("below", "me", "forms")]).await;
    harness.apply([scoped("root", "me", "forms", ScopeKind::FormType, &["invoice"])]).await;
    views("root", "order").send(&harness).await.denies_by(Reason::OutOfReach, "forms");
    views("below", "order").send(&harness).await.allows_by("forms");
}

#[tokio::test]
async fn from_the_holder_of_a_locked_role_nothing_of_it_is_taken_away() {
    let harness = Harness::start().await;
    harness.build(tree()).await;
    harness.apply([roles("root", "me", &["holder"], true)]).await;
    let limits = scoped("root", "me", "forms", ScopeKind::FormType, &["invoice"]);
    for change in [off("root", "me", "forms"), limits] {
        assert_eq!(harness.refuses(change).await.field, "value");
    }
    views("root", "order").send(&harness).await.allows_by("forms");
}
