//! The largest things that can be set up are read to their end by a client that takes no message
//! above 4 MiB, which is what stock clients do.

use lineguard::wire::change::new_fax_to_wire;
use lineguard::wire::pb;
use lineguard_core::change::{Change, NewFax, OverrideValue};
use lineguard_core::model::ScopeKind;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use prost::Message as _;
use tonic::Code;

use crate::ask::{service, user};
use crate::harness::{Harness, product};
use crate::writing::{admin, expect, index};

/// What every page keeps to.
const MOST: usize = 3 << 20;

/// As many as a set of one change may have, each as long as it may be.
fn longest() -> Vec<String> {
    (0..1_000).map(|at| format!("{at:0>128}")).collect()
}

fn tell(kind: pb::ObjectKind) -> pb::ListRequest {
    pb::ListRequest {
        tenant: "t1".into(),
        kind: kind.into(),
        page_size: 1_000,
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_large_objects_ends_before_a_client_refuses_it() {
    let harness = Harness::start().await;
    let value = OverrideValue::Scoped([(ScopeKind::FormType, longest())].into());
    let many = (0..40).map(|at| format!("m{at}"));
    let office = many.fold(product("amplify").account("home"), |world, id| {
        let (account, subject) = (ids::account("home"), ids::user(&id));
        let (permission, value) = (ids::key("forms.view"), value.clone());
        let change = Change::SetOverride { account, subject, permission, value };
        world.member(&id).role("manager").change(change)
    });
    harness.build(office).await;
    let mut request = tell(pb::ObjectKind::Member);
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = admin(&harness).list(request.clone()).await.unwrap().into_inner();
        assert!(page.encoded_len() <= MOST + (4 << 10), "{} bytes", page.encoded_len());
        pages += 1;
        seen.extend(page.objects.into_iter().map(|object| match object.kind {
            Some(pb::object::Kind::Member(member)) => member.subject.unwrap().id,
            other => panic!("{other:?}"),
        }));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, (0..40).map(|at| format!("m{at}")).collect::<Vec<_>>());
    assert_eq!(pages, 2);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_faxes_with_many_labels_ends_before_a_client_refuses_it() {
    let harness = Harness::start().await;
    let labels: Vec<_> = longest().iter().map(|label| ids::external(label)).collect();
    let fax = |at| NewFax { labels: labels.clone(), ..received(&format!("f{at}"), "home", at) };
    let office = product("standard").account("home").member("me").role("administrator");
    harness.build((0..40).map(fax).fold(office, World::fax)).await;
    let mut request = pb::ListVisibleFaxesRequest {
        tenant: "t1".into(),
        subject: Some(user("me")),
        account: "home".into(),
        page_size: 1_000,
        ..Default::default()
    };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = harness.client().list_visible_faxes(request.clone()).await.unwrap();
        let page = page.into_inner();
        assert!(page.encoded_len() <= MOST + (4 << 10), "{} bytes", page.encoded_len());
        pages += 1;
        assert!(page.faxes.iter().all(|fax| fax.labels.len() == 1_000));
        seen.extend(page.faxes.into_iter().map(|fax| fax.fax));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, (0..40).rev().map(|at| format!("f{at}")).collect::<Vec<_>>());
    assert_eq!(pages, 2);
    harness.stop().await;
}

/// The request is as large as a server takes it, and the answer tells each fax with what it became.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_large_faxes_is_answered_for_each() {
    const FAXES: i64 = 31;
    let harness = Harness::start().await;
    let labels: Vec<_> = longest().iter().map(|label| ids::external(label)).collect();
    let fax = |at| NewFax { labels: labels.clone(), ..received(&format!("f{at}"), "home", at) };
    harness.build(product("standard").account("home")).await;
    for created in [true, false] {
        let request = pb::BatchRegisterFaxesRequest {
            tenant: "t1".into(),
            actor: Some(service("store")),
            request_id: String::new(),
            faxes: (0..FAXES).map(|at| new_fax_to_wire(&fax(at))).collect(),
        };
        let answer = index(&harness).batch_register_faxes(request).await.unwrap().into_inner();
        assert!(answer.encoded_len() <= MOST + (4 << 10), "{} bytes", answer.encoded_len());
        let told = answer.results.iter().map(|one| match &one.result {
            Some(pb::register_fax_result::Result::Registered(registered)) => {
                assert_eq!(registered.created, created);
                registered.fax.is_some()
            }
            other => panic!("{other:?}"),
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), FAXES as usize);
        assert!(told[0] && !told[30], "{told:?}");
    }
    harness.stop().await;
}

const MEMBERS: usize = 1_200;

fn crowd() -> World {
    let group = |world: World, id: &str| world.in_group(id, "all").join(id, "box");
    let world = world("t1").account("home").group("all", &[]).group("few", &[]).faxbox("box");
    let world = (0..MEMBERS).map(|at| format!("m{at}")).fold(world, |world, id| {
        let world = world.member(&id);
        group(world, &id)
    });
    world.in_group("m0", "few").join_group("all", "box").join_group("few", "box")
}

