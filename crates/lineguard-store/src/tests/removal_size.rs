//! How a very large removal goes on SQLite, where a step keeps every other writer waiting: how long
//! it takes, what it needs, and what another tenant's writes feel of it.
//!
//! `LINEGUARD_FAXES=1000000 cargo test --release -p lineguard-store --lib a_large_removal -- \
//! --ignored --nocapture`

#![expect(clippy::print_stdout, reason = "a measurement tells what it found")]

use std::time::Duration;

use lineguard_core::port::{RemovalStep, Removals as _};

use tokio::time::Instant;

use super::*;

/// How long the other tenant writes before the removal, for comparison.
const BEFORE: Duration = Duration::from_secs(5);

/// The time of the slowest write of a hundred.
fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() * 99 / 100]
}

/// Registers faxes of the other tenant one by one until told to stop.
async fn write_on(store: &SqlStore, name: &str, going: impl Fn() -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while going() {
        let begun = Instant::now();
        register(store, "u", &[fax(&format!("{name}{}", times.len()), 1)]).await;
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: minutes, and gigabytes of disk"]
async fn a_large_removal_is_felt_by_nobody() {
    let count: i64 = std::env::var("LINEGUARD_FAXES").map_or(20_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("lineguard.db").display());
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    let ops = [
        Op::Insert(ObjectKind::Account, 0, "root", None),
        Op::Insert(ObjectKind::Faxbox, 0, "box", Some(1)),
    ];
    for tenant in ["t", "u"] {
        apply(&store, tenant, "r", &ops).await.unwrap();
    }
    let fill = format!(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) \
         INSERT INTO fax (tenant, num, id, account, direction, faxbox, state, labels, at, \
         revision, fingerprint) SELECT 1, n, CAST('f' || n AS BLOB), 1, 1 + n % 2, 2, 3, '', n, 1, \
         zeroblob(32) FROM c"
    );
    tamper(&store, &fill).await;
    tamper(&store, &format!("UPDATE tenant SET next_fax = {count} + 1 WHERE num = 1")).await;
    let began = Instant::now();
    let before = write_on(&store, "before", || began.elapsed() < BEFORE).await;
    let (memory, store) = (peak_memory(), std::sync::Arc::new(store));
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let other = {
        let (store, going) = (store.clone(), going.clone());
        tokio::spawn(
            async move { write_on(&store, "while", || going.load(Ordering::Relaxed)).await },
        )
    };
    let began = Instant::now();
    apply(&store, "t", "r2", &[Op::RemoveWhole(2, Whole::FaxboxWithFaxes)]).await.unwrap();
    let hidden = began.elapsed();
    let (mut steps, mut longest) = (0, Duration::ZERO);
    loop {
        let begun = Instant::now();
        let step = store.step(&tenant_id("t"), Timestamp(2_000)).await.unwrap();
        if step == RemovalStep::default() {
            break;
        }
        (steps, longest) = (steps + 1, longest.max(begun.elapsed()));
        // As the server does.
        tokio::time::sleep(begun.elapsed().max(Duration::from_millis(2))).await;
    }
    let whole = began.elapsed();
    going.store(false, Ordering::Relaxed);
    let during = other.await.unwrap();
    let (ratio, more) = (
        p99(&during).as_secs_f64() / p99(&before).as_secs_f64(),
        peak_memory().saturating_sub(memory),
    );
    println!(
        "{count} faxes: acknowledged after {hidden:?}, at its end after {whole:?}, {steps} steps, \
         the longest {longest:?}; {more} KiB more memory; another tenant's writes: p99 {:?} \
         before ({}), {:?} meanwhile ({}), ratio {ratio:.1}, slowest {:?}",
        p99(&before),
        before.len(),
        p99(&during),
        during.len(),
        during.iter().max().unwrap(),
    );
    assert!(during.iter().max().unwrap() < &Duration::from_secs(5));
}
