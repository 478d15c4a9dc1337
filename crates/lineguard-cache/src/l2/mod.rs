//! The cache in Redis, which all replicas share.
//!
//! Redis is trusted for nothing. Its values are authenticated, hold the whole question that they
//! answer, and are used by the same test as entries of the process; so there is nothing to delete
//! or to invalidate, and a value's time to live only saves space.

mod gate;
mod question;
mod record;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::id::{Revision, Timestamp};
use lineguard_core::stamp::Stamp;

use crate::breaker::{Limits, Phase};
use crate::link::Link;
use crate::origin::{Origin, Validity};
use crate::seal::Seal;
use crate::server::Redis;
use crate::tally::Tally;
use gate::{Failure, Gate};
pub use question::Question;
use record::{MAX_BYTES, Record};
use writer::Writer;

/// How the cache in Redis is used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a get, or a set, may take.
    pub timeout: Duration,
    /// How long values stay in Redis.
    pub keep: Duration,
    /// What all keys begin with.
    pub prefix: String,
    /// The version of whatever computes answers. Answers of another version are not found.
    pub engine: String,
    /// When to leave Redis alone.
    pub breaker: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(20),
            keep: Duration::from_secs(60 * 60),
            prefix: "lineguard:answer:".to_owned(),
            engine: String::new(),
            breaker: Limits::default(),
        }
    }
}

/// Answers kept in Redis. Cheap to clone.
#[derive(Debug, Clone)]
pub struct L2 {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    seal: Seal,
    reads: Gate,
    writer: Writer,
    tally: Arc<Tally<COUNTS>>,
}

/// An answer from Redis that holds in the view it was asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The answer, as it was put.
    pub answer: Vec<u8>,
    /// Where it came from, in the epoch of the view.
    pub origin: Origin,
    /// The tenant's revision in the view.
    pub revision: Revision,
    /// The state of the tenant's shard in the view.
    pub stamp: Stamp,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Count {
    Hit,
    Absent,
    Stale,
    Refused,
    Skipped,
    TimedOut,
    Failed,
    Put,
    PutDropped,
    PutFailed,
    TooLarge,
}

const COUNTS: usize = 11;

/// What the cache in Redis counted, and how Redis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L2Stats {
    /// Valid answers found.
    pub hits: u64,
    /// Times that there was no value. This and the next five are the misses.
    pub absent: u64,
    /// Values that do not hold any more.
    pub stale: u64,
    /// Values that were not written by a replica, or not for that question.
    pub refused: u64,
    /// Times that Redis was not asked, because it is slow or gone.
    pub skipped: u64,
    /// Times that Redis did not reply in time.
    pub timed_out: u64,
    /// Times that the connection broke, or that Redis replied with an error.
    pub failed: u64,
    /// Answers written.
    pub put: u64,
    /// Answers that were not written because too many were waiting.
    pub put_dropped: u64,
    /// Answers that could not be written.
    pub put_failed: u64,
    /// Answers that were too large to be written.
    pub too_large: u64,
    /// What the breaker of the gets does.
    pub breaker: Phase,
    /// Whether there is a connection.
    pub connected: bool,
}

impl L2 {
    /// Begins to use a server, which need not be there. Has to be called within a runtime; its
    /// tasks end when the last clone is dropped.
    pub fn start(redis: &Redis, seal: Seal, settings: Settings) -> Self {
        let link = Arc::new(Link::start(redis, "answers"));
        let tally = Arc::new(Tally::new());
        let gate = || Gate::new(link.clone(), settings.timeout, settings.breaker);
        let writer = Writer::start(gate(), settings.keep, tally.clone());
        Self { inner: Arc::new(Inner { reads: gate(), settings, seal, writer, tally }) }
    }

    /// The answer to a question, if there is one that holds in this view and at this time. Takes
    /// no longer than the timeout; whatever goes wrong is a miss.
    pub async fn get(
        &self,
        question: &Question<'_>,
        sight: &impl Validity,
        now: Timestamp,
    ) -> Option<Found> {
        let found = self.find(question, sight, now).await;
        let count = match found {
            Ok(_) => Count::Hit,
            Err(count) => count,
        };
        self.inner.tally.raise(count as usize);
        found.ok()
    }

    /// Keeps an answer, some time soon. Never waits.
    ///
    /// Only for an answer that is complete: an error, or that something was not found, has no
    /// origin.
    pub fn put(&self, question: &Question<'_>, answer: &[u8], origin: &Origin) {
        let Inner { settings, seal, writer, tally, .. } = &*self.inner;
        let whole = question.whole(&settings.engine);
        let key = question::key(&settings.prefix, &whole);
        let record = Record { question: &whole, answer, origin: origin.clone() };
        let Some(value) = record.encode(seal, &key) else {
            return tally.raise(Count::TooLarge as usize);
        };
        if !writer.put(key, value) {
            tally.raise(Count::PutDropped as usize);
        }
    }

    /// What was counted so far.
    pub fn stats(&self) -> L2Stats {
        let Inner { reads, tally, .. } = &*self.inner;
        let [
            hits,
            absent,
            stale,
            refused,
            skipped,
            timed_out,
            failed,
            put,
            put_dropped,
            put_failed,
            too_large,
        ] = tally.read();
        L2Stats {
            hits,
            absent,
            stale,
            refused,
            skipped,
            timed_out,
            failed,
            put,
            put_dropped,
            put_failed,
            too_large,
            breaker: reads.phase(),
            connected: reads.is_connected(),
        }
    }

    async fn find(
        &self,
        question: &Question<'_>,
        sight: &impl Validity,
        now: Timestamp,
    ) -> Result<Found, Count> {
        let Inner { settings, seal, reads, .. } = &*self.inner;
        let whole = question.whole(&settings.engine);
        let key = question::key(&settings.prefix, &whole);
        let value = reads.ask(async |redis| get(&key).query_async::<Vec<u8>>(redis).await).await;
        let value = value.map_err(|failure| match failure {
            Failure::Skipped => Count::Skipped,
            Failure::TimedOut => Count::TimedOut,
            Failure::Failed => Count::Failed,
        })?;
        if value.is_empty() {
            return Err(Count::Absent);
        }
        let record = Record::decode(seal, &key, &whole, sight.epoch(), &value);
        let Record { answer, origin, .. } = record.ok_or(Count::Refused)?;
        let Origin { tenant, shard, stamp, revision, ref concerns, .. } = origin;
        let view = sight.stamp(shard);
        if !origin.is_timely(now) {
            return Err(Count::Stale);
        }
        let revision = sight.valid(shard, tenant, stamp, revision, concerns).ok_or(Count::Stale)?;
        Ok(Found { answer: answer.to_vec(), origin, revision, stamp: view })
    }
}

/// Asks for no more than a value may be long, whatever is there.
fn get(key: &[u8]) -> redis::Cmd {
    let mut get = redis::cmd("GETRANGE");
    get.arg(key).arg(0).arg(MAX_BYTES);
    get
}
