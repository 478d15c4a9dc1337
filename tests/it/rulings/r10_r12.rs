//! R10 overrides, R11 locked roles, R12 role-only permissions.

use lineguard::wire::pb::{self, OriginKind, Reason};
use lineguard_core::model::ScopeKind;
use lineguard_testkit::world::World;

use crate::ask::ask;
use crate::changes::{adjust, custom_role, level, member, off, on, roles, scoped};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

fn organization(role: &str) -> World {
    product("amplify").account("home").number(N1).number(N2).member("me").role(role)
}

#[tokio::test]
async fn r10_an_override_replaces_what_the_roles_give() {
    let harness = Harness::start().await;
    harness.build(organization("manager")).await;
    let forms = |form_type: &'static str| {
        let asked = ask("me", "home", "form.view");
        asked.facts(|form| form.form_type = Some(form_type.into())).send(&harness)
    };
    let origin = forms("invoice").await.allows_by("forms.view").origin.clone().unwrap();
    assert_eq!((origin.kind(), &*origin.key), (OriginKind::Role, "manager"));

    harness.apply([scoped("home", "me", "forms.view", ScopeKind::FormType, &["invoice"])]).await;
    let origin = forms("invoice").await.allows_by("forms.view").origin.clone().unwrap();
    assert_eq!((origin.kind(), &*origin.key), (OriginKind::Override, "forms.view"));
    // The unscoped grant of the role is gone.
    forms("intake").await.denies_by(Reason::OutOfReach, "forms.view");

    harness.apply([off("home", "me", "forms.view")]).await;
    let answer = forms("invoice").await;
    let origin = answer.denies_by(Reason::ExplicitlyDenied, "forms.view").origin.clone().unwrap();
    assert_eq!(origin.kind(), OriginKind::Override);

    harness.apply([on("home", "me", "forms.view")]).await;
    forms("intake").await.allows_by("forms.view");
}

#[tokio::test]
async fn r10_an_override_gives_what_the_role_lacks() {
    let harness = Harness::start().await;
    harness.build(organization("member")).await;
    let exports = || ask("me", "home", "report.export").send(&harness);
    exports().await.denies_by(Reason::NoGrant, "reports.export");
    harness.apply([on("home", "me", "reports.export")]).await;
    exports().await.allows_by("reports.export");
}

#[tokio::test]
async fn r10_another_role_clears_the_overrides_unless_told_to_keep_them() {
    let harness = Harness::start().await;
    harness.build(organization("member")).await;
    let exports = || ask("me", "home", "report.export").send(&harness);
    let forms = || ask("me", "home", "form.view").send(&harness);
    harness.apply([on("home", "me", "reports.export"), off("home", "me", "forms.view")]).await;
    exports().await.allows_by("reports.export");
    forms().await.denies_by(Reason::ExplicitlyDenied, "forms.view");

    harness.apply([custom_role("home", "clerk", &["forms.view"])]).await;
    harness.apply([roles("home", "me", &["clerk"], true)]).await;
    exports().await.allows_by("reports.export");
    forms().await.denies_by(Reason::ExplicitlyDenied, "forms.view");

    harness.apply([roles("home", "me", &["member"], false)]).await;
    exports().await.denies_by(Reason::NoGrant, "reports.export");
    forms().await.allows_by("forms.view");
}

#[tokio::test]
async fn r10_every_role_carries_a_default_visibility_level() {
    let harness = Harness::start().await;
    let team = product("ifax").account("team").number(N1).number(N2).member("me").role("receiver");
    harness.build(team.access(&[N1]).received("f1", N1, 1).received("f2", N2, 2)).await;
    assert_eq!(harness.visible("me", "team").await, ["f1"]);
    assert_eq!(level_in_force(&harness).await, "given_numbers");
    harness.apply([roles("team", "me", &["manager"], false)]).await;
    assert_eq!(harness.visible("me", "team").await, ["f2", "f1"]);
    assert_eq!(level_in_force(&harness).await, "all_team");
    // The member's own level goes before that of the role.
    harness.apply([level("team", "me", "given_numbers")]).await;
    assert_eq!(harness.visible("me", "team").await, ["f1"]);
    assert_eq!(level_in_force(&harness).await, "given_numbers");
}

async fn level_in_force(harness: &Harness) -> String {
    let request = pb::ListPermissionsRequest {
        tenant: "t1".into(),
        subject: Some(crate::ask::user("me")),
        account: "team".into(),
        ..Default::default()
    };
    harness.client().list_permissions(request).await.unwrap().into_inner().visibility
}

#[tokio::test]
async fn r11_taking_something_away_from_a_locked_role_is_refused() {
    let harness = Harness::start().await;
    let office = product("nuacom").account("home").member("holder").role("account_holder");
    harness.build(office.member("boss").role("admin").member("me").role("nonadmin")).await;
    for who in ["holder", "boss"] {
        let fault = harness.refuses(off("home", who, "log.view.own")).await;
        assert_eq!(fault.field, "value");
        // To give something is no narrowing.
        harness.apply([on("home", who, "report.full")]).await;
    }
    let fault = harness.refuses(adjust("home", "admin", &[], &["log.view.own"])).await;
    assert_eq!(fault.field, "remove");
    // Other roles are not locked.
    harness.apply([off("home", "me", "log.view.own")]).await;
    harness.apply([adjust("home", "nonadmin", &[], &["log.view.own"])]).await;
}

#[tokio::test]
async fn r11_an_override_that_is_found_at_a_locked_role_is_ignored() {
    let harness = Harness::start().await;
    let office = product("nuacom").account("home").extension("101").member("me").role("nonadmin");
    harness.build(office.change(off("home", "me", "log.view.extension"))).await;
    let log = || ask("me", "home", "extension.view_log").on("101").send(&harness);
    log().await.denies_by(Reason::ExplicitlyDenied, "log.view.extension");
    harness.apply([roles("home", "me", &["admin"], true)]).await;
    log().await.allows_by("log.view.extension");
}

#[tokio::test]
async fn r12_ai_is_off_in_every_built_in_role_and_switched_on_at_a_role_only() {
    let harness = Harness::start().await;
    let mut world = organization("member");
    for role in ["admin", "manager"] {
        world = world.member(role).role(role);
    }
    harness.build(world).await;
    let uses = |who: &'static str| {
        let asked = ask(who, "home", "esign_document.use_ai");
        asked.facts(|document| document.document_type = Some("nda".into())).send(&harness)
    };
    for who in ["admin", "manager", "me"] {
        uses(who).await.denies_by(Reason::NoGrant, "esign.ai");
        // A tick at the person is refused.
        let fault = harness.finds_invalid(on("home", who, "esign.ai")).await;
        assert!(fault.problem.contains("roles only"), "{}", fault.problem);
    }
    harness.apply([adjust("home", "manager", &["esign.ai"], &[])]).await;
    uses("manager").await.allows_by("esign.ai");
    harness.apply([custom_role("home", "ai", &["esign.ai"]), member("home", "new", &["ai"])]).await;
    uses("new").await.allows_by("esign.ai");
    uses("admin").await.denies_by(Reason::NoGrant, "esign.ai");
    // What a role gives can be taken from one person.
    harness.apply([off("home", "manager", "esign.ai")]).await;
    uses("manager").await.denies_by(Reason::ExplicitlyDenied, "esign.ai");
}
