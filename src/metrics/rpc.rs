//! Durations of calls, by the conventions of OpenTelemetry for RPC.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram};
use tonic::Code;

use crate::wire::methods;

/// A method whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(usize);

/// gRPC has this many codes, from 0.
const CODES: usize = 17;

/// Calls of known methods and, last, of all others.
pub(super) struct Calls {
    histogram: Histogram<f64>,
    by_path: HashMap<String, Method>,
    series: Vec<(String, [OnceLock<BoundHistogram<f64>>; CODES])>,
}

impl Calls {
    pub(super) fn new(histogram: Histogram<f64>) -> Self {
        let mut names = methods();
        let by_path = names.iter().enumerate();
        let by_path = by_path.map(|(at, name)| (format!("/{name}"), Method(at))).collect();
        names.push("_OTHER".to_owned());
        let series = names.into_iter().map(|name| (name, [const { OnceLock::new() }; CODES]));
        Self { histogram, by_path, series: series.collect() }
    }

    pub(super) fn method(&self, path: &str) -> Method {
        let other = Method(self.series.len().saturating_sub(1));
        self.by_path.get(path).copied().unwrap_or(other)
    }

    pub(super) fn record(&self, method: Method, code: Code, duration: Duration) {
        let Some((name, codes)) = self.series.get(method.0) else { return };
        let Some(series) = codes.get(code as usize) else { return };
        let bind = || self.histogram.bind(&attributes(name, code));
        series.get_or_init(bind).record(duration.as_secs_f64());
    }
}

fn attributes(method: &str, code: Code) -> Vec<KeyValue> {
    let word = word(code);
    let mut attributes = vec![
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", method.to_owned()),
        KeyValue::new("rpc.response.status_code", word),
    ];
    if is_our_fault(code) {
        attributes.push(KeyValue::new("error.type", word));
    }
    attributes
}

/// The codes that make a server's call an error; the others are the caller's, or answers.
const fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

pub(super) const fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
