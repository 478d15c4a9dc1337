//! Outages, as the program lives through them: what it answers meanwhile, when it has healed, and
//! how much it says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard_core::id::ModelDigest;
use lineguard_testkit::databases::{Databases, Kind};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::ask::{ask, service, user};
use crate::harness::text_of;
use crate::process::{check, run};

mod table;

const AUTHORIZATION: &str = "lineguard.v1.AuthorizationService";
const ADMIN: &str = "lineguard.v1.AdminService";
const FAXES: &str = "lineguard.v1.FaxService";

/// How long a machine that is busy with tests may take for anything.
const LONG: Duration = Duration::from_secs(60);

/// The program, serving, and what it has logged so far.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: Arc<Mutex<Vec<String>>>,
    pub(crate) channel: Channel,
    pub(crate) listen: String,
}

impl Running {
    /// Starts it with what comes after its name. A disk that is full is an error to it, not the
    /// signal that it may be instead.
    pub(crate) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lineguard")])
            .args(arguments)
            .args(["--listen=127.0.0.1:0", "--drain-delay=0s"])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, into) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| into.lock().unwrap().push(line));
        });
        let until = Instant::now() + LONG;
        let listen = loop {
            let serving = log.lock().unwrap().iter().find_map(|line| listens(line));
            if let Some(listen) = serving {
                break listen;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{:?}", log.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let channel = Channel::from_shared(format!("http://{listen}")).unwrap().connect_lazy();
        Self { child, log, channel, listen }
    }

    async fn health(&self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest { service: service.into() };
        HealthClient::new(self.channel.clone()).check(request).await.unwrap().into_inner().status()
    }

    /// Waits until the health of a service is this; how long it took.
    pub(crate) async fn until(&self, service: &str, wanted: ServingStatus) -> Duration {
        let begun = Instant::now();
        let request = HealthCheckRequest { service: service.into() };
        let mut client = HealthClient::new(self.channel.clone());
        let mut told = client.watch(request).await.unwrap().into_inner();
        loop {
            let now = tokio::time::timeout(LONG, told.message()).await;
            let now =
                now.unwrap_or_else(|_| panic!("{service} is not {wanted:?}: {}", self.logged()));
            if now.unwrap().unwrap().status() == wanted {
                return begun.elapsed();
            }
        }
    }

    async fn ask(&self, action: &str) -> Result<pb::Decision, Status> {
        let question = ask("ann", "home", action).message();
        let mut client = AuthorizationServiceClient::new(self.channel.clone());
        Ok(client.check(question).await?.into_inner().decision.unwrap())
    }

    /// Makes a tenant that nobody has made before.
    async fn write(&self, number: usize) -> Result<(), Status> {
        let create = pb::CreateTenant {
            model: ModelDigest::of(text_of("standard")).to_string(),
            root: "home".into(),
            owner: Some(user("boss")),
            ..Default::default()
        };
        self.apply(&format!("w{number}"), pb::change::Kind::CreateTenant(create)).await
    }

    async fn apply(&self, tenant: &str, kind: pb::change::Kind) -> Result<(), Status> {
        let request = pb::ApplyRequest {
            tenant: tenant.into(),
            actor: Some(service("provisioning")),
            request_id: "r1".into(),
            changes: vec![pb::Change { kind: Some(kind) }],
            ..Default::default()
        };
        AdminServiceClient::new(self.channel.clone()).apply(request).await.map(drop)
    }

    fn logged(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// How many lines it has logged that say this; all lines for nothing.
    fn lines(&self, said: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(said)).count()
    }

    /// The lines after so many.
    fn said_since(&self, before: usize) -> Vec<String> {
        self.log.lock().unwrap().get(before..).unwrap_or_default().to_vec()
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        assert_eq!(self.ended().await, Some(0), "{}", self.logged());
    }

    /// How it ended, while the connections of this test live on.
    async fn ended(&mut self) -> Option<i32> {
        let until = Instant::now() + LONG;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not end: {}", self.logged());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listens(line: &str) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    (entry["message"] == "serving").then(|| entry["listen"].as_str().unwrap().to_owned())
}

/// What a server says that waits for its database, whatever it is that it waits for.
async fn waits(server: &Running, why: &str) {
    for name in ["", AUTHORIZATION, ADMIN, FAXES] {
        assert_eq!(server.health(name).await, ServingStatus::NotServing, "{name}");
    }
    for _ in 0..20 {
        let begun = Instant::now();
        let status = server.ask("fax.view").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "STORE_UNAVAILABLE");
        assert!(status.get_details_retry_info().is_some());
        // There is nothing to wait for before it says so.
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
    // Help is nearer than any database.
    let help = server.ask("call.emergency").await.unwrap();
    assert_eq!((help.effect(), help.reason()), (pb::Effect::Allow, pb::Reason::EmergencyCall));
    // A mistake is told as ever.
    let bad = pb::CheckRequest { account: "a\nb".into(), ..ask("a", "b", "fax.view").message() };
    let bad = AuthorizationServiceClient::new(server.channel.clone()).check(bad).await;
    assert_eq!(bad.unwrap_err().code(), Code::InvalidArgument);
    let written = server.write(0).await.unwrap_err();
    assert_eq!(written.code(), Code::Unavailable, "{written:?}");
    let waiting = server.log.lock().unwrap().clone();
    let waiting: Vec<&String> =
        waiting.iter().filter(|line| line.contains("waits for the database")).collect();
    assert_eq!(waiting.len(), 1, "{}", server.logged());
    assert!(waiting[0].contains(why), "{why}: {}", waiting[0]);
    // Where it listens, what it waits for, and one of all the questions.
    assert!(server.lines("") <= 4, "{}", server.logged());
}

/// What it says once the database is there, on the connections that were there before.
async fn serves(server: &Running) {
    for name in ["", AUTHORIZATION, ADMIN, FAXES] {
        server.until(name, ServingStatus::Serving).await;
    }
    let denied = server.ask("fax.view").await.unwrap();
    assert_eq!(denied.reason(), pb::Reason::NotAMemberOfActingAccount);
    server.write(1).await.unwrap();
    assert_eq!(server.lines("the database is there"), 1);
}

#[tokio::test]
async fn a_store_that_another_server_holds_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(folder.path(), &["serve"]).await;
    first.until("", ServingStatus::Serving).await;
    let second = Running::start(folder.path(), &["serve"]).await;
    waits(&second, "another process has the store open").await;
    // A question that waits does not keep what is over from being over.
    let status = run(folder.path(), &["status", "--server", &second.listen]);
    check(&status, 6, "none: answers come from the database, or not at all");
    first.stop().await;
    serves(&second).await;
    second.stop().await;
}

