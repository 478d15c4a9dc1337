//! Connections to a server: how it is known, and how whoever connects says who they are.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use tonic::codegen::http::HeaderMap;
use tonic::metadata::{Ascii, AsciiMetadataKey, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use crate::telemetry::trace;

/// A server, and the proofs of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dial {
    /// Where it is: `http://host:port`, `https://host:port`, `unix:/path`.
    pub url: String,
    /// CA certificates to know it by; needed with `https:`.
    pub ca_file: Option<PathBuf>,
    /// The certificate of whoever connects.
    pub certificate_file: Option<PathBuf>,
    /// The key of that certificate.
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must have; that of the URL unless given.
    pub server_name: Option<String>,
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
}

/// What is wrong with a [`Dial`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for DialError {}

/// A connection on which every call carries the token, if there is one.
pub type Connection = InterceptedService<Channel, Bearer>;

/// Adds a bearer token to every call, and nobody else's; and the trace that the call is part of.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // What somebody proved to us proves nothing of us.
        request.metadata_mut().remove("authorization");
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        let mut context = HeaderMap::new();
        trace::pass_on(&mut context);
        for (name, value) in &context {
            if let (Ok(key), Ok(value)) = (name.as_str().parse(), value.as_bytes().try_into()) {
                request.metadata_mut().insert::<AsciiMetadataKey>(key, value);
            }
        }
        Ok(request)
    }
}

impl Dial {
    /// Where to connect to, with TLS as the files say.
    ///
    /// # Errors
    ///
    /// If a file cannot be used, or is missing.
    pub fn endpoint(&self) -> Result<Endpoint, DialError> {
        let endpoint = Endpoint::from_shared(self.url.clone()).map_err(wrong("url"))?;
        if !self.url.starts_with("https:") {
            return Ok(endpoint);
        }
        let Some(ca) = &self.ca_file else {
            return Err(wrong("ca_file")("is needed with `https:`, to know the server by"));
        };
        let ca = Certificate::from_pem(read("ca_file", ca)?);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca);
        if let (Some(certificate), Some(key)) = (&self.certificate_file, &self.key_file) {
            let certificate = read("certificate_file", certificate)?;
            tls = tls.identity(Identity::from_pem(certificate, read("key_file", key)?));
        }
        if let Some(name) = &self.server_name {
            tls = tls.domain_name(name);
        }
        endpoint.tls_config(tls).map_err(wrong("ca_file"))
    }

    /// What says who connects, beside a certificate.
    ///
    /// # Errors
    ///
    /// If the file of the token cannot be used.
    pub fn bearer(&self) -> Result<Bearer, DialError> {
        let Some(path) = &self.token_file else { return Ok(Bearer(None)) };
        let text = String::from_utf8(read("token_file", path)?).unwrap_or_default();
        let value: Result<MetadataValue<Ascii>, _> = format!("Bearer {}", text.trim()).parse();
        let mut value = value.map_err(|_| wrong("token_file")("is no token"))?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

fn wrong<E: fmt::Display>(field: &'static str) -> impl Fn(E) -> DialError {
    move |problem| DialError { field, problem: problem.to_string() }
}

fn read(field: &'static str, path: &Path) -> Result<Vec<u8>, DialError> {
    fs::read(path).map_err(|error| {
        let problem = format!("`{}`: {error}", path.display());
        DialError { field, problem }
    })
}
