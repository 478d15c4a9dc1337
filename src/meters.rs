//! What is counted where it happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lineguard_lease::Acknowledged;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Meters {
    stale_answers: AtomicU64,
    emergencies_allowed: AtomicU64,
    confirmed: Mutex<Waits>,
    expired: Mutex<Waits>,
}

/// Writes that waited until they were in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// How many.
    pub count: u64,
    /// How long together.
    pub total: Duration,
    /// How long the one that took longest.
    pub longest: Duration,
}

impl Meters {
    /// A stale answer was given, because the operator allows it.
    pub fn stale_answer(&self) {
        self.stale_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// An emergency call was allowed while nothing could be known.
    pub fn emergency_allowed(&self) {
        self.emergencies_allowed.fetch_add(1, Ordering::Relaxed);
    }

    /// A write waited this long until it was in force.
    pub fn waited(&self, how: Acknowledged, time: Duration) {
        let mut waits = self.of(how).lock().unwrap_or_else(PoisonError::into_inner);
        waits.count += 1;
        waits.total += time;
        waits.longest = waits.longest.max(time);
    }

    /// Stale answers given.
    pub fn stale_answers(&self) -> u64 {
        self.stale_answers.load(Ordering::Relaxed)
    }

    /// Emergency calls allowed while nothing could be known.
    pub fn emergencies_allowed(&self) -> u64 {
        self.emergencies_allowed.load(Ordering::Relaxed)
    }

    /// Writes that waited, by how they knew that they were in force.
    pub fn waits(&self, how: Acknowledged) -> Waits {
        *self.of(how).lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn of(&self, how: Acknowledged) -> &Mutex<Waits> {
        match how {
            Acknowledged::ByConfirmation => &self.confirmed,
            Acknowledged::ByExpiry => &self.expired,
        }
    }
}
