//! The keys that tokens are checked with: none takes the place of another.

use std::sync::Arc;

use lineguard::access::jwks::Keys;
use serde_json::{Value, json};

use super::tokens::{Issuer, ask, claims, server_of};
use super::{refused, unauthenticated};
use crate::harness::Harness;

/// A set of these keys, without ids where `id` is none.
fn set_of(issuers: &[&Issuer], id: Option<&str>) -> Vec<u8> {
    let keys = issuers.iter().map(|issuer| {
        let mut key = issuer.jwks()["keys"][0].clone();
        key["kid"] = json!(id);
        key
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string().into_bytes()
}

#[tokio::test]
async fn keys_that_have_no_id_or_the_same_one_all_hold() {
    let harness = Harness::start().await;
    let (one, other, forger) = (Issuer::new(), Issuer::new(), Issuer::new());
    let keys = Arc::new(Keys::default());
    let server = server_of(&harness, Arc::clone(&keys)).await;
    for id in [None, Some("k"), Some("")] {
        assert_eq!(keys.replace(&set_of(&[&one, &other], id)), Ok(2));
        let mut header = json!({ "alg": "EdDSA" });
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        let bearer =
            |issuer: &Issuer, header: &Value| format!("Bearer {}", issuer.sign(header, &claims()));
        for issuer in [&one, &other] {
            let answer = ask(&server, &[&bearer(issuer, &header)]).await;
            assert!(answer.is_ok(), "{id:?}: {answer:?}");
        }
        let (no_id, empty) = (json!({ "alg": "EdDSA" }), json!({ "alg": "EdDSA", "kid": "" }));
        let wrong = [
            bearer(&forger, &header),
            bearer(&one, &json!({ "alg": "EdDSA", "kid": "other" })),
            bearer(&one, if id.is_some() { &no_id } else { &empty }),
        ];
        for token in wrong {
            let status = ask(&server, &[&token]).await.unwrap_err();
            assert_eq!(refused(&status), unauthenticated(), "{id:?}");
        }
        // One that is gone is gone, as of any other set.
        assert_eq!(keys.replace(&set_of(&[&other], id)), Ok(1));
        ask(&server, &[&bearer(&one, &header)]).await.unwrap_err();
        ask(&server, &[&bearer(&other, &header)]).await.unwrap();
    }
    server.stop().await;
    harness.stop().await;
}

#[test]
fn a_set_of_too_many_keys_that_cannot_be_told_apart_changes_nothing() {
    let issuers: Vec<_> = (0..9).map(|_| Issuer::new()).collect();
    let issuers: Vec<_> = issuers.iter().collect();
    let keys = Keys::default();
    assert_eq!(keys.replace(&set_of(&issuers[..8], None)), Ok(8));
    let error = keys.replace(&set_of(&issuers, None)).unwrap_err();
    assert_eq!(error.to_string(), "more than 8 keys in it have the same `kid`, or none");
}

#[test]
fn a_key_for_something_else_than_signatures_is_none() {
    let mut key = Issuer::new().jwks()["keys"][0].clone();
    let mut set = |operations: &[&str]| {
        key["key_ops"] = json!(operations);
        Keys::default().replace(json!({ "keys": [key] }).to_string().as_bytes()).ok()
    };
    assert_eq!(set(&["verify"]), Some(1));
    assert_eq!(set(&["encrypt", "wrapKey"]), None);
    assert_eq!(set(&[]), None);
}
