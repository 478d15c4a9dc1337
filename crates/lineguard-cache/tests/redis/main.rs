//! The cache and the bus with a real Redis that is slow, gone, emptied, falsified, set back.

mod answers;
mod bus;
mod faults;
#[cfg(test)]
mod server;

#[cfg(test)]
#[path = "../support/random.rs"]
mod random;
#[cfg(test)]
#[path = "../support/world.rs"]
mod world;

use lineguard_cache::{Origin, Validity};
