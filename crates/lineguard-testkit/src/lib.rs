//! Worlds, the reference store, the second evaluator and the conformance suite; for tests only.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must fail")]

pub mod conformance;
#[cfg(feature = "databases")]
pub mod databases;
pub mod generate;
pub mod ids;
pub mod memory;
pub mod model;
pub mod naive;
pub mod world;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future that never waits for anything, as those of [`memory::MemoryStore`] do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}
