//! `lineguard healthcheck`

use std::time::Duration;

use clap::Args;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{Exit, Failure, Target, print};
use crate::config::value;

/// Ask a server whether it is serving.
#[derive(Debug, Args)]
pub struct Healthcheck {
    #[command(flatten)]
    target: Target,
    /// One service by its full name instead of the whole server
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    /// How long to wait for the answer
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse)]
    timeout: Duration,
}

fn parse(text: &str) -> Result<Duration, String> {
    value::duration(text).map_err(|expected| format!("not {expected}"))
}

impl Healthcheck {
    /// Prints the status; anything but `SERVING` is a failure.
    ///
    /// # Errors
    ///
    /// If there is no answer in time.
    pub async fn run(self) -> Result<Exit, Failure> {
        let status = match tokio::time::timeout(self.timeout, self.ask()).await {
            Ok(answer) => {
                answer.map_err(|failure| Failure::with(Exit::NotServing, failure.message))?
            }
            Err(_) => return Err(Failure::with(Exit::NotServing, "no answer in time")),
        };
        print(status.as_str_name())?;
        Ok(match status {
            ServingStatus::Serving => Exit::Ok,
            _ => Exit::NotServing,
        })
    }

    async fn ask(&self) -> Result<ServingStatus, Failure> {
        let channel = self.target.connect(self.timeout).await?;
        let request = HealthCheckRequest { service: self.service.clone() };
        match HealthClient::new(channel).check(request).await {
            Ok(answer) => Ok(answer.into_inner().status()),
            Err(status) => Err(Failure::new(status.message())),
        }
    }
}
