use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::body::Body;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;
use tower::Service;

use super::listen::{BindError, BindReason};
use super::*;
use crate::config::Address;

/// A service whose methods misbehave as their names say.
#[derive(Clone)]
struct Scripted;

impl NamedService for Scripted {
    const NAME: &'static str = pb::authorization_service_server::SERVICE_NAME;
}

impl Service<Request<Body>> for Scripted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        assert_ne!(method, "PanicAtOnce");
        Box::pin(async move {
            match method.as_str() {
                "CheckQuickly" => {}
                "CheckSlowly" => tokio::time::sleep(Duration::from_millis(300)).await,
                "CheckForever" => std::future::pending().await,
                "PanicLater" => {
                    tokio::task::yield_now().await;
                    panic!("a secret");
                }
                "TooLarge" => return Ok(Status::out_of_range("bytes").into_http()),
                "Malformed" => return Ok(Status::internal("decode").into_http()),
                _ => return Ok(Status::unimplemented("").into_http()),
            }
            Ok(Status::ok("").into_http())
        })
    }
}

/// A running server.
struct Running {
    address: Address,
    closing: watch::Receiver<bool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

async fn start(config: Config) -> Running {
    start_with(config, Metrics::off()).await
}

async fn start_with(config: Config, metrics: Metrics) -> Running {
    let listeners = listen::bind(&config).await.unwrap();
    let address = listeners.first().unwrap().address();
    let (stop, stopped) = oneshot::channel();
    let (told, closing) = watch::channel(false);
    let task = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        let (ready, storing) = (watch::channel(true).1, watch::channel(true).1);
        let life = Life { ready, storing, closing: told, next: None };
        let doors = Doors::open();
        serve(listeners, Routes::new(Scripted), doors, &config, &metrics, life, shutdown).await
    });
    Running { address, closing, stop, task }
}

fn config() -> Config {
    let mut config = Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
    config.drain.grace = Duration::from_secs(5);
    config
}

impl Running {
    async fn channel(&self) -> Channel {
        let uri = match &self.address {
            Address::Tcp(address) => format!("http://{address}"),
            Address::Unix(path) => format!("unix:{}", path.display()),
        };
        Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
    }

    async fn call(&self, method: &str) -> Result<(), Status> {
        call(self.channel().await, method).await
    }

    /// Ends the server and waits for it.
    async fn end(self) -> Result<(), ServeError> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

async fn call(channel: Channel, method: &str) -> Result<(), Status> {
    let service = match method.contains('.') {
        true => String::new(),
        false => format!("{}/", Scripted::NAME),
    };
    let path: PathAndQuery = format!("/{service}{method}").parse().unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let request = tonic::Request::new(());
    let codec: ProstCodec<(), HealthCheckResponse> = ProstCodec::default();
    match client.unary(request, path, codec).await {
        Ok(_) => Ok(()),
        // The scripted service answers without a message.
        Err(status) if status.message().contains("Missing response message") => Ok(()),
        Err(status) => Err(status),
    }
}

/// A call by a client that keeps no time, so that it is the server's answer that arrives.
async fn call_bare(address: &Address, method: &str, timeout: Option<&str>) -> Result<(), Status> {
    let Address::Tcp(address) = address else {
        panic!("not TCP");
    };
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://{address}/{}/{method}", Scripted::NAME))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let answer = client.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    match status.code() {
        Code::Ok => Ok(()),
        _ => Err(status),
    }
}

fn assert_refused(outcome: Result<(), Status>, code: Code, reason: &str) {
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "lineguard.v1"));
}

async fn health(channel: Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.map(|a| a.into_inner().status()).map_err(|s| s.code())
}

