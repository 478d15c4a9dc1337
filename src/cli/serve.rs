//! `lineguard serve`

use clap::Args;
use tokio::task::JoinSet;
use tonic::service::Routes;

use super::{Exit, Failure};
use crate::app::App;
use crate::config::{Config, ServerFlags};
use crate::metrics::endpoint;
use crate::open;
use crate::server::{self, Life, listen, signal};
use crate::telemetry;
use crate::{demo, doors};

/// Answer questions over gRPC.
#[derive(Debug, Args)]
pub struct Serve {
    /// Load the demo world if the store is fresh
    #[arg(long)]
    demo: bool,
    /// The settings.
    #[command(flatten)]
    pub flags: ServerFlags,
}

impl Serve {
    /// Serves until told to stop.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened, an address cannot be bound, or calls had to be cut.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        // Before anything that takes long, so that an early signal is not lost.
        let shutdown = signal::shutdown()?;
        telemetry::trace_calls(config)?;
        let app = open::open(config).await?;
        if self.demo {
            let loaded = demo::load(app.store.as_ref(), app.clock.now())
                .await
                .map_err(|error| Failure::with(Exit::Store, error))?;
            match loaded {
                0 => tracing::warn!("the store has tenants already; the demo world is not loaded"),
                customers => tracing::info!(customers, "the demo world is loaded"),
            }
        }
        let routes = app.routes();
        serve(config, app, routes, JoinSet::new(), shutdown).await
    }
}

/// Serves an opened service until `shutdown`. What runs beside the server ends with it.
pub(super) async fn serve(
    config: &Config,
    app: App,
    routes: Routes,
    mut beside: JoinSet<()>,
    shutdown: impl Future<Output = ()>,
) -> Result<Exit, Failure> {
    let doors = doors::open(config, app.clock.clone(), &app.metrics, &mut beside).await?;
    let listeners = listen::bind(config).await?;
    if let Some(address) = config.metrics.listen {
        let listener = endpoint::bind(address).await?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "metrics can be read");
        let metrics = app.metrics.clone();
        beside.spawn(async move { match endpoint::serve(listener, metrics).await {} });
    }
    let life = Life { ready: app.freshness.subscribe_ready(), closing: app.closing.clone() };
    let metrics = &app.metrics;
    let served = server::serve(listeners, routes, doors, config, metrics, life, shutdown).await;
    // No writer shall wait for a server that is gone.
    app.freshness.stop().await;
    telemetry::flush(&app.metrics).await;
    served?;
    Ok(Exit::Ok)
}
