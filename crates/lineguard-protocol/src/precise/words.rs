//! What each step is called, so that a counterexample reads as a story.

use std::fmt;

use super::state::{Hand, Who};
use super::step::{Answer, Source, Step};

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "replica 1",
            Self::Second => "replica 2",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick => f.write_str("time passes: leases end, and writers stop waiting"),
            Self::Commit(change, revision) => write!(f, "{change} is committed as {revision}"),
            Self::Restore(backup, false) => write!(f, "the database is restored to {backup}"),
            Self::Restore(backup, true) => {
                write!(f, "the database is restored to {backup} and has lost the members' rows")
            }
            Self::Register(who) => write!(f, "{who} registers an incarnation"),
            Self::Poll(who, stamp, true) => write!(f, "{who} polls; the counter is {stamp}"),
            Self::Poll(who, stamp, false) => {
                write!(f, "{who} polls; the counter is {stamp} and its row is gone")
            }
            Self::AskChanges { who, now, .. } => {
                write!(f, "{who} asks for the rows; the counter is {now}")
            }
            Self::Install { who, from: None, to, .. } => {
                write!(f, "{who} installs {to}, its first")
            }
            Self::Install { who, from: Some(from), to, .. } => {
                write!(f, "{who} installs {to} after {from}, and confirms it")
            }
            Self::Renew(who, stamp) => write!(f, "{who} learns that {stamp} is still the newest"),
            Self::IgnoreLate(who, stamp) => write!(f, "{who} ignores a reply that says {stamp}"),
            Self::OtherHistory(who) => write!(f, "{who} sees another history and forgets all"),
            Self::LoseMembership(who) => write!(f, "{who} sees that it is no member"),
            Self::BeginEviction(who, part) => write!(f, "{who} begins to drop {part:?}'s record"),
            Self::EndEviction(who, part) => write!(f, "{who} has dropped {part:?}'s record"),
            Self::Call { who, floor, sight } => {
                write!(f, "a Check is called ({floor} is acknowledged); {who} is at {sight}")
            }
            Self::CallAndFetch { who, floor, snapshot, .. } => write!(
                f,
                "a Check is called ({floor} is acknowledged); {who} reads the database at \
                 {snapshot}"
            ),
            Self::TakeFlight { who, floor, snapshot } => write!(
                f,
                "a Check is called ({floor} is acknowledged); {who} takes what another Check read \
                 at {snapshot}"
            ),
            Self::Test { who, part, hand: Hand::Fit(entry) } => {
                write!(f, "{who} finds {part:?} good, stamped {}", entry.stamp)
            }
            Self::Test { who, part, hand: Hand::Passed(entry) } => {
                write!(f, "{who} finds {part:?}, stamped {}, no newer change", entry.stamp)
            }
            Self::Test { who, part, .. } => write!(f, "{who} does not find {part:?}"),
            Self::Fetch { who, snapshot, mixed: false } => {
                write!(f, "{who} reads the database at {snapshot}")
            }
            Self::Fetch { who, snapshot, mixed: true } => {
                write!(f, "{who} reads the database at {snapshot} for what is missing")
            }
            Self::LookAgain { who, snapshot, stored } => {
                let fate = if *stored { "stores" } else { "has no room for" };
                write!(f, "{who} {fate} what it read at {snapshot}; the Check begins anew")
            }
            Self::Answer(answer) => write!(f, "{answer}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Memory { .. } => "from memory",
            Source::Level2 { .. } => "from the second level",
            Source::Database { stored: true, .. } => "from what was read, which is stored,",
            Source::Database { stored: false, .. } => "from what was read",
        };
        write!(
            f,
            "the Check is answered {source} at {}, with A of {} and B of {}",
            self.stamp, self.contents.a, self.contents.b
        )
    }
}
