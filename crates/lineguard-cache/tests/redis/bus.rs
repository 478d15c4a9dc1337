//! Messages pass while Redis is there, nobody else's are heard, and nobody waits.

use std::time::Duration;

use lineguard_cache::bus::{BusStats, RedisBus};
use lineguard_cache::{Redis, Seal};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Bus, Heard, Incarnation};
use redis::aio::MultiplexedConnection;
use tokio::sync::broadcast::Receiver;
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

/// Gives or takes the right to a command.
async fn allow(redis: &mut MultiplexedConnection, what: &str) {
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg("default").arg(what).exec_async(redis).await.unwrap();
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
async fn a_bus_that_may_listen_but_not_speak_is_not_connected() {
    let server = Server::started();
    let bus = bus(&server.redis(), 1);
    connected(&bus, true).await;
    let mut redis = server.connection().await;
    allow(&mut redis, "-publish").await;
    connected(&bus, false).await;
    allow(&mut redis, "+publish").await;
    connected(&bus, true).await;
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
