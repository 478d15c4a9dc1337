//! Whatever happens to the values in Redis: an answer is that of its question and of its view.

use std::time::Duration;

use lineguard_cache::l2::{L2, L2Stats, Question, Settings};
use lineguard_cache::{Seal, Validity};
use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, TenantId, Timestamp};
use redis::aio::MultiplexedConnection;

use super::Origin;
use super::random::Random;
use super::server::{Server, all_values, set, until};
use super::world::{SHARD, View, World};

const NOW: Timestamp = Timestamp(1_000);
const KEY: [u8; 32] = [7; 32];

/// Patient, as the machine that runs the tests may be busy.
fn settings() -> Settings {
    Settings {
        timeout: Duration::from_secs(5),
        engine: "test 1".to_owned(),
        prefix: "t:".to_owned(),
        ..Settings::default()
    }
}

fn cache(server: &Server) -> L2 {
    L2::start(&server.redis(), Seal::new(&KEY), settings())
}

async fn connected(cache: &L2) {
    until("connected", async || cache.stats().connected).await;
}

/// All that was put is in Redis, or given up.
async fn settled(cache: &L2, puts: u64) {
    until("written", async || {
        let L2Stats { put, put_dropped, put_failed, too_large, .. } = cache.stats();
        put + put_dropped + put_failed + too_large >= puts
    })
    .await;
}

/// Redis is asked and replies, after a restart too.
async fn reached(cache: &L2) {
    let (id, view) = (tenant(), world().view());
    let nothing = Question { tenant: &id, method: "Nothing", bytes: b"" };
    until("reached", async || {
        let before = cache.stats().absent;
        cache.get(&nothing, &view, NOW).await;
        cache.stats().absent > before
    })
    .await;
}

fn tenant() -> TenantId {
    TenantId::parse("t1").unwrap()
}

/// A question about two things of a tenant.
struct Asked {
    id: TenantId,
    num: Num,
    method: String,
    bytes: Vec<u8>,
    concerns: [Concern; 2],
}

impl Asked {
    /// Many that look alike.
    fn some() -> Vec<Self> {
        (0..24u64)
            .map(|at| Self {
                id: TenantId::parse(&format!("t{}", at % 2)).unwrap(),
                num: Num(at % 2),
                method: "Check".repeat(1 + at as usize % 3),
                bytes: vec![b'q'; at as usize / 6],
                concerns: [Concern::Member(Num(at % 5)), Concern::Fax(Num(at % 7))],
            })
            .collect()
    }

    fn question(&self) -> Question<'_> {
        Question { tenant: &self.id, method: &self.method, bytes: &self.bytes }
    }

    /// The true answer, with the question in it: no two questions have the same.
    fn answer(&self, view: &View) -> Vec<u8> {
        let mut answer = view.answer(self.num, &self.concerns);
        answer.extend(format!("{} {}", self.method, self.bytes.len()).bytes());
        answer
    }

    fn origin(&self, view: &View) -> Origin {
        view.origin(self.num, &self.concerns)
    }
}

fn world() -> World {
    let mut world = World::default();
    world.change(1, Num(0), Concern::Tenant);
    world.change(2, Num(1), Concern::Tenant);
    world
}

#[tokio::test]
async fn what_one_replica_puts_another_finds() {
    let (server, view) = (Server::started(), world().view());
    let [one, other] = [(); 2].map(|()| cache(&server));
    connected(&one).await;
    connected(&other).await;
    let id = tenant();
    let question = Question { tenant: &id, method: "Check", bytes: b"q" };
    let origin = view.origin(Num(1), &[Concern::Fax(Num(1))]);
    assert_eq!(other.get(&question, &view, NOW).await, None);
    one.put(&question, b"allow", &origin);
    settled(&one, 1).await;
    let found = other.get(&question, &view, NOW).await.unwrap();
    assert_eq!(found.answer, b"allow");
    assert_eq!(found.origin, origin);
    assert_eq!((found.revision, found.stamp), (view.revision(Num(1)), view.stamp(SHARD)));
    let L2Stats { hits, absent, .. } = other.stats();
    assert_eq!((hits, absent), (1, 1));

    let mut redis = server.connection().await;
    let values = all_values(&mut redis).await;
    let [(key, _)] = &values[..] else { panic!("{values:?}") };
    let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
}

