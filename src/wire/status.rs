//! The one mapping from errors to [`tonic::Status`]. Nothing else in the service makes one.
//!
//! Every status carries `google.rpc.ErrorInfo` with domain [`DOMAIN`]; (domain, reason) is stable.
//! A deny is never here: it is an answer.

use std::collections::HashMap;
use std::time::Duration;

use lineguard_core::change::Change;
use lineguard_core::decision::{FactOwner, MissingFact, MissingFacts};
use lineguard_core::port::{ApplyError, Fault, StoreError};
use lineguard_lease::Seldom;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt};

use super::change::kind_name;
use super::invalid::{InvalidRequest, Violation};
use super::pb;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "lineguard.v1";

/// After how long a request that found no store may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The message cannot be read.
    Invalid(InvalidRequest),
    /// The answer depends on facts that the question does not carry.
    MissingFacts(MissingFacts),
    /// What was named does not exist, or may not be seen; the word says what: `account`.
    NotFound(&'static str),
    /// The store gave no answer.
    Store(StoreError),
    /// A write names something that does not exist in the tenant.
    WriteNotFound(Violation),
    /// A write makes something that exists and differs.
    AlreadyExists(Violation),
    /// The state of the tenant does not allow the write.
    Refused(Violation),
    /// Something that is under way in the tenant must end before the write.
    NotNow(Violation),
    /// The request id was used for another write.
    RequestIdReused,
    /// A revision token is of a history that was lost when the database was restored.
    HistoryLost,
    /// Too much at once.
    Overloaded,
    /// The caller's deadline has passed.
    DeadlineExceeded,
    /// The client of a stream has neither taken nor sent anything for too long.
    Stalled,
    /// The answer is larger than a client reads, and comes in one piece.
    TooLarge,
    /// The tenant was changed while it was read piece by piece.
    TenantChanged,
    /// The caller did not identify itself.
    Unauthenticated,
    /// The caller offered a proof that does not say who it is; the text says why, to the caller.
    ProofUnclear(&'static str),
    /// The caller is known and may not ask this; not a deny of the subject.
    NotPermitted,
    /// A mistake of ours. The text is for the log.
    Internal(String),
}

impl From<InvalidRequest> for Failure {
    fn from(error: InvalidRequest) -> Self {
        Self::Invalid(error)
    }
}

impl From<MissingFacts> for Failure {
    fn from(error: MissingFacts) -> Self {
        Self::MissingFacts(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.into_parts().into_status()
    }
}

impl Failure {
    /// The failure of a write. `field` gives the path of a fault in the message that it came in:
    /// [`change_field`], or the fault's field alone where the message is the change.
    pub fn of_write(error: ApplyError, field: impl Fn(&Fault) -> String) -> Self {
        let violation = |fault: Fault| Violation { field: field(&fault), problem: fault.problem };
        match error {
            ApplyError::Store(error) => Self::Store(error),
            ApplyError::Invalid(faults) => Self::Invalid(InvalidRequest {
                violations: faults.into_iter().map(violation).collect(),
            }),
            ApplyError::NotFound(fault) => Self::WriteNotFound(violation(fault)),
            ApplyError::AlreadyExists(fault) => Self::AlreadyExists(violation(fault)),
            ApplyError::Refused(fault) => Self::Refused(violation(fault)),
            ApplyError::NotNow(fault) => Self::NotNow(violation(fault)),
            ApplyError::RequestIdReused => Self::RequestIdReused,
        }
    }

    /// The failure as one item of a batch carries it.
    pub fn into_item_error(self) -> pb::ItemError {
        let Parts { code, reason, message, violations, .. } = self.into_parts();
        pb::ItemError {
            code: code.into(),
            reason: reason.to_owned(),
            message: shortened(message),
            field_violations: violations.into_iter().map(violation_to_wire).collect(),
        }
    }

    /// What a server said to a whole batch, as one item of it carries it.
    pub fn item_error_of(status: &Status) -> pb::ItemError {
        let details = status.get_error_details();
        let wrong = details.bad_request().map(|bad| bad.field_violations.as_slice());
        let wrong = wrong.unwrap_or_default().iter().map(|one| (&one.field, &one.description));
        let refused = details.precondition_failure().map(|failure| failure.violations.as_slice());
        let refused =
            refused.unwrap_or_default().iter().map(|one| (&one.subject, &one.description));
        let to_wire = |(field, description): (&String, &String)| pb::FieldViolation {
            field: field.clone(),
            description: description.clone(),
        };
        pb::ItemError {
            code: status.code().into(),
            reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            message: shortened(status.message().to_owned()),
            field_violations: wrong.chain(refused).map(to_wire).collect(),
        }
    }

    fn into_parts(self) -> Parts {
        match self {
            Self::Invalid(error) => Parts {
                violations: error.violations.clone(),
                ..Parts::new(Code::InvalidArgument, "INVALID_REQUEST", error.to_string())
            },
            Self::MissingFacts(missing) => missing_facts(missing),
            Self::NotFound(what) => {
                let message = format!("the {what} does not exist, or may not be seen");
                Parts::new(Code::NotFound, "NOT_FOUND", message).with("kind", what)
            }
            Self::Store(error) => store(&error),
            Self::WriteNotFound(violation) => write(Code::NotFound, "NOT_FOUND", violation),
            Self::AlreadyExists(violation) => {
                write(Code::AlreadyExists, "ALREADY_EXISTS", violation)
            }
            Self::Refused(violation) => write(Code::FailedPrecondition, "REFUSED", violation),
            Self::NotNow(violation) => {
                write(Code::ResourceExhausted, "NOT_NOW", violation).worth_a_retry()
            }
            Self::RequestIdReused => {
                let message = "the request id was used for another write";
                Parts::new(Code::Aborted, "REQUEST_ID_REUSED", message)
            }
            Self::HistoryLost => {
                let field = "consistency.at_least".to_owned();
                let problem = "is of a history that was lost when the database was restored";
                write(
                    Code::FailedPrecondition,
                    "HISTORY_LOST",
                    Violation { field, problem: problem.to_owned() },
                )
            }
            Self::Overloaded => {
                Parts::new(Code::ResourceExhausted, "OVERLOADED", "too many requests at once")
                    .worth_a_retry()
            }
            Self::DeadlineExceeded => {
                Parts::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline has passed")
            }
            Self::Stalled => {
                let message = "the client has neither taken nor sent anything for too long";
                Parts::new(Code::DeadlineExceeded, "STALLED", message)
            }
            Self::TooLarge => {
                let message = "the answer is larger than 3 MiB and has no pages";
                Parts::new(Code::ResourceExhausted, "ANSWER_TOO_LARGE", message)
            }
            Self::TenantChanged => {
                let message = "the tenant was changed while the client was slow; begin again";
                Parts::new(Code::Aborted, "TENANT_CHANGED", message).worth_a_retry()
            }
            Self::Unauthenticated => {
                let message = "the caller did not identify itself";
                Parts::new(Code::Unauthenticated, "UNAUTHENTICATED", message)
            }
            Self::ProofUnclear(why) => Parts::new(Code::Unauthenticated, "PROOF_UNCLEAR", why),
            Self::NotPermitted => {
                let message = "this caller may not ask this";
                Parts::new(Code::PermissionDenied, "CALLER_NOT_PERMITTED", message)
            }
            Self::Internal(detail) => {
                tracing::error!(%detail, "internal error");
                Parts::new(Code::Internal, "INTERNAL", "an internal error; see the server's log")
            }
        }
    }
}

/// The path of a fault of a batch of changes: `changes[3].set_roles.roles`.
pub fn change_field(changes: &[Change], fault: &Fault) -> String {
    let Fault { change, field, .. } = fault;
    let kind = changes.get(*change).map_or("", kind_name);
    match (kind, *field) {
        ("", "") => format!("changes[{change}]"),
        ("", name) | (name, "") => format!("changes[{change}].{name}"),
        (kind, field) => format!("changes[{change}].{kind}.{field}"),
    }
}

/// The path of the fact that a question misses.
fn missing_field(missing: MissingFact) -> String {
    let owner = match missing.of {
        FactOwner::Resource => "resource.properties",
        FactOwner::Target => "target.properties",
        FactOwner::Context => return "context.recipient_verified".to_owned(),
    };
    match missing.fact {
        Some(fact) => format!("{owner}.{}", fact.as_str()),
        None => owner.to_owned(),
    }
}

/// All of them at once, each with its field; the first is the field of the error info.
fn missing_facts(missing: MissingFacts) -> Parts {
    let fields: Vec<String> = missing.iter().map(missing_field).collect();
    let named: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    let message = match &named[..] {
        [field] => format!("the answer depends on {field}, which was not sent"),
        fields => format!("the answer depends on {}, which were not sent", listed(fields)),
    };
    let first = fields.first().cloned().unwrap_or_default();
    let problem = "the answer depends on this fact";
    let violation = |field| Violation { field, problem: problem.to_owned() };
    Parts {
        violations: fields.into_iter().map(violation).collect(),
        ..Parts::new(Code::InvalidArgument, "MISSING_FACT", message)
    }
    .with("field", first)
}

/// `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        items => items.concat(),
    }
}

