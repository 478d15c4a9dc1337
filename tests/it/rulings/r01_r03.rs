//! R1 subjects and tenants, R2 the acting account, R3 personal accounts.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{AccountKind, Change, ListValue, MemberList};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::ModelDigest;
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};

use crate::ask::{Ask, ask, user};
use crate::caller_id::caller_id;
use crate::changes::{default_number, fax_in, held, in_group, level, member, off, status, switch};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";

fn about(asked: Ask, account: &str) -> Ask {
    asked.facts(|facts| facts.account = Some(account.into()))
}

async fn switcher(harness: &Harness, who: &str) -> Vec<(String, String, Vec<String>)> {
    let request = pb::ListAccountsRequest { subject: Some(user(who)), ..Default::default() };
    let accounts = harness.client().list_accounts(request).await.unwrap().into_inner().accounts;
    accounts.into_iter().map(|one| (one.tenant, one.account, one.roles)).collect()
}

#[tokio::test]
async fn r1_the_account_switcher_shows_own_accounts_of_all_tenants_and_no_others() {
    let harness = Harness::start().await;
    let first = product("iovox").account("home").member("me").role("full_viewer");
    harness.build(first.below("home", "child").member("you").role("full_editor")).await;
    let second = world("t2").model(text_of("ifax")).account("team").member("me").role("sender");
    harness.build(second).await;
    let third = world("t3").model(text_of("ifax")).account("theirs").member("you").role("admin");
    harness.build(third.member("me").role("admin").status(MemberStatus::Suspended)).await;

    let mine = |tenant: &str, account: &str, role: &str| {
        (tenant.to_owned(), account.to_owned(), vec![role.to_owned()])
    };
    let expected = vec![mine("t1", "home", "full_viewer"), mine("t2", "team", "sender")];
    assert_eq!(switcher(&harness, "me").await, expected);
    assert_eq!(switcher(&harness, "nobody").await, []);
}

#[tokio::test]
async fn r1_what_a_person_is_in_one_tenant_means_nothing_in_another() {
    let harness = Harness::start().await;
    // The same ids in both tenants; only in the first one the person is in the faxbox.
    let tenant = |id: &str| {
        let home = world(id).model(text_of("retarus")).account("home").faxbox("box");
        home.member("me").role("user").fax(fax_in("f1", "home", "box"))
    };
    harness.build(tenant("t1").join("me", "box")).await;
    harness.build(tenant("t2")).await;
    let view = ask("me", "home", "fax.view").on("f1");
    view.clone().send(&harness).await.allows_by("fax.view");
    let there = view.tenant("t2").send(&harness).await;
    there.denies_by(Reason::RequirementNotMet, "fax.view");
}

/// A parent and a child with the same product, nobody in them yet.
fn tree(model: &str) -> World {
    product(model).account("parent").below("parent", "child")
}

#[tokio::test]
async fn r2_acting_needs_an_active_membership_of_the_acting_account_itself() {
    let harness = Harness::start().await;
    harness.build(tree("iovox").enter("parent").member("me").role("full_editor")).await;
    ask("me", "parent", "report.view").send(&harness).await.allows_by("reports.view");
    let as_child = || ask("me", "child", "report.view");
    as_child().send(&harness).await.denies(Reason::NotAMemberOfActingAccount);

    harness.apply([member("child", "me", &[])]).await;
    as_child().send(&harness).await.allows_by("reports.view");
    harness.apply([status("child", "me", MemberStatus::Suspended)]).await;
    as_child().send(&harness).await.denies(Reason::MemberSuspended);
}

#[tokio::test]
async fn r2_roles_of_active_memberships_on_the_path_add_up() {
    let harness = Harness::start().await;
    let world = tree("iovox").enter("parent").member("me").role("reporting_viewer");
    harness.build(world.enter("child").member("me").role("config_viewer")).await;
    let reports = || ask("me", "child", "report.view").send(&harness);
    let rules = || ask("me", "child", "call_rule.view").send(&harness);
    reports().await.allows_by("reports.view");
    rules().await.allows_by("rules.view");
    // What is held below does not count above.
    let above = ask("me", "parent", "call_rule.view").send(&harness).await;
    above.denies_by(Reason::NoGrant, "rules.view");

    harness.apply([status("parent", "me", MemberStatus::Suspended)]).await;
    reports().await.denies_by(Reason::NoGrant, "reports.view");
    rules().await.allows_by("rules.view");
}

#[tokio::test]
async fn r2_a_deny_counts_where_it_is_set_and_below() {
    let harness = Harness::start().await;
    let world = tree("iovox").enter("parent").member("me").role("full_viewer");
    let world = world.enter("child").member("me").role("full_viewer");
    harness.build(world.change(off("child", "me", "reports.view"))).await;
    let reports = |at: &'static str| about(ask("me", at, "report.view"), "child").send(&harness);
    reports("child").await.denies_by(Reason::ExplicitlyDenied, "reports.view");
    reports("parent").await.allows_by("reports.view");

    harness.apply([off("parent", "me", "insights.view")]).await;
    for at in ["parent", "child"] {
        let answer = ask("me", at, "insight.view").send(&harness).await;
        answer.denies_by(Reason::ExplicitlyDenied, "insights.view");
    }
    // A deny outlives the suspension of the membership that it is set on.
    harness.apply([status("parent", "me", MemberStatus::Suspended)]).await;
    let answer = ask("me", "child", "insight.view").send(&harness).await;
    answer.denies_by(Reason::ExplicitlyDenied, "insights.view");
}

