//! The servers and databases of a run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::databases::{Postgres, Redis};
use crate::failure::{Doing, Failure, Result};
use crate::history::Place;
use crate::link::{Link, Protocol};
use crate::processes;
use crate::replica::{Links, Replica};

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
    /// The sidecars; each follows the server of its number.
    pub sidecars: Vec<Arc<Replica>>,
    /// The database; none on SQLite.
    pub postgres: Option<Postgres>,
    /// Redis; none on SQLite.
    pub redis: Option<Mutex<Redis>>,
    program: PathBuf,
    /// What every process is told.
    settings: Vec<(String, String)>,
    path: PathBuf,
    /// Removes the folder; none if it is to be kept.
    home: std::sync::Mutex<Option<TempDir>>,
}

impl Fleet {
    /// Starts databases, servers and sidecars, of which each follows the server of a number. `more`
    /// are settings for every server and sidecar.
    ///
    /// # Errors
    ///
    /// If anything does not start.
    pub async fn start(
        program: &Path,
        store: StoreKind,
        (replicas, follow): (u8, &[u8]),
        promise: Promise,
        more: &[(String, String)],
    ) -> Result<Self> {
        let home = folder()?;
        let mut fleet = Self {
            replicas: Vec::new(),
            sidecars: Vec::new(),
            postgres: None,
            redis: None,
            program: program.to_owned(),
            settings: more.to_vec(),
            path: home.path().to_owned(),
            home: std::sync::Mutex::new(Some(home)),
        };
        let mut environment = more.to_vec();
        match store {
            StoreKind::Sqlite => {
                let (place, links) = (Place::Server(0), Links::default());
                let only = Replica::new(place, program, fleet.home(), environment, links)?;
                fleet.replicas.push(Arc::new(only));
            }
            StoreKind::Postgres => {
                environment.extend(promise.variables());
                let postgres = Postgres::start(fleet.home()).await?;
                let redis = Redis::start(fleet.home()).await?;
                migrate(program, fleet.home(), &postgres).await?;
                for at in 0..replicas {
                    let database = Link::to(postgres.address(), Protocol::Postgres).await?;
                    let cache = Link::to(redis.address(), Protocol::Opaque).await?;
                    let mut environment = environment.clone();
                    environment.extend([
                        ("LINEGUARD_DATABASE_URL".into(), Postgres::url(database.address())),
                        ("LINEGUARD_DATABASE_MIGRATE_ON_START".into(), "false".into()),
                        ("LINEGUARD_REDIS_URL".into(), format!("redis://{}", cache.address())),
                    ]);
                    let (postgres, redis) = (Some(database), Some(cache));
                    let (place, links) =
                        (Place::Server(at), Links { postgres, redis, parent: None });
                    let replica = Replica::new(place, program, fleet.home(), environment, links)?;
                    fleet.replicas.push(Arc::new(replica));
                }
                fleet.postgres = Some(postgres);
                fleet.redis = Some(Mutex::new(redis));
            }
        }
        for &parent in follow {
            let address = fleet.replica(usize::from(parent)).map(|parent| parent.address());
            let none = || Failure("a sidecar has no server to follow".into());
            fleet.add_sidecar(address.ok_or_else(none)?, parent).await?;
        }
        let all: Vec<_> = fleet.all().cloned().collect();
        for replica in all {
            if let Err(error) = replica.start().await {
                let home = fleet.keep();
                return Err(Failure(format!("{error}; see the logs in {}", home.display())));
            }
        }
        Ok(fleet)
    }

    /// A further sidecar, which is not started, and its link to what it follows. All it is told is
    /// where that is; that it is the server of this number is for the checker.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn add_sidecar(&mut self, follows: SocketAddr, parent: u8) -> Result<()> {
        let at = u8::try_from(self.sidecars.len()).unwrap_or(u8::MAX);
        let link = Link::to(follows, Protocol::Opaque).await?;
        let mut environment = self.settings.clone();
        let url = format!("http://{}", link.address());
        environment.push(("LINEGUARD_UPSTREAM_URL".into(), url));
        let links = Links { parent: Some(link), ..Links::default() };
        let place = Place::Sidecar { at, parent };
        let sidecar = Replica::new(place, &self.program, self.home(), environment, links)?;
        self.sidecars.push(Arc::new(sidecar));
        Ok(())
    }

    /// The servers, then the sidecars.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Replica>> {
        self.replicas.iter().chain(&self.sidecars)
    }

    /// The ports at which PostgreSQL and Redis can be reached, by links and past them.
    pub async fn database_ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> =
            self.postgres.iter().map(|postgres| postgres.address().port()).collect();
        if let Some(redis) = &self.redis {
            ports.push(redis.lock().await.address().port());
        }
        let links = self.replicas.iter().map(|replica| &replica.links);
        let links = links.flat_map(|links| links.postgres.iter().chain(&links.redis));
        ports.extend(links.map(|link| link.address().port()));
        ports
    }

    /// A sidecar.
    pub fn sidecar(&self, at: usize) -> Option<&Arc<Replica>> {
        self.sidecars.get(at)
    }

    /// A server.
    pub fn replica(&self, at: usize) -> Option<&Arc<Replica>> {
        self.replicas.get(at)
    }

    /// Memory that each process holds, in bytes.
    pub async fn memory(&self) -> Vec<(Place, u64)> {
        let mut held = Vec::new();
        for replica in self.all() {
            let resident = replica.process().await.and_then(processes::resident);
            held.extend(resident.map(|bytes| (replica.place, bytes)));
        }
        held
    }

    /// The folder of all.
    pub fn home(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder with all logs, and says where it is.
    pub fn keep(&self) -> &Path {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(home.map(TempDir::keep));
        &self.path
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

/// Brings the schema to where this program has it.
///
/// # Errors
///
/// If the program says so.
pub async fn migrate(program: &Path, folder: &Path, postgres: &Postgres) -> Result<()> {
    let url = Postgres::url(postgres.address());
    let mut command = Command::new(program);
    command.arg("migrate").current_dir(folder).env_clear().env("LINEGUARD_DATABASE_URL", url);
    let output = command.output().await.doing(program.display())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure(format!("migrate: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}
