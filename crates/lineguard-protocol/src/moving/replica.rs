//! What the replica does: its incarnation, its beats, its polls.
//!
//! Its address may lead to another copy at any moment, and a pool may keep connections to where it
//! led before. So there is no address: each statement reaches whichever copy it likes.

use super::Config;
use super::content::{Beat, Content, Event, Path, Row};
use super::copies::{commit, returned};
use super::mutant::Mutant;
use super::state::{Flying, GREATEST, Incarnation, OVER, OWN, Replica, Role, State};
use super::step::{Effect, Next, Place, Step, places};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let Some(incarnation) = state.replica.incarnation else {
        register(config, state, next);
        return;
    };
    match state.replica.flying {
        None => {
            beat(config, state, next);
            aside(config, state, next);
        }
        Some(flying) => fly(config, state, flying, next),
    }
    match state.replica.poll {
        Some(reply) => {
            let (effect, to) = install(config, state, incarnation, reply);
            next.push((Step::Reply(effect), to));
        }
        None => poll(config, state, incarnation, next),
    }
    if config.lacks(Mutant::LeaseChangedInPlace) && incarnation.length < GREATEST {
        let mut to = *state;
        to.replica.incarnation = Some(Incarnation { length: GREATEST, ..incarnation });
        next.push((Step::ChangeLease, to));
    }
    let mut to = *state;
    to.start_again();
    next.push((Step::StartAgain, to));
}

/// A registration is a write on the primary. An older program's row says nothing of its lease.
fn register(config: &Config, state: &State, next: &mut Vec<Next>) {
    let usual = Incarnation { length: GREATEST, stated: Some(GREATEST) };
    let short = Incarnation { length: OWN, stated: Some(OWN) };
    let older = Incarnation { stated: None, ..usual };
    let kinds = if config.rolling { &[usual, short, older][..] } else { &[usual] };
    for incarnation in kinds {
        let Some(mut to) = commit(config, state, Event::Register) else { return };
        to.replica.incarnation = Some(*incarnation);
        next.push((Step::Register(*incarnation), to));
    }
}

/// A beat on the primary. It finds a row to raise, or the incarnation is over.
fn beat(config: &Config, state: &State, next: &mut Vec<Next>) {
    if state.head.beat().is_none() {
        let mut to = *state;
        to.end_incarnation();
        next.push((Step::LoseMembership, to));
        return;
    }
    let counts = config.lacks(Mutant::UnreturnedBeatCounts);
    let sent = if counts {
        Beat { age: 0, flying: false, asked: state.asking }
    } else {
        Beat { flying: true, ..Beat::NONE }
    };
    if let Some(mut to) = commit(config, state, Event::Beat(sent)) {
        to.replica.flying = Some(Flying { age: 0, asked: state.asking });
        next.push((Step::Beat(Place::Primary), to));
    }
}

/// A beat on the other copy: a standby refuses it, on a deposed primary it hangs, and on a standby
/// that was made writable it would return at once.
fn aside(config: &Config, state: &State, next: &mut Vec<Next>) {
    let Row::Live(own) = state.other.row else { return };
    let mut to = *state;
    let fresh = Beat { age: 0, flying: false, asked: state.asking };
    match state.role {
        Role::Deposed if config.deposed_returns => to.other.row = Row::Live(fresh),
        Role::Deposed => {
            let counts = config.lacks(Mutant::UnreturnedBeatCounts);
            let hanging = if counts { fresh } else { Beat { flying: true, ..own } };
            to.other.row = Row::Live(hanging);
            to.replica.flying = Some(Flying { age: 0, asked: state.asking });
        }
        Role::Stray if config.lacks(Mutant::RoleNotAsked) => to.other.row = Row::Live(fresh),
        Role::Stray | Role::Standby => return,
    }
    next.push((Step::Beat(Place::Other(state.role)), to));
}

