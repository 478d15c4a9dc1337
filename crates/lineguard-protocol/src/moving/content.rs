//! What a copy of the database shows, and the log by which one copy becomes like another.

use super::state::OVER;

/// The changes that a snapshot shows, in order, each by its nonce. Their number is the counter.
///
/// A history that begins with a failover draws other nonces than the one before, so two histories
/// that have the same counter are different paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Path {
    /// The counter: how many changes, at most [`Path::LONGEST`].
    pub len: u8,
    /// A bit for each change: whether it was made in the second history.
    pub nonces: u8,
}

impl Path {
    /// The most changes that one history may hold.
    pub const LONGEST: u8 = 2;

    /// This path with one more change.
    #[must_use]
    pub const fn then(self, second: bool) -> Self {
        Self { len: self.len + 1, nonces: self.nonces | ((second as u8) << self.len) }
    }

    /// Whether everything that `other` shows is shown here too.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.up_to(other.len) == other
    }

    /// What both show.
    #[must_use]
    pub fn shared(self, other: Self) -> Self {
        let mut shared = self;
        while !other.covers(shared) {
            shared = shared.up_to(shared.len - 1);
        }
        shared
    }

    /// Its first changes.
    fn up_to(self, len: u8) -> Self {
        let len = len.min(self.len);
        Self { len, nonces: self.nonces & ((1 << len) - 1) }
    }
}

/// The row of the replica's present incarnation in the table of members.
///
/// A beat raises a number in it. What is kept here is when the newest of those beats was sent
/// whose COMMIT has returned to the replica: that is all that it makes of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Row {
    /// None.
    #[default]
    Absent,
    /// As the replica wrote it.
    Live(Beat),
    /// Everybody does without this member.
    Fenced,
}

/// What a row shows of beats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Ticks of the replica's clock since the newest returned beat was sent, at most [`OVER`].
    pub age: u8,
    /// Whether the beat in flight is shown too.
    pub flying: bool,
    /// Whether the newest returned beat was sent after the question in hand had arrived.
    pub asked: bool,
}

impl Beat {
    /// No beat that is of any use.
    pub const NONE: Self = Self { age: OVER, flying: false, asked: false };
}

/// What a snapshot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Content {
    /// The changes.
    pub path: Path,
    /// The replica's row.
    pub row: Row,
    /// Whether the fax has arrived. Arrivals raise no counter.
    pub arrived: bool,
    /// Whether the store says that it holds meanings that the replica's program does not know.
    pub format: bool,
}

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A change.
    Change {
        /// Whether it was made in the second history.
        second: bool,
    },
    /// The replica's registration.
    Register,
    /// A beat of the replica's: only the newest of its three facts that is there counts.
    Beat(Beat),
    /// The member is fenced.
    Fence,
    /// Its row is deleted.
    Delete,
    /// A fax arrives.
    Arrive,
    /// A newer program begins to use new meanings.
    Format,
}

impl Event {
    /// Whether it concerns the replica's row.
    #[must_use]
    pub const fn is_of_row(self) -> bool {
        matches!(self, Self::Register | Self::Beat(_) | Self::Fence | Self::Delete)
    }
}

impl Content {
    /// What is shown after a transaction.
    #[must_use]
    pub fn after(self, event: Event) -> Self {
        let with = |row| Self { row, ..self };
        match (event, self.row) {
            (Event::Change { second }, _) => Self { path: self.path.then(second), ..self },
            (Event::Register, _) => with(Row::Live(Beat::NONE)),
            (Event::Beat(beat), Row::Live(own)) => with(Row::Live(newer(own, beat))),
            (Event::Beat(_), _) => self,
            (Event::Fence, _) => with(Row::Fenced),
            (Event::Delete, _) => with(Row::Absent),
            (Event::Arrive, _) => Self { arrived: true, ..self },
            (Event::Format, _) => Self { format: true, ..self },
        }
    }

    /// The row's beat, if it is live.
    #[must_use]
    pub const fn beat(&self) -> Option<Beat> {
        match self.row {
            Row::Live(beat) => Some(beat),
            Row::Absent | Row::Fenced => None,
        }
    }
}

/// A row after a beat: one in flight says nothing yet of the time from which a lease counts.
fn newer(own: Beat, beat: Beat) -> Beat {
    if beat.flying {
        Beat { flying: true, ..own }
    } else {
        Beat { age: own.age.min(beat.age), asked: own.asked || beat.asked, ..own }
    }
}

/// Transactions of the primary that the standby does not show yet, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// Those that there are come first.
    pub events: [Option<Event>; Self::ROOM],
}

impl Log {
    /// The most transactions that a standby can be behind.
    pub const ROOM: usize = 4;

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u8 {
        self.iter().count() as u8
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that there are, in order.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        self.events.iter().copied().flatten()
    }

    /// The log with one more at its end, if there is room.
    #[must_use]
    pub fn with(mut self, event: Event) -> Self {
        if let Some(slot) = self.events.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(event);
        }
        self
    }

    /// The log without those that are not to be kept.
    #[must_use]
    pub fn keeping(&self, mut keep: impl FnMut(Event) -> bool) -> Self {
        self.iter().filter(|event| keep(*event)).fold(Self::default(), Self::with)
    }
}
