//! What met the end of a connection is asked once more, on the next one.

use std::error::Error as _;

use tonic::Status;

/// Asks, and once more if the connection ended instead of an answer: a parent that stops takes no
/// calls on it any more, and the next connection may lead to another. Only for what changes nothing.
pub(super) async fn again<T, F>(ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    match ask().await {
        // What a server says has no source; what this side makes of a connection's end has.
        Err(status) if status.source().is_some() => ask().await,
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn asked(first: Status) -> (u32, bool) {
        let times = Cell::new(0);
        let answer = again(async || {
            times.set(times.get() + 1);
            if times.get() == 1 { Err(first.clone()) } else { Ok(()) }
        });
        let answered = answer.await.is_ok();
        (times.get(), answered)
    }

    #[tokio::test]
    async fn the_end_of_a_connection_is_no_answer_and_what_a_parent_says_is() {
        let ended = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert_eq!(asked(ended).await, (2, true));
        for said in [Status::unavailable("overloaded"), Status::cancelled("by the parent")] {
            assert_eq!(asked(said).await, (1, false));
        }
    }
}
