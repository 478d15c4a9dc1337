//! `AuthorizationService`: the questions.

use tonic::{Request, Response, Status};

use super::admit::admitted;
use super::{accounts, auto_assign, caller_id, check, permissions, visibility, visible_faxes};
use crate::app::App;
use crate::wire::pb;
use crate::wire::pb::authorization_service_server::AuthorizationService;
use crate::wire::status::Failure;

/// Answers questions from an [`App`].
#[derive(Clone)]
pub struct Authorization(pub App);

macro_rules! answer {
    ($function:path, $app:expr, $request:expr) => {
        match $function($app, admitted($app, $request)?).await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(failure) => Err(Status::from(Failure::from(failure))),
        }
    };
}

#[tonic::async_trait]
impl AuthorizationService for Authorization {
    async fn check(
        &self,
        request: Request<pb::CheckRequest>,
    ) -> Result<Response<pb::CheckResponse>, Status> {
        answer!(check::check, &self.0, request)
    }

    async fn batch_check(
        &self,
        request: Request<pb::BatchCheckRequest>,
    ) -> Result<Response<pb::BatchCheckResponse>, Status> {
        answer!(check::batch_check, &self.0, request)
    }

    async fn list_visible_faxes(
        &self,
        request: Request<pb::ListVisibleFaxesRequest>,
    ) -> Result<Response<pb::ListVisibleFaxesResponse>, Status> {
        answer!(visible_faxes::list, &self.0, request)
    }

    async fn get_visibility(
        &self,
        request: Request<pb::GetVisibilityRequest>,
    ) -> Result<Response<pb::GetVisibilityResponse>, Status> {
        answer!(visibility::get, &self.0, request)
    }

    async fn resolve_caller_id(
        &self,
        request: Request<pb::ResolveCallerIdRequest>,
    ) -> Result<Response<pb::ResolveCallerIdResponse>, Status> {
        answer!(caller_id::resolve, &self.0, request)
    }

    async fn resolve_auto_assign(
        &self,
        request: Request<pb::ResolveAutoAssignRequest>,
    ) -> Result<Response<pb::ResolveAutoAssignResponse>, Status> {
        answer!(auto_assign::resolve, &self.0, request)
    }

    async fn list_permissions(
        &self,
        request: Request<pb::ListPermissionsRequest>,
    ) -> Result<Response<pb::ListPermissionsResponse>, Status> {
        answer!(permissions::list, &self.0, request)
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        answer!(accounts::list, &self.0, request)
    }
}
