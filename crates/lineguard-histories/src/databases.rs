//! A PostgreSQL and a Redis of the run's own, in a folder that goes with it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::failure::{Doing, Failure, Result};

/// How long a database may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free just now.
///
/// # Errors
///
/// If there is none.
pub fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Whom a database runs as: it refuses to run as root.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

/// Somebody to run a database as, if we are root.
fn account() -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let named = |name: &str| {
        let mut fields = accounts.lines().map(|line| line.split(':'));
        let mut found = fields.find_map(|mut line| (line.next() == Some(name)).then_some(line))?;
        let (user, group) = (found.nth(1)?.parse().ok()?, found.next()?.parse().ok()?);
        Some(Account { user, group })
    };
    let account = named("postgres").or_else(|| named("nobody"));
    Ok(Some(account.ok_or_else(|| Failure("there is no user to run a database as".into()))?))
}

/// How to end PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Sessions are ended, then it writes down what it knows.
    Fast,
    /// At once, as a crash would.
    Immediate,
}

impl Manner {
    fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// A PostgreSQL server with one empty database, `lineguard`.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    account: Option<Account>,
    address: SocketAddr,
}

impl Postgres {
    /// Makes a database in a new folder below `home` and starts it.
    ///
    /// # Errors
    ///
    /// If PostgreSQL is not installed or does not start.
    pub async fn start(home: &Path) -> Result<Self> {
        let (folder, account) = (home.join("postgres"), account()?);
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        if let Some(Account { user, group }) = account {
            chown(&folder, Some(user), Some(group))?;
        }
        let this = Self { programs: programs()?, folder, account, address: free_port()? };
        let data = this.data();
        this.run("initdb", &["-D", &data, "-U", "lineguard", "-A", "trust", "-E", "UTF8", "-N"])
            .await?;
        let (port, folder) = (this.address.port(), this.folder.display());
        let options = format!(
            "-p {port} -h 127.0.0.1 -k {folder} -c max_connections=300 -c shared_buffers=128MB"
        );
        let log = this.folder.join("log").display().to_string();
        this.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "start"]).await?;
        this.run(
            "createdb",
            &["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "lineguard", "lineguard"],
        )
        .await?;
        Ok(this)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL by way of another address.
    pub fn url(by: SocketAddr) -> String {
        format!("postgres://lineguard:any@{by}/lineguard?sslmode=disable")
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    ///
    /// If it does not come back.
    pub async fn restart(&self, manner: Manner) -> Result<()> {
        let log = self.folder.join("log").display().to_string();
        let data = self.data();
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-m", manner.word(), "-w", "restart"]).await
    }

    /// One value from the database, asked for past all links.
    ///
    /// # Errors
    ///
    /// If it cannot be had.
    pub async fn ask(&self, sql: &str) -> Result<String> {
        let port = self.address.port().to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "lineguard", "-AtXqc", sql];
        let output = self.command("psql", &arguments).output().await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Changes something in the database, past all links.
    ///
    /// # Errors
    ///
    /// If it cannot be done.
    pub async fn tell(&self, sql: &str) -> Result<()> {
        let port = self.address.port().to_string();
        let stop = "ON_ERROR_STOP=1";
        let arguments =
            ["-h", "127.0.0.1", "-p", &port, "-U", "lineguard", "-v", stop, "-Xqc", sql];
        self.run("psql", &arguments).await
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group).env("HOME", &self.folder);
        }
        command
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(program, arguments);
        // Not a pipe, which the server that `pg_ctl` starts would keep open.
        let said = fs::File::create(self.folder.join("said"))?;
        let status = command.stdout(said.try_clone()?).stderr(said).status();
        let status = timeout(PATIENCE, status).await.doing(program)??;
        match status.success() {
            true => Ok(()),
            false => {
                let said = fs::read_to_string(self.folder.join("said"))?;
                Err(Failure(format!("{program} {arguments:?}: {said}")))
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        let mut stop = self.command("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
        let stop = stop.as_std_mut().stdout(Stdio::null()).stderr(Stdio::null());
        // Nothing more can be done about one that does not stop.
        let _ = stop.status();
    }
}

/// The folder of the newest PostgreSQL; its programs are not on the path of most systems.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").doing("looking for PostgreSQL")?;
    let found = versions.flatten().map(|version| version.path().join("bin"));
    found.max().ok_or_else(|| Failure("PostgreSQL is not installed".into()))
}

/// A Redis server that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    folder: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Redis {
    /// Starts one in a new folder below `home`.
    ///
    /// # Errors
    ///
    /// If Redis is not installed or does not start.
    pub async fn start(home: &Path) -> Result<Self> {
        let folder = home.join("redis");
        fs::create_dir(&folder)?;
        let mut this = Self { folder, address: free_port()?, child: None };
        this.start_again().await?;
        Ok(this)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it at the same address, empty.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().doing("starting redis-server")?);
        let answers = async {
            while self.command("PING").await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, answers).await.doing("waiting for Redis")
    }

    /// Kills it.
    ///
    /// # Errors
    ///
    /// If it cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        match &mut self.child {
            Some(child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Stops its process where it stands.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn pause(&self) -> Result<()> {
        signal(self.child.as_ref(), Signal::STOP)
    }

    /// Lets its process go on.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn resume(&self) -> Result<()> {
        signal(self.child.as_ref(), Signal::CONT)
    }

    /// Sends it one command, past all links, and returns the first line of the reply.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn command(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n") {
            reply.push(stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&reply).trim().to_owned())
    }

    /// How many keys it holds.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub async fn keys(&self) -> Result<u64> {
        let reply = self.command("DBSIZE").await?;
        reply.trim_start_matches(':').parse().doing("DBSIZE")
    }
}

/// Sends a signal to a process that we started.
///
/// # Errors
///
/// If it does not run.
pub(crate) fn signal(child: Option<&Child>, signal: Signal) -> Result<()> {
    let id = child.and_then(Child::id).and_then(|id| i32::try_from(id).ok());
    let id = id.and_then(Pid::from_raw).ok_or_else(|| Failure("the process has ended".into()))?;
    kill_process(id, signal).doing("sending a signal")
}
