//! `lineguard migrate`

use clap::Args;

use super::{Exit, Failure, print};
use crate::config::{Config, StoreFlags};
use crate::open;

/// Bring the schema of the store up to date.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The settings.
    #[command(flatten)]
    pub flags: StoreFlags,
}

impl Migrate {
    /// Migrates and says what was done.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        print(open::migrate(config).await?)?;
        Ok(Exit::Ok)
    }
}
