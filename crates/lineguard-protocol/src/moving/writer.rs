//! What the writer does, and who fences for it.

use super::Config;
use super::content::{Event, Path, Row};
use super::copies::{commit, is_second, returned};
use super::mutant::Mutant;
use super::state::{GREATEST, OWN, State, Writer};
use super::step::{Next, Step, places};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let with = |writer| State { writer, ..*state };
    match state.writer {
        Writer::Idle => begin(config, state, next),
        Writer::Committed { target } => {
            let mut to = with(Writer::Returned { target, age: 0 });
            returned(config, &mut to, |content| content.path.covers(target));
            next.push((Step::CommitReturns, to));
        }
        Writer::Returned { target, age } => {
            audience(config, state, target, age, next);
            // It knows of no row, so it waits for whatever row there may be.
            let longest = if config.lacks(Mutant::UnreadWaitsOwn) { OWN } else { GREATEST };
            acknowledge(config, state, age >= longest, Step::AcknowledgeWaited, next);
        }
        Writer::Waiting { target, age, listed } => {
            let heard = !listed || confirmed(config, state, target);
            let step = Step::AcknowledgeConfirmed { alone: !listed };
            acknowledge(config, state, heard, step, next);
            let over = listed && age >= wait(config, state);
            acknowledge(config, state, over, Step::AcknowledgeWaited, next);
        }
    }
    if state.writer != Writer::Idle {
        next.push((Step::Abandon, with(Writer::Idle)));
    }
    if config.fences {
        fence(config, state, next);
    }
}

fn begin(config: &Config, state: &State, next: &mut Vec<Next>) {
    let path = state.head.path;
    let second = state.seen.is_some();
    // There are nonces for two histories: if there are three, nothing is written in the middle one.
    let middle = second && state.promotions > 0;
    if path.len >= config.changes || middle || (config.formats && !state.head.format) {
        return;
    }
    let target = path.then(second);
    if let Some(to) = commit(config, state, Event::Change { second }) {
        next.push((Step::Commit(target), State { writer: Writer::Committed { target }, ..to }));
    }
}

/// The members are read in a snapshot that shows the change: whoever registers later sees it.
fn audience(config: &Config, state: &State, target: Path, age: u8, next: &mut Vec<Next>) {
    for (place, content) in places(state) {
        if !content.path.covers(target) && !config.lacks(Mutant::AudienceFromAnywhere) {
            continue;
        }
        let listed = content.row != Row::Absent && state.replica.incarnation.is_some();
        let writer = Writer::Waiting { target, age, listed };
        next.push((Step::Audience(place, listed), State { writer, ..*state }));
    }
}

/// A confirmation counts for the stamp that it names and for those known to be behind it.
fn confirmed(config: &Config, state: &State, target: Path) -> bool {
    state.replica.view.is_some_and(|view| {
        let counted = config.lacks(Mutant::ConfirmedByCounter) && view.len >= target.len;
        view.covers(target) || counted
    })
}

/// How long a lease may be of which the row says this.
pub(super) fn wait(config: &Config, state: &State) -> u8 {
    let stated = state.replica.incarnation.and_then(|incarnation| incarnation.stated);
    match stated {
        _ if config.lacks(Mutant::OwnLeaseWaited) => OWN,
        Some(length) => length,
        None if config.lacks(Mutant::UnstatedLeaseIgnored) => 0,
        None => GREATEST,
    }
}

/// A write of the second history waits in any case until no lease of the first can be left.
fn acknowledge(config: &Config, state: &State, may: bool, step: Step, next: &mut Vec<Next>) {
    let Some(target) = state.writer.target().filter(|_| may) else { return };
    let early = is_second(target) && state.seen.is_some_and(|seen| seen < GREATEST);
    if early && !config.lacks(Mutant::HistoryDoesNotWait) {
        return;
    }
    // What the present history has lost since says nothing about it.
    let acknowledged = if target.covers(state.acknowledged) { target } else { state.acknowledged };
    next.push((step, State { acknowledged, writer: Writer::Idle, ..*state }));
}

/// Fences whenever it likes. The row may go when as much time has passed as a lease may last.
fn fence(config: &Config, state: &State, next: &mut Vec<Next>) {
    match (state.head.row, state.fenced) {
        (Row::Live(_), _) => {
            if let Some(to) = commit(config, state, Event::Fence) {
                let fenced = Some(state.fenced.unwrap_or(0));
                next.push((Step::Fence, State { fenced, ..to }));
            }
        }
        (Row::Fenced, None) => {
            next.push((Step::SeeFenced, State { fenced: Some(0), ..*state }));
        }
        (Row::Fenced, Some(age)) if age >= wait(config, state) => {
            let to = commit(config, state, Event::Delete);
            next.extend(to.map(|to| (Step::DeleteFenced, State { fenced: None, ..to })));
        }
        _ => {}
    }
}
