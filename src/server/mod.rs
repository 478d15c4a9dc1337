//! Serving: listeners, limits, health, reflection and an orderly end.
//!
//! [`serve`] takes its listeners and its end as arguments, so that tests run the real server. The
//! services come as [`Routes`]; nothing here knows what they answer.

mod connection;
mod guard;
pub mod health;
pub mod listen;
mod newcomers;
mod outgoing;
mod refusal;
pub mod signal;
pub mod tls;
mod traced;

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder as Reflection;

use crate::access::Access;
use crate::config::{Config, Drain, Limits};
use crate::metrics::Metrics;
use crate::wire::pb;

use connection::{Accept, Connection, Tcp};
use guard::Guard;
use health::{Health, Phase};
use listen::{Bound, Listener, Role};
use tls::Tls;

/// Why a server ended other than by request.
#[derive(Debug)]
pub enum ServeError {
    /// The descriptors that reflection serves do not parse.
    Reflection(tonic_reflection::server::Error),
    /// The transport failed.
    Transport(tonic::transport::Error),
    /// Calls were still in flight when the grace was over; their connections are cut.
    Cut {
        /// The grace.
        after: Duration,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reflection(error) => write!(f, "reflection cannot be served: {error}"),
            Self::Transport(error) => write!(f, "the transport failed: {error}"),
            Self::Cut { after } => write!(f, "calls were still in flight {after:?} after the end"),
        }
    }
}

impl std::error::Error for ServeError {}

/// The services that health knows by name, beside the server as a whole.
pub const SERVICES: [&str; 5] = [
    pb::authorization_service_server::SERVICE_NAME,
    pb::fax_service_server::SERVICE_NAME,
    pb::admin_service_server::SERVICE_NAME,
    pb::operations_service_server::SERVICE_NAME,
    pb::sidecar_service_server::SERVICE_NAME,
];

/// Those of them that store what they are told.
pub const STORING: [&str; 2] =
    [pb::fax_service_server::SERVICE_NAME, pb::admin_service_server::SERVICE_NAME];

/// Who is let in.
#[derive(Debug, Clone)]
pub struct Doors {
    /// Tells who calls.
    pub access: Access,
    /// What TCP connections speak; none: plaintext.
    pub tls: Option<Tls>,
}

impl Doors {
    /// For whoever can reach the server.
    pub fn open() -> Self {
        Self { access: Access::open(), tls: None }
    }
}

/// What a server is told of the services behind it, and tells them.
#[derive(Debug)]
pub struct Life {
    /// Whether they are sure to answer.
    pub ready: watch::Receiver<bool>,
    /// Whether what they are told can be stored.
    pub storing: watch::Receiver<bool>,
    /// Set when no calls are taken any more: streams that would go on for ever end then, not before,
    /// so that whoever follows this replica loses nothing while it drains.
    pub closing: watch::Sender<bool>,
    /// Where the services come from that take the place of these, if any do.
    pub next: Option<oneshot::Receiver<Next>>,
}

/// Services that take the place of others, while the server goes on.
#[derive(Debug)]
pub struct Next {
    /// The services.
    pub services: Routes,
    /// What is told of them. The streams of those before end.
    pub life: Life,
}

impl Life {
    fn phase(&mut self) -> Phase {
        match (*self.ready.borrow_and_update(), *self.storing.borrow_and_update()) {
            (false, _) => Phase::Waiting,
            (true, false) => Phase::ReadOnly,
            (true, true) => Phase::Serving,
        }
    }

    /// Waits until there may be something new to say.
    async fn changed(&mut self) {
        tokio::select! {
            () = changed(&mut self.ready) => {}
            () = changed(&mut self.storing) => {}
        }
    }
}

/// Waits for a change; for ever where nobody is left to make one.
async fn changed(what: &mut watch::Receiver<bool>) {
    if what.changed().await.is_err() {
        std::future::pending().await
    }
}

/// What takes the place of the services, once it is there.
async fn next(next: &mut Option<oneshot::Receiver<Next>>) -> Next {
    if let Some(arriving) = next
        && let Ok(arrived) = arriving.await
    {
        return arrived;
    }
    std::future::pending().await
}

