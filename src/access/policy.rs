//! The callers file: who may call, and what each may ask for. `docs/callers.md` describes it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use lineguard_core::id::{Subject, SubjectKind, TenantId, Timestamp};
use lineguard_core::model::TextError;
use lineguard_core::text::{Fields, Item, Source, shown};
use lineguard_core::vocabulary::Product;

use super::Refused;
use super::caller::{Allowed, Caller, SpeaksFor};
use super::identity::{CertifiedName, Peer, SpiffeId, Unclear};
use super::token::TokenHash;
use crate::wire::methods;

/// Greatest number of callers, and of values of one list.
const MAX_CALLERS: usize = 10_000;

const KEYS: &[&str] = &[
    "name",
    "spiffe",
    "dns",
    "jwt",
    "unix_uid",
    "anonymous",
    "token",
    "methods",
    "tenants",
    "products",
    "on_behalf_of_others",
    "subject",
    "provisions",
];
const TOKEN_KEYS: &[&str] = &["sha256", "expires"];

const ROWS_OF_EVERYBODY: &str = "`SidecarService` gives the rows of everybody and of all products, \
     so it needs `products = [\"*\"]` and `on_behalf_of_others = true`";

/// Who may call.
#[derive(Debug, Default)]
pub struct Policy {
    spiffe: HashMap<String, Arc<Caller>>,
    dns: HashMap<String, Arc<Caller>>,
    jwt: HashMap<String, Arc<Caller>>,
    uids: HashMap<u32, Arc<Caller>>,
    tokens: HashMap<TokenHash, (Arc<Caller>, Option<Timestamp>)>,
    anonymous: Option<Arc<Caller>>,
}

impl Policy {
    /// Reads a callers file; every mistake at once.
    ///
    /// # Errors
    ///
    /// The mistakes, with their places.
    pub fn parse(text: &str) -> Result<Self, Vec<TextError>> {
        let (source, table) = Source::read(text)?;
        let root = Fields::new(&source, &table, 0, &["format", "caller"]);
        root.format_one();
        let mut reader = Reader { source: &source, policy: Self::default(), names: HashMap::new() };
        for fields in root.subs("caller", MAX_CALLERS, KEYS) {
            reader.caller(&fields);
        }
        let policy = reader.policy;
        if source.is_clean() { Ok(policy) } else { Err(source.into_errors()) }
    }

    /// Who is at the other end of a connection. Only somebody who offered no proof is the anonymous
    /// caller.
    ///
    /// # Errors
    ///
    /// If that is nobody that is known, or the proof does not say who.
    pub fn of_peer(&self, peer: &Peer) -> Result<Arc<Caller>, Refused> {
        let known = match peer {
            Peer::Unclear(unclear) => return Err(Refused::Unclear(*unclear)),
            Peer::Certified(CertifiedName::Spiffe(id)) => self.spiffe.get(id.as_str()),
            Peer::Certified(CertifiedName::Dns(names)) => self.of_dns(names)?,
            // The system names a user for everybody; whoever is not meant by it proved nothing.
            Peer::Local { uid } => self.uids.get(uid).or(self.anonymous.as_ref()),
            Peer::Anonymous => self.anonymous.as_ref(),
        };
        known.cloned().ok_or(Refused::Unauthenticated)
    }

    /// An error if the names of one certificate are those of several callers.
    fn of_dns(&self, names: &[String]) -> Result<Option<&Arc<Caller>>, Refused> {
        let mut found = names.iter().filter_map(|name| self.dns.get(name));
        let Some(first) = found.next() else { return Ok(None) };
        match found.all(|other| Arc::ptr_eq(first, other)) {
            true => Ok(Some(first)),
            false => Err(Refused::Unclear(Unclear::SeveralCallers)),
        }
    }

