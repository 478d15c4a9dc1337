//! The server that client commands talk to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::{Exit, Failure};
use crate::config::Address;
use crate::dial::{Connection, Dial, DialError};

/// The server to ask, and how to say who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct Target {
    /// Where the server listens: `127.0.0.1:7070`, `unix:/path/of/socket`, `https://host:7070`
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "LINEGUARD_SERVER",
        default_value = "127.0.0.1:7070"
    )]
    server: Server,
    /// CA certificates to know the server by, PEM; needed with `https:`
    #[arg(long, value_name = "FILE", env = "LINEGUARD_CLIENT_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate that says who asks, PEM
    #[arg(long, value_name = "FILE", env = "LINEGUARD_CLIENT_CERTIFICATE_FILE")]
    #[arg(requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// The key of that certificate, PEM
    #[arg(long, value_name = "FILE", env = "LINEGUARD_CLIENT_KEY_FILE")]
    #[arg(requires = "certificate_file")]
    key_file: Option<PathBuf>,
    /// The name that the server's certificate must have; that of the address unless given
    #[arg(long, value_name = "NAME", env = "LINEGUARD_SERVER_NAME")]
    server_name: Option<String>,
    /// A file with the bearer token that says who asks
    #[arg(long, value_name = "FILE", env = "LINEGUARD_CLIENT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Where a server listens.
#[derive(Debug, Clone)]
enum Server {
    Plain(Address),
    Tls(String),
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Ok(Self::Tls(text.to_owned()));
        }
        let text = text.strip_prefix("http://").unwrap_or(text);
        text.parse().map(Self::Plain).map_err(|expected: String| format!("not {expected}"))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(address) => address.fmt(f),
            Self::Tls(uri) => f.write_str(uri),
        }
    }
}

impl Target {
    /// Connects, within `timeout`.
    ///
    /// # Errors
    ///
    /// If nobody answers there, or a file cannot be used.
    pub async fn connect(&self, timeout: Duration) -> Result<Connection, Failure> {
        let dial = self.dial();
        let wrong = |DialError { field, problem }| {
            Failure::with(Exit::Usage, format_args!("--{}: {problem}", field.replace('_', "-")))
        };
        let endpoint = dial.endpoint().map_err(wrong)?.connect_timeout(timeout);
        let bearer = dial.bearer().map_err(wrong)?;
        let channel = endpoint.connect().await.map_err(|error| self.unreachable(&error))?;
        Ok(Connection::new(channel, bearer))
    }

    fn dial(&self) -> Dial {
        let url = match &self.server {
            Server::Plain(Address::Tcp(address)) => format!("http://{address}"),
            Server::Plain(Address::Unix(path)) => format!("unix:{}", path.display()),
            Server::Tls(url) => url.clone(),
        };
        Dial {
            url,
            ca_file: self.ca_file.clone(),
            certificate_file: self.certificate_file.clone(),
            key_file: self.key_file.clone(),
            server_name: self.server_name.clone(),
            token_file: self.token_file.clone(),
        }
    }

    /// The innermost error says what happened: a refused certificate, say.
    fn unreachable(&self, error: &dyn std::error::Error) -> Failure {
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        match &self.server {
            Server::Plain(_) => Failure::new(format_args!("no server answers on {}", self.server)),
            Server::Tls(_) => {
                Failure::new(format_args!("no connection to {}: {cause}", self.server))
            }
        }
    }
}
