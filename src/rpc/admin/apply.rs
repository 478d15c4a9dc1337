//! `Apply`: an atomic batch of changes.

use lineguard_core::change::Batch;

use crate::access::Caller;
use crate::app::App;
use crate::wire::admin::{apply_batch, apply_response};
use crate::wire::pb;
use crate::wire::status::{Failure, change_field};

pub(super) async fn apply(
    app: &App,
    caller: &Caller,
    message: pb::ApplyRequest,
) -> Result<pb::ApplyResponse, Failure> {
    let batch = Batch { provisions: caller.provisions, ..apply_batch(message)? };
    let applied = app.store.apply(&batch, app.clock.now()).await.map_err(|error| {
        Failure::of_write(error, |fault| match fault.field {
            // Whatever the changes are, it is the request that names the tenant.
            "tenant" => "tenant".to_owned(),
            _ => change_field(&batch.changes, fault),
        })
    })?;
    let token = app.revision_token(&batch.tenant, applied.revision)?;
    Ok(apply_response(applied, token))
}
