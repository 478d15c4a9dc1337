//! Emergency calls (rulings R38): nothing stands between a person and help, so nothing is looked up.

use std::sync::Arc;

use lineguard::access::Caller;
use lineguard::answer::{CacheSize, Caches, ColdReads};
use lineguard::app::App;
use lineguard::away::Away;
use lineguard::dial::Dial;
use lineguard::metrics::Metrics;
use lineguard::rpc::Authorization;
use lineguard::wire::pb;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard::wire::pb::authorization_service_server::AuthorizationService;
use lineguard::wire::pb::check_result;
use lineguard::wire::pb::{Channel, Effect, Reason};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::{BUILT_IN, built_in_vocabulary};
use prost::Message as _;
use tonic::{Code, Request, Status};

use crate::ask::{ask, user};
use crate::harness::{Beside, Harness, product};

/// Who may be asked about, from where: each is told the same.
const ANYBODY: [(&str, &str, &str); 10] = [
    ("ann", "home", "t1"),
    ("active", "home", "t1"),
    ("suspended", "home", "t1"),
    ("unverified", "home", "t1"),
    ("invited", "home", "t1"),
    ("removed", "home", "t1"),
    ("nobody", "home", "t1"),
    ("active", "below", "t1"),
    ("active", "nowhere", "t1"),
    ("nobody", "nowhere", "t9"),
];

fn call((who, account, tenant): (&str, &str, &str)) -> pb::CheckRequest {
    ask(who, account, "call.emergency").tenant(tenant).message()
}

fn view((who, account, tenant): (&str, &str, &str)) -> pb::CheckRequest {
    ask(who, account, "fax.view").tenant(tenant).message()
}

/// The one answer there is, which carries nothing of any state.
fn help() -> pb::Decision {
    pb::Decision {
        effect: Effect::Allow.into(),
        reason: Reason::EmergencyCall.into(),
        explanation: "A call to emergency services depends on no permission.".into(),
        ..Default::default()
    }
}

async fn build(harness: &Harness, model: &str) {
    let mut world = product(model).account("home").owner("ann");
    // Without any role: whatever is granted, this is not.
    for (status, word) in MemberStatus::ALL {
        world = world.member(word).status(status);
    }
    harness.build(world).await;
}

/// Asks a service without a connection in between.
async fn directly(app: &App, message: pb::CheckRequest) -> Result<pb::Decision, Status> {
    let answer = Authorization(app.clone()).check(from_anybody(message)).await?;
    Ok(answer.into_inner().decision.unwrap())
}

fn from_anybody<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arc::new(Caller::anybody()));
    request
}

fn results(answer: pb::BatchCheckResponse) -> Vec<Result<pb::Decision, Code>> {
    let result = |item: pb::CheckResult| match item.result.unwrap() {
        check_result::Result::Decision(decision) => Ok(decision),
        check_result::Result::Error(error) => {
            assert!(!error.reason.is_empty(), "{error:?}");
            Err(Code::from_i32(error.code))
        }
    };
    answer.results.into_iter().map(result).collect()
}

