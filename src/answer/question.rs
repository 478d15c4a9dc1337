//! Questions as keys of caches, and whole answers as their values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use lineguard_core::id::TenantId;
use prost::Message;

use crate::wire::pb;

/// Methods whose answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `Check`.
    Check,
    /// `GetVisibility`.
    GetVisibility,
    /// `ResolveCallerId`.
    ResolveCallerId,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "Check",
            Self::GetVisibility => "GetVisibility",
            Self::ResolveCallerId => "ResolveCallerId",
        }
    }
}

/// A whole question: the method and the message as it came, without what it says about how recent
/// the answer must be. Two messages that are the same question in other bytes are two keys, which
/// costs a miss; two questions never share a key.
#[derive(Debug, Clone)]
pub struct Question {
    method: Method,
    bytes: Arc<[u8]>,
}

impl Question {
    /// `Check`.
    pub fn check(message: &pb::CheckRequest) -> Self {
        let plain = pb::CheckRequest { consistency: None, ..message.clone() };
        Self::of(Method::Check, &plain)
    }

    /// `GetVisibility`.
    pub fn visibility(message: &pb::GetVisibilityRequest) -> Self {
        let plain = pb::GetVisibilityRequest { consistency: None, ..message.clone() };
        Self::of(Method::GetVisibility, &plain)
    }

    /// `ResolveCallerId`.
    pub fn caller_id(message: &pb::ResolveCallerIdRequest) -> Self {
        let plain = pb::ResolveCallerIdRequest { consistency: None, ..message.clone() };
        Self::of(Method::ResolveCallerId, &plain)
    }

    fn of(method: Method, message: &impl Message) -> Self {
        Self { method, bytes: message.encode_to_vec().into() }
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// As the cache that replicas share knows it.
    pub fn shared<'a>(&'a self, tenant: &'a TenantId) -> lineguard_cache::l2::Question<'a> {
        lineguard_cache::l2::Question { tenant, method: self.method.as_str(), bytes: &self.bytes }
    }

    /// How much memory it owns.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.method == other.method && self.bytes == other.bytes
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
        self.method.hash(state);
    }
}

/// A whole answer. Its revision is not part of it: the same answer holds at later revisions too.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To `Check`.
    Decision(pb::Decision),
    /// To `GetVisibility`.
    Visibility(pb::GetVisibilityResponse),
    /// To `ResolveCallerId`.
    CallerId(pb::ResolveCallerIdResponse),
}

impl Answer {
    /// About how much memory it owns: text and lists take about what they take on the wire, and a
    /// pointer and sizes each.
    pub fn bytes(&self) -> usize {
        2 * self.message_bytes()
    }

    fn message_bytes(&self) -> usize {
        match self {
            Self::Decision(message) => message.encoded_len(),
            Self::Visibility(message) => message.encoded_len(),
            Self::CallerId(message) => message.encoded_len(),
        }
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Decision(message) => message.encode_to_vec(),
            Self::Visibility(message) => message.encode_to_vec(),
            Self::CallerId(message) => message.encode_to_vec(),
        }
    }

    /// From bytes; none if they are no answer to this method.
    pub fn decode(method: Method, bytes: &[u8]) -> Option<Self> {
        Some(match method {
            Method::Check => Self::Decision(pb::Decision::decode(bytes).ok()?),
            Method::GetVisibility => {
                Self::Visibility(pb::GetVisibilityResponse::decode(bytes).ok()?)
            }
            Method::ResolveCallerId => {
                Self::CallerId(pb::ResolveCallerIdResponse::decode(bytes).ok()?)
            }
        })
    }
}