#[tokio::test]
async fn a_schema_that_is_still_to_be_made_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--database-migrate-on-start=false"];
    let server = Running::start(folder.path(), &arguments).await;
    waits(&server, "`lineguard migrate` makes one").await;
    check(&run(folder.path(), &["migrate"]), 0, "The schema is up to date");
    serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_waits_ends_in_order_and_one_that_finds_a_mistake_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--database-migrate-on-start=false"];
    let server = Running::start(folder.path(), &arguments).await;
    waits(&server, "there is no database").await;
    server.stop().await;

    let mut server = Running::start(folder.path(), &arguments).await;
    std::fs::write(folder.path().join("lineguard.db"), "x".repeat(4_096)).unwrap();
    assert_eq!(server.ended().await, Some(4));
    assert!(server.logged().contains("not an SQLite database"), "{}", server.logged());
}

#[test]
fn what_no_time_heals_ends_a_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("text.db"), "x".repeat(4_096)).unwrap();
    for (command, url, said) in [
        ("serve", "sqlite:text.db", "not an SQLite database"),
        ("serve", "sqlite:no/such/folder/x.db", "No such file"),
        ("migrate", "sqlite:text.db", "not an SQLite database"),
        ("migrate", "sqlite:no/such/folder/x.db", "No such file"),
    ] {
        let begun = Instant::now();
        check(&run(here, &[command, "--database-url", url]), 4, said);
        assert!(begun.elapsed() < Duration::from_secs(20), "{command} {url}");
    }
}

