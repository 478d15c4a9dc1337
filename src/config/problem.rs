//! What can be wrong with a configuration.

use std::fmt;

/// Everything that is wrong with a configuration, so that it can be put right in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// One mistake and where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The flag, the variable, or file, line and key.
    pub place: String,
    /// What is wrong there.
    pub mistake: Mistake,
}

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// No setting has this name.
    Unknown {
        /// The name that was probably meant.
        suggestion: Option<String>,
    },
    /// There was a setting of this name.
    Gone {
        /// Why it is no more.
        why: &'static str,
    },
    /// The value cannot be used.
    BadValue {
        /// The value; absent for secrets.
        value: Option<String>,
        /// What would do.
        expected: String,
    },
    /// A secret was given both as a value and as a file.
    Both {
        /// The other setting.
        other: String,
    },
    /// A password was given in a flag.
    PasswordInFlag,
    /// Two settings do not go together.
    Conflict {
        /// What stands here.
        value: String,
        /// The other setting.
        other: &'static str,
        /// What it is.
        with: String,
        /// The setting that the rule is about.
        key: &'static str,
        /// What must hold of it.
        rule: String,
    },
    /// A file could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// A file is not TOML.
    Malformed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid configuration")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.mistake)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { suggestion: None } => f.write_str("there is no such setting"),
            Self::Unknown { suggestion: Some(meant) } => {
                write!(f, "there is no such setting; did you mean `{meant}`?")
            }
            Self::Gone { why } => write!(f, "there is no such setting any more: {why}"),
            Self::BadValue { value: Some(value), expected } => {
                write!(f, "`{value}` is not {expected}")
            }
            Self::BadValue { value: None, expected } => write!(f, "the value is not {expected}"),
            Self::Both { other } => write!(f, "`{other}` is given as well; give one of them"),
            Self::PasswordInFlag => f.write_str(
                "a password in a flag is seen by everyone who lists processes; use the variable \
                 or the file for it",
            ),
            Self::Conflict { value, other, with, key, rule } => {
                write!(f, "`{value}` does not go with `{other}` ")?;
                match with.as_str() {
                    "" => f.write_str("(not set)")?,
                    with => write!(f, "(`{with}`)")?,
                }
                write!(f, ": {key}: {rule}")
            }
            Self::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
            Self::Malformed { reason } => write!(f, "is not TOML: {reason}"),
        }
    }
}

impl std::error::Error for Problems {}
