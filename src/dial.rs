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
        let missing = |field| wrong(field)("the other half is given");
        match (&self.certificate_file, &self.key_file) {
            (Some(certificate), Some(key)) => {
                let certificate = read("certificate_file", certificate)?;
                tls = tls.identity(Identity::from_pem(certificate, read("key_file", key)?));
            }
            (None, None) => {}
            (Some(_), None) => return Err(missing("key_file")),
            (None, Some(_)) => return Err(missing("certificate_file")),
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
        let none = || wrong("token_file")("is no token");
        let text = String::from_utf8(read("token_file", path)?).map_err(|_| none())?;
        let token = text.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(none());
        }
        let value: Result<MetadataValue<Ascii>, _> = format!("Bearer {token}").parse();
        let mut value = value.map_err(|_| none())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> Result<Bearer, DialError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let token_file = Some(file.path().to_owned());
        Dial { url: "http://localhost:1".into(), token_file, ..Dial::default() }.bearer()
    }

    /// A file that is written at this moment may be empty. Calls that prove nothing would be refused,
    /// or taken for somebody else's.
    #[test]
    fn a_file_that_holds_no_token_is_no_proof() {
        for good in [&b"lgt_abc"[..], b"lgt_abc\n", b" a.b.c \n"] {
            assert!(token(good).unwrap().0.is_some());
        }
        for bad in [&b""[..], b" \n", b"\xff\xfe", b"one two", b"one\ntwo", b"one\0"] {
            let error = token(bad).unwrap_err();
            assert_eq!(error.to_string(), "token_file: is no token", "{bad:?}");
        }
    }

    #[test]
    fn half_a_certificate_is_no_proof() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (path, https) = (Some(file.path().to_owned()), "https://localhost:1".to_owned());
        let dial = Dial { url: https, ca_file: path.clone(), ..Dial::default() };
        for (half, missing) in [
            (Dial { certificate_file: path.clone(), ..dial.clone() }, "key_file"),
            (Dial { key_file: path, ..dial }, "certificate_file"),
        ] {
            let error = half.endpoint().unwrap_err();
            assert_eq!((error.field, &*error.problem), (missing, "the other half is given"));
        }
    }
}