#[tokio::test]
async fn an_answer_of_another_engine_key_or_question_is_not_found() {
    let (server, view) = (Server::started(), world().view());
    let one = cache(&server);
    let engine = Settings { engine: "test 2".to_owned(), ..settings() };
    let another_engine = L2::start(&server.redis(), Seal::new(&KEY), engine);
    let another_seal = L2::start(&server.redis(), Seal::new(&[8; 32]), settings());
    for cache in [&one, &another_engine, &another_seal] {
        connected(cache).await;
    }
    let (id, other_id) = (tenant(), TenantId::parse("t2").unwrap());
    let question = Question { tenant: &id, method: "Check", bytes: b"q" };
    one.put(&question, b"allow", &view.origin(Num(1), &[]));
    settled(&one, 1).await;
    assert!(one.get(&question, &view, NOW).await.is_some());
    for other in [
        Question { tenant: &other_id, ..question },
        Question { method: "List", ..question },
        Question { bytes: b"", ..question },
    ] {
        assert_eq!(one.get(&other, &view, NOW).await, None);
    }
    assert_eq!(another_engine.get(&question, &view, NOW).await, None);
    assert_eq!(another_engine.stats().absent, 1);
    assert_eq!(another_seal.get(&question, &view, NOW).await, None);
    assert_eq!(another_seal.stats().refused, 1);
}

#[tokio::test]
async fn an_answer_ends_by_change_time_and_history() {
    let (server, mut world) = (Server::started(), world());
    let cache = cache(&server);
    connected(&cache).await;
    let id = tenant();
    let question = Question { tenant: &id, method: "Check", bytes: b"q" };
    let old = world.view();
    world.change(3, Num(1), Concern::Fax(Num(1)));
    let view = world.view();
    let origin = view.origin(Num(1), &[Concern::Fax(Num(1))]);
    cache.put(&question, b"allow", &Origin { not_after: Some(NOW), ..origin });
    settled(&cache, 1).await;
    assert!(cache.get(&question, &view, Timestamp(NOW.0 - 1)).await.is_some());
    assert!(cache.get(&question, &view, NOW).await.is_none(), "its time is over");
    let before = Timestamp(0);
    assert!(cache.get(&question, &old, before).await.is_none(), "later than the view");
    world.change(4, Num(1), Concern::Fax(Num(1)));
    assert!(cache.get(&question, &world.view(), before).await.is_none(), "something changed");
    world.restore(2);
    world.change(5, Num(1), Concern::Fax(Num(2)));
    assert!(cache.get(&question, &world.view(), before).await.is_none(), "another history");
    assert_eq!(cache.stats().stale, 4);
}

/// Asks and changes for a while, doing mischief in between; each answer found has to be the true
/// one. Gives what was counted.
async fn ask_amid(
    mut server: Server,
    seed: u64,
    mut mischief: impl AsyncFnMut(&mut Server, &mut MultiplexedConnection, &mut Random),
) -> L2Stats {
    let (cache, mut world, asked) = (cache(&server), world(), Asked::some());
    connected(&cache).await;
    let mut redis = server.connection().await;
    let mut random = Random::seeded(seed);
    let mut puts = 0;
    for step in 0..1_500 {
        let asked = &asked[random.below(asked.len())];
        let view = world.view();
        match cache.get(&asked.question(), &view, NOW).await {
            Some(found) => {
                assert_eq!(found.answer, asked.answer(&view));
                assert_eq!(found.revision, view.revision(asked.num));
            }
            None => {
                cache.put(&asked.question(), &asked.answer(&view), &asked.origin(&view));
                puts += 1;
            }
        }
        if step % 10 == 0 {
            let concern = Concern::Member(Num(random.next() % 5));
            world.change(random.next(), Num(random.next() % 2), concern);
        }
        if step % 50 == 49 {
            settled(&cache, puts).await;
            mischief(&mut server, &mut redis, &mut random).await;
            reached(&cache).await;
        }
    }
    settled(&cache, puts).await;
    let stats = cache.stats();
    assert!(stats.hits > 100, "{stats:?}");
    stats
}

