//! What a client makes of a call that has no answer.

use std::time::Duration;

use tonic::{Code, Status};

use crate::history::Refused;

/// Waits for an answer as long as a client would.
///
/// # Errors
///
/// Why there is none.
pub async fn within<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, Status>>,
) -> Result<T, Refused> {
    match tokio::time::timeout(patience, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(status)) => Err(of_status(&status)),
        Err(_) => Err(Refused::Silence),
    }
}

/// A status that came from the server, or that the client's own side made of a broken connection.
pub fn of_status(status: &Status) -> Refused {
    if std::error::Error::source(status).is_some() {
        return Refused::Transport;
    }
    Refused::Status(name(status.code()), status.message().to_owned())
}

/// The name of a code in the words of gRPC.
pub fn name(code: Code) -> &'static str {
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
