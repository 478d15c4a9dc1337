//! Who is let in, and to what: over real connections, with real certificates.

mod attacks;
mod certificates;
mod keys;
mod limits;
pub(crate) mod pki;
mod provisioning;
mod rotation;
mod rows;
mod table;
mod tokens;

use std::sync::Arc;

use lineguard::access::Access;
use lineguard::access::policy::Policy;
use lineguard::config::{Address, Config, Limits};
use lineguard::metrics::Metrics;
use lineguard::server::{self, Doors, listen};
use lineguard::wire::pb;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::codegen::{Body, Bytes, StdError};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::Harness;

/// What a caller may do that stands in most tests: everything, for everybody.
const EVERYTHING: &str =
    "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]\non_behalf_of_others = true\n";

/// The key set of an issuer that nobody knows otherwise.
pub fn key_set() -> String {
    tokens::Issuer::new().jwks().to_string()
}

/// A caller in a callers file, with everything allowed.
fn caller(name: &str, known_by: &str) -> String {
    format!("[[caller]]\nname = \"{name}\"\n{known_by}\n{EVERYTHING}\n")
}

/// A callers file with these callers.
fn policy(callers: &[String]) -> Policy {
    let text = format!("format = 1\n{}", callers.concat());
    Policy::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

/// A server with doors, over the service of a harness.
struct Guarded {
    address: String,
    metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Guarded {
    async fn start(harness: &Harness, doors: Doors) -> Self {
        Self::start_with(harness, doors, |_| {}).await
    }

    async fn start_with(harness: &Harness, doors: Doors, set: impl Fn(&mut Limits)) -> Self {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let mut config = Config { listen, ..Config::default() };
        config.drain.delay = std::time::Duration::ZERO;
        set(&mut config.limits);
        let listeners = listen::bind(&config).await.unwrap();
        let Address::Tcp(address) = listeners[0].address() else { panic!("no TCP") };
        let (stop, stopped) = oneshot::channel();
        let (routes, app) = (harness.app.routes(), &harness.app);
        let life = app.life();
        let metrics = Metrics::start(lineguard_core::model::built_in_vocabulary()).unwrap();
        let counting = metrics.clone();
        let served = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            server::serve(listeners, routes, doors, &config, &counting, life, stopped)
                .await
                .unwrap();
        });
        let address = format!("localhost:{}", address.port());
        Self { address, metrics, stop: Some(stop), served }
    }

    /// What the series of a figure with this value of a label come to.
    fn counted(&self, figure: &str, label: &str) -> u64 {
        sum(&self.metrics.text().unwrap(), figure, label)
    }

    /// How many connections were turned away for this.
    fn turned_away(&self, why: &str) -> u64 {
        self.counted("lineguard_connections_turned_away_total", why)
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        (&mut self.served).await.unwrap();
    }
}

/// What the series of a figure with this value of a label come to, in an exposition.
fn sum(exposition: &str, figure: &str, label: &str) -> u64 {
    let (figure, label) = (format!("{figure}{{"), format!("=\"{label}\""));
    let series = exposition.lines().filter(|l| l.starts_with(&figure) && l.contains(&label));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// Doors for callers of this policy, without TLS.
fn doors(callers: &[String]) -> Doors {
    Doors { access: access(callers), tls: None }
}

fn access(callers: &[String]) -> Access {
    Access::known(policy(callers), None, Arc::new(lineguard::clock::SystemClock))
}

/// A question that gets an answer from every caller who may ask it.
fn question() -> pb::CheckRequest {
    pb::CheckRequest {
        tenant: "t1".into(),
        subject: Some(pb::Subject { r#type: "user".into(), id: "me".into() }),
        account: "home".into(),
        action: Some(pb::Action { name: "account.view".into() }),
        resource: Some(pb::Resource {
            r#type: "account".into(),
            id: Some("home".into()),
            properties: None,
        }),
        ..Default::default()
    }
}

/// Asks it.
async fn ask<T>(channel: T) -> Result<pb::CheckResponse, Status>
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    let mut client = AuthorizationServiceClient::new(channel);
    client.check(question()).await.map(tonic::Response::into_inner)
}

/// The code and the reason of a refusal, which tell nothing else.
#[track_caller]
fn refused(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!(info.domain, "lineguard.v1");
    assert!(info.metadata.is_empty(), "{info:?}");
    (status.code(), info.reason.clone())
}

fn unauthenticated() -> (Code, String) {
    (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
}

/// A proof was offered, and does not say who calls.
fn unclear() -> (Code, String) {
    (Code::Unauthenticated, "PROOF_UNCLEAR".to_owned())
}

fn not_permitted() -> (Code, String) {
    (Code::PermissionDenied, "CALLER_NOT_PERMITTED".to_owned())
}
