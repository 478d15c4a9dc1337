//! What is counted where it happens.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Meters {
    stale_answers: AtomicU64,
    emergencies_allowed: AtomicU64,
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

    /// Stale answers given.
    pub fn stale_answers(&self) -> u64 {
        self.stale_answers.load(Ordering::Relaxed)
    }

    /// Emergency calls allowed while nothing could be known.
    pub fn emergencies_allowed(&self) -> u64 {
        self.emergencies_allowed.load(Ordering::Relaxed)
    }
}
