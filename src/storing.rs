//! Whether the database takes writes.
//!
//! A write that failed for the sake of the database only raises the question: what a client sends
//! may fail for reasons of its own, and must not turn the health of a server. What answers it is a
//! write of this server's own, which is tried again for as long as it fails.

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::Feed;
use lineguard_core::port::{ApplyError, StoreError};
use lineguard_lease::{Pauses, Seldom};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

/// The pauses between two tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of it. Ends its task when it goes.
pub struct Storing {
    known: Arc<Known>,
    task: AbortHandle,
}

struct Known {
    takes: watch::Sender<bool>,
    doubted: Notify,
}

impl Drop for Storing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Storing {
    /// Watches a database, which is taken to be sound, in a task of the present runtime. `chance`
    /// gives random bytes.
    pub fn start(feed: Arc<dyn Feed>, chance: fn() -> u8) -> Self {
        let known = Arc::new(Known { takes: watch::Sender::new(true), doubted: Notify::new() });
        let task = tokio::spawn(watch(Arc::clone(&known), feed, chance)).abort_handle();
        Self { known, task }
    }

    /// Whether it takes writes, as far as is known.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.known.takes.subscribe()
    }

    /// Whether it takes writes, as far as is known.
    pub fn takes_writes(&self) -> bool {
        *self.known.takes.borrow()
    }

    /// A write ended like this.
    pub fn wrote<T>(&self, outcome: &Result<T, ApplyError>) {
        self.ended(match outcome {
            Err(ApplyError::Store(error)) => Some(error),
            _ => None,
        });
    }

    /// A write ended with this error, or without one of the database's.
    pub fn ended(&self, error: Option<&StoreError>) {
        let failed = matches!(error, Some(StoreError::Unavailable { .. }));
        // While it is known to take none, tries have their own time, however many fail; but one
        // that went well may be the first of many.
        if failed == self.takes_writes() {
            self.known.doubted.notify_one();
        }
    }
}

async fn watch(known: Arc<Known>, feed: Arc<dyn Feed>, chance: fn() -> u8) {
    let said = Seldom::new();
    let mut pauses = Pauses::new(PAUSES.0, PAUSES.1);
    loop {
        known.doubted.notified().await;
        while let Err(error) = tried(&*feed).await {
            turn(&known, false);
            if let Some(times) = said.again(Instant::now()) {
                tracing::warn!(%error, times, "the database takes no writes");
            }
            tokio::select! {
                () = sleep(pauses.next(chance())) => {}
                () = known.doubted.notified() => {}
            }
        }
        if turn(&known, true) {
            let tries = said.over();
            tracing::info!(tries, "the database takes writes again");
        }
        pauses.reset();
        // However many writes fail that are nobody's fault but their own.
        sleep(pauses.next(chance())).await;
        pauses.reset();
    }
}

async fn tried(feed: &dyn Feed) -> Result<(), StoreError> {
    let late = || StoreError::Unavailable { detail: format!("no answer within {PATIENCE:?}") };
    timeout(PATIENCE, feed.try_write()).await.unwrap_or_else(|_| Err(late()))
}

