//! `lineguard config`

use clap::{Args, Subcommand};
use lineguard_core::model::built_in_vocabulary;

use super::{Exit, Failure, Output, print};
use crate::config::{Config, ServerFlags, reference};
use crate::doors;
use crate::models::folder;

/// Check the configuration, or show what holds.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report every mistake, those in certificates, callers and models too; nothing is started
    Validate(Validate),
    /// Show what holds and where it was said; secrets are left out
    Print(Print),
}

/// Report every mistake.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    flags: ServerFlags,
}

/// Show what holds.
#[derive(Debug, Args)]
pub struct Print {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    flags: ServerFlags,
}

impl ConfigCommand {
    /// Reads the configuration and prints it if asked to.
    ///
    /// # Errors
    ///
    /// Every mistake in the configuration.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Validate(Validate { flags }) => {
                let config = Config::load(&flags.sources())?;
                folder::read(config.models_dir.as_deref(), built_in_vocabulary())?;
                doors::check(&config)?;
            }
            Self::Print(Print { output, flags }) => {
                let (_, layers) = Config::load_with_layers(&flags.sources())?;
                match output {
                    Output::Text => print(reference::effective_toml(&layers).trim_end())?,
                    Output::Json => print(reference::effective_json(&layers))?,
                }
            }
        }
        Ok(Exit::Ok)
    }
}