#[tokio::test]
async fn r2_a_product_switched_off_is_off_there_and_below() {
    let harness = Harness::start().await;
    let world = tree("standard").enter("parent").member("me").role("member");
    let world = world.enter("child").member("me").role("member");
    harness.build(world.change(switch("child", "me", "forms", false))).await;
    let forms = |at: &'static str| ask("me", at, "form.view").send(&harness);
    forms("child").await.denies_by(Reason::ProductSwitchedOff, "forms.view");
    forms("parent").await.allows_by("forms.view");

    let above = [switch("child", "me", "forms", true), switch("parent", "me", "forms", false)];
    harness.apply(above).await;
    forms("child").await.denies_by(Reason::ProductSwitchedOff, "forms.view");
    forms("parent").await.denies_by(Reason::ProductSwitchedOff, "forms.view");
}

#[tokio::test]
async fn r2_lists_level_default_and_extension_are_those_of_the_acting_membership() {
    let harness = Harness::start().await;
    let parent = tree("standard").enter("parent").number(N1).extension("101");
    let parent = parent.member("me").role("member").access(&[N1]).granted(&[N1]);
    let narrow = MemberList::SendFrom(SendChannel::Message, ListValue::These(vec![]));
    let parent = parent.list(held(&["101"])).list(narrow);
    let parent = parent.change(default_number("parent", "me", N1));
    let parent = parent.change(level("parent", "me", "everything"));
    let child = parent.enter("child").member("me").role("member");
    let mut fax = received("f1", "child", 0);
    fax.number = Some(ids::number(N1));
    harness.build(child.fax(fax)).await;

    let sees = |at: &'static str| ask("me", at, "fax.view").on("f1").send(&harness);
    sees("parent").await.allows_by("fax.view");
    sees("child").await.denies(Reason::OutOfReach);
    let calls = |at: &'static str| {
        ask("me", at, "call.make").facts(|call| call.number = Some(N1.into())).send(&harness)
    };
    calls("parent").await.allows_by("call.make");
    calls("child").await.denies_by(Reason::RequirementNotMet, "call.make");
    let writes = |at: &'static str| {
        ask("me", at, "message.send").facts(|one| one.number = Some(N1.into())).send(&harness)
    };
    writes("parent").await.denies_by(Reason::Restricted, "message.send");
    writes("child").await.allows_by("message.send");
    caller_id("me", "parent").send(&harness).await.is(N1, "DEFAULT");
    caller_id("me", "child").send(&harness).await.is_none("NOTHING_SELECTABLE");
}

#[tokio::test]
async fn r2_a_group_holds_roles_in_its_account() {
    let harness = Harness::start().await;
    let world = tree("iovox").enter("parent").member("me").role("config_viewer");
    let world = world.group("analysts", &["reporting_viewer"]).in_group("me", "analysts");
    harness.build(world).await;
    let reports = || ask("me", "parent", "report.view").send(&harness);
    let origin = reports().await.allows_by("reports.view").origin.clone().unwrap();
    assert_eq!(origin.kind(), pb::OriginKind::GroupRole);
    assert_eq!(origin.key, "reporting_viewer");
    harness.apply([in_group("me", "analysts", false)]).await;
    reports().await.denies_by(Reason::NoGrant, "reports.view");
}

#[tokio::test]
async fn r3_a_personal_account_has_one_member_and_nothing_below_it() {
    let harness = Harness::start().await;
    let create = |model: &str, owner| Change::CreateTenant {
        title: "self".into(),
        model: ModelDigest::of(text_of(model)),
        root: ids::account("self"),
        kind: AccountKind::Personal,
        owner,
    };
    let nobody = harness.finds_invalid(create("iovox", None)).await;
    assert!(nobody.problem.contains("one member"), "{nobody:?}");
    let not_here = harness.finds_invalid(create("retarus", Some(ids::user("me")))).await;
    assert!(not_here.problem.contains("no personal accounts"), "{not_here:?}");
    harness.apply([create("iovox", Some(ids::user("me")))]).await;
    ask("me", "self", "report.view").send(&harness).await.allows_by("reports.view");

    let below = Change::AddAccount {
        account: ids::account("child"),
        parent: ids::account("self"),
        title: "child".into(),
        sealed: false,
        owner: None,
    };
    assert_eq!(harness.refuses(below.clone()).await.field, "parent");
    // The second member makes it shared, and then it may have accounts below it.
    harness.apply([member("self", "you", &["full_viewer"]), below]).await;
    let child = about(ask("me", "self", "report.view"), "child").send(&harness).await;
    child.allows_by("reports.view");
}
