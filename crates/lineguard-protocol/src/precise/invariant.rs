//! What must hold.

use std::fmt;

use super::Config;
use super::history::{Change, History, Line, Part, Revision, Stamp};
use super::state::State;
use super::step::{Answer, Step};

/// What is asked of each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// That an answer is what the database held at one revision, and recent enough.
    Fresh,
    /// That as well, and that a replica does not go back.
    Promise,
    /// That as well, and what it rests on inside a replica.
    Everything,
}

/// What a step broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A Check answered as the database was before a change that was in effect when the Check was
    /// called, or before a restore that was over by then.
    Stale {
        /// The highest revision acknowledged when it was called.
        floor: Revision,
    },
    /// A Check answered as the database never was.
    Mixed,
    /// A Check answered at a lower revision than this incarnation had before it was called.
    WentBack {
        /// The revision that it answered at.
        answered: Stamp,
        /// The one from before.
        told: Revision,
    },
    /// An answer is not what the database held at the stamp that the answer carries.
    LabelUntrue,
    /// An entry is not what the database held at the entry's stamp.
    EntryUntrue,
    /// A replica's view went back.
    ViewWentBack,
    /// A replica has a lease on a view from before a change that is in effect, or of a history
    /// that is lost.
    LeaseOnOldView,
    /// A replica saw another history where there is but one.
    FalseAlarm,
}

/// Asks of a step what the configuration wants to know.
///
/// What is inside a replica is asked of the whole protocol only. Asked of a mutant, it would end
/// the search before the missing rule has done any harm that a caller can see.
///
/// # Errors
///
/// What the step breaks.
pub fn judge(config: &Config, before: &State, step: Step, after: &State) -> Result<(), Violation> {
    if let Step::Answer(answer) = step {
        fresh(&before.history, &answer)?;
        if config.ask != Ask::Fresh && answer.stamp.counter < answer.caller.told {
            let (answered, told) = (answer.stamp, answer.caller.told);
            return Err(Violation::WentBack { answered, told });
        }
    }
    if config.ask == Ask::Everything { inner(step, after) } else { Ok(()) }
}

/// The promise: an answer is what the database held at one revision, at or above the highest one
/// that had been acknowledged when the Check was called. Whoever asked before a restore may be
/// answered as of either history.
fn fresh(history: &History, answer: &Answer) -> Result<(), Violation> {
    let caller = answer.caller;
    let among = |line, from: Revision, to: Revision| {
        (from..=to).any(|revision| history.contents(line, revision) == answer.contents)
    };
    let lost = among(Line::Original, caller.floor, history.original_end());
    let backup = history.backup.unwrap_or(0);
    let allowed = match (history.present(), caller.before_restore) {
        (Line::Original, _) => among(Line::Original, caller.floor, history.counter),
        (Line::Restored, true) => lost || among(Line::Restored, backup, history.counter),
        (Line::Restored, false) => among(Line::Restored, caller.floor, history.counter),
    };
    let ever = among(Line::Original, 0, history.original_end())
        || among(history.present(), 0, history.counter);
    match (allowed, ever) {
        (true, _) => Ok(()),
        (false, true) => Err(Violation::Stale { floor: caller.floor }),
        (false, false) => Err(Violation::Mixed),
    }
}

/// What the promise rests on inside a replica.
fn inner(step: Step, after: &State) -> Result<(), Violation> {
    let history = &after.history;
    match step {
        Step::Install { from: Some(from), to, .. } if to.counter < from.counter => {
            return Err(Violation::ViewWentBack);
        }
        Step::OtherHistory(_) if history.backup.is_none() && !unnamed(history) => {
            return Err(Violation::FalseAlarm);
        }
        Step::Answer(answer) if !history.true_at(answer.stamp, answer.contents) => {
            return Err(Violation::LabelUntrue);
        }
        _ => {}
    }
    for replica in &after.replicas {
        for part in Part::BOTH {
            let untrue = |stamp: Stamp, content| {
                history.content(History::line(stamp), stamp.counter, part) != content
            };
            if replica.entries.of(part).is_some_and(|entry| untrue(entry.stamp, entry.content)) {
                return Err(Violation::EntryUntrue);
            }
        }
        let old = |view: Stamp| {
            view.counter < after.acknowledged()
                || history.stamp(history.present(), view.counter) != view
        };
        if replica.lease && replica.view.is_none_or(old) {
            return Err(Violation::LeaseOnOldView);
        }
    }
    Ok(())
}

/// Whether a change was made without a row, which looks like another history to a replica whose
/// view is of that change.
fn unnamed(history: &History) -> bool {
    history.original.contains(&Some(Change::Unnamed))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { floor } => write!(
                f,
                "a Check was answered as the database was earlier, though {floor} had been \
                 acknowledged when it was called"
            ),
            Self::Mixed => f.write_str("a Check was answered as the database never was"),
            Self::WentBack { answered, told } => write!(
                f,
                "a Check was answered at {answered}, though {told} had been answered at before it \
                 was called"
            ),
            Self::LabelUntrue => f.write_str("an answer is not true at the stamp that it carries"),
            Self::EntryUntrue => f.write_str("an entry is not true at the stamp that it carries"),
            Self::ViewWentBack => f.write_str("a replica's view went back"),
            Self::LeaseOnOldView => f.write_str("a replica has a lease on a view that is too old"),
            Self::FalseAlarm => f.write_str("a replica saw another history where there is none"),
        }
    }
}