/// Serves `services` on `listeners` until `shutdown`; health says `NOT_SERVING` while the services
/// are not ready. Then drains: health says `NOT_SERVING`,
/// calls are taken for as long as callers need to notice, calls in flight finish, the rest is cut.
/// `metrics` keeps how long calls take.
///
/// # Errors
///
/// [`ServeError`]. After [`ServeError::Cut`] connections live on until the runtime ends.
pub async fn serve(
    listeners: Vec<Listener>,
    services: Routes,
    doors: Doors,
    config: &Config,
    metrics: &Metrics,
    life: Life,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut life = life;
    let (phase, phases) = watch::channel(life.phase());
    let reflection = config.security.reflection;
    let routes = with_companions(services, phases.clone(), reflection)?;
    let (limits, metrics) = (config.limits, metrics.clone());
    let Doors { access, tls } = doors;
    let later = Arc::new(OnceLock::new());
    let guard =
        Guard::new(routes.prepare(), access, limits.in_flight, config.deadline, metrics.clone())
            .with_later(&later);

    let addresses: Vec<String> = listeners.iter().map(|l| l.address().to_string()).collect();
    let mut servers = JoinSet::new();
    for listener in listeners {
        let stopped = stopped(phases.clone());
        // Probes of health come from those who speak no TLS.
        let tls = tls.clone().filter(|_| listener.role != Role::Health);
        let guard = guard.clone().serving(listener.role);
        servers.spawn(run(listener.bound, tls, guard, limits, metrics.clone(), stopped));
    }
    tracing::info!(listen = addresses.join(","), version = env!("CARGO_PKG_VERSION"), "serving");

    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let mut arriving = life.next.take();
        tokio::select! {
            () = &mut shutdown => break,
            () = follow(&mut life, &phase) => {}
            Next { services, life: new } = next(&mut arriving) => {
                let routes = with_companions(services, phases.clone(), reflection)?;
                // Nothing takes the place of what has taken a place.
                let _ = later.set(routes.prepare());
                life.closing.send_replace(true);
                life = Life { next: None, ..new };
            }
            Some(ended) = servers.join_next() => return flatten(ended),
        }
    }
    drop(phases);
    drain(&phase, &life.closing, servers, config.drain).await
}

/// Tells how far the services are for as long as the server takes calls. Never ends.
async fn follow(life: &mut Life, phase: &watch::Sender<Phase>) {
    loop {
        let now = life.phase();
        let news = phase.send_if_modified(|phase| std::mem::replace(phase, now) != now);
        if news {
            let (ready, storing) = (now != Phase::Waiting, now == Phase::Serving);
            tracing::info!(ready, storing, "readiness changed");
        }
        life.changed().await;
    }
}

/// However short the delay, those who watch get to hear of the end before it comes.
const NOTICE: Duration = Duration::from_millis(20);

/// Tells everybody, then waits.
async fn drain(
    phase: &watch::Sender<Phase>,
    closing: &watch::Sender<bool>,
    mut servers: JoinSet<Result<(), tonic::transport::Error>>,
    drain: Drain,
) -> Result<(), ServeError> {
    tracing::info!(delay = ?drain.delay, grace = ?drain.grace, "draining");
    phase.send_replace(Phase::Draining);
    tokio::time::sleep(drain.delay.max(NOTICE)).await;
    phase.send_replace(Phase::Stopped);

    let all = async {
        // Whose stream ends comes back at once, and then not on a connection that takes no calls.
        tokio::time::sleep(NOTICE).await;
        closing.send_replace(true);
        while let Some(ended) = servers.join_next().await {
            flatten(ended)?;
        }
        Ok(())
    };
    match tokio::time::timeout(drain.grace, all).await {
        Ok(ended) => {
            tracing::info!("drained");
            ended
        }
        Err(_) => Err(ServeError::Cut { after: drain.grace }),
    }
}

type Ended = Result<Result<(), tonic::transport::Error>, tokio::task::JoinError>;

fn flatten(ended: Ended) -> Result<(), ServeError> {
    match ended {
        Ok(ended) => ended.map_err(ServeError::Transport),
        Err(error) => match error.try_into_panic() {
            // A bug in the accept loop is not ours to swallow.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(()),
        },
    }
}

async fn stopped(mut phases: watch::Receiver<Phase>) {
    // A sender that is gone means that nobody is left to serve for.
    let _ = phases.wait_for(|phase| *phase == Phase::Stopped).await;
}

/// Adds what every gRPC server is expected to answer.
fn with_companions(
    services: Routes,
    phases: watch::Receiver<Phase>,
    reflection: bool,
) -> Result<Routes, ServeError> {
    let routes = services.add_service(HealthServer::new(Health::new(phases)));
    if !reflection {
        return Ok(routes);
    }
    let reflection = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().map_err(ServeError::Reflection)?;
    let v1alpha = reflection().build_v1alpha().map_err(ServeError::Reflection)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}

/// Serves one address until `stopped`.
async fn run(
    bound: Bound,
    tls: Option<Tls>,
    guard: Guard,
    limits: Limits,
    metrics: Metrics,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<(), tonic::transport::Error> {
    match bound {
        Bound::Tcp(listener) => {
            accept(Tcp { listener, tls }, guard, limits, metrics, stopped).await
        }
        Bound::Unix(socket) => accept(socket, guard, limits, metrics, stopped).await,
    }
}

async fn accept(
    listener: impl Accept,
    guard: Guard,
    limits: Limits,
    metrics: Metrics,
    stopped: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let incoming: Pin<Box<dyn Stream<Item = std::io::Result<Connection>> + Send>> =
        Box::pin(connection::incoming(listener, limits, metrics));
    transport(limits).serve_with_incoming_shutdown(guard, incoming, stopped).await
}

/// The limits that the transport keeps: without them one client can hold any amount of memory.
fn transport(limits: Limits) -> Server {
    Server::builder()
        .accept_http1(false)
        .max_concurrent_streams(limits.concurrent_streams)
        .max_connection_age(varied(limits.connection_age))
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_header_list_size(16 << 10)
        .max_frame_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
}

/// Up to a tenth more or less, so that callers do not come back to replicas that were started
/// together all at once. No grace is set: with one, this transport cuts calls in flight.
fn varied(age: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    age.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX))
}
