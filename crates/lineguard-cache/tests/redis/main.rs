//! The cache and the bus with a real Redis that is slow, gone, emptied, falsified, set back.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod server;

#[cfg(test)]
#[path = "../support/random.rs"]
mod random;
#[cfg(test)]
#[path = "../support/world.rs"]
mod world;

#[cfg(test)]
use lineguard_cache::{Origin, Validity};
