//! `AdminService`: one door for writes, reads of every kind of object, whole tenants in and out.

mod apply;
mod export;
mod import;
mod models;
mod read;
mod recreate;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::admit::{admitted, caller_of};
use crate::app::App;
use crate::wire::pb;
use crate::wire::pb::admin_service_server::AdminService;

/// Sets up tenants in an [`App`].
#[derive(Clone)]
pub struct Admin {
    app: App,
    /// How many bytes imports hold in memory.
    imported: Arc<AtomicUsize>,
}

impl Admin {
    /// The service.
    pub fn new(app: App) -> Self {
        Self { app, imported: Arc::default() }
    }
}

macro_rules! answer {
    ($function:path, $service:expr, $request:expr) => {
        match $function(&$service.app, admitted(&$service.app, $request)?).await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(failure) => Err(Status::from(failure)),
        }
    };
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn apply(
        &self,
        request: Request<pb::ApplyRequest>,
    ) -> Result<Response<pb::ApplyResponse>, Status> {
        let caller = caller_of(&request)?;
        let message = admitted(&self.app, request)?;
        Ok(Response::new(apply::apply(&self.app, &caller, message).await?))
    }

    async fn import(
        &self,
        request: Request<Streaming<pb::ImportRequest>>,
    ) -> Result<Response<pb::ImportResponse>, Status> {
        let caller = caller_of(&request)?;
        let parts = request.into_inner();
        let answer = import::import(&self.app, &self.imported, &caller, parts).await?;
        Ok(Response::new(answer))
    }

    async fn get(
        &self,
        request: Request<pb::GetRequest>,
    ) -> Result<Response<pb::GetResponse>, Status> {
        answer!(read::get, self, request)
    }

    async fn list(
        &self,
        request: Request<pb::ListRequest>,
    ) -> Result<Response<pb::ListResponse>, Status> {
        answer!(read::list, self, request)
    }

    async fn list_related(
        &self,
        request: Request<pb::ListRelatedRequest>,
    ) -> Result<Response<pb::ListRelatedResponse>, Status> {
        answer!(read::list_related, self, request)
    }

    async fn list_tenants(
        &self,
        request: Request<pb::ListTenantsRequest>,
    ) -> Result<Response<pb::ListTenantsResponse>, Status> {
        answer!(read::list_tenants, self, request)
    }

    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let caller = caller_of(&request)?;
        let message = admitted(&self.app, request)?;
        Ok(Response::new(models::list(&self.app, &caller, message).await?))
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        let caller = caller_of(&request)?;
        let message = admitted(&self.app, request)?;
        Ok(Response::new(models::get(&self.app, &caller, message).await?))
    }

    async fn put_model(
        &self,
        request: Request<pb::PutModelRequest>,
    ) -> Result<Response<pb::PutModelResponse>, Status> {
        answer!(models::put, self, request)
    }

    type ExportStream = Pin<Box<dyn Stream<Item = Result<pb::ExportResponse, Status>> + Send>>;

    async fn export(
        &self,
        request: Request<pb::ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let caller = caller_of(&request)?;
        let message = admitted(&self.app, request)?;
        let parts = export::export(&self.app, &caller, message).await?;
        Ok(Response::new(Box::pin(parts)))
    }
}
