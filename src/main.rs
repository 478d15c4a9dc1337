//! Arguments, configuration, telemetry, the command, and an orderly end.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lineguard::cli::{self, Cli, Exit, Failure};
use lineguard::config::Config;
use lineguard::telemetry;

fn main() -> ExitCode {
    let outcome = run(Cli::parse());
    cli::report(outcome)
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let config = match cli.command.sources() {
        Some(sources) => Config::load(&sources)?,
        None => cli::without_server(),
    };
    let telemetry = telemetry::start(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(cli.command.run(&config));
    // Connections that would not close must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry.flush();
    outcome
}
