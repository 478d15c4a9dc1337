//! What every party remembers between two steps.
//!
//! A state is a plain value. For the search it is packed into 64 bits without loss, so that two
//! different states are never taken for one.

mod pack;

/// A revision of the database: how many changes were committed.
pub type Revision = u8;

/// The length of a lease, in ticks.
pub const LEASE: u8 = 2;

/// How long a writer waits for leases that it knows nothing about, in ticks.
pub const WAIT: u8 = 3;

/// Revisions are 0, 1 and 2: each of at most two writers makes one.
pub const REVISIONS: usize = 3;

/// Where a writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriterPhase {
    /// Has not begun.
    #[default]
    Idle,
    /// Holds the row lock in an open transaction.
    Open,
    /// The database has committed; the reply is under way.
    Committed,
    /// Knows that it committed and waits for the replicas.
    Waiting,
    /// Has told its caller that the change is in effect.
    Acknowledged,
    /// Was rolled back and will never tell anybody anything.
    Dead,
}

/// The members that a writer has to hear from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// The table has not been read yet.
    #[default]
    Unread,
    /// Nobody, or only members that have confirmed already.
    Nobody,
    /// The replica's present incarnation.
    Present,
    /// An incarnation that is no more and never confirmed: only time helps.
    Gone,
}

/// One writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writer {
    /// Where it is.
    pub phase: WriterPhase,
    /// The revision that it made, or that it found if it changed nothing.
    pub target: Revision,
    /// Ticks since it began to count, at most [`WAIT`].
    pub age: u8,
    /// Whom it waits for.
    pub audience: Audience,
}

/// One poll of the replica's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Poll {
    /// Not in flight.
    #[default]
    Idle,
    /// Sent; the database has not read anything yet.
    Sent {
        /// Ticks of the replica's clock since it was sent, at most [`LEASE`].
        age: u8,
    },
    /// The database has answered; the reply is under way.
    Read {
        /// Ticks of the replica's clock since it was sent, at most [`LEASE`].
        age: u8,
        /// The revision in the snapshot.
        revision: Revision,
        /// Whether the snapshot shows a live row for this incarnation.
        live: bool,
    },
}

/// The replica's row in the table of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Member {
    /// No row.
    #[default]
    Absent,
    /// A row as the replica wrote it.
    Live,
    /// Somebody has told everybody to do without this member.
    Fenced {
        /// Ticks since, by the clock of the one who fenced it, at most [`WAIT`].
        age: u8,
    },
}

/// The Check that the replica is working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// There is none.
    #[default]
    Idle,
    /// It has arrived.
    Called {
        /// The highest revision acknowledged to anybody when it was called.
        floor: Revision,
    },
    /// It found a lease and will look for this revision in the cache.
    Warm {
        /// As above.
        floor: Revision,
        /// The view's revision when the lease was tested.
        key: Revision,
    },
    /// It has sent a query for the facts.
    Filling {
        /// As above.
        floor: Revision,
    },
    /// The database has answered that query.
    Filled {
        /// As above.
        floor: Revision,
        /// The revision of the snapshot that the facts are from.
        revision: Revision,
    },
}

/// The process that serves Checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// Whether it believes that it has a row in the table of members.
    pub registered: bool,
    /// The newest revision that it has installed.
    pub view: Revision,
    /// Ticks of its own clock since its lease began. At [`LEASE`] the lease is over.
    pub lease_age: u8,
    /// The highest revision that the present incarnation has confirmed.
    pub confirmed: Revision,
    /// Per label the revision that the stored decision was really made from.
    pub cache: [Option<Revision>; REVISIONS],
    /// Polls in flight, in order of their contents: it makes no difference which is which.
    pub polls: [Poll; 2],
    /// The Check in flight.
    pub check: Check,
}

impl Replica {
    /// Whether the lease has run out by the replica's own clock.
    #[must_use]
    pub const fn lease_over(&self) -> bool {
        self.lease_age >= LEASE
    }

    /// What is stored under a label.
    #[must_use]
    pub fn cached(&self, label: Revision) -> Option<Revision> {
        self.cache.get(usize::from(label)).copied().flatten()
    }
}

/// The whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The committed revision. Its row is locked while a writer is [`WriterPhase::Open`].
    pub revision: Revision,
    /// The highest revision that anybody was told is in effect.
    pub acknowledged: Revision,
    /// How many ticks the replica's clock may still lose.
    pub ticks_to_lose: u8,
    /// The writers.
    pub writers: [Writer; 2],
    /// The replica's row.
    pub member: Member,
    /// The replica.
    pub replica: Replica,
}

impl State {
    /// Nothing has been written and the replica has just started.
    #[must_use]
    pub const fn initial(lost_ticks: u8) -> Self {
        const WRITER: Writer =
            Writer { phase: WriterPhase::Idle, target: 0, age: 0, audience: Audience::Unread };
        Self {
            revision: 0,
            acknowledged: 0,
            ticks_to_lose: lost_ticks,
            writers: [WRITER; 2],
            member: Member::Absent,
            replica: Replica {
                registered: false,
                view: 0,
                lease_age: LEASE,
                confirmed: 0,
                cache: [None; REVISIONS],
                polls: [Poll::Idle; 2],
                check: Check::Idle,
            },
        }
    }

    /// Whether a writer holds the lock on the revision's row.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.writers.iter().any(|writer| writer.phase == WriterPhase::Open)
    }
}
