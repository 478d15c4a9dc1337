//! One server or sidecar process of the run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard::wire::pb::fax_service_client::FaxServiceClient;
use lineguard::wire::pb::operations_service_client::OperationsServiceClient;
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::databases::{free_port, signal};
use crate::failure::{Doing, Failure, Result};
use crate::history::Place;
use crate::link::Link;

/// Connections to each; one would make all calls wait for the same pieces.
const CHANNELS: usize = 4;

/// How long a process may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// The links of a process; none to what it does not use.
#[derive(Debug, Default)]
pub struct Links {
    /// To PostgreSQL.
    pub postgres: Option<Link>,
    /// To Redis.
    pub redis: Option<Link>,
    /// Of a sidecar to its parent.
    pub parent: Option<Link>,
}

/// A server or a sidecar: its process, its links and the connections to it.
#[derive(Debug)]
pub struct Replica {
    /// Which it is.
    pub place: Place,
    /// Its links.
    pub links: Links,
    listen: SocketAddr,
    program: std::sync::Mutex<PathBuf>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    channels: Vec<Channel>,
    turn: AtomicU64,
    life: AtomicU16,
    child: Mutex<Option<Child>>,
}

/// What a health service says, one change after the other.
pub struct HealthNews(Streaming<HealthCheckResponse>);

impl HealthNews {
    /// Whether it serves, once that has changed; none when the stream has ended.
    pub async fn next(&mut self) -> Option<bool> {
        let said = self.0.message().await.ok().flatten()?;
        Some(said.status() == ServingStatus::Serving)
    }
}

impl Replica {
    /// One that is not started yet. It gets a folder of its own below `home`; `environment`
    /// says the rest.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or no port is free.
    pub fn new(
        place: Place,
        program: &Path,
        home: &Path,
        environment: Vec<(String, String)>,
        links: Links,
    ) -> Result<Self> {
        let folder = home.join(place.to_string().replace(' ', "-"));
        fs::create_dir(&folder)?;
        let listen = free_port()?;
        let mut all = vec![
            ("LINEGUARD_LISTEN".to_owned(), listen.to_string()),
            ("LINEGUARD_LOG_FORMAT".to_owned(), "json".to_owned()),
        ];
        all.extend(environment);
        let channels = (0..CHANNELS).map(|_| channel(listen)).collect::<Result<_>>()?;
        Ok(Self {
            place,
            links,
            listen,
            program: std::sync::Mutex::new(program.to_owned()),
            environment: all,
            folder,
            channels,
            turn: AtomicU64::new(0),
            life: AtomicU16::new(0),
            child: Mutex::new(None),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The folder that it runs in, and where its log is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process, if it runs.
    pub async fn process(&self) -> Option<u32> {
        self.child.lock().await.as_ref().and_then(Child::id)
    }

    /// How often it has been started.
    pub fn life(&self) -> u16 {
        self.life.load(Ordering::Acquire)
    }

    /// Starts it and waits until it says that it serves. One that ends at once is started again.
    ///
    /// # Errors
    ///
    /// If it is not ready after a minute.
    pub async fn start(&self) -> Result<()> {
        let mut child = self.child.lock().await;
        let up = async {
            loop {
                self.life.fetch_add(1, Ordering::AcqRel);
                let process = child.insert(self.spawn()?);
                if self.serves(process).await? {
                    return Ok(());
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, up).await.doing(format!("waiting for {}", self.place))?
    }

    fn spawn(&self) -> Result<Child> {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut command = Command::new(&program);
        let task = if self.place.is_sidecar() { "sidecar" } else { "serve" };
        command.arg(task).current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        command.spawn().doing(program.display())
    }

    /// Whether it serves in the end; no if its process ends before that.
    async fn serves(&self, process: &mut Child) -> Result<bool> {
        while !self.ready().await {
            if process.try_wait()?.is_some() {
                return Ok(false);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    }

    /// Whether its health service says that it serves.
    pub async fn ready(&self) -> bool {
        let mut client = HealthClient::new(self.channel());
        let asked = client.check(HealthCheckRequest { service: String::new() });
        match timeout(Duration::from_secs(1), asked).await {
            Ok(Ok(reply)) => reply.into_inner().status() == ServingStatus::Serving,
            _ => false,
        }
    }

    /// What its health service says from now on, whenever that changes.
    ///
    /// # Errors
    ///
    /// If it cannot be asked.
    pub async fn watch_health(&self) -> Result<HealthNews> {
        let mut client = HealthClient::new(self.channel());
        let asked = HealthCheckRequest { service: String::new() };
        Ok(HealthNews(client.watch(asked).await?.into_inner()))
    }

    /// What is started the next time.
    pub fn install(&self, program: &Path) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = program.to_owned();
    }

    /// Kills its process.
    ///
    /// # Errors
    ///
    /// If it cannot be killed.
    pub async fn kill(&self) -> Result<()> {
        match self.child.lock().await.as_mut() {
            Some(child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// If it does not end.
    pub async fn stop(&self) -> Result<()> {
        let mut child = self.child.lock().await;
        signal(child.as_ref(), Signal::TERM)?;
        if let Some(child) = child.as_mut()
            && timeout(PATIENCE, child.wait()).await.is_err()
        {
            return Err(Failure(format!("{} does not end", self.place)));
        }
        Ok(())
    }

    /// Stops its process where it stands.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub async fn pause(&self) -> Result<()> {
        signal(self.child.lock().await.as_ref(), Signal::STOP)
    }

    /// Lets its process go on.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub async fn resume(&self) -> Result<()> {
        signal(self.child.lock().await.as_ref(), Signal::CONT)
    }

    /// For questions.
    pub fn questions(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel())
    }

    /// For changes.
    pub fn changes(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel())
    }

    /// For faxes.
    pub fn faxes(&self) -> FaxServiceClient<Channel> {
        FaxServiceClient::new(self.channel())
    }

    /// For its state.
    pub fn operations(&self) -> OperationsServiceClient<Channel> {
        OperationsServiceClient::new(self.channel())
    }

    /// One of the connections, in turn.
    fn channel(&self) -> Channel {
        let turn = usize::try_from(self.turn.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let channel = self.channels.iter().cycle().nth(turn % CHANNELS);
        channel.cloned().unwrap_or_else(|| Channel::from_static("http://[::1]:1").connect_lazy())
    }
}

fn channel(to: SocketAddr) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{to}"))?;
    Ok(endpoint.connect_timeout(Duration::from_secs(1)).tcp_nodelay(true).connect_lazy())
}