    /// Who has this API token.
    pub fn of_token(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Caller>> {
        let (caller, expires) = self.tokens.get(hash)?;
        expires.is_none_or(|expires| now < expires).then(|| Arc::clone(caller))
    }

    /// Who is the subject of a JWT that has been checked.
    pub fn of_jwt(&self, subject: &str) -> Option<Arc<Caller>> {
        self.jwt.get(subject).cloned()
    }
}

struct Reader<'s, 't> {
    source: &'s Source<'t>,
    policy: Policy,
    names: HashMap<String, ()>,
}

impl<'s, 't> Reader<'s, 't> {
    fn caller(&mut self, fields: &Fields<'s, 't>) {
        let Some(name) = fields.required("name") else { return };
        if self.names.insert(name.text.to_owned(), ()).is_some() {
            self.source.error(name.at, format!("`{}` stands here twice", shown(name.text)));
        }
        let caller = Arc::new(Caller {
            name: name.text.to_owned(),
            methods: self.methods(fields),
            tenants: self.tenants(fields),
            products: self.products(fields),
            speaks_for: self.speaks_for(fields),
            provisions: fields.bool("provisions", false),
        });
        if caller.names_rows() && !caller.may_read_rows() {
            let at = fields.key_at("methods").unwrap_or(fields.at());
            self.source.error(at, ROWS_OF_EVERYBODY);
        }
        self.identities(fields, &caller);
    }

    /// How the caller proves who it is.
    fn identities(&mut self, fields: &Fields<'s, 't>, caller: &Arc<Caller>) {
        let source = self.source;
        let mut any = false;
        for item in fields.items("spiffe").unwrap_or_default() {
            any = true;
            match SpiffeId::parse(item.text) {
                Some(id) => once(source, &mut self.policy.spiffe, item, id.to_string(), caller),
                None => source.error(item.at, "not a SPIFFE ID: `spiffe://trust.domain/path`"),
            }
        }
        for item in fields.items("dns").unwrap_or_default() {
            any = true;
            if item.text.contains('*') || item.text.is_empty() {
                source.error(item.at, "a whole DNS name is needed");
            }
            let name = item.text.to_ascii_lowercase();
            once(source, &mut self.policy.dns, item, name, caller);
        }
        for item in fields.items("jwt").unwrap_or_default() {
            any = true;
            if item.text.is_empty() {
                source.error(item.at, "the subject of a token is never empty");
            }
            once(source, &mut self.policy.jwt, item, item.text.to_owned(), caller);
        }
        for item in fields.items("unix_uid").unwrap_or_default() {
            any = true;
            match item.text.parse() {
                Ok(uid) => once(source, &mut self.policy.uids, item, uid, caller),
                Err(_) => source.error(item.at, "not the number of a user"),
            }
        }
        for token in fields.subs("token", MAX_CALLERS, TOKEN_KEYS) {
            any = true;
            self.token(&token, caller);
        }
        if fields.bool("anonymous", false) {
            any = true;
            if self.policy.anonymous.replace(Arc::clone(caller)).is_some() {
                source.error(fields.at(), "only one caller can be `anonymous`");
            }
        }
        if !any {
            let ways = "`spiffe`, `dns`, `jwt`, `unix_uid`, `token` or `anonymous`";
            source.error(fields.at(), format!("nothing says how it is known: {ways}"));
        }
    }

    fn token(&mut self, fields: &Fields<'s, 't>, caller: &Arc<Caller>) {
        let expires = fields.item("expires").and_then(|item| {
            let moment = moment(item.text);
            if moment.is_none() {
                self.source.error(item.at, "not a moment: `2027-01-31T00:00:00Z`");
            }
            moment
        });
        let Some(item) = fields.required("sha256") else { return };
        match TokenHash::parse_hex(item.text) {
            Some(hash) => {
                if self.policy.tokens.insert(hash, (Arc::clone(caller), expires)).is_some() {
                    self.source.error(item.at, "this token is given twice");
                }
            }
            None => self.source.error(item.at, "not the 64 hexadecimal digits of a hash"),
        }
    }

