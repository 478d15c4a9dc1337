//! `Apply`: an atomic batch of changes.

use crate::app::App;
use crate::wire::admin::{apply_batch, apply_response};
use crate::wire::pb;
use crate::wire::status::{Failure, change_field};

pub(super) async fn apply(
    app: &App,
    message: pb::ApplyRequest,
) -> Result<pb::ApplyResponse, Failure> {
    let batch = apply_batch(message)?;
    let applied = app.store.apply(&batch, app.clock.now()).await.map_err(|error| {
        Failure::of_write(error, |fault| match fault.field {
            // Whatever the changes are, it is the request that names the tenant.
            "tenant" => "tenant".to_owned(),
            _ => change_field(&batch.changes, fault),
        })
    })?;
    Ok(apply_response(applied, String::new()))
}
