//! One door for writes, and reads of every kind of object.

use std::collections::BTreeMap;

use lineguard::wire::pb;
use lineguard::wire::pb::object::Kind;
use lineguard_core::change::{
    AttachmentSource, Change, ListValue, MemberList, NumberTarget, OverrideValue,
};
use lineguard_core::id::{ModelDigest, Timestamp};
use lineguard_core::model::{BUILT_IN, ScopeKind};
use lineguard_testkit::ids;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::{NOW, World, world};
use tonic::Code;

use crate::ask::user;
use crate::harness::Harness;
use crate::writing::{admin, apply, changes, expect};

const NUMBER: &str = "+15550100";

fn faxbox(id: &str) -> Change {
    let (account, faxbox) = (ids::account("home"), ids::faxbox(id));
    Change::AddFaxbox { account, faxbox, title: id.to_owned() }
}

fn of_ada<T>(
    make: impl FnOnce(lineguard_core::id::AccountId, lineguard_core::id::Subject) -> T,
) -> T {
    make(ids::account("home"), ids::user("ada"))
}

/// A tenant with one of everything.
pub fn everything() -> World {
    let scoped = |scope, value: &str| {
        OverrideValue::Scoped(BTreeMap::from([(scope, vec![value.to_owned()])]))
    };
    let overridden = |permission: &str, value: OverrideValue| {
        let permission = ids::key(permission);
        of_ada(|account, subject| Change::SetOverride { account, subject, permission, value })
    };
    let invitation = |id: &str| Change::Invite {
        account: ids::account("home"),
        invitation: ids::invitation(id),
        roles: Some(ids::keys(&["admin"])),
        expires_at: Timestamp(NOW.0 + 1_000),
    };
    let sources = ListValue::These(vec![AttachmentSource::Cloud]);
    let home = || ids::account("home");
    tree()
        .member("ada")
        .role("user")
        .role("clerk")
        .access(&[NUMBER])
        .auto_assign(&[NUMBER])
        .list(MemberList::Labels(ListValue::All))
        .list(MemberList::HeldExtensions(ListValue::These(vec![ids::extension("11")])))
        .list(MemberList::GrantedQueues(ListValue::These(vec![])))
        .list(MemberList::AttachmentSources(sources))
        .change(overridden("send", scoped(ScopeKind::Number, NUMBER)))
        .change(overridden("forms", scoped(ScopeKind::FormType, "invoice")))
        .change(overridden("view", OverrideValue::Off))
        .change(of_ada(|account, subject| Change::SetSwitch {
            account,
            subject,
            product: ids::key("fax"),
            on: Some(false),
        }))
        .change(of_ada(|account, subject| Change::SetVisibility {
            account,
            subject,
            level: Some(ids::key("all")),
        }))
        .change(of_ada(|account, subject| Change::SetDefaultNumber {
            account,
            subject,
            number: Some(ids::number(NUMBER)),
        }))
        .member("bob")
        .member("gone")
        .change(Change::RemoveMember { account: home(), subject: ids::user("gone") })
        .change(of_ada(|account, from| Change::SetDelegation {
            account,
            from,
            to: ids::user("bob"),
            on: true,
        }))
        .in_group("ada", "team")
        .join("ada", "box")
        .join_group("team", "box")
        .change(Change::SetFaxboxOwner {
            faxbox: ids::faxbox("box"),
            subject: ids::user("bob"),
            owner: true,
        })
        .change(Change::SetGroupOwner {
            group: ids::group("team"),
            subject: ids::user("bob"),
            owner: true,
        })
        .change(Change::SetNumberTarget {
            number: ids::number("+15550101"),
            target: NumberTarget::Faxbox(ids::faxbox("box")),
            on: true,
        })
        .change(invitation("open"))
        .change(invitation("revoked"))
        .change(Change::RevokeInvitation { invitation: ids::invitation("revoked") })
}

/// The things of that tenant, still without members.
fn tree() -> World {
    let home = || ids::account("home");
    world("t1")
        .account("home")
        .owner("olga")
        .account("branch")
        .sealed()
        .enter("home")
        .change(Change::SetFlag { account: home(), flag: ids::key("editing"), on: Some(false) })
        .change(Change::SetSetting {
            account: home(),
            setting: ids::key("approval"),
            on: Some(true),
        })
        .change(Change::SetEntitlement {
            account: ids::account("branch"),
            product: ids::key("fax"),
            entitled: Some(false),
        })
        .change(Change::AddRole {
            account: home(),
            role: ids::key("clerk"),
            title: "Clerk".to_owned(),
            permissions: ids::keys(&["send"]),
            visibility: None,
        })
        .change(Change::AdjustRole {
            account: ids::account("branch"),
            role: ids::key("user"),
            add: ids::keys(&["forms"]),
            remove: ids::keys(&["send"]),
            visibility: Some(ids::key("all")),
        })
        .number(NUMBER)
        .number("+15550101")
        .extension("11")
        .queue("support")
        .group("team", &["admin"])
        .faxbox("box")
}