fn key(kind: pb::object_key::Kind) -> Option<pb::ObjectKey> {
    Some(pb::ObjectKey { kind: Some(kind) })
}

fn all_of(kind: pb::object_key::Kind, relation: pb::Relation) -> pb::ListRelatedRequest {
    pb::ListRelatedRequest {
        tenant: "t1".into(),
        key: key(kind),
        relation: relation.into(),
        page_size: 500,
        page_token: String::new(),
    }
}

async fn related(harness: &Harness, mut request: pb::ListRelatedRequest) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = admin(harness).list_related(request.clone()).await.unwrap().into_inner();
        all.extend(page.related.into_iter().map(|one| match one.kind.unwrap() {
            pb::related::Kind::Subject(subject) => subject.id,
            pb::related::Kind::Group(group) => format!("group {group}"),
            pb::related::Kind::Faxbox(faxbox) => format!("faxbox {faxbox}"),
        }));
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_belongs_to_a_large_group_or_faxbox_is_read_in_pages() {
    use pb::object_key::Kind;

    let harness = Harness::start().await;
    harness.build(crowd()).await;
    let everybody: Vec<_> = (0..MEMBERS).map(|at| format!("m{at}")).collect();

    let get = async |kind| {
        let request = pb::GetRequest { tenant: "t1".into(), key: key(kind) };
        admin(&harness).get(request).await.unwrap().into_inner().object.unwrap()
    };
    let all = get(Kind::Group("all".into())).await;
    assert_eq!(all.cut, [i32::from(pb::Relation::Members)]);
    let Some(pb::object::Kind::Group(group)) = all.kind else { panic!("{:?}", all.kind) };
    let told: Vec<_> = group.members.into_iter().map(|member| member.id).collect();
    assert_eq!(told, everybody[..1_000]);
    let few = get(Kind::Group("few".into())).await;
    assert!(few.cut.is_empty(), "all of it is told");
    let listed = admin(&harness).list(tell(pb::ObjectKind::Group)).await.unwrap().into_inner();
    let cut: Vec<_> = listed.objects.iter().map(|object| object.cut.len()).collect();
    assert_eq!(cut, [1, 0]);

    let members = all_of(Kind::Group("all".into()), pb::Relation::Members);
    assert_eq!(related(&harness, members.clone()).await, everybody);
    let boxed = related(&harness, all_of(Kind::Faxbox("box".into()), pb::Relation::Members)).await;
    assert_eq!(boxed[..MEMBERS], everybody);
    assert_eq!(boxed[MEMBERS..], ["group all", "group few"]);
    let owners = all_of(Kind::Group("all".into()), pb::Relation::Owners);
    assert!(related(&harness, owners.clone()).await.is_empty());

    // A token is of one set of one object.
    let first = admin(&harness).list_related(members.clone()).await.unwrap().into_inner();
    let other = pb::ListRelatedRequest { page_token: first.next_page_token, ..owners };
    let refused = admin(&harness).list_related(other).await;
    expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &["page_token"]);
    let none = all_of(Kind::Group("all".into()), pb::Relation::Targets);
    let refused = admin(&harness).list_related(none).await;
    expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &["relation"]);
    let unsaid = pb::ListRelatedRequest::default();
    let refused = admin(&harness).list_related(unsaid).await;
    let fields = ["tenant", "key", "relation"];
    expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &fields);
    let unknown = all_of(Kind::Group("nobody".into()), pb::Relation::Members);
    expect(admin(&harness).list_related(unknown).await, Code::NotFound, "NOT_FOUND", &[]);
    harness.stop().await;
}

#[tokio::test]
async fn permissions_and_models_are_paged() {
    let harness = Harness::start().await;
    harness.build(product("amplify").account("home").member("me").role("manager")).await;
    let mut request = pb::ListPermissionsRequest {
        tenant: "t1".into(),
        subject: Some(user("me")),
        account: "home".into(),
        ..Default::default()
    };
    let whole = harness.client().list_permissions(request.clone()).await.unwrap().into_inner();
    assert!(whole.next_page_token.is_empty());
    let mut permissions = Vec::new();
    request.page_size = 7;
    loop {
        let page = harness.client().list_permissions(request.clone()).await.unwrap().into_inner();
        assert!(page.permissions.len() <= 7);
        permissions.extend(page.permissions);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(permissions, whole.permissions);

    let mut request = pb::ListModelsRequest::default();
    let whole = admin(&harness).list_models(request.clone()).await.unwrap().into_inner();
    assert!(whole.next_page_token.is_empty());
    let mut models = Vec::new();
    request.page_size = 2;
    loop {
        let page = admin(&harness).list_models(request.clone()).await.unwrap().into_inner();
        models.extend(page.models);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(models, whole.models);
    harness.stop().await;
}
