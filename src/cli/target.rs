//! The server that client commands talk to.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::{Exit, Failure};
use crate::config::Address;

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

/// A connection on which every call says who asks.
pub(super) type Connection = InterceptedService<Channel, Bearer>;

/// Adds a bearer token to every call, if there is one.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Target {
    /// Connects, within `timeout`.
    ///
    /// # Errors
    ///
    /// If nobody answers there, or a file cannot be used.
    pub async fn connect(&self, timeout: Duration) -> Result<Connection, Failure> {
        let endpoint = self.endpoint()?.connect_timeout(timeout);
        let channel = endpoint.connect().await.map_err(|error| self.unreachable(&error))?;
        Ok(InterceptedService::new(channel, Bearer(self.token()?)))
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let uri = match &self.server {
            Server::Plain(Address::Tcp(address)) => format!("http://{address}"),
            Server::Plain(Address::Unix(path)) => format!("unix:{}", path.display()),
            Server::Tls(uri) => uri.clone(),
        };
        let endpoint = Endpoint::from_shared(uri).map_err(Failure::new)?;
        let Server::Tls(_) = self.server else { return Ok(endpoint) };
        let Some(ca) = &self.ca_file else {
            let problem = "`https:` needs `--ca-file`, to know the server by";
            return Err(Failure::with(Exit::Usage, problem));
        };
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
        if let (Some(certificate), Some(key)) = (&self.certificate_file, &self.key_file) {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        if let Some(name) = &self.server_name {
            tls = tls.domain_name(name);
        }
        endpoint.tls_config(tls).map_err(Failure::new)
    }

    fn token(&self) -> Result<Option<MetadataValue<Ascii>>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let token = String::from_utf8(read(path)?).unwrap_or_default();
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_| Failure::new(format_args!("{}: not a token", path.display())))?;
        value.set_sensitive(true);
        Ok(Some(value))
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

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))
}