async fn get(harness: &Harness, kind: pb::object_key::Kind) -> Kind {
    let key = Some(pb::ObjectKey { kind: Some(kind) });
    let request = pb::GetRequest { tenant: "t1".into(), key };
    let answer = admin(harness).get(request).await.unwrap().into_inner();
    answer.object.unwrap().kind.unwrap()
}

#[tokio::test]
async fn a_repeat_returns_the_first_result_and_other_changes_are_refused() {
    let harness = Harness::start().await;
    let built = harness.build(world("t1").account("home")).await;
    let first = apply(&harness, "r1", &[faxbox("a"), faxbox("b")]).await.unwrap();
    assert_eq!((first.revision, first.changed), (built.revision.0 + 1, 2));
    apply(&harness, "r2", &[faxbox("c")]).await.unwrap();
    let again = apply(&harness, "r1", &[faxbox("a"), faxbox("b")]).await.unwrap();
    // Each token is sealed anew.
    let unsealed = |answer| pb::ApplyResponse { revision_token: String::new(), ..answer };
    assert_eq!((first.repeated, again.repeated), (false, true));
    let first = pb::ApplyResponse { repeated: true, ..first };
    assert_eq!(unsealed(again), unsealed(first));
    let other = apply(&harness, "r1", &[faxbox("a")]).await;
    expect(other, Code::Aborted, "REQUEST_ID_REUSED", &[]);
    harness.stop().await;
}

#[tokio::test]
async fn a_fault_of_the_last_change_leaves_nothing() {
    let harness = Harness::start().await;
    let built = harness.build(world("t1").account("home")).await;
    let lost = Change::SetNumberActive { number: ids::number(NUMBER), active: false };
    let answer = apply(&harness, "r1", &[faxbox("a"), lost.clone()]).await;
    expect(answer, Code::NotFound, "NOT_FOUND", &["changes[1].set_number_active.number"]);
    let key = Some(pb::ObjectKey { kind: Some(pb::object_key::Kind::Faxbox("a".into())) });
    let read = admin(&harness).get(pb::GetRequest { tenant: "t1".into(), key }).await;
    expect(read, Code::NotFound, "NOT_FOUND", &[]);
    let Kind::Tenant(tenant) = get(&harness, pb::object_key::Kind::Tenant(pb::TenantKey {})).await
    else {
        panic!("not a tenant");
    };
    assert_eq!(tenant.revision, built.revision.0);
    // The request id is free: nothing came of it.
    assert_eq!(apply(&harness, "r1", &[faxbox("a")]).await.unwrap().changed, 1);
    harness.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_batch_is_told_with_its_field() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home").member("ada")).await;
    let flag = Change::SetFlag {
        account: ids::account("home"),
        flag: ids::key("editting"),
        on: Some(true),
    };
    let level = of_ada(|account, subject| Change::SetVisibility {
        account,
        subject,
        level: Some(ids::key("al")),
    });
    let answer = apply(&harness, "r1", &[flag, faxbox("a"), level]).await;
    let status = answer.as_ref().unwrap_err().message().to_owned();
    assert!(status.contains("did you mean `editing`?"), "{status}");
    let named = ["changes[0].set_flag.flag", "changes[2].set_visibility.level"];
    expect(answer, Code::InvalidArgument, "INVALID_REQUEST", &named);

    let unnamed = pb::ApplyRequest { request_id: String::new(), ..changes("", &[faxbox("a")]) };
    let answer = admin(&harness).apply(unnamed).await;
    expect(answer, Code::InvalidArgument, "INVALID_REQUEST", &["request_id"]);
    let elsewhere = pb::ApplyRequest { tenant: "t2".into(), ..changes("r", &[faxbox("a")]) };
    let answer = admin(&harness).apply(elsewhere).await;
    expect(answer, Code::NotFound, "NOT_FOUND", &["tenant"]);
    harness.stop().await;
}

