//! How long writes waited until they were in force.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lineguard_lease::Acknowledged;

/// Waits since the start, by how they ended.
#[derive(Debug, Default)]
pub struct WriteWaits {
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

impl WriteWaits {
    /// A write waited this long.
    pub fn add(&self, how: Acknowledged, time: Duration) {
        let mut waits = self.of(how).lock().unwrap_or_else(PoisonError::into_inner);
        waits.count += 1;
        waits.total += time;
        waits.longest = waits.longest.max(time);
    }

    /// Those that ended in this way.
    pub fn ended(&self, how: Acknowledged) -> Waits {
        *self.of(how).lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn of(&self, how: Acknowledged) -> &Mutex<Waits> {
        match how {
            Acknowledged::ByConfirmation => &self.confirmed,
            Acknowledged::ByExpiry => &self.expired,
        }
    }
}
