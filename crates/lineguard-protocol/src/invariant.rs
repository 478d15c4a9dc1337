//! What must hold.

use std::fmt;

use crate::state::{Revision, State};
use crate::step::Step;

/// What a step broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A Check answered from before a change that was in effect when the Check was called.
    Stale {
        /// The revision that the decision was made from.
        answered: Revision,
        /// The revision that had been acknowledged.
        acknowledged: Revision,
    },
    /// The replica's view went back within one incarnation.
    ViewWentBack,
    /// The replica confirmed what it had not installed.
    ConfirmedUninstalled,
    /// A stored decision was made from another revision than its label says.
    WrongLabel,
    /// A Check answered from a revision that was never committed.
    FromTheFuture,
}

/// The promise: a Check that answers uses a revision at or above the highest one that had been
/// acknowledged when it was called.
///
/// # Errors
///
/// [`Violation::Stale`] if the step is an answer and breaks it.
pub fn fresh(step: Step) -> Result<(), Violation> {
    match step {
        Step::AnswerWarm(answer) | Step::AnswerCold(answer) if answer.revision < answer.floor => {
            Err(Violation::Stale { answered: answer.revision, acknowledged: answer.floor })
        }
        _ => Ok(()),
    }
}

/// What the promise rests on inside the replica.
///
/// It is asked of the whole protocol only. Asked of a mutant, it would end the search before the
/// missing rule has done any harm that a caller can see.
///
/// # Errors
///
/// The first that does not hold after the step.
pub fn inner(before: &State, step: Step, after: &State) -> Result<(), Violation> {
    let replica = &after.replica;
    if replica.view < before.replica.view {
        return Err(Violation::ViewWentBack);
    }
    if replica.confirmed > replica.view {
        return Err(Violation::ConfirmedUninstalled);
    }
    for (label, source) in (0..).zip(replica.cache) {
        if source.is_some_and(|revision| revision != label) {
            return Err(Violation::WrongLabel);
        }
    }
    match step {
        Step::AnswerWarm(answer) | Step::AnswerCold(answer)
            if answer.revision > answer.committed =>
        {
            Err(Violation::FromTheFuture)
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { answered, acknowledged } => write!(
                f,
                "a Check answered from revision {answered}, though {acknowledged} had been \
                 acknowledged when it was called"
            ),
            Self::ViewWentBack => f.write_str("the replica's view went back"),
            Self::ConfirmedUninstalled => {
                f.write_str("the replica confirmed a revision that it had not installed")
            }
            Self::WrongLabel => {
                f.write_str("a decision was stored under a revision that it was not made from")
            }
            Self::FromTheFuture => {
                f.write_str("a Check answered from a revision that was never committed")
            }
        }
    }
}
