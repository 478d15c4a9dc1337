//! The permission model and the decision engine of Lineguard.
//!
//! *Facts first, then a plain synchronous function.* This crate does no I/O, reads no clock and
//! knows neither SQL nor protobuf.

pub mod assemble;
pub mod change;
pub mod decision;
pub mod engine;
pub mod facts;
pub mod id;
pub mod model;
pub mod port;
pub mod request;
pub mod row;
pub mod suggest;
mod text;
pub mod vocabulary;
