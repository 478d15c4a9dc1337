//! The server that client commands talk to.

use std::time::Duration;

use clap::Args;
use tonic::transport::{Channel, Endpoint};

use super::Failure;
use crate::config::Address;

/// The server to ask.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Where the server listens: `127.0.0.1:7070` or `unix:/path/of/socket`
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "LINEGUARD_SERVER",
        default_value = "127.0.0.1:7070"
    )]
    #[arg(value_parser = parse)]
    server: Address,
}

fn parse(text: &str) -> Result<Address, String> {
    text.parse().map_err(|expected| format!("not {expected}"))
}

impl Target {
    /// Connects, within `timeout`.
    ///
    /// # Errors
    ///
    /// If nobody answers there.
    pub async fn connect(&self, timeout: Duration) -> Result<Channel, Failure> {
        let uri = match &self.server {
            Address::Tcp(address) => format!("http://{address}"),
            Address::Unix(path) => format!("unix:{}", path.display()),
        };
        Endpoint::from_shared(uri)
            .map_err(Failure::new)?
            .connect_timeout(timeout)
            .connect()
            .await
            .map_err(|_| Failure::new(format_args!("no server answers on {}", self.server)))
    }
}
