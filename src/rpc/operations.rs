//! `OperationsService`: how this replica is doing.

use std::fmt;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::access::Caller;
use crate::operations::{OperationsSource, Untold};
use crate::wire::operations::status_response;
use crate::wire::pb;
use crate::wire::pb::operations_service_server::OperationsService;
use crate::wire::status::Failure;

/// Tells those who run it about a replica.
#[derive(Clone)]
pub struct Operations(pub Arc<dyn OperationsSource>);

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operations(…)")
    }
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let caller = request.extensions().get::<Arc<Caller>>();
        let told = caller.is_some_and(|caller| caller.may_ask_about_every_tenant());
        let pb::GetStatusRequest {} = request.into_inner();
        let mut view = self.0.view().await.map_err(Failure::from)?;
        if !told {
            view.duplicates = Err(Untold::NotForCaller);
        }
        Ok(Response::new(status_response(view)))
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use lineguard_core::port::StoreError;
    use tonic::Code;

    use super::*;
    use crate::operations::OperationsView;
    use crate::wire::operations::tests::example;

    struct Source(Result<OperationsView, StoreError>);

    #[async_trait]
    impl OperationsSource for Source {
        async fn view(&self) -> Result<OperationsView, StoreError> {
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn it_answers_with_what_the_source_says() {
        let ask = |source| async {
            let mut request = Request::new(pb::GetStatusRequest {});
            request.extensions_mut().insert(Arc::new(Caller::anybody()));
            Operations(Arc::new(Source(source))).get_status(request).await
        };
        let answer = ask(Ok(example())).await.unwrap().into_inner();
        assert_eq!(answer, status_response(example()));
        let detail = "gone".to_owned();
        let status = ask(Err(StoreError::Unavailable { detail })).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn numbers_of_several_tenants_are_told_to_callers_of_all_tenants_alone() {
        let request = Request::new(pb::GetStatusRequest {});
        let answer = Operations(Arc::new(Source(Ok(example())))).get_status(request).await;
        let told = answer.unwrap().into_inner();
        assert_eq!(told.duplicate_numbers, []);
        assert_eq!(told.duplicate_numbers_unknown, "told to callers of all tenants only");
        assert!(!told.replicas.is_empty());
    }
}
