//! A link between a client and an echo.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Commit, Condition, Link, Protocol, Way};
use crate::clock::{Stopwatch, nanos};

/// Long enough for what should come, on a machine that is busy.
const SOON: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes.
const NOTHING: Duration = Duration::from_millis(50);

/// Sends back whatever it is sent.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn link(protocol: Protocol) -> Link {
    Link::to(echo().await, protocol).await.unwrap()
}

async fn through(link: &Link) -> TcpStream {
    TcpStream::connect(link.address()).await.unwrap()
}

async fn say(stream: &mut TcpStream, words: &[u8]) {
    stream.write_all(words).await.unwrap();
}

async fn hear(stream: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    timeout(SOON, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, words);
}

async fn hear_nothing(stream: &mut TcpStream) {
    assert!(timeout(NOTHING, stream.read_u8()).await.is_err());
}

async fn hear_reset(stream: &mut TcpStream) {
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_open_link_passes_everything_on_and_harms_nothing() {
    let link = link(Protocol::Opaque).await;
    let mut stream = through(&link).await;
    say(&mut stream, b"hello").await;
    hear(&mut stream, b"hello").await;
    assert_eq!(link.counts().effect(), 0);
    assert_eq!(link.counts().there.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_slow_link_passes_on_later() {
    let link = link(Protocol::Opaque).await;
    let mut stream = through(&link).await;
    let by = Duration::from_millis(30);
    link.set(Condition::Slow { by, jitter: Duration::ZERO });
    let watch = Stopwatch::start();
    say(&mut stream, b"hello").await;
    hear(&mut stream, b"hello").await;
    assert!(watch.now() >= 2 * nanos(by), "there and back");
    assert_eq!(link.counts().effect(), 10);
}

#[tokio::test]
async fn a_silent_link_holds_what_is_sent_until_it_is_open_again() {
    for silent in [Condition::Silent, Condition::HalfSilent(Way::There)] {
        let link = link(Protocol::Opaque).await;
        let mut stream = through(&link).await;
        say(&mut stream, b"a").await;
        hear(&mut stream, b"a").await;
        link.set(silent);
        say(&mut stream, b"held").await;
        hear_nothing(&mut stream).await;
        assert_eq!(link.counts().there.load(Ordering::Relaxed), 1);
        // One that comes now gets a connection and no word.
        let mut late = through(&link).await;
        say(&mut late, b"late").await;
        hear_nothing(&mut late).await;
        link.set(Condition::Open);
        hear(&mut stream, b"held").await;
        hear(&mut late, b"late").await;
        assert_eq!(link.counts().effect(), 8);
    }
}

#[tokio::test]
async fn a_half_silent_link_passes_on_the_other_way() {
    let link = link(Protocol::Opaque).await;
    let mut stream = through(&link).await;
    link.set(Condition::HalfSilent(Way::Back));
    say(&mut stream, b"there").await;
    hear_nothing(&mut stream).await;
    assert_eq!(link.counts().there.load(Ordering::Relaxed), 5);
    assert_eq!(link.counts().back.load(Ordering::Relaxed), 0);
    link.set(Condition::Open);
    hear(&mut stream, b"there").await;
}

#[tokio::test]
async fn a_cut_link_resets_what_is_there_and_what_comes() {
    let link = link(Protocol::Opaque).await;
    let (mut idle, mut held) = (through(&link).await, through(&link).await);
    for stream in [&mut idle, &mut held] {
        say(stream, b"a").await;
        hear(stream, b"a").await;
    }
    link.set(Condition::Silent);
    say(&mut held, b"held").await;
    hear_nothing(&mut held).await;
    link.set(Condition::Cut);
    hear_reset(&mut idle).await;
    hear_reset(&mut held).await;
    let mut late = through(&link).await;
    hear_reset(&mut late).await;
    link.set(Condition::Open);
    let mut again = through(&link).await;
    say(&mut again, b"again").await;
    hear(&mut again, b"again").await;
    link.reset();
    hear_reset(&mut again).await;
}

#[tokio::test]
async fn an_end_is_passed_on() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let link = Link::to(nobody, Protocol::Opaque).await.unwrap();
    hear_reset(&mut through(&link).await).await;
    assert_eq!(link.counts().ended_there.load(Ordering::Relaxed), 1);
}

/// The echo answers `COMMIT` to a commit, as PostgreSQL does.
#[tokio::test]
async fn a_commit_can_be_kept_from_the_server() {
    const STARTUP: &[u8] = b"\0\0\0\x08\0\x03\0\0";
    const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
    for commit in [Commit::Unheard, Commit::Heard] {
        let link = link(Protocol::Postgres).await;
        let mut stream = through(&link).await;
        say(&mut stream, STARTUP).await;
        hear(&mut stream, STARTUP).await;
        // Nobody waits for this one.
        say(&mut stream, COMMIT).await;
        hear(&mut stream, COMMIT).await;
        let mut waits = Box::pin(link.next_commit(commit));
        // It waits from its first poll.
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err());
        say(&mut stream, COMMIT).await;
        timeout(SOON, waits).await.unwrap();
        match commit {
            Commit::Unheard => hear_reset(&mut stream).await,
            Commit::Heard => hear(&mut stream, COMMIT).await,
        }
        assert_eq!(link.counts().statements.load(Ordering::Relaxed), 2);
    }
}
