//! The command line.
//!
//! One module for each command, with its arguments and what it does. Results go to standard
//! output, everything else to standard error.

mod auto_assign;
mod caller_id;
mod check;
mod client;
mod completions;
mod config;
mod export;
mod facts;
mod healthcheck;
mod import;
mod list_faxes;
mod migrate;
mod models;
mod outcome;
mod paint;
mod permissions;
mod serve;
mod sidecar;
mod status;
mod target;
mod token;
mod version;
mod vocabulary;
mod who;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Config, Sources};

use outcome::note;
pub use outcome::{Exit, Failure, print, report};
pub use target::Target;

/// Authorization for fax, voice and messaging
#[derive(Debug, Parser)]
#[command(name = "lineguard", version, max_term_width = 100, after_help = outcome::EXIT_CODES)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer questions over gRPC
    Serve(serve::Serve),
    /// Answer questions beside the program that asks them, without a database
    Sidecar(sidecar::Sidecar),
    /// Bring the schema of the store up to date
    Migrate(migrate::Migrate),
    /// Bring tenants into a server, or into a store that no server holds
    Import(Box<import::Import>),
    /// Write a tenant of a server as a world file
    Export(export::Export),
    /// Check, show and compare product models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// List what questions are about: types of resources, their facts and actions
    Vocabulary(vocabulary::Vocabulary),
    /// Ask whether someone may do something
    Check(Box<check::Check>),
    /// List the faxes that someone may see, newest first
    ListFaxes(Box<list_faxes::ListFaxes>),
    /// Ask which number someone may present
    CallerId(caller_id::CallerId),
    /// Ask who receives a fax that arrives on a number
    AutoAssign(auto_assign::AutoAssign),
    /// Show what a member holds, and where it comes from
    Permissions(permissions::Permissions),
    /// Show how a replica is doing: its lease, its caches, and who else there is
    Status(status::Status),
    /// Check the configuration, or show what holds
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask a server whether it is serving
    Healthcheck(healthcheck::Healthcheck),
    /// Make an API token for a caller; the callers file keeps only its hash
    Token(token::Token),
    /// Print the version
    Version(version::Version),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// The sources of configuration, for commands that open a store or serve.
    pub fn sources(&self) -> Option<Sources> {
        match self {
            Self::Serve(command) => Some(command.flags.sources()),
            Self::Sidecar(command) => Some(command.flags.sources()),
            Self::Migrate(command) => Some(command.flags.sources()),
            Self::Import(command) if command.offline => Some(command.flags.sources()),
            _ => None,
        }
    }

    /// Does it. `config` comes from [`Command::sources`].
    ///
    /// # Errors
    ///
    /// [`Failure`], with the exit code it comes to.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        match self {
            Self::Serve(command) => command.run(config).await,
            Self::Sidecar(command) => command.run(config).await,
            Self::Migrate(command) => command.run(config).await,
            Self::Import(command) => command.run(config).await,
            Self::Export(command) => command.run().await,
            Self::Models(command) => command.run().await,
            Self::Vocabulary(command) => command.run(),
            Self::Check(command) => command.run().await,
            Self::ListFaxes(command) => command.run().await,
            Self::CallerId(command) => command.run().await,
            Self::AutoAssign(command) => command.run().await,
            Self::Permissions(command) => command.run().await,
            Self::Status(command) => command.run().await,
            Self::Config(command) => command.run(),
            Self::Healthcheck(command) => command.run().await,
            Self::Token(command) => command.run(),
            Self::Version(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

/// The configuration of commands that need none: warnings only, in between their results.
pub fn without_server() -> Config {
    let mut config = Config::default();
    config.log.level = "warn".to_owned();
    config
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_text_can_be_printed() {
        fn walk(mut command: clap::Command) {
            assert!(!command.render_long_help().to_string().is_empty());
            for inner in command.get_subcommands().cloned().collect::<Vec<_>>() {
                walk(inner);
            }
        }
        walk(Cli::command());
    }

    #[test]
    fn flags_reach_the_configuration() {
        let cli = Cli::parse_from([
            "lineguard",
            "serve",
            "--listen=127.0.0.1:0,unix:/run/a.sock",
            "--listen",
            "[::1]:0",
            "--drain-grace=3s",
        ]);
        let mut sources = cli.command.sources().unwrap();
        sources.environment.clear();
        let config = Config::load(&sources).unwrap();
        assert_eq!(config.listen.len(), 3);
        assert_eq!(config.drain.grace, std::time::Duration::from_secs(3));
    }
}
