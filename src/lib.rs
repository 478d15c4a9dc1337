//! The Lineguard service: everything that knows gRPC, processes and signals.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod server;
pub mod telemetry;
pub mod wire;