#[tokio::test]
async fn a_setting_that_routes_faxes_past_a_persons_sight_is_remarked() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home").number(NUMBER).member("ada").role("user")).await;
    let list = |list| {
        let numbers = ListValue::These(vec![ids::number(NUMBER)]);
        of_ada(|account, subject| Change::SetList {
            account,
            subject,
            list: MemberList::Numbers(list, numbers),
        })
    };
    let assign = list(lineguard_core::change::NumberList::AutoAssign);
    let answer = apply(&harness, "r1", &[faxbox("a"), assign]).await.unwrap();
    let told: Vec<_> = answer.warnings.iter().map(|one| (one.change, one.text.as_str())).collect();
    assert_eq!(told, [(1, "the member receives faxes that they could not open (OUT_OF_REACH)")]);
    assert!(answer.warnings.iter().all(|one| !one.text.contains("ada")));

    let access = list(lineguard_core::change::NumberList::Access);
    let level = |level: &str| {
        of_ada(|account, subject| Change::SetVisibility {
            account,
            subject,
            level: Some(ids::key(level)),
        })
    };
    // What counts is how things stand in the end.
    let answer = apply(&harness, "r2", &[level("given"), access]).await.unwrap();
    assert_eq!(answer.warnings, []);
    let answer = apply(&harness, "r3", &[level("all")]).await.unwrap();
    assert_eq!(answer.warnings, []);
    harness.stop().await;
}

#[tokio::test]
async fn every_kind_of_object_is_read_as_it_was_set() {
    use pb::object_key::Kind as Key;

    let harness = Harness::start().await;
    harness.build(everything()).await;
    let member = pb::MemberKey { account: "home".into(), subject: Some(user("ada")) };
    let Kind::Member(ada) = get(&harness, Key::Member(member)).await else { panic!("no member") };
    assert_eq!(ada.roles, ["user", "clerk"]);
    assert_eq!(ada.overrides["forms"].scopes[0].values, ["invoice"]);
    assert_eq!(ada.overrides["send"].scopes[0].values, [NUMBER]);
    assert_eq!(ada.overrides["view"].state(), pb::OverrideState::Off);
    assert_eq!((ada.default_number.as_str(), ada.visibility.as_str()), (NUMBER, "all"));
    assert_eq!(ada.delegates, [user("bob")]);
    let lists: BTreeMap<_, _> = ada
        .lists
        .iter()
        .map(|list| (list.list(), (list.value.as_ref().unwrap().state(), list)))
        .collect();
    let values = |list| lists[&list].1.value.as_ref().unwrap().values.clone();
    assert_eq!(lists[&pb::MemberList::Labels].0, pb::ListState::All);
    assert_eq!(lists[&pb::MemberList::GrantedQueues].0, pb::ListState::Values);
    assert!(values(pb::MemberList::GrantedQueues).is_empty());
    assert_eq!(values(pb::MemberList::AttachmentSources), ["cloud"]);
    assert_eq!(values(pb::MemberList::HeldExtensions), ["11"]);
    assert!(!lists.contains_key(&pb::MemberList::SendFromFax));

    let Kind::Account(branch) = get(&harness, Key::Account("branch".into())).await else {
        panic!("no account");
    };
    assert_eq!((branch.parent.as_str(), branch.sealed), ("home", true));
    assert_eq!(branch.entitlements.get("fax"), Some(&false));
    let Kind::Account(home) = get(&harness, Key::Account("home".into())).await else {
        panic!("no account");
    };
    assert_eq!(home.owners, [user("olga")]);
    let Kind::Faxbox(faxbox) = get(&harness, Key::Faxbox("box".into())).await else {
        panic!("no faxbox");
    };
    assert_eq!((faxbox.members.len(), faxbox.owners), (2, vec![user("bob")]));
    let Kind::Number(number) = get(&harness, Key::Number("+15550101".into())).await else {
        panic!("no number");
    };
    let target = pb::number_target::Kind::Faxbox("box".into());
    assert_eq!(number.targets, [pb::NumberTarget { kind: Some(target) }]);
    let role = pb::RoleKey { account: "branch".into(), role: "user".into() };
    let Kind::Role(role) = get(&harness, Key::Role(role)).await else { panic!("no role") };
    let Some(pb::role::Definition::Adjusted(adjusted)) = role.definition else {
        panic!("not adjusted");
    };
    assert_eq!((adjusted.add, adjusted.visibility.as_str()), (vec!["forms".to_owned()], "all"));
    for key in [
        Key::Group("team".into()),
        Key::Extension("11".into()),
        Key::Queue("support".into()),
        Key::Invitation("revoked".into()),
    ] {
        get(&harness, key).await;
    }
    harness.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_answered_alike_in_a_tenant_that_is_not_there() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home")).await;
    let read = async |tenant: &str| {
        let key = Some(pb::ObjectKey { kind: Some(pb::object_key::Kind::Faxbox("x".into())) });
        let request = pb::GetRequest { tenant: tenant.into(), key };
        admin(&harness).get(request).await.unwrap_err()
    };
    let (known, unknown) = (read("t1").await, read("t2").await);
    assert_eq!((known.code(), known.message()), (unknown.code(), unknown.message()));
    assert_eq!(known.details(), unknown.details());
    harness.stop().await;
}

