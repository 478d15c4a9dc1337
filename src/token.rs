//! Tokens: opaque, encrypted, and bound to what they are for.
//!
//! A page token is bound to the query that it continues. It gives no access: every page asks the
//! engine again. Sealing it keeps its contents from being read or forged; binding it keeps it from
//! being used for another query, person or tenant.
//!
//! A revision token names a state that a write made, and is bound to its tenant.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use lineguard_core::id::{Revision, TenantId};
use lineguard_core::stamp::Stamp;
use sha2::{Digest, Sha256};

/// Length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 24;

/// Raised when the contents of tokens change; older tokens are refused then.
const VERSION: u8 = 1;

/// Seals and opens tokens.
#[derive(Clone)]
pub struct Tokens {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// What a token is bound to: every field of the query but the page itself.
#[derive(Debug, Clone)]
pub struct Query(Sha256);

impl Query {
    /// A query of a method.
    pub fn of(method: &str) -> Self {
        Self(Sha256::new()).with(method.as_bytes())
    }

    /// Adds a field. Lengths go before values, so no two queries read the same.
    #[must_use]
    pub fn with(mut self, field: impl AsRef<[u8]>) -> Self {
        let field = field.as_ref();
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    /// Adds a field that may be missing.
    #[must_use]
    pub fn with_optional(self, field: Option<impl AsRef<[u8]>>) -> Self {
        match field {
            Some(field) => self.with([1]).with(field),
            None => self.with([0]),
        }
    }

    fn bytes(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

/// Why a token could not be sealed: the system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

/// A random byte, for pauses that are not to be those of others.
pub fn chance() -> u8 {
    random::<1>().map_or(u8::MAX / 2, |[byte]| byte)
}

/// Fresh bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

impl Tokens {
    /// Tokens under this key.
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// Seals a position in a query.
    pub fn seal(&self, query: &Query, position: &[u8]) -> Result<String, NoRandomness> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: position, aad: &query.bytes() };
        let sealed =
            self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| NoRandomness)?;
        let mut token = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        token.push(VERSION);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// Opens a token of this very query; none if it was altered, or belongs to another one.
    pub fn open(&self, query: &Query, token: &str) -> Option<Vec<u8>> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, rest) = token.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &query.bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

/// A state that a write made: what a revision token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevisionToken {
    /// The state of the tenant's shard. The nonce tells a history that was lost when a database
    /// was restored from the one that took its place.
    pub stamp: Stamp,
    /// The tenant's revision.
    pub revision: Revision,
}

impl RevisionToken {
    fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let numbers = [self.stamp.counter, self.stamp.nonce, self.revision.0];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (counter, rest) = bytes.split_first_chunk::<8>()?;
        let (nonce, rest) = rest.split_first_chunk::<8>()?;
        let revision: [u8; 8] = rest.try_into().ok()?;
        let [counter, nonce, revision] = [*counter, *nonce, revision].map(u64::from_be_bytes);
        Some(Self { stamp: Stamp { counter, nonce }, revision: Revision(revision) })
    }
}

impl Tokens {
    /// Seals a state of a tenant.
    pub fn seal_revision(
        &self,
        tenant: &TenantId,
        token: &RevisionToken,
    ) -> Result<String, NoRandomness> {
        self.seal(&revision_of(tenant), &token.bytes())
    }

    /// Opens a revision token of this tenant; none if it was altered, or is another's.
    pub fn open_revision(&self, tenant: &TenantId, token: &str) -> Option<RevisionToken> {
        RevisionToken::from_bytes(&self.open(&revision_of(tenant), token)?)
    }
}

/// No method has this name, so no page token is a revision token.
fn revision_of(tenant: &TenantId) -> Query {
    Query::of("revision token").with(tenant.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&[7; KEY_BYTES])
    }

    #[test]
    fn a_token_opens_for_its_own_query_only() {
        let query = Query::of("faxes").with("alice");
        let token = tokens().seal(&query, b"position").unwrap();
        assert_eq!(tokens().open(&query, &token).unwrap(), b"position");
        assert_eq!(tokens().open(&Query::of("faxes").with("bob"), &token), None);
        assert_eq!(Tokens::new(&[8; KEY_BYTES]).open(&query, &token), None);
    }

    #[test]
    fn an_altered_token_does_not_open() {
        let query = Query::of("faxes");
        let token = tokens().seal(&query, b"position").unwrap();
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(tokens().open(&query, &altered), None, "altered at {at}");
            let cut = token.get(..at).unwrap();
            assert_eq!(tokens().open(&query, cut), None, "cut at {at}");
        }
    }

    #[test]
    fn a_revision_token_is_no_page_token_and_has_its_length() {
        let tenant = TenantId::parse("t").unwrap();
        let token = RevisionToken { stamp: Stamp { counter: 1, nonce: 2 }, revision: Revision(3) };
        let sealed = tokens().seal_revision(&tenant, &token).unwrap();
        assert_eq!(tokens().open_revision(&tenant, &sealed), Some(token));
        assert_eq!(tokens().open(&Query::of("ListVisibleFaxes").with("t"), &sealed), None);
        for position in [&b""[..], &[0; 23], &[0; 25]] {
            let other = tokens().seal(&revision_of(&tenant), position).unwrap();
            assert_eq!(tokens().open_revision(&tenant, &other), None);
        }
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        let one = Query::of("m").with("ab").with("c");
        let other = Query::of("m").with("a").with("bc");
        assert_ne!(one.bytes(), other.bytes());
        let missing = Query::of("m").with_optional(None::<&str>);
        assert_ne!(missing.bytes(), Query::of("m").with_optional(Some("")).bytes());
    }
}
