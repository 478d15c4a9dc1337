//! The door for followers of this replica.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineguard_core::feed::Incarnation;
use lineguard_core::stamp::{ConcernRow, Shard, ShardSet, Stamp};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ledger::{Granted, Refusal};
use crate::replica::{Replica, guard};

/// At most so many rows are told of at a time: what they concern is worth less than a reply that
/// everybody can take.
const MAX_ROWS: usize = 8_192;

/// Grants leases on what this replica sees to other replicas, which have no database and follow
/// this one. Before this replica confirms a change to any writer, each of them has installed it
/// or its lease is over.
///
/// Nothing is read from the database for a follower, except that a follower that has seen more
/// than this replica makes it poll.
#[derive(Clone)]
pub struct Grants(pub(crate) Arc<Replica>);

/// What a follower learns and may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// For how long it may answer from this, counted from before it asked.
    pub lease: Duration,
    /// The stamps of the shards that it follows, where they differ from what it has seen.
    pub stamps: Vec<(Shard, Stamp)>,
    /// What changed there, from the stamps that it has seen on, these included.
    pub rows: Vec<ConcernRow>,
    /// Whether all rows are there. Otherwise there are none, and everything in these shards is to
    /// be taken as changed.
    pub complete: bool,
}

/// Why a follower gets no lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotGranted {
    /// The parent does not know it under this name. It drops its lease and follows anew under
    /// another name.
    Unknown,
    /// The parent is in another history. It drops all that it has and follows anew.
    OtherHistory,
    /// The parent has no lease itself, or was not reached.
    Unavailable {
        /// Why, for operators.
        detail: String,
    },
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the parent does not know this follower"),
            Self::OtherHistory => f.write_str("the parent is in another history"),
            Self::Unavailable { detail } => write!(f, "the parent grants nothing: {detail}"),
        }
    }
}

impl std::error::Error for NotGranted {}

/// Nobody can be followed under this name, or there are too many followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no further follower is taken, or not under this name")
    }
}

impl std::error::Error for NoRoom {}

/// The least pause between two hints to one follower. In a burst of writes each follower asks once
/// for several of them; a write alone is told of at once.
const HINTS_APART: Duration = Duration::from_millis(5);

/// Tells one follower that it should ask again. Dropping it ends no lease.
pub struct Hints {
    moved: watch::Receiver<()>,
    next: Instant,
}

impl Hints {
    /// Waits until a shard moves that is followed; several moves may be told of as one. False if
    /// there will be no more: the follower is not known any more, or the replica stops. May be
    /// dropped and called again without losing a move.
    pub async fn next(&mut self) -> bool {
        // The pause comes first: a move that was seen and not told of would be lost.
        tokio::time::sleep_until(self.next).await;
        let more = self.moved.changed().await.is_ok();
        self.next = Instant::now() + HINTS_APART;
        more
    }
}

/// Whom to tell when a shard moves.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<BTreeMap<Incarnation, (ShardSet, watch::Sender<()>)>>);

impl Listeners {
    /// Tells those who follow one of these shards.
    pub(crate) fn moved(&self, shards: &[(Shard, Stamp)]) {
        for (followed, hints) in guard(&self.0).values() {
            if shards.iter().any(|(shard, _)| followed.has(*shard)) {
                hints.send_replace(());
            }
        }
    }

    /// Ends all hints.
    pub(crate) fn end(&self) {
        guard(&self.0).clear();
    }
}

impl Grants {
    /// Takes a follower of these shards, which has no lease yet, and never followed under this
    /// name before. Whoever asks as this follower later has to be who asked now.
    ///
    /// # Errors
    ///
    /// If there are too many, or there is one of this name.
    pub fn follow(&self, by: Incarnation, shards: ShardSet) -> Result<Hints, NoRoom> {
        let Replica { ledger, clock, listeners, stopping, .. } = &*self.0;
        if stopping.get() {
            return Err(NoRoom);
        }
        let (room, gone) = ledger.follow(&**clock, by, shards);
        let mut listening = guard(&listeners.0);
        gone.iter().for_each(|gone| drop(listening.remove(gone)));
        if !room {
            return Err(NoRoom);
        }
        let (sender, receiver) = watch::channel(());
        listening.insert(by, (shards, sender));
        Ok(Hints { moved: receiver, next: Instant::now() })
    }

