//! `lineguard-histories`: see the crate's documentation.

#![expect(clippy::print_stdout, reason = "the figures of a run are its output")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lineguard_histories::checker::{Limits, Rule, Violation, check};
use lineguard_histories::clock::{Nanos, seconds};
use lineguard_histories::failure::{Doing, Failure, Result};
use lineguard_histories::faults::{ALL, Fault, Nemesis};
use lineguard_histories::fleet::{Fleet, Promise, StoreKind};
use lineguard_histories::history::{Disturbance, History};
use lineguard_histories::measure;
use lineguard_histories::report::{Summary, attribute};
use lineguard_histories::run::{Extent, Run, prepare};

/// Violations that are printed in full, of each rule.
const TOLD: usize = 10;

/// Disturbances that were over for longer than this are not told with a violation: 6 s.
const NEAR: Nanos = 6_000_000_000;

/// Real servers under faults, and what they answered.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write, ask and disturb, then look for answers that should not have been given
    Run(RunArgs),
    /// Say how long acknowledgements take, what reaches the database, and what an outage does
    Measure(MeasureArgs),
}

#[derive(Debug, Args)]
struct MeasureArgs {
    /// Members of the tenant
    #[arg(long, default_value_t = 100_000)]
    members: usize,
    #[command(flatten)]
    servers: Servers,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Faults {
    /// Everything that can.
    All,
    /// Nothing.
    None,
}

/// What a run must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expect {
    /// Nothing that must not be.
    Sound,
    /// A stale answer: the servers are known to be broken.
    Stale,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// All random choices follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Checks, at least
    #[arg(long, default_value_t = 1_100_000)]
    checks: u64,
    /// Acknowledged writes, at least
    #[arg(long, default_value_t = 10_000)]
    writes: u64,
    /// A run of about a minute: 20,000 checks, 400 writes, each fault once, a lease of 1 s
    #[arg(long)]
    short: bool,
    /// What goes wrong
    #[arg(long, value_enum, default_value_t = Faults::All)]
    faults: Faults,
    /// Only faults whose names contain one of these words
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// How often each fault is made at least
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Checks a second to aim at
    #[arg(long, default_value_t = 2_500)]
    check_rate: u64,
    /// Writes a second to aim at
    #[arg(long, default_value_t = 25)]
    write_rate: u64,
    /// What a busy machine may add to everything that has to be done in time, in milliseconds
    #[arg(long, default_value_t = 1_000)]
    slack: u64,
    /// What must be found
    #[arg(long, value_enum, default_value_t = Expect::Sound)]
    expect: Expect,
    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Args)]
struct Servers {
    /// The server program; built from this workspace unless given
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Servers
    #[arg(long, default_value_t = 3)]
    replicas: u8,
    /// Their store
    #[arg(long, value_enum, default_value_t = StoreKind::Postgres)]
    store: StoreKind,
    /// `freshness.lease`, in milliseconds
    #[arg(long, default_value_t = 5_000)]
    lease: u64,
    /// `freshness.poll`, in milliseconds
    #[arg(long, default_value_t = 500)]
    poll: u64,
    /// A further setting of every server: `LINEGUARD_LOG_LEVEL=debug`
    #[arg(long, value_name = "VARIABLE=VALUE")]
    set: Vec<String>,
}

impl Servers {
    fn promise(&self) -> Promise {
        let (lease, poll) = (Duration::from_millis(self.lease), Duration::from_millis(self.poll));
        Promise { lease, poll }
    }

    /// Starts them; `slack` is added to what they allow themselves for an answer.
    async fn start(&self, slack: Duration) -> Result<Fleet> {
        let program = match &self.server {
            Some(program) => program.canonicalize().doing(program.display())?,
            None => build()?,
        };
        let set = self.set.iter().map(|one| match one.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(Failure(format!("`{one}` is not VARIABLE=VALUE"))),
        });
        let mut set: Vec<_> = set.collect::<Result<_>>()?;
        let deadline = format!("{}ms", (Duration::from_secs(1) + slack).as_millis());
        set.push(("LINEGUARD_DEADLINE_DECISION".to_owned(), deadline));
        Fleet::start(&program, self.store, self.replicas, self.promise(), &set).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Run(args) => run(args).await,
        Task::Measure(args) => measured(args).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            println!("error: {error}");
            ExitCode::from(2)
        }
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

