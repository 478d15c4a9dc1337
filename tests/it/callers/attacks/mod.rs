//! Hostile connections, while honest callers ask. Each kind of attack is refused in its way, and
//! honest callers go on being answered.

mod honest;
mod long;
mod messages;
mod target;
mod wire;

use std::time::Duration;

use lineguard::server::Doors;
use lineguard::wire::pb;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::world;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::pki::{self, Ca, Files};
use super::{Guarded, access, ask, caller, doors, question};
use crate::harness::Harness;
use crate::writing::{import, part};
use honest::Honest;
use wire::{ENHANCE_YOUR_CALM, PREFACE, closes};

/// A connection from an address of its own, as that of another machine.
async fn from_elsewhere(server: &Guarded) -> std::io::Result<TcpStream> {
    let port: u16 = server.address.rsplit(':').next().unwrap().parse().unwrap();
    wire::connect_from([127, 0, 0, 2].into(), ([127, 0, 0, 1], port).into()).await
}

async fn plain(server: &Guarded) -> Channel {
    let uri = format!("http://{}", server.address);
    Channel::from_shared(uri).unwrap().connect().await.unwrap()
}

/// Resident memory of a process, in KiB.
fn memory(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs an attack while honest callers ask, and prints what it did to them and to memory.
async fn under<T>(server: &Guarded, what: &str, attack: impl Future<Output = T>) -> T {
    let channels = [plain(server).await];
    let honest = || Honest::connected(&channels, &question(), Duration::from_millis(5));
    let calm = honest();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = calm.end().await;
    let (asking, memory_before) = (honest(), memory("self"));
    let came = attack.await;
    let grown = memory("self").saturating_sub(memory_before);
    let during = asking.end().await;
    let answered = during.answered.len();
    assert!(answered > 0, "{what}: no honest caller was answered");
    assert_eq!(during.failures, [""; 0], "{what}");
    println!(
        "{what}: {answered} honest calls, p99 {:?} before and {:?} during; memory grew by {grown} \
         KiB",
        before.p99(),
        during.p99()
    );
    assert!(grown < 128 << 10, "{what}: memory grew by {grown} KiB");
    came
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_closed_and_do_not_take_all_places() {
    let harness = Harness::start().await;
    let server =
        Guarded::start_with(&harness, doors(&[caller("all", "anonymous = true")]), |limits| {
            limits.connections_per_address = 50;
            limits.handshake_time = Duration::from_millis(500);
        })
        .await;
    under(&server, "500 idle connections", async {
        let mut idle = Vec::new();
        for _ in 0..500 {
            idle.push(from_elsewhere(&server).await.unwrap());
        }
        let begun = Instant::now();
        for stream in &mut idle {
            assert!(closes(stream, Duration::from_secs(10)).await);
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    })
    .await;
    assert_eq!(server.turned_away("address_limit") + server.turned_away("silent"), 500);
    assert!(server.turned_away("silent") >= 50, "places were taken by those who came first");
    // Their places are free again.
    let mut late = from_elsewhere(&server).await.unwrap();
    late.write_all(PREFACE).await.unwrap();
    let mut settings = [0; 9];
    late.read_exact(&mut settings).await.unwrap();
    assert_eq!(settings[3], 4, "settings of the server");
    drop(late);
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_is_never_finished_ends_in_time() {
    let harness = Harness::start().await;
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let callers = [caller("store", "dns = [\"store\"]")];
    let doors = Doors { access: access(&callers), tls: Some(files.load()) };
    let server = Guarded::start_with(&harness, doors, |limits| {
        limits.handshake_time = Duration::from_millis(300);
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = from_elsewhere(&server).await.unwrap();
        // The beginning of a record of TLS.
        stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
        slow.push(stream);
    }
    let store = ca.leaf(&[pki::dns("store")], |_| {});
    let channel = pki::connect(&server.address, &ca, Some(&store)).await.unwrap();
    ask(channel).await.expect("the others are not kept waiting");
    for stream in &mut slow {
        assert!(closes(stream, Duration::from_secs(10)).await);
    }
    assert_eq!(server.turned_away("silent"), 100);
    server.stop().await;
    harness.stop().await;
}

async fn ends_the_connection(what: &str, flood: impl Iterator<Item = Vec<u8>>) {
    let harness = Harness::start().await;
    let server = Guarded::start(&harness, doors(&[caller("all", "anonymous = true")])).await;
    let end = under(&server, what, async {
        wire::flood(from_elsewhere(&server).await.unwrap(), flood).await
    })
    .await;
    assert!(end.closed, "{end:?}");
    // What it says is lost where it closes the connection with bytes unread.
    assert!(end.goaway.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{end:?}");
    assert_eq!(server.turned_away("flood"), 1);
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_the_connection() {
    ends_the_connection("rapid resets", wire::resets().take(200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_end_end_the_connection() {
    ends_the_connection("a flood of continuations", wire::continuations().take(2_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_silent_makes_room_where_all_places_are_taken() {
    let harness = Harness::start().await;
    let server =
        Guarded::start_with(&harness, doors(&[caller("all", "anonymous = true")]), |limits| {
            limits.connections = 20;
            // Longer than this test.
            limits.handshake_time = Duration::from_secs(600);
        })
        .await;
    let honest = plain(&server).await;
    ask(honest.clone()).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(from_elsewhere(&server).await.unwrap());
    }
    tokio::time::timeout(Duration::from_secs(30), async { ask(plain(&server).await).await })
        .await
        .expect("a newcomer is not kept waiting by those who say nothing")
        .unwrap();
    ask(honest).await.expect("who was there before them stays");
    // The newest are still there: those two who speak and the last of the others have all places.
    for stream in &mut idle[..82] {
        assert!(closes(stream, Duration::from_secs(10)).await);
    }
    assert_eq!(server.turned_away("crowded"), 82);
    drop(idle);
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_none_are_refused_as_such() {
    const CHECK: &str = "AuthorizationService/Check";
    let harness = Harness::start().await;
    let server = Guarded::start(&harness, doors(&[caller("all", "anonymous = true")])).await;
    let channel = plain(&server).await;
    under(&server, "messages that are none", async {
        for _ in 0..20 {
            let sizes = [(CHECK, 1 << 20), ("FaxService/GetFax", 4 << 20)];
            for (path, (what, bytes)) in sizes
                .into_iter()
                .flat_map(|(path, limit)| messages::oversized(limit).map(|m| (path, m)))
            {
                let (code, reason) = messages::send(&channel, path, bytes).await;
                assert_eq!((code, reason.as_str()), messages::TOO_LARGE, "{path}: {what}");
            }
            for (what, bytes) in messages::truncated() {
                let (code, reason) = messages::send(&channel, CHECK, bytes).await;
                assert_eq!((code, reason.as_str()), messages::MALFORMED, "{what}");
            }
            assert!(!messages::reset(&channel, CHECK, messages::message(100, &[0; 10])).await);
        }
    })
    .await;
    ask(channel).await.expect("the same connection is as good as before");
    let calls = |code| server.counted("rpc_server_call_duration_seconds_count", code);
    assert_eq!(calls("RESOURCE_EXHAUSTED"), 80);
    // Those that are reset halfway, too, unless the reset is there before anybody reads them.
    assert_eq!(calls("INVALID_ARGUMENT") + calls("CANCELLED"), 140);
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_cut_between_its_parts_applies_nothing() {
    let harness = Harness::start().await;
    harness.app.store.put_model(PLAIN).await.unwrap();
    let whole = part("t1", &world("t1").account("home").batch().changes, &[]);
    let bytes = whole.encode_to_vec();
    for _ in 0..20 {
        let beginning = messages::message(bytes.len(), &bytes);
        assert!(!messages::reset(&harness.channel, "AdminService/Import", beginning).await);
    }
    let later = pb::ImportRequest { request_id: "later".into(), ..whole };
    let imported = import(&harness, vec![later]).await.remove(0).unwrap();
    assert!(imported.changed > 0, "a cut import has been applied: {imported:?}");
    harness.stop().await;
}
