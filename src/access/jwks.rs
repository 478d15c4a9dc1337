//! The keys of an issuer, from a file or a URL, fetched again now and then.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use lineguard_lease::Pauses;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tonic::codegen::Bytes;
use tonic::codegen::http::Uri;

use super::jwt::ALGORITHMS;
use crate::config::JwksSource;

/// Longer texts are not read.
const MAX_BYTES: usize = 1 << 20;

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How soon after a fetch an unknown key may cause another.
const AGAIN: Duration = Duration::from_secs(10);

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoKeys(String);

impl fmt::Display for NoKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoKeys {}

/// The keys in force.
#[derive(Default)]
pub struct Keys {
    set: ArcSwap<KeySet>,
    generation: AtomicU64,
    /// A digest of the text that they are from.
    text: Mutex<Option<Vec<u8>>>,
    /// A token named a key that is not here.
    missed: Notify,
}

/// Most keys with the same id, or without one: each costs a forged token a look at its signature.
const MAX_ALIKE: usize = 8;

/// Every key that can check signatures. None takes the place of another.
#[derive(Default)]
struct KeySet(Vec<Key>);

struct Key {
    id: Option<String>,
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl Keys {
    /// Reads a JSON Web Key Set. Keys of kinds that are not for signatures of ours are skipped.
    ///
    /// # Errors
    ///
    /// If it is none, no key is left, or too many cannot be told apart.
    pub fn replace(&self, text: &[u8]) -> Result<usize, NoKeys> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let Ok(Set { keys }) = serde_json::from_slice(text) else {
            return Err(NoKeys("not a JSON Web Key Set".to_owned()));
        };
        let set: Vec<_> = keys.into_iter().filter_map(usable).collect();
        if set.is_empty() {
            return Err(NoKeys("no key in it can check signatures".to_owned()));
        }
        let mut alike = HashMap::<_, usize>::new();
        set.iter().for_each(|key| *alike.entry(&key.id).or_default() += 1);
        if alike.values().any(|count| *count > MAX_ALIKE) {
            let problem = format!("more than {MAX_ALIKE} keys in it have the same `kid`, or none");
            return Err(NoKeys(problem));
        }
        let count = set.len();
        let digest = Sha256::digest(text);
        let mut last = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        // The same again changes nothing, and outdates nothing that was found by it.
        if last.as_deref() != Some(digest.as_slice()) {
            *last = Some(digest.to_vec());
            self.set.store(Arc::new(KeySet(set)));
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
        Ok(count)
    }

    /// Changes with the keys.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// The keys that a token may be signed with: those of the id that it names, and for its
    /// algorithm. A token that names none may be of those that have none, or of the only key there
    /// is.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let set = self.set.load();
        let only = id.is_none() && set.0.len() == 1;
        let named: Vec<_> = set.0.iter().filter(|key| only || key.id.as_deref() == id).collect();
        if named.is_empty() {
            self.missed();
        }
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        named.into_iter().filter(fits).map(|key| key.key.clone()).collect()
    }

    /// A token may be of a key that is not here yet.
    pub(super) fn missed(&self) {
        self.missed.notify_one();
    }
}

/// A key that can check signatures, with the algorithms that it is for.
fn usable(json: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    if matches!(jwk.common.public_key_use, Some(ref other) if *other != PublicKeyUse::Signature) {
        return None;
    }
    if matches!(jwk.common.key_operations, Some(ref all) if !all.contains(&KeyOperations::Verify)) {
        return None;
    }
    let family: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => ALGORITHMS.get(..6)?,
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            jsonwebtoken::jwk::EllipticCurve::P256 => &[Algorithm::ES256],
            jsonwebtoken::jwk::EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
        _ => return None,
    };
    let declared = match jwk.common.key_algorithm {
        None => None,
        Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
        Some(KeyAlgorithm::RS384) => Some(Algorithm::RS384),
        Some(KeyAlgorithm::RS512) => Some(Algorithm::RS512),
        Some(KeyAlgorithm::PS256) => Some(Algorithm::PS256),
        Some(KeyAlgorithm::PS384) => Some(Algorithm::PS384),
        Some(KeyAlgorithm::PS512) => Some(Algorithm::PS512),
        Some(KeyAlgorithm::ES256) => Some(Algorithm::ES256),
        Some(KeyAlgorithm::ES384) => Some(Algorithm::ES384),
        Some(KeyAlgorithm::EdDSA) => Some(Algorithm::EdDSA),
        Some(_) => return None,
    };
    let fits = |algorithm: &&Algorithm| declared.is_none_or(|declared| **algorithm == declared);
    let algorithms: Vec<_> = family.iter().filter(fits).copied().collect();
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| !algorithms.is_empty())?;
    Some(Key { id: jwk.common.key_id, key, algorithms })
}

