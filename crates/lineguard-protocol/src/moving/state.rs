//! What every party remembers between two steps.

use super::Config;
use super::content::{Beat, Content, Event, Log, Path, Row};

/// The longest lease that a configuration permits, in ticks.
pub const GREATEST: u8 = 2;

/// The lease of the process that a writer is part of, in ticks: shorter than that of others.
pub const OWN: u8 = 1;

/// An age from which on no lease is left of a beat.
pub const OVER: u8 = GREATEST;

/// What the copy is that is not the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It takes no writes and replays the primary's log, sooner or later.
    #[default]
    Standby,
    /// A standby that takes writes, because somebody made it by mistake.
    Stray,
    /// It was the primary, and takes itself for it. Its commits never return.
    Deposed,
}

/// The one who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writer {
    /// Nobody is writing.
    #[default]
    Idle,
    /// The primary shows the change; COMMIT has not returned.
    Committed {
        /// What it shows.
        target: Path,
    },
    /// COMMIT has returned; the members have yet to be read.
    Returned {
        /// As above.
        target: Path,
        /// Ticks since, at most [`GREATEST`].
        age: u8,
    },
    /// Waits for the members.
    Waiting {
        /// As above.
        target: Path,
        /// As above.
        age: u8,
        /// Whether the replica's present incarnation is one of them.
        listed: bool,
    },
}

impl Writer {
    /// What it made, if it is writing.
    #[must_use]
    pub const fn target(self) -> Option<Path> {
        match self {
            Self::Idle => None,
            Self::Committed { target }
            | Self::Returned { target, .. }
            | Self::Waiting { target, .. } => Some(target),
        }
    }
}

/// The replica's present incarnation. Its lease is fixed when it registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation {
    /// How long its leases are, in ticks.
    pub length: u8,
    /// What its row says of that; nothing if an older program wrote it.
    pub stated: Option<u8>,
}

/// The beat whose COMMIT has not returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flying {
    /// Ticks of the replica's clock since it was sent, at most [`OVER`].
    pub age: u8,
    /// Whether it was sent after the question in hand had arrived.
    pub asked: bool,
}

/// The replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// Its incarnation, if it is registered as far as it knows.
    pub incarnation: Option<Incarnation>,
    /// What it has installed, and so confirmed.
    pub view: Option<Path>,
    /// What its answers from memory show: the view, unless it skipped a change. Mutants only.
    pub basis: Path,
    /// How many ticks of its own clock its lease still lasts.
    pub lease: u8,
    /// The beat in flight.
    pub flying: Option<Flying>,
    /// When the last returned beat was sent: ticks since, at most [`OVER`]. Mutants only.
    pub last: u8,
    /// The reply to a poll that is under way.
    pub poll: Option<Content>,
}

impl Replica {
    const NEW: Self = Self {
        incarnation: None,
        view: None,
        basis: Path { len: 0, nonces: 0 },
        lease: 0,
        flying: None,
        last: OVER,
        poll: None,
    };
}

/// The whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The primary. There is one at every moment; who was it before is the other copy.
    pub head: Content,
    /// The other copy.
    pub other: Content,
    /// What that is.
    pub role: Role,
    /// What a third copy shows that has stopped replaying, if there is one.
    pub cut: Option<Content>,
    /// What a standby has yet to replay.
    pub log: Log,
    /// How many of those have reached it for certain, because a commit has returned.
    pub kept: u8,
    /// How often a standby may still be promoted.
    pub promotions: u8,
    /// Ticks since the present history was seen first, at most [`GREATEST`]; none in the first.
    pub seen: Option<u8>,
    /// What was acknowledged of the present history.
    pub acknowledged: Path,
    /// Whether the arrival was acknowledged, and is in the present history.
    pub arrival: bool,
    /// Whether a question whether the fax is there is in hand, called after that.
    pub asking: bool,
    /// Who writes.
    pub writer: Writer,
    /// Ticks since somebody saw the member fenced, at most [`GREATEST`].
    pub fenced: Option<u8>,
    /// The replica.
    pub replica: Replica,
}

impl State {
    /// Nothing has been written and everybody has just started.
    #[must_use]
    pub fn initial(config: &Config) -> Self {
        Self {
            head: Content::default(),
            other: Content::default(),
            role: Role::Standby,
            cut: None,
            log: Log::default(),
            kept: 0,
            promotions: config.promotions,
            seen: None,
            acknowledged: Path::default(),
            arrival: false,
            asking: false,
            writer: Writer::Idle,
            fenced: None,
            replica: Replica::NEW,
        }
    }

    /// Does something to all that anybody has seen or will see of the replica's beats.
    pub(super) fn each_beat(&mut self, mut act: impl FnMut(&mut Beat)) {
        let seen = self.cut.as_mut().into_iter().chain(self.replica.poll.as_mut());
        for content in [&mut self.head, &mut self.other].into_iter().chain(seen) {
            if let Row::Live(beat) = &mut content.row {
                act(beat);
            }
        }
        for event in self.log.events.iter_mut().flatten() {
            if let Event::Beat(beat) = event {
                act(beat);
            }
        }
    }

    /// The question for the fax is no longer in hand.
    pub(super) fn answer_fax(&mut self) {
        self.asking = false;
        self.each_beat(|beat| beat.asked = false);
        if let Some(flying) = &mut self.replica.flying {
            flying.asked = false;
        }
    }

    /// Takes transactions out of the log that nobody will ask about any more.
    pub(super) fn forget(&mut self, what: impl Fn(Event) -> bool) {
        let reached = self.log.iter().take(usize::from(self.kept));
        let gone = reached.filter(|event| what(*event)).count() as u8;
        self.kept -= gone;
        self.log = self.log.keeping(|event| !what(event));
    }

    /// The replica's incarnation ends. Its row is gone at once, so nobody waits for it longer
    /// than that.
    pub(super) fn end_incarnation(&mut self) {
        (self.head.row, self.other.row) = (Row::Absent, Row::Absent);
        self.cut = self.cut.map(|cut| Content { row: Row::Absent, ..cut });
        self.forget(Event::is_of_row);
        self.fenced = None;
        if let Writer::Waiting { listed, .. } = &mut self.writer {
            *listed = false;
        }
        let Replica { view, basis, .. } = self.replica;
        self.replica = Replica { view, basis, ..Replica::NEW };
    }

    /// As [`Self::end_incarnation`]; what was in memory is gone too.
    pub(super) fn start_again(&mut self) {
        self.end_incarnation();
        self.replica = Replica::NEW;
    }
}
