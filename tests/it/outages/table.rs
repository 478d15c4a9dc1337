//! What callers meet during each outage, how soon it has healed, and how much the log says: a table.
//!
//! `cargo test --test it -- --ignored --nocapture a_table_of` prints it, with the servers of
//! `tests/servers`; the database is away for `LINEGUARD_AWAY` seconds of it, ten minutes if that is
//! not set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::callers::pki::{self, Ca, Files};

/// How often callers ask.
const PACE: Duration = Duration::from_millis(50);

/// Longer than any question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What callers met in one outage.
#[derive(Default)]
struct Met {
    /// Answers and codes of a question about an owner, and how often each was given.
    asked: BTreeMap<String, usize>,
    /// Outcomes of writes.
    written: BTreeMap<String, usize>,
    /// Health of all, and of what writes.
    health: BTreeMap<String, usize>,
    emergencies: usize,
    slowest: Duration,
}

/// One row.
struct Outage {
    name: &'static str,
    lasted: Duration,
    met: Met,
    healed: Duration,
    lines: Vec<String>,
}

fn add(to: &mut BTreeMap<String, usize>, what: String) {
    *to.entry(what).or_default() += 1;
}

/// Who asks in a row.
struct Caller<'a> {
    server: &'a Running,
    /// The requests of writes are numbered.
    writes: usize,
}

impl<'a> Caller<'a> {
    /// Makes what is asked about.
    async fn new(server: &'a Running) -> Self {
        server.until(ADMIN, ServingStatus::Serving).await;
        server.write(0).await.unwrap();
        let mut this = Self { server, writes: 0 };
        this.once(&mut Met::default()).await;
        this
    }

    async fn owner_may(&self) -> Result<pb::Decision, Status> {
        let question = ask("boss", "home", "member.view").tenant("w0").message();
        let mut client = AuthorizationServiceClient::new(self.server.channel.clone());
        Ok(client.check(question).await?.into_inner().decision.unwrap())
    }

