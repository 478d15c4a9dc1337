//! How a command ends.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::Problems;
use crate::doors::DoorsError;
use crate::models::folder::FolderError;
use crate::open::OpenError;
use crate::server::ServeError;
use crate::server::listen::BindError;
use crate::sidecar::SidecarError;
use crate::telemetry::collector::CollectorError;

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; also after a signal and a clean drain.
    Ok = 0,
    /// Something failed at run time.
    Runtime = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The configuration is invalid.
    Configuration = 3,
    /// The store cannot be used as it is; for commands that do not wait also: it cannot be reached,
    /// is held by another process, or has an older schema.
    Store = 4,
    /// An address cannot be bound.
    Bind = 5,
    /// The server is not serving.
    NotServing = 6,
    /// The answer is no: to a check, to the number that was asked for, to a list from this account.
    Denied = 7,
}

/// For the end of `--help`.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 invalid \
    configuration, 4 store unusable, or away and not waited for, 5 address cannot be bound, \
    6 not serving, 7 denied; a second signal while stopping ends with 128 and its number.";

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to tell the person.
    pub message: String,
}

impl Failure {
    /// A failure at run time.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::with(Exit::Runtime, message)
    }

    /// A failure with its own exit code.
    pub fn with(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::with(Exit::Configuration, problems)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = match error {
            OpenError::Store(_) | OpenError::BadKey => Exit::Store,
            OpenError::NoRandomness => Exit::Runtime,
            OpenError::Models(_)
            | OpenError::Freshness(_)
            | OpenError::Metrics(_)
            | OpenError::Redis(_)
            | OpenError::Collector(_) => Exit::Configuration,
        };
        Self::with(exit, error)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::with(Exit::Configuration, error)
    }
}

impl From<DoorsError> for Failure {
    fn from(error: DoorsError) -> Self {
        Self::with(Exit::Configuration, error)
    }
}

impl From<CollectorError> for Failure {
    fn from(error: CollectorError) -> Self {
        Self::with(Exit::Configuration, error)
    }
}

impl From<SidecarError> for Failure {
    fn from(error: SidecarError) -> Self {
        Self::with(Exit::Configuration, error)
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::with(Exit::Bind, error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

/// Tells the person what went wrong and turns the outcome into an exit code.
pub fn report(outcome: Result<Exit, Failure>) -> ExitCode {
    let exit = outcome.unwrap_or_else(|failure| {
        // If standard error is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "error: {}", failure.message);
        failure.exit
    });
    ExitCode::from(exit as u8)
}

/// Says something that is not the result.
pub(super) fn note(text: impl fmt::Display) {
    // If standard error is gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a result. A reader that has seen enough and went away is not an error.
///
/// # Errors
///
/// If standard output cannot be written to.
pub fn print(text: impl fmt::Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(error)),
        _ => Ok(()),
    }
}
