//! What happens again and again while something is away: growing pauses, and few words about it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Pauses between tries. Each is twice as long as the one before, up to the longest, and then
/// shortened by chance, so that many who lost the same thing do not come back as one.
#[derive(Debug, Clone)]
pub struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// From the first to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The next pause: of its length by `chance`, from 0 to 255, between half and all.
    pub fn next(&mut self, chance: u8) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole.saturating_mul(2).min(self.longest);
        whole.mul_f64(0.5 + 0.5 * f64::from(chance) / 255.0)
    }

    /// It went well: the next pause is the first again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

/// How often the same is said again.
const APART: Duration = Duration::from_secs(60);

/// Something that may happen at any rate and is said at a bounded one: the first time at once, and
/// then once a minute with how often it happened.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    unsaid: u64,
    all: u64,
}

impl Seldom {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Told { last: None, unsaid: 0, all: 0 }))
    }

    /// It happened. How often since it was last said, this time included, if it is to be said now.
    pub fn again(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.unsaid += 1;
        told.all += 1;
        if told.last.is_some_and(|last| now.saturating_duration_since(last) < APART) {
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.unsaid))
    }

    /// It is over: how often it happened in all, if it did. What comes next is something else, but
    /// not said more often: what comes and goes all the time would be as loud as what stays.
    pub fn over(&self) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut told.all)).filter(|all| *all > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut pauses = Pauses::new(second / 4, 2 * second);
        let all = [0; 6].map(|_| pauses.next(255));
        let quarters = [1, 2, 4, 8, 8, 8].map(|quarters| quarters * second / 4);
        assert_eq!(all, quarters);
        assert_eq!(pauses.next(0), second);
        pauses.reset();
        assert_eq!(pauses.next(0), second / 8);
    }

    #[test]
    fn much_is_said_once_a_minute_and_none_of_it_is_lost() {
        let begun = Instant::now();
        let seldom = Seldom::new();
        assert_eq!(seldom.over(), None);
        let said: Vec<(u64, u64)> = (0..=1_200)
            .filter_map(|tenths| {
                let now = begun + Duration::from_millis(100) * u32::try_from(tenths).unwrap();
                seldom.again(now).map(|count| (tenths, count))
            })
            .collect();
        assert_eq!(said, [(0, 1), (600, 600), (1_200, 600)]);
        assert_eq!(seldom.over(), Some(1_201));
        assert_eq!(seldom.over(), None);
        // What comes back at once is not louder than what stayed.
        assert_eq!(seldom.again(begun + Duration::from_secs(121)), None);
        assert_eq!(seldom.again(begun + Duration::from_secs(181)), Some(2));
    }
}