    /// Asks everything once.
    async fn once(&mut self, met: &mut Met) {
        let begun = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, self.owner_may()).await.unwrap();
        met.slowest = met.slowest.max(begun.elapsed());
        add(
            &mut met.asked,
            match answer {
                // Nobody takes it from the owner, so nothing else is right.
                Ok(decision) => {
                    assert_eq!(decision.effect(), pb::Effect::Allow, "{decision:?}");
                    "allowed".to_owned()
                }
                Err(status) => format!("{:?}", status.code()),
            },
        );
        let help = self.server.ask("call.emergency").await.unwrap();
        assert_eq!(help.effect(), pb::Effect::Allow);
        met.emergencies += 1;
        let sealed =
            pb::SetSealed { account: "home".into(), sealed: self.writes.is_multiple_of(2) };
        let change = pb::Change { kind: Some(pb::change::Kind::SetSealed(sealed)) };
        self.writes += 1;
        let request = pb::ApplyRequest {
            tenant: "w0".into(),
            actor: Some(service("provisioning")),
            request_id: format!("s{}", self.writes),
            changes: vec![change],
            ..Default::default()
        };
        let mut admin = AdminServiceClient::new(self.server.channel.clone());
        let written = tokio::time::timeout(3 * PATIENCE, admin.apply(request)).await;
        add(
            &mut met.written,
            match written.unwrap() {
                Ok(_) => "stored".to_owned(),
                Err(status) => format!("{:?}", status.code()),
            },
        );
        for name in ["", ADMIN] {
            let status = self.server.health(name).await;
            let name = if name.is_empty() { "all" } else { "writes" };
            add(&mut met.health, format!("{name} {}", status.as_str_name()));
        }
    }

    /// Asks for as long as an outage lasts.
    async fn during(&mut self, length: Duration) -> Met {
        let (mut met, until) = (Met::default(), Instant::now() + length);
        while Instant::now() < until {
            self.once(&mut met).await;
            tokio::time::sleep(PACE).await;
        }
        met
    }

    /// Asks until all is well again.
    async fn healed(&mut self) -> Duration {
        let begun = Instant::now();
        loop {
            let mut met = Met::default();
            self.once(&mut met).await;
            let all = ["all SERVING", "writes SERVING"].map(|name| met.health.contains_key(name));
            if all == [true; 2]
                && met.asked.contains_key("allowed")
                && met.written.contains_key("stored")
            {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < LONG, "{}", self.server.logged());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn told(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ")
}

impl Outage {
    fn print(&self) {
        let Self { name, lasted, met, healed, lines: said } = self;
        let lines = said.len();
        println!(
            "| {name} | {:.1} s | {} | {:.2} s | {} | {} of {} | {} | {:.2} s | {lines} |",
            lasted.as_secs_f64(),
            told(&met.asked),
            met.slowest.as_secs_f64(),
            told(&met.written),
            met.emergencies,
            met.emergencies,
            told(&met.health),
            healed.as_secs_f64(),
        );
        // A line for a change of state and one each minute for what goes on.
        let most = 12 + 6 * usize::try_from(lasted.as_secs() / 60).unwrap();
        assert!(lines <= most, "{name}: {lines} lines: {said:#?}");
    }
}

/// Where a server of the suite listens, and the same address by another way.
fn by_way_of(url: &str, way: std::net::SocketAddr) -> (std::net::SocketAddr, String) {
    let (start, rest) = url.split_once("//").unwrap();
    let (who, rest) = rest.split_once('@').map_or(("", rest), |(who, rest)| (who, rest));
    let (place, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let at = if who.is_empty() { String::new() } else { format!("{who}@") };
    (place.parse().unwrap(), format!("{start}//{at}{way}/{rest}"))
}

fn free() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server on a database of its own, over ways that can be closed.
struct Laid {
    server: Running,
    own: Own,
    database: (Relay, std::net::SocketAddr),
    redis: (Relay, std::net::SocketAddr),
    _folder: tempfile::TempDir,
}

impl Laid {
    /// The server starts before the ways to its database and to Redis are open.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::make(Databases::new(Kind::Postgres)).await;
        std::fs::write(folder.path().join("direct"), &own.url).unwrap();
        let migrate = ["migrate", "--database-url-file=direct"];
        check(&run(folder.path(), &migrate), 0, "The schema is up to date");
        let (database, redis) = (Relay::new(free()), Relay::new(free()));
        let (to_database, url) = by_way_of(&own.url, database.listen);
        let shared = std::env::var("LINEGUARD_TEST_REDIS").unwrap();
        let (to_redis, redis_url) = by_way_of(&shared, redis.listen);
        std::fs::write(folder.path().join("redis"), redis_url).unwrap();
        std::fs::write(folder.path().join("secret"), [b'k'; 32]).unwrap();
        let file = kept(folder.path(), &url);
        let arguments = ["serve", &file, "--redis-url-file=redis"];
        let server = Running::start(folder.path(), &arguments).await;
        let (database, redis) = ((database, to_database), (redis, to_redis));
        Self { server, own, database, redis, _folder: folder }
    }

    /// It starts before its database.
    async fn before_the_database(&self) -> Outage {
        let (before, begun) = (self.server.lines(""), Instant::now());
        let mut met = Met::default();
        self.redis.0.open(self.redis.1).await;
        while begun.elapsed() < Duration::from_secs(20) {
            add(
                &mut met.asked,
                match self.server.ask("fax.view").await {
                    Ok(decision) => panic!("{decision:?}"),
                    Err(status) => format!("{:?}", status.code()),
                },
            );
            let written = self.server.write(0).await.unwrap_err();
            add(&mut met.written, format!("{:?}", written.code()));
            let help = self.server.ask("call.emergency").await.unwrap();
            assert_eq!(help.effect(), pb::Effect::Allow);
            met.emergencies += 1;
            let status = self.server.health("").await;
            add(&mut met.health, format!("all {}", status.as_str_name()));
            tokio::time::sleep(PACE).await;
        }
        let lasted = begun.elapsed();
        self.database.0.open(self.database.1).await;
        let healed = self.server.until("", ServingStatus::Serving).await;
        let lines = self.server.said_since(before);
        Outage { name: "starts before its database", lasted, met, healed, lines }
    }

    async fn away(&self, caller: &mut Caller<'_>, length: Duration) -> Outage {
        let before = self.server.lines("");
        self.database.0.close().await;
        let met = caller.during(length).await;
        self.database.0.open(self.database.1).await;
        let healed = caller.healed().await;
        let lines = self.server.said_since(before);
        Outage { name: "database away", lasted: length, met, healed, lines }
    }

    async fn read_only(&self, caller: &mut Caller<'_>) -> Outage {
        let (before, lasted) = (self.server.lines(""), Duration::from_secs(60));
        self.own.read_only(true).await;
        let met = caller.during(lasted).await;
        self.own.read_only(false).await;
        let healed = caller.healed().await;
        let lines = self.server.said_since(before);
        Outage { name: "database can only be read", lasted, met, healed, lines }
    }

    async fn redis_flaps(&self, caller: &mut Caller<'_>) -> Outage {
        let (before, lasted) = (self.server.lines(""), Duration::from_secs(60));
        let until = Instant::now() + lasted;
        let flaps = async {
            while Instant::now() < until {
                self.redis.0.close().await;
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.redis.0.open(self.redis.1).await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        let ((), met) = tokio::join!(flaps, caller.during(lasted));
        let healed = caller.healed().await;
        let lines = self.server.said_since(before);
        Outage { name: "Redis comes and goes, every 0.3 s", lasted, met, healed, lines }
    }
}

async fn disk_is_full() -> Outage {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), &["serve"]).await;
    let mut caller = Caller::new(&server).await;
    let (before, lasted) = (server.lines(""), Duration::from_secs(60));
    disk(&server, "1");
    let met = caller.during(lasted).await;
    disk(&server, "unlimited");
    let healed = caller.healed().await;
    let lines = server.said_since(before);
    Outage { name: "disk full (SQLite)", lasted, met, healed, lines }
}

/// A server that takes tokens of an issuer whose keys cannot be fetched, and certificates.
async fn keys_are_away() -> Outage {
    let folder = tempfile::tempdir().unwrap();
    let callers = "format = 1\n[[caller]]\nname = \"all\"\nspiffe = [\"spiffe://t.test/all\"]\n\
                   methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]\non_behalf_of_others = true\n\
                   provisions = true\n";
    std::fs::write(folder.path().join("callers.toml"), callers).unwrap();
    let (ca, address) = (Ca::new(), free());
    let files = Files::new(&ca.server(), &[&ca]);
    let file = |path: &PathBuf| path.display().to_string();
    let arguments = [
        "serve".to_owned(),
        "--callers-file=callers.toml".to_owned(),
        "--jwt-issuer=https://issuer.test".to_owned(),
        "--jwt-audience=lineguard".to_owned(),
        format!("--jwt-jwks=http://{address}/keys"),
        format!("--tls-certificate-file={}", file(&files.files.certificate)),
        format!("--tls-key-file={}", file(&files.files.key)),
        format!("--tls-client-ca-file={}", file(files.files.client_ca.as_ref().unwrap())),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut server = Running::start(folder.path(), &arguments).await;
    let leaf = ca.leaf(&[pki::uri("spiffe://t.test/all")], |_| {});
    // The name in the certificate.
    let address = server.listen.replace("127.0.0.1", "localhost");
    server.channel = pki::endpoint(&address, &ca, Some(&leaf)).connect_lazy();
    let mut caller = Caller::new(&server).await;
    let (before, lasted) = (server.lines(""), Duration::from_secs(60));
    let begun = Instant::now();
    let met = caller.during(lasted / 2).await;
    files.write("tls.crt", "broken");
    let broken = caller.during(lasted / 2).await;
    assert!(server.lines("tls.certificate_file") > 0, "{}", server.logged());
    assert_eq!(broken.asked.keys().collect::<Vec<_>>(), ["allowed"]);
    files.put(&ca.server(), &[&ca]);
    let healing = Instant::now();
    while server.lines("\"read again\"") == 0 {
        assert!(healing.elapsed() < LONG, "{}", server.logged());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (healed, lasted) = (healing.elapsed(), begun.elapsed());
    let mut met = met;
    for (to, from) in [(&mut met.asked, broken.asked), (&mut met.written, broken.written)] {
        from.into_iter().for_each(|(what, times)| *to.entry(what).or_default() += times);
    }
    met.emergencies += broken.emergencies;
    let lines = server.said_since(before);
    Outage {
        name: "key set away, then the certificate's file is broken",
        lasted,
        met,
        healed,
        lines,
    }
}

fn heading() {
    println!(
        "| outage | lasted | asked | slowest | written | emergency calls allowed | health | \
         healed after | log lines |\n|---|---|---|---|---|---|---|---|---|"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour"]
async fn a_table_of_outages() {
    let seconds = std::env::var("LINEGUARD_AWAY").ok().and_then(|text| text.parse().ok());
    let away = Duration::from_secs(seconds.unwrap_or(600));
    heading();
    let laid = Laid::start().await;
    laid.before_the_database().await.print();
    let mut caller = Caller::new(&laid.server).await;
    laid.redis_flaps(&mut caller).await.print();
    laid.read_only(&mut caller).await.print();
    laid.away(&mut caller, away).await.print();
    laid.server.stop().await;
    laid.own.drop().await;
    disk_is_full().await.print();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute"]
async fn a_table_of_keys_that_are_away() {
    heading();
    keys_are_away().await.print();
}
