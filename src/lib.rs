//! The Lineguard service: everything that knows gRPC, processes and signals.

pub mod access;
pub mod announced;
pub mod answer;
pub mod app;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod config;
pub mod demo;
pub mod dial;
pub mod doors;
pub mod gather;
pub mod metrics;
pub mod models;
pub mod names;
pub mod objects;
pub mod open;
pub mod operations;
mod overview;
pub mod rpc;
pub mod server;
pub mod sidecar;
pub mod telemetry;
pub mod token;
pub mod waits;
pub mod wire;
pub mod world;
