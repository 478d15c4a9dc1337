//! Every kind of write that the store takes, with a fault at every point of it, and a judge of what
//! was answered and what is there afterwards. See `docs/writes.md`.

#![expect(clippy::print_stdout, reason = "the figures of a run are its output")]

mod dump;
mod failure;
mod first;
mod judge;
mod points;
mod servers;
mod sqlite;
mod tally;
mod vfs;
mod writes;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use failure::{Doing as _, Result};
use tally::Tally;

/// Writes under faults of their database.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// An SQLite file: every call to the file system may fail
    Sqlite(SqliteArgs),
    /// A server that `tests/servers` made for this alone: at each statement it may be killed, cut
    /// off, held up or crashed
    Server(ServerArgs),
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// Which
    #[arg(value_enum)]
    kind: servers::private::Kind,
    /// The folder of `tests/servers start DIR`
    #[arg(long, value_name = "DIR")]
    servers: PathBuf,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Debug, Clone, Copy, Args)]
struct Extent {
    /// All random choices follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Points whose fault meets something
    #[arg(long, default_value_t = 500)]
    points: u64,
    /// Only the point of this number
    #[arg(long)]
    only: Option<u64>,
    /// The program is known to be broken: it is an error if nothing is found
    #[arg(long)]
    expect_violations: bool,
}

#[derive(Debug, Args)]
struct SqliteArgs {
    #[command(flatten)]
    extent: Extent,
    /// Where the files are made
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Sqlite(args) => on_sqlite(args).await,
        Task::Server(args) => on_server(args).await,
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

async fn on_sqlite(args: SqliteArgs) -> Result<bool> {
    let home = folder(args.folder)?;
    let tally = sqlite::run(home.path(), args.extent, |text| println!("{text}")).await?;
    println!("{tally}");
    Ok(as_expected(&tally, args.extent.expect_violations))
}

async fn on_server(args: ServerArgs) -> Result<bool> {
    let tell = |text: &str| println!("{text}");
    let tally = servers::run(&args.servers, args.kind, args.extent, tell).await?;
    println!("{tally}");
    Ok(as_expected(&tally, args.extent.expect_violations))
}

fn folder(below: Option<PathBuf>) -> Result<tempfile::TempDir> {
    let below = below.unwrap_or_else(|| {
        let memory = PathBuf::from("/dev/shm");
        if memory.is_dir() { memory } else { std::env::temp_dir() }
    });
    tempfile::Builder::new().prefix("lineguard-writes.").tempdir_in(below).doing("a folder")
}

fn as_expected(tally: &Tally, violations: bool) -> bool {
    match (tally.violations > 0, violations) {
        (found, expected) if found == expected => true,
        (true, _) => false,
        (false, _) => {
            println!("nothing was found, and the program is known to be broken");
            false
        }
    }
}
