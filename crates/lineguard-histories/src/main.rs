//! `lineguard-histories`: see the crate's documentation.

#![expect(clippy::print_stdout, reason = "the figures of a run are its output")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

mod args;

use clap::Parser;
use lineguard::wire::pb;
use lineguard_histories::checker::{Limits, Rule, Violation, check};
use lineguard_histories::clock::{Nanos, seconds};
use lineguard_histories::failure::{Failure, Result};
use lineguard_histories::faults::{ALL, Fault};
use lineguard_histories::fleet::{Fleet, Promise};
use lineguard_histories::history::{Disturbance, History};
use lineguard_histories::measure;
use lineguard_histories::nemesis::Nemesis;
use lineguard_histories::processes;
use lineguard_histories::replica::Replica;
use lineguard_histories::report::{Summary, attribute, tell_calls};
use lineguard_histories::rolling::{self, ALL_ASKERS, OF_ALL, OF_ONE};
use lineguard_histories::run::{Extent, Run, prepare};
use lineguard_histories::serving::{Serving, one_address};
use lineguard_histories::upgrade::{self, Program};
use lineguard_histories::whom::Whom;

use args::{Cli, Expect, Faults, MeasureArgs, RollingArgs, RunArgs, Task, UpgradeArgs};

/// Violations that are printed in full, of each rule.
const TOLD: usize = 10;

/// How soon a sidecar follows a parent that is well again: its lease and a poll of it.
const FOLLOWING: Duration = Duration::from_millis(1_250);

/// Disturbances that were over for longer than this are not told with a violation: 6 s.
const NEAR: Nanos = 6_000_000_000;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Run(args) => run(args).await,
        Task::Measure(args) => measured(args).await,
        Task::Rolling(args) => rolled(args).await,
        Task::Upgrade(args) => upgraded(args).await,
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
        askers: 8 * fleet.replicas.len() + 4 * fleet.sidecars.len(),
        slack: Duration::from_millis(args.slack),
    };
    let stage = prepare(&fleet, Run::new(seed, extent, promise)).await?;
    println!("tenants and registers are ready after {:.1} s", seconds(stage.run.watch.now()));

    let asked = |replica: &Arc<Replica>| {
        let askers = if replica.place.is_sidecar() { 4 } else { 8 };
        vec![Whom::One(Arc::clone(replica)); askers]
    };
    let asked: Vec<Whom> = fleet.all().flat_map(asked).collect();
    let shared = Arc::clone(&stage.run);
    let disturbed = async {
        match args.faults {
            Faults::All => {
                let chosen = |fault: &&Fault| {
                    let named = |word: &String| fault.name().contains(word.as_str());
                    args.only.is_empty() || args.only.iter().any(named)
                };
                let faults = ALL.iter().filter(chosen).copied();
                let can = |fault: &Fault| !fleet.sidecars.is_empty() || !fault.needs_a_sidecar();
                let faults = faults.filter(can).collect();
                Nemesis::new(&fleet, &shared, promise, faults, args.rounds).rage().await
            }
            Faults::None => {
                shared.disturbed_enough();
                Ok(Vec::new())
            }
        }
    };
    let all = async {
        tokio::try_join!(stage.play(&fleet, asked), disturbed, processes::watch(&fleet, &shared))
    };
    let done = tokio::select! {
        done = all => done,
        () = tell_progress(&shared) => Err(Failure("nobody waits".into())),
    };
    let (history, found) = match done {
        Ok((mut history, disturbances, looked)) => {
            println!("looked {looked} times: no sidecar is connected to PostgreSQL or Redis");
            tell_memory(&fleet).await;
            history.disturbances = disturbances;
            attribute(&mut history);
            let found = check(&history, &limits(promise, extent.slack));
            (history, found)
        }
        Err(error) => return Err(Failure(format!("{error}; {}", keep(&fleet)))),
    };
    println!("{}", Summary { history: &history, recovery: promise.recovery() });
    tell(&history, &found);
    if !found.is_empty() {
        println!("{}", keep(&fleet));
    }
    Ok(as_expected(args.expect, &found))
}