/// True if the run found what it had to.
async fn run(mut args: RunArgs) -> Result<bool> {
    if args.short {
        (args.checks, args.writes, args.rounds) = (20_000, 400, 1);
        (args.check_rate, args.write_rate) = (600, 12);
        (args.servers.lease, args.servers.poll) = (1_000, 150);
        args.slack = args.slack.max(10_000);
    }
    let (promise, seed) = (args.servers.promise(), args.seed);
    println!("seed {seed}; lease {:?}, poll {:?}", promise.lease, promise.poll);
    let fleet = Arc::new(args.servers.start(Duration::from_millis(args.slack)).await?);
    let extent = Extent {
        checks: args.checks,
        writes: args.writes,
        check_rate: args.check_rate,
        write_rate: args.write_rate,
        tenants: if args.short { 4 } else { 8 },
        askers: 8,
        slack: Duration::from_millis(args.slack),
    };
    let stage = prepare(&fleet, Run::new(seed, extent, promise, args.servers.replicas)).await?;
    println!("tenants and registers are ready after {:.1} s", seconds(stage.run.watch.now()));

    let shared = Arc::clone(&stage.run);
    let disturbed = async {
        match args.faults {
            Faults::All => {
                let chosen = |fault: &&Fault| {
                    let named = |word: &String| fault.name().contains(word.as_str());
                    args.only.is_empty() || args.only.iter().any(named)
                };
                let faults = ALL.iter().filter(chosen).copied().collect();
                Nemesis::new(&fleet, &shared, promise, faults, args.rounds).rage().await
            }
            Faults::None => {
                shared.disturbed_enough();
                Ok(Vec::new())
            }
        }
    };
    let both = async { tokio::try_join!(stage.play(&fleet), disturbed) };
    let done = tokio::select! {
        done = both => done,
        () = tell_progress(&shared) => Err(Failure("nobody waits".into())),
    };
    let (history, found) = match done {
        Ok((mut history, disturbances)) => {
            history.disturbances = disturbances;
            attribute(&mut history);
            let found = check(&history, &limits(promise, extent.slack));
            (history, found)
        }
        Err(error) => return Err(Failure(format!("{error}; {}", keep(fleet)))),
    };
    println!("{}", Summary { history: &history, recovery: promise.recovery() });
    tell(&history, &found);
    if !found.is_empty() {
        println!("{}", keep(fleet));
    }
    Ok(as_expected(args.expect, &found))
}

async fn measured(args: MeasureArgs) -> Result<bool> {
    let promise = args.servers.promise();
    println!("lease {:?}, poll {:?}", promise.lease, promise.poll);
    let fleet = Arc::new(args.servers.start(Duration::ZERO).await?);
    match measure::all(&fleet, promise, args.members).await {
        Ok(()) => Ok(true),
        Err(error) => Err(Failure(format!("{error}; {}", keep(fleet)))),
    }
}

fn limits(promise: Promise, slack: Duration) -> Limits {
    Limits { recovery: promise.recovery() + slack, acknowledgement: promise.wait() + slack }
}

async fn tell_progress(run: &Run) {
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (asked, written) = run.progress();
        println!("{:>6.0} s: {asked} checks, {written} writes", seconds(run.watch.now()));
    }
}

/// Keeps the logs of servers and databases, and says where.
fn keep(fleet: Arc<Fleet>) -> String {
    let kept = Arc::into_inner(fleet).and_then(|mut fleet| fleet.keep());
    kept.map_or("no logs are kept".into(), |home| format!("logs are kept in {}", home.display()))
}

fn tell(history: &History, found: &[Violation]) {
    println!("violations        {:>9}", found.len());
    let mut rules: Vec<Rule> = found.iter().map(|violation| violation.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        let of_rule = || found.iter().filter(|violation| violation.rule == rule);
        println!("  {rule:?}: {}", of_rule().count());
        for violation in of_rule().take(TOLD) {
            println!("  - {violation}");
            let near = |one: &&Disturbance| {
                one.from <= violation.at && violation.at <= one.until.saturating_add(NEAR)
            };
            for disturbance in history.disturbances.iter().filter(near) {
                println!("    meanwhile or before: {disturbance}");
            }
        }
    }
}

/// Whether the run found what it had to.
fn as_expected(expect: Expect, found: &[Violation]) -> bool {
    match expect {
        Expect::Sound => found.is_empty(),
        Expect::Stale => {
            let stale = [Rule::Reflects, Rule::Acknowledged];
            let caught = found.iter().any(|violation| stale.contains(&violation.rule));
            println!("{}", if caught { "caught, as expected" } else { "NOT caught" });
            caught
        }
    }
}
