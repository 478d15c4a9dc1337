//! Questions, and what they are answered from. Each answer leaves everything as it is and is
//! possible at any moment, so a state is asked for all that could be said in it.

use super::Config;
use super::content::{Content, Path};
use super::mutant::Mutant;
use super::state::{GREATEST, State};
use super::step::{Next, Step, places};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let replica = &state.replica;
    let leased = replica.view.filter(|_| replica.lease > 0);
    if leased.is_some() {
        next.push((Step::AnswerWarm(replica.basis), *state));
    }
    for (place, content) in places(state) {
        let cold = match leased {
            Some(view) => fits(config, view, content.path),
            None => config.lacks(Mutant::ColdWithoutLease),
        };
        if cold {
            next.push((Step::AnswerCold(place, content.path), *state));
        }
    }
    if config.arrivals {
        faxes(config, state, leased, next);
    }
}

/// The test of a snapshot's stamp against the view: it shows the row of the view's own revision.
fn fits(config: &Config, view: Path, snapshot: Path) -> bool {
    let above = config.lacks(Mutant::AboveViewUnasked) && snapshot.len > view.len;
    snapshot.covers(view) || above
}

/// Is the fax there? No counter says so, so the snapshot has to show a beat that was sent after
/// the question had arrived.
fn faxes(config: &Config, state: &State, leased: Option<Path>, next: &mut Vec<Next>) {
    if state.arrival && !state.asking {
        next.push((Step::Ask, State { asking: true, ..*state }));
    }
    let Some(view) = leased.filter(|_| state.asking) else { return };
    for (place, content) in places(state) {
        if fits(config, view, content.path) && shows_all(config, state, content) {
            let mut to = *state;
            to.answer_fax();
            next.push((Step::AnswerFax(place, content.arrived), to));
        }
    }
}

fn shows_all(config: &Config, state: &State, content: Content) -> bool {
    let beat = content.beat();
    match config.mutant {
        Some(Mutant::AbsentWithoutBeat) => true,
        Some(Mutant::AbsentByLeaseBeat) => {
            let leased = GREATEST - state.replica.lease;
            beat.is_some_and(|beat| beat.age <= leased)
        }
        _ => beat.is_some_and(|beat| beat.asked),
    }
}
