//! What a replica's poller does: membership, polls in two statements, the view, another history.

use super::Config;
use super::history::{Change, History, Part, Stamp};
use super::mutant::Mutant;
use super::records;
use super::state::{Poll, Replica, Sent, State, Who};
use super::step::{Next, Step};

/// What a reply means for a replica.
enum Verdict {
    /// Nothing is known to compare it with.
    First,
    /// The view is still the newest.
    Same,
    /// There are changes after the view.
    Newer,
    /// The poll was overtaken.
    Late,
    /// The view is of a history that the database does not have.
    OtherHistory,
    /// Nothing. Mutants only.
    Blind,
}

/// The next steps of a replica's poller, and of the database on its behalf.
pub(super) fn steps(config: &Config, state: &State, who: Who, next: &mut Vec<Next>) {
    let replica = state.replica(who);
    if !replica.registered {
        let joined = state.history.counter;
        let to = Replica { registered: true, listed: true, joined, ..*replica };
        next.push((Step::Register(who), state.with(who, to)));
        return;
    }
    let polls = usize::from(config.polls);
    let mut may_send = true;
    for (slot, poll) in replica.polls.into_iter().enumerate().take(polls) {
        match poll {
            Poll::Idle => {
                // Another free slot would do the same.
                if may_send {
                    next.push(send(state, who, slot));
                }
                may_send = false;
            }
            Poll::Counters { stamp, live, sent } => {
                next.extend(counters(config, state, who, slot, stamp, live, sent));
            }
            Poll::Changes { stamp, sent } => {
                next.push(changes(config, state, who, slot, stamp, sent));
            }
        }
    }
    if config.evict {
        evictions(config, state, who, next);
    }
}

/// Sends a poll's first statement, and the database reads.
fn send(state: &State, who: Who, slot: usize) -> Next {
    let mut to = *state.replica(who);
    let (stamp, live) = (state.history.now(), to.listed);
    place(&mut to, slot, Poll::Counters { stamp, live, sent: Sent::default() });
    (Step::Poll(who, stamp, live), state.with(who, to))
}

/// The first statement's reply arrives.
fn counters(
    config: &Config,
    state: &State,
    who: Who,
    slot: usize,
    stamp: Stamp,
    live: bool,
    sent: Sent,
) -> Vec<Next> {
    let mut to = *state.replica(who);
    place(&mut to, slot, Poll::Idle);
    if !live {
        records::leave(&mut to);
        return vec![(Step::LoseMembership(who), state.with(who, to))];
    }
    let ask = |mut to: Replica| {
        let now = state.history.now();
        place(&mut to, slot, Poll::Changes { stamp: now, sent });
        (Step::AskChanges { who, shown: stamp, now }, state.with(who, to))
    };
    match verdict(config, &state.history, &to, stamp, sent, false) {
        Verdict::Newer => vec![ask(to)],
        Verdict::First => {
            // It may do with the counter, or ask for rows in order to know of older stamps too.
            let asked = ask(to);
            records::install_bare(config, &mut to, stamp);
            installed(&mut to, sent);
            let bare = Step::Install { who, from: None, to: stamp, gap: false };
            vec![(bare, state.with(who, to)), asked]
        }
        other => vec![conclude(config, state, who, to, stamp, sent, &other)],
    }
}

/// The second statement's reply arrives.
fn changes(
    config: &Config,
    state: &State,
    who: Who,
    slot: usize,
    stamp: Stamp,
    sent: Sent,
) -> Next {
    let mut to = *state.replica(who);
    place(&mut to, slot, Poll::Idle);
    match verdict(config, &state.history, &to, stamp, sent, true) {
        Verdict::First | Verdict::Newer => {
            let from = to.view;
            let gap = records::install(config, &state.history, &mut to, stamp);
            installed(&mut to, sent);
            (Step::Install { who, from, to: stamp, gap }, state.with(who, to))
        }
        other => conclude(config, state, who, to, stamp, sent, &other),
    }
}

/// Compares a reply with the view as it is when the reply arrives. The rows, if they were asked
/// for, begin with the view's own, whose nonce tells whether this is still the same history.
fn verdict(
    config: &Config,
    history: &History,
    replica: &Replica,
    stamp: Stamp,
    sent: Sent,
    rows: bool,
) -> Verdict {
    let Some(view) = replica.view else { return Verdict::First };
    let blind = config.lacks(Mutant::RestoreUnnoticed);
    if stamp.counter < view.counter {
        return match sent.before_view {
            true => Verdict::Late,
            false if blind => Verdict::Blind,
            false => Verdict::OtherHistory,
        };
    }
    if stamp.counter == view.counter {
        return if stamp == view || blind { Verdict::Same } else { Verdict::OtherHistory };
    }
    let line = History::line(stamp);
    let has_row = history.change(line, view.counter) != Some(Change::Unnamed);
    let same_row = has_row && history.stamp(line, view.counter) == view;
    if same_row || blind || !rows { Verdict::Newer } else { Verdict::OtherHistory }
}

/// Does what a reply means that brings no newer view.
fn conclude(
    config: &Config,
    state: &State,
    who: Who,
    mut to: Replica,
    stamp: Stamp,
    sent: Sent,
    verdict: &Verdict,
) -> Next {
    let step = match verdict {
        Verdict::Late if config.lacks(Mutant::ViewGoesBack) => {
            let from = to.view;
            records::install_blindly(&mut to, stamp);
            installed(&mut to, sent);
            Step::Install { who, from, to: stamp, gap: false }
        }
        Verdict::OtherHistory => {
            records::forget(config, &mut to);
            Step::OtherHistory(who)
        }
        Verdict::Same => {
            to.lease |= !sent.long_ago;
            to.confirmed = to.confirmed.max(stamp.counter);
            Step::Renew(who, stamp)
        }
        Verdict::First | Verdict::Newer | Verdict::Late | Verdict::Blind => {
            Step::IgnoreLate(who, stamp)
        }
    };
    (step, state.with(who, to))
}

/// What goes with a new view: a lease if the poll was sent lately, and polls that were overtaken.
/// A lease never becomes shorter.
fn installed(replica: &mut Replica, sent: Sent) {
    replica.lease |= !sent.long_ago;
    for poll in &mut replica.polls {
        if let Poll::Counters { sent, .. } | Poll::Changes { sent, .. } = poll {
            sent.before_view = true;
        }
    }
}

fn place(replica: &mut Replica, slot: usize, poll: Poll) {
    if let Some(place) = replica.polls.get_mut(slot) {
        *place = poll;
    }
}

/// Drops a record for want of room, in two steps.
fn evictions(config: &Config, state: &State, who: Who, next: &mut Vec<Next>) {
    let replica = state.replica(who);
    if let Some(eviction) = replica.eviction {
        let mut to = *replica;
        records::end_eviction(config, &mut to, eviction);
        next.push((Step::EndEviction(who, eviction.part), state.with(who, to)));
        return;
    }
    for part in Part::BOTH {
        if *replica.newest.of(part) > 0 {
            let mut to = *replica;
            records::begin_eviction(config, &mut to, part);
            next.push((Step::BeginEviction(who, part), state.with(who, to)));
        }
    }
}
