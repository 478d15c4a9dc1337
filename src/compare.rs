//! Now and then, whether a list and `Check` say the same: the invariant that every other test asserts
//! of made-up worlds, watched in the one that is real.
//!
//! A page that was asked for is read once more, in the background, and `Check` is asked about some
//! of its faxes and about some that it left out, all from one snapshot. Nothing of it is told but
//! counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::{Comparison, Metrics};
use crate::telemetry::random;

/// How many faxes of a page are tried, and how many that it left out.
pub const PICKS: usize = 3;

/// How long one comparison may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two comparisons, so that they never become a load.
const PAUSE: Duration = Duration::from_secs(1);

/// Chooses pages to compare.
#[derive(Debug, Clone)]
pub struct Comparer {
    one_in: u32,
    pause: Duration,
    free: Arc<Semaphore>,
}

/// Leave to compare one page.
#[derive(Debug)]
pub struct Leave {
    pause: Duration,
    _free: OwnedSemaphorePermit,
}

/// How many faxes were found alike and how many not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The list and `Check` say the same.
    pub agree: usize,
    /// They do not.
    pub disagree: usize,
}

impl Comparer {
    /// Chooses about one of so many pages; 0: none.
    pub fn one_in(one_in: u32) -> Self {
        Self { one_in, pause: PAUSE, free: Arc::new(Semaphore::new(1)) }
    }

    /// Leave, if this page is one of those.
    pub fn leave(&self) -> Option<Leave> {
        if self.one_in == 0 || !random().is_multiple_of(u64::from(self.one_in)) {
            return None;
        }
        let free = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Leave { pause: self.pause, _free: free })
    }
}

impl Leave {
    /// Compares in the background.
    pub fn compare<E: Send + 'static>(
        self,
        metrics: Metrics,
        comparison: impl Future<Output = Result<Tally, E>> + Send + 'static,
    ) {
        tokio::spawn(async move {
            // All of it: the next comparison must wait for the end of this one.
            let leave = self;
            match tokio::time::timeout(PATIENCE, comparison).await {
                Ok(Ok(tally)) => tell(&metrics, tally),
                Ok(Err(_)) | Err(_) => metrics.compared(Comparison::Skipped),
            }
            tokio::time::sleep(leave.pause).await;
        });
    }
}

fn tell(metrics: &Metrics, tally: Tally) {
    let Tally { agree, disagree } = tally;
    (0..agree).for_each(|_| metrics.compared(Comparison::Agree));
    (0..disagree).for_each(|_| metrics.compared(Comparison::Disagree));
    if disagree > 0 {
        tracing::error!(agree, disagree, "a list of faxes and `Check` contradict each other");
    }
}

/// Some of these, by chance.
pub fn some<T>(mut of: Vec<T>, count: usize) -> Vec<T> {
    let mut some = Vec::with_capacity(count);
    while some.len() < count && !of.is_empty() {
        let at = random() as usize % of.len();
        some.push(of.swap_remove(at));
    }
    some
}

#[cfg(test)]
mod tests {
    use lineguard_core::model::built_in_vocabulary;

    use super::*;

    #[test]
    fn about_one_page_of_so_many_is_chosen_and_one_at_a_time() {
        let comparer = Comparer::one_in(10);
        let chosen = (0..10_000).filter(|_| comparer.leave().is_some()).count();
        assert!((800..1_200).contains(&chosen), "{chosen}");
        let always = Comparer::one_in(1);
        let first = always.leave();
        assert!(first.is_some() && always.leave().is_none());
        drop(first);
        assert!(always.leave().is_some());
        assert!(Comparer::one_in(0).leave().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_counted_and_then_there_is_a_pause() {
        let metrics = Metrics::start(built_in_vocabulary()).unwrap();
        let comparer = Comparer::one_in(1);
        let found = Ok::<_, ()>(Tally { agree: 5, disagree: 1 });
        comparer.leave().unwrap().compare(metrics.clone(), std::future::ready(found));
        tokio::time::sleep(PAUSE / 2).await;
        assert!(comparer.leave().is_none());
        tokio::time::sleep(PAUSE).await;
        comparer.leave().unwrap().compare(metrics.clone(), std::future::ready(Err(())));
        tokio::time::sleep(PAUSE * 2).await;
        let never = std::future::pending::<Result<Tally, ()>>();
        comparer.leave().unwrap().compare(metrics.clone(), never);
        tokio::time::sleep(PATIENCE + PAUSE).await;
        let text = metrics.text().unwrap();
        for (result, count) in [("agree", 5), ("disagree", 1), ("skipped", 2)] {
            let line = format!("comparison_result=\"{result}\"}} {count}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
    }

    #[test]
    fn some_are_some_of_them() {
        assert_eq!(some(vec![1, 2], 3).len(), 2);
        let mut all = some((0..5).collect(), 5);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }
}
