//! A Redis that is not there, hangs, talks nonsense or dies costs a little time, and comes back by
//! itself.

use std::time::Duration;

use lineguard_cache::l2::{L2, L2Stats, Question, Settings};
use lineguard_cache::{Redis, Seal};
use lineguard_core::id::{Num, TenantId, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::random::Random;
use super::server::{Server, until};
use super::world::{View, World};

const NOW: Timestamp = Timestamp(1_000);

fn view() -> View {
    let mut world = World::default();
    world.change(1, Num(1), lineguard_core::concern::Concern::Tenant);
    world.view()
}

fn cache(redis: &Redis) -> L2 {
    L2::start(redis, Seal::new(&[7; 32]), Settings::default())
}

async fn get(cache: &L2, view: &View) -> Option<Vec<u8>> {
    let tenant = TenantId::parse("t1").unwrap();
    let question = Question { tenant: &tenant, method: "Check", bytes: b"q" };
    cache.get(&question, view, NOW).await.map(|found| found.answer)
}

fn put(cache: &L2, view: &View) {
    let tenant = TenantId::parse("t1").unwrap();
    let question = Question { tenant: &tenant, method: "Check", bytes: b"q" };
    cache.put(&question, b"allow", &view.origin(Num(1), &[]));
}

/// Puts until it is found.
async fn works(cache: &L2) {
    let view = view();
    until("found", async || {
        put(cache, &view);
        get(cache, &view).await.is_some()
    })
    .await;
}

/// Asks many times, one after the other; gives the time it took.
async fn ask_a_thousand_times(cache: &L2) -> Duration {
    let (view, begin) = (view(), Instant::now());
    for _ in 0..1_000 {
        get(cache, &view).await;
    }
    begin.elapsed()
}

#[tokio::test]
async fn it_starts_without_a_server_and_finds_it_later() {
    let mut server = Server::stopped();
    let cache = cache(&server.redis());
    assert!(ask_a_thousand_times(&cache).await < Duration::from_millis(500));
    let L2Stats { skipped, connected, .. } = cache.stats();
    assert_eq!((skipped, connected), (1_000, false));
    server.start();
    works(&cache).await;
}

#[tokio::test]
async fn it_survives_the_death_of_the_server() {
    let mut server = Server::started();
    let cache = cache(&server.redis());
    for _ in 0..3 {
        works(&cache).await;
        server.kill();
        assert!(ask_a_thousand_times(&cache).await < Duration::from_secs(1));
        assert!(!cache.stats().connected);
        server.start();
    }
    works(&cache).await;
}

#[tokio::test]
async fn a_server_that_halts_costs_a_few_timeouts() {
    let server = Server::started();
    let cache = cache(&server.redis());
    works(&cache).await;
    server.halt();
    let before = cache.stats().timed_out;
    let took = ask_a_thousand_times(&cache).await;
    let timed_out = cache.stats().timed_out - before;
    assert!((1..=10).contains(&timed_out), "{timed_out} waited");
    assert!(took < Duration::from_secs(1), "{took:?}");
    server.go_on();
    works(&cache).await;
}

#[tokio::test]
async fn many_at_once_wait_for_a_halted_server_once_only() {
    let server = Server::started();
    let cache = cache(&server.redis());
    works(&cache).await;
    server.halt();
    let begin = Instant::now();
    let asks = (0..500).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { get(&cache, &view()).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        assert_eq!(ask.await.unwrap(), None);
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(ask_a_thousand_times(&cache).await < Duration::from_millis(500));
    server.go_on();
}

/// A server that treats every connection like this; its URL.
async fn serve<F>(treat: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Redis
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            tokio::spawn(treat(stream, number));
        }
    });
    Redis::at(&url).unwrap()
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_is_never_asked() {
    let redis = serve(async |stream, _| {
        let _open = stream;
        std::future::pending().await
    });
    let cache = cache(&redis.await);
    assert!(ask_a_thousand_times(&cache).await < Duration::from_millis(500));
    assert_eq!(cache.stats().skipped, 1_000);
}

/// What a server should not say.
fn nonsense() -> Vec<Vec<u8>> {
    let mut random = Random::seeded(1);
    let said: [&[u8]; 13] = [
        b"*9223372036854775807\r\n:1\r\n",
        b"*1000000000\r\n",
        b"*1000000000\r\n:1\r\n",
        b"$9223372036854775807\r\nabc",
        b"$-7\r\n",
        b"%-1\r\n",
        b"%1000000000000\r\n+a\r\n",
        b"|9223372036854775806\r\n",
        b"~99999999999\r\n",
        b">3\r\n+message\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-LOADING not yet\r\n",
        b"+OK\r\n",
    ];
    let deep = std::iter::once(b"*1\r\n".repeat(3_000));
    let random = (0..20).map(|_| random.bytes(100));
    said.iter().map(|said| said.to_vec()).chain(deep).chain(random).collect()
}

/// Greets properly, with the two replies that a client waits for when it connects, and then always
/// says the same.
async fn talk(mut stream: TcpStream, said: Vec<u8>) {
    let mut request = [0; 4_096];
    let _greeting = stream.read(&mut request).await;
    let mut next = &b"+OK\r\n+OK\r\n"[..];
    while stream.write_all(next).await.is_ok() {
        next = &said;
        if !matches!(stream.read(&mut request).await, Ok(1..)) {
            return;
        }
    }
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_survived() {
    let view = view();
    for said in nonsense() {
        let redis = serve({
            let said = said.clone();
            move |stream, _| talk(stream, said.clone())
        });
        let cache = cache(&redis.await);
        until("heard nonsense", async || {
            put(&cache, &view);
            assert_eq!(get(&cache, &view).await, None);
            // A length below zero is "no value" to this client: absent is a fair reading of it.
            let L2Stats { absent, failed, timed_out, refused, .. } = cache.stats();
            absent + failed + timed_out + refused > 1
        })
        .await;
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_dropped_and_counted() {
    let cache = cache(&Server::stopped().redis());
    let (view, begin) = (view(), Instant::now());
    (0..10_000).for_each(|_| put(&cache, &view));
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    until("given up", async || {
        let L2Stats { put_dropped, put_failed, .. } = cache.stats();
        put_dropped + put_failed == 10_000
    })
    .await;
    assert!(cache.stats().put_dropped > 0);
}
