//! `OperationsService`: how this replica is doing.

use std::fmt;
use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::operations::OperationsSource;
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
        let pb::GetStatusRequest {} = request.into_inner();
        let view = self.0.view().await.map_err(Failure::from)?;
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
            let request = Request::new(pb::GetStatusRequest {});
            Operations(Arc::new(Source(source))).get_status(request).await
        };
        let answer = ask(Ok(example())).await.unwrap().into_inner();
        assert_eq!(answer, status_response(example()));
        let detail = "gone".to_owned();
        let status = ask(Err(StoreError::Unavailable { detail })).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
}
