//! The errors that the server itself answers with, before or instead of a handler. Failures of
//! handlers are mapped in [`crate::wire::status`].

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::Refused;
use crate::wire::status::{DOMAIN, Failure};

/// The deadline passed before there was an answer.
pub(super) fn deadline() -> Status {
    Failure::DeadlineExceeded.into()
}

/// Too many calls at once.
pub(super) fn overloaded() -> Status {
    Failure::Overloaded.into()
}

/// The caller is not known, or may not call this.
pub(super) fn unwelcome(refused: Refused) -> Status {
    match refused {
        Refused::Unauthenticated => Failure::Unauthenticated.into(),
        Refused::Unclear(unclear) => Failure::ProofUnclear(unclear.why()).into(),
        Refused::NotPermitted => Failure::NotPermitted.into(),
    }
}

/// No service here has this method.
pub(super) fn unknown_method() -> Status {
    status(Code::Unimplemented, "this server has no such method", reason("UNKNOWN_METHOD"))
}

/// A handler panicked. What it said is in the log as far as it may be.
pub(super) fn panicked() -> Status {
    Failure::Internal("a handler panicked".to_owned()).into()
}

/// Gives a reason to an error that the transport made without one.
pub(super) fn explain(bare: &Status) -> Option<Status> {
    let explained = match bare.code() {
        Code::Unimplemented => unknown_method(),
        // The transport says this of a message above the limit.
        Code::OutOfRange => status(
            Code::ResourceExhausted,
            "the message is larger than this server reads",
            reason("MESSAGE_TOO_LARGE"),
        ),
        // And this of bytes that are not the message they should be. Handlers give their own
        // internal errors a reason, so they do not come here.
        Code::Internal => status(
            Code::InvalidArgument,
            "the message cannot be decoded",
            reason("MALFORMED_MESSAGE"),
        ),
        _ => return None,
    };
    Some(explained)
}

fn reason(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

fn status(code: Code, message: &str, details: ErrorDetails) -> Status {
    Status::with_error_details(code, message, details)
}
