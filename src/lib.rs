//! The Lineguard service: everything that knows gRPC, processes and signals.

pub mod wire;
pub mod world;
