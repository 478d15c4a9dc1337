//! `lineguard version`

use clap::Args;
use serde_json::json;

use super::{Exit, Failure, Output, print};

/// Print the version.
#[derive(Debug, Args)]
pub struct Version {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Version {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written to.
    pub fn run(self) -> Result<Exit, Failure> {
        let version = env!("CARGO_PKG_VERSION");
        match self.output {
            Output::Text => print(format_args!("lineguard {version}"))?,
            Output::Json => print(json!({
                "name": "lineguard",
                "version": version,
                "api": "lineguard.v1",
                "rust": env!("CARGO_PKG_RUST_VERSION"),
                "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            }))?,
        }
        Ok(Exit::Ok)
    }
}
