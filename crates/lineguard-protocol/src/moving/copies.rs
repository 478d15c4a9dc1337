//! What becomes of the copies of the database, and of what is committed on them.

use super::Config;
use super::content::{Content, Event, Log, Path};
use super::mutant::Mutant;
use super::state::{GREATEST, Role, State, Writer};
use super::step::{Next, Step, places};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    match state.role {
        Role::Standby => {
            replay(state, next);
            promote(config, state, next);
            if config.strays {
                next.push((Step::MakeWritable, State { role: Role::Stray, ..*state }));
            }
        }
        Role::Stray => replay(state, next),
        Role::Deposed => deposed(config, state, next),
    }
    if config.cuts {
        // The places that there are but the third copy itself.
        for (place, content) in places(state).take(2).filter(|(_, seen)| state.cut != Some(*seen)) {
            next.push((Step::CutOff(place), State { cut: Some(content), ..*state }));
        }
    }
    if config.arrivals {
        arrive(config, state, next);
    }
    if config.formats && !state.head.format {
        next.extend(commit(config, state, Event::Format).map(|to| (Step::RaiseFormat, to)));
    }
}

/// A transaction on the primary, which shows it at once. There is none while the standby is as far
/// behind as the configuration lets it be.
pub(super) fn commit(config: &Config, state: &State, event: Event) -> Option<State> {
    let mut to = *state;
    to.head = to.head.after(event);
    if state.role != Role::Deposed {
        if state.log.len() >= config.lag {
            return None;
        }
        to.log = to.log.with(event);
    }
    Some(to)
}

/// A commit returns that shows like this: it has reached the standby, if replication waits for
/// that, and so has everything before it.
pub(super) fn returned(config: &Config, to: &mut State, shows: impl Fn(&Content) -> bool) {
    if config.lossy || to.promotions == 0 || to.role == Role::Deposed {
        return;
    }
    let mut content = to.other;
    let mut reached = 0;
    for event in to.log.iter() {
        if shows(&content) {
            break;
        }
        content = content.after(event);
        reached += 1;
    }
    to.kept = to.kept.max(reached);
}

fn replay(state: &State, next: &mut Vec<Next>) {
    let mut events = state.log.iter();
    if let Some(event) = events.next() {
        let log = events.fold(Log::default(), Log::with);
        let other = state.other.after(event);
        let kept = state.kept.saturating_sub(1);
        next.push((Step::Replay, State { other, log, kept, ..*state }));
    }
}

/// The standby becomes the primary with what has reached it. That is everything that a commit has
/// returned for, unless the configuration is one that loses commits.
fn promote(config: &Config, state: &State, next: &mut Vec<Next>) {
    if state.promotions == 0 {
        return;
    }
    let behind = state.log.len();
    for reached in state.kept..=behind {
        let events = state.log.iter().take(usize::from(reached));
        let head = events.fold(state.other, Content::after);
        let mut to = State { head, other: state.head, role: Role::Deposed, ..*state };
        (to.log, to.kept, to.promotions) = (Log::default(), 0, state.promotions - 1);
        let known = state.seen.is_some() && config.lacks(Mutant::HistoryKnownByServer);
        to.seen = Some(if known { GREATEST } else { 0 });
        to.acknowledged = to.acknowledged.shared(head.path);
        to.arrival &= head.arrived;
        if !to.arrival {
            to.answer_fax();
        }
        if to.writer.target().is_some_and(|target| !head.path.covers(target)) {
            to.writer = Writer::Idle;
        }
        if !config.lacks(Mutant::FenceOutlivesHistory) {
            to.fenced = None;
        }
        next.push((Step::Promote { lost: behind - reached }, to));
    }
}

/// A deposed primary shows changes that are committed on it, until it is rebuilt as a standby.
/// After a second failover there are none, as there are nonces for two histories only.
fn deposed(config: &Config, state: &State, next: &mut Vec<Next>) {
    let path = state.other.path;
    let first = state.promotions + 1 == config.promotions;
    if first && path.len < config.changes {
        let path = path.then(false);
        let other = Content { path, ..state.other };
        next.push((Step::CommitAside(path), State { other, ..*state }));
    }
    let to = State { other: state.head, role: Role::Standby, ..*state };
    next.push((Step::Rejoin, to));
}

/// The writer of an arrival is answered when its COMMIT has returned: nobody has cached anything
/// that it outdates.
fn arrive(config: &Config, state: &State, next: &mut Vec<Next>) {
    if !state.head.arrived {
        next.extend(commit(config, state, Event::Arrive).map(|to| (Step::Arrive, to)));
    } else if !state.arrival {
        let mut to = State { arrival: true, ..*state };
        returned(config, &mut to, |content| content.arrived);
        next.push((Step::ArriveReturns, to));
    }
}

/// Everything that a path ends with is of the second history if its last change is.
pub(super) fn is_second(path: Path) -> bool {
    path.len > 0 && path.nonces >> (path.len - 1) & 1 == 1
}
