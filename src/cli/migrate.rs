//! `lineguard migrate`

use std::time::Duration;

use clap::Args;

use super::{Exit, Failure, print};
use crate::config::{Config, StoreFlags, value};
use crate::open::{self, OpenError};
use crate::token;
use crate::waiting::{Patience, until_open};

/// Bring the schema of the store up to date.
#[derive(Debug, Args)]
pub struct Migrate {
    /// How long to wait for a database that is away; 0s: not at all
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse)]
    wait: Duration,
    /// The settings.
    #[command(flatten)]
    pub flags: StoreFlags,
}

fn parse(text: &str) -> Result<Duration, String> {
    value::duration(text).map_err(|expected| format!("not {expected}"))
}

impl Migrate {
    /// Migrates and says what was done.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        let attempt = async || open::migrate(config).await;
        let done = match attempt().await {
            Ok(done) => done,
            Err(error) => {
                let (limit, chance) = (Some(self.wait), token::chance as fn() -> u8);
                let patience = Patience { passes: worth_waiting, limit, chance };
                until_open(error, attempt, patience).await?
            }
        };
        print(done)?;
        Ok(Exit::Ok)
    }
}

/// Whoever holds the file does so until somebody stops it.
fn worth_waiting(error: &OpenError) -> bool {
    let held = matches!(error, OpenError::Store(lineguard_store::OpenError::Locked { .. }));
    error.may_pass() && !held
}
