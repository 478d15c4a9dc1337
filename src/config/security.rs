//! Who may call: settings of TLS, of callers and of bearer tokens, which are complete or refused.

use std::path::PathBuf;
use std::time::Duration;

use lineguard_core::id::TenantId;

use super::read::{Reader, deadline, path};
use super::value::{JwksSource, Plaintext};
use super::{Address, Config, Upstream};
use crate::dial::Dial;

/// Who may call, and how they prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    /// TLS on TCP addresses.
    pub tls: Option<TlsFiles>,
    /// Who may call; none: anybody who can reach the server.
    pub callers_file: Option<PathBuf>,
    /// JWT bearer tokens.
    pub jwt: Option<Jwt>,
    /// Where to serve without TLS.
    pub plaintext: Plaintext,
    /// Whether to serve descriptors.
    pub reflection: bool,
}

/// The files of TLS, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain of this server.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// CAs of callers; none: callers show no certificate.
    pub client_ca: Option<PathBuf>,
}

/// How JWT bearer tokens are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// The only issuer.
    pub issuer: String,
    /// What tokens must be meant for.
    pub audience: String,
    /// The keys of the issuer.
    pub jwks: JwksSource,
    /// CAs to trust when keys are fetched; none: the usual ones of the web.
    pub jwks_ca: Option<PathBuf>,
    /// How often to fetch them.
    pub refresh: Duration,
}

impl Reader<'_> {
    pub(super) fn security(&mut self) -> Security {
        let callers_file = self.maybe("callers_file", path);
        let open = !self.is_given("callers_file");
        let reflection = self.maybe("reflection", super::read::auto_or_yes_or_no).flatten();
        Security {
            tls: self.tls(open),
            callers_file,
            jwt: self.jwt(open),
            plaintext: self.one("plaintext_listen", str::parse),
            reflection: reflection.unwrap_or(open),
        }
    }

    fn tls(&mut self, open: bool) -> Option<TlsFiles> {
        let certificate = self.maybe("tls.certificate_file", path);
        let key = self.maybe("tls.key_file", path);
        let client_ca = self.maybe("tls.client_ca_file", path);
        for (given, needed) in [
            ("tls.certificate_file", "tls.key_file"),
            ("tls.key_file", "tls.certificate_file"),
            ("tls.client_ca_file", "tls.certificate_file"),
        ] {
            if self.is_given(given) && !self.is_given(needed) {
                self.conflict(given, needed, "one is of no use without the other");
            }
        }
        if open && self.is_given("tls.certificate_file") {
            let rule = "TLS keeps out nobody who can make a connection; say who may call";
            self.conflict("tls.certificate_file", "callers_file", rule);
        }
        Some(TlsFiles { certificate: certificate?, key: key?, client_ca })
    }

    fn jwt(&mut self, open: bool) -> Option<Jwt> {
        let issuer = self.maybe("jwt.issuer", not_empty);
        let audience = self.maybe("jwt.audience", not_empty);
        let jwks = self.maybe("jwt.jwks", str::parse);
        let jwks_ca = self.maybe("jwt.jwks_ca_file", path);
        let refresh = self.one("jwt.refresh", deadline);
        let parts = ["jwt.issuer", "jwt.audience", "jwt.jwks"];
        let given: Vec<_> = parts.into_iter().filter(|key| self.is_given(key)).collect();
        if let Some(one) = given.first() {
            for needed in parts.into_iter().filter(|key| !given.contains(key)) {
                self.conflict(one, needed, "tokens are checked against all three");
            }
            if open {
                self.conflict(one, "callers_file", "it says which tokens may ask for what");
            }
        }
        Some(Jwt { issuer: issuer?, audience: audience?, jwks: jwks?, jwks_ca, refresh })
    }

    pub(super) fn upstream(&mut self) -> Option<Upstream> {
        let text = |text: &str| not_empty(text);
        let dial = Dial {
            url: self.maybe("upstream.url", text).unwrap_or_default(),
            ca_file: self.maybe("upstream.ca_file", path),
            certificate_file: self.maybe("upstream.certificate_file", path),
            key_file: self.maybe("upstream.key_file", path),
            server_name: self.maybe("upstream.server_name", text),
            token_file: self.maybe("upstream.token_file", path),
        };
        let tenants = self.many("upstream.tenants", |text| {
            TenantId::parse(text).map_err(|error| format!("the id of a tenant: it {error}"))
        });
        for (given, needed) in [
            ("upstream.certificate_file", "upstream.key_file"),
            ("upstream.key_file", "upstream.certificate_file"),
        ] {
            if self.is_given(given) && !self.is_given(needed) {
                self.conflict(given, needed, "one is of no use without the other");
            }
        }
        if dial.url.starts_with("https:") && dial.ca_file.is_none() {
            let rule = "it is needed to know the server by";
            self.conflict("upstream.url", "upstream.ca_file", rule);
        }
        (!dial.url.is_empty()).then_some(Upstream { dial, tenants })
    }

    /// An address that other machines can reach needs callers that are known and what they send
    /// encrypted.
    pub(super) fn guards(&mut self, config: &Config) {
        let remote = |addresses: &[Address]| addresses.iter().any(|address| !address.is_local());
        for (key, addresses) in [("listen", &config.listen), ("admin_listen", &config.admin_listen)]
        {
            if !remote(addresses) {
                continue;
            }
            if !self.is_given("callers_file") {
                let rule = "other machines can reach it, so say who may call";
                self.conflict(key, "callers_file", rule);
            }
            let encrypted = self.is_given("tls.certificate_file");
            if !encrypted && config.security.plaintext == Plaintext::Local {
                let rule = "other machines can reach it, so set `tls.certificate_file`, or say \
                            `anywhere` if something else encrypts what they send";
                self.conflict(key, "plaintext_listen", rule);
            }
        }
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a text".to_owned()) } else { Ok(text.to_owned()) }
}
