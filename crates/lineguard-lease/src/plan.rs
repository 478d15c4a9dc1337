//! What the reply to a poll says of each shard, and whether it can be of the history of the view.

use std::collections::BTreeMap;
use std::fmt;

use lineguard_core::stamp::{ConcernRow, SHARDS, Shard, Stamp};

use super::records::{Change, Step};
use super::state::Reply;
use super::view::View;
use crate::shards::PerShard;

/// Why a reply is not of the history of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A counter is lower than one that was seen before the reply was read.
    Lower(Shard),
    /// The change that the view ends with is another one there.
    OtherNonce(Shard),
    /// The change that the view ends with is not there.
    NoRow(Shard),
    /// There are not as many counters as shards.
    Counters,
    /// Who was asked says so.
    Told,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lower(shard) => write!(f, "the counter of shard {} is lower", shard.0),
            Self::OtherNonce(shard) => write!(f, "shard {} has another nonce", shard.0),
            Self::NoRow(shard) => write!(f, "the last known change of shard {} is gone", shard.0),
            Self::Counters => write!(f, "there are not {SHARDS} counters"),
            Self::Told => f.write_str("the parent is in another history"),
        }
    }
}

/// The stamps that a reply shows: those that moved as they were read with their changes.
/// `answered` is what was known to be reached when the poll was sent: a database shows at least
/// that. The view of a parent may be behind an answer of its database.
pub(crate) fn stamps(reply: &Reply, answered: &PerShard<u64>) -> Result<PerShard<Stamp>, Fault> {
    if reply.counters.stamps.len() != SHARDS {
        return Err(Fault::Counters);
    }
    let mut read = reply.counters.stamps.iter().copied();
    let mut stamps = PerShard::from_fn(|_| read.next().unwrap_or_default());
    for &(shard, stamp) in reply.changes.iter().flat_map(|changes| &changes.stamps) {
        follows(shard, *stamps.at(shard), stamp)?;
        *stamps.at_mut(shard) = stamp;
    }
    let lower = stamps.iter().find(|(shard, stamp)| stamp.counter < *answered.at(*shard));
    if let Some((shard, _)) = lower.filter(|_| reply.counters.lease.is_none()) {
        return Err(Fault::Lower(shard));
    }
    Ok(stamps)
}

/// Whether a later stamp may follow an earlier one, as far as the two tell.
fn follows(shard: Shard, earlier: Stamp, later: Stamp) -> Result<(), Fault> {
    if later.counter < earlier.counter {
        return Err(Fault::Lower(shard));
    }
    if later.counter == earlier.counter && later.nonce != earlier.nonce {
        return Err(Fault::OtherNonce(shard));
    }
    Ok(())
}

/// For each shard that moved, what to do with its records.
pub(crate) fn steps(
    view: Option<&View>,
    stamps: &PerShard<Stamp>,
    reply: &Reply,
) -> Result<Vec<(Shard, Step)>, Fault> {
    let Some(view) = view else { return Ok(first_steps(stamps, &reply.recent)) };
    let complete = reply.changes.as_ref().is_some_and(|changes| changes.complete);
    let rows = reply.changes.as_ref().map_or(&[][..], |changes| &changes.rows);
    let mut changes = by_shard(rows);
    let mut steps = Vec::new();
    // First what needs no rows, so that a late reply is known for one before rows are missed.
    for (shard, &to) in stamps.iter() {
        follows(shard, *view.stamps.at(shard), to)?;
    }
    for (shard, &to) in stamps.iter() {
        let from = *view.stamps.at(shard);
        if to == from {
            continue;
        }
        let changes = changes.remove(&shard).unwrap_or_default();
        let step = match complete {
            true => extend(shard, from, to, changes)?,
            false => Step::Restart(to),
        };
        steps.push((shard, step));
    }
    Ok(steps)
}

/// The step of a shard whose changes were read from its own stamp on.
fn extend(
    shard: Shard,
    from: Stamp,
    to: Stamp,
    mut changes: BTreeMap<u64, Vec<Change>>,
) -> Result<Step, Fault> {
    let mut later = changes.split_off(&from.counter);
    // A shard that never changed has no change to end with.
    if from.counter > 0 {
        let own = later.remove(&from.counter).ok_or(Fault::NoRow(shard))?;
        if own.iter().any(|change| change.stamp != from) {
            return Err(Fault::OtherNonce(shard));
        }
    } else {
        later.remove(&0);
    }
    Ok(Step::Extend { from, to, changes: clear(later, to) })
}

/// Without a view there is nothing to continue: what is known starts at the oldest change from
/// which none is missing.
fn first_steps(stamps: &PerShard<Stamp>, recent: &[ConcernRow]) -> Vec<(Shard, Step)> {
    let mut changes = by_shard(recent);
    let step = |(shard, &to): (Shard, &Stamp)| {
        let changes = clear(changes.remove(&shard).unwrap_or_default(), to);
        (shard, Step::First { to, changes })
    };
    stamps.iter().map(step).collect()
}

/// The changes up to a stamp that are clear: all rows of a counter agree on its nonce.
fn clear(changes: BTreeMap<u64, Vec<Change>>, to: Stamp) -> Vec<Change> {
    let clear = changes.into_values().filter_map(|mut same| match same.len() {
        1 => same.pop(),
        _ => None,
    });
    clear.filter(|change| change.stamp.counter <= to.counter).collect()
}

/// The changes that rows tell of, by shard and counter; one for each nonce of a counter.
fn by_shard(rows: &[ConcernRow]) -> BTreeMap<Shard, BTreeMap<u64, Vec<Change>>> {
    let mut shards: BTreeMap<Shard, BTreeMap<u64, Vec<Change>>> = BTreeMap::new();
    for row in rows {
        let same = shards.entry(row.shard).or_default().entry(row.stamp.counter).or_default();
        let concerned = (row.tenant, row.revision, row.concern);
        match same.iter_mut().find(|change| change.stamp == row.stamp) {
            Some(change) => change.concerned.push(concerned),
            None => same.push(Change { stamp: row.stamp, concerned: vec![concerned] }),
        }
    }
    shards
}
