//! The SQL store: set-up, changes and the fax index, over sea-orm.
//!
//! [`SqlStore`] implements [`lineguard_core::port::Store`]. Types of sea-orm do not leave this
//! crate, and what differs between databases stands in `dialect` alone.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `connect` | opening: connections, lock, settings, schema |
//! | `writer` | turns to write, and what is tried again |
//! | `dialect`, `sql`, `limits` | what differs between databases; a statement with its values; how large it may be |
//! | `rows` | rows to domain values; a row that does not parse is named |
//! | `session` | one transaction of one tenant: reads, and writes with their record |
//! | `member` | the one statement behind an authority |
//! | `lists` | the fax index: newest first, by seeks |
//! | `apply`, `register`, `import` | batches of changes; faxes; both at once |
//! | `removal`, `hidden` | what is removed in steps; which rows no read shows meanwhile |
//! | `stage` | imports of new tenants, in steps that nobody sees |
//! | `request` | first results, for repeats |
//! | `trail`, `audit` | what a transaction writes, taken down; the audit trail and its hash chain |
//! | `concern`, `feed` | what changes concern; what replicas are told of it |
//! | `models` | model texts, parsed once |
//! | `watch` | telling of statements, for telemetry |

mod apply;
mod audit;
mod batch_digest;
mod concern;
mod connect;
mod dialect;
mod duplicates;
mod edit;
mod error;
mod feed;
mod hidden;
mod import;
mod limits;
mod lists;
mod member;
mod migration;
mod models;
mod register;
mod removal;
mod request;
mod rows;
mod session;
mod sql;
mod stage;
mod store;
mod trail;
mod watch;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use audit::Chain;
pub use connect::{OpenError, OpenMode, OpenOptions};
pub use store::SqlStore;
pub use watch::{Ending, Statement, Watch};
