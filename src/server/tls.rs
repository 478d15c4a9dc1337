//! TLS 1.3 on accepted connections, with files that can be put in force without a restart.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lineguard_core::id::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::access::{Peer, Unclear};
use crate::config::TlsFiles;

/// Why files of TLS cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    setting: &'static str,
    problem: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for TlsError {}

/// What is in force.
struct Loaded {
    config: Arc<ServerConfig>,
    /// Whether callers have to show a certificate.
    asks_callers: bool,
    /// The end of the shortest of its certificates.
    expires: Option<Timestamp>,
}

/// TLS as it is in force for connections that are accepted from now on.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<Loaded>>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If one cannot be read, or they do not belong together.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Loaded::of(files)?))))
    }

    /// Reads the files again and puts them in force. What is in force stays if they are not good.
    ///
    /// # Errors
    ///
    /// As [`Tls::load`].
    pub fn reload(&self, files: &TlsFiles) -> Result<(), TlsError> {
        self.0.store(Arc::new(Loaded::of(files)?));
        Ok(())
    }

    /// When the certificate of this server, or one of its chain, ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.0.load().expires
    }

    /// The handshake of a connection, and who is at its other end.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(TlsStream<TcpStream>, Peer)> {
        let (config, asks) = {
            let loaded = self.0.load();
            (Arc::clone(&loaded.config), loaded.asks_callers)
        };
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let peer = match certificates.and_then(<[_]>::first) {
            Some(first) => Peer::certified(first),
            // A handshake without one does not end well, so this is a mistake of ours.
            None if asks => Peer::Unclear(Unclear::NoCertificate),
            None => Peer::Anonymous,
        };
        Ok((stream, peer))
    }
}

impl Loaded {
    fn of(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates("tls.certificate_file", &files.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(wrong("tls.key_file"))?;
        let expires = end_of_all(&chain);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(wrong("tls.certificate_file"))?;
        let config = match &files.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let setting = "tls.client_ca_file";
                let mut roots = RootCertStore::empty();
                for certificate in certificates(setting, path)? {
                    roots.add(certificate).map_err(wrong(setting))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().map_err(wrong(setting))?)
            }
        };
        // This also compares the key with the certificate.
        let mut config = config.with_single_cert(chain, key).map_err(wrong("tls.key_file"))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let asks_callers = files.client_ca.is_some();
        if asks_callers {
            // A session that is taken up again brings the certificate of its beginning, which is
            // not checked once more: it would outlive its own end.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Arc::new(config), asks_callers, expires })
    }
}

fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(wrong(setting))?;
    if certificates.is_empty() {
        return Err(TlsError { setting, problem: "there is no certificate in it".to_owned() });
    }
    Ok(certificates)
}

/// When the shortest of these certificates ends.
fn end_of_all(chain: &[CertificateDer<'static>]) -> Option<Timestamp> {
    chain.iter().filter_map(|one| end_of(one)).min()
}

/// When the certificate in a file, or one of its chain, ends; none if that cannot be read.
pub(crate) fn end_of_file(path: &Path) -> Option<Timestamp> {
    end_of_all(&certificates("", path).ok()?)
}

fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Timestamp(certificate.validity().not_after.timestamp().checked_mul(1_000)?))
}

/// None of these errors repeats what is in a file.
fn wrong<E: fmt::Display>(setting: &'static str) -> impl Fn(E) -> TlsError {
    move |error| TlsError { setting, problem: error.to_string() }
}
