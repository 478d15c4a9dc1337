//! Worlds, the reference store, the second evaluator and the conformance suite; for tests only.

#![expect(clippy::expect_used, reason = "what a test tool makes itself is well-formed")]

pub mod conformance;
pub mod generate;
pub mod memory;
pub mod naive;
