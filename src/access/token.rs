//! API tokens: the simple way to say who calls. Kept as hashes, so that the callers file is no
//! secret.

use sha2::{Digest, Sha256};

/// What every token of ours begins with, so that scanners for leaked secrets find them.
pub const PREFIX: &str = "lgt_";

/// Random bytes of a token: too many to guess, so one round of a plain hash keeps them.
const BYTES: usize = 32;

/// Their length in the alphabet of base64 for URLs.
const TEXT_BYTES: usize = 43;

/// The hash of a token. Looking one up takes no longer for a better guess: of a guess's hash nothing
/// can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub(super) [u8; 32]);

impl TokenHash {
    /// The hash of a text that has the form of a token of ours.
    pub fn of(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let valid = secret.len() == TEXT_BYTES && secret.bytes().all(in_alphabet);
        valid.then(|| Self(Sha256::digest(text).into()))
    }

    /// Reads a hash as [`TokenHash::hex`] writes it.
    pub fn parse_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// For the callers file.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Makes a token.
///
/// # Errors
///
/// If the system gives no randomness.
pub fn generate() -> Result<String, crate::token::NoRandomness> {
    use base64::Engine as _;
    let secret = crate::token::random::<BYTES>()?;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
    Ok(format!("{PREFIX}{secret}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_its_hash_belong_together() {
        let (token, other) = (generate().unwrap(), generate().unwrap());
        let hash = TokenHash::of(&token).unwrap();
        assert_ne!(Some(hash), TokenHash::of(&other));
        assert_eq!(TokenHash::parse_hex(&hash.hex()), Some(hash));
    }

    #[test]
    fn what_is_no_token_has_no_hash() {
        let token = generate().unwrap();
        let short = token.strip_suffix(char::is_alphanumeric).unwrap_or("lgt_").to_owned();
        for bad in ["", "lgt_", &short, &format!("{token}="), &format!(" {token}"), "eyJh.e30.c2ln"]
        {
            assert_eq!(TokenHash::of(bad), None, "{bad}");
        }
        for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32), &"+0".repeat(32)]
        {
            assert_eq!(TokenHash::parse_hex(bad), None, "{bad}");
        }
    }
}
