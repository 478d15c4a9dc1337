//! Caches of answers.
//!
//! Nothing here decides how recent an answer is. Each entry carries where it came from, its
//! [`Origin`], and is used only if the caller's view of the present, a [`Validity`], says that it
//! still holds. So losing, repeating or falsifying anything in a cache costs time and changes no
//! answer.
//!
//! - [`L1`] is in the process, bounded by bytes.
//! - [`L2`] is in Redis, shared by all replicas. What it gives back is authenticated.
//! - [`Flights`] lets one of many that miss the same thing fetch it.
//! - [`RedisBus`] carries hints and confirmations between replicas.
//! - [`Breaker`] keeps a Redis that is slow or gone from slowing anybody down.

pub mod breaker;
pub mod bus;
pub mod flights;
pub mod l1;
pub mod l2;
mod link;
mod origin;
mod seal;
mod server;
mod tally;
mod task;

pub use breaker::Breaker;
pub use bus::RedisBus;
pub use flights::Flights;
pub use l1::{Hit, L1, L1Stats};
pub use l2::{L2, L2Stats};
pub use origin::{Origin, Validity};
pub use seal::Seal;
pub use server::{BadUrl, Redis};

// What the tests of this crate share, those in it and those outside.
#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
#[cfg(test)]
#[path = "../tests/support/world.rs"]
mod world;
