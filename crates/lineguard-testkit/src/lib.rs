//! Worlds, the reference store, the second evaluator and the conformance suite; for tests only.

pub mod conformance;
pub mod memory;
pub mod naive;
