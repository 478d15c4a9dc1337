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
    /// Somebody of whom nothing was asked, and who offered nothing.
    Anonymous,
    /// A process of this machine, by its user.
    Local {
        /// The user id.
        uid: u32,
    },
    /// The holder of a certificate that one of our CAs has signed.
    Certified(CertifiedName),
    /// Somebody whose proof says nothing: never the same as nobody who offered one.
    Unclear(Unclear),
}

/// Why a proof does not say who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unclear {
    /// The certificate, or a name in it, cannot be read.
    UnreadableCertificate,
    /// There is no certificate where one must be shown.
    NoCertificate,
    /// The certificate has neither a URI nor a DNS name.
    NoName,
    /// The certificate has more than one URI.
    SeveralUris,
    /// The URI of the certificate is no SPIFFE ID.
    NotSpiffe,
    /// The DNS names of the certificate are those of several callers.
    SeveralCallers,
    /// The system does not tell the user behind a Unix socket.
    NoUser,
    /// It is not known which connection a call came over.
    NoConnection,
    /// An `authorization` header is not one word after `Bearer`.
    NotBearer,
    /// There are several `authorization` headers.
    SeveralHeaders,
}

impl Unclear {
    /// For whoever offered the proof: tells them nothing but what they sent.
    pub const fn why(self) -> &'static str {
        match self {
            Self::UnreadableCertificate => "the certificate, or a name in it, cannot be read",
            Self::NoCertificate => "there is no certificate",
            Self::NoName => "the certificate has neither a URI nor a DNS name",
            Self::SeveralUris => "the certificate has several URIs",
            Self::NotSpiffe => "the URI of the certificate is no SPIFFE ID",
            Self::SeveralCallers => "the DNS names of the certificate are those of several callers",
            Self::NoUser => "the system does not tell the user at the other end of the socket",
            Self::NoConnection => "it is not known which connection the call came over",
            Self::NotBearer => "the `authorization` header is not `Bearer` and a token",
            Self::SeveralHeaders => "there are several `authorization` headers",
        }
    }
}

impl Peer {
    /// The process behind a Unix socket, as the system tells its user.
    pub fn local<E>(uid: Result<u32, E>) -> Self {
        uid.map_or(Self::Unclear(Unclear::NoUser), |uid| Self::Local { uid })
    }

    /// The holder of a certificate whose signature has been checked.
    pub fn certified(der: &[u8]) -> Self {
        match CertifiedName::of_certificate(der) {
            Ok(name) => Self::Certified(name),
            Err(unclear) => Self::Unclear(unclear),
        }
    }
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
    /// Reads the names of a certificate whose signature has been checked.
    ///
    /// # Errors
    ///
    /// If it is not clear who it stands for. A name that cannot be read may be the one that counts,
    /// so the others are not taken in its place.
    pub fn of_certificate(der: &[u8]) -> Result<Self, Unclear> {
        let unreadable = |_| Unclear::UnreadableCertificate;
        let (rest, certificate) =
            x509_parser::parse_x509_certificate(der).map_err(|_| Unclear::UnreadableCertificate)?;
        let names = certificate.subject_alternative_name().map_err(unreadable)?;
        let names = &names.ok_or(Unclear::NoName)?.value.general_names;
        let invalid = |name: &GeneralName<'_>| matches!(name, GeneralName::Invalid(..));
        if !rest.is_empty() || names.iter().any(invalid) {
            return Err(Unclear::UnreadableCertificate);
        }
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => SpiffeId::parse(uri).map(Self::Spiffe).ok_or(Unclear::NotSpiffe),
            (Some(_), Some(_)) => Err(Unclear::SeveralUris),
            (None, _) => {
                let names = names.iter().filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    _ => None,
                });
                let names: Vec<_> = names.collect();
                if names.is_empty() { Err(Unclear::NoName) } else { Ok(Self::Dns(names)) }
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
