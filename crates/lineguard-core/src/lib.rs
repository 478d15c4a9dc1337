//! The permission model and the decision engine of Lineguard.
//!
//! *Facts first, then a plain synchronous function.* This crate does no I/O, reads no clock and
//! knows neither SQL nor protobuf.

pub mod assemble;
pub mod auto_assign;
pub mod change;
pub mod concern;
pub mod decision;
pub mod engine;
pub mod explain;
pub mod facts;
pub mod feed;
pub mod id;
pub mod list;
pub mod looks;
pub mod model;
pub mod model_test;
pub mod port;
pub mod request;
pub mod row;
pub mod stamp;
pub mod suggest;
pub mod text;
pub mod vocabulary;

/// The action that makes a fax visible; one of the two actions that code names, because the list of
/// faxes is the list of those it covers.
pub const FAX_VIEW: &str = "fax.view";

/// The action that makes an administrator, which is the other one: whoever may give roles at the
/// root account can give everything else there.
pub const ROLE_ASSIGN: &str = "role.assign";
