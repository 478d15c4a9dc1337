//! What a Check does.

use super::{Answer, Next, Step};
use crate::Config;
use crate::mutant::Mutant;
use crate::state::{Check, Replica, Revision, State};

/// The next steps of the Check in flight, and of the database on its behalf.
pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let replica = &state.replica;
    let mut push = |step, check| next.push((step, with(state, Replica { check, ..*replica })));
    match replica.check {
        Check::Idle => {
            let floor = state.acknowledged;
            push(Step::Call(floor), Check::Called { floor });
        }
        Check::Called { floor } => {
            if !replica.lease_over() || config.lacks(Mutant::NoLeaseCheck) {
                let key = replica.view;
                push(Step::TestLease(key), Check::Warm { floor, key });
            } else {
                push(Step::Refuse, Check::Idle);
                // The snapshot will be from after the call, so it needs no lease.
                push(Step::SendFill, Check::Filling { floor });
            }
        }
        Check::Warm { floor, key } => match replica.cached(key) {
            Some(revision) => {
                push(Step::AnswerWarm(answer(state, floor, revision)), Check::Idle);
            }
            None => push(Step::SendFill, Check::Filling { floor }),
        },
        Check::Filling { floor } => {
            let revision = state.revision;
            push(Step::ReadFill(revision), Check::Filled { floor, revision });
        }
        Check::Filled { floor, revision } => {
            let step = Step::AnswerCold(answer(state, floor, revision));
            next.push((step, with(state, store(config, replica, revision))));
        }
    }
}

/// Stores a decision under the revision of its snapshot, and makes a newer one the view.
fn store(config: &Config, replica: &Replica, revision: Revision) -> Replica {
    let mut to = Replica { check: Check::Idle, ..*replica };
    let label = if config.lacks(Mutant::FillLabelledWithView) { replica.view } else { revision };
    if let Some(entry) = to.cache.get_mut(usize::from(label)) {
        *entry = Some(revision);
    }
    if revision > to.view {
        to.view = revision;
        if config.lacks(Mutant::FillExtendsLease) && to.registered {
            to.lease_age = 0;
        }
    }
    to
}

fn answer(state: &State, floor: Revision, revision: Revision) -> Answer {
    Answer { revision, floor, committed: state.revision }
}

fn with(state: &State, replica: Replica) -> State {
    State { replica, ..*state }
}
