//! `FaxService`: the fax index that Lineguard keeps.

use lineguard_core::change::{Applied, Batch, NewFax};
use lineguard_core::id::{Revision, TenantId};
use lineguard_core::port::{ApplyError, Fault, Registered, StoreError, TenantReader};
use tonic::{Request, Response, Status};

use super::admit::admitted;
use crate::app::App;
use crate::names::named_faxes;
use crate::wire::faxes::{self as wire, NamedFax, RegisterCall, fax_to_wire};
use crate::wire::invalid::InvalidRequest;
use crate::wire::pb;
use crate::wire::pb::fax_service_server::FaxService;
use crate::wire::status::Failure;

/// Keeps faxes in an [`App`].
#[derive(Clone)]
pub struct Faxes(pub App);

/// Calls that change one fax: read as a batch of one change, and answered alike.
macro_rules! changes {
    ($($method:ident: $request:ident -> $response:ident)+) => {
        #[tonic::async_trait]
        impl FaxService for Faxes {
            $(async fn $method(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                let batch = wire::$method(admitted(&self.0, request)?).map_err(Failure::from)?;
                let (applied, revision_token) = change(&self.0, &batch).await?;
                let (revision, changed) = (applied.revision.0, applied.changed > 0);
                let repeated = applied.repeated;
                Ok(Response::new(pb::$response { revision, changed, revision_token, repeated }))
            })+

            async fn register_fax(
                &self,
                request: Request<pb::RegisterFaxRequest>,
            ) -> Result<Response<pb::RegisterFaxResponse>, Status> {
                Ok(Response::new(register_one(&self.0, admitted(&self.0, request)?).await?))
            }

            async fn batch_register_faxes(
                &self,
                request: Request<pb::BatchRegisterFaxesRequest>,
            ) -> Result<Response<pb::BatchRegisterFaxesResponse>, Status> {
                Ok(Response::new(register_batch(&self.0, admitted(&self.0, request)?).await?))
            }

            async fn get_fax(
                &self,
                request: Request<pb::GetFaxRequest>,
            ) -> Result<Response<pb::GetFaxResponse>, Status> {
                Ok(Response::new(get(&self.0, admitted(&self.0, request)?).await?))
            }
        }
    };
}

changes! {
    assign_fax: AssignFaxRequest -> AssignFaxResponse
    move_fax: MoveFaxRequest -> MoveFaxResponse
    change_fax_state: ChangeFaxStateRequest -> ChangeFaxStateResponse
    set_fax_labels: SetFaxLabelsRequest -> SetFaxLabelsResponse
    set_fax_attachment_sources: SetFaxAttachmentSourcesRequest -> SetFaxAttachmentSourcesResponse
    delete_fax: DeleteFaxRequest -> DeleteFaxResponse
}

/// Applies a batch of one change, whose fields are those of the message that it came in.
async fn change(app: &App, batch: &Batch) -> Result<(Applied, String), Failure> {
    let applied = app.store.apply(batch, app.clock.now()).await;
    let applied = applied.map_err(|error| Failure::of_write(error, |fault| fault.field.into()))?;
    let token = app.revision_token(&batch.tenant, applied.revision)?;
    Ok((applied, token))
}

async fn get(app: &App, message: pb::GetFaxRequest) -> Result<pb::GetFaxResponse, Failure> {
    let (tenant, fax) = wire::get_fax_call(message)?;
    let unknown = || Failure::NotFound("fax");
    let _place = app.cold.enter(&tenant).await.ok_or_else(|| app.shed())?;
    let mut reader = app.snapshot(&tenant).await?.ok_or_else(unknown)?;
    let revision = reader.tenant().await?.revision.0;
    let row = reader.fax(&fax).await?.ok_or_else(unknown)?;
    let named = named_faxes(reader.as_mut(), &[row]).await?;
    Ok(pb::GetFaxResponse { fax: named.first().map(fax_to_wire), revision })
}

async fn register_one(
    app: &App,
    message: pb::RegisterFaxRequest,
) -> Result<pb::RegisterFaxResponse, Failure> {
    let call = wire::register_call(message)?;
    let tenant = call.tenant.clone();
    let (results, revision) = register(app, call, |fault| match fault.field {
        "tenant" => "tenant".into(),
        field => format!("fax.{field}"),
    })
    .await?;
    let no_result = || Failure::Internal("a registered fax got no result".into());
    let (fax, created) = results.into_iter().next().ok_or_else(no_result)??;
    let fax = Some(fax_to_wire(&fax));
    let revision_token = app.revision_token(&tenant, revision)?;
    Ok(pb::RegisterFaxResponse { fax, created, revision: revision.0, revision_token })
}

