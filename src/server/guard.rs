//! What stands between the transport and every handler: a bound on calls in flight, deadlines,
//! and a net under panics.
//!
//! One layer instead of three, because every call passes through it and each layer costs. A call
//! that is answered at once pays for one look at its headers and no timer.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::Service;

use super::connection::Origin;
use super::listen::Role;
use super::{refusal, traced};
use crate::access::{Access, Caller, Peer, Refused, Unclear};
use crate::config::Deadlines;
use crate::metrics::{Method, Metrics};
use crate::telemetry::trace::Frame;

/// Guards the routes.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    routes: Routes,
    /// What takes the place of the routes, once it is there.
    later: Option<Arc<OnceLock<Routes>>>,
    access: Access,
    role: Role,
    slots: Arc<Semaphore>,
    deadlines: Deadlines,
    metrics: Metrics,
}

impl Guard {
    /// Guards `routes`.
    pub(super) fn new(
        routes: Routes,
        access: Access,
        in_flight: usize,
        deadlines: Deadlines,
        metrics: Metrics,
    ) -> Self {
        let (role, slots) = (Role::Everything, Arc::new(Semaphore::new(in_flight)));
        Self { routes, later: None, access, role, slots, deadlines, metrics }
    }

    /// The same, until there are other routes.
    pub(super) fn with_later(self, later: &Arc<OnceLock<Routes>>) -> Self {
        Self { later: Some(Arc::clone(later)), ..self }
    }

    /// Takes the later routes into use. What was called before goes on where it is.
    fn up_to_date(&mut self) {
        if let Some(routes) = self.later.as_ref().and_then(|later| later.get()).cloned() {
            (self.routes, self.later) = (routes, None);
        }
    }

    /// The same for an address of this role.
    pub(super) fn serving(self, role: Role) -> Self {
        Self { role, ..self }
    }

    fn running(&mut self, mut request: Request<Body>) -> Result<Running, Status> {
        self.up_to_date();
        let path = request.uri().path();
        if !serves(self.role, path) {
            return Err(refusal::unknown_method());
        }
        let ours = path.starts_with(OURS);
        if !ours {
            // Health must answer under overload, and its watchers stay for as long as they like.
            return Ok(Running {
                inner: self.routes.call(request),
                deadline: None,
                sleep: None,
                slot: None,
                measured: None,
                ours,
            });
        }
        let now = Instant::now();
        let measured = Measured::begin(&self.metrics, &request, now);
        let budget = budget(request.uri().path(), request.headers(), self.deadlines);
        if budget.is_zero() {
            return Err(refused(measured, refusal::deadline()));
        }
        match self.caller(&request) {
            Ok(caller) => drop(request.extensions_mut().insert(caller)),
            Err(unwelcome) => {
                self.metrics.refused(unwelcome.into());
                return Err(refused(measured, refusal::unwelcome(unwelcome)));
            }
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.shed();
            return Err(refused(measured, refusal::overloaded()));
        };
        Ok(Running {
            inner: self.routes.call(request),
            deadline: Some(now + budget),
            sleep: None,
            slot: Some(slot),
            measured,
            ours,
        })
    }
}

/// What the paths of our methods begin with.
const OURS: &str = "/lineguard.";

/// What the paths of questions begin with, and of what sidecars need to answer them.
const QUESTIONS: [&str; 2] =
    ["/lineguard.v1.AuthorizationService/", "/lineguard.v1.SidecarService/"];

/// What the paths of health begin with.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether there is such a method at an address of this role, as far as the role says.
fn serves(role: Role, path: &str) -> bool {
    match role {
        Role::Everything => true,
        Role::Questions => {
            !path.starts_with(OURS) || QUESTIONS.iter().any(|ours| path.starts_with(ours))
        }
        Role::Health => path.starts_with(HEALTH),
    }
}

impl Guard {
    /// Who makes this call.
    fn caller(&self, request: &Request<Body>) -> Result<Arc<Caller>, Refused> {
        let origin = request.extensions().get::<Origin>();
        let peer = origin.map_or(&Peer::Unclear(Unclear::NoConnection), |origin| &origin.peer);
        self.access.caller(peer, request.headers(), request.uri().path())
    }
}

impl Service<Request<Body>> for Guard {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Guarded;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Guarded {
        match catch_unwind(AssertUnwindSafe(|| self.running(request))) {
            Ok(Ok(running)) => Guarded::Running(running),
            Ok(Err(refused)) => Guarded::Refused(Some(refused)),
            Err(_) => Guarded::Refused(Some(refusal::panicked())),
        }
    }
}

type Inner = <Routes as Service<Request<Body>>>::Future;

/// A call that is under way or was refused.
#[expect(
    clippy::large_enum_variant,
    reason = "refusals are rare; a box would cost every call an allocation"
)]
pub(super) enum Guarded {
    Running(Running),
    Refused(Option<Status>),
}

/// A call that is under way.
pub(super) struct Running {
    inner: Inner,
    deadline: Option<Instant>,
    /// Made when the call first has to wait.
    sleep: Option<Pin<Box<Sleep>>>,
    slot: Option<OwnedSemaphorePermit>,
    measured: Option<Measured>,
    ours: bool,
}

