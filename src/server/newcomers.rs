//! Connections that have not said anything yet. Each has only so long for that, and when all places
//! are taken the one that has been silent the longest makes room: who opens thousands of connections
//! to leave them idle keeps nobody else out.

use std::collections::VecDeque;
use std::pin::Pin;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::metrics::TurnedAway;

/// Ends when a newcomer must go, and says why.
pub(super) type Patience = Pin<Box<dyn Future<Output = TurnedAway> + Send>>;

/// The newcomers, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Newcomers(VecDeque<oneshot::Sender<()>>);

impl Newcomers {
    /// One more, which must have said something by then. It is one for as long as what is returned
    /// is kept.
    pub(super) fn admit(&mut self, until: Instant) -> Patience {
        // Those behind them are hardly older than their time, so the rest stays short.
        while self.0.front().is_some_and(oneshot::Sender::is_closed) {
            self.0.pop_front();
        }
        let (go, told) = oneshot::channel();
        self.0.push_back(go);
        Box::pin(async move {
            tokio::select! {
                () = sleep_until(until) => TurnedAway::Silent,
                // The sender is gone with the listener: nobody needs the place then.
                Ok(()) = told => TurnedAway::Crowded,
            }
        })
    }

    /// Tells the one that has been silent the longest to go.
    pub(super) fn make_room(&mut self) {
        while let Some(oldest) = self.0.pop_front() {
            if oldest.send(()).is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_goes_first_and_those_who_spoke_stay() {
        let mut newcomers = Newcomers::default();
        let until = Instant::now() + Duration::from_secs(3);
        let (spoke, second, third) =
            (newcomers.admit(until), newcomers.admit(until), newcomers.admit(until));
        drop(spoke);
        newcomers.make_room();
        assert_eq!(second.await, TurnedAway::Crowded);
        assert_eq!(third.await, TurnedAway::Silent);
        assert_eq!(Instant::now(), until);
    }

    #[tokio::test]
    async fn who_is_no_newcomer_any_more_is_forgotten() {
        let mut newcomers = Newcomers::default();
        for _ in 0..100 {
            drop(newcomers.admit(Instant::now()));
        }
        let _last = newcomers.admit(Instant::now());
        assert_eq!(newcomers.0.len(), 1);
    }
}