async fn register_batch(
    app: &App,
    message: pb::BatchRegisterFaxesRequest,
) -> Result<pb::BatchRegisterFaxesResponse, Failure> {
    let call = wire::batch_register_call(message)?;
    let tenant = call.tenant.clone();
    let (results, revision) = register(app, call, |fault| fault.field.into()).await?;
    Ok(wire::batch_register_response(results, revision, app.revision_token(&tenant, revision)?))
}

/// A fax as it is stored and whether it was new, or why it is not registered.
type Outcome = Result<(NamedFax, bool), Failure>;

/// Registers the faxes that could be read; each of all gets its result, in order. `field` gives
/// the path of a fault of a fax.
async fn register(
    app: &App,
    call: RegisterCall,
    field: impl Fn(&Fault) -> String,
) -> Result<(Vec<Outcome>, Revision), Failure> {
    let RegisterCall { tenant, actor: _, request_id: _, faxes } = call;
    let mut readable: Vec<NewFax> = Vec::with_capacity(faxes.len());
    let read: Vec<Result<(), InvalidRequest>> =
        faxes.into_iter().map(|fax| fax.map(|fax| readable.push(fax))).collect();
    let answers = app.store.register(&tenant, &readable, app.clock.now()).await;
    let answers = answers.map_err(|error| of_whole(error, &field))?;
    tracing::debug!(faxes = answers.len(), "registered faxes");
    let (named, revision) = name(app, &tenant, answers, &field).await?;
    let mut named = named.into_iter();
    let missing = || Err(Failure::Internal("a fax got no answer".into()));
    let results = read
        .into_iter()
        .map(|read| match read {
            Ok(()) => named.next().unwrap_or_else(missing),
            Err(invalid) => Err(invalid.into()),
        })
        .collect();
    Ok((results, revision))
}

/// The failure of a whole registration: there is no such tenant, or no answer.
fn of_whole(error: ApplyError, field: &impl Fn(&Fault) -> String) -> Failure {
    match error {
        ApplyError::NotFound(fault) if fault.field == "tenant" => Failure::NotFound("tenant"),
        error => Failure::of_write(error, field),
    }
}

/// Gives the registered faxes their identifiers.
async fn name(
    app: &App,
    tenant: &TenantId,
    answers: Vec<Result<Registered, ApplyError>>,
    field: &impl Fn(&Fault) -> String,
) -> Result<(Vec<Outcome>, Revision), Failure> {
    let unknown = || Failure::NotFound("tenant");
    let mut reader = app.snapshot(tenant).await?.ok_or_else(unknown)?;
    let revision = reader.tenant().await?.revision;
    let rows: Vec<_> = answers.iter().flatten().map(|answer| answer.fax.clone()).collect();
    let named = match named_faxes(reader.as_mut(), &rows).await {
        Ok(named) => named.into_iter().map(Ok).collect(),
        // Something that a fax names was removed since; then each is read as it is now.
        Err(StoreError::Corrupt { .. }) => one_by_one(reader.as_mut(), &rows).await,
        Err(error) => return Err(error.into()),
    };
    let mut named: std::vec::IntoIter<Result<NamedFax, Failure>> = Vec::into_iter(named);
    let missing = || Err(Failure::Internal("a registered fax was not named".into()));
    let outcome = |answer: Result<Registered, ApplyError>| match answer {
        Ok(Registered { created, .. }) => {
            named.next().unwrap_or_else(missing).map(|fax| (fax, created))
        }
        Err(error) => Err(Failure::of_write(error, field)),
    };
    Ok((answers.into_iter().map(outcome).collect(), revision))
}

async fn one_by_one(
    reader: &mut dyn TenantReader,
    rows: &[lineguard_core::port::FaxRow],
) -> Vec<Result<NamedFax, Failure>> {
    let mut named = Vec::with_capacity(rows.len());
    for row in rows {
        named.push(as_it_is_now(reader, row).await);
    }
    named
}

async fn as_it_is_now(
    reader: &mut dyn TenantReader,
    row: &lineguard_core::port::FaxRow,
) -> Result<NamedFax, Failure> {
    let now = reader.fax(&row.id).await?.ok_or(Failure::NotFound("fax"))?;
    let named = named_faxes(reader, &[now]).await?;
    named.into_iter().next().ok_or(Failure::NotFound("fax"))
}