/// True if no call failed and no answer was wrong.
async fn rolled(args: RollingArgs) -> Result<bool> {
    let (promise, program) = (args.servers.promise(), args.servers.program()?);
    let slack = Duration::from_millis(args.slack);
    let first = args.from.as_ref().unwrap_or(&program).canonicalize()?;
    let drain = ("LINEGUARD_DRAIN_DELAY".to_owned(), format!("{}ms", args.drain_delay));
    let mut fleet = args.servers.start_with(&first, &[0], slack, vec![drain]).await?;
    let serving = Arc::new(Serving::of(&fleet.replicas));
    serving.wait_for(fleet.replicas.len()).await;
    let address = one_address(Arc::clone(&serving)).await?;
    fleet.add_sidecar(address, 1).await?;
    let fleet = Arc::new(fleet);
    if let Some(sidecar) = fleet.sidecars.last() {
        sidecar.start().await?;
    }
    let extent = Extent {
        checks: 0,
        writes: 0,
        check_rate: args.check_rate,
        write_rate: args.write_rate,
        tenants: 4,
        askers: ALL_ASKERS,
        slack,
    };
    let stage = prepare(&fleet, Run::new(args.seed, extent, promise)).await?;
    let from_another = args.from.is_some();
    let plan = rolling::Plan { rounds: args.rounds, program, from_another };
    let history = match rolling::roll(&fleet, &serving, stage, &plan).await {
        Ok(history) => history,
        Err(error) => return Err(Failure(format!("{error}; {}", keep(&fleet)))),
    };
    println!("{} restarts", history.disturbances.len());
    print!("{}", tell_calls(&history));
    println!("acknowledgements: {}", measure::figures(acknowledged(&history)));
    for (place, what) in [(OF_ONE, "one server"), (OF_ALL, "whoever serves")] {
        let longest = seconds(rolling::longest_failure(&history, place));
        println!("the sidecar that follows {what}: no answer for {longest:.2} s at most");
    }
    let found = rolling::judge(&history, &limits(promise, slack));
    tell(&history, &found);
    if !found.is_empty() {
        println!("{}", keep(&fleet));
    }
    Ok(found.is_empty())
}

/// True if each program gave its own answers, and found them in Redis.
async fn upgraded(args: UpgradeArgs) -> Result<bool> {
    let (path, says) = (args.servers.program()?, pb::Effect::Deny);
    let first = Program { path, says };
    let second = Program { path: args.to.canonicalize()?, says: pb::Effect::Allow };
    let fleet = args.servers.start_with(&first.path, &[], Duration::ZERO, Vec::new()).await?;
    let size = (args.rounds, args.members);
    let seen = match upgrade::there_and_back(&fleet, [&first, &second], size).await {
        Ok(seen) => seen,
        Err(error) => return Err(Failure(format!("{error}; {}", keep(&fleet)))),
    };
    println!("{seen}");
    Ok(seen.is_sound())
}

/// How long each attempt took that was acknowledged.
fn acknowledged(history: &History) -> Vec<Nanos> {
    let attempts = history.attempts.iter().filter(|one| one.refused.is_none());
    attempts.map(|one| one.end - one.call).collect()
}

async fn measured(args: MeasureArgs) -> Result<bool> {
    let promise = args.servers.promise();
    println!("lease {:?}, poll {:?}", promise.lease, promise.poll);
    let fleet = Arc::new(args.servers.start(Duration::ZERO).await?);
    match measure::all(&fleet, promise, args.members).await {
        Ok(()) => Ok(true),
        Err(error) => Err(Failure(format!("{error}; {}", keep(&fleet)))),
    }
}

fn limits(promise: Promise, slack: Duration) -> Limits {
    Limits {
        recovery: promise.recovery() + slack,
        following: FOLLOWING,
        acknowledgement: promise.wait() + slack,
    }
}

/// What each process holds in the end.
async fn tell_memory(fleet: &Fleet) {
    let held = fleet.memory().await;
    let held = held.iter().map(|(place, bytes)| {
        let mebibytes = bytes.div_ceil(1 << 20);
        format!("{place} {mebibytes} MiB")
    });
    println!("resident memory: {}", held.collect::<Vec<_>>().join(", "));
}

async fn tell_progress(run: &Run) {
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (asked, written) = run.progress();
        println!("{:>6.0} s: {asked} checks, {written} writes", seconds(run.watch.now()));
    }
}

/// Keeps the logs of servers and databases, and says where.
fn keep(fleet: &Fleet) -> String {
    format!("logs are kept in {}", fleet.keep().display())
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
