//! Messages pass while Redis is there, nobody else's are heard, and nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lineguard_cache::bus::{BusStats, RedisBus};
use lineguard_cache::{Redis, Seal};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Bus, Heard, Incarnation};
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt;

use super::server::{Server, until};

const CHANNEL: &str = "t:bus";
const SHARD: Shard = Shard(5);

fn bus(redis: &Redis, id: u8) -> RedisBus {
    RedisBus::start(redis, Seal::new(&[7; 32]), CHANNEL, [id; 16])
}

async fn connected(bus: &RedisBus, connected: bool) {
    let change =
        timeout(Duration::from_secs(30), bus.connection().wait_for(|now| *now == connected))
            .await
            .map(|changed| changed.is_ok());
    assert_eq!(change, Ok(true), "not after half a minute: connected is {connected}");
}

fn stamp(counter: u64) -> Stamp {
    Stamp { counter, nonce: counter * 3 }
}

fn hint(counter: u64) -> Heard {
    Heard::Hint { shard: SHARD, stamp: stamp(counter) }
}

async fn next(heard: &mut Receiver<Heard>) -> Heard {
    timeout(Duration::from_secs(30), heard.recv()).await.unwrap().unwrap()
}

/// Publishes anything.
async fn publish(redis: &mut MultiplexedConnection, bytes: &[u8]) {
    redis::cmd("PUBLISH").arg(CHANNEL).arg(bytes).exec_async(redis).await.unwrap();
}

/// Says what a user may do.
async fn allow(redis: &mut MultiplexedConnection, user: &str, rules: &[&str]) {
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(user).arg(rules).exec_async(redis).await.unwrap();
}

