//! One server process of the run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
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
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::databases::{free_port, signal};
use crate::failure::{Doing, Failure, Result};
use crate::link::Link;

/// Connections to each server; one would make all calls wait for the same pieces.
const CHANNELS: usize = 4;

/// How long a server may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server: its process, its links and the connections to it.
#[derive(Debug)]
pub struct Replica {
    /// Its position among the servers.
    pub at: u8,
    /// Its link to PostgreSQL; none if it has a store of its own.
    pub postgres: Option<Link>,
    /// Its link to Redis.
    pub redis: Option<Link>,
    program: PathBuf,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    channels: Vec<Channel>,
    turn: AtomicU64,
    life: AtomicU16,
    child: Mutex<Option<Child>>,
}

impl Replica {
    /// A server that is not started yet. It gets a folder of its own below `home`; `environment`
    /// says the rest.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or no port is free.
    pub fn new(
        at: u8,
        program: &Path,
        home: &Path,
        environment: Vec<(String, String)>,
        (postgres, redis): (Option<Link>, Option<Link>),
    ) -> Result<Self> {
        let folder = home.join(format!("server-{at}"));
        fs::create_dir(&folder)?;
        let listen = free_port()?;
        let mut all = vec![
            ("LINEGUARD_LISTEN".to_owned(), listen.to_string()),
            ("LINEGUARD_LOG_FORMAT".to_owned(), "json".to_owned()),
        ];
        all.extend(environment);
        let channels = (0..CHANNELS).map(|_| channel(listen)).collect::<Result<_>>()?;
        Ok(Self {
            at,
            postgres,
            redis,
            program: program.to_owned(),
            environment: all,
            folder,
            channels,
            turn: AtomicU64::new(0),
            life: AtomicU16::new(0),
            child: Mutex::new(None),
        })
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
        timeout(PATIENCE, up).await.doing(format!("waiting for server {}", self.at))?
    }

    fn spawn(&self) -> Result<Child> {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = Command::new(&self.program);
        command.arg("serve").current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        command.spawn().doing(self.program.display())
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
            return Err(Failure(format!("server {} does not end", self.at)));
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
