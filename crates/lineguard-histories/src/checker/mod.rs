//! Looks for what must not have happened in a recorded history.
//!
//! Every answer says which revision of its tenant it is of, and every register has one writer, so
//! no search is needed: all rules are comparisons of intervals, in O(n log n).
//!
//! | Rule | What must hold |
//! | --- | --- |
//! | [`Rule::Reflects`] | an answer shows a write that may be in force: the last one acknowledged before the call, or a later one called before the reply |
//! | [`Rule::Acknowledged`] | its revision is not below any that was acknowledged before the call, for the same tenant |
//! | [`Rule::OneRevision`] | it says what was so at exactly the revision that it carries |
//! | [`Rule::Future`] | its revision was made by a write called before the reply |
//! | [`Rule::Token`] | its revision is not below that of the token it was asked with |
//! | [`Rule::Backwards`] | one process never answers at a lower revision than it did before the call |
//! | [`Rule::Order`] | revisions of acknowledged writes are different and follow their order in time |
//! | [`Rule::Refused`] | no other errors than those of an outage, and none where there was no outage: a sidecar is excused by its parent, a server by no sidecar |
//! | [`Rule::Late`] | a write is acknowledged in time unless a server or PostgreSQL was disturbed, or the sidecar that passes it on |

mod answers;
mod outages;
mod processes;
#[cfg(test)]
mod tests;
mod writes;

use std::fmt;
use std::time::Duration;

use crate::clock::Nanos;
use crate::history::{History, Place};
use writes::Writes;

/// What may be violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// P1 by value.
    Reflects,
    /// P1 by revision.
    Acknowledged,
    /// P4: one answer, one revision.
    OneRevision,
    /// P1, the upper end.
    Future,
    /// P2.
    Token,
    /// P3.
    Backwards,
    /// Writes among themselves.
    Order,
    /// P5.
    Refused,
    /// The bound of an acknowledgement.
    Late,
}

/// Something that must not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Against which rule.
    pub rule: Rule,
    /// When it showed.
    pub at: Nanos,
    /// The events, for people.
    pub events: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.events)
    }
}

/// What the servers were configured to promise.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long after the end of a disturbance errors are still excused.
    pub recovery: Duration,
    /// How much longer on a sidecar, which follows anew when its parent is well.
    pub following: Duration,
    /// The longest that an acknowledgement may take.
    pub acknowledgement: Duration,
}

impl Limits {
    /// How long after the end of a disturbance errors are excused there.
    fn recovery_of(&self, place: Place) -> Duration {
        match place {
            Place::Server(_) => self.recovery,
            Place::Sidecar { .. } => self.recovery + self.following,
        }
    }
}

/// Everything that must not have happened in a history and did.
pub fn check(history: &History, limits: &Limits) -> Vec<Violation> {
    let mut found = Vec::new();
    let writes = Writes::of(history, &mut found);
    answers::check(history, &writes, &mut found);
    processes::check(history, &mut found);
    outages::check(history, limits, &mut found);
    found
}