#[test]
fn a_migration_waits_for_as_long_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let away = ["migrate", "--database-url=postgres://nobody@127.0.0.1:1/nothing"];
    let none = run(folder.path(), &[&away[..], &["--wait=0s"]].concat());
    check(&none, 4, "onnection refused");
    assert!(!String::from_utf8_lossy(&none.stderr).contains("waits for the database"));
    let begun = Instant::now();
    let some = run(folder.path(), &[&away[..], &["--wait=3s"]].concat());
    check(&some, 4, "waits for the database");
    assert!((1..20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_sidecar_whose_parent_comes_later_serves_from_when_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::new(free);
    let upstream = format!("--upstream-url=http://{}", relay.listen);
    let sidecar = Running::start(folder.path(), &["sidecar", &upstream]).await;
    assert_eq!(sidecar.health("").await, ServingStatus::NotServing);
    assert_eq!(sidecar.ask("fax.view").await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(sidecar.ask("call.emergency").await.unwrap().effect(), pb::Effect::Allow);
    let parent = Running::start(folder.path(), &["serve"]).await;
    parent.until("", ServingStatus::Serving).await;
    relay.open(parent.listen.parse().unwrap()).await;
    let healed = sidecar.until("", ServingStatus::Serving).await;
    println!("a sidecar healed after {healed:?}");
    assert_eq!(sidecar.ask("fax.view").await.unwrap().effect(), pb::Effect::Deny);
    assert!(sidecar.lines("") <= 8, "{}", sidecar.logged());
    sidecar.stop().await;
    parent.stop().await;
}

/// A parent that waits itself is an outage to its sidecars, and over for them when it is for it.
#[tokio::test]
async fn a_sidecar_of_a_server_that_waits_heals_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--database-migrate-on-start=false"];
    let parent = Running::start(folder.path(), &arguments).await;
    let upstream = format!("--upstream-url=http://{}", parent.listen);
    let sidecar = Running::start(folder.path(), &["sidecar", &upstream]).await;
    for server in [&parent, &sidecar] {
        assert_eq!(server.health("").await, ServingStatus::NotServing);
        assert_eq!(server.ask("fax.view").await.unwrap_err().code(), Code::Unavailable);
    }
    check(&run(folder.path(), &["migrate"]), 0, "The schema is up to date");
    for server in [&parent, &sidecar] {
        server.until("", ServingStatus::Serving).await;
        assert_eq!(server.ask("fax.view").await.unwrap().effect(), pb::Effect::Deny);
    }
    sidecar.stop().await;
    parent.stop().await;
}

/// Limits how large a file of this process may become, as a disk does that is full.
fn disk(server: &Running, most: &str) {
    let pid = format!("--pid={}", server.child.id());
    let limit = format!("--fsize={most}:unlimited");
    assert!(Command::new("prlimit").args([pid, limit]).status().unwrap().success());
}

#[tokio::test]
async fn a_full_disk_turns_the_services_that_store_and_room_turns_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = ["serve", "--metrics-listen=127.0.0.1:0"];
    let server = Running::start(folder.path(), &metrics).await;
    server.until("", ServingStatus::Serving).await;
    server.write(0).await.unwrap();
    // What a client is refused says nothing of the disk.
    let sealed = pb::SetSealed { account: "home".into(), sealed: true };
    for _ in 0..20 {
        let refused = server.apply("nowhere", pb::change::Kind::SetSealed(sealed.clone())).await;
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(server.health(ADMIN).await, ServingStatus::Serving);

    disk(&server, "1");
    let before = server.lines("");
    assert_eq!(server.write(1).await.unwrap_err().code(), Code::Unavailable);
    stands(&server).await;
    for number in 1..50 {
        assert_eq!(server.write(number).await.unwrap_err().code(), Code::Unavailable);
    }
    let status = run(folder.path(), &["status", "--server", &server.listen]);
    check(&status, 0, "none: the database takes none");
    assert_eq!(figure(&server, "lineguard_storing").await, "0");
    assert!(server.lines("") - before <= 4, "{}", server.logged());

    disk(&server, "unlimited");
    let healed = server.until(ADMIN, ServingStatus::Serving).await;
    println!("a full disk healed after {healed:?}");
    assert!(healed < Duration::from_secs(30), "{healed:?}");
    server.until(FAXES, ServingStatus::Serving).await;
    server.write(2).await.unwrap();
    assert_eq!(figure(&server, "lineguard_storing").await, "1");
    assert_eq!(server.lines("the database takes writes again"), 1, "{}", server.logged());
    server.stop().await;
}

/// Questions are answered, and those services say that they store nothing.
async fn stands(server: &Running) {
    for name in [ADMIN, FAXES] {
        server.until(name, ServingStatus::NotServing).await;
    }
    for name in ["", AUTHORIZATION, "lineguard.v1.OperationsService"] {
        assert_eq!(server.health(name).await, ServingStatus::Serving, "{name}");
    }
    let denied = server.ask("fax.view").await.unwrap();
    assert_eq!(denied.reason(), pb::Reason::NotAMemberOfActingAccount);
}

/// The value of a figure without labels.
pub(crate) async fn figure(server: &Running, name: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = server.log.lock().unwrap().iter().find_map(|line| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        let readable = entry["message"] == "metrics can be read";
        readable.then(|| entry["address"].as_str().unwrap().to_owned())
    });
    let mut stream = TcpStream::connect(address.unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// A way to a server that is closed at first.
struct Relay {
    listen: std::net::SocketAddr,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Relay {
    fn new(listen: std::net::SocketAddr) -> Self {
        Self { listen, tasks: Arc::default() }
    }

    /// From now on connections are passed on.
    async fn open(&self, to: std::net::SocketAddr) {
        let listener = TcpListener::bind(self.listen).await.unwrap();
        let tasks = Arc::clone(&self.tasks);
        self.tasks.lock().unwrap().spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                tasks.lock().unwrap().spawn(async move {
                    let Ok(mut to) = TcpStream::connect(to).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
    }

    /// Ends all connections; new ones are refused.
    async fn close(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        tasks.shutdown().await;
    }
}

/// An issuer that is away is another machine's outage, and no token is needed to end it.
#[tokio::test]
async fn keys_of_tokens_that_cannot_be_fetched_are_fetched_when_they_can_be() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("callers.toml"), "format = 1\n").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let keys = format!("--jwt-jwks=http://{free}/keys");
    let arguments = [
        "serve",
        "--callers-file=callers.toml",
        "--jwt-issuer=https://issuer.test",
        "--jwt-audience=lineguard",
        &keys,
    ];
    let server = Running::start(folder.path(), &arguments).await;
    server.until("", ServingStatus::Serving).await;
    let said = || (server.lines("lineguard::doors"), server.lines("lineguard::access"));
    assert_eq!(server.lines("no token is accepted until"), 1, "{}", server.logged());
    assert_eq!(said(), (1, 0), "{}", server.logged());
    // Two failures and more, of which nothing is new.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(said(), (1, 0), "{}", server.logged());

    let text = crate::callers::key_set();
    let listener = TcpListener::bind(free).await.unwrap();
    let begun = Instant::now();
    let (mut stream, _) = tokio::time::timeout(LONG, listener.accept()).await.unwrap().unwrap();
    let mut request = [0; 1_024];
    assert_ne!(stream.read(&mut request).await.unwrap(), 0);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    while server.lines("\"read again\"") == 0 {
        assert!(begun.elapsed() < LONG, "{}", server.logged());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("keys healed after {:?}", begun.elapsed());
    assert_eq!(said(), (1, 1), "{}", server.logged());
    server.stop().await;
}

/// What cannot be read of one's own is a mistake, whatever else is away.
#[test]
fn files_that_are_no_good_end_a_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("callers.toml"), "format = 1\n").unwrap();
    std::fs::write(here.join("broken"), "broken").unwrap();
    let away = ["--listen=127.0.0.1:0", "--database-url=postgres://nobody@127.0.0.1:1/nothing"];
    let jwt = ["--callers-file=callers.toml", "--jwt-issuer=https://i.test", "--jwt-audience=l"];
    for (arguments, said) in [
        (vec!["--callers-file=broken"], "callers_file"),
        (vec!["--callers-file=missing.toml"], "missing.toml"),
        ([&jwt[..], &["--jwt-jwks=broken"]].concat(), "jwt.jwks"),
        ([&jwt[..], &["--jwt-jwks=missing.json"]].concat(), "missing.json"),
        (vec!["--tls-certificate-file=broken", "--tls-key-file=broken"], "tls."),
        (vec!["--models-dir=missing"], "models_dir"),
        (vec!["--redis-url=redis://[x/"], "--redis-url"),
    ] {
        let output = run(here, &[&["serve"], &away[..], &arguments].concat());
        check(&output, 3, said);
    }
}

/// A server answers without the Redis that it was told of, and says so once.
#[tokio::test]
async fn redis_and_a_collector_that_are_away_keep_nothing_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--redis-url=redis://127.0.0.1:1/"];
    let server = Running::start(folder.path(), &arguments).await;
    server.until("", ServingStatus::Serving).await;
    server.write(0).await.unwrap();
    assert_eq!(server.ask("fax.view").await.unwrap().effect(), pb::Effect::Deny);
    tokio::time::sleep(Duration::from_secs(2)).await;
    // One connection for each purpose.
    assert!((1..=3).contains(&server.lines("redis is not there")), "{}", server.logged());
    assert!(server.lines("WARN") <= 3, "{}", server.logged());
    server.stop().await;
}

/// The servers of the whole suite, where it runs on one.
fn chosen() -> Option<Databases> {
    match std::env::var("LINEGUARD_TEST_STORE").unwrap_or_default().as_str() {
        "postgres" => Some(Databases::new(Kind::Postgres)),
        "mariadb" => Some(Databases::new(Kind::MariaDb)),
        _ => None,
    }
}

/// Writes down an address that has a password.
pub(crate) fn kept(folder: &Path, url: &str) -> String {
    let file = folder.join("url");
    std::fs::write(&file, url).unwrap();
    format!("--database-url-file={}", file.display())
}

#[tokio::test]
async fn a_database_server_that_comes_later_is_served_from_when_it_answers() {
    let Some(databases) = chosen() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = databases.fresh().await;
    let (start, rest) = url.split_once('@').unwrap();
    let (place, rest) = rest.split_once('/').unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::new(free);
    let file = kept(folder.path(), &format!("{start}@{free}/{rest}"));
    let server = Running::start(folder.path(), &["serve", &file]).await;
    waits(&server, "onnection refused").await;
    std::fs::write(folder.path().join("direct"), &url).unwrap();
    let direct = ["migrate", "--database-url-file=direct"];
    check(&run(folder.path(), &direct), 0, "The schema is up to date");
    relay.open(place.parse().unwrap()).await;
    let healed = server.until("", ServingStatus::Serving).await;
    println!("a database that was away: healed after {healed:?}");
    serves(&server).await;
    server.stop().await;
    databases.tidy().await;
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_at_once() {
    let Some(databases) = chosen() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = databases.fresh().await;
    let (_, rest) = url.split_once('@').unwrap();
    let (scheme, _) = url.split_once("://").unwrap();
    let file = kept(folder.path(), &format!("{scheme}://lineguard:hush@{rest}"));
    for command in ["serve", "migrate"] {
        let begun = Instant::now();
        let output = run(folder.path(), &[command, &file]);
        check(&output, 4, "does not let this program in");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hush"));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    databases.tidy().await;
}

/// A database of its own on the PostgreSQL server of the suite, which can be told things that a
/// schema cannot.
struct Own {
    server: Databases,
    name: String,
    url: String,
}

impl Own {
    async fn make(server: Databases) -> Self {
        let schema = server.fresh().await;
        let (base, options) = schema.split_once('?').unwrap();
        let name = options.rsplit_once("3D").unwrap().1.to_owned();
        server.on_server(&format!("CREATE DATABASE {name}")).await;
        let url = format!("{}/{name}", base.rsplit_once('/').unwrap().0);
        Self { server, name, url }
    }

    /// Ends all its connections, as a server does that takes them for idle.
    async fn cut(&self) {
        let name = &self.name;
        let text = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        self.server.on_server(&text).await;
    }

    async fn read_only(&self, yes: bool) {
        let (name, yes) = (&self.name, if yes { "on" } else { "off" });
        let text = format!("ALTER DATABASE {name} SET default_transaction_read_only = {yes}");
        self.server.on_server(&text).await;
        self.cut().await;
    }

    async fn drop(self) {
        let Self { server, name, url: _ } = self;
        server.on_server(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        server.tidy().await;
    }
}

#[tokio::test]
async fn a_database_that_can_only_be_read_turns_what_stores_and_is_not_shouted_at() {
    let Some(databases) = chosen().filter(|on| on.kind == Kind::Postgres) else { return };
    let folder = tempfile::tempdir().unwrap();
    let own = Own::make(databases).await;
    let file = kept(folder.path(), &own.url);
    check(&run(folder.path(), &["migrate", &file]), 0, "The schema is up to date");
    let server = Running::start(folder.path(), &["serve", &file]).await;
    server.until("", ServingStatus::Serving).await;
    server.write(0).await.unwrap();

    // What is idle is cut, and nothing is lost by it that anybody would read of.
    let before = server.lines("WARN");
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        own.cut().await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.ask("fax.view").await.unwrap().effect(), pb::Effect::Deny);
    assert_eq!(server.lines("before_acquire") + server.lines("after_release"), 0);
    // A statement that was under way is another thing.
    assert!(server.lines("WARN") - before <= 2, "{}", server.logged());

    own.read_only(true).await;
    let before = server.lines("");
    // A connection that was in use a moment ago is not tried before the next question: that one is
    // told to come back, once for each of the connections.
    let (until, mut answered) = (Instant::now() + LONG, 0);
    while answered < 50 {
        answered = if server.ask("fax.view").await.is_ok() { answered + 1 } else { 0 };
        assert!(Instant::now() < until, "{}", server.logged());
    }
    assert_eq!(server.write(1).await.unwrap_err().code(), Code::Unavailable);
    stands(&server).await;
    let until = Instant::now() + Duration::from_secs(10);
    let mut number = 2;
    while Instant::now() < until {
        number += 1;
        assert_eq!(server.write(number).await.unwrap_err().code(), Code::Unavailable);
        let answer = server.ask("fax.view").await;
        assert!(answer.is_ok(), "{answer:?} {}", server.logged());
    }
    assert!(server.lines("") - before <= 6, "{}", server.logged());

    // A server that starts meanwhile cannot be counted on, and waits.
    let second = Running::start(folder.path(), &["serve", &file]).await;
    waits(&second, "transaction_read_only").await;
    own.read_only(false).await;
    let healed = server.until(ADMIN, ServingStatus::Serving).await;
    println!("a database that could only be read: healed after {healed:?}");
    server.write(1).await.unwrap();
    serves(&second).await;
    second.stop().await;
    server.stop().await;
    own.drop().await;
}
