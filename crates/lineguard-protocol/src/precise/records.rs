//! What a replica knows of changes, and what it follows from that for an entry.

use super::Config;
use super::history::{Change, History, Part, Revision, Stamp};
use super::mutant::Mutant;
use super::state::{Check, Entry, Eviction, Poll, Replica};

/// Whether an entry is good at a view that a Check has loaded.
///
/// The order matters where records are dropped meanwhile: the record first, then the floor. An
/// eviction raises the floor before it drops the record, so one of the two tests notices.
pub(super) fn fits(
    config: &Config,
    replica: &Replica,
    sight: Stamp,
    part: Part,
    stamp: Stamp,
) -> bool {
    passes_record(replica, part, stamp) && passes_floor(config, replica, sight, stamp)
}

/// Whether no newer change of the part is on record.
pub(super) fn passes_record(replica: &Replica, part: Part, stamp: Stamp) -> bool {
    *replica.newest.of(part) <= stamp.counter
}

/// Whether the stamp is one of the view's own history, and not from before what is on record.
pub(super) fn passes_floor(config: &Config, replica: &Replica, sight: Stamp, stamp: Stamp) -> bool {
    let counter = stamp.counter;
    let known = if config.lacks(Mutant::NonceIgnored) {
        counter <= sight.counter
    } else if counter == sight.counter {
        stamp == sight
    } else {
        counter < sight.counter && (config.lacks(Mutant::NoFirstFloor) || knows(replica, stamp))
    };
    known && replica.floor <= counter
}

/// Whether a row with exactly this stamp was read. Revision 0 was the same in every history.
fn knows(replica: &Replica, stamp: Stamp) -> bool {
    match stamp.counter.checked_sub(1) {
        None => true,
        Some(place) => {
            replica.known.get(usize::from(place)).copied().flatten() == Some(stamp.redrawn)
        }
    }
}

/// Makes a stamp the view. The rows that lead there are on record already.
fn advance(replica: &mut Replica, stamp: Stamp) {
    replica.view = Some(stamp);
    replica.confirmed = replica.confirmed.max(stamp.counter);
    settle(replica);
}

/// Keeps a stamp that a row or a counter told of.
fn learn(replica: &mut Replica, stamp: Stamp) {
    if let Some(place) = stamp.counter.checked_sub(1)
        && let Some(known) = replica.known.get_mut(usize::from(place))
    {
        *known = Some(stamp.redrawn);
    }
}

/// Forgets what makes no difference any more: a bar that the view has reached, and stamps below
/// the floor.
fn settle(replica: &mut Replica) {
    if replica.view.is_some_and(|view| view.counter >= replica.answered) {
        replica.answered = 0;
    }
    for (revision, known) in (1..).zip(&mut replica.known) {
        if revision < replica.floor {
            *known = None;
        }
    }
}

/// Puts on record what the revisions after the view changed, and then makes the stamp the view.
/// Says whether one of them has no row.
pub(super) fn install(
    config: &Config,
    history: &History,
    replica: &mut Replica,
    stamp: Stamp,
) -> bool {
    let line = History::line(stamp);
    let after = replica.view.map_or(0, |view| view.counter);
    let mut gap = false;
    for revision in after + 1..=stamp.counter {
        match history.change(line, revision) {
            Some(Change::Of(part)) => {
                *replica.newest.of_mut(part) = revision;
                learn(replica, history.stamp(line, revision));
            }
            Some(Change::Elsewhere) => learn(replica, history.stamp(line, revision)),
            Some(Change::Unnamed) | None => {
                gap = true;
                if !config.lacks(Mutant::GapIgnored) {
                    replica.floor = replica.floor.max(revision);
                }
            }
        }
    }
    advance(replica, stamp);
    gap
}

/// Makes a stamp the view that no rows are known of: nothing older is known to be good.
pub(super) fn install_bare(config: &Config, replica: &mut Replica, stamp: Stamp) {
    if !config.lacks(Mutant::NoFirstFloor) {
        replica.floor = stamp.counter;
    }
    learn(replica, stamp);
    advance(replica, stamp);
}

/// Makes a stamp the view and nothing else. Mutants only.
pub(super) fn install_blindly(replica: &mut Replica, stamp: Stamp) {
    learn(replica, stamp);
    advance(replica, stamp);
}

/// Forgets everything that is known of a lost history, and the incarnation that knew it.
pub(super) fn forget(config: &Config, replica: &mut Replica) {
    let old = *replica;
    *replica = Replica::NEW;
    if config.lacks(Mutant::IncarnationKept) {
        replica.registered = old.registered;
        replica.listed = old.listed;
        replica.joined = old.joined;
        replica.confirmed = old.confirmed;
        replica.told = old.told;
    }
}

/// Ends the incarnation and keeps what it knew.
pub(super) fn leave(replica: &mut Replica) {
    replica.registered = false;
    replica.listed = false;
    replica.joined = 0;
    replica.confirmed = 0;
    replica.lease = false;
    replica.polls = [Poll::Idle; 2];
    replica.told = 0;
    forgive(replica);
}

/// Lets the Checks in flight answer at any revision: what was told before was told by another
/// incarnation, or of another history.
pub(super) fn forgive(replica: &mut Replica) {
    for check in &mut replica.checks {
        if let Check::Looking { caller, .. } | Check::Fetched { caller, .. } = check {
            caller.told = 0;
        }
    }
}

/// The first of the two steps in which a record is dropped.
pub(super) fn begin_eviction(config: &Config, replica: &mut Replica, part: Part) {
    let newest = *replica.newest.of(part);
    replica.eviction = Some(Eviction { part, newest });
    if config.lacks(Mutant::DropBeforeFloor) {
        *replica.newest.of_mut(part) = 0;
    } else {
        raise_floor(replica, newest);
    }
}

/// The second. A record that was replaced in the meantime stays.
pub(super) fn end_eviction(config: &Config, replica: &mut Replica, eviction: Eviction) {
    let Eviction { part, newest } = eviction;
    replica.eviction = None;
    if config.lacks(Mutant::DropBeforeFloor) {
        raise_floor(replica, newest);
    } else if *replica.newest.of(part) == newest {
        *replica.newest.of_mut(part) = 0;
    }
}

fn raise_floor(replica: &mut Replica, floor: Revision) {
    replica.floor = replica.floor.max(floor);
    settle(replica);
}

/// Stamps the entry that was found good at a view with that view, if it is still the same.
pub(super) fn restamp(
    config: &Config,
    replica: &mut Replica,
    part: Part,
    tested: Entry,
    stamp: Stamp,
) {
    let unseen = config.lacks(Mutant::RestampUnseen);
    if let Some(entry) = replica.entries.of_mut(part)
        && (*entry == tested || unseen)
    {
        entry.stamp = stamp;
    }
}
