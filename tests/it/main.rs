//! The real server over a real store, asked over gRPC.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod admin_service;
mod agreement;
mod ask;
mod bad_input;
mod burden;
mod caller_id;
mod callers;
mod changes;
mod command_line;
mod disclosure;
mod emergency;
mod engine;
mod everybody;
mod explanations;
mod fax_service;
mod harness;
mod held;
mod import_export;
mod killed;
mod large;
mod left_out;
mod limits;
mod matrix;
mod models_folder;
mod outages;
mod paging;
mod process;
mod protocol;
mod removal;
mod rulings;
mod scenarios;
mod sidecar;
mod smoke;
mod unseen;
mod writing;
