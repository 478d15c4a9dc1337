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
    let (_, extensions, message) = request.into_parts();
    // Without one it did not come through the door.
    let caller = extensions.get::<Arc<Caller>>().ok_or(Failure::Unauthenticated)?;
    permitted(app, caller, &message)?;
    Ok(message)
}

/// Whether a caller may ask this.
pub(super) fn permitted(app: &App, caller: &Caller, message: &impl Scoped) -> Result<(), Failure> {
    if caller.may_ask(message, app.vocabulary) {
        return Ok(());
    }
    app.metrics.refused(Refusal::PermissionDenied);
    Err(Failure::NotPermitted)
}
