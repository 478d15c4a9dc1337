//! Worlds, the reference store and the conformance suite; for tests only.

pub mod conformance;
pub mod memory;
