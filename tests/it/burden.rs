//! What large work takes, and what others notice of it meanwhile: questions and writes of another
//! tenant, each as a ratio to the same without it.
//!
//! `cargo test --release --test it -- --ignored --nocapture figures_of_large_work` prints them, on
//! the store of `LINEGUARD_TEST_STORE`. `LINEGUARD_FAXES` and `LINEGUARD_MEMBERS` say how much.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard::wire::pb::change::Kind;
use lineguard::wire::pb::fax_service_client::FaxServiceClient;
use lineguard_core::id::ModelDigest;
use lineguard_testkit::databases::{self, Databases};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::ask::{ask, service, user};
use crate::harness::text_of;
use crate::outages::{Running, figure, kept};
use crate::process::{check, run};

const FAXES: usize = 1_000_000;
const MEMBERS: usize = 100_000;

/// Members of an import into a tenant that exists: as many as one transaction takes.
const MORE: usize = 10_000;

/// Rows that a removal takes away at once.
const AT_ONCE: usize = 500;

/// How often each of the others asks or writes.
const PACE: Duration = Duration::from_millis(5);

/// How long they are watched without anything else.
const QUIET: Duration = Duration::from_secs(20);

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn change(kind: Kind) -> pb::Change {
    pb::Change { kind: Some(kind) }
}

async fn apply(
    channel: &Channel,
    tenant: &str,
    request: &str,
    changes: Vec<pb::Change>,
) -> Result<pb::ApplyResponse, Status> {
    let request = pb::ApplyRequest {
        tenant: tenant.into(),
        actor: Some(service("provisioning")),
        request_id: request.into(),
        changes,
        ..Default::default()
    };
    AdminServiceClient::new(channel.clone()).apply(request).await.map(tonic::Response::into_inner)
}

fn create(model: &str) -> pb::Change {
    change(Kind::CreateTenant(pb::CreateTenant {
        model: model.into(),
        root: "home".into(),
        owner: Some(user("boss")),
        ..Default::default()
    }))
}

fn member(at: usize) -> pb::Change {
    change(Kind::AddMember(pb::AddMember {
        account: "home".into(),
        subject: Some(user(&format!("m{at}"))),
        status: pb::MemberStatus::Active.into(),
        ..Default::default()
    }))
}

/// Times of what the others did.
#[derive(Default)]
struct Times {
    warm: Vec<Duration>,
    cold: Vec<Duration>,
    writes: Vec<Duration>,
}

fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * 99 / 100).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}

/// Asks and writes in another tenant until the work is done.
async fn others<T>(channel: &Channel, work: impl Future<Output = T>) -> (T, Times) {
    async fn every(stop: Arc<AtomicBool>, mut one: impl AsyncFnMut(usize)) -> Vec<Duration> {
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            one(times.len()).await;
            times.push(begun.elapsed());
            tokio::time::sleep(PACE).await;
        }
        times
    }

    static ROUND: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let round = ROUND.fetch_add(1, Ordering::Relaxed);
    let stop = Arc::<AtomicBool>::default();
    let question = |who: String| ask(&who, "home", "member.view").tenant("others").message();
    let warm = every(Arc::clone(&stop), async |_| {
        let mut client = AuthorizationServiceClient::new(channel.clone());
        client.check(question("boss".into())).await.unwrap();
    });
    // Somebody whom nobody has asked about is looked for in the database.
    let cold = every(Arc::clone(&stop), async |at| {
        let mut client = AuthorizationServiceClient::new(channel.clone());
        client.check(question(format!("n{round}-{at}"))).await.unwrap();
    });
    let writes = every(Arc::clone(&stop), async |at| {
        let sealed = pb::SetSealed { account: "home".into(), sealed: at % 2 == 0 };
        let request = format!("s{round}-{at}");
        apply(channel, "others", &request, vec![change(Kind::SetSealed(sealed))]).await.unwrap();
    });
    let work = async {
        let done = work.await;
        stop.store(true, Ordering::Relaxed);
        done
    };
    let (done, warm, cold, writes) = tokio::join!(work, warm, cold, writes);
    (done, Times { warm, cold, writes })
}

