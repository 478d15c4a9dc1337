//! Real server processes under faults, and a checker of what they answered.
//!
//! Several servers share one PostgreSQL and one Redis, and each is followed by a sidecar. Writers flip
//! single facts of permission, askers ask about them on every server and sidecar, and something goes wrong all the time: links are slow,
//! silent or cut, processes are stopped and killed, the databases are restarted. Everything that
//! was written and answered is recorded with its times, and afterwards [`checker::check`] looks for
//! an answer that should not have been given.

pub mod asker;
pub mod checker;
pub mod clock;
pub mod databases;
pub mod failure;
pub mod faults;
pub mod fleet;
pub mod history;
pub mod link;
pub mod measure;
pub mod nemesis;
pub mod probe;
pub mod processes;
pub mod random;
pub mod refused;
pub mod replica;
pub mod report;
pub mod rolling;
pub mod run;
pub mod serving;
pub mod upgrade;
pub mod whom;
pub mod world;
pub mod writer;
