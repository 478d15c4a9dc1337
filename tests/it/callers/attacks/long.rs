//! The long form, which `tests/attacks` runs: the attacks on a server that is a process of its own
//! and optimised, with what it counts, its memory, and how long honest callers wait.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::super::pki::{self, Ca, dns};
use super::super::{refused, tokens::Issuer, unauthenticated};
use super::honest::{Honest, Waits};
use super::target::{Memory, Target, claims, growth, question};
use super::{messages, wire};
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;

const CHECK: &str = "AuthorizationService/Check";
const CONNECTIONS: &str = "lineguard_connections_turned_away_total";
const CALLERS: &str = "lineguard_callers_refused_total";
const CALLS: &str = "rpc_server_call_duration_seconds_count";

/// Honest callers ask for so long before each attack, and no attack is shorter.
const WINDOW: Duration = Duration::from_secs(5);
/// By how much memory may grow during an attack, in KiB.
const GROWTH: u64 = 128 << 10;
/// Attackers at once.
const ATTACKERS: usize = 4;

/// What came of an attack.
struct Came {
    /// How it was refused.
    refused: String,
    /// The series that count it, and by how much they must have grown together.
    counted: Vec<(&'static str, &'static str)>,
    at_least: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "for several minutes, and alone on its machine: run tests/attacks"]
