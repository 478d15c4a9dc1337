//! R31 what the store was never told is missing: a question may bring it, and none goes without.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{AttachmentSource, Change, ListValue, MemberList, NewFax, SourceSet};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received};
use tonic::Code;

use crate::ask::{Answer, Ask, ask, user};
use crate::harness::{Harness, product};
use crate::writing::{expect, index};

const N1: &str = "+15550100001";
const SOURCES: &str = "resource.properties.attachment_sources";

fn fax(id: &str, attachment_sources: Option<SourceSet>) -> NewFax {
    NewFax {
        direction: Direction::Outbound,
        state: FaxState::Draft,
        creator: Some(ids::user("me")),
        number: Some(ids::number(N1)),
        attachment_sources,
        ..received(id, "home", 0)
    }
}

/// Somebody who may attach files of their computer only, with drafts of every kind.
fn drafts() -> World {
    let computer =
        MemberList::AttachmentSources(ListValue::These(vec![AttachmentSource::Computer]));
    let home = product("amplify").account("home").number(N1).member("me").role("member");
    home.list(computer)
        .fax(fax("unsaid", None))
        .fax(fax("none", Some(ids::sources(&[]))))
        .fax(fax("computer", Some(ids::sources(&[AttachmentSource::Computer]))))
        .fax(fax("cloud", Some(ids::sources(&[AttachmentSource::Cloud]))))
}

fn sends(id: &str) -> Ask {
    ask("me", "home", "fax.send").on(id)
}

fn from(asked: Ask, sources: &[pb::AttachmentSource]) -> Ask {
    let sources = sources.iter().map(|source| i32::from(*source)).collect();
    asked.facts(|fax| fax.attachment_sources = Some(pb::AttachmentSources { sources }))
}

fn from_nowhere(asked: Ask) -> Ask {
    asked.facts(|fax| fax.absent.push("attachment_sources".into()))
}

#[track_caller]
fn contradicts(answer: &Answer) {
    answer.misses(SOURCES);
    answer.misses("is not what is stored");
}

#[tokio::test]
async fn r31_a_stored_draft_keeps_the_attachment_restriction() {
    let harness = Harness::start().await;
    harness.build(drafts()).await;
    sends("none").send(&harness).await.allows_by("fax.send");
    sends("computer").send(&harness).await.allows_by("fax.send");
    sends("cloud").send(&harness).await.denies_by(Reason::Restricted, "fax.send");
    sends("unsaid").send(&harness).await.misses(SOURCES);
    harness.stop().await;
}

#[tokio::test]
async fn r31_a_question_brings_what_the_store_was_never_told() {
    use pb::AttachmentSource::{Cloud, Computer};

    let harness = Harness::start().await;
    harness.build(drafts()).await;
    let cloud = from(sends("unsaid"), &[Computer, Cloud]).send(&harness).await;
    cloud.denies_by(Reason::Restricted, "fax.send");
    from(sends("unsaid"), &[Computer]).send(&harness).await.allows_by("fax.send");
    from(sends("unsaid"), &[]).send(&harness).await.allows_by("fax.send");
    from_nowhere(sends("unsaid")).send(&harness).await.allows_by("fax.send");
    harness.stop().await;
}

#[tokio::test]
async fn r31_a_question_never_replaces_what_the_store_knows() {
    use pb::AttachmentSource::{Cloud, Computer};

    let harness = Harness::start().await;
    harness.build(drafts()).await;
    contradicts(&from(sends("cloud"), &[Computer]).send(&harness).await);
    contradicts(&from(sends("cloud"), &[]).send(&harness).await);
    contradicts(&from_nowhere(sends("cloud")).send(&harness).await);
    contradicts(&from(sends("computer"), &[Computer, Cloud]).send(&harness).await);
    contradicts(&from(sends("none"), &[Computer]).send(&harness).await);
    // The same set, in other words.
    let cloud = from(sends("cloud"), &[Cloud, Cloud]).send(&harness).await;
    cloud.denies_by(Reason::Restricted, "fax.send");
    from_nowhere(sends("none")).send(&harness).await.allows_by("fax.send");
    harness.stop().await;
}

#[tokio::test]
async fn r31_what_is_attached_to_a_draft_counts_at_once() {
    let harness = Harness::start().await;
    harness.build(drafts()).await;
    let attach = |id: &str, sources: &[AttachmentSource]| Change::SetFaxAttachmentSources {
        fax: ids::fax(id),
        attachment_sources: ids::sources(sources),
    };
    sends("none").send(&harness).await.allows_by("fax.send");
    harness.apply([attach("none", &[AttachmentSource::Library])]).await;
    sends("none").send(&harness).await.denies_by(Reason::Restricted, "fax.send");
    // Release is asked of the fax that waits.
    harness.apply([Change::SetFaxState { fax: ids::fax("none"), state: FaxState::Pending }]).await;
    sends("none").send(&harness).await.denies_by(Reason::Restricted, "fax.send");
    harness.apply([attach("none", &[])]).await;
    sends("none").send(&harness).await.allows_by("fax.send");
    harness.apply([attach("unsaid", &[])]).await;
    sends("unsaid").send(&harness).await.allows_by("fax.send");
    harness.stop().await;
}

#[tokio::test]
async fn r31_a_fax_store_says_what_is_attached() {
    let harness = Harness::start().await;
    harness.build(drafts()).await;
    let request = |fax: &str, sources: Option<Vec<i32>>| pb::SetFaxAttachmentSourcesRequest {
        tenant: "t1".into(),
        actor: Some(user("router")),
        request_id: format!("{fax} {sources:?}"),
        fax: fax.into(),
        attachment_sources: sources.map(|sources| pb::AttachmentSources { sources }),
    };
    let stored = |id: &str| {
        let request = pb::GetFaxRequest { tenant: "t1".into(), fax: id.into() };
        let mut index = index(&harness);
        async move { index.get_fax(request).await.unwrap().into_inner().fax.unwrap() }
    };
    assert_eq!(stored("unsaid").await.attachment_sources, None);
    assert_eq!(stored("none").await.attachment_sources, Some(pb::AttachmentSources::default()));
    let mut index = index(&harness);
    let answer = index.set_fax_attachment_sources(request("unsaid", Some(vec![2, 1, 2]))).await;
    assert!(answer.unwrap().into_inner().changed);
    let sources = vec![1, 2];
    assert_eq!(stored("unsaid").await.attachment_sources, Some(pb::AttachmentSources { sources }));

    let refused = index.set_fax_attachment_sources(request("unsaid", None)).await;
    expect(refused, Code::InvalidArgument, "INVALID_REQUEST", &["attachment_sources"]);
    let unknown = index.set_fax_attachment_sources(request("nothing", Some(vec![]))).await;
    expect(unknown, Code::NotFound, "NOT_FOUND", &["fax"]);
    harness.apply([Change::SetFaxState { fax: ids::fax("cloud"), state: FaxState::Active }]).await;
    let late = index.set_fax_attachment_sources(request("cloud", Some(vec![]))).await;
    expect(late, Code::FailedPrecondition, "REFUSED", &["attachment_sources"]);
    harness.stop().await;
}
