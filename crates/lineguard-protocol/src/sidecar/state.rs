//! What every party remembers between two steps.

use super::Config;

/// The length of the parent's lease, and of the longest grant, in ticks.
pub const LEASE: u8 = 2;

/// How long others wait for a lease that they cannot see to run out: one tick more, as one clock
/// may lose one.
pub const WAIT: u8 = 3;

/// A state of the database: there are two histories, and each knows one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// Whether it is of the history that began with a restore.
    pub restored: bool,
    /// Whether it shows the change of that history. Before it the histories are the same.
    pub changed: bool,
}

impl View {
    /// Whether who has installed `self` has what `other` shows.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        !other.changed || self == other
    }

    /// Whether there is something in it that the other's history does not have.
    #[must_use]
    pub fn is_lost_to(self, other: Self) -> bool {
        self.changed && self.restored != other.restored
    }
}

/// The database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Database {
    /// What it shows.
    pub present: View,
    /// While it is closed to be restored: ticks since.
    pub closed: Option<u8>,
}

/// The writer of the present history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writer {
    /// Has not written.
    #[default]
    Idle,
    /// Has committed, and has yet to read who the members are.
    Committed {
        /// Ticks since, at most [`WAIT`].
        age: u8,
    },
    /// Waits.
    Waiting {
        /// Ticks since the commit, at most [`WAIT`].
        age: u8,
        /// For the parent's present incarnation.
        present: bool,
        /// For the one before.
        former: bool,
    },
    /// Has told its caller that the change is in effect.
    Acknowledged,
}

/// A row in the table of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Row {
    /// None.
    #[default]
    Absent,
    /// As the parent wrote it.
    Live,
    /// Everybody does without this member.
    Fenced {
        /// Ticks since, at most [`WAIT`].
        age: u8,
    },
}

/// Where the parent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// It has no incarnation.
    #[default]
    Out,
    /// It is registered, as far as it knows.
    In,
    /// It stops: it answers and grants no more.
    Stopping,
    /// Its row is gone and it does nothing more.
    Stopped,
}

/// A reply to a poll of the parent's that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Ticks of the parent's clock since it was sent, at most [`LEASE`].
    pub age: u8,
    /// What it shows.
    pub view: View,
    /// Whether it shows a live row.
    pub live: bool,
}

/// What the parent remembers of the sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The oldest view that the sidecar may answer from.
    pub base: View,
    /// How many ticks of the parent's clock until its lease is over for certain; never none.
    pub left: u8,
}

/// The parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parent {
    /// Where it is.
    pub life: Life,
    /// What it has installed.
    pub view: Option<View>,
    /// How many ticks of its own clock its lease still lasts.
    pub lease: u8,
    /// Whether the present incarnation has confirmed the change of the present history.
    pub confirmed: bool,
    /// The poll in flight.
    pub poll: Option<Poll>,
    /// The sidecar's grant, unless it is over.
    pub grant: Option<Grant>,
    /// When it may delete the row of its former incarnation, in ticks of its own clock; none if
    /// it knows of no such row.
    pub clears: Option<u8>,
}

/// A renewal that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Ticks of the sidecar's clock since it was sent, at most [`LEASE`].
    pub age: u8,
    /// The parent's view when it was granted.
    pub view: View,
    /// For how many ticks.
    pub granted: u8,
    /// Whether the parent has yet to make a record of it. Mutants only.
    pub unrecorded: bool,
}

/// The sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sidecar {
    /// What it has installed.
    pub view: Option<View>,
    /// How many ticks of its own clock its lease still lasts.
    pub lease: u8,
    /// The renewal in flight.
    pub renewal: Option<Renewal>,
}

/// The whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The database.
    pub database: Database,
    /// The row of the parent's present incarnation.
    pub row: Row,
    /// The row of the one before.
    pub former: Row,
    /// How many ticks clocks may still lose.
    pub ticks_to_lose: u8,
    /// How often the parent may still die.
    pub deaths: u8,
    /// The writer.
    pub writer: Writer,
    /// The parent.
    pub parent: Parent,
    /// The sidecar.
    pub sidecar: Sidecar,
}

impl State {
    /// Nothing has been written and everybody has just started.
    #[must_use]
    pub fn initial(config: &Config) -> Self {
        Self {
            database: Database::default(),
            row: Row::Absent,
            former: Row::Absent,
            ticks_to_lose: config.lost_ticks,
            deaths: config.deaths,
            writer: Writer::Idle,
            parent: Parent::default(),
            sidecar: Sidecar::default(),
        }
    }
}
