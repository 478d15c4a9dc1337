//! Writes in the words of a test.

use lineguard::wire::change::{change_to_wire, new_fax_to_wire};
use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::fax_service_client::FaxServiceClient;
use lineguard_core::change::{Change, NewFax};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::ask::service;
use crate::harness::Harness;

/// A client of the set-up.
pub fn admin(harness: &Harness) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(harness.channel.clone())
}

/// A client of the fax index.
pub fn index(harness: &Harness) -> FaxServiceClient<Channel> {
    FaxServiceClient::new(harness.channel.clone())
}

/// A batch for tenant `t1`.
pub fn changes(request: &str, changes: &[Change]) -> pb::ApplyRequest {
    pb::ApplyRequest {
        tenant: "t1".into(),
        actor: Some(service("provisioning")),
        request_id: request.into(),
        if_exists: 0,
        changes: changes.iter().map(change_to_wire).collect(),
    }
}

/// Applies changes to tenant `t1`.
pub async fn apply(
    harness: &Harness,
    request: &str,
    batch: &[Change],
) -> Result<pb::ApplyResponse, Status> {
    admin(harness).apply(changes(request, batch)).await.map(tonic::Response::into_inner)
}

/// One part of an import.
pub fn part(tenant: &str, changes: &[Change], faxes: &[NewFax]) -> pb::ImportRequest {
    pb::ImportRequest {
        tenant: tenant.into(),
        actor: Some(service("provisioning")),
        request_id: "import".into(),
        changes: changes.iter().map(change_to_wire).collect(),
        faxes: faxes.iter().map(new_fax_to_wire).collect(),
    }
}

/// Imports parts; the result of each tenant.
pub async fn import(
    harness: &Harness,
    parts: Vec<pb::ImportRequest>,
) -> Vec<Result<pb::ImportedTenant, pb::ItemError>> {
    use pb::import_result::Result as Wire;

    let response = admin(harness).import(tokio_stream::iter(parts)).await.unwrap().into_inner();
    let result = |item: pb::ImportResult| match item.result.unwrap() {
        Wire::Imported(imported) => Ok(imported),
        Wire::Error(error) => Err(error),
    };
    response.results.into_iter().map(result).collect()
}

/// The parts of an export with faxes.
pub async fn export(harness: &Harness, tenant: &str) -> Vec<pb::ExportResponse> {
    let request = pb::ExportRequest { tenant: tenant.into(), include_faxes: true };
    let mut stream = admin(harness).export(request).await.unwrap().into_inner();
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        parts.push(part);
    }
    parts
}

/// An export as the parts of an import.
pub fn again(tenant: &str, request: &str, parts: &[pb::ExportResponse]) -> Vec<pb::ImportRequest> {
    let again = |part: &pb::ExportResponse| pb::ImportRequest {
        request_id: request.into(),
        changes: part.changes.clone(),
        faxes: part.faxes.clone(),
        ..self::part(tenant, &[], &[])
    };
    parts.iter().map(again).collect()
}

/// The fields that an error names, whatever its kind.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    if let Some(failure) = details.precondition_failure() {
        return failure.violations.iter().map(|one| one.subject.clone()).collect();
    }
    let request = details.bad_request().map(|request| &request.field_violations);
    request.into_iter().flatten().map(|one| one.field.clone()).collect()
}

/// Fails unless the error has this code and reason and names these fields.
#[track_caller]
pub fn expect<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
    named: &[&str],
) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, reason);
    assert_eq!(fields(&status), named, "{}", status.message());
}
