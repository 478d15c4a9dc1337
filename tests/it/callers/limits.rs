//! What a caller may be limited to.

use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use super::{Guarded, doors, not_permitted, question, refused};
use crate::harness::Harness;

/// A server for one caller, who is anybody, with these limits.
async fn limited(harness: &Harness, limits: &str) -> (Guarded, Channel) {
    let caller = format!("[[caller]]\nname = \"one\"\nanonymous = true\n{limits}\n");
    let server = Guarded::start(harness, doors(&[caller])).await;
    let uri = format!("http://{}", server.address);
    (server, Channel::from_shared(uri).unwrap().connect().await.unwrap())
}

async fn check(channel: &Channel, message: pb::CheckRequest) -> Result<(), Status> {
    AuthorizationServiceClient::new(channel.clone()).check(message).await.map(drop)
}

fn of_action(action: &str, resource: &str) -> pb::CheckRequest {
    let facts = pb::Facts { account: Some("home".into()), ..Default::default() };
    let resource = pb::Resource { r#type: resource.into(), id: None, properties: Some(facts) };
    pb::CheckRequest {
        action: Some(pb::Action { name: action.into() }),
        resource: Some(resource),
        ..question()
    }
}

fn of_subject(kind: &str, id: &str) -> pb::CheckRequest {
    let subject = Some(pb::Subject { r#type: kind.into(), id: id.into() });
    pb::CheckRequest { subject, ..question() }
}

#[track_caller]
fn not_for_this_caller(answer: Result<(), Status>) {
    assert_eq!(refused(&answer.unwrap_err()), not_permitted());
}

#[tokio::test]
async fn a_voice_switch_asks_about_voice_only() {
    let harness = Harness::start().await;
    let voice = "methods = [\"AuthorizationService/*\"]\ntenants = [\"*\"]\nproducts = [\"voice\"]\n\
                 on_behalf_of_others = true";
    let (server, channel) = limited(&harness, voice).await;
    check(&channel, of_action("call.make", "call")).await.unwrap();
    check(&channel, question()).await.expect("several products share the account");
    not_for_this_caller(check(&channel, of_action("fax.view", "fax")).await);
    not_for_this_caller(check(&channel, of_action("message.send", "message")).await);

    let mut client = AuthorizationServiceClient::new(channel.clone());
    let checks = vec![of_action("call.make", "call"), of_action("fax.view", "fax")];
    let batch = pb::BatchCheckRequest { checks, consistency: None };
    not_for_this_caller(client.batch_check(batch).await.map(drop));
    let list = pb::ListVisibleFaxesRequest {
        tenant: "t1".into(),
        subject: question().subject,
        account: "home".into(),
        ..Default::default()
    };
    not_for_this_caller(client.list_visible_faxes(list).await.map(drop));
    let resolve = |channel: pb::SendChannel| pb::ResolveCallerIdRequest {
        tenant: "t1".into(),
        subject: question().subject,
        account: "home".into(),
        used_for: channel.into(),
        ..Default::default()
    };
    client.resolve_caller_id(resolve(pb::SendChannel::Call)).await.unwrap();
    not_for_this_caller(client.resolve_caller_id(resolve(pb::SendChannel::Fax)).await.map(drop));
    let message = resolve(pb::SendChannel::Message);
    not_for_this_caller(client.resolve_caller_id(message).await.map(drop));
    server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn who_speaks_for_itself_asks_for_nobody_else() {
    let harness = Harness::start().await;
    let own =
        "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]\nsubject = \"service:router\"";
    let (server, channel) = limited(&harness, own).await;
    check(&channel, of_subject("service", "router")).await.unwrap();
    not_for_this_caller(check(&channel, of_subject("user", "router")).await);
    not_for_this_caller(check(&channel, of_subject("service", "Router")).await);
    let mut admin = AdminServiceClient::new(channel.clone());
    let apply = |id: &str| pb::ApplyRequest {
        tenant: "t1".into(),
        actor: Some(pb::Subject { r#type: "service".into(), id: id.into() }),
        ..Default::default()
    };
    not_for_this_caller(admin.apply(apply("other")).await.map(drop));
    let status = admin.apply(apply("router")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "an empty batch: {status:?}");
    let nobody = "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]";
    let (silent, channel) = limited(&harness, nobody).await;
    not_for_this_caller(check(&channel, of_subject("service", "router")).await);
    AdminServiceClient::new(channel).list_models(pb::ListModelsRequest::default()).await.unwrap();
    silent.stop().await;
    server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn an_emergency_call_is_asked_by_whoever_may_ask() {
    let harness = Harness::start().await;
    let call = || of_action("call.emergency", "call");
    let others = "on_behalf_of_others = true";
    let everything = "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]";
    let (switch, channel) = limited(&harness, &format!("{everything}\n{others}")).await;
    check(&channel, call()).await.expect("nothing of the world was built");
    switch.stop().await;
    for limits in [
        format!("methods = [\"AdminService/*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]\n{others}"),
        format!("methods = [\"*\"]\ntenants = [\"t2\"]\nproducts = [\"*\"]\n{others}"),
        format!("methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"fax\"]\n{others}"),
        everything.to_owned(),
    ] {
        let (server, channel) = limited(&harness, &limits).await;
        not_for_this_caller(check(&channel, call()).await);
        let mut client = AuthorizationServiceClient::new(channel.clone());
        let batch = pb::BatchCheckRequest { checks: vec![call()], consistency: None };
        not_for_this_caller(client.batch_check(batch).await.map(drop));
        server.stop().await;
    }
    let known = super::caller("switch", "dns = [\"switch.example\"]");
    let server = Guarded::start(&harness, doors(&[known])).await;
    let uri = format!("http://{}", server.address);
    let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
    let status = check(&channel, call()).await.unwrap_err();
    assert_eq!(refused(&status), super::unauthenticated());
    server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn a_refusal_comes_before_the_question_is_read() {
    let harness = Harness::start().await;
    let one =
        "methods = [\"*\"]\ntenants = [\"t1\"]\nproducts = [\"*\"]\non_behalf_of_others = true";
    let (server, channel) = limited(&harness, one).await;
    let nonsense = pb::CheckRequest { tenant: "t2".into(), ..Default::default() };
    not_for_this_caller(check(&channel, nonsense).await);
    let nonsense = pb::CheckRequest { tenant: "t1".into(), ..Default::default() };
    let status = check(&channel, nonsense).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    // What spans tenants needs all of them.
    let list = pb::ListTenantsRequest::default();
    let mut admin = AdminServiceClient::new(channel);
    not_for_this_caller(admin.list_tenants(list).await.map(drop));
    server.stop().await;
    harness.stop().await;
}
