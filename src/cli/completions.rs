//! `lineguard completions`

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, Exit, Failure, print};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written to.
    pub fn run(self) -> Result<Exit, Failure> {
        // Into memory first: the generator panics if its reader goes away.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "lineguard", &mut script);
        print(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Ok)
    }
}
