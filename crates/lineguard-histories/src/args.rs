//! What can be asked for on the command line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lineguard_histories::failure::{Doing, Failure, Result};
use lineguard_histories::fleet::{Fleet, Promise, StoreKind};

/// Real servers under faults, and what they answered.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Task,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    /// Write, ask and disturb, then look for answers that should not have been given
    Run(RunArgs),
    /// Say how long acknowledgements take, what reaches the database, and what an outage does
    Measure(MeasureArgs),
    /// Restart every server in turn, then upgrade, while callers try nothing twice
    Rolling(RollingArgs),
    /// Replace every server by a program that answers differently, and back, on one Redis
    Upgrade(UpgradeArgs),
}

#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// The program to upgrade to, which allows everything that it is asked
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// How often there and back
    #[arg(long, default_value_t = 2)]
    pub rounds: usize,
    /// Members, about each of whom every server is asked
    #[arg(long, default_value_t = 200)]
    pub members: usize,
    #[command(flatten)]
    pub servers: Servers,
}

#[derive(Debug, Args)]
pub struct RollingArgs {
    /// All random choices follow from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How often every server is restarted before the upgrade
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// The program before the upgrade. Unless given, the present one runs before and after, and
    /// between that the schema gets a step that it does not know
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Checks a second to aim at
    #[arg(long, default_value_t = 1_000)]
    pub check_rate: u64,
    /// Writes a second to aim at
    #[arg(long, default_value_t = 20)]
    pub write_rate: u64,
    /// `drain.delay`, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    pub drain_delay: u64,
    /// What a busy machine may add to everything that has to be done in time, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    pub slack: u64,
    #[command(flatten)]
    pub servers: Servers,
}

#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Members of the tenant
    #[arg(long, default_value_t = 100_000)]
    pub members: usize,
    #[command(flatten)]
    pub servers: Servers,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Faults {
    /// Everything that can.
    All,
    /// Nothing.
    None,
}

/// What a run must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Expect {
    /// Nothing that must not be.
    Sound,
    /// A stale answer: the servers are known to be broken.
    Stale,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// All random choices follow from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Checks, at least
    #[arg(long, default_value_t = 1_100_000)]
    pub checks: u64,
    /// Acknowledged writes, at least
    #[arg(long, default_value_t = 10_000)]
    pub writes: u64,
    /// A run of about a minute: 20,000 checks, 400 writes, each fault once, a lease of 1 s
    #[arg(long)]
    pub short: bool,
    /// What goes wrong
    #[arg(long, value_enum, default_value_t = Faults::All)]
    pub faults: Faults,
    /// Only faults whose names contain one of these words
    #[arg(long, value_name = "WORD")]
    pub only: Vec<String>,
    /// How often each fault is made at least
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Checks a second to aim at
    #[arg(long, default_value_t = 2_500)]
    pub check_rate: u64,
    /// Writes a second to aim at
    #[arg(long, default_value_t = 25)]
    pub write_rate: u64,
    /// What a busy machine may add to everything that has to be done in time, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    pub slack: u64,
    /// What must be found
    #[arg(long, value_enum, default_value_t = Expect::Sound)]
    pub expect: Expect,
    #[command(flatten)]
    pub servers: Servers,
}

#[derive(Debug, Args)]
pub struct Servers {
    /// The server program; built from this workspace unless given
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
    /// Servers
    #[arg(long, default_value_t = 3)]
    pub replicas: u8,
    /// No sidecar for each server
    #[arg(long)]
    pub without_sidecars: bool,
    /// All sidecars follow the first server
    #[arg(long, conflicts_with = "without_sidecars")]
    pub one_parent: bool,
    /// Their store
    #[arg(long, value_enum, default_value_t = StoreKind::Postgres)]
    pub store: StoreKind,
    /// `freshness.lease`, in milliseconds
    #[arg(long, default_value_t = 5_000)]
    pub lease: u64,
    /// `freshness.poll`, in milliseconds
    #[arg(long, default_value_t = 500)]
    pub poll: u64,
    /// A further setting of every server: `LINEGUARD_LOG_LEVEL=debug`
    #[arg(long, value_name = "VARIABLE=VALUE")]
    pub set: Vec<String>,
}

impl Servers {
    pub fn promise(&self) -> Promise {
        let (lease, poll) = (Duration::from_millis(self.lease), Duration::from_millis(self.poll));
        Promise { lease, poll }
    }

    /// Whom the sidecars follow: as many as servers, where there are several.
    fn follow(&self) -> Vec<u8> {
        if self.without_sidecars || self.store == StoreKind::Sqlite {
            return Vec::new();
        }
        (0..self.replicas).map(|server| if self.one_parent { 0 } else { server }).collect()
    }

    /// Starts them; `slack` is added to what they allow themselves for an answer.
    pub async fn start(&self, slack: Duration) -> Result<Fleet> {
        self.start_with(&self.program()?, &self.follow(), slack, Vec::new()).await
    }

    /// The server program.
    pub fn program(&self) -> Result<PathBuf> {
        match &self.server {
            Some(program) => program.canonicalize().doing(program.display()),
            None => build(),
        }
    }

    /// Starts another program, with sidecars of these servers and these settings besides.
    pub async fn start_with(
        &self,
        program: &Path,
        follow: &[u8],
        slack: Duration,
        more: Vec<(String, String)>,
    ) -> Result<Fleet> {
        let set = self.set.iter().map(|one| match one.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(Failure(format!("`{one}` is not VARIABLE=VALUE"))),
        });
        let mut set: Vec<_> = set.collect::<Result<_>>()?;
        for (what, seconds) in [("DECISION", 1), ("LIST", 5)] {
            let deadline = format!("{}ms", (Duration::from_secs(seconds) + slack).as_millis());
            set.push((format!("LINEGUARD_DEADLINE_{what}"), deadline));
        }
        set.extend(more);
        let many = (self.replicas, follow);
        Fleet::start(program, self.store, many, self.promise(), &set).await
    }
}

/// Builds the server in the way in which this program was built, and says where it is.
fn build() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().ok_or_else(|| Failure("this program lies nowhere".into()))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "lineguard", "--bin", "lineguard"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    match cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).status()?.success() {
        true => Ok(folder.join("lineguard")),
        false => Err(Failure("the server does not build".into())),
    }
}