async fn honest_callers_do_not_notice() {
    let program = PathBuf::from(std::env::var_os("LINEGUARD").expect("LINEGUARD is a program"));
    let target = Arc::new(Target::start(&program));
    println!(
        "| attack | refused | counted | honest calls | p99 before | during | most, new connection \
         before | during | MiB before | highest | after |\n|{}",
        " --- |".repeat(11)
    );
    let mut mistakes = Vec::new();
    mistakes.extend(under(&target, "10,000 idle sockets", idle(&target)).await);
    mistakes.extend(under(&target, "1,000 slow handshakes", slow_handshakes(&target)).await);
    mistakes.extend(under(&target, "rapid resets", resets(&target)).await);
    mistakes.extend(under(&target, "endless headers", continuations(&target)).await);
    mistakes.extend(under(&target, "oversized messages", oversized(&target)).await);
    mistakes.extend(under(&target, "truncated messages", truncated(&target)).await);
    mistakes.extend(under(&target, "streams reset halfway", halfway(&target)).await);
    mistakes.extend(under(&target, "wrong certificates", certificates(&target)).await);
    mistakes.extend(under(&target, "wrong tokens", tokens(&target)).await);
    Arc::into_inner(target).expect("nobody else has it").end();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

/// Runs an attack while honest callers ask, prints a row, and tells what should not be.
async fn under(target: &Target, what: &str, attack: impl Future<Output = Came>) -> Vec<String> {
    let mut channels = Vec::new();
    for _ in 0..4 {
        channels.push(target.channel().await);
    }
    let (endpoint, question) = (target.endpoint(), question());
    let honest = || {
        (
            Honest::connected(&channels, &question, Duration::from_millis(20)),
            Honest::connecting(&endpoint, &question, Duration::from_millis(250)),
        )
    };
    let (asking, connecting) = honest();
    tokio::time::sleep(WINDOW).await;
    let before = (asking.end().await, connecting.end().await);
    let counted_before = target.exposition().await;
    let (memory, (asking, connecting)) = (target.watch(), honest());
    let came = attack.await;
    let during = (asking.end().await, connecting.end().await);
    let memory = memory.end().await;
    let counted_after = target.exposition().await;
    let grown =
        came.counted.iter().map(|one| (one.1, growth(&counted_before, &counted_after, *one)));
    let grown: Vec<_> = grown.collect();
    row(what, &came, &grown, &before, &during, &memory);
    wrong(what, &came, &grown, &[before.0, before.1, during.0, during.1], &memory)
}

fn row(
    what: &str,
    came: &Came,
    grown: &[(&str, u64)],
    before: &(Waits, Waits),
    during: &(Waits, Waits),
    memory: &Memory,
) {
    let grown: Vec<_> = grown.iter().map(|(label, by)| format!("`{label}` {by}")).collect();
    let ms = |wait: Duration| format!("{:.1} ms", wait.as_secs_f64() * 1e3);
    let mib = |kib: u64| kib >> 10;
    println!(
        "| {what} | {} | {} | {} + {} | {} | {} | {} | {} | {} | {} | {} |",
        came.refused,
        grown.join(", "),
        during.0.answered.len(),
        during.1.answered.len(),
        ms(before.0.p99()),
        ms(during.0.p99()),
        ms(before.1.longest()),
        ms(during.1.longest()),
        mib(memory.before),
        mib(memory.highest),
        mib(memory.after),
    );
}

fn wrong(
    what: &str,
    came: &Came,
    grown: &[(&str, u64)],
    honest: &[Waits],
    memory: &Memory,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for waits in honest {
        if let Some(first) = waits.failures.first() {
            let count = waits.failures.len();
            wrong.push(format!("{what}: {count} honest calls failed, the first: {first}"));
        }
        if waits.answered.is_empty() {
            wrong.push(format!("{what}: no honest caller was answered"));
        }
    }
    let counted: u64 = grown.iter().map(|(_, by)| by).sum();
    if counted < came.at_least {
        wrong.push(format!("{what}: {counted} counted of {}", came.at_least));
    }
    if memory.highest.saturating_sub(memory.before) > GROWTH {
        wrong.push(format!("{what}: memory grew to {} KiB", memory.highest));
    }
    wrong
}

/// One of many addresses of this machine.
fn address(number: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(number + 1).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// Attacks with several at once, again and again, until each has done it so often and the window is
/// over. How often it was done in all.
async fn repeat<F>(times: usize, attack: impl Fn(usize) -> F + Clone + Send + 'static) -> u64
where
    F: Future<Output = ()> + Send,
{
    let begun = Instant::now();
    let mut attackers = JoinSet::new();
    for attacker in 0..ATTACKERS {
        let attack = attack.clone();
        attackers.spawn(async move {
            let mut done = 0;
            while done < times.div_ceil(ATTACKERS) || begun.elapsed() < WINDOW {
                attack(done * ATTACKERS + attacker).await;
                done += 1;
            }
            done as u64
        });
    }
    attackers.join_all().await.into_iter().sum()
}

async fn all_close(mut streams: Vec<TcpStream>) -> Duration {
    let begun = Instant::now();
    for stream in &mut streams {
        assert!(wire::closes(stream, wire::PATIENCE).await, "still open");
    }
    begun.elapsed()
}

async fn idle(target: &Target) -> Came {
    let mut idle = Vec::new();
    // One address by itself, then 32 of them together.
    for at in 0..10_000_usize {
        let from = if at < 2_000 { address(0) } else { address(1 + at % 32) };
        idle.push(wire::connect_from(from, target.to).await.unwrap());
    }
    let last = all_close(idle).await;
    Came {
        refused: format!("closed, the last {:.1} s after it came", last.as_secs_f64()),
        counted: vec![
            (CONNECTIONS, "address_limit"),
            (CONNECTIONS, "crowded"),
            (CONNECTIONS, "silent"),
        ],
        at_least: 10_000,
    }
}

async fn slow_handshakes(target: &Target) -> Came {
    let mut slow = Vec::new();
    for at in 0..1_000 {
        let mut stream = wire::connect_from(address(at % 4), target.to).await.unwrap();
        // The beginning of a record of TLS. Who is turned away already does not take it.
        let _ = stream.write_all(&[0x16, 0x03, 0x01]).await;
        slow.push(stream);
    }
    let last = all_close(slow).await;
    Came {
        refused: format!("closed, the last {:.1} s after it came", last.as_secs_f64()),
        counted: vec![(CONNECTIONS, "silent"), (CONNECTIONS, "crowded")],
        at_least: 1_000,
    }
}

/// A connection of somebody whose certificate is good.
async fn insider(target: &Target, number: usize) -> TlsStream<TcpStream> {
    let stream = wire::connect_from(address(number % 64), target.to).await.unwrap();
    let connector = pki::connector(&target.ca, Some(&target.known()));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

/// Floods the server, by connection after connection.
async fn floods<P>(
    target: &Arc<Target>,
    connections: usize,
    pieces: impl Fn() -> P + Clone + Send + Sync + 'static,
) -> Came
where
    P: Iterator<Item = Vec<u8>> + Send,
{
    let (written, told) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (target, sums) = (Arc::clone(target), (Arc::clone(&written), Arc::clone(&told)));
    let count = repeat(connections, move |number| {
        let (target, pieces, sums) = (Arc::clone(&target), pieces(), sums.clone());
        async move {
            let end = wire::flood(insider(&target, number).await, pieces).await;
            assert!(end.closed, "{end:?}");
            assert!(end.goaway.is_none_or(|code| code == wire::ENHANCE_YOUR_CALM), "{end:?}");
            sums.0.fetch_add(end.pieces as u64, Ordering::Relaxed);
            sums.1.fetch_add(u64::from(end.goaway.is_some()), Ordering::Relaxed);
        }
    })
    .await;
    let (written, told) = (written.load(Ordering::Relaxed), told.load(Ordering::Relaxed));
    assert!(told > 0, "of {count} connections");
    Came {
        refused: format!(
            "{count} connections closed after {written} pieces, {told} heard `ENHANCE_YOUR_CALM`"
        ),
        counted: vec![(CONNECTIONS, "flood")],
        at_least: count,
    }
}

/// Each goes on until the server has enough: one that keeps up with its resets is not flooded yet.
async fn resets(target: &Arc<Target>) -> Came {
    floods(target, 100, wire::resets).await
}

async fn continuations(target: &Arc<Target>) -> Came {
    floods(target, 100, || wire::continuations().take(2_000)).await
}

async fn oversized(target: &Target) -> Came {
    let channel = target.channel().await;
    let count = repeat(200, move |number| {
        let channel = channel.clone();
        async move {
            // Questions may be smaller than the rest.
            let (path, limit) = [(CHECK, 1 << 20), ("FaxService/GetFax", 4 << 20)][number % 2];
            for (what, bytes) in messages::oversized(limit) {
                let (code, reason) = messages::send(&channel, path, bytes).await;
                assert_eq!((code, reason.as_str()), messages::TOO_LARGE, "{path}: {what}");
            }
        }
    })
    .await;
    Came {
        refused: format!("`RESOURCE_EXHAUSTED`, {} times", 2 * count),
        counted: vec![(CALLS, "RESOURCE_EXHAUSTED")],
        at_least: 2 * count,
    }
}

async fn truncated(target: &Target) -> Came {
    let channel = target.channel().await;
    let count = repeat(500, move |_| {
        let channel = channel.clone();
        async move {
            for (what, bytes) in messages::truncated() {
                let (code, reason) = messages::send(&channel, CHECK, bytes).await;
                assert_eq!((code, reason.as_str()), messages::MALFORMED, "{what}");
            }
        }
    })
    .await;
    let count = count * messages::truncated().len() as u64;
    Came {
        refused: format!("`INVALID_ARGUMENT`, {count} times"),
        counted: vec![(CALLS, "INVALID_ARGUMENT")],
        at_least: count,
    }
}

async fn halfway(target: &Target) -> Came {
    let channel = target.channel().await;
    let (asking, ended) = (channel.clone(), Arc::<AtomicU64>::default());
    let ending = Arc::clone(&ended);
    let count = repeat(1_000, move |_| {
        let (channel, ending) = (channel.clone(), Arc::clone(&ending));
        async move {
            let too_many = messages::reset(&channel, CHECK, messages::message(100, &[0; 10])).await;
            ending.fetch_add(u64::from(too_many), Ordering::Relaxed);
        }
    })
    .await;
    // Where it is answered on the same connection, it is after them.
    let asked = ask(&asking, None).await;
    let ended = ended.load(Ordering::Relaxed);
    assert!(asked.is_ok() || ended > 0, "{asked:?}");
    // A server that is fast enough to be bothered ends the connection; one of them may be what
    // several resets met.
    Came {
        refused: format!("dropped, {count} times; {ended} met the end of the connection"),
        counted: vec![(CALLS, "INVALID_ARGUMENT"), (CALLS, "CANCELLED"), (CONNECTIONS, "flood")],
        at_least: if ended > 0 { 1 } else { count },
    }
}

/// What a server says to somebody with this certificate.
async fn alert(target: &Target, number: usize, ca: &Ca, leaf: Option<&pki::Leaf>) -> String {
    let stream = wire::connect_from(address(number % 64), target.to).await.unwrap();
    let connected = pki::connector(ca, leaf).connect("localhost".try_into().unwrap(), stream).await;
    let error = match connected {
        Err(error) => error,
        // With TLS 1.3 a client learns it when it reads.
        Ok(mut stream) => stream.read_u8().await.unwrap_err(),
    };
    error.to_string()
}

async fn certificates(target: &Arc<Target>) -> Came {
    let (stranger, name) = (Ca::new(), [dns("caller")]);
    let leaves = Arc::new([
        (None, ["CertificateRequired"; 2]),
        // The strange CA calls itself as ours does, so that only its signature is wrong.
        (Some(stranger.leaf(&name, |_| {})), ["UnknownCA", "DecryptError"]),
        (Some(target.ca.leaf(&name, pki::expired)), ["CertificateExpired"; 2]),
        (Some(target.ca.leaf(&name, pki::not_yet_valid)), ["CertificateExpired"; 2]),
    ]);
    let (target, heard) = (Arc::clone(target), Arc::<AtomicU64>::default());
    let hearing = Arc::clone(&heard);
    let count = repeat(1_000, move |number| {
        let (target, leaves) = (Arc::clone(&target), Arc::clone(&leaves));
        let hearing = Arc::clone(&hearing);
        async move {
            let (leaf, expected) = &leaves[number / ATTACKERS % leaves.len()];
            let said = alert(&target, number, &target.ca, leaf.as_ref()).await;
            // It is lost where it comes before everything of ours was read.
            let alerted = said.contains("alert");
            let as_expected = expected.iter().any(|alert| said.contains(alert));
            assert!(!alerted || as_expected, "{said}, not {expected:?}");
            hearing.fetch_add(u64::from(alerted), Ordering::Relaxed);
        }
    })
    .await;
    Came {
        refused: format!(
            "handshake failed, {count} times; {} heard why",
            heard.load(Ordering::Relaxed)
        ),
        counted: vec![(CONNECTIONS, "certificate")],
        at_least: count,
    }
}

/// Asks the question of honest callers, with this token.
async fn ask(channel: &Channel, token: Option<&str>) -> Result<(), tonic::Status> {
    let mut request = Request::new(question());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    AuthorizationServiceClient::new(channel.clone()).check(request).await.map(drop)
}

async fn tokens(target: &Target) -> Came {
    let key = json!({ "alg": "EdDSA", "kid": "ed" });
    let good = target.issuer.sign(&key, &claims(600));
    let mut elsewhere = claims(600);
    elsewhere["aud"] = json!("another");
    let wrong = Arc::new([
        lineguard::access::token::generate().unwrap().to_string(),
        Issuer::new().sign(&key, &claims(600)),
        target.issuer.sign(&key, &claims(-60)),
        target.issuer.sign(&key, &elsewhere),
        good.rsplit_once('.').unwrap().0.to_owned() + ".",
    ]);
    let channel = target.channel().await;
    ask(&channel, Some(&good)).await.unwrap();
    let count = repeat(3_000, move |number| {
        let (channel, wrong) = (channel.clone(), Arc::clone(&wrong));
        async move {
            let token = &wrong[number / ATTACKERS % wrong.len()];
            let status = ask(&channel, Some(token)).await.unwrap_err();
            assert_eq!(refused(&status), unauthenticated());
        }
    })
    .await;
    Came {
        refused: format!("`{:?}`, {count} times", Code::Unauthenticated),
        counted: vec![(CALLERS, "unauthenticated")],
        at_least: count,
    }
}
