//! Certificates for tests, made as they are needed.

use std::path::PathBuf;
use std::sync::Arc;

use lineguard::config::TlsFiles;
use lineguard::server::tls::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// A CA.
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both PEM.
#[derive(Clone)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

impl Ca {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate with these names, put right by `change`.
    pub fn leaf(&self, names: &[SanType], change: impl Fn(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub fn server(&self) -> Leaf {
        self.leaf(&[dns("localhost")], |_| {})
    }
}

pub fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

pub fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2001, 1, 1);
}

pub fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2999, 1, 1);
}

/// The files of a server, and what they hold.
pub struct Files {
    folder: TempDir,
    pub files: TlsFiles,
}

impl Files {
    /// The server's certificate, and the CAs of its callers.
    pub fn new(server: &Leaf, client_cas: &[&Ca]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = TlsFiles {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            client_ca: Some(path("ca.crt")),
        };
        let this = Self { folder, files };
        this.put(server, client_cas);
        this
    }

    pub fn put(&self, server: &Leaf, client_cas: &[&Ca]) {
        let cas: String = client_cas.iter().map(|ca| ca.pem()).collect();
        for (name, text) in
            [("tls.crt", &server.certificate), ("tls.key", &server.key), ("ca.crt", &cas)]
        {
            self.write(name, text);
        }
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn load(&self) -> Tls {
        Tls::load(&self.files).unwrap()
    }
}

/// Connects to a server whose certificate is of `ca`, as the holder of `leaf`.
pub async fn connect(
    address: &str,
    ca: &Ca,
    leaf: Option<&Leaf>,
) -> Result<Channel, tonic::transport::Error> {
    endpoint(address, ca, leaf).connect().await
}

pub fn endpoint(address: &str, ca: &Ca, leaf: Option<&Leaf>) -> Endpoint {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()));
    if let Some(leaf) = leaf {
        tls = tls.identity(Identity::from_pem(&leaf.certificate, &leaf.key));
    }
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap()
}

/// TLS for bytes that no client of gRPC would send.
pub fn connector(ca: &Ca, leaf: Option<&Leaf>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match leaf {
        None => config.with_no_client_auth(),
        Some(leaf) => {
            let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}
