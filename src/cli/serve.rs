//! `lineguard serve`

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use clap::Args;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::service::Routes;

use super::{Exit, Failure};
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{Config, ServerFlags};
use crate::metrics::{Metrics, endpoint};
use crate::open::{self, OpenError, Prepared};
use crate::server::listen::{self, Listener};
use crate::server::{self, Doors, Life, Next, ServeError, signal};
use crate::waiting::{Patience, until_open};
use crate::{demo, doors, telemetry, token};

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
    /// Serves until told to stop. A database that is away is waited for: health says so meanwhile,
    /// and questions are answered as in any other outage.
    ///
    /// # Errors
    ///
    /// If the store cannot be used as it is, an address cannot be bound, or calls had to be cut.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        // Before anything that takes long, so that an early signal is not lost.
        let shutdown = signal::shutdown()?;
        telemetry::trace_calls(config)?;
        let prepared = open::prepare(config)?;
        let place = Place::open(config, &prepared.metrics, JoinSet::new()).await?;
        match prepared.open(config).await {
            Ok(app) => {
                self.furnish(&app).await?;
                let routes = app.routes();
                place.serve_app(config, &app, routes, shutdown).await
            }
            Err(error) if error.may_pass() => {
                self.wait(config, &prepared, place, error, shutdown).await
            }
            Err(mistake) => Err(mistake.into()),
        }
    }

    /// Serves what needs no store, until it is open, and everything from then on.
    async fn wait(
        &self,
        config: &Config,
        prepared: &Prepared,
        place: Place,
        error: OpenError,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Exit, Failure> {
        let waiting = prepared.waiting(config).await?;
        let (arrived, next) = oneshot::channel();
        let (opened, mut mistake) = (OnceLock::new(), None);
        let open = async {
            let patience =
                Patience { passes: OpenError::may_pass, limit: None, chance: token::chance };
            let app = until_open(error, async || prepared.open(config).await, patience).await?;
            self.furnish(&app).await?;
            // Whoever would take it is there until it is told to stop.
            let _ = arrived.send(Next { services: app.routes(), life: app.life() });
            let _ = opened.set(app);
            Ok::<(), Failure>(())
        };
        let ended = async {
            let mut shutdown = pin!(shutdown);
            tokio::select! {
                () = &mut shutdown => return,
                outcome = open => mistake = outcome.err(),
            }
            if mistake.is_none() {
                shutdown.await;
            }
        };
        let life = Life { next: Some(next), ..waiting.life() };
        let served = place.serve(config, &prepared.metrics, waiting.routes(), life, ended).await;
        if let Some(app) = opened.get() {
            // No writer shall wait for a server that is gone.
            app.freshness.stop().await;
        }
        telemetry::flush(&prepared.metrics).await;
        mistake.map_or(Ok(()), Err)?;
        served?;
        Ok(Exit::Ok)
    }

    /// Puts into a new store what is wanted there.
    async fn furnish(&self, app: &App) -> Result<(), Failure> {
        if self.demo {
            let loaded = demo::load(app.store.as_ref(), app.clock.now())
                .await
                .map_err(|error| Failure::with(Exit::Store, error))?;
            match loaded {
                0 => tracing::warn!("the store has tenants already; the demo world is not loaded"),
                customers => tracing::info!(customers, "the demo world is loaded"),
            }
        }
        Ok(())
    }
}

/// Where a server serves, and whom: everything but what it serves.
pub(super) struct Place {
    doors: Doors,
    listeners: Vec<Listener>,
    /// What runs beside the server ends with it.
    beside: JoinSet<()>,
}

impl Place {
    /// Reads what the doors are made of, and takes the addresses.
    pub(super) async fn open(
        config: &Config,
        metrics: &Metrics,
        mut beside: JoinSet<()>,
    ) -> Result<Self, Failure> {
        let doors = doors::open(config, Arc::new(SystemClock), metrics, &mut beside).await?;
        let listeners = listen::bind(config).await?;
        if let Some(address) = config.metrics.listen {
            let listener = endpoint::bind(address).await?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "metrics can be read");
            let metrics = metrics.clone();
            beside.spawn(async move { match endpoint::serve(listener, metrics).await {} });
        }
        Ok(Self { doors, listeners, beside })
    }

    async fn serve(
        self,
        config: &Config,
        metrics: &Metrics,
        routes: Routes,
        life: Life,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let Self { doors, listeners, beside } = self;
        let served = server::serve(listeners, routes, doors, config, metrics, life, shutdown).await;
        drop(beside);
        served
    }

    /// Serves an opened service until `shutdown`.
    pub(super) async fn serve_app(
        self,
        config: &Config,
        app: &App,
        routes: Routes,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Exit, Failure> {
        let served = self.serve(config, &app.metrics, routes, app.life(), shutdown).await;
        // No writer shall wait for a server that is gone.
        app.freshness.stop().await;
        telemetry::flush(&app.metrics).await;
        served?;
        Ok(Exit::Ok)
    }
}
