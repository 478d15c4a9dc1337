//! What is ready for a client and was not taken yet, of a bounded size. A client that takes nothing
//! loses it, so that nothing is kept for whoever does nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::Status;

use crate::wire::status::Failure;

/// The end where parts are put.
pub(super) struct Outbox<T>(Arc<Shared<T>>);

/// The end where the client takes them.
pub(super) struct Taken<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    /// The client has taken a part, or is gone.
    taken: Notify,
    most_bytes: usize,
}

struct State<T> {
    ready: VecDeque<(T, usize)>,
    bytes: usize,
    ended: Option<Option<Status>>,
    gone: bool,
    waker: Option<Waker>,
}

/// The client is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Both ends of a box that is full when `most_bytes` wait in it.
pub(super) fn outbox<T>(most_bytes: usize) -> (Outbox<T>, Taken<T>) {
    let state = State { ready: VecDeque::new(), bytes: 0, ended: None, gone: false, waker: None };
    let shared = Shared { state: Mutex::new(state), taken: Notify::new(), most_bytes };
    let shared = Arc::new(shared);
    (Outbox(Arc::clone(&shared)), Taken(shared))
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(mut state: MutexGuard<'_, State<T>>) {
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Outbox<T> {
    /// Puts a part of so many bytes.
    pub(super) fn put(&self, part: T, bytes: usize) {
        let mut state = self.0.state();
        if !state.gone {
            state.bytes += bytes;
            state.ready.push_back((part, bytes));
        }
        Shared::wake(state);
    }

    /// Waits until there is room for a part.
    pub(super) async fn room(&self) -> Result<(), Gone> {
        self.when(|state| state.bytes < self.0.most_bytes).await
    }

    /// Waits until everything was taken, as long as the client takes something every so often.
    pub(super) async fn emptied(&self, patience: Duration) -> Result<(), Emptying> {
        loop {
            let left = self.0.state().ready.len();
            let one = self.when(|state| state.ready.is_empty() || state.ready.len() < left);
            match tokio::time::timeout(patience, one).await {
                Ok(Ok(())) if self.0.state().ready.is_empty() => return Ok(()),
                Ok(Ok(())) => {}
                Ok(Err(Gone)) => return Err(Emptying::Gone),
                Err(_) => return Err(Emptying::Stalled),
            }
        }
    }

    async fn when(&self, so: impl Fn(&State<T>) -> bool) -> Result<(), Gone> {
        loop {
            let taken = self.0.taken.notified();
            {
                let state = self.0.state();
                if state.gone {
                    return Err(Gone);
                }
                if so(&state) {
                    return Ok(());
                }
            }
            taken.await;
        }
    }

    /// Waits until the client is gone.
    pub(super) async fn gone(&self) {
        let _ = self.when(|_| false).await;
    }

    /// Nothing more comes.
    pub(super) fn end(self) {
        self.0.state().ended = Some(None);
    }

    /// Nothing more comes, and what waits is thrown away.
    pub(super) fn fail(self, status: Status) {
        let mut state = self.0.state();
        state.ended = Some(Some(status));
        state.ready = VecDeque::new();
        state.bytes = 0;
    }
}

/// Why a box was not emptied.
#[derive(Debug)]
pub(super) enum Emptying {
    Gone,
    Stalled,
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.ended.is_none() {
            // A stream that breaks off must not look like one that is whole.
            let broken = Failure::Internal("a stream ended before its end".into());
            state.ended = Some(Some(broken.into()));
        }
        Shared::wake(state);
    }
}

impl<T> Drop for Taken<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.gone = true;
        state.ready = VecDeque::new();
        drop(state);
        self.0.taken.notify_waiters();
    }
}

impl<T> Stream for Taken<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.state();
        if let Some((part, bytes)) = state.ready.pop_front() {
            state.bytes -= bytes;
            drop(state);
            self.0.taken.notify_waiters();
            return Poll::Ready(Some(Ok(part)));
        }
        match &mut state.ended {
            Some(failure) => Poll::Ready(failure.take().map(Err)),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_thrown_away_and_the_reason_is_left() {
        let (put, mut taken) = outbox(10);
        put.put(1, 6);
        put.room().await.unwrap();
        put.put(2, 6);
        assert!(tokio::time::timeout(PATIENCE, put.room()).await.is_err(), "it is full");
        assert_eq!(taken.next().await.unwrap().unwrap(), 1);
        put.room().await.unwrap();
        assert!(matches!(put.emptied(PATIENCE).await, Err(Emptying::Stalled)));
        put.fail(Failure::Stalled.into());
        assert_eq!(taken.next().await.unwrap().unwrap_err().code(), tonic::Code::DeadlineExceeded);
        assert!(taken.next().await.is_none());
    }

    #[tokio::test]
    async fn whoever_waits_for_room_hears_that_the_client_is_gone() {
        let (put, taken) = outbox(1);
        put.put(1, 1);
        drop(taken);
        assert!(put.room().await.is_err());
        assert!(matches!(put.emptied(PATIENCE).await, Err(Emptying::Gone)));
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_no_whole_one() {
        let (put, mut taken) = outbox(1);
        put.put(1, 1);
        drop(put);
        assert!(taken.next().await.unwrap().is_ok());
        assert_eq!(taken.next().await.unwrap().unwrap_err().code(), tonic::Code::Internal);
    }
}
