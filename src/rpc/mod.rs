//! The gRPC services. Each method reads the same: parse, gather, decide, encode. No rule about who
//! may do what stands here.

mod accounts;
mod admin;
mod admit;
mod authorization;
mod auto_assign;
mod caller_id;
mod check;
mod conferred;
mod faxes;
mod models_in_use;
mod operations;
mod outbox;
mod permissions;
mod sidecar;
mod visibility;
mod visible_faxes;
mod words;

pub use admin::Admin;
pub(crate) use admit::admitted;
pub use authorization::Authorization;
pub(crate) use check::emergencies;
pub use faxes::Faxes;
pub use operations::Operations;
pub use sidecar::Sidecars;