/// Where keys come from.
pub struct Fetcher {
    source: Source,
    keys: Arc<Keys>,
}

enum Source {
    File(PathBuf),
    Url(Uri, Box<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>),
}

impl Fetcher {
    /// From a file or a URL, whose server must have a certificate of one of the CAs in `ca`, or of
    /// the usual ones of the web.
    ///
    /// # Errors
    ///
    /// If the CAs cannot be read.
    pub fn new(source: &JwksSource, ca: Option<&Path>, keys: Arc<Keys>) -> Result<Self, NoKeys> {
        let source = match source {
            JwksSource::File(path) => Source::File(path.clone()),
            JwksSource::Url(uri) => Source::Url(uri.clone(), Box::new(client(ca)?)),
        };
        Ok(Self { source, keys })
    }

    /// Fetches the keys once. What is there stays if that fails.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub async fn fetch(&self) -> Result<usize, NoKeys> {
        let text = match &self.source {
            Source::File(path) => tokio::fs::read(path)
                .await
                .map_err(|error| NoKeys(format!("{}: {error}", path.display())))?,
            Source::Url(uri, client) => tokio::time::timeout(TIMEOUT, get(client, uri))
                .await
                .map_err(|_| NoKeys("no answer in time".to_owned()))??,
        };
        if text.len() > MAX_BYTES {
            return Err(NoKeys(format!("more than {MAX_BYTES} bytes")));
        }
        self.keys.replace(&text)
    }

    /// Fetches at every `refresh`, soon after a token has named a key that is not known, and, where
    /// the last time `failed`, whoever asks or not; tells `report` how each went, and whether the
    /// keys are others now. `chance` gives random bytes. Never ends.
    pub async fn run(
        self,
        refresh: Duration,
        mut failed: bool,
        chance: fn() -> u8,
        report: impl Fn(Result<bool, NoKeys>),
    ) {
        let mut pauses = Pauses::new(AGAIN / 10, AGAIN);
        loop {
            if failed {
                tokio::time::sleep(pauses.next(chance()).min(refresh)).await;
            } else {
                pauses.reset();
                tokio::time::sleep(AGAIN.min(refresh)).await;
                let rest = refresh.saturating_sub(AGAIN);
                let _ = tokio::time::timeout(rest, self.keys.missed.notified()).await;
            }
            let before = self.keys.generation();
            let fetched = self.fetch().await;
            failed = fetched.is_err();
            report(fetched.map(|_| self.keys.generation() != before));
        }
    }
}

fn client(
    ca: Option<&Path>,
) -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, NoKeys> {
    let unreadable = |error: String| NoKeys(format!("jwt.jwks_ca_file: {error}"));
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

async fn get(
    client: &Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    uri: &Uri,
) -> Result<Vec<u8>, NoKeys> {
    let failed = |what: &dyn fmt::Display| NoKeys(format!("the keys cannot be fetched: {what}"));
    // Redirects are not followed: they could lead out of TLS.
    let answer = client.get(uri.clone()).await.map_err(|error| failed(&error))?;
    if !answer.status().is_success() {
        return Err(failed(&answer.status()));
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    Ok(body.map_err(|error| failed(&error))?.to_bytes().to_vec())
}