#[tokio::test]
async fn whoever_is_asked_about_may_call_for_help_in_every_product() {
    for (model, _) in BUILT_IN {
        let harness = Harness::start().await;
        build(&harness, model).await;
        for channel in [Channel::Unspecified, Channel::Web, Channel::Mobile] {
            for (who, account, tenant) in ANYBODY {
                let asked = ask(who, account, "call.emergency").tenant(tenant);
                let asked = asked.context(|context| context.channel = channel.into());
                let answer = asked.send(&harness).await;
                let told = answer.allows();
                assert_eq!(*told, help(), "{model}: {who} at {account} of {tenant}");
                assert_eq!(told.encode_to_vec(), help().encode_to_vec());
            }
        }
        // Nobody gets anything else by it.
        for (who, account, tenant) in &ANYBODY[2..] {
            let other = ask(who, account, "call.make").tenant(tenant).send(&harness).await;
            let crate::ask::Answer::Decision(other) = other else { panic!("{other:?}") };
            assert_eq!(other.effect(), Effect::Deny, "{model}: {who} at {account} of {tenant}");
        }
        harness.stop().await;
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_an_error_all_the_same() {
    let harness = Harness::start().await;
    let good = || call(("nobody", "nowhere", "t9"));
    let facts = pb::Facts { number: Some("112".into()), ..Default::default() };
    let resource = pb::Resource { r#type: "call".into(), id: None, properties: Some(facts) };
    let consistency =
        |at_least: &str| Some(pb::Consistency { at_least: at_least.into(), ..Default::default() });
    for (field, message) in [
        ("tenant", pb::CheckRequest { tenant: String::new(), ..good() }),
        ("subject", pb::CheckRequest { subject: None, ..good() }),
        ("account", pb::CheckRequest { account: "a\nb".into(), ..good() }),
        ("resource", pb::CheckRequest { resource: None, ..good() }),
        ("resource.properties", pb::CheckRequest { resource: Some(resource), ..good() }),
        ("resource.type", pb::CheckRequest { action: good().action, ..view(ANYBODY[0]) }),
        ("consistency", pb::CheckRequest { consistency: consistency(&"x".repeat(513)), ..good() }),
    ] {
        let status = harness.client().check(message).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(field), "{status:?}");
    }
    // Which state the asker has seen does not matter, not even whether the token is one.
    let message = pb::CheckRequest { consistency: consistency("nonsense"), ..good() };
    let answer = harness.client().check(message).await.unwrap().into_inner();
    assert_eq!(answer.decision, Some(help()));
    harness.stop().await;
}

#[tokio::test]
async fn items_of_a_batch_are_answered_whatever_becomes_of_the_others() {
    let harness = Harness::start().await;
    build(&harness, "nuacom").await;
    let malformed = pb::CheckRequest { subject: None, ..call(ANYBODY[0]) };
    let mut checks = vec![view(("suspended", "home", "t1")), malformed];
    checks.extend(ANYBODY.map(call));
    checks.push(view(("nobody", "home", "t9")));
    let batch = pb::BatchCheckRequest { checks, consistency: None };
    let answer = harness.client().batch_check(batch.clone()).await.unwrap().into_inner();
    let told = results(answer);
    assert_eq!(told[0].as_ref().unwrap().reason(), Reason::MemberSuspended);
    assert_ne!(told[0].as_ref().unwrap().revision, 0);
    assert_eq!(told[1], Err(Code::InvalidArgument));
    assert_eq!(told[2..12], vec![Ok(help()); 10]);
    assert_eq!(told[12].as_ref().unwrap().reason(), Reason::NotAMemberOfActingAccount);

    // Their tenants fail: the calls do not, and the others say what they would say alone.
    let away = away(&harness.app);
    let answer = Authorization(away.clone()).batch_check(from_anybody(batch)).await.unwrap();
    let told = results(answer.into_inner());
    assert_eq!((&told[0], &told[12]), (&Err(Code::Unavailable), &Err(Code::Unavailable)));
    assert_eq!(told[2..12], vec![Ok(help()); 10]);

    // A token that is none of the tenant's is a mistake of those items that a state matters to.
    let consistency = pb::Consistency { at_least: "nonsense".into(), ..Default::default() };
    let checks = vec![view(ANYBODY[0]), call(ANYBODY[0])];
    let batch = pb::BatchCheckRequest { checks, consistency: Some(consistency) };
    let told = results(harness.client().batch_check(batch).await.unwrap().into_inner());
    assert_eq!(told, [Err(Code::InvalidArgument), Ok(help())]);
    harness.stop().await;
}

#[tokio::test]
async fn nothing_that_is_away_or_full_is_in_the_way() {
    let harness = Harness::start().await;
    build(&harness, "nuacom").await;
    let full = App { cold: Arc::new(ColdReads::new(0, 1)), ..remembering_nothing(&harness.app) };
    for (app, code) in [(away(&harness.app), Code::Unavailable), (full, Code::ResourceExhausted)] {
        for of in ANYBODY {
            assert_eq!(directly(&app, view(of)).await.unwrap_err().code(), code);
            assert_eq!(directly(&app, call(of)).await.unwrap(), help());
        }
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_sidecar_without_a_parent_and_without_a_lease_answers() {
    let dial = Dial { url: "http://127.0.0.1:1".into(), ..Dial::default() };
    let sidecar = Beside::start_with(dial, &[]).await;
    let mut client = AuthorizationServiceClient::new(sidecar.channel().await);
    let consistency = Some(pb::Consistency { at_least: "token".into(), ..Default::default() });
    let named =
        |check: pb::CheckRequest| pb::CheckRequest { consistency: consistency.clone(), ..check };
    for of in ANYBODY {
        let status = client.check(view(of)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let status = client.check(named(view(of))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        for question in [call(of), named(call(of))] {
            let answer = client.check(question).await.unwrap().into_inner();
            assert_eq!(answer.decision, Some(help()));
        }
    }
    let mixed =
        vec![call(ANYBODY[0]), view(ANYBODY[1]), named(view(ANYBODY[2])), named(call(ANYBODY[3]))];
    for (checks, consistency) in [
        (mixed.clone(), None),
        (mixed, consistency.clone()),
        (
            vec![call(ANYBODY[0]), view(ANYBODY[1]), view(ANYBODY[2]), call(ANYBODY[3])],
            consistency.clone(),
        ),
    ] {
        let batch = pb::BatchCheckRequest { checks, consistency };
        let told = results(client.batch_check(batch).await.unwrap().into_inner());
        let away = || Err(Code::Unavailable);
        assert_eq!(told, [Ok(help()), away(), away(), Ok(help())]);
    }
    let batch = pb::BatchCheckRequest { checks: ANYBODY.map(call).to_vec(), consistency };
    let told = results(client.batch_check(batch).await.unwrap().into_inner());
    assert_eq!(told, vec![Ok(help()); 10]);
    sidecar.stop().await;
}

#[tokio::test]
async fn a_sidecar_answers_calls_and_passes_on_what_names_a_state() {
    let harness = Harness::start().await;
    build(&harness, "nuacom").await;
    let sidecar = Beside::start(&harness.address).await;
    let token = harness.apply([crate::changes::member("home", "new", &[])]).await.revision_token;
    let consistency = Some(pb::Consistency { at_least: token, ..Default::default() });
    let checks = vec![view(ANYBODY[2]), call(ANYBODY[2]), view(ANYBODY[3]), call(ANYBODY[6])];
    let batch = pb::BatchCheckRequest { checks, consistency };
    let mut client = AuthorizationServiceClient::new(sidecar.channel().await);
    let told = results(client.batch_check(batch).await.unwrap().into_inner());
    let reason = |at: usize| told[at].as_ref().unwrap().reason();
    assert_eq!((reason(0), reason(2)), (Reason::MemberSuspended, Reason::MemberUnverified));
    assert_eq!((&told[1], &told[3]), (&Ok(help()), &Ok(help())));
    sidecar.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn answers_are_counted_and_filters_refused() {
    let harness = Harness::start().await;
    let metrics = Metrics::start(built_in_vocabulary()).unwrap();
    let app = App { metrics: metrics.clone(), ..away(&harness.app) };
    let counted = || {
        let text = metrics.text().unwrap();
        let line = text.lines().find(|line| line.starts_with("lineguard_emergency_answers_total"));
        line.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(counted(), 0);
    directly(&app, call(ANYBODY[0])).await.unwrap();
    directly(&app, view(ANYBODY[0])).await.unwrap_err();
    let checks = vec![call(ANYBODY[2]), view(ANYBODY[0]), call(ANYBODY[6])];
    let batch = pb::BatchCheckRequest { checks, consistency: None };
    Authorization(app).batch_check(from_anybody(batch)).await.unwrap();
    assert_eq!(counted(), 3);

    // What is allowed to everybody leaves no rows out, so a filter for it would tell nothing.
    let request = pb::GetVisibilityRequest {
        tenant: "t1".into(),
        subject: Some(user("nobody")),
        account: "home".into(),
        action: Some(pb::Action { name: "call.emergency".into() }),
        channel: 0,
        consistency: None,
    };
    let status = harness.client().get_visibility(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("`action.name` is allowed to everybody"), "{status:?}");
    harness.stop().await;
}

/// The service while its database is away.
fn away(app: &App) -> App {
    App { store: Arc::new(Away), ..remembering_nothing(app) }
}

/// The service without caches, so that whatever is looked up is read.
fn remembering_nothing(app: &App) -> App {
    App { caches: Arc::new(Caches::new(CacheSize(None), None)), ..app.clone() }
}
