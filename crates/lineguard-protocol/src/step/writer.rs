//! What writers do.

use super::{Next, Step, Who};
use crate::Config;
use crate::mutant::Mutant;
use crate::state::{Audience, Member, State, Writer, WriterPhase};

/// The next steps of every writer.
pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    // Writers are alike, so their numbers tell who was first.
    let mut turn = true;
    for (index, writer) in (0..config.writers).zip(&state.writers) {
        let who = Who(index);
        let first_idle = turn && writer.phase == WriterPhase::Idle;
        turn &= !first_idle;
        match writer.phase {
            WriterPhase::Idle => {
                if first_idle && !state.locked() {
                    let open = Writer { phase: WriterPhase::Open, ..*writer };
                    next.push((Step::Begin(who), put(state, who, open)));
                }
            }
            WriterPhase::Open => open(config, state, who, writer, next),
            WriterPhase::Committed => {
                let to = if config.lacks(Mutant::AcknowledgeAtCommit) {
                    (Step::AcknowledgeAtOnce(who), acknowledge(state, who, writer.target))
                } else {
                    let waiting = Writer { phase: WriterPhase::Waiting, ..*writer };
                    (Step::CommitReturns(who), put(state, who, waiting))
                };
                next.push(to);
            }
            WriterPhase::Waiting => waiting(config, state, who, writer, next),
            WriterPhase::Acknowledged | WriterPhase::Dead => {}
        }
        // To die later is to do nothing more, which every writer may do anyway.
        if writer.phase == WriterPhase::Open {
            let dead = Writer { phase: WriterPhase::Dead, ..Writer::default() };
            next.push((Step::Die(who), put(state, who, dead)));
        }
    }
}

/// Commits a change or, if there is one already, finds that there is nothing to do.
fn open(config: &Config, state: &State, who: Who, writer: &Writer, next: &mut Vec<Next>) {
    if config.lacks(Mutant::MembersReadEarly) && writer.audience == Audience::Unread {
        next.push(read_members(config, state, who, writer));
        return;
    }
    let revision = state.revision + 1;
    let committed = Writer { phase: WriterPhase::Committed, target: revision, ..*writer };
    let to = State { revision, ..put(state, who, committed) };
    next.push((Step::Commit(who, revision), to));

    let found = state.revision;
    if found > 0 {
        let to = if config.lacks(Mutant::NoopAcknowledgedAtOnce) {
            acknowledge(state, who, found)
        } else {
            put(state, who, Writer { target: found, ..committed })
        };
        next.push((Step::CommitNoop(who, found), to));
    }
}

/// Waits for confirmations or for time, whichever comes first.
fn waiting(config: &Config, state: &State, who: Who, writer: &Writer, next: &mut Vec<Next>) {
    let heard = match writer.audience {
        Audience::Unread => {
            next.push(read_members(config, state, who, writer));
            false
        }
        Audience::Nobody => true,
        Audience::Present => state.replica.confirmed >= writer.target,
        Audience::Gone => false,
    };
    let acknowledged = acknowledge(state, who, writer.target);
    if heard {
        next.push((Step::AcknowledgeConfirmed(who, writer.audience), acknowledged));
    }
    if writer.age >= config.wait() {
        next.push((Step::AcknowledgeWaited(who), acknowledged));
    }
}

fn read_members(config: &Config, state: &State, who: Who, writer: &Writer) -> Next {
    let audience = match state.member {
        Member::Absent => Audience::Nobody,
        Member::Fenced { .. } if config.lacks(Mutant::FencedRowIgnored) => Audience::Nobody,
        Member::Live | Member::Fenced { .. } => Audience::Present,
    };
    (Step::ReadMembers(who, audience), put(state, who, Writer { audience, ..*writer }))
}

fn acknowledge(state: &State, who: Who, target: u8) -> State {
    let done = Writer { phase: WriterPhase::Acknowledged, ..Writer::default() };
    let to = put(state, who, done);
    State { acknowledged: to.acknowledged.max(target), ..to }
}

fn put(state: &State, who: Who, writer: Writer) -> State {
    let mut to = *state;
    if let Some(slot) = to.writers.get_mut(usize::from(who.0)) {
        *slot = writer;
    }
    to
}
