//! Questions, and the keys under which their answers are kept.

use lineguard_core::id::TenantId;
use sha2::{Digest, Sha256};

/// A question that Redis may hold the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// Whose answer it is.
    pub tenant: &'a TenantId,
    /// What is asked: the name of the method.
    pub method: &'a str,
    /// Everything else that the answer depends on, encoded such that no two questions have the same
    /// bytes.
    pub bytes: &'a [u8],
}

/// Which encoding of questions and answers this is. Another one makes another key, so replicas of
/// two versions share one Redis without meeting.
pub(super) const FORMAT: u8 = 1;

impl Question<'_> {
    /// The whole question in one text, of which no other question, or version of the engine, has
    /// the same: each field goes in after its length.
    pub(super) fn whole(&self, engine: &str) -> Vec<u8> {
        let Question { tenant, method, bytes } = *self;
        let fields = [
            &[FORMAT][..],
            engine.as_bytes(),
            tenant.as_str().as_bytes(),
            method.as_bytes(),
            bytes,
        ];
        let size = fields.iter().map(|field| field.len().saturating_add(8)).sum();
        let mut whole = Vec::with_capacity(size);
        for field in fields {
            whole.extend((field.len() as u64).to_be_bytes());
            whole.extend(field);
        }
        whole
    }
}

/// The key of a whole question: a prefix that tells what is ours, and the SHA-256.
pub(super) fn key(prefix: &str, whole: &[u8]) -> Vec<u8> {
    let digest = <[u8; 32]>::from(Sha256::digest(whole));
    let mut key = Vec::with_capacity(prefix.len().saturating_add(digest.len()));
    key.extend(prefix.as_bytes());
    key.extend(digest);
    key
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::random::Random;

    /// What the fields of a whole question were.
    fn fields(mut whole: &[u8]) -> Vec<Vec<u8>> {
        let mut fields = Vec::new();
        while let Some((len, rest)) = whole.split_first_chunk() {
            let (field, rest) = rest.split_at(u64::from_be_bytes(*len) as usize);
            fields.push(field.to_vec());
            whole = rest;
        }
        fields
    }

    #[test]
    fn the_fields_can_be_read_back() {
        let tenant = TenantId::parse("t1").unwrap();
        let question = Question { tenant: &tenant, method: "Check", bytes: b"\0\x01ab" };
        let expected: [&[u8]; 5] = [&[FORMAT], b"7", b"t1", b"Check", b"\0\x01ab"];
        assert_eq!(fields(&question.whole("7")), expected);
    }

    #[test]
    fn the_same_text_split_otherwise_is_another_question() {
        let mut keys = HashMap::new();
        let text = |range: std::ops::Range<usize>| "a".repeat(range.len());
        for engine in 0..=7 {
            for id in engine + 1..=7 {
                for method in id..=7 {
                    let tenant = TenantId::parse(&text(engine..id)).unwrap();
                    let (method, bytes) = (text(id..method), text(method..7));
                    let question =
                        Question { tenant: &tenant, method: &method, bytes: bytes.as_bytes() };
                    let key = key("p", &question.whole(&text(0..engine)));
                    assert_eq!(keys.insert(key, (engine, id, method.len())), None);
                }
            }
        }
        assert_eq!(keys.len(), 84);
    }

    #[test]
    fn any_two_questions_that_differ_have_two_keys() {
        let mut random = Random::seeded(1);
        let mut keys = HashMap::new();
        for _ in 0..20_000 {
            // Few letters and short fields, so that many are nearly the same.
            let mut text = |most| -> String {
                random
                    .bytes(most)
                    .iter()
                    .map(|byte| ['a', '\0', '\u{1}'][*byte as usize % 3])
                    .collect()
            };
            let (engine, id, method, bytes) = (text(2), text(2), text(2), text(3));
            let id = id.replace(char::is_control, "b") + "t";
            let tenant = TenantId::parse(&id).unwrap();
            let question = Question { tenant: &tenant, method: &method, bytes: bytes.as_bytes() };
            let key = key("p", &question.whole(&engine));
            let asked = (engine, id, method.clone(), bytes.clone());
            assert_eq!(keys.entry(key).or_insert_with(|| asked.clone()), &asked);
        }
        let different: std::collections::HashSet<_> = keys.values().collect();
        assert_eq!(different.len(), keys.len(), "the same question, another key");
        assert!(keys.len() > 5_000, "{}", keys.len());
    }

    #[test]
    fn a_key_never_changes() {
        let tenant = TenantId::parse("t1").unwrap();
        let question = Question { tenant: &tenant, method: "Check", bytes: b"q" };
        let key = key("lg:", &question.whole("7"));
        let text: String = key[3..].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&key[..3], b"lg:");
        assert_eq!(text, "5d53facabe1059ba784249bbbd0f4b86741e47c4d960547eeb0a4f9fb6d9a87c");
    }
}
