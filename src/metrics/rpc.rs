//! Durations of calls, by the conventions of OpenTelemetry for RPC.

use std::collections::{HashMap, HashSet};
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
    statements: Histogram<f64>,
    by_path: HashMap<String, Method>,
    series: Vec<Series>,
}

/// What is kept of one method. A series is made when it first counts.
struct Series {
    name: String,
    codes: [OnceLock<BoundHistogram<f64>>; CODES],
    statements: OnceLock<BoundHistogram<f64>>,
}

impl Calls {
    pub(super) fn new(histogram: Histogram<f64>, statements: Histogram<f64>) -> Self {
        let mut names = methods();
        let by_path = names.iter().enumerate();
        let by_path = by_path.map(|(at, name)| (format!("/{name}"), Method(at))).collect();
        names.push("_OTHER".to_owned());
        let codes = || [const { OnceLock::new() }; CODES];
        let one = |name| Series { name, codes: codes(), statements: OnceLock::new() };
        let series = names.into_iter().map(one).collect();
        Self { histogram, statements, by_path, series }
    }

    pub(super) fn method(&self, path: &str) -> Method {
        let other = Method(self.series.len().saturating_sub(1));
        self.by_path.get(path).copied().unwrap_or(other)
    }

    pub(super) fn record(&self, method: Method, code: Code, duration: Duration, statements: u32) {
        let Some(Series { name, codes, statements: counts }) = self.series.get(method.0) else {
            return;
        };
        let method = || [KeyValue::new("rpc.method", name.clone())];
        counts.get_or_init(|| self.statements.bind(&method())).record(f64::from(statements));
        let Some(series) = codes.get(code as usize) else { return };
        let bind = || self.histogram.bind(&attributes(name, code));
        series.get_or_init(bind).record(duration.as_secs_f64());
    }
}

/// Whether this is the full name of one of our methods.
pub fn is_known(method: &str) -> bool {
    static METHODS: OnceLock<HashSet<String>> = OnceLock::new();
    METHODS.get_or_init(|| methods().into_iter().collect()).contains(method)
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
pub const fn is_our_fault(code: Code) -> bool {
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

/// The code as gRPC writes it.
pub const fn word(code: Code) -> &'static str {
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