/// Where figures are taken.
struct Site {
    server: Running,
    quiet: Times,
}

impl Site {
    async fn new(server: Running) -> Self {
        let digest = ModelDigest::of(text_of("standard")).to_string();
        apply(&server.channel, "others", "new", vec![create(&digest)]).await.unwrap();
        let ((), quiet) = others(&server.channel, tokio::time::sleep(QUIET)).await;
        println!(
            "| work | took | peak memory | p99 of others: warm question | cold question | write |\n\
             |---|---|---|---|---|---|"
        );
        let this = Self { server, quiet };
        this.row("nothing", QUIET, &this.quiet);
        this
    }

    fn status(&self, name: &str) -> usize {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.server.child.id()));
        let text = text.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches(|one: char| !one.is_ascii_digit()).parse().unwrap()
    }

    fn row(&self, work: &str, took: Duration, times: &Times) {
        let cell = |times: &[Duration], before: &[Duration]| {
            let (now, before) = (p99(times).as_secs_f64(), p99(before).as_secs_f64());
            let slowest = times.iter().max().copied().unwrap_or_default().as_secs_f64();
            let (now, ratio, slowest) = (now * 1e3, now / before, slowest * 1e3);
            format!("{now:.1} ms, × {ratio:.2} of {}, slowest {slowest:.0} ms", times.len())
        };
        println!(
            "| {work} | {:.2} s | {} MiB | {} | {} | {} |",
            took.as_secs_f64(),
            self.status("VmHWM:") / 1024,
            cell(&times.warm, &self.quiet.warm),
            cell(&times.cold, &self.quiet.cold),
            cell(&times.writes, &self.quiet.writes),
        );
    }

    /// Does the work while others go on, and prints what it was like.
    async fn measure<T>(&self, name: &str, work: impl Future<Output = T>) -> T {
        // The peak is counted from here.
        std::fs::write(format!("/proc/{}/clear_refs", self.server.child.id()), "5").unwrap();
        let begun = Instant::now();
        let timed = async {
            let done = work.await;
            (done, begun.elapsed())
        };
        let ((done, took), times) = others(&self.server.channel, timed).await;
        self.row(name, took, &times);
        done
    }
}

/// The stream of an import: a new tenant if there is a model for it, and members of its root.
pub fn parts(tenant: &str, members: Range<usize>, model: Option<&str>) -> Vec<pb::ImportRequest> {
    let all: Vec<usize> = members.collect();
    let first = model.map(|model| vec![create(model)]);
    let rest = all.chunks(5_000).map(|chunk| chunk.iter().map(|at| member(*at)).collect());
    let message = |changes| pb::ImportRequest {
        tenant: tenant.into(),
        actor: Some(service("provisioning")),
        request_id: format!("import-{}", all.len()),
        changes,
        ..Default::default()
    };
    first.into_iter().chain(rest).map(message).collect()
}

async fn import(channel: &Channel, messages: Vec<pb::ImportRequest>) {
    let mut admin = AdminServiceClient::new(channel.clone());
    let answer = admin.import(tokio_stream::iter(messages)).await.unwrap().into_inner();
    assert!(
        matches!(answer.results[0].result, Some(pb::import_result::Result::Imported(_))),
        "{answer:?}"
    );
}

