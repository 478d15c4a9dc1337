//! What happens without the replicas: time, changes, a restore.

use super::Config;
use super::history::{Change, Part};
use super::mutant::Mutant;
use super::records;
use super::state::{Check, Poll, Replica, State};
use super::step::{Next, Step};

/// The next steps of time and of the database.
pub(super) fn steps(config: &Config, state: &State, next: &mut Vec<Next>) {
    next.push((Step::Tick, tick(config, state)));
    if state.history.counter < config.commits {
        let named = [Change::Of(Part::A), Change::Of(Part::B), Change::Elsewhere];
        for change in named.into_iter().chain([Change::Unnamed]) {
            let modelled = match change {
                Change::Of(_) => true,
                Change::Elsewhere => config.elsewhere,
                Change::Unnamed => config.unnamed,
            };
            if modelled {
                let mut to = *state;
                to.history.commit(change);
                next.push((Step::Commit(change, to.history.counter), to));
            }
        }
    }
    if config.restore && state.history.backup.is_none() {
        restores(config, state, next);
    }
}

/// So much time passes that leases end which were asked for before, and that writers need not wait
/// for them any more.
///
/// A reply that is too old for a lease is ignored when it arrives; it might as well never arrive.
fn tick(config: &Config, state: &State) -> State {
    let mut to = *state;
    to.settled = to.history.counter;
    for replica in &mut to.replicas {
        replica.lease = false;
        // Nobody asks any more who was registered when these were committed, unless a backup that
        // was made then comes back.
        if !config.restore || to.history.backup.is_some() {
            replica.joined = 0;
        }
        for poll in &mut replica.polls {
            if let Poll::Counters { sent, .. } | Poll::Changes { sent, .. } = poll {
                sent.long_ago = true;
                if !config.lacks(Mutant::OldReplyInstalled) {
                    *poll = Poll::Idle;
                }
            }
        }
    }
    to
}

/// The database is closed, time passes, and it comes back as it was at some earlier revision.
///
/// A member's row is lost if it is from after the backup, by the counter or by chance. What comes
/// back counts as acknowledged:
/// whoever asks from now on wants to hear of nothing else.
fn restores(config: &Config, state: &State, next: &mut Vec<Next>) {
    let anybody = state.replicas.iter().any(|replica| replica.listed);
    for backup in 0..state.history.counter {
        for rows_lost in [false, true] {
            if rows_lost && !anybody {
                continue;
            }
            let mut to = tick(config, state);
            to.history.restore(backup);
            to.settled = backup;
            for replica in to.replicas.iter_mut().take(usize::from(config.replicas)) {
                replica.listed &= !rows_lost && replica.joined <= backup;
                replica.joined = 0;
                outlive(replica);
            }
            next.push((Step::Restore(backup, rows_lost), to));
        }
    }
}

/// What a restore changes of what Checks may answer: they may now answer as of the lost history
/// or as of the other, and revisions are not compared across the two.
fn outlive(replica: &mut Replica) {
    replica.told = 0;
    records::forgive(replica);
    for check in &mut replica.checks {
        if let Check::Looking { caller, .. } | Check::Fetched { caller, .. } = check {
            caller.before_restore = true;
        }
    }
}