/// Tells everybody; whether that is news.
fn turn(known: &Known, takes: bool) -> bool {
    known.takes.send_if_modified(|known| std::mem::replace(known, takes) != takes)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use async_trait::async_trait;
    use lineguard_core::feed::{Audience, Changes, Counters, Incarnation};
    use lineguard_core::id::Timestamp;
    use lineguard_core::port::Fault;
    use lineguard_core::stamp::{ConcernRow, Shard, Stamp};

    use super::*;
    use crate::away::Away;

    /// A database that takes writes or does not.
    #[derive(Default)]
    struct Disk {
        full: AtomicBool,
        tries: AtomicU32,
    }

    fn unavailable() -> StoreError {
        StoreError::Unavailable { detail: "the disk is full".into() }
    }

    #[async_trait]
    impl Feed for Disk {
        async fn try_write(&self) -> Result<(), StoreError> {
            self.tries.fetch_add(1, Ordering::SeqCst);
            if self.full.load(Ordering::SeqCst) { Err(unavailable()) } else { Ok(()) }
        }

        async fn counters(
            &self,
            by: Incarnation,
            seen: &[(Shard, Stamp)],
        ) -> Result<Counters, StoreError> {
            Away.counters(by, seen).await
        }

        async fn changes(&self, _: &[(Shard, u64)], _: usize) -> Result<Changes, StoreError> {
            Err(unavailable())
        }

        async fn recent(
            &self,
            _: Timestamp,
            _: usize,
        ) -> Result<Option<Vec<ConcernRow>>, StoreError> {
            Err(unavailable())
        }

        async fn register(&self, _: Incarnation, _: &str, _: Timestamp) -> Result<(), StoreError> {
            Err(unavailable())
        }

        async fn audience(&self, _: Shard) -> Result<Audience, StoreError> {
            Err(unavailable())
        }

        async fn fence(&self, _: Incarnation) -> Result<(), StoreError> {
            Err(unavailable())
        }

        async fn remove(&self, _: Incarnation) -> Result<(), StoreError> {
            Err(unavailable())
        }

        async fn confirm(&self, _: Incarnation, _: &[(Shard, Stamp)]) -> Result<(), StoreError> {
            Err(unavailable())
        }

        async fn trim(&self, _: Timestamp) -> Result<(), StoreError> {
            Err(unavailable())
        }
    }

    fn start(full: bool) -> (Arc<Disk>, Storing) {
        let disk = Arc::new(Disk { full: full.into(), ..Disk::default() });
        (Arc::clone(&disk), Storing::start(disk, || 255))
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_write_turns_it_and_a_try_of_its_own_turns_it_back() {
        let (disk, storing) = start(true);
        let mut takes = storing.subscribe();
        storing.wrote::<()>(&Err(ApplyError::Store(unavailable())));
        takes.wait_for(|takes| !takes).await.unwrap();
        // A minute of failing, with a client that goes on writing: a dozen tries, not thousands.
        for _ in 0..6_000 {
            storing.wrote::<()>(&Err(ApplyError::Store(unavailable())));
            sleep(Duration::from_millis(10)).await;
        }
        let tries = disk.tries.load(Ordering::SeqCst);
        assert!((10..20).contains(&tries), "{tries}");
        disk.full.store(false, Ordering::SeqCst);
        let turned = timeout(PAUSES.1 + PAUSES.0, takes.wait_for(|takes| *takes)).await;
        assert!(turned.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_goes_well_asks_at_once() {
        let (disk, storing) = start(true);
        let mut takes = storing.subscribe();
        storing.ended(Some(&unavailable()));
        takes.wait_for(|takes| !takes).await.unwrap();
        sleep(Duration::from_secs(20)).await;
        disk.full.store(false, Ordering::SeqCst);
        storing.wrote(&Ok(()));
        let turned = timeout(Duration::from_millis(1), takes.wait_for(|takes| *takes)).await;
        assert!(turned.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_is_refused_turns_nothing_and_what_fails_alone_does_not_either() {
        let (disk, storing) = start(false);
        let fault = Fault { change: 0, field: "title", problem: "is wrong".into() };
        let corrupt = StoreError::Corrupt { table: "t", column: "c", row: "1".into() };
        for refused in [
            ApplyError::NotFound(fault.clone()),
            ApplyError::Refused(fault.clone()),
            ApplyError::Invalid(vec![fault]),
            ApplyError::RequestIdReused,
            ApplyError::Store(corrupt),
        ] {
            storing.wrote::<()>(&Err(refused));
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(disk.tries.load(Ordering::SeqCst), 0);
        // Too much for the database, and nothing is wrong with it.
        for _ in 0..1_000 {
            storing.wrote::<()>(&Err(ApplyError::Store(unavailable())));
            sleep(Duration::from_millis(1)).await;
        }
        assert!(storing.takes_writes());
        let tries = disk.tries.load(Ordering::SeqCst);
        assert!((1..=8).contains(&tries), "{tries}");
    }
}
