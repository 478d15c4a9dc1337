//! Callers that are known by bearer tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lineguard::access::Access;
use lineguard::access::jwks::{Fetcher, Keys};
use lineguard::access::jwt::Jwt;
use lineguard::access::token::{TokenHash, generate};
use lineguard::clock::Clock;
use lineguard::config::JwksSource;
use lineguard::server::Doors;
use lineguard_core::id::Timestamp;
use lineguard_testkit::world::NOW;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{Guarded, caller, doors, policy, question, refused, unauthenticated, unclear};
use crate::harness::Harness;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;

pub const ISSUER: &str = "https://issuer.example.org";

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Seconds since 1970 that are now, and some more.
fn in_seconds(more: i64) -> i64 {
    NOW.0 / 1_000 + more
}

/// Asks with these headers.
pub async fn ask(server: &Guarded, headers: &[&str]) -> Result<(), Status> {
    let uri = format!("http://{}", server.address);
    let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
    let mut request = Request::new(question());
    for header in headers {
        request.metadata_mut().append("authorization", MetadataValue::try_from(*header).unwrap());
    }
    AuthorizationServiceClient::new(channel).check(request).await.map(drop)
}

#[tokio::test]
async fn an_api_token_is_known_by_its_hash() {
    let harness = Harness::start().await;
    let (token, ended, unknown) = (generate().unwrap(), generate().unwrap(), generate().unwrap());
    let hash = |token: &str| TokenHash::of(token).unwrap().hex();
    let known = format!("token = [{{ sha256 = \"{}\" }}]", hash(&token));
    let old = format!(
        "token = [{{ sha256 = \"{}\", expires = \"2001-01-01T00:00:00Z\" }}]",
        hash(&ended)
    );
    let server =
        Guarded::start(&harness, doors(&[caller("new", &known), caller("old", &old)])).await;

    for good in [format!("Bearer {token}"), format!("bearer  {token}")] {
        ask(&server, &[&good]).await.unwrap();
    }
    let refusals: [(&str, &[&str]); 4] = [
        ("nothing", &[]),
        ("unknown", &[&format!("Bearer {unknown}")]),
        ("expired", &[&format!("Bearer {ended}")]),
        ("its hash", &[&format!("Bearer lgt_{}", hash(&token))]),
    ];
    for (what, headers) in refusals {
        let status = ask(&server, headers).await.unwrap_err();
        assert_eq!(refused(&status), unauthenticated(), "{what}");
    }
    say_nothing(&server, &token).await;
    server.stop().await;
    harness.stop().await;
}

/// Headers out of which it cannot be read who calls, a good token in some of them.
async fn say_nothing(server: &Guarded, token: &str) {
    let good = format!("Bearer {token}");
    let cases: [&[&str]; 12] = [
        &[""],
        &["Bearer"],
        &["Bearer "],
        &[&format!("Basic {token}")],
        &[token],
        &[&format!("{good} x")],
        &[&format!("{good}, {good}")],
        &[&format!("Basic eDp5, {good}")],
        &[&good, &good],
        &[&good, "Bearer x"],
        &["", &good],
        &[&good, ""],
    ];
    for headers in cases {
        let status = ask(server, headers).await.unwrap_err();
        assert_eq!(refused(&status), unclear(), "{headers:?}");
    }
}

#[tokio::test]
async fn a_bad_token_is_not_made_up_for_by_the_connection() {
    let harness = Harness::start().await;
    let token = generate().unwrap();
    let hash = TokenHash::of(&token).unwrap().hex();
    let known = caller("known", &format!("token = [{{ sha256 = \"{hash}\" }}]"));
    let server = Guarded::start(&harness, doors(&[caller("all", "anonymous = true"), known])).await;
    ask(&server, &[]).await.unwrap();
    ask(&server, &[&format!("Bearer {token}")]).await.unwrap();
    for unknown in ["x", "a.b.c", &generate().unwrap()] {
        let status = ask(&server, &[&format!("Bearer {unknown}")]).await.unwrap_err();
        assert_eq!(refused(&status), unauthenticated(), "{unknown}");
    }
    say_nothing(&server, &token).await;
    server.stop().await;
    harness.stop().await;
}