#[tokio::test]
async fn a_server_on_port_0_answers_and_ends_when_told() {
    let server = start(config()).await;
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn health_answers_for_the_server_and_each_service() {
    let server = start(config()).await;
    let channel = server.channel().await;
    for service in std::iter::once("").chain(SERVICES) {
        assert_eq!(health(channel.clone(), service).await, Ok(ServingStatus::Serving));
    }
    assert_eq!(health(channel, "lineguard.v1.Nothing").await, Err(Code::NotFound));
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_watch_of_an_unknown_service_is_told_so_and_stays_open() {
    let server = start(config()).await;
    let request = HealthCheckRequest { service: "lineguard.v1.Nothing".to_owned() };
    let mut client = HealthClient::new(server.channel().await);
    let mut answers = client.watch(request).await.unwrap().into_inner();
    let first = answers.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    let more = tokio::time::timeout(Duration::from_millis(50), answers.next()).await;
    assert!(more.is_err(), "{more:?}");
    server.end().await.unwrap();
}

#[tokio::test]
async fn draining_tells_watchers_first_then_finishes_what_is_in_flight() {
    let mut config = config();
    config.drain.delay = Duration::from_millis(200);
    let server = start(config).await;
    let channel = server.channel().await;

    let mut client = HealthClient::new(channel.clone());
    let request = HealthCheckRequest::default();
    let mut answers = client.watch(request).await.unwrap().into_inner();
    let first = answers.next().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);

    let slow = tokio::spawn(call(channel.clone(), "CheckSlowly"));
    tokio::time::sleep(Duration::from_millis(30)).await;
    server.stop.send(()).unwrap();

    let second = answers.next().await.unwrap().unwrap();
    assert_eq!(second.status(), ServingStatus::NotServing);
    // During the delay calls are still taken.
    assert_eq!(health(channel.clone(), "").await, Ok(ServingStatus::NotServing));
    call(channel, "CheckQuickly").await.unwrap();

    slow.await.unwrap().unwrap();
    assert!(answers.next().await.is_none(), "watches end with the server");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn streams_go_on_for_as_long_as_calls_are_taken() {
    let mut config = config();
    config.drain.delay = Duration::from_millis(300);
    let server = start(config).await;
    let mut watch = HealthClient::new(server.channel().await)
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut next = async || watch.message().await.unwrap().map(|said| said.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    let closing = server.closing.clone();
    server.stop.send(()).unwrap();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert!(!*closing.borrow(), "while it drains");
    // The watch ends when no calls are taken any more, and other streams are told after that.
    assert_eq!(next().await, None);
    server.task.await.unwrap().unwrap();
    assert!(*closing.borrow(), "once it is stopped");
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let mut config = config();
    config.drain.grace = Duration::from_millis(100);
    config.deadline.decision = Duration::from_secs(60);
    let server = start(config).await;
    let channel = server.channel().await;
    let _stuck = tokio::spawn(call(channel, "CheckForever"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ended = server.end().await;
    assert!(matches!(ended, Err(ServeError::Cut { .. })), "{ended:?}");
}

#[tokio::test]
async fn nobody_can_connect_once_the_server_stops_accepting() {
    let mut config = config();
    config.deadline.decision = Duration::from_millis(400);
    let server = start(config).await;
    let channel = server.channel().await;
    let stuck = tokio::spawn(call(channel, "CheckForever"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let Address::Tcp(address) = server.address else {
        panic!("not TCP");
    };
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_refused(stuck.await.unwrap(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_one_call() {
    let server = start(config()).await;
    for method in ["PanicAtOnce", "PanicLater"] {
        let outcome = server.call(method).await;
        let message = outcome.as_ref().unwrap_err().message().to_owned();
        assert!(!message.contains("secret"), "{message}");
        assert_refused(outcome, Code::Internal, "INTERNAL");
    }
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn an_expired_deadline_is_answered_as_such() {
    let mut config = config();
    config.deadline.decision = Duration::from_millis(100);
    let server = start(config).await;
    // Ours, where the caller names none or a later one; the caller's, where it is sooner.
    for timeout in [None, Some("1H"), Some("20m"), Some("1u"), Some("0n")] {
        let outcome = call_bare(&server.address, "CheckForever", timeout).await;
        assert_refused(outcome, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    call_bare(&server.address, "CheckQuickly", Some("1S")).await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn the_transports_own_errors_get_a_reason() {
    let server = start(config()).await;
    let check = async |method, code, reason| {
        assert_refused(server.call(method).await, code, reason);
    };
    check("Nothing", Code::Unimplemented, "UNKNOWN_METHOD").await;
    check("other.v1.Service/Method", Code::Unimplemented, "UNKNOWN_METHOD").await;
    check("grpc.health.v1.Health/List", Code::Unimplemented, "UNKNOWN_METHOD").await;
    check("TooLarge", Code::ResourceExhausted, "MESSAGE_TOO_LARGE").await;
    check("Malformed", Code::InvalidArgument, "MALFORMED_MESSAGE").await;
    server.end().await.unwrap();
}

#[tokio::test]
async fn too_many_calls_are_refused_and_health_still_answers() {
    let mut config = config();
    config.limits.in_flight = 1;
    let server = start(config).await;
    let channel = server.channel().await;
    let slow = tokio::spawn(call(channel.clone(), "CheckSlowly"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let refused = call(channel.clone(), "CheckQuickly").await;
    assert!(refused.as_ref().unwrap_err().get_details_retry_info().is_some());
    assert_refused(refused, Code::ResourceExhausted, "OVERLOADED");
    assert_eq!(health(channel.clone(), "").await, Ok(ServingStatus::Serving));
    slow.await.unwrap().unwrap();
    call(channel, "CheckQuickly").await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    use tonic_reflection::pb::{v1, v1alpha};

    let server = start(config()).await;
    let channel = server.channel().await;

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(names.iter().any(|name| name == service), "{names:?}");
    }

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                SERVICES[0].to_owned(),
            ),
        ),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
    server.end().await.unwrap();
}

fn on_socket(path: &Path) -> Config {
    let mut config = config();
    config.listen = vec![Address::Unix(path.to_owned())];
    config
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_and_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.sock");
    let server = start(on_socket(&path)).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = start(on_socket(&path)).await;
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_socket_in_use_and_a_file_in_the_way_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.sock");
    let server = start(on_socket(&path)).await;
    let error = listen::bind(&on_socket(&path)).await.unwrap_err();
    assert!(matches!(error.reason, BindReason::InUse), "{error}");
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();

    std::fs::write(&path, "precious").unwrap();
    let error = listen::bind(&on_socket(&path)).await.unwrap_err();
    assert!(matches!(error.reason, BindReason::NotASocket), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_server_does_not_remove_the_socket_of_its_successor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.sock");
    let first = listen::bind(&on_socket(&path)).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = listen::bind(&on_socket(&path)).await.unwrap();
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = listen::bind(&config()).await.unwrap();
    let taken = first.first().unwrap().address();
    let mut second = config();
    second.listen = vec![taken.clone()];
    let BindError { address, reason } = listen::bind(&second).await.unwrap_err();
    assert_eq!(address, taken);
    assert!(matches!(reason, BindReason::Io(_)));
}

#[tokio::test]
async fn several_listeners_serve_at_once_and_connections_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lineguard.sock");
    let mut config = config();
    config.listen.push(Address::Unix(path.clone()));
    config.limits.connections = 1;
    let server = start(config).await;

    let first = server.channel().await;
    call(first.clone(), "CheckQuickly").await.unwrap();
    // The second waits for the slot of the first.
    let second = server.channel();
    let waiting = tokio::time::timeout(Duration::from_millis(100), async {
        call(second.await, "CheckQuickly").await
    });
    assert!(waiting.await.is_err());

    let over_socket = Endpoint::from_shared(format!("unix:{}", path.display())).unwrap();
    let channel = over_socket.connect().await.unwrap();
    call(channel, "CheckQuickly").await.unwrap();

    drop(first);
    server.call("CheckQuickly").await.unwrap();
    server.end().await.unwrap();
}

#[tokio::test]
async fn the_duration_of_every_call_is_kept_with_its_code() {
    let metrics = Metrics::start(lineguard_core::model::built_in_vocabulary()).unwrap();
    let mut config = config();
    config.limits.in_flight = 1;
    let server = start_with(config, metrics.clone()).await;
    let channel = server.channel().await;
    call(channel.clone(), "CheckQuickly").await.unwrap();
    call(channel.clone(), "Nothing").await.unwrap_err();
    assert_eq!(health(channel.clone(), "").await, Ok(ServingStatus::Serving));

    let slow = tokio::spawn(call(channel.clone(), "CheckSlowly"));
    let mut tries = 0;
    // Until the slow call holds the only slot.
    while call(channel.clone(), "CheckQuickly").await.is_ok() {
        tries += 1;
        assert!(tries < 1_000, "nothing was refused");
    }
    slow.await.unwrap().unwrap();
    call_bare(&server.address, "CheckForever", Some("5m")).await.unwrap_err();

    let text = metrics.text().unwrap();
    let count = |code: &str| {
        let series = "rpc_server_call_duration_seconds_count{";
        let mut lines = text.lines().filter(|line| line.starts_with(series));
        let line = lines.find(|line| line.contains(&format!("status_code=\"{code}\"")));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0, |n| n.parse::<u32>().unwrap())
    };
    assert_eq!(count("OK"), 2 + tries);
    assert_eq!(count("UNIMPLEMENTED"), 1);
    assert_eq!(count("RESOURCE_EXHAUSTED"), 1);
    assert_eq!(count("DEADLINE_EXCEEDED"), 1);
    assert!(text.contains("\nlineguard_requests_shed_total 1\n"), "{text}");
    server.end().await.unwrap();
}
