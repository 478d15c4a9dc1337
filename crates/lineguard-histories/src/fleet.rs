//! The servers and databases of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::databases::{Postgres, Redis};
use crate::failure::{Doing, Failure, Result};
use crate::link::{Link, Protocol};
use crate::replica::Replica;

/// Which store the servers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// PostgreSQL and Redis, shared by all servers.
    Postgres,
    /// One server with a file of its own.
    Sqlite,
}

/// What the servers promise; the settings `freshness.*`.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// The lease.
    pub lease: Duration,
    /// The time between polls.
    pub poll: Duration,
}

impl Promise {
    /// The longest that a write waits for a server that says nothing: the lease, 1 % for the rate of
    /// each of two clocks, and a margin.
    pub fn wait(self) -> Duration {
        self.lease + self.lease / 50 + Duration::from_millis(50)
    }

    /// How soon after an outage everything is answered again.
    pub fn recovery(self) -> Duration {
        self.lease + self.poll
    }

    fn variables(self) -> Vec<(String, String)> {
        let timeout = self.poll * 4 / 5;
        [("LEASE", self.lease), ("POLL", self.poll), ("POLL_TIMEOUT", timeout)]
            .map(|(name, value)| {
                (format!("LINEGUARD_FRESHNESS_{name}"), format!("{}ms", value.as_millis()))
            })
            .into()
    }
}

/// Everything that runs. It is stopped, and its folder removed, when it goes.
#[derive(Debug)]
pub struct Fleet {
    /// The servers.
    pub replicas: Vec<Arc<Replica>>,
    /// The database; none on SQLite.
    pub postgres: Option<Postgres>,
    /// Redis; none on SQLite.
    pub redis: Option<Mutex<Redis>>,
    home: Option<TempDir>,
}

impl Fleet {
    /// Starts databases and servers. `more` are settings for every server.
    ///
    /// # Errors
    ///
    /// If anything does not start.
    pub async fn start(
        program: &Path,
        store: StoreKind,
        replicas: u8,
        promise: Promise,
        more: &[(String, String)],
    ) -> Result<Self> {
        let home = folder()?;
        let mut fleet = Self { replicas: Vec::new(), postgres: None, redis: None, home: None };
        let mut environment = more.to_vec();
        match store {
            StoreKind::Sqlite => {
                let only = Replica::new(0, program, home.path(), environment, (None, None))?;
                fleet.replicas.push(Arc::new(only));
            }
            StoreKind::Postgres => {
                environment.extend(promise.variables());
                let postgres = Postgres::start(home.path()).await?;
                let redis = Redis::start(home.path()).await?;
                migrate(program, home.path(), &Postgres::url(postgres.address())).await?;
                for at in 0..replicas {
                    let database = Link::to(postgres.address(), Protocol::Postgres).await?;
                    let cache = Link::to(redis.address(), Protocol::Opaque).await?;
                    let mut environment = environment.clone();
                    environment.extend([
                        ("LINEGUARD_DATABASE_URL".into(), Postgres::url(database.address())),
                        ("LINEGUARD_DATABASE_MIGRATE_ON_START".into(), "false".into()),
                        ("LINEGUARD_REDIS_URL".into(), format!("redis://{}", cache.address())),
                    ]);
                    let links = (Some(database), Some(cache));
                    let replica = Replica::new(at, program, home.path(), environment, links)?;
                    fleet.replicas.push(Arc::new(replica));
                }
                fleet.postgres = Some(postgres);
                fleet.redis = Some(Mutex::new(redis));
            }
        }
        fleet.home = Some(home);
        for replica in &fleet.replicas {
            if let Err(error) = replica.start().await {
                let home = fleet.keep().unwrap_or_default();
                return Err(Failure(format!("{error}; see the logs in {}", home.display())));
            }
        }
        Ok(fleet)
    }

    /// A server.
    pub fn replica(&self, at: usize) -> Option<&Arc<Replica>> {
        self.replicas.get(at)
    }

    /// Keeps the folder with all logs, and says where it is.
    pub fn keep(&mut self) -> Option<PathBuf> {
        self.home.take().map(TempDir::keep)
    }
}

/// A folder that other users can pass through, in memory if there is room: safe settings cost
/// syncs.
fn folder() -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;

    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("lineguard-histories.");
    let home = match memory.is_dir() {
        true => builder.tempdir_in(memory).or_else(|_| builder.tempdir())?,
        false => builder.tempdir()?,
    };
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(home)
}

async fn migrate(program: &Path, folder: &Path, url: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("migrate").current_dir(folder).env_clear().env("LINEGUARD_DATABASE_URL", url);
    let output = command.output().await.doing(program.display())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure(format!("migrate: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}
