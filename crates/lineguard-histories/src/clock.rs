//! The one clock of a run.

use std::time::{Duration, Instant};

/// Nanoseconds since the run began.
pub type Nanos = u64;

/// Counts from the moment it was made. Everything recorded in a run is timed by one of these, so
/// "before" means the same for writers, askers and faults.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to count.
    #[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the beginning.
    pub fn now(&self) -> Nanos {
        nanos(self.0.elapsed())
    }
}

/// A duration in nanoseconds.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds, for people.
pub fn seconds(at: Nanos) -> f64 {
    Duration::from_nanos(at).as_secs_f64()
}
