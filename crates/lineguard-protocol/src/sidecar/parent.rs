//! What the parent does: its incarnation, its view, its lease, its grants, its confirmations.

use super::Config;
use super::mutant::Mutant;
use super::state::{Grant, LEASE, Life, Parent, Poll, Renewal, Row, State, View, Writer};
use super::step::{Next, Step, lives};
use super::writer::{without_former, without_row};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let open = state.database.closed.is_none();
    let parent = &state.parent;
    match parent.life {
        Life::Out if open && state.row == Row::Absent => {
            let mut to = State { row: Row::Live, ..*state };
            (to.parent.life, to.parent.confirmed) = (Life::In, false);
            next.push((Step::Register, to));
        }
        Life::In => registered(config, state, open, next),
        Life::Stopping
            if open && (parent.grant.is_none() || config.lacks(Mutant::RowDeletedAtStop)) =>
        {
            let mut to = without_row(state);
            to.parent.life = Life::Stopped;
            next.push((Step::DeleteOwn, to));
        }
        _ => {}
    }
    if open && parent.clears == Some(0) && parent.life != Life::Stopped {
        let mut to = without_former(state);
        to.parent.clears = None;
        next.push((Step::DeleteFormer, to));
    }
    if state.deaths > 0 && lives(state) && (state.former == Row::Absent || state.row == Row::Absent)
    {
        let mut to = leave_row(state);
        to.deaths -= 1;
        to.parent = Parent::default();
        to.sidecar.renewal = to.sidecar.renewal.filter(|renewal| !renewal.unrecorded);
        next.push((Step::Die, to));
    }
}

fn registered(config: &Config, state: &State, open: bool, next: &mut Vec<Next>) {
    let parent = &state.parent;
    match parent.poll {
        None if open => {
            let poll =
                Poll { age: 0, view: state.database.present, live: matches!(state.row, Row::Live) };
            next.push((
                Step::Poll(poll.view, poll.live),
                with(state, Parent { poll: Some(poll), ..*parent }),
            ));
        }
        None => {}
        Some(poll) => next.push(install(config, state, poll)),
    }
    if may_confirm(config, state) {
        next.push((Step::Confirm, with(state, Parent { confirmed: true, ..*parent })));
    }
    let stopping = Parent { life: Life::Stopping, view: None, lease: 0, poll: None, ..*parent };
    next.push((Step::Stop, with(state, stopping)));
}

fn install(config: &Config, state: &State, poll: Poll) -> Next {
    let parent = Parent { poll: None, ..state.parent };
    if poll.age >= LEASE {
        return (Step::IgnoreLate, with(state, parent));
    }
    if !poll.live {
        return (Step::LoseIncarnation, lose(config, state));
    }
    if parent.view.is_some_and(|view| view.is_lost_to(poll.view)) {
        let mut to = lose(config, state);
        to.parent.view = None;
        return (Step::NoticeRestore, to);
    }
    let lease = parent.lease.max(LEASE - poll.age);
    (Step::Install(poll.view), with(state, Parent { view: Some(poll.view), lease, ..parent }))
}

/// Drops the lease and the incarnation. Its row stays until its grants are over.
fn lose(config: &Config, state: &State) -> State {
    let mut to = leave_row(state);
    let outstanding = state.parent.grant.map_or(0, |grant| grant.left);
    let outstanding = if config.lacks(Mutant::RowDeletedWhenLost) { 0 } else { outstanding };
    if to.former != Row::Absent && state.row != Row::Absent {
        to.parent.clears = Some(outstanding);
    }
    (to.parent.life, to.parent.lease, to.parent.poll) = (Life::Out, 0, None);
    to
}

/// The present incarnation becomes the former one. Nobody waits for it if it has confirmed all
/// that there is.
fn leave_row(state: &State) -> State {
    let mut to = without_row(state);
    let waited = matches!(state.writer, Writer::Waiting { present: true, .. });
    if state.row != Row::Absent && !state.parent.confirmed {
        to.former = state.row;
        if let Writer::Waiting { former, .. } = &mut to.writer {
            *former |= waited;
        }
    }
    to.parent.confirmed = false;
    to
}

/// Before it confirms, everybody who may answer from an older view has to have the change.
fn may_confirm(config: &Config, state: &State) -> bool {
    let Parent { view: Some(view), confirmed: false, grant, .. } = state.parent else {
        return false;
    };
    let heard = grant.is_none_or(|grant| grant.base.covers(view));
    view.changed
        && view == state.database.present
        && (heard || config.lacks(Mutant::ConfirmsAtOnce))
}

/// Grants a lease on its view. The record and the look at the view are one step.
pub(super) fn renew(config: &Config, state: &State) -> Option<Next> {
    let Parent { life: Life::In, view: Some(view), lease, .. } = state.parent else { return None };
    if lease == 0 {
        return None;
    }
    let own = state.sidecar;
    let lost = own.view.is_some_and(|own| own.is_lost_to(view));
    if lost && !config.lacks(Mutant::OldViewKept) {
        let mut to = *state;
        (to.sidecar.view, to.sidecar.lease, to.parent.grant) = (None, 0, None);
        return Some((Step::DropView, to));
    }
    let granted = if config.lacks(Mutant::GrantsTooMuch) { LEASE } else { lease.min(LEASE) };
    let unrecorded = config.lacks(Mutant::RecordedLate);
    let mut to = *state;
    to.sidecar.renewal = Some(Renewal { age: 0, view, granted, unrecorded });
    if !unrecorded {
        keep_record(config, &mut to, view, granted);
    }
    Some((Step::Renew(granted), to))
}

/// The mutant's record of a grant.
pub(super) fn record(config: &Config, state: &State) -> Option<Next> {
    let renewal = state.sidecar.renewal?;
    let mut to = *state;
    to.sidecar.renewal = Some(Renewal { unrecorded: false, ..renewal });
    keep_record(config, &mut to, renewal.view, renewal.granted);
    Some((Step::Record, to))
}

/// A grant goes on from the one before while that is not over: nobody knows whether the reply
/// will arrive.
fn keep_record(config: &Config, to: &mut State, view: View, granted: u8) {
    let margin = if config.lacks(Mutant::OverTooEarly) { 0 } else { 1 };
    let left = granted + margin;
    let before = to.parent.grant.filter(|_| !config.lacks(Mutant::GrantTakenForConfirmation));
    to.parent.grant = Some(match before {
        Some(grant) => Grant { base: grant.base, left: grant.left.max(left) },
        None => Grant { base: view, left },
    });
}

/// What the sidecar has installed it never goes back behind.
pub(super) fn hear(state: &State) -> Option<Next> {
    let (view, grant) = (state.sidecar.view?, state.parent.grant?);
    if grant.base.covers(view) || grant.base.is_lost_to(view) {
        return None;
    }
    let grant = Some(Grant { base: view, ..grant });
    Some((Step::Hear(view), with(state, Parent { grant, ..state.parent })))
}

fn with(state: &State, parent: Parent) -> State {
    State { parent, ..*state }
}
