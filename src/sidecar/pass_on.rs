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
use crate::rpc::{Authorization, Operations, admitted, emergencies};
use crate::wire::pb;
use crate::wire::pb::authorization_service_client::AuthorizationServiceClient;
use crate::wire::pb::authorization_service_server::{
    AuthorizationService, AuthorizationServiceServer,
};
use crate::wire::pb::check_result;
use crate::wire::pb::operations_service_server::OperationsServiceServer;
use crate::wire::status::Failure;
use lineguard_core::port::StoreError;
use lineguard_core::vocabulary::Vocabulary;

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

/// A question that may name a state, by the token of a write. Only the parent can read those. For
/// an emergency call no state matters, and the parent may be gone.
trait NamesState {
    fn names_state(&self, vocabulary: &Vocabulary) -> bool;
}

fn of(consistency: Option<&pb::Consistency>) -> bool {
    consistency.is_some_and(|consistency| !consistency.at_least.is_empty())
}

macro_rules! may_name_state {
    ($($request:ident),+) => {$(
        impl NamesState for pb::$request {
            fn names_state(&self, _: &Vocabulary) -> bool {
                of(self.consistency.as_ref())
            }
        }
    )+};
}

may_name_state!(
    GetVisibilityRequest,
    ResolveCallerIdRequest,
    ResolveAutoAssignRequest,
    ListPermissionsRequest
);

impl NamesState for pb::CheckRequest {
    fn names_state(&self, vocabulary: &Vocabulary) -> bool {
        let action = self.action.as_ref().and_then(|action| vocabulary.action(&action.name));
        let def = action.and_then(|action| vocabulary.def(action));
        of(self.consistency.as_ref()) && !def.is_some_and(|def| def.emergency)
    }
}

impl NamesState for pb::BatchCheckRequest {
    fn names_state(&self, vocabulary: &Vocabulary) -> bool {
        of(self.consistency.as_ref())
            || self.checks.iter().any(|check| check.names_state(vocabulary))
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

    /// A batch that names a state: its emergency calls are answered here, the rest by the parent.
    /// What the parent says to the rest, or that it says nothing, does not touch them.
    async fn batch(
        &self,
        message: pb::BatchCheckRequest,
    ) -> Result<Response<pb::BatchCheckResponse>, Status> {
        let mut here = emergencies(&self.here.0, &message)?;
        let pb::BatchCheckRequest { checks, consistency } = message;
        let places = 0..checks.len();
        let checks = checks.into_iter().enumerate();
        let checks: Vec<_> =
            checks.filter(|(at, _)| !here.contains_key(at)).map(|(_, check)| check).collect();
        let rest = pb::BatchCheckRequest { checks, consistency };
        let answer = if rest.checks.is_empty() {
            Ok(Response::new(pb::BatchCheckResponse::default()))
        } else {
            told(again(async || self.parent().batch_check(rest.clone()).await).await)
        };
        if here.is_empty() {
            return answer;
        }
        let (there, error) = match answer {
            Ok(answer) => (answer.into_inner().results, None),
            Err(status) => (Vec::new(), Some(Failure::item_error_of(&status))),
        };
        let error = error.unwrap_or_else(|| Failure::item_error_of(&unreachable()));
        let mut there = there.into_iter();
        let result = |at| match here.remove(&at) {
            Some(decision) => answered(check_result::Result::Decision(decision)),
            None => {
                there.next().unwrap_or_else(|| answered(check_result::Result::Error(error.clone())))
            }
        };
        Ok(Response::new(pb::BatchCheckResponse { results: places.map(result).collect() }))
    }
}

fn answered(result: check_result::Result) -> pb::CheckResult {
    pb::CheckResult { result: Some(result) }
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
                if !request.get_ref().names_state(self.here.0.vocabulary) {
                    return self.here.$method(request).await;
                }
                let message = admitted(&self.here.0, request)?;
                told(again(async || self.parent().$method(message.clone()).await).await)
            })+

            async fn batch_check(
                &self,
                request: Request<pb::BatchCheckRequest>,
            ) -> Result<Response<pb::BatchCheckResponse>, Status> {
                if !request.get_ref().names_state(self.here.0.vocabulary) {
                    return self.here.batch_check(request).await;
                }
                self.batch(admitted(&self.here.0, request)?).await
            }

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