#[tokio::test]
async fn nothing_is_wrong_where_nothing_is_done() {
    let stats = ask_amid(Server::started(), 1, async |_, _, _| {}).await;
    assert_eq!((stats.refused, stats.failed, stats.put_failed), (0, 0, 0), "{stats:?}");
    assert!(stats.hits > 500, "{stats:?}");
}

#[tokio::test]
async fn flushing_every_ten_milliseconds_only_loses_answers() {
    let server = Server::started();
    let mut redis = server.connection().await;
    let flusher = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        for flushed in 0u64.. {
            ticks.tick().await;
            if redis::cmd("FLUSHALL").exec_async(&mut redis).await.is_err() {
                return flushed;
            }
        }
        0
    });
    let stats = ask_amid(server, 2, async |_, _, _| {}).await;
    assert_eq!((stats.refused, stats.failed), (0, 0), "{stats:?}");
    assert!(flusher.await.unwrap() > 10);
}

#[tokio::test]
async fn a_value_with_a_flipped_bit_is_refused() {
    let stats = ask_amid(Server::started(), 3, async |_, redis, random| {
        for (key, mut value) in all_values(redis).await {
            let bit = random.below(value.len() * 8);
            value[bit / 8] ^= 1 << (bit % 8);
            set(redis, &key, &value).await;
        }
    });
    assert!(stats.await.refused > 100);
}

#[tokio::test]
async fn a_value_under_the_key_of_another_is_refused() {
    let stats = ask_amid(Server::started(), 4, async |_, redis, random| {
        let values = all_values(redis).await;
        let shift = 1 + random.below(values.len());
        for (at, (key, _)) in values.iter().enumerate() {
            let (_, other) = &values[(at + shift) % values.len()];
            set(redis, key, other).await;
        }
    });
    assert!(stats.await.refused > 100);
}

#[tokio::test]
async fn values_that_are_no_values_are_refused() {
    let stats = ask_amid(Server::started(), 5, async |_, redis, random| {
        for (key, mut value) in all_values(redis).await {
            match random.below(5) {
                0 => value.truncate(random.below(value.len())),
                1 => value = random.bytes(200),
                2 => value = vec![0; 10_000_000],
                3 => value.extend(random.bytes(10)),
                _ => {
                    redis::cmd("DEL").arg(&key).exec_async(redis).await.unwrap();
                    let push = redis::cmd("RPUSH").arg(&key).arg("x").exec_async(redis).await;
                    push.unwrap();
                    continue;
                }
            }
            set(redis, &key, &value).await;
        }
    });
    assert!(stats.await.refused > 100);
}

#[tokio::test]
async fn an_old_dump_brings_nothing_old_back() {
    let mut kept = None;
    let stats = ask_amid(Server::started(), 6, async |server, redis, random| {
        if let Some(kept) = &kept {
            if random.below(3) == 0 {
                server.kill();
                std::fs::write(server.dump(), kept).unwrap();
                server.start();
                *redis = server.connection().await;
            }
        } else {
            redis::cmd("SAVE").exec_async(redis).await.unwrap();
            kept = Some(std::fs::read(server.dump()).unwrap());
        }
    });
    let stats = stats.await;
    assert!(stats.stale > 50, "{stats:?}");
}
