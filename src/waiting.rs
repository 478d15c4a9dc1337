//! Waiting for a database that is away at start.

use std::mem::discriminant;
use std::time::Duration;

use lineguard_lease::{Pauses, Seldom};
use tokio::time::{Instant, sleep};

use crate::open::OpenError;

/// The pauses between two tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How to wait.
pub struct Patience<P> {
    /// What to wait for; everything else ends the wait.
    pub passes: P,
    /// How long; for ever if there is none.
    pub limit: Option<Duration>,
    /// Gives random bytes.
    pub chance: fn() -> u8,
}

/// Tries again, after a first try that failed like this, until it goes well.
///
/// # Errors
///
/// The last error, if it will not pass, or time is over.
pub async fn until_open<T>(
    failed: OpenError,
    mut attempt: impl AsyncFnMut() -> Result<T, OpenError>,
    patience: Patience<impl Fn(&OpenError) -> bool>,
) -> Result<T, OpenError> {
    let Patience { passes, limit, chance } = patience;
    let (begun, mut error, mut tries) = (Instant::now(), failed, 1_u64);
    let (mut pauses, mut said) = (Pauses::new(PAUSES.0, PAUSES.1), Seldom::new());
    loop {
        let pause = pauses.next(chance());
        if !passes(&error) || limit.is_some_and(|limit| begun.elapsed() + pause > limit) {
            return Err(error);
        }
        if let Some(times) = said.again(Instant::now()) {
            tracing::warn!(%error, times, "waits for the database");
        }
        sleep(pause).await;
        tries += 1;
        let next = match attempt().await {
            Ok(opened) => {
                tracing::info!(tries, "the database is there");
                return Ok(opened);
            }
            Err(next) => next,
        };
        if kind(&next) != kind(&error) {
            // Another thing to wait for: somebody may have to know at once.
            said = Seldom::new();
        }
        error = next;
    }
}

/// What makes two errors the same to whoever reads of them.
fn kind(error: &OpenError) -> impl PartialEq + use<> {
    let store = match error {
        OpenError::Store(error) => Some(discriminant(error)),
        _ => None,
    };
    (discriminant(error), store)
}

#[cfg(test)]
mod tests {
    use lineguard_core::port::StoreError;
    use lineguard_store::OpenError as Closed;

    use super::*;

    fn refused() -> OpenError {
        StoreError::Unavailable { detail: "refused".into() }.into()
    }

    fn patience(limit: Option<u64>) -> Patience<fn(&OpenError) -> bool> {
        let limit = limit.map(Duration::from_secs);
        Patience { passes: OpenError::may_pass, limit, chance: || 255 }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_with_growing_pauses_until_it_goes_well() {
        let begun = Instant::now();
        let mut tried = Vec::new();
        let attempt = async || {
            tried.push(begun.elapsed().as_millis());
            if begun.elapsed() < Duration::from_secs(30) { Err(refused()) } else { Ok(7) }
        };
        assert_eq!(until_open(refused(), attempt, patience(None)).await.unwrap(), 7);
        assert_eq!(tried, [250, 750, 1_750, 3_750, 7_750, 12_750, 17_750, 22_750, 27_750, 32_750]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mistake_that_shows_later_ends_the_wait() {
        let mut left = 3;
        let attempt = async || {
            left -= 1;
            let foreign = OpenError::Store(Closed::ForeignSchema);
            if left > 0 { Err::<(), _>(refused()) } else { Err(foreign) }
        };
        let ended = until_open(refused(), attempt, patience(None)).await;
        assert!(matches!(ended, Err(OpenError::Store(Closed::ForeignSchema))));
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_over_before_the_pause_that_would_pass_it() {
        let begun = Instant::now();
        let ended = until_open(refused(), async || Err::<(), _>(refused()), patience(Some(10)));
        assert!(ended.await.unwrap_err().may_pass());
        assert_eq!(begun.elapsed().as_millis(), 7_750);
        let none = until_open(refused(), async || Ok(()), patience(Some(0))).await;
        assert!(none.is_err());
    }
}
