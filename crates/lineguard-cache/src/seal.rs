use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Proves that bytes that passed through Redis were written by a replica: HMAC-SHA256 with a key
/// that Redis does not have.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

/// What the seal of something is long, in bytes.
pub(crate) const SEAL_BYTES: usize = 32;

impl Seal {
    /// A seal with a key that all replicas of one installation share, and nobody else.
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC fills a key that is shorter than its block with zeros.
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
        Self(Hmac::new(&block.into()))
    }

    /// Seals some fields for one purpose.
    pub(crate) fn of(&self, purpose: &str, fields: &[&[u8]]) -> [u8; SEAL_BYTES] {
        self.over(purpose, fields).finalize().into_bytes().into()
    }

    /// Whether this is the seal of these fields for this purpose; takes the same time wherever they
    /// differ.
    pub(crate) fn holds(&self, purpose: &str, fields: &[&[u8]], seal: &[u8]) -> bool {
        self.over(purpose, fields).verify_slice(seal).is_ok()
    }

    /// Each field goes in after its length: two ways to split the same bytes get two seals.
    fn over(&self, purpose: &str, fields: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for field in std::iter::once(purpose.as_bytes()).chain(fields.iter().copied()) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac
    }
}

/// Hides the key.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_key_purpose_and_fields_only() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.of("hint", &[b"ab", b"c"]);
        assert!(seal.holds("hint", &[b"ab", b"c"], &sealed));
        assert!(!seal.holds("confirm", &[b"ab", b"c"], &sealed));
        assert!(!seal.holds("hint", &[b"a", b"bc"], &sealed));
        assert!(!seal.holds("hint", &[b"abc"], &sealed));
        assert!(!seal.holds("hint", &[b"ab", b"c", b""], &sealed));
        assert!(!seal.holds("hint", &[b"ab", b"c"], &sealed[..31]));
        assert!(!seal.holds("hint", &[b"ab", b"c"], b""));
        assert!(!Seal::new(&[8; 32]).holds("hint", &[b"ab", b"c"], &sealed));
    }

    /// Computed with another implementation: the same key, purpose and fields always give the same
    /// seal, or replicas of two versions would refuse each other.
    #[test]
    fn the_seal_never_changes() {
        let sealed = Seal::new(&[7; 32]).of("hint", &[b"ab", b"c"]);
        let text: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "3897eeaf12227c89329dacaf83b8046d5c4f4a41b1d62a634716cddd59a8d950");
    }

    #[test]
    fn every_bit_of_a_seal_counts() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.of("hint", &[b"ab"]);
        for bit in 0..SEAL_BYTES * 8 {
            let mut other = sealed;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!seal.holds("hint", &[b"ab"], &other));
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", Seal::new(&[0x41; 32])), "Seal(…)");
    }
}