static UNAVAILABLE: Seldom = Seldom::new();

fn store(error: &StoreError) -> Parts {
    match error {
        StoreError::Unavailable { detail } => {
            // One line for each question would say no more, and drown what does.
            if let Some(times) = UNAVAILABLE.again(Instant::now()) {
                tracing::warn!(%detail, times, "the store is unavailable");
            }
            Parts::new(Code::Unavailable, "STORE_UNAVAILABLE", "the store cannot be reached")
                .worth_a_retry()
        }
        StoreError::Corrupt { table, column, row } => {
            tracing::error!(table, column, %row, "a row does not parse");
            Parts::new(Code::DataLoss, "CORRUPT_ROW", error.to_string())
                .with("table", *table)
                .with("column", *column)
                .with("row", row)
        }
        StoreError::TooLarge { bytes, most } => {
            tracing::error!(
                bytes,
                most,
                "a write needs a statement that the database would not take"
            );
            let problem = "takes no statement that is large enough for this write; write less at \
                           once, or raise its limit (`max_allowed_packet` of MariaDB)";
            let violation = Violation { field: "database".into(), problem: problem.to_owned() };
            write(Code::FailedPrecondition, "STATEMENT_TOO_LARGE", violation)
                .with("bytes", bytes.to_string())
                .with("most", most.to_string())
        }
        StoreError::UnreadableModel { digest, detail } => {
            tracing::error!(%digest, %detail, "a model text cannot be read");
            let message = "this server cannot read the tenant's product model";
            Parts::new(Code::Unavailable, "MODEL_UNREADABLE", message)
                .with("digest", digest.to_string())
                .worth_a_retry()
        }
    }
}

