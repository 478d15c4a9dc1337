//! The services of a sidecar: what it answers itself, and what its parent answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tower::{Service, ServiceExt as _};

use super::Parent;
use super::again::again;
use crate::access::Caller;
use crate::app::App;
use crate::rpc::{Authorization, Operations, admitted};
use crate::wire::pb;
use crate::wire::pb::authorization_service_client::AuthorizationServiceClient;
use crate::wire::pb::authorization_service_server::{
    AuthorizationService, AuthorizationServiceServer,
};
use crate::wire::pb::operations_service_server::OperationsServiceServer;
use crate::wire::status::Failure;
use lineguard_core::port::StoreError;

/// Questions are answered here, everything else is passed on.
pub(super) fn routes(app: &App, parent: &Parent) -> Routes {
    let questions = Questions { here: Authorization(app.clone()), parent: parent.clone() };
    let questions = AuthorizationServiceServer::new(questions);
    let operations = OperationsServiceServer::new(Operations(Arc::new(app.clone())));
    Routes::new(questions.max_decoding_message_size(app.question_size))
        .add_service(operations)
        .add_service(Faxes(PassOn(parent.clone())))
        .add_service(Admin(PassOn(parent.clone())))
}

/// A question that may name a state, by the token of a write. Only the parent can read those.
trait NamesState {
    fn names_state(&self) -> bool;
}

fn of(consistency: Option<&pb::Consistency>) -> bool {
    consistency.is_some_and(|consistency| !consistency.at_least.is_empty())
}

macro_rules! may_name_state {
    ($($request:ident),+) => {$(
        impl NamesState for pb::$request {
            fn names_state(&self) -> bool {
                of(self.consistency.as_ref())
            }
        }
    )+};
}

may_name_state!(
    CheckRequest,
    GetVisibilityRequest,
    ResolveCallerIdRequest,
    ResolveAutoAssignRequest,
    ListPermissionsRequest
);

impl NamesState for pb::BatchCheckRequest {
    fn names_state(&self) -> bool {
        of(self.consistency.as_ref()) || self.checks.iter().any(NamesState::names_state)
    }
}

/// The questions of a sidecar.
#[derive(Clone)]
struct Questions {
    here: Authorization,
    parent: Parent,
}

impl Questions {
    fn parent(&self) -> AuthorizationServiceClient<Parent> {
        AuthorizationServiceClient::new(self.parent.clone()).max_decoding_message_size(64 << 20)
    }
}

/// What the parent says goes on as it is; that it says nothing is told in our words.
fn told<T>(answer: Result<Response<T>, Status>) -> Result<Response<T>, Status> {
    answer.map(|answer| Response::new(answer.into_inner())).map_err(|status| {
        let silent = status.details().is_empty()
            && matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
        if silent { unreachable() } else { status }
    })
}

fn unreachable() -> Status {
    let detail = "the parent does not answer".to_owned();
    Failure::from(StoreError::Unavailable { detail }).into()
}

macro_rules! questions {
    (
        here: $($method:ident: $request:ident -> $response:ident)+;
        parent: $($passed:ident: $passed_request:ident -> $passed_response:ident)+;
    ) => {
        #[tonic::async_trait]
        impl AuthorizationService for Questions {
            $(async fn $method(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                if !request.get_ref().names_state() {
                    return self.here.$method(request).await;
                }
                let message = admitted(&self.here.0, request)?;
                told(again(async || self.parent().$method(message.clone()).await).await)
            })+

            $(async fn $passed(
                &self,
                request: Request<pb::$passed_request>,
            ) -> Result<Response<pb::$passed_response>, Status> {
                let message = admitted(&self.here.0, request)?;
                told(again(async || self.parent().$passed(message.clone()).await).await)
            })+
        }
    };
}

questions! {
    here:
        check: CheckRequest -> CheckResponse
        batch_check: BatchCheckRequest -> BatchCheckResponse
        get_visibility: GetVisibilityRequest -> GetVisibilityResponse
        resolve_caller_id: ResolveCallerIdRequest -> ResolveCallerIdResponse
        resolve_auto_assign: ResolveAutoAssignRequest -> ResolveAutoAssignResponse
        list_permissions: ListPermissionsRequest -> ListPermissionsResponse;
    parent:
        list_visible_faxes: ListVisibleFaxesRequest -> ListVisibleFaxesResponse
        list_accounts: ListAccountsRequest -> ListAccountsResponse;
}

/// Passes calls on as they are, unread.
#[derive(Clone)]
struct PassOn(Parent);

impl PassOn {
    async fn pass(self, request: HttpRequest<Body>) -> HttpResponse<Body> {
        // What is not read cannot be held against limits of what may be asked.
        let caller = request.extensions().get::<Arc<Caller>>();
        if !caller.is_some_and(|caller| caller.may_be_passed_on(request.uri().path())) {
            return Status::from(Failure::NotPermitted).into_http();
        }
        match self.0.oneshot(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(_) => unreachable().into_http(),
        }
    }
}

macro_rules! passed_on {
    ($($service:ident = $name:expr;)+) => {$(
        #[derive(Clone)]
        struct $service(PassOn);

        impl NamedService for $service {
            const NAME: &'static str = $name;
        }

        impl Service<HttpRequest<Body>> for $service {
            type Response = HttpResponse<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
                let pass = self.0.clone().pass(request);
                Box::pin(async move { Ok(pass.await) })
            }
        }
    )+};
}

passed_on! {
    Faxes = pb::fax_service_server::SERVICE_NAME;
    Admin = pb::admin_service_server::SERVICE_NAME;
}
