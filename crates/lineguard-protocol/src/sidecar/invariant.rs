//! What must hold.

use std::fmt;

use super::Config;
use super::state::{State, View, Writer};
use super::step::{Party, Step};

/// What a step broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Somebody answers from before a change that is in effect.
    Stale(Party),
    /// Somebody answers from a history that was lost in a restore.
    Lost(Party),
    /// The sidecar's view went back.
    ViewWentBack,
    /// The sidecar holds a lease, and its parent has no record of it.
    Unrecorded,
}

/// The promise: whoever holds a lease has a view of the present history that shows the change, if
/// anybody was told that it is in effect.
///
/// # Errors
///
/// If the step is an answer and breaks it.
pub fn fresh(state: &State, step: Step) -> Result<(), Violation> {
    let Step::Answer(party, view) = step else { return Ok(()) };
    let present = state.database.present;
    if view.is_lost_to(present) {
        return Err(Violation::Lost(party));
    }
    if state.writer == Writer::Acknowledged && !view.covers(present) {
        return Err(Violation::Stale(party));
    }
    Ok(())
}

/// What the promise rests on. It is asked of the whole protocol only.
///
/// # Errors
///
/// The first that does not hold after the step.
pub fn inner(config: &Config, before: &State, after: &State) -> Result<(), Violation> {
    if let (Some(View { restored, changed: true }), Some(view)) =
        (before.sidecar.view, after.sidecar.view)
        && view.restored == restored
        && !view.changed
    {
        return Err(Violation::ViewWentBack);
    }
    // Who died has forgotten its records; its row stays.
    let died = after.deaths < config.deaths;
    if after.sidecar.lease > 0 && after.parent.grant.is_none() && !died {
        return Err(Violation::Unrecorded);
    }
    Ok(())
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(party) => {
                write!(f, "{party} answered from before a change that had been acknowledged")
            }
            Self::Lost(party) => write!(f, "{party} answered from a history that is lost"),
            Self::ViewWentBack => f.write_str("the sidecar's view went back"),
            Self::Unrecorded => f.write_str("a sidecar's lease is on no record"),
        }
    }
}