#[tokio::test]
async fn lists_are_paged_in_the_order_of_their_making() {
    let harness = Harness::start().await;
    let ids = ["e", "d", "c", "b", "a"];
    let all = ids.into_iter().fold(world("t1").account("home"), World::faxbox);
    harness.build(all).await;
    let kind = pb::ObjectKind::Faxbox.into();
    let mut request =
        pb::ListRequest { tenant: "t1".into(), kind, page_size: 2, ..Default::default() };
    let mut listed = Vec::new();
    let mut pages = 0;
    loop {
        let page = admin(&harness).list(request.clone()).await.unwrap().into_inner();
        for object in page.objects {
            let Some(Kind::Faxbox(faxbox)) = object.kind else { panic!("not a faxbox") };
            listed.push(faxbox.faxbox);
        }
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!((listed, pages), (ids.map(str::to_owned).to_vec(), 3));

    for other in [
        pb::ListRequest { kind: pb::ObjectKind::Group.into(), ..request.clone() },
        pb::ListRequest { account: Some("home".into()), ..request.clone() },
        pb::ListRequest { page_token: format!("{}A", request.page_token), ..request.clone() },
    ] {
        let answer = admin(&harness).list(other).await;
        expect(answer, Code::InvalidArgument, "INVALID_REQUEST", &["page_token"]);
    }
    let nowhere =
        pb::ListRequest { account: Some("x".into()), page_token: String::new(), ..request };
    expect(admin(&harness).list(nowhere).await, Code::NotFound, "NOT_FOUND", &[]);
    harness.stop().await;
}

#[tokio::test]
async fn tenants_are_paged() {
    let harness = Harness::start().await;
    for tenant in ["t1", "t2", "t3"] {
        harness.build(world(tenant).account("home")).await;
    }
    let first = pb::ListTenantsRequest { page_size: 2, page_token: String::new() };
    let first = admin(&harness).list_tenants(first).await.unwrap().into_inner();
    let next = pb::ListTenantsRequest { page_size: 2, page_token: first.next_page_token };
    let next = admin(&harness).list_tenants(next).await.unwrap().into_inner();
    let tenants: Vec<_> = first.tenants.iter().chain(&next.tenants).map(|t| &*t.tenant).collect();
    assert_eq!(tenants, ["t1", "t2", "t3"]);
    assert_eq!(next.next_page_token, "");
    harness.stop().await;
}

async fn put(harness: &Harness, text: &str) -> pb::put_model_response::Result {
    let request = pb::PutModelRequest { actor: Some(user("provisioning")), text: text.into() };
    admin(harness).put_model(request).await.unwrap().into_inner().result.unwrap()
}

#[tokio::test]
async fn models_are_listed_read_and_kept() {
    use pb::put_model_response::Result as Put;

    let harness = Harness::start().await;
    let Put::Model(kept) = put(&harness, PLAIN).await else { panic!("has mistakes") };
    assert_eq!(kept.digest, ModelDigest::of(PLAIN).to_string());
    let request = pb::GetModelRequest { digest: kept.digest.clone() };
    let read = admin(&harness).get_model(request).await.unwrap().into_inner();
    assert_eq!((read.text.as_str(), read.model), (PLAIN, Some(kept.clone())));

    let list = async || {
        let models = admin(&harness).list_models(pb::ListModelsRequest::default()).await.unwrap();
        models.into_inner().models
    };
    assert_eq!(list().await.len(), BUILT_IN.len());
    harness.build(world("t1").account("home")).await;
    assert_eq!(list().await.last(), Some(&kept));

    let request = pb::GetModelRequest { digest: "0".repeat(64) };
    expect(admin(&harness).get_model(request).await, Code::NotFound, "NOT_FOUND", &[]);
    harness.stop().await;
}

#[tokio::test]
async fn a_model_with_mistakes_or_a_failing_test_is_not_kept() {
    use pb::put_model_response::Result as Put;

    let harness = Harness::start().await;
    let wrong = PLAIN.replace("fax.view", "fax.veiw");
    let Put::Mistakes(list) = put(&harness, &wrong).await else { panic!("was kept") };
    assert_eq!(list.mistakes[0].suggestion, "fax.view");
    let failing = format!(
        "{PLAIN}\n[[test]]\nname = \"too much\"\n[test.given]\nroles = [\"user\"]\n\
         [test.ask]\naction = \"fax.delete\"\n[test.expect]\neffect = \"allow\"\n"
    );
    let Put::Mistakes(list) = put(&harness, &failing).await else { panic!("was kept") };
    assert!(list.mistakes[0].problem.contains("`too much`"), "{:?}", list.mistakes);
    for text in [wrong, failing] {
        let request = pb::GetModelRequest { digest: ModelDigest::of(&text).to_string() };
        expect(admin(&harness).get_model(request).await, Code::NotFound, "NOT_FOUND", &[]);
    }
    harness.stop().await;
}
