//! JWT bearer tokens, as OpenID Connect issuers sign them.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use lineguard_core::id::Timestamp;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::jwks::Keys;

/// Tokens longer than this are not read.
const MAX_TOKEN_BYTES: usize = 8 << 10;

/// Tokens whose signature need not be checked again.
const MAX_CHECKED: u64 = 10_000;

/// How far the clocks of the issuer and ours may differ, in milliseconds.
const LEEWAY_MILLIS: i64 = 10_000;

/// Checks tokens of one issuer.
#[derive(Clone)]
pub struct Jwt {
    issuer: Arc<str>,
    audience: Arc<str>,
    keys: Arc<Keys>,
    checked: Cache<[u8; 32], Arc<Checked>>,
}

/// What a token with a good signature says.
struct Checked {
    subject: String,
    not_before: i64,
    expires: i64,
    /// Of the keys that it was checked with.
    generation: u64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One text: of several issuers it would not be clear which one signed.
    iss: String,
    exp: f64,
    nbf: Option<f64>,
}

impl Jwt {
    /// Tokens of this issuer for this audience, both compared byte for byte.
    pub fn new(issuer: &str, audience: &str, keys: Arc<Keys>) -> Self {
        super::ring::install();
        let checked = Cache::new(MAX_CHECKED);
        Self { issuer: issuer.into(), audience: audience.into(), keys, checked }
    }

    /// The subject of a token that is good now.
    pub fn subject(&self, token: &str, now: Timestamp) -> Option<String> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let digest = Sha256::digest(token).into();
        let generation = self.keys.generation();
        let known = self.checked.get(&digest).filter(|known| known.generation == generation);
        let checked = match known {
            Some(known) => known,
            None => {
                let checked = Arc::new(self.check(token, generation)?);
                self.checked.insert(digest, Arc::clone(&checked));
                checked
            }
        };
        let begun = now.0 >= checked.not_before.saturating_sub(LEEWAY_MILLIS);
        let ended = now.0 >= checked.expires.saturating_add(LEEWAY_MILLIS);
        (begun && !ended).then(|| checked.subject.clone())
    }

    /// Checks all but the time.
    fn check(&self, token: &str, generation: u64) -> Option<Checked> {
        let header = decode_header(token).ok()?;
        // Extensions that must be understood are not.
        if header.crit.is_some() {
            return None;
        }
        let keys = self.keys.find(header.kid.as_deref(), header.alg);
        let mut validation = Validation::new(header.alg);
        validation.algorithms = vec![header.alg];
        validation.set_issuer(&[&*self.issuer]);
        validation.set_audience(&[&*self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // By the clock that is an argument.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let decoded = keys.iter().find_map(|key| decode::<Claims>(token, key, &validation).ok());
        if decoded.is_none() && header.kid.is_none() {
            // No id says whether the key that it is of is here.
            self.keys.missed();
        }
        let claims = decoded?.claims;
        if claims.iss != *self.issuer {
            return None;
        }
        Some(Checked {
            subject: claims.sub,
            not_before: claims.nbf.map_or(Some(i64::MIN), millis)?,
            expires: millis(claims.exp)?,
            generation,
        })
    }
}

/// Seconds since 1970, which may have a fraction, as milliseconds.
fn millis(seconds: f64) -> Option<i64> {
    let millis = seconds * 1_000.0;
    // Every whole number up to here has a value of its own.
    let exact = millis.is_finite() && millis.abs() < 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "in range")]
    exact.then_some(millis as i64)
}

/// The algorithms that a token may be signed with: those whose checking key cannot sign.
pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
