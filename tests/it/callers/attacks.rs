//! Hostile connections, while honest callers ask. Each kind of attack is refused in its way, and
//! honest callers go on being answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lineguard::server::Doors;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::pki::{Ca, Files};
use super::{Guarded, access, ask, caller, doors};
use crate::harness::Harness;

/// What every HTTP/2 connection begins with, and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Headers of a `POST`, as HPACK has them without a table: method, scheme and path from the static
/// one, then a header by its text.
fn request_headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (index, value) in [(0x04, "/lineguard.v1.AuthorizationService/Check"), (0x01, "localhost")]
    {
        block.push(index);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend_from_slice(value.as_bytes());
    }
    block
}

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// A connection from an address of its own, as that of another machine.
async fn from_elsewhere(server: &Guarded) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let port = server.address.rsplit(':').next().unwrap();
    socket.connect(format!("127.0.0.1:{port}").parse().unwrap()).await
}

/// Whether the other end closes the connection within a time, whatever it says before.
async fn closes(stream: &mut TcpStream, within: Duration) -> bool {
    let mut said = Vec::new();
    let closed = tokio::time::timeout(within, stream.read_to_end(&mut said)).await;
    closed.is_ok()
}

/// Honest callers: how long they wait for their answers.
struct Honest {
    end: Arc<AtomicBool>,
    task: JoinHandle<Vec<Duration>>,
}

impl Honest {
    async fn start(server: &Guarded) -> Self {
        let uri = format!("http://{}", server.address);
        let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
        let end = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let mut waits = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let asked = Instant::now();
                ask(channel.clone()).await.unwrap();
                waits.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            waits
        });
        Self { end, task }
    }

    /// How many were answered, and how long the slowest hundredth waited.
    async fn end(self) -> (usize, Duration) {
        self.end.store(true, Ordering::Relaxed);
        let mut waits = self.task.await.unwrap();
        waits.sort_unstable();
        let at = waits.len() * 99 / 100;
        (waits.len(), waits[at.min(waits.len() - 1)])
    }
}

/// Resident memory of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs an attack while honest callers ask, and prints what it did to them and to memory.
async fn under<T>(server: &Guarded, what: &str, attack: impl Future<Output = T>) -> T {
    let calm = Honest::start(server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (_, before) = calm.end().await;
    let (honest, memory_before) = (Honest::start(server).await, memory());
    let came = attack.await;
    let grown = memory().saturating_sub(memory_before);
    let (answered, during) = honest.end().await;
    assert!(answered > 0, "{what}: no honest caller was answered");
    println!(
        "{what}: {answered} honest calls, p99 {before:?} before and {during:?} during; memory \
         grew by {grown} KiB"
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
    let store = ca.leaf(&[super::pki::dns("store")], |_| {});
    let channel = super::pki::connect(&server.address, &ca, Some(&store)).await.unwrap();
    ask(channel).await.expect("the others are not kept waiting");
    for stream in &mut slow {
        assert!(closes(stream, Duration::from_secs(10)).await);
    }
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_the_connection() {
    let harness = Harness::start().await;
    let server = Guarded::start(&harness, doors(&[caller("all", "anonymous = true")])).await;
    under(&server, "rapid resets", async {
        let mut stream = from_elsewhere(&server).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let mut flood = Vec::new();
        for at in 0..20_000_u32 {
            let id = 2 * at + 1;
            flood.extend(frame(HEADERS, END_HEADERS, id, &request_headers()));
            flood.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        }
        // The other end stops reading when it has had enough.
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.write_all(&flood)).await;
        assert!(closes(&mut stream, Duration::from_secs(10)).await);
    })
    .await;
    server.stop().await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_without_end_end_the_connection() {
    let harness = Harness::start().await;
    let server = Guarded::start(&harness, doors(&[caller("all", "anonymous = true")])).await;
    under(&server, "a flood of continuations", async {
        let mut stream = from_elsewhere(&server).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(&frame(HEADERS, 0, 1, &request_headers())).await.unwrap();
        // A header that is kept: a name and a value of 100 bytes.
        let mut block = vec![0x40, 100];
        block.extend([b'a'; 100]);
        block.push(100);
        block.extend([b'b'; 100]);
        let piece = frame(CONTINUATION, 0, 1, &block.repeat(50));
        for _ in 0..2_000 {
            let written =
                tokio::time::timeout(Duration::from_secs(10), stream.write_all(&piece)).await;
            if !matches!(written, Ok(Ok(()))) {
                break;
            }
        }
        assert!(closes(&mut stream, Duration::from_secs(10)).await);
    })
    .await;
    server.stop().await;
    harness.stop().await;
}
