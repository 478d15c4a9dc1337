//! The span of a call, by the conventions of OpenTelemetry for RPC.

use tonic::Code;
use tonic::body::Body;
use tonic::codegen::http::Request;

use super::connection::Origin;
use crate::metrics::{is_known, is_our_fault, word};
use crate::telemetry::trace::{self, Span};

/// Begins the span of a call, if it is to be traced. The decision is made from the headers alone.
pub(super) fn begin(request: &Request<Body>) -> Option<Span> {
    let path = request.uri().path();
    let method = path.strip_prefix('/').unwrap_or(path);
    // What callers make up must not become the name of anything.
    let known = || is_known(method);
    let name = || if known() { method.to_owned().into() } else { "grpc".into() };
    let mut span = trace::call(request.headers(), name)?;
    span.set("rpc.system.name", "grpc");
    span.set("rpc.method", if known() { method.to_owned() } else { "_OTHER".to_owned() });
    if let Some(address) = request.extensions().get::<Origin>().and_then(|origin| origin.address) {
        span.set("network.peer.address", address.to_string());
    }
    Some(span)
}

/// Ends it with the code of the call.
pub(super) fn end(span: Option<Span>, code: Code) {
    let Some(mut span) = span else { return };
    span.set("rpc.response.status_code", word(code));
    if is_our_fault(code) {
        span.fail(word(code));
    }
}
