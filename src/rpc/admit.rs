//! The first step of every call: whether this caller may ask this at all.

use std::sync::Arc;

use tonic::Request;

use crate::access::{Caller, caller::Scoped};
use crate::app::App;
use crate::metrics::Refusal;
use crate::wire::status::Failure;

/// The message of a call, if its caller may ask it. Nothing else of the message has been looked at,
/// so a refusal tells nothing of what exists.
pub(crate) fn admitted<M: Scoped>(app: &App, request: Request<M>) -> Result<M, Failure> {
    let caller = caller_of(&request)?;
    let message = request.into_inner();
    permitted(app, &caller, &message)?;
    Ok(message)
}

/// Who calls.
pub(super) fn caller_of<M>(request: &Request<M>) -> Result<Arc<Caller>, Failure> {
    // Without one it did not come through the door.
    request.extensions().get::<Arc<Caller>>().cloned().ok_or(Failure::Unauthenticated)
}

/// Whether a caller may ask this.
pub(super) fn permitted(app: &App, caller: &Caller, message: &impl Scoped) -> Result<(), Failure> {
    if caller.may_ask(message, app.vocabulary) {
        return Ok(());
    }
    Err(not_permitted(app))
}

/// A caller may not ask this.
pub(super) fn not_permitted(app: &App) -> Failure {
    app.metrics.refused(Refusal::PermissionDenied);
    Failure::NotPermitted
}
