//! Counters that many threads raise at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const LANES: usize = 16;

/// `N` counters. Each thread counts in a lane of its own as far as there are lanes, so that
/// counting a hit does not pass one line of memory around all cores.
#[derive(Debug)]
pub(crate) struct Tally<const N: usize> {
    lanes: [Lane<N>; LANES],
}

#[derive(Debug)]
#[repr(align(128))]
struct Lane<const N: usize>([AtomicU64; N]);

impl<const N: usize> Tally<N> {
    pub(crate) const fn new() -> Self {
        Self { lanes: [const { Lane([const { AtomicU64::new(0) }; N]) }; LANES] }
    }

    /// Raises the counter at a place; none, if there is no such place.
    pub(crate) fn raise(&self, place: usize) {
        let counter = self.lanes.get(lane()).and_then(|lane| lane.0.get(place));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the counters say, each by itself: they are not read at one moment.
    pub(crate) fn read(&self) -> [u64; N] {
        let mut sums = [0u64; N];
        for lane in &self.lanes {
            for (sum, counter) in sums.iter_mut().zip(&lane.0) {
                *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
            }
        }
        sums
    }
}

fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LANE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
    // A thread that is being torn down has no lane any more.
    LANE.try_with(|lane| *lane).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_adds_up() {
        let tally = Tally::<2>::new();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1000).for_each(|at| tally.raise(usize::from(at % 4 == 0))));
            }
        });
        assert_eq!(tally.read(), [30_000, 10_000]);
    }
}
