//! Who calls, and what each caller may ask for. About the people that callers ask for nothing stands
//! here: that is the engine's.
//!
//! A caller proves who it is by the certificate of its connection, by the user id behind a Unix
//! socket, or by a bearer token; nothing else that it sends is believed. What it may do stands in
//! the callers file. Who is not in it is refused.

pub mod caller;
pub mod identity;
pub mod jwks;
pub mod jwt;
pub mod policy;
pub mod reload;
mod ring;
pub mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::header::AUTHORIZATION;

pub use caller::{Caller, Touches};
pub use identity::{Peer, Unclear};
use jwt::Jwt;
use policy::Policy;
use token::TokenHash;

use crate::clock::Clock;

/// Why a call is refused before anybody looks at what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not prove who calls, or whoever that is, is not known.
    Unauthenticated,
    /// It offers a proof that does not say who calls. Nobody is the anonymous caller by that.
    Unclear(Unclear),
    /// It does, and this caller may not call this.
    NotPermitted,
}

/// Tells who calls.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

enum Inner {
    /// Everybody who can reach the server may ask anything.
    Open(Arc<Caller>),
    /// Callers are known.
    Known { policy: ArcSwap<Policy>, jwt: Option<Jwt>, clock: Arc<dyn Clock> },
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Access {
    /// For a server that only this machine can reach.
    pub fn open() -> Self {
        Self(Arc::new(Inner::Open(Arc::new(Caller::anybody()))))
    }

    /// For callers that are known.
    pub fn known(policy: Policy, jwt: Option<Jwt>, clock: Arc<dyn Clock>) -> Self {
        let policy = ArcSwap::from_pointee(policy);
        Self(Arc::new(Inner::Known { policy, jwt, clock }))
    }

    /// Puts another policy in force, from the next call on. Of no effect where everybody may call.
    pub fn replace(&self, new: Policy) {
        if let Inner::Known { policy, .. } = &*self.0 {
            policy.store(Arc::new(new));
        }
    }

    /// Who makes this call, if they may call this method at all.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn caller(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Arc<Caller>, Refused> {
        let caller = self.identify(peer, headers)?;
        if caller.may_call(path) { Ok(caller) } else { Err(Refused::NotPermitted) }
    }

    fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<Arc<Caller>, Refused> {
        let (policy, jwt, clock) = match &*self.0 {
            Inner::Open(anybody) => return Ok(Arc::clone(anybody)),
            Inner::Known { policy, jwt, clock } => (policy.load(), jwt, clock),
        };
        let mut tokens = headers.get_all(AUTHORIZATION).iter();
        let token = match (tokens.next(), tokens.next()) {
            (None, _) => return policy.of_peer(peer),
            // A token that is not good is not made up for by a certificate: whoever sends one means
            // to be known by it.
            (Some(token), None) => token,
            // Two readers of two of them could take two different ones.
            (Some(_), Some(_)) => return Err(Refused::Unclear(Unclear::SeveralHeaders)),
        };
        let token = token.to_str().ok().and_then(bearer);
        let token = token.ok_or(Refused::Unclear(Unclear::NotBearer))?;
        let now = clock.now();
        let known = match TokenHash::of(token) {
            Some(hash) => policy.of_token(&hash, now),
            None => jwt
                .as_ref()
                .and_then(|jwt| jwt.subject(token, now))
                .and_then(|subject| policy.of_jwt(&subject)),
        };
        known.ok_or(Refused::Unauthenticated)
    }
}

/// The one word behind `Bearer`, whose case does not count.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let one_word = !token.is_empty() && !token.contains([' ', '\t', ',']);
    (scheme.eq_ignore_ascii_case("bearer") && one_word).then_some(token)
}