fn write(code: Code, reason: &'static str, violation: Violation) -> Parts {
    let Violation { field, problem } = &violation;
    let message = format!("`{field}` {problem}");
    let parts = Parts::new(code, reason, message).with("field", field);
    Parts { violations: vec![violation], ..parts }
}

fn violation_to_wire(violation: Violation) -> pb::FieldViolation {
    let Violation { field, problem } = violation;
    pb::FieldViolation { field, description: problem }
}

/// What a status and an item error are made of.
struct Parts {
    code: Code,
    reason: &'static str,
    message: String,
    violations: Vec<Violation>,
    metadata: HashMap<String, String>,
    retry: bool,
}

impl Parts {
    fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: HashMap::new(),
            retry: false,
        }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    fn worth_a_retry(mut self) -> Self {
        self.retry = true;
        self
    }

    fn into_status(self) -> Status {
        let Self { code, reason, message, mut violations, mut metadata, retry } = self;
        let left_out = shorten_list(&mut violations);
        if left_out > 0 {
            metadata.insert("violations_left_out".to_owned(), left_out.to_string());
        }
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        if retry {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        if code == Code::FailedPrecondition {
            let violations: Vec<_> = violations
                .into_iter()
                .map(|v| PreconditionViolation::new(reason, v.field, v.problem))
                .collect();
            details.set_precondition_failure(violations);
        } else {
            for Violation { field, problem } in violations {
                details.add_bad_request_violation(field, problem);
            }
        }
        Status::with_error_details(code, shortened(message), details)
    }
}

// A status travels in headers, and some clients accept no more than 8 KiB of them. The message is
// there twice, once percent-encoded, and the details are in base64.
const MAX_MESSAGE_BYTES: usize = 600;
const MAX_VIOLATION_BYTES: usize = 3_000;

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// Cuts a list of violations to what fits, but never to nothing; how many were left out.
fn shorten_list(violations: &mut Vec<Violation>) -> usize {
    let before = violations.len();
    let mut bytes = 0;
    let mut first = true;
    violations.retain(|violation| {
        // Both texts, and the bytes that frame them.
        bytes += violation.field.len() + violation.problem.len() + 8;
        std::mem::take(&mut first) || bytes <= MAX_VIOLATION_BYTES
    });
    for Violation { problem, .. } in violations.iter_mut() {
        *problem = shortened(std::mem::take(problem));
    }
    before - violations.len()
}

#[cfg(test)]
mod tests;
