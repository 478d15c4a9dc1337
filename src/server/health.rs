//! `grpc.health.v1`: whether to send calls here.
//!
//! Written out because the ready-made service fails a watch of an unknown name, where the protocol
//! wants an answer, and because watches must end with the server or they would hold up its end.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use super::{SERVICES, STORING};

/// How far along a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Takes calls, but is not sure to answer them: it does not know the present state.
    Waiting,
    /// Takes calls, and cannot store what they want to be stored.
    ReadOnly,
    /// Takes calls.
    Serving,
    /// Still takes calls, but wants no more of them.
    Draining,
    /// Finishes what it has.
    Stopped,
}

/// The health service: one answer for the whole server and for each service by name.
#[derive(Debug)]
pub struct Health {
    phases: watch::Receiver<Phase>,
}

impl Health {
    /// Answers from `phases`.
    pub fn new(phases: watch::Receiver<Phase>) -> Self {
        Self { phases }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let HealthCheckRequest { service } = request.into_inner();
        if !is_known(&service) {
            return Err(Status::not_found("unknown service"));
        }
        let phase = *self.phases.borrow();
        Ok(Response::new(answer(status(phase, &service))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let HealthCheckRequest { service } = request.into_inner();
        let known = is_known(&service);
        let mut last = None;
        let answers = WatchStream::new(self.phases.clone())
            .take_while(|phase| *phase != Phase::Stopped)
            .filter_map(move |phase| {
                let now =
                    if known { status(phase, &service) } else { ServingStatus::ServiceUnknown };
                // Only what is news.
                (last.replace(now) != Some(now)).then(|| Ok(answer(now)))
            });
        Ok(Response::new(Box::pin(answers)))
    }
}

fn is_known(service: &str) -> bool {
    service.is_empty() || SERVICES.contains(&service)
}

/// Where nothing can be stored, those services say so that store. The others, and the server as a
/// whole, go on: what sends calls elsewhere by that would find the same there, and take the answers
/// to questions from everybody too.
fn status(phase: Phase, service: &str) -> ServingStatus {
    match phase {
        Phase::ReadOnly if STORING.contains(&service) => ServingStatus::NotServing,
        Phase::Serving | Phase::ReadOnly => ServingStatus::Serving,
        Phase::Waiting | Phase::Draining | Phase::Stopped => ServingStatus::NotServing,
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