/// An issuer with one key of each of two kinds.
pub struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let method = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(method, &random).unwrap();
        Self {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(method, ec.as_ref(), &random).unwrap(),
        }
    }

    pub fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(self.ed.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "alg": "ES256",
              "x": text(&point[1..33]), "y": text(&point[33..]) },
            { "kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc",
              "x": text(&point[1..33]), "y": text(&point[33..]) },
            { "kty": "something else", "kid": "odd" },
        ]})
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = match header["alg"].as_str().unwrap() {
            "ES256" => {
                self.ec.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
            "HS256" => {
                let public = self.ed.public_key().as_ref();
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public);
                ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            "none" => Vec::new(),
            _ => self.ed.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": ["other", "lineguard"], "sub": "store", "exp": in_seconds(60) })
}

/// The claims with one put right.
fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

pub async fn server_of(harness: &Harness, keys: Arc<Keys>) -> Guarded {
    let jwt = Jwt::new(ISSUER, "lineguard", keys);
    let policy = policy(&[caller("store", "jwt = [\"store\"]")]);
    let access = Access::known(policy, Some(jwt), Arc::new(Standing));
    Guarded::start(harness, Doors { access, tls: None }).await
}

#[tokio::test]
async fn a_jwt_is_taken_from_its_issuer_for_us_in_its_time() {
    let harness = Harness::start().await;
    let (issuer, forger) = (Issuer::new(), Issuer::new());
    let keys = Arc::new(Keys::default());
    assert_eq!(keys.replace(issuer.jwks().to_string().as_bytes()), Ok(2));
    let server = server_of(&harness, keys).await;
    let ed = json!({ "alg": "EdDSA", "kid": "ed" });
    let ec = json!({ "alg": "ES256", "kid": "ec" });

    for (what, token) in [
        ("Ed25519", issuer.sign(&ed, &claims())),
        ("P-256", issuer.sign(&ec, &claims())),
        ("one audience", issuer.sign(&ed, &with("aud", json!("lineguard")))),
        ("the other's clock is ahead", issuer.sign(&ed, &with("nbf", json!(in_seconds(9))))),
        ("a fraction", issuer.sign(&ed, &with("exp", json!(in_seconds(5) as f64 + 0.5)))),
    ] {
        let header = format!("Bearer {token}");
        let answer = ask(&server, &[&header]).await;
        assert!(answer.is_ok(), "{what}: {answer:?}");
    }

    let good = issuer.sign(&ed, &claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let mut cut = claims();
    cut.as_object_mut().unwrap().remove("exp");
    let unsigned = issuer.sign(&json!({ "alg": "none", "kid": "ed" }), &claims());
    let shared = issuer.sign(&json!({ "alg": "HS256", "kid": "ed" }), &claims());
    let critical = json!({ "alg": "EdDSA", "kid": "ed", "crit": ["exp"] });
    let jku = json!({ "alg": "EdDSA", "kid": "other", "jku": "http://127.0.0.1/keys" });
    for (what, token) in [
        ("another issuer", issuer.sign(&ed, &with("iss", json!("https://issuer.example.org/")))),
        ("another audience", issuer.sign(&ed, &with("aud", json!("Lineguard")))),
        ("expired", issuer.sign(&ed, &with("exp", json!(in_seconds(-11))))),
        ("not yet valid", issuer.sign(&ed, &with("nbf", json!(in_seconds(11))))),
        ("no end", issuer.sign(&ed, &cut)),
        ("several issuers", issuer.sign(&ed, &with("iss", json!([ISSUER])))),
        ("an audience that is none", issuer.sign(&ed, &with("aud", json!({ "lineguard": 1 })))),
        ("a beginning that is no time", issuer.sign(&ed, &with("nbf", json!("soon")))),
        ("an end that is no time", issuer.sign(&ed, &with("exp", json!(1e300)))),
        ("a subject that is not known", issuer.sign(&ed, &with("sub", json!("Store")))),
        ("no subject", issuer.sign(&ed, &with("sub", json!(null)))),
        ("another key", forger.sign(&ed, &claims())),
        ("no signature", unsigned),
        ("a signature cut off", format!("{message}.")),
        ("a shared secret that is the public key", shared),
        (
            "another algorithm than the key's",
            issuer.sign(&json!({ "alg": "EdDSA", "kid": "ec" }), &claims()),
        ),
        ("a key for encryption", issuer.sign(&json!({ "alg": "ES256", "kid": "enc" }), &claims())),
        ("no key id where there are several", issuer.sign(&json!({ "alg": "EdDSA" }), &claims())),
        ("what must be understood", issuer.sign(&critical, &claims())),
        ("a key from elsewhere", issuer.sign(&jku, &claims())),
        ("too long", issuer.sign(&ed, &with("pad", json!("x".repeat(9_000))))),
    ] {
        let header = format!("Bearer {token}");
        let status = ask(&server, &[&header]).await.expect_err(what);
        assert_eq!(refused(&status), unauthenticated(), "{what}");
    }
    server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn a_key_that_is_gone_ends_its_tokens() {
    let harness = Harness::start().await;
    let (issuer, next) = (Issuer::new(), Issuer::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, issuer.jwks().to_string()).unwrap();
    let keys = Arc::new(Keys::default());
    let source = JwksSource::File(path.clone());
    let fetcher = Fetcher::new(&source, None, Arc::clone(&keys)).unwrap();
    assert_eq!(fetcher.fetch().await, Ok(2));
    let server = server_of(&harness, keys).await;
    let header = json!({ "alg": "EdDSA", "kid": "ed" });
    let old = format!("Bearer {}", issuer.sign(&header, &claims()));
    let new = format!("Bearer {}", next.sign(&header, &claims()));
    ask(&server, &[&old]).await.unwrap();
    ask(&server, &[&new]).await.unwrap_err();

    std::fs::write(&path, "{ \"keys\": [] }").unwrap();
    fetcher.fetch().await.unwrap_err();
    ask(&server, &[&old]).await.expect("keys that are no good change nothing");

    std::fs::write(&path, next.jwks().to_string()).unwrap();
    assert_eq!(fetcher.fetch().await, Ok(2));
    ask(&server, &[&old]).await.expect_err("its key is gone, though it was checked before");
    ask(&server, &[&new]).await.unwrap();
    server.stop().await;
    harness.stop().await;
}
