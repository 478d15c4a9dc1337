//! One entry, and how it is tested.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use lineguard_core::id::{Revision, Timestamp};
use lineguard_core::stamp::Stamp;

use crate::origin::{Origin, Validity};

/// An answer, where it came from, and the latest view that found it valid.
pub(super) struct Entry<V> {
    pub(super) value: V,
    pub(super) origin: Origin,
    /// What it is taken to occupy, in bytes.
    pub(super) bytes: u32,
    /// Three numbers that must be seen together, so they are replaced together: a revision of one
    /// view beside the stamp of another would be an answer of no revision at all.
    seen: ArcSwapOption<Seen>,
}

/// The entry was valid in this state of its shard, when its tenant was at this revision.
#[derive(Debug, Clone, Copy)]
struct Seen {
    stamp: Stamp,
    revision: Revision,
}

/// What came of testing an entry.
pub(super) enum Tested {
    /// It holds in the view.
    Valid {
        /// The stamp of the view.
        stamp: Stamp,
        /// The tenant's revision in the view.
        revision: Revision,
    },
    /// It is of a later state than the view: not for this request, but for later ones.
    Later,
    /// It is over, for this view and all later ones.
    Over,
}

impl<V> Entry<V> {
    pub(super) fn new(value: V, origin: Origin, bytes: u32) -> Self {
        Self { value, origin, bytes, seen: ArcSwapOption::empty() }
    }

    /// Tests it by a view, and keeps the view's stamp if it passes: from then on only what changed
    /// after that view has to be looked at.
    pub(super) fn test(&self, sight: &impl Validity, now: Timestamp) -> Tested {
        let Origin { tenant, shard, stamp, revision, ref concerns, epoch, .. } = self.origin;
        if epoch != sight.epoch() {
            return if epoch > sight.epoch() { Tested::Later } else { Tested::Over };
        }
        if !self.origin.is_timely(now) {
            return Tested::Over;
        }
        let view = sight.stamp(shard);
        let birth = Seen { stamp, revision };
        if birth.stamp.counter > view.counter {
            return Tested::Later;
        }
        let seen = self.seen.load();
        // A request that took its view a while ago may find an entry that later views have found
        // valid. That says nothing about its own view, so it tests by what the entry began with.
        let usable = seen.as_deref().filter(|seen| seen.stamp.counter <= view.counter);
        let base = usable.copied().unwrap_or(birth);
        if usable.is_some() && base.stamp == view {
            return Tested::Valid { stamp: view, revision: base.revision };
        }
        match sight.valid(shard, tenant, base.stamp, base.revision, concerns) {
            Some(revision) => {
                if seen.as_deref().is_none_or(|seen| seen.stamp.counter < view.counter) {
                    // If somebody else was quicker, theirs stays.
                    let now_seen = Some(Arc::new(Seen { stamp: view, revision }));
                    self.seen.compare_and_swap(&seen, now_seen);
                }
                Tested::Valid { stamp: view, revision }
            }
            None if seen.is_some() && usable.is_none() => Tested::Later,
            None => Tested::Over,
        }
    }

    /// Whether it is known to hold in a later state than another entry under its key, which for
    /// that reason should not take its place.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    fn rank(&self) -> (u64, u64) {
        let seen = self.seen.load();
        let seen = seen.as_deref().map_or(0, |seen| seen.stamp.counter);
        (self.origin.epoch, self.origin.stamp.counter.max(seen))
    }
}
