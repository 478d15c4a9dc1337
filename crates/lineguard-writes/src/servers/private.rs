//! A server of our own that can be ended as by a crash, and started again on what is left.
//!
//! `tests/servers` has made it and started it first. How, is asked of the system: the same program
//! with the same arguments, as the same user.

use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, getuid, kill_process};

use crate::failure::{Doing, Failure, Result};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    #[value(name = "mariadb")]
    MariaDb,
}

impl Kind {
    /// Its name, and that of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        }
    }
}

/// The server.
pub struct Private {
    folder: PathBuf,
    /// Its kind.
    pub kind: Kind,
    /// Its address.
    pub url: String,
    /// Its port.
    pub port: u16,
    command: Vec<OsString>,
    owner: (u32, u32),
    pid: u32,
    child: Option<Child>,
}

/// A twentieth of a second, this often: how long a server may take to end or to start.
const TRIES: u32 = 600;

impl Private {
    /// The server that runs in a folder of `tests/servers`.
    ///
    /// # Errors
    ///
    /// If none does.
    pub fn find(home: &Path, kind: Kind) -> Result<Self> {
        let folder = home.join(kind.name());
        let text =
            |name: &str| fs::read_to_string(folder.join(name)).doing(folder.join(name).display());
        let (url, pid) = (text("url")?.trim().to_owned(), text("pid")?);
        let pid: u32 = pid.trim().parse().doing("the number of the server")?;
        let process = PathBuf::from(format!("/proc/{pid}"));
        let owner = fs::metadata(&process).doing("the server")?;
        let command = fs::read(process.join("cmdline")).doing("the server")?;
        let command: Vec<OsString> = command
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect();
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next());
        let port = port.and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| Failure(format!("`{url}` has no port")))?;
        let owner = (owner.uid(), owner.gid());
        Ok(Self { folder, kind, url, port, command, owner, pid, child: None })
    }

    /// Ends it at once, with all that it does.
    ///
    /// # Errors
    ///
    /// If it does not end.
    pub fn crash(&mut self) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure("the server has no number".into()))?;
        // PostgreSQL must end its children itself; it writes nothing on the way.
        let signal = if self.kind == Kind::Postgres { Signal::QUIT } else { Signal::KILL };
        kill_process(pid, signal).doing("ending the server")?;
        if let Some(mut child) = self.child.take() {
            child.wait().doing("waiting for the server")?;
            return Ok(());
        }
        for _ in 0..TRIES {
            let state = fs::read_to_string(format!("/proc/{}/stat", self.pid));
            if state.is_err() || state.is_ok_and(|state| state.contains(") Z ")) {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        Err(Failure("the server does not end".into()))
    }

    /// Starts it again.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(&mut self) -> Result<()> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failure("the server was started by no command".into()));
        };
        let log = fs::File::options().append(true).create(true).open(self.folder.join("log"));
        let log = log.doing("the server's log")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).process_group(0);
        command.stdout(log.try_clone().doing("the server's log")?).stderr(log);
        if getuid().is_root() {
            command.gid(self.owner.1).uid(self.owner.0);
        }
        let child = command.spawn().doing("starting the server")?;
        self.pid = child.id();
        fs::write(self.folder.join("pid"), format!("{}\n", self.pid)).doing("its number")?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it listens, and starts it once more where it found something of the last one.
    ///
    /// # Errors
    ///
    /// If it does not listen.
    pub fn listening(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            let ended = match &mut self.child {
                Some(child) => child.try_wait().doing("the server")?.is_some(),
                None => false,
            };
            if ended {
                self.start()?;
            }
            sleep(Duration::from_millis(50));
        }
        Err(Failure(format!("{} does not start; see its log", self.kind.name())))
    }
}