    fn methods(&self, fields: &Fields<'s, 't>) -> Allowed<String> {
        let known = methods();
        let Some(items) = self.required_list(fields, "methods") else { return nothing() };
        let mut allowed = Vec::new();
        for item in items {
            match item.text {
                "*" => return Allowed::All,
                text => {
                    let before = allowed.len();
                    let whole = |name: &&String| {
                        let short = name.strip_prefix("lineguard.v1.").unwrap_or(name);
                        short == text
                            || text.strip_suffix('*').is_some_and(|service| {
                                service.ends_with('/') && short.starts_with(service)
                            })
                    };
                    allowed.extend(known.iter().filter(whole).map(|name| format!("/{name}")));
                    if allowed.len() == before {
                        let names =
                            known.iter().filter_map(|name| name.strip_prefix("lineguard.v1."));
                        self.source.unknown(item.at, "method", text, names);
                    }
                }
            }
        }
        Allowed::These(allowed.into_iter().collect())
    }

    fn tenants(&self, fields: &Fields<'s, 't>) -> Allowed<String> {
        let Some(items) = self.required_list(fields, "tenants") else { return nothing() };
        if items.iter().any(|item| item.text == "*") {
            return Allowed::All;
        }
        for item in &items {
            if let Err(error) = TenantId::parse(item.text) {
                self.source.error(item.at, error.to_string());
            }
        }
        Allowed::These(items.into_iter().map(|item| item.text.to_owned()).collect())
    }

    fn products(&self, fields: &Fields<'s, 't>) -> Allowed<Product> {
        let Some(items) = self.required_list(fields, "products") else { return nothing() };
        let mut allowed = Vec::new();
        for item in items {
            if item.text == "*" {
                return Allowed::All;
            }
            match Product::ALL.iter().find(|(_, word)| *word == item.text) {
                Some((product, _)) => allowed.push(*product),
                None => {
                    let words = Product::ALL.iter().map(|(_, word)| *word);
                    self.source.unknown(item.at, "product", item.text, words);
                }
            }
        }
        Allowed::These(allowed.into_iter().collect())
    }

    fn speaks_for(&self, fields: &Fields<'s, 't>) -> SpeaksFor {
        if fields.bool("on_behalf_of_others", false) {
            fields.refuse(&["subject"], "says nothing beside `on_behalf_of_others = true`");
            return SpeaksFor::Anyone;
        }
        let Some(item) = fields.item("subject") else { return SpeaksFor::Nobody };
        let subject = item
            .text
            .split_once(':')
            .and_then(|(kind, id)| Subject::parse(SubjectKind::from_word(kind)?, id).ok());
        if subject.is_none() {
            self.source.error(item.at, "not a subject: `service:fax-router`, `user:alice`");
        }
        subject.map_or(SpeaksFor::Nobody, SpeaksFor::Itself)
    }

    /// What is left out is not allowed, so it must be said.
    fn required_list(&self, fields: &Fields<'s, 't>, name: &str) -> Option<Vec<Item<'s>>> {
        if fields.value(name).is_none() {
            fields.missing(name);
        }
        fields.items(name)
    }
}

/// A moment as RFC 3339 writes it.
fn moment(text: &str) -> Option<Timestamp> {
    let prost_types::Timestamp { seconds, nanos } = text.parse().ok()?;
    Some(Timestamp(seconds.checked_mul(1_000)?.checked_add(i64::from(nanos) / 1_000_000)?))
}

fn nothing<T: Hash + Eq>() -> Allowed<T> {
    Allowed::These(std::collections::HashSet::new())
}

/// Puts an identity in, once.
fn once<K: Hash + Eq>(
    source: &Source<'_>,
    known: &mut HashMap<K, Arc<Caller>>,
    item: Item<'_>,
    key: K,
    caller: &Arc<Caller>,
) {
    if known.insert(key, Arc::clone(caller)).is_some() {
        source.error(item.at, format!("`{}` stands here twice", shown(item.text)));
    }
}
