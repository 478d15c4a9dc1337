//! What the database holds, and what it held before it was restored.

use std::fmt;

/// How many changes the shard's counter has counted.
pub type Revision = u8;

/// The highest revision there is room for.
pub const LAST: Revision = 3;

/// One of the two things that every answer is made from, and that a change may concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Say, the member.
    A,
    /// Say, the fax.
    B,
}

impl Part {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];
}

/// Something of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Both<T> {
    /// That of the one.
    pub a: T,
    /// That of the other.
    pub b: T,
}

impl<T> Both<T> {
    /// Makes it for each part.
    pub fn each(mut make: impl FnMut(Part) -> T) -> Self {
        Self { a: make(Part::A), b: make(Part::B) }
    }

    /// That of a part.
    #[must_use]
    pub const fn of(&self, part: Part) -> &T {
        match part {
            Part::A => &self.a,
            Part::B => &self.b,
        }
    }

    /// That of a part, to be changed.
    pub const fn of_mut(&mut self, part: Part) -> &mut T {
        match part {
            Part::A => &mut self.a,
            Part::B => &mut self.b,
        }
    }

    /// Whether it holds for both.
    pub fn all(&self, mut holds: impl FnMut(&T) -> bool) -> bool {
        holds(&self.a) && holds(&self.b)
    }
}

/// What a change concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// This part, and a row says so.
    Of(Part),
    /// Neither part, and a row says so.
    Elsewhere,
    /// Perhaps everything: it raised the counter and wrote no row. Both parts change.
    Unnamed,
}

impl Change {
    /// Whether the part is another one afterwards.
    #[must_use]
    pub fn touches(self, part: Part) -> bool {
        self == Self::Of(part) || self == Self::Unnamed
    }
}

/// What a change gave the shard: the counter, and a number drawn at random. Also names the content
/// of a part, by the change that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// The counter.
    pub counter: Revision,
    /// All that matters of the random number: whether it was drawn after the database was restored.
    pub redrawn: bool,
}

/// One of the two histories that a restored database has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// As it was until the database was restored; the only one if it never was.
    Original,
    /// As it is since: the original one up to the backup, and what was changed afterwards.
    Restored,
}

/// What the database holds, and what it held before it was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// The counter.
    pub counter: Revision,
    /// The revision of the backup, if the database was restored.
    pub backup: Option<Revision>,
    /// What each revision changed, beginning with the first.
    pub original: [Option<Change>; LAST as usize],
    /// What each revision changed since the database was restored. Empty up to the backup.
    pub since: [Option<Change>; LAST as usize],
}

impl History {
    /// Nothing was changed yet.
    pub const EMPTY: Self = Self {
        counter: 0,
        backup: None,
        original: [None; LAST as usize],
        since: [None; LAST as usize],
    };

    /// The history that the database holds.
    #[must_use]
    pub const fn present(&self) -> Line {
        if self.backup.is_some() { Line::Restored } else { Line::Original }
    }

    /// A history in which this stamp was given. Both, where they are the same.
    #[must_use]
    pub const fn line(stamp: Stamp) -> Line {
        if stamp.redrawn { Line::Restored } else { Line::Original }
    }

    /// The stamp that a revision has in a history.
    #[must_use]
    pub fn stamp(&self, line: Line, counter: Revision) -> Stamp {
        let redrawn = line == Line::Restored && self.backup.is_some_and(|backup| counter > backup);
        Stamp { counter, redrawn }
    }

    /// The stamp of the database now.
    #[must_use]
    pub fn now(&self) -> Stamp {
        self.stamp(self.present(), self.counter)
    }

    /// What a revision changed in a history.
    #[must_use]
    pub fn change(&self, line: Line, revision: Revision) -> Option<Change> {
        let changes = if self.stamp(line, revision).redrawn { &self.since } else { &self.original };
        changes.get(usize::from(revision.checked_sub(1)?)).copied().flatten()
    }

    /// What a part was at a revision: the stamp of the last change that touched it.
    #[must_use]
    pub fn content(&self, line: Line, revision: Revision, part: Part) -> Stamp {
        let touched = (1..=revision)
            .rev()
            .find(|earlier| self.change(line, *earlier).is_some_and(|made| made.touches(part)));
        self.stamp(line, touched.unwrap_or(0))
    }

    /// What both parts were at a revision.
    #[must_use]
    pub fn contents(&self, line: Line, revision: Revision) -> Both<Stamp> {
        Both::each(|part| self.content(line, revision, part))
    }

    /// Whether the parts were so at this stamp.
    #[must_use]
    pub fn true_at(&self, stamp: Stamp, contents: Both<Stamp>) -> bool {
        self.contents(Self::line(stamp), stamp.counter) == contents
    }

    /// Raises the counter.
    pub fn commit(&mut self, change: Change) {
        let changes = if self.backup.is_some() { &mut self.since } else { &mut self.original };
        if let Some(slot) = changes.get_mut(usize::from(self.counter)) {
            *slot = Some(change);
            self.counter += 1;
        }
    }

    /// Goes back to a backup; what came after it is lost.
    pub const fn restore(&mut self, backup: Revision) {
        self.backup = Some(backup);
        self.counter = backup;
    }

    /// The last revision of the original history.
    #[must_use]
    pub fn original_end(&self) -> Revision {
        self.original.iter().flatten().map(|_| 1).sum()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.counter, if self.redrawn { "'" } else { "" })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(part) => write!(f, "a change of {part:?}"),
            Self::Elsewhere => f.write_str("a change of something else"),
            Self::Unnamed => f.write_str("a change without a row"),
        }
    }
}
