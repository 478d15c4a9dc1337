//! What must hold.

use std::fmt;

use super::Config;
use super::content::Path;
use super::state::State;
use super::step::Step;

/// What a step broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// An answer does not show what had been acknowledged and is in the present history.
    Stale {
        /// What was acknowledged.
        acknowledged: Path,
        /// What the answer shows.
        shown: Path,
    },
    /// A fax is *not found* whose arrival had been acknowledged and is in the present history.
    Missing,
    /// An acknowledged change is not on the copy that was promoted.
    Lost,
    /// The view went back within an incarnation.
    ViewWentBack,
}

/// The promise: an answer shows everything that was acknowledged before it was asked for and that
/// is in the present history.
///
/// When the first acknowledgement of a new history has been given, this excludes every answer of
/// the one that was lost: it does not show that change.
///
/// # Errors
///
/// If the step is an answer and breaks it.
pub fn fresh(state: &State, step: Step) -> Result<(), Violation> {
    match step {
        Step::AnswerWarm(shown) | Step::AnswerCold(_, shown) => {
            let acknowledged = state.acknowledged;
            if shown.covers(acknowledged) {
                Ok(())
            } else {
                Err(Violation::Stale { acknowledged, shown })
            }
        }
        Step::AnswerFax(_, false) if state.asking => Err(Violation::Missing),
        _ => Ok(()),
    }
}

/// What the promise rests on. It is asked of the whole protocol only.
///
/// # Errors
///
/// The first that does not hold after the step.
pub fn inner(config: &Config, before: &State, after: &State) -> Result<(), Violation> {
    let kept = after.acknowledged.covers(before.acknowledged) && after.arrival >= before.arrival;
    if !config.lossy && !kept {
        return Err(Violation::Lost);
    }
    let (own, new) = (before.replica.view, after.replica.view);
    if let (Some(own), Some(new)) = (own, new)
        && !new.covers(own)
    {
        return Err(Violation::ViewWentBack);
    }
    Ok(())
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { acknowledged, shown } => write!(
                f,
                "an answer showed {shown}, though {acknowledged} had been acknowledged when it \
                 was asked for"
            ),
            Self::Missing => f.write_str("a fax was not found whose arrival had been acknowledged"),
            Self::Lost => f.write_str("an acknowledged commit was lost without a lossy failover"),
            Self::ViewWentBack => f.write_str("the view went back"),
        }
    }
}
