//! What the replica's poller does: membership, polls, the view, the lease, confirmations.

use super::{Next, Step};
use crate::Config;
use crate::mutant::Mutant;
use crate::state::{Audience, LEASE, Member, Poll, Replica, Revision, State};

/// The next steps of the poller, and of the database on its behalf.
pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    let replica = &state.replica;
    if !replica.registered {
        let to = with(state, Replica { registered: true, ..*replica });
        next.push((Step::Register, State { member: Member::Live, ..to }));
        return;
    }
    if replica.confirmed < replica.view {
        next.push(confirm(state, replica.view));
    }
    let mut in_flight = replica.polls.iter().filter(|poll| **poll != Poll::Idle).count();
    for (slot, poll) in replica.polls.into_iter().enumerate() {
        match poll {
            Poll::Idle => {
                if in_flight >= usize::from(config.polls) {
                    continue;
                }
                // Another free slot would do the same.
                in_flight = usize::from(config.polls);
                let to = with(state, put(replica, slot, Poll::Sent { age: 0 }));
                next.push((Step::SendPoll, to));
            }
            Poll::Sent { age } => {
                let live = state.member == Member::Live;
                let oldest = if config.lacks(Mutant::LaggingPoll) { 0 } else { state.revision };
                for revision in oldest..=state.revision {
                    let read = Poll::Read { age, revision, live };
                    let to = with(state, put(replica, slot, read));
                    next.push((Step::ReadPoll(revision, live), to));
                }
            }
            Poll::Read { age, revision, live } => {
                if config.lacks(Mutant::ConfirmBeforeInstall) && replica.confirmed < revision {
                    next.push(confirm(state, revision));
                }
                if live || config.lacks(Mutant::LeaseWithoutMembership) {
                    next.push(install(config, state, slot, age, revision));
                } else {
                    next.push((Step::LoseMembership, lose_membership(state)));
                }
            }
        }
    }
}

/// Takes a reply as the view, unless a newer one was faster.
///
/// A lease never becomes shorter: what an earlier reply allowed at an older view stays allowed at
/// a newer one.
fn install(config: &Config, state: &State, slot: usize, age: u8, revision: Revision) -> Next {
    let replica = put(&state.replica, slot, Poll::Idle);
    if revision < replica.view && !config.lacks(Mutant::ViewGoesBack) {
        return (Step::IgnoreLate(revision), with(state, replica));
    }
    let age = if config.lacks(Mutant::LeaseFromReply) { 0 } else { age };
    let lease_age = replica.lease_age.min(age);
    (Step::Install(revision), with(state, Replica { view: revision, lease_age, ..replica }))
}

/// A confirmation is a fact for good, wherever it is written down.
fn confirm(state: &State, revision: Revision) -> Next {
    let replica = Replica { confirmed: revision, ..state.replica };
    (Step::Confirm(revision), with(state, replica))
}

/// Ends the incarnation: no lease, no polls in flight, nothing confirmed.
///
/// Writers that wait for it have heard from it already or never will. Its row is taken to be gone
/// at once, which lets writers acknowledge earlier than they really could.
fn lose_membership(state: &State) -> State {
    let mut to = *state;
    for writer in &mut to.writers {
        if writer.audience == Audience::Present {
            // What it has installed it may have confirmed in a message that is still under way.
            let heard = state.replica.confirmed.max(state.replica.view);
            let committed = writer.target > 0;
            writer.audience =
                if committed && heard >= writer.target { Audience::Nobody } else { Audience::Gone };
        }
    }
    to.member = Member::Absent;
    to.replica.registered = false;
    to.replica.lease_age = LEASE;
    to.replica.confirmed = 0;
    to.replica.polls = [Poll::Idle; 2];
    to
}

fn with(state: &State, replica: Replica) -> State {
    State { replica, ..*state }
}

fn put(replica: &Replica, slot: usize, poll: Poll) -> Replica {
    let mut to = *replica;
    if let Some(place) = to.polls.get_mut(slot) {
        *place = poll;
    }
    to.polls.sort_unstable();
    to
}
