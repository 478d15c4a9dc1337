//! `lineguard sidecar`

use clap::Args;
use tokio::task::JoinSet;

use super::serve::Place;
use super::{Exit, Failure};
use crate::config::{Config, ServerFlags};
use crate::server::signal;
use crate::{sidecar, telemetry};

/// Answer questions beside the program that asks them, without a database: follows a server
/// (`--upstream-url`), answers from memory while that is current, and passes everything else on.
#[derive(Debug, Args)]
pub struct Sidecar {
    /// The settings.
    #[command(flatten)]
    pub flags: ServerFlags,
}

impl Sidecar {
    /// Serves until told to stop.
    ///
    /// # Errors
    ///
    /// If it is not said whom to follow, an address cannot be bound, or calls had to be cut.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        let shutdown = signal::shutdown()?;
        let Some(upstream) = &config.upstream else {
            let problem = "`upstream.url` says which server a sidecar follows; it is not set";
            return Err(Failure::with(Exit::Configuration, problem));
        };
        telemetry::trace_calls(config)?;
        let sidecar::Sidecar { app, routes, parent } = sidecar::open(config, upstream)?;
        let mut beside = JoinSet::new();
        parent.keep(&upstream.dial, &app.metrics, &mut beside);
        let place = Place::open(config, &app.metrics, beside).await?;
        place.serve_app(config, &app, routes, shutdown).await
    }
}