/// Exports of which nobody reads anything, for a while, each over a connection of its own: what is
/// not read on one is in the way of everything else there.
async fn unread_exports(listen: &str, tenant: &str) -> (usize, usize) {
    let (mut streams, mut refused) = (Vec::new(), 0);
    for _ in 0..100 {
        let channel = Channel::from_shared(format!("http://{listen}")).unwrap().connect_lazy();
        let request = pb::ExportRequest { tenant: tenant.into(), include_faxes: false };
        match AdminServiceClient::new(channel).export(request).await {
            Ok(stream) => streams.push(stream),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                refused += 1;
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(15)).await;
    (streams.len(), refused)
}

/// Roles of the largest model.
const ROLES: usize = 1_000;

/// A model of a thousand roles, most with thirty permissions of the role `member` of the standard
/// model: about as much as fits into a text.
fn thousand_roles() -> String {
    use std::fmt::Write as _;
    let standard = text_of("standard");
    let (_, member) = standard.split_once("key = \"member\"").unwrap();
    let (_, list) = member.split_once("permissions = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let list: Vec<&str> = list.split(',').map(str::trim).take(30).collect();
    let mut text = standard.replacen("name = \"standard\"", "name = \"thousand\"", 1);
    for at in standard.matches("[[role]]").count()..ROLES {
        write!(
            text,
            "\n[[role]]\nkey = \"r{at}\"\ntitle = \"Role {at}\"\nvisibility = \"given_numbers\"\n\
             permissions = [{}]\n",
            list.join(", "),
        )
        .unwrap();
    }
    text
}

async fn large_model(channel: &Channel) {
    let mut admin = AdminServiceClient::new(channel.clone());
    let text = thousand_roles();
    let request = pb::PutModelRequest { text: text.clone(), actor: Some(service("provisioning")) };
    let kept = admin.put_model(request).await.unwrap().into_inner().result;
    assert!(matches!(kept, Some(pb::put_model_response::Result::Model(_))), "{kept:?}");
    let digest = ModelDigest::of(&text).to_string();
    apply(channel, "roles", "new", vec![create(&digest)]).await.unwrap();
    let of_many = |at: usize| {
        // Of the last 900, all of which are its own.
        let roles = (0..50).map(|role| format!("r{}", ROLES - 1 - (at * 17 + role * 21) % 900));
        change(Kind::AddMember(pb::AddMember {
            account: "home".into(),
            subject: Some(user(&format!("m{at}"))),
            status: pb::MemberStatus::Active.into(),
            roles: Some(pb::Keys { keys: roles.collect() }),
        }))
    };
    apply(channel, "roles", "members", (0..500).map(of_many).collect()).await.unwrap();
    let mut tasks = JoinSet::new();
    for lane in 0..4 {
        let channel = channel.clone();
        tasks.spawn(async move {
            for at in (lane..500).step_by(4) {
                let question = ask(&format!("m{at}"), "home", "member.view").tenant("roles");
                let question = question.facts(|facts| facts.absent.push("creator".into()));
                let mut client = AuthorizationServiceClient::new(channel.clone());
                client.check(question.message()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// A faxbox with many faxes.
async fn fill(channel: &Channel, faxes: usize, digest: &str) {
    let faxbox =
        pb::AddFaxbox { account: "home".into(), faxbox: "box".into(), ..Default::default() };
    let number = pb::AddNumber {
        account: "home".into(),
        number: "+15550100000".into(),
        ..Default::default()
    };
    let changes =
        vec![create(digest), change(Kind::AddFaxbox(faxbox)), change(Kind::AddNumber(number))];
    apply(channel, "faxes", "new", changes).await.unwrap();
    let mut client = FaxServiceClient::new(channel.clone());
    let all: Vec<usize> = (0..faxes).collect();
    for chunk in all.chunks(1_000) {
        let fax = |at: &usize| pb::NewFax {
            fax: format!("f{at}"),
            account: "home".into(),
            direction: pb::Direction::Inbound.into(),
            state: pb::FaxState::Active.into(),
            number: Some("+15550100000".into()),
            faxbox: Some("box".into()),
            at: Some(prost_types::Timestamp { seconds: 1_700_000_000 + *at as i64, nanos: 0 }),
            ..Default::default()
        };
        let request = pb::BatchRegisterFaxesRequest {
            tenant: "faxes".into(),
            actor: Some(service("store")),
            request_id: String::new(),
            faxes: chunk.iter().map(fax).collect(),
        };
        let answer = client.batch_register_faxes(request).await.unwrap().into_inner();
        let first = answer.results[0].result.clone();
        let registered = matches!(first, Some(pb::register_fax_result::Result::Registered(_)));
        assert!(registered, "{first:?}");
    }
}

/// Removes a faxbox with its faxes, and waits until nothing of them is left; how long the answer took.
async fn remove_faxbox(server: &Running, count: usize) -> Duration {
    let faxes = pb::FaxesLeft::Delete.into();
    let remove = pb::RemoveFaxbox { faxbox: "box".into(), faxes };
    let begun = Instant::now();
    apply(&server.channel, "faxes", "remove", vec![change(Kind::RemoveFaxbox(remove))])
        .await
        .unwrap();
    let acknowledged = begun.elapsed();
    // The change itself takes the first rows.
    let taken = async || figure(server, "lineguard_removals_rows_total").await.parse::<usize>();
    while taken().await.unwrap() + AT_ONCE < count
        || figure(server, "lineguard_removals").await != "0"
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    acknowledged
}

/// Makes a role of an account that many members are in, and removes it.
async fn remove_role(channel: &Channel) {
    let role = pb::AddRole {
        account: "home".into(),
        role: "clerk".into(),
        title: "Clerk".into(),
        ..Default::default()
    };
    apply(channel, "large", "role", vec![change(Kind::AddRole(role))]).await.unwrap();
    let remove = pb::RemoveRole { account: "home".into(), role: "clerk".into() };
    apply(channel, "large", "no-role", vec![change(Kind::RemoveRole(remove))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and means something in a release build only"]
async fn figures_of_large_work() {
    let (faxes, members) = (number("LINEGUARD_FAXES", FAXES), number("LINEGUARD_MEMBERS", MEMBERS));
    let folder = tempfile::tempdir().unwrap();
    let store = std::env::var("LINEGUARD_TEST_STORE").unwrap_or_else(|_| "sqlite".into());
    let databases = match store.as_str() {
        "postgres" => Some(Databases::new(databases::Kind::Postgres)),
        "mariadb" => Some(Databases::new(databases::Kind::MariaDb)),
        _ => None,
    };
    let mut arguments = vec!["serve".to_owned(), "--metrics-listen=127.0.0.1:0".to_owned()];
    if let Some(databases) = &databases {
        let file = kept(folder.path(), &databases.fresh().await);
        check(&run(folder.path(), &["migrate", &file]), 0, "The schema is up to date");
        arguments.push(file);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Running::start(folder.path(), &arguments).await;
    server.until("", tonic_health::pb::health_check_response::ServingStatus::Serving).await;
    println!("{store}, {members} members, {faxes} faxes");
    let site = Site::new(server).await;
    let channel = site.server.channel.clone();
    let digest = ModelDigest::of(text_of("standard")).to_string();

    let name = format!("import of {members} members");
    site.measure(&name, import(&channel, parts("large", 0..members, Some(&digest)))).await;
    let name = format!("import of {MORE} more, into the same tenant");
    let more = parts("large", members..members + MORE, None);
    site.measure(&name, import(&channel, more)).await;
    let number = pb::AddNumber {
        account: "home".into(),
        number: "+15550100001".into(),
        ..Default::default()
    };
    apply(&channel, "large", "number", vec![change(Kind::AddNumber(number))]).await.unwrap();
    let remove = pb::RemoveNumber { number: "+15550100001".into() };
    let removed = apply(&channel, "large", "remove", vec![change(Kind::RemoveNumber(remove))]);
    let name = format!("a number removed among {members} members");
    site.measure(&name, removed).await.unwrap();
    let name = format!("a role removed among {members} members");
    site.measure(&name, remove_role(&channel)).await;
    let (open, refused) =
        site.measure("100 unread exports", unread_exports(&site.server.listen, "large")).await;
    println!("of the exports {open} went on and {refused} were refused");
    site.measure(&format!("{faxes} faxes registered"), fill(&channel, faxes, &digest)).await;
    let name = format!("a faxbox of {faxes} faxes removed, to the last row");
    let acknowledged = site.measure(&name, remove_faxbox(&site.server, faxes)).await;
    println!("the removal was acknowledged after {acknowledged:?}");
    site.measure("a model of 1,000 roles, 500 members of 50 each", large_model(&channel)).await;
    site.server.stop().await;
    if let Some(databases) = databases {
        databases.tidy().await;
    }
}
