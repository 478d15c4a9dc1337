//! The connection to the parent, made anew when the files have changed that it is made with.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::{Service, ServiceExt as _};

use crate::access::reload::{Told, Watched, say};
use crate::dial::{Connection, Dial, DialError};
use crate::metrics::{Metrics, Reloaded, ShownTo};
use crate::server::tls::end_of_file;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// How soon a connection that has died in silence is noticed.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// The parent, to whom calls go over the connection that is in force. What was begun on one before
/// ends there. Cheap to clone.
#[derive(Clone)]
pub struct Parent(Arc<ArcSwap<Connection>>);

type Sent = <Connection as Service<Request<Body>>>::Response;
type NotSent = <Connection as Service<Request<Body>>>::Error;

impl Service<Request<Body>> for Parent {
    type Response = Sent;
    type Error = NotSent;
    type Future = Pin<Box<dyn Future<Output = Result<Sent, NotSent>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotSent>> {
        // Which connection it is to be is only known with the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = Connection::clone(&self.0.load());
        Box::pin(connection.oneshot(request))
    }
}

impl Parent {
    /// Reads the files. The connection is made when it is first used, and again when it has ended.
    ///
    /// # Errors
    ///
    /// If a file cannot be used.
    pub(super) fn new(dial: &Dial) -> Result<Self, DialError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(connection(dial)?))))
    }

    /// Reads the files again, for calls from now on. What is in force stays if they are not good.
    ///
    /// # Errors
    ///
    /// If a file cannot be used.
    pub fn reload(&self, dial: &Dial) -> Result<(), DialError> {
        self.0.store(Arc::new(connection(dial)?));
        Ok(())
    }

    /// Reads the files again whenever they change, in a task among `beside`.
    pub fn keep(&self, dial: &Dial, metrics: &Metrics, beside: &mut JoinSet<()>) {
        let files = [&dial.ca_file, &dial.certificate_file, &dial.key_file, &dial.token_file];
        let files: Vec<_> = files.into_iter().flatten().cloned().collect();
        let shown = dial.certificate_file.clone();
        let ends = move || shown.as_deref().and_then(end_of_file);
        metrics.certificate_expires(ShownTo::Parent, ends());
        if files.is_empty() {
            return;
        }
        let (parent, dial) = (self.clone(), dial.clone());
        let watched = Watched::new(files, move || parent.reload(&dial));
        let (told, metrics) = (Told::start(beside), metrics.clone());
        beside.spawn(watched.run(told.hear(), move |outcome| {
            if outcome.is_ok() {
                metrics.certificate_expires(ShownTo::Parent, ends());
            }
            say(&metrics, Reloaded::Upstream, outcome);
        }));
    }
}

fn connection(dial: &Dial) -> Result<Connection, DialError> {
    let endpoint = dial
        .endpoint()?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true);
    Ok(Connection::new(endpoint.connect_lazy(), dial.bearer()?))
}