/// A call whose duration is kept, with the code that it ends with; one that is dropped before was
/// cancelled.
struct Measured {
    metrics: Metrics,
    method: Option<Method>,
    since: Instant,
    code: Code,
    frame: Frame,
}

impl Measured {
    /// Begins to measure, where anything is measured or the call is traced.
    fn begin(metrics: &Metrics, request: &Request<Body>, since: Instant) -> Option<Self> {
        let method = metrics.method(request.uri().path());
        let span = traced::begin(request);
        if method.is_none() && span.is_none() {
            return None;
        }
        let frame = Frame { span, statements: 0 };
        Some(Self { metrics: metrics.clone(), method, since, code: Code::Cancelled, frame })
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        traced::end(self.frame.span.take(), self.code);
        if let Some(method) = self.method {
            self.metrics.call(method, self.code, self.since.elapsed(), self.frame.statements);
        }
    }
}

fn refused(measured: Option<Measured>, status: Status) -> Status {
    if let Some(mut measured) = measured {
        measured.code = status.code();
    }
    status
}

/// The code of an answer. Without one in its headers it goes well, as far as anybody can say who
/// does not read it to its end.
fn code_of(answer: &Response<Body>) -> Code {
    answer.headers().get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

impl Future for Guarded {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Running(running) => running.poll(cx).map(Ok),
            Self::Refused(refused) => match refused.take() {
                Some(status) => Poll::Ready(Ok(status.into_http())),
                // Polled after it was done.
                None => Poll::Pending,
            },
        }
    }
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        // The handler is never polled again after a panic, so nobody sees it half-done; what it
        // shares with others is behind locks and transactions of its own.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _current = self.measured.as_mut().map(|measured| measured.frame.enter());
            Pin::new(&mut self.inner).poll(cx)
        }));
        let answer = match polled {
            Ok(Poll::Ready(Ok(answer))) => explained(answer, self.ours),
            Ok(Poll::Ready(Err(never))) => match never {},
            Ok(Poll::Pending) => match self.late(cx) {
                false => return Poll::Pending,
                true => refusal::deadline().into_http(),
            },
            Err(_) => refusal::panicked().into_http(),
        };
        self.slot = None;
        if let Some(mut measured) = self.measured.take() {
            measured.code = code_of(&answer);
        }
        Poll::Ready(answer)
    }

    fn late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        self.sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)))
            .as_mut()
            .poll(cx)
            .is_ready()
    }
}

/// Errors of handlers carry details; one without was made by the transport.
fn explained(answer: Response<Body>, ours: bool) -> Response<Body> {
    let headers = answer.headers();
    if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
        return answer;
    }
    match Status::from_header_map(headers) {
        Some(bare) if ours || bare.code() == Code::Unimplemented => {
            refusal::explain(&bare).map_or(answer, |status| status.into_http())
        }
        _ => answer,
    }
}

/// How long a call may take: what its caller allows, or what we do where that is less.
fn budget(path: &str, headers: &HeaderMap, deadlines: Deadlines) -> Duration {
    let ours = cap(path, deadlines);
    match headers.get("grpc-timeout").map(|value| value.to_str()) {
        Some(Ok(text)) => timeout(text).map_or(ours, |theirs| theirs.min(ours)),
        _ => ours,
    }
}

fn cap(path: &str, deadlines: Deadlines) -> Duration {
    let method = path.rsplit_once('/').map_or(path, |(_, method)| method);
    let is = |prefix| method.starts_with(prefix);
    if method == "Import" {
        deadlines.import
    } else if is("Check") || is("Resolve") || method == "GetVisibility" {
        deadlines.decision
    } else if is("List") || is("Get") || is("Export") || method == "BatchCheck" {
        deadlines.list
    } else {
        deadlines.write
    }
}

/// The value of a `grpc-timeout` header: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn timeouts_have_eight_digits_and_a_unit() {
        assert_eq!(timeout("1S"), Some(Duration::from_secs(1)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("0n"), Some(Duration::ZERO));
        for bad in ["", "S", "1", "123456789S", "+1S", "1s", "é"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_sooner_deadline_counts() {
        let deadlines = Config::default().deadline;
        let check = |method: &str, header: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("grpc-timeout", header.parse().unwrap());
            }
            budget(&format!("/lineguard.v1.XService/{method}"), &headers, deadlines)
        };
        assert_eq!(check("Check", None), deadlines.decision);
        assert_eq!(check("Check", Some("5m")), Duration::from_millis(5));
        assert_eq!(check("Check", Some("9H")), deadlines.decision);
        assert_eq!(check("Check", Some("soon")), deadlines.decision);
        assert_eq!(check("ResolveCallerId", None), deadlines.decision);
        assert_eq!(check("BatchCheck", None), deadlines.list);
        assert_eq!(check("ListVisibleFaxes", None), deadlines.list);
        assert_eq!(check("Apply", None), deadlines.write);
        assert_eq!(check("BatchRegisterFaxes", None), deadlines.write);
        assert_eq!(check("Import", None), deadlines.import);
    }
}
