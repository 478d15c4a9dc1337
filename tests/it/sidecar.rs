//! A sidecar beside a server: the same answers, as current, without a database.

use std::time::Duration;

use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard_core::stamp::Shard;
use tonic::Code;
use tonic::transport::Channel;

use crate::bad_input::portal;
use crate::harness::{Beside, Harness};

fn views(fax: &str) -> pb::CheckRequest {
    pb::CheckRequest {
        tenant: "t1".into(),
        subject: Some(pb::Subject { r#type: "user".into(), id: "me".into() }),
        account: "home".into(),
        action: Some(pb::Action { name: "fax.view".into() }),
        resource: Some(pb::Resource {
            r#type: "fax".into(),
            id: Some(fax.into()),
            properties: None,
        }),
        ..Default::default()
    }
}

async fn effect(channel: &Channel) -> Result<(pb::Effect, u64), tonic::Status> {
    let mut client = AuthorizationServiceClient::new(channel.clone());
    let decision = client.check(views("f1")).await?.into_inner().decision.unwrap();
    Ok((decision.effect(), decision.revision))
}

/// Puts `me` into the faxbox, or takes them out of it, and returns when that is acknowledged.
async fn membership(channel: &Channel, on: bool, at: usize) -> (u64, String) {
    let user = pb::Subject { r#type: "user".into(), id: "me".into() };
    let member = pb::UserOrGroup { kind: Some(pb::user_or_group::Kind::User(user.clone())) };
    let change = pb::SetFaxboxMember { faxbox: "box".into(), member: Some(member), on };
    let kind = Some(pb::change::Kind::SetFaxboxMember(change));
    let request = pb::ApplyRequest {
        tenant: "t1".into(),
        actor: Some(pb::Subject { r#type: "service".into(), id: "test".into() }),
        request_id: format!("r{at}"),
        changes: vec![pb::Change { kind }],
        ..Default::default()
    };
    let mut client = AdminServiceClient::new(channel.clone());
    let applied = client.apply(request).await.unwrap().into_inner();
    (applied.revision, applied.revision_token)
}

fn expected(on: bool) -> pb::Effect {
    if on { pb::Effect::Allow } else { pb::Effect::Deny }
}

#[tokio::test]
async fn what_is_acknowledged_is_in_force_in_every_sidecar() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let sidecars = [Beside::start(&harness.address).await, Beside::start(&harness.address).await];
    let channels = [sidecars[0].channel().await, sidecars[1].channel().await];
    for at in 0..40 {
        let on = at % 2 == 1;
        // Now here, now there, now through a sidecar.
        let writer = [&harness.channel, &channels[0], &channels[1]][at % 3];
        let (revision, _) = membership(writer, on, at).await;
        for channel in &channels {
            for _ in 0..2 {
                assert_eq!(effect(channel).await.unwrap(), (expected(on), revision), "write {at}");
            }
        }
    }
    let caches = sidecars[0].app.caches.clone();
    assert!(caches.are_on());
    for sidecar in sidecars {
        sidecar.stop().await;
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_sidecar_whose_parent_is_gone_answers_for_as_long_as_its_lease_and_no_longer() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let sidecar = Beside::start(&harness.address).await;
    let channel = sidecar.channel().await;
    let before = effect(&channel).await.unwrap();
    assert_eq!(before.0, pb::Effect::Allow);
    let mut ready = sidecar.app.freshness.subscribe_ready();
    ready.wait_for(|ready| *ready).await.unwrap();
    harness.stop().await;
    // Until the lease is over it may answer, and then not even with what it remembers.
    tokio::time::timeout(Duration::from_secs(10), ready.wait_for(|ready| !*ready))
        .await
        .expect("a lease ends")
        .unwrap();
    let status = effect(&channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    sidecar.stop().await;
}

#[tokio::test]
async fn a_question_that_names_a_state_is_asked_of_the_parent() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let sidecar = Beside::start(&harness.address).await;
    let channel = sidecar.channel().await;
    let (revision, token) = membership(&channel, false, 0).await;
    assert!(!token.is_empty());
    let consistency = pb::Consistency { at_least: token, ..Default::default() };
    let question = pb::CheckRequest { consistency: Some(consistency), ..views("f1") };
    let mut client = AuthorizationServiceClient::new(channel.clone());
    let decision = client.check(question).await.unwrap().into_inner().decision.unwrap();
    assert_eq!((decision.effect(), decision.revision), (pb::Effect::Deny, revision));
    let consistency = pb::Consistency { at_least: "nonsense".into(), ..Default::default() };
    let question = pb::CheckRequest { consistency: Some(consistency), ..views("f1") };
    let status = client.check(question).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    sidecar.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn a_sidecar_of_some_tenants_reads_the_others_each_time() {
    let harness = Harness::start().await;
    harness.build(portal()).await;
    let sidecar = Beside::start_for(&harness.address, &["t2"]).await;
    let followed = |tenant: &str| Shard::of(&lineguard_core::id::TenantId::parse(tenant).unwrap());
    let patience = Duration::from_secs(5);
    assert!(sidecar.app.freshness.sight_or_poll(followed("t2"), patience).await.is_some());
    assert!(sidecar.app.freshness.sight(followed("t1")).is_none());
    let channel = sidecar.channel().await;
    for at in 0..4 {
        let on = at % 2 == 1;
        let (revision, _) = membership(&harness.channel, on, at).await;
        assert_eq!(effect(&channel).await.unwrap(), (expected(on), revision));
    }
    sidecar.stop().await;
    harness.stop().await;
}