/// The beat in flight returns, or its connection ends before that.
fn fly(config: &Config, state: &State, flying: Flying, next: &mut Vec<Next>) {
    if state.head.beat().is_some_and(|beat| beat.flying) {
        let mut to = *state;
        returned(config, &mut to, |content| content.beat().is_some_and(|beat| beat.flying));
        let age = if config.lacks(Mutant::LeaseFromBeatReply) { 0 } else { flying.age };
        to.each_beat(|beat| {
            if beat.flying {
                *beat = Beat { age, flying: false, asked: flying.asked };
            }
        });
        to.replica.flying = None;
        if config.lacks(Mutant::BeatNotAskedFor) {
            to.replica.last = age;
        }
        next.push((Step::BeatReturns, to));
    }
    let mut to = *state;
    to.replica.flying = None;
    // No later beat has its number, so it is of no use to anybody.
    let hung = to.other.row;
    to.forget(|event| matches!(event, Event::Beat(Beat { flying: true, .. })));
    to.each_beat(|beat| beat.flying = false);
    if config.lacks(Mutant::NumberUsedAgain) && state.role == Role::Deposed {
        to.other.row = hung;
    }
    next.push((Step::BeatEnds, to));
}

fn poll(config: &Config, state: &State, incarnation: Incarnation, next: &mut Vec<Next>) {
    if config.lacks(Mutant::BeatAndRowsApart) {
        for ((first, shown), (second, rows)) in pairs(state) {
            let reply = Content { path: rows.path, ..shown };
            let (effect, to) = install(config, state, incarnation, reply);
            next.push((Step::PollTwice(first, second, effect), to));
        }
        return;
    }
    for (place, content) in places(state) {
        if config.late {
            let reply = Content { arrived: false, ..content };
            let mut to = *state;
            to.replica.poll = Some(reply);
            next.push((Step::Poll(place, content.path), to));
        } else {
            let (effect, to) = install(config, state, incarnation, content);
            next.push((Step::PollAtOnce(place, effect), to));
        }
    }
}

/// Where the two statements of a poll may be read.
fn pairs(state: &State) -> impl Iterator<Item = ((Place, Content), (Place, Content))> + use<> {
    let state = *state;
    places(&state).flat_map(move |first| places(&state).map(move |second| (first, second)))
}

/// What a reply brings. A lease is counted from the sending of the newest returned beat that the
/// snapshot shows.
fn install(
    config: &Config,
    state: &State,
    incarnation: Incarnation,
    reply: Content,
) -> (Effect, State) {
    let mut to = *state;
    to.replica.poll = None;
    let Some(beat) = reply.beat() else { return (Effect::Ignored, to) };
    let age = match config.mutant {
        Some(Mutant::RenewedWithoutBeat) => 0,
        Some(Mutant::BeatNotAskedFor) => state.replica.last,
        _ => beat.age,
    };
    if age >= incarnation.length.min(OVER) {
        return (Effect::Ignored, to);
    }
    let view = state.replica.view.unwrap_or(reply.path);
    if !view.covers(reply.path) && !reply.path.covers(view) {
        to.start_again();
        return (Effect::OtherHistory, to);
    }
    if reply.format && !config.lacks(Mutant::UnknownMappingSkipped) && !config.tolerant {
        (to.replica.view, to.replica.lease) = (None, 0);
        return (Effect::UnknownFormat, to);
    }
    let newest = if reply.path.covers(view) { reply.path } else { view };
    let lease = to.replica.lease.max(incarnation.length - age);
    let basis = basis(config, &state.replica, newest, reply.format);
    to.replica = Replica { view: Some(newest), basis, lease, ..to.replica };
    (Effect::Installed(newest), to)
}

/// What answers from memory show. A change whose mapping is unknown outdates everything.
fn basis(config: &Config, own: &Replica, view: Path, unknown: bool) -> Path {
    let skips = config.lacks(Mutant::UnknownMappingSkipped) && unknown;
    if skips && own.view.is_some() { own.basis } else { view }
}
