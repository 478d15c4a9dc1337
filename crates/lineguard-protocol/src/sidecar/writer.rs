//! What the writer does, and who fences for it.

use super::Config;
use super::mutant::Mutant;
use super::state::{Row, State, View, WAIT, Writer};
use super::step::{Next, Step};

pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let open = state.database.closed.is_none();
    let with = |writer| State { writer, ..*state };
    match state.writer {
        Writer::Idle if open => {
            let mut to = with(Writer::Committed { age: 0 });
            to.database.present = View { changed: true, ..state.database.present };
            next.push((Step::Commit, to));
        }
        Writer::Committed { age } => {
            if open {
                let present = state.row != Row::Absent && !state.parent.confirmed;
                let former = state.former != Row::Absent;
                let step = Step::ReadMembers(present, former);
                next.push((step, with(Writer::Waiting { age, present, former })));
            }
            waited(state, age, next);
        }
        Writer::Waiting { age, present, former } => {
            let installed = config.lacks(Mutant::OwnReplicaCounted)
                && state.parent.view == Some(state.database.present);
            if !former && (!present || state.parent.confirmed || installed) {
                next.push((Step::AcknowledgeConfirmed, with(Writer::Acknowledged)));
            }
            waited(state, age, next);
        }
        Writer::Idle | Writer::Acknowledged => {}
    }
    if config.fences && open {
        fence(state, next);
    }
}

fn waited(state: &State, age: u8, next: &mut Vec<Next>) {
    if age >= WAIT {
        next.push((Step::AcknowledgeWaited, State { writer: Writer::Acknowledged, ..*state }));
    }
}

/// Fences whenever it likes, and deletes when it has waited. There is room for one row beside the
/// present one, so nobody is fenced again before the row of the last time is gone.
fn fence(state: &State, next: &mut Vec<Next>) {
    let fenced = Row::Fenced { age: 0 };
    match (state.row, state.former) {
        (_, Row::Live) => next.push((Step::Fence, State { former: fenced, ..*state })),
        (Row::Live, Row::Absent) => next.push((Step::Fence, State { row: fenced, ..*state })),
        _ => {}
    }
    let over = |row| matches!(row, Row::Fenced { age } if age >= WAIT);
    if over(state.row) {
        next.push((Step::DeleteFenced, without_row(state)));
    }
    if over(state.former) {
        next.push((Step::DeleteFenced, without_former(state)));
    }
}

/// Nobody waits for a row that is gone.
pub(super) fn without_row(state: &State) -> State {
    let mut to = State { row: Row::Absent, ..*state };
    if let Writer::Waiting { present, .. } = &mut to.writer {
        *present = false;
    }
    to
}

/// As [`without_row`], of the incarnation before.
pub(super) fn without_former(state: &State) -> State {
    let mut to = State { former: Row::Absent, ..*state };
    if let Writer::Waiting { former, .. } = &mut to.writer {
        *former = false;
    }
    to
}
