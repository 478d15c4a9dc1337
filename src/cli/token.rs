//! `lineguard token`

use clap::Args;

use super::{Exit, Failure, note, print};
use crate::access::token::{TokenHash, generate};

/// Make an API token: the token on standard output, what stands in the callers file beside it.
#[derive(Debug, Args)]
pub struct Token {}

impl Token {
    /// Prints a token that nobody has seen, and its hash.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub fn run(self) -> Result<Exit, Failure> {
        let token = generate().map_err(|_| Failure::new("the system gave no randomness"))?;
        let hash = TokenHash::of(&token).map(|hash| hash.hex()).unwrap_or_default();
        print(token)?;
        note(format_args!("for the callers file, below its `[[caller]]`:"));
        note(format_args!("  token = [{{ sha256 = \"{hash}\" }}]"));
        Ok(Exit::Ok)
    }
}
