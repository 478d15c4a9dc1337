//! The quick way between replicas. Nothing that is true depends on it.

use lineguard_core::feed::Incarnation;
use lineguard_core::stamp::{Shard, Stamp};
use tokio::sync::broadcast;

/// Carries hints and confirmations between replicas. Losing any of them costs time only. A forged
/// confirmation would acknowledge a write too early, so an implementation proves who sent it.
pub trait Bus: Send + Sync + 'static {
    /// Tells the others that a shard has this stamp now. Returns at once.
    fn hint(&self, shard: Shard, stamp: Stamp);

    /// Tells the others what an incarnation has installed. Returns at once.
    fn confirm(&self, incarnation: Incarnation, shard: Shard, stamp: Stamp);

    /// What is heard from now on.
    fn subscribe(&self) -> broadcast::Receiver<Heard>;

    /// Whether messages are believed to pass. Confirmations go through the database at once where
    /// they do not.
    fn connected(&self) -> bool;
}

/// What a replica hears from others, and perhaps from itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// There is something new.
    Hint {
        /// Where.
        shard: Shard,
        /// The stamp that it has now.
        stamp: Stamp,
    },
    /// Somebody has installed something.
    Confirmed {
        /// Who.
        incarnation: Incarnation,
        /// Where.
        shard: Shard,
        /// What.
        stamp: Stamp,
    },
}

/// No bus: for one replica, or where there is nothing to carry messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBus;

impl Bus for NoBus {
    fn hint(&self, _: Shard, _: Stamp) {}

    fn confirm(&self, _: Incarnation, _: Shard, _: Stamp) {}

    fn subscribe(&self) -> broadcast::Receiver<Heard> {
        broadcast::channel(1).1
    }

    fn connected(&self) -> bool {
        false
    }
}
