//! What a connection proves about who is at its other end.

use std::fmt;

use x509_parser::extensions::GeneralName;

/// Greatest length of a SPIFFE ID, in bytes, by its specification.
const MAX_SPIFFE_BYTES: usize = 2048;

/// Greatest length of a trust domain, in bytes.
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Nobody knows.
    Unknown,
    /// A process of this machine, by its user.
    Local {
        /// The user id; none if the system does not tell.
        uid: Option<u32>,
    },
    /// The holder of a certificate that one of our CAs has signed.
    Certified(CertifiedName),
}

/// What a certificate is made out to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertifiedName {
    /// Its one URI, a SPIFFE ID.
    Spiffe(SpiffeId),
    /// Its DNS names, where it has no URI.
    Dns(Vec<String>),
}

/// A SPIFFE ID: `spiffe://trust.domain/path`. Compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId(String);

impl SpiffeId {
    /// Reads an ID in its one valid form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("spiffe://")?;
        let (domain, path) = rest.split_once('/')?;
        let in_domain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        let in_segment =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let segment = |segment: &str| {
            !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(in_segment)
        };
        let valid = text.len() <= MAX_SPIFFE_BYTES
            && (1..=MAX_TRUST_DOMAIN_BYTES).contains(&domain.len())
            && domain.bytes().all(in_domain)
            && path.split('/').all(segment);
        valid.then(|| Self(text.to_owned()))
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CertifiedName {
    /// Reads the names of a certificate whose signature has been checked. None if it has several
    /// URIs, one that is no SPIFFE ID, or no name at all: then it is not clear who it stands for.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let names = &certificate.subject_alternative_name().ok()??.value.general_names;
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => SpiffeId::parse(uri).map(Self::Spiffe),
            (Some(_), Some(_)) => None,
            (None, _) => {
                let names = names.iter().filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    _ => None,
                });
                let names: Vec<_> = names.collect();
                (!names.is_empty()).then_some(Self::Dns(names))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_has_one_form() {
        for good in ["spiffe://example.org/fax-store", "spiffe://a-b_c.d/ns/fax/sa/Store.1"] {
            assert_eq!(SpiffeId::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe://example.org//a",
            "spiffe://example.org/a/",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/./b",
            "spiffe://Example.org/a",
            "spiffe://example.org:443/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a%2fb",
            "SPIFFE://example.org/a",
            "https://example.org/a",
            "spiffe:///a",
            "",
        ] {
            assert_eq!(SpiffeId::parse(bad), None, "{bad}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(MAX_SPIFFE_BYTES));
        assert_eq!(SpiffeId::parse(&long), None);
    }
}