    /// Grants a follower a lease. `seen` is what it has installed under any name, without shards
    /// that never changed, and counts as confirmed.
    ///
    /// # Errors
    ///
    /// If it has to begin anew, or this replica can grant nothing.
    pub async fn renew(
        &self,
        by: Incarnation,
        seen: &[(Shard, Stamp)],
    ) -> Result<Renewed, NotGranted> {
        let replica = &*self.0;
        let granted = match self.granted(by, seen) {
            Err(Refusal::Ahead) => {
                // It was with another parent before. What a poll that is sent now does not show
                // is lost.
                let begun = replica.want_poll();
                let polled = replica.progress.wait_for(|progress| progress.installed > begun);
                let polled = tokio::time::timeout(replica.params.poll_timeout, polled).await;
                match self.granted(by, seen) {
                    Err(Refusal::Ahead) if polled.is_ok() => Err(Refusal::OtherHistory),
                    granted => granted,
                }
            }
            granted => granted,
        };
        let unavailable = |detail: &str| NotGranted::Unavailable { detail: detail.into() };
        match granted {
            Ok(granted) => {
                replica.to_announce.notify_one();
                Ok(renewed(&granted, seen))
            }
            Err(Refusal::Unknown) => Err(NotGranted::Unknown),
            Err(Refusal::OtherHistory) => Err(NotGranted::OtherHistory),
            Err(Refusal::Ahead) => Err(unavailable("the parent is behind")),
            Err(Refusal::NoLease) => Err(unavailable("the parent has no lease")),
        }
    }

    fn granted(&self, by: Incarnation, seen: &[(Shard, Stamp)]) -> Result<Granted, Refusal> {
        self.0.ledger.renew(&self.0.state, &*self.0.clock, by, seen)
    }

    /// A follower has installed this. It never goes back behind it under this name.
    pub fn confirm(&self, by: Incarnation, installed: &[(Shard, Stamp)]) {
        self.0.ledger.confirm(&*self.0.clock, by, installed);
        self.0.to_announce.notify_one();
    }

    /// A follower says that it holds no lease any more and takes none under this name. Never call
    /// it because a connection has ended: its lease goes on without one.
    pub fn leave(&self, by: Incarnation) {
        self.0.ledger.leave(by);
        guard(&self.0.listeners.0).remove(&by);
        self.0.to_announce.notify_one();
    }
}

/// What is told of a grant: all of one view.
fn renewed(granted: &Granted, seen: &[(Shard, Stamp)]) -> Renewed {
    let Granted { view, shards, lease } = granted;
    let had: BTreeMap<_, _> = seen.iter().copied().collect();
    let mut stamps = Vec::new();
    let mut rows = Some(Vec::new());
    for shard in shards.iter() {
        let (from, to) = (had.get(&shard).copied().unwrap_or_default(), *view.stamps.at(shard));
        if from == to {
            continue;
        }
        stamps.push((shard, to));
        let changes = || view.records.since(view.epoch, shard, from.counter, to);
        rows = rows.and_then(|mut rows| {
            rows.extend(changes()?);
            (rows.len() <= MAX_ROWS).then_some(rows)
        });
    }
    let complete = rows.is_some();
    Renewed { lease: *lease, stamps, rows: rows.unwrap_or_default(), complete }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_told_of_together_and_no_move_is_lost() {
        let (moved, receiver) = watch::channel(());
        let begun = Instant::now();
        let mut hints = Hints { moved: receiver, next: begun };
        moved.send_replace(());
        assert!(hints.next().await);
        assert_eq!(begun.elapsed(), Duration::ZERO, "a move alone is told of at once");
        for _ in 0..3 {
            moved.send_replace(());
        }
        let given_up = tokio::time::timeout(HINTS_APART / 2, hints.next()).await;
        assert!(given_up.is_err(), "it is not time yet");
        assert!(hints.next().await);
        assert_eq!(begun.elapsed(), HINTS_APART);
        assert!(tokio::time::timeout(HINTS_APART * 4, hints.next()).await.is_err(), "told of once");
        drop(moved);
        assert!(!hints.next().await);
    }
}
