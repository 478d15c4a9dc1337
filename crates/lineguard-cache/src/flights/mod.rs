//! Single flight: of many that miss the same thing at once, one fetches it.
//!
//! A follower never gets the leader's result. It is told to look again, and then tests what it
//! finds in the cache by its own view, as any other entry; so no request can be answered by a
//! statement that was sent before it arrived, unless that answer holds for it anyway.

mod core;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::tally::Tally;
use core::Table;

/// What the core locks with.
mod sync {
    pub(super) use std::sync::{Arc, Mutex, MutexGuard};

    /// Where others may act between the end of a lock and what follows. Tests let them.
    pub(super) const fn out_of_lock() {}
}

/// The flights of one kind of thing. Cheap to clone.
///
/// `K` has to be the whole question: two questions with one key would be answered by one fetch.
pub struct Flights<K: Hash + Eq + Clone> {
    table: Arc<Table<K>>,
    tally: Arc<Tally<4>>,
    patience: Duration,
}

const LED: usize = 0;
const FOLLOWED: usize = 1;
const TOOK_OVER: usize = 2;
const TIMED_OUT: usize = 3;

/// What came of joining a flight.
pub enum Joined<K: Hash + Eq + Clone> {
    /// Nobody else is fetching this: fetch it, put it in the cache, then [`Leader::land`].
    Leader(Leader<K>),
    /// Somebody is fetching it: [`Follower::wait`].
    Follower(Follower<K>),
}

/// What came of waiting. In each case the first thing to do is to look into the cache again.
pub enum Turn<K: Hash + Eq + Clone> {
    /// The leader is done.
    Landed,
    /// The leader gave up, and this follower leads now.
    Lead(Leader<K>),
    /// The leader took too long: fetch without it, or give up.
    TimedOut,
}

/// What flights counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlightStats {
    /// How many were the first to ask.
    pub led: u64,
    /// How many found somebody else on it.
    pub followed: u64,
    /// How many of these took over from a leader that gave up.
    pub took_over: u64,
    /// How many of these lost patience.
    pub timed_out: u64,
    /// Flights under way.
    pub flying: usize,
    /// Followers waiting.
    pub waiting: usize,
}

impl<K: Hash + Eq + Clone> Flights<K> {
    /// Flights in which a follower waits for so long at most, whoever leads. It is a bound of its
    /// own: a leader that hangs must not take all who follow with it.
    pub fn new(patience: Duration) -> Self {
        Self { table: Table::new(), tally: Arc::new(Tally::new()), patience }
    }

    /// Leads if nobody leads for this key, else follows. Never waits.
    pub fn join(&self, key: &K) -> Joined<K> {
        match self.table.join(key) {
            core::Joined::Leader(leader) => {
                self.tally.raise(LED);
                Joined::Leader(Leader(leader))
            }
            core::Joined::Follower(follower) => {
                self.tally.raise(FOLLOWED);
                let until = Instant::now().checked_add(self.patience);
                Joined::Follower(Follower { follower, until, tally: self.tally.clone() })
            }
        }
    }

    /// What was counted so far.
    pub fn stats(&self) -> FlightStats {
        let [led, followed, took_over, timed_out] = self.tally.read();
        let (flying, waiting) = self.table.len();
        FlightStats { led, followed, took_over, timed_out, flying, waiting }
    }
}

impl<K: Hash + Eq + Clone> Clone for Flights<K> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone(), tally: self.tally.clone(), patience: self.patience }
    }
}

/// The only one that fetches. Dropped without [`Leader::land`], because fetching failed or the
/// caller went away, it leaves the lead to one of its followers, and the others wait on.
#[must_use = "dropping it gives the lead away"]
pub struct Leader<K: Hash + Eq + Clone>(core::Leader<K>);

impl<K: Hash + Eq + Clone> Leader<K> {
    /// What was fetched is in the cache: all followers look for themselves.
    pub fn land(self) {
        self.0.land();
    }
}

/// One who waits for somebody else's fetch.
#[must_use = "a follower has to wait"]
pub struct Follower<K: Hash + Eq + Clone> {
    follower: core::Follower<K>,
    until: Option<Instant>,
    tally: Arc<Tally<4>>,
}

impl<K: Hash + Eq + Clone> Follower<K> {
    /// Waits for the end of the flight, the lead, or the end of patience.
    pub async fn wait(mut self) -> Turn<K> {
        let turn = self.follower.turn();
        let turn = match self.until {
            Some(until) => tokio::time::timeout_at(until, turn).await,
            None => Ok(turn.await),
        };
        match turn {
            Ok(None) => Turn::Landed,
            Ok(Some(leader)) => {
                self.tally.raise(TOOK_OVER);
                Turn::Lead(Leader(leader))
            }
            Err(_) => {
                self.tally.raise(TIMED_OUT);
                Turn::TimedOut
            }
        }
    }
}

#[cfg(test)]
mod tests;
