//! The wall clock: the only module that reads it.
//!
//! A request is given its time once, on arrival; everything below takes that time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use lineguard_core::id::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A machine whose clock stands before 1970 still gets an order of events.
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_counts_milliseconds_since_1970() {
        let year_2020 = 1_577_836_800_000;
        let year_2200 = 7_258_118_400_000;
        let Timestamp(now) = SystemClock.now();
        assert!((year_2020..year_2200).contains(&now), "{now}");
    }
}