#[tokio::test]
async fn what_one_says_all_hear() {
    let server = Server::started();
    let (one, other) = (bus(&server.redis(), 1), bus(&server.redis(), 2));
    connected(&one, true).await;
    connected(&other, true).await;
    let mut heard = [one.subscribe(), other.subscribe()];
    let incarnation = Incarnation([9; 16]);
    let begin = Instant::now();
    one.hint(SHARD, stamp(1));
    other.confirm(incarnation, SHARD, stamp(1));
    for heard in &mut heard {
        let both = [next(heard).await, next(heard).await];
        assert!(both.contains(&hint(1)), "{both:?}");
        let confirmed = Heard::Confirmed { incarnation, shard: SHARD, stamp: stamp(1) };
        assert!(both.contains(&confirmed), "{both:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn nothing_is_heard_that_no_replica_said() {
    let server = Server::started();
    let bus = bus(&server.redis(), 1);
    let stranger = RedisBus::start(&server.redis(), Seal::new(&[8; 32]), CHANNEL, [1; 16]);
    connected(&bus, true).await;
    // Bytes as they really were on the channel, to be falsified.
    let client = redis::Client::open(server.redis_url()).unwrap();
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.subscribe(CHANNEL).await.unwrap();
    let mut messages = listener.into_on_message();
    let mut heard = bus.subscribe();
    bus.hint(SHARD, stamp(1));
    assert_eq!(next(&mut heard).await, hint(1));
    let said = loop {
        let message = messages.next().await.unwrap().get_payload_bytes().to_vec();
        // Seal, kind, shard, counter and nonce.
        if message.len() == 32 + 18 {
            break message;
        }
    };
    let mut redis = server.connection().await;
    let before = bus.stats().refused;
    // A hint made a confirmation, one bit another, too little, too much, nothing.
    let mut confirmation = said[..32].to_vec();
    confirmation.push(2);
    confirmation.extend([9; 16]);
    confirmation.extend(&said[33..]);
    publish(&mut redis, &confirmation).await;
    for bit in (0..said.len() * 8).step_by(7) {
        let mut flipped = said.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        publish(&mut redis, &flipped).await;
    }
    publish(&mut redis, &said[..40]).await;
    publish(&mut redis, &[&said[..], b"x"].concat()).await;
    publish(&mut redis, b"").await;
    stranger.hint(SHARD, stamp(7));
    stranger.confirm(Incarnation([9; 16]), SHARD, stamp(7));
    // What was truly said may be said again.
    publish(&mut redis, &said).await;
    assert_eq!(next(&mut heard).await, hint(1));
    bus.hint(SHARD, stamp(2));
    assert_eq!(next(&mut heard).await, hint(2), "nothing else was heard");
    assert!(bus.stats().refused >= before + 58, "{:?}", bus.stats());
}

#[tokio::test]
async fn it_starts_without_a_server_survives_its_death_and_comes_back() {
    let mut server = Server::stopped();
    let bus = bus(&server.redis(), 1);
    assert!(!bus.connected());
    for counter in 1..4 {
        server.start();
        connected(&bus, true).await;
        let mut heard = bus.subscribe();
        bus.hint(SHARD, stamp(counter));
        assert_eq!(next(&mut heard).await, hint(counter));
        server.kill();
        connected(&bus, false).await;
    }
}

#[tokio::test]
async fn a_server_that_halts_is_noticed() {
    let server = Server::started();
    let bus = bus(&server.redis(), 1);
    connected(&bus, true).await;
    let begin = Instant::now();
    server.halt();
    connected(&bus, false).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    server.go_on();
    connected(&bus, true).await;
}

#[tokio::test]
async fn a_bus_that_may_not_speak_any_more_is_not_connected() {
    let server = Server::started();
    let bus = bus(&server.redis(), 1);
    connected(&bus, true).await;
    let mut redis = server.connection().await;
    allow(&mut redis, "default", &["-publish"]).await;
    let begin = Instant::now();
    bus.hint(SHARD, stamp(1));
    connected(&bus, false).await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    allow(&mut redis, "default", &["+publish"]).await;
    connected(&bus, true).await;
}

#[tokio::test]
async fn a_bus_does_not_take_the_beats_of_another_for_its_own() {
    let server = Server::started();
    let mut redis = server.connection().await;
    allow(&mut redis, "mute", &["on", ">x", "+@all", "~*", "&*", "-publish"]).await;
    let mute = Redis::at(&format!("{}?user=mute&pass=x", server.redis_url())).unwrap();
    let (mute, other) = (bus(&mute, 1), bus(&server.redis(), 2));
    connected(&other, true).await;
    until("heard some beats", async || {
        assert!(!mute.connected());
        mute.stats().heard >= 3
    })
    .await;
}

/// Passes everything on between one client and the server, until it is told that the client is
/// deaf: then, if the client has subscribed, nothing reaches it any more, and nothing is closed.
async fn pass_on(client: TcpStream, server: UnixStream, deaf: watch::Receiver<bool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let subscribed = Arc::new(AtomicBool::new(false));
    let subscribes = subscribed.clone();
    tokio::spawn(async move {
        let mut bytes = vec![0; 65_536];
        while let Ok(len @ 1..) = from_client.read(&mut bytes).await {
            let said = String::from_utf8_lossy(&bytes[..len]).contains("SUBSCRIBE");
            subscribes.fetch_or(said, Ordering::SeqCst);
            if to_server.write_all(&bytes[..len]).await.is_err() {
                return;
            }
        }
    });
    let mut bytes = vec![0; 65_536];
    while let Ok(len @ 1..) = from_server.read(&mut bytes).await {
        let lost = *deaf.borrow() && subscribed.load(Ordering::SeqCst);
        if !lost && to_client.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_bus_that_hears_nothing_is_not_connected_and_subscribes_anew() {
    let server = Server::started();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (deafen, deaf) = watch::channel(false);
    let socket = server.socket();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = UnixStream::connect(&socket).await else { return };
            tokio::spawn(pass_on(client, server, deaf.clone()));
        }
    });
    let bus = bus(&Redis::at(&url).unwrap(), 1);
    connected(&bus, true).await;
    deafen.send(true).unwrap();
    connected(&bus, false).await;
    deafen.send(false).unwrap();
    connected(&bus, true).await;
    let mut heard = bus.subscribe();
    bus.hint(SHARD, stamp(1));
    assert_eq!(next(&mut heard).await, hint(1));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_gone_or_halted() {
    let gone = bus(&Server::stopped().redis(), 1);
    let server = Server::started();
    let halted = bus(&server.redis(), 2);
    connected(&halted, true).await;
    server.halt();
    for bus in [&gone, &halted] {
        let begin = Instant::now();
        (0..50_000).for_each(|counter| bus.hint(SHARD, stamp(counter)));
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        until("given up", async || {
            let BusStats { dropped, failed, .. } = bus.stats();
            dropped + failed >= 49_000
        })
        .await;
    }
    server.go_on();
}
