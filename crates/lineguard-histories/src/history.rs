//! What was written and what was answered, with the times of both.

use std::fmt;

use crate::clock::{Nanos, seconds};

/// Position of a tenant in the run.
pub type TenantAt = u16;

/// Position of a register in [`History::registers`].
pub type RegisterAt = u32;

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The server of this number.
    Server(u8),
    /// A sidecar.
    Sidecar {
        /// Its number.
        at: u8,
        /// The number of the server that it follows.
        parent: u8,
    },
}

impl Place {
    /// Whom it follows, if anybody.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Server(_) => None,
            Self::Sidecar { parent, .. } => Some(Self::Server(parent)),
        }
    }

    /// Whether it is a sidecar.
    pub fn is_sidecar(self) -> bool {
        matches!(self, Self::Sidecar { .. })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(at) => write!(f, "server {at}"),
            Self::Sidecar { at, .. } => write!(f, "sidecar {at}"),
        }
    }
}

/// One fact of permission that a writer turns on and off. Each has one writer, so its writes follow
/// one another and at any moment it is known which of them may be in force.
#[derive(Debug, Clone)]
pub struct Register {
    /// Its tenant.
    pub tenant: TenantAt,
    /// What it is, for people.
    pub name: String,
}

/// A write: from its first attempt to the acknowledgement of any.
#[derive(Debug, Clone)]
pub struct Write {
    /// What it wrote.
    pub register: RegisterAt,
    /// On or off.
    pub value: bool,
    /// When the first attempt was sent.
    pub call: Nanos,
    /// When an acknowledgement came. None if the writer gave up; then it wrote no more, because the
    /// write may take effect at any time.
    pub ack: Option<Nanos>,
    /// The tenant's revision according to the acknowledgement.
    pub revision: u64,
}

/// One attempt to make a write; all attempts of a write carry the same request id.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Of which register.
    pub register: RegisterAt,
    /// Where.
    pub place: Place,
    /// When it was sent.
    pub call: Nanos,
    /// When it came back, or was given up.
    pub end: Nanos,
    /// Why it was not acknowledged; none if it was.
    pub refused: Option<Refused>,
}

/// How something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A single check.
    Check,
    /// A check within a batch.
    Batch,
    /// A page of visible faxes.
    List,
    /// The number to present.
    CallerId,
    /// Who receives a fax.
    AutoAssign,
}

/// An answer about one register.
#[derive(Debug, Clone)]
pub struct Answer {
    /// About what.
    pub register: RegisterAt,
    /// How.
    pub kind: Kind,
    /// By whom.
    pub place: Place,
    /// In which life of that process, counted from its first start. None if it was started again
    /// while the question was under way.
    pub life: Option<u16>,
    /// When the question was sent.
    pub call: Nanos,
    /// When the answer came.
    pub reply: Nanos,
    /// What it said; none if it was neither on nor off: a page that showed some of the faxes that
    /// belong together.
    pub value: Option<bool>,
    /// The tenant's revision that the answer says it is of.
    pub revision: u64,
    /// The revision of the token that the question carried; 0 for none.
    pub at_least: u64,
}

impl Answer {
    /// Whether a sidecar passed the question on, so that this is the answer of its parent.
    pub fn is_passed_on(&self) -> bool {
        self.place.is_sidecar() && (self.kind == Kind::List || self.at_least > 0)
    }
}

/// A question without an answer.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// How it was asked.
    pub kind: Kind,
    /// By whom.
    pub place: Place,
    /// When the question was sent.
    pub call: Nanos,
    /// When it came back, or was given up.
    pub end: Nanos,
    /// Why.
    pub why: Refused,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// The server said so: the name of the code, and the stable reason where it gave one.
    Status(&'static str, String),
    /// No connection, or it broke.
    Transport,
    /// Nothing came for as long as the client waits.
    Silence,
    /// There was nobody to send it to.
    Nobody,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code, reason) if reason.is_empty() => f.write_str(code),
            Self::Status(code, reason) => write!(f, "{code} ({reason})"),
            Self::Transport => f.write_str("connection failed"),
            Self::Nobody => f.write_str("nobody serves"),
            Self::Silence => f.write_str("no reply within the client's patience"),
        }
    }
}

/// A time in which something was made to go wrong.
#[derive(Debug, Clone)]
pub struct Disturbance {
    /// What.
    pub what: &'static str,
    /// When it began.
    pub from: Nanos,
    /// When it was over: the link healed, the process up again.
    pub until: Nanos,
    /// The one concerned; none for all.
    pub place: Option<Place>,
    /// Whether it comes between the one concerned and its database or parent, or stops it.
    pub cuts_off: bool,
    /// How much it really did, in the measure of its kind. 0: it met nothing.
    pub effect: u64,
}

/// All of a run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The registers.
    pub registers: Vec<Register>,
    /// The writes, in any order.
    pub writes: Vec<Write>,
    /// The attempts to make them, in any order.
    pub attempts: Vec<Attempt>,
    /// The answers, in any order.
    pub answers: Vec<Answer>,
    /// The questions without answers, in any order.
    pub refusals: Vec<Refusal>,
    /// What was made to go wrong, in any order.
    pub disturbances: Vec<Disturbance>,
}

impl History {
    /// Takes in what another recorded about the same registers.
    pub fn absorb(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.attempts.extend(other.attempts);
        self.answers.extend(other.answers);
        self.refusals.extend(other.refusals);
        self.disturbances.extend(other.disturbances);
    }

    /// The tenant of a register.
    pub fn tenant(&self, register: RegisterAt) -> TenantAt {
        self.register(register).map_or(TenantAt::MAX, |register| register.tenant)
    }

    /// A register.
    pub fn register(&self, register: RegisterAt) -> Option<&Register> {
        usize::try_from(register).ok().and_then(|at| self.registers.get(at))
    }
}

/// On or off, for people.
pub fn word(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "on",
        Some(false) => "off",
        None => "torn",
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write of {} called at {:.6} s", word(Some(self.value)), seconds(self.call))?;
        match self.ack {
            Some(ack) => {
                write!(f, ", acknowledged at {:.6} s as revision {}", seconds(ack), self.revision)
            }
            None => f.write_str(", never acknowledged"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, end) = (seconds(self.call), seconds(self.end));
        write!(f, "attempt on {} from {call:.6} s to {end:.6} s: ", self.place)?;
        match &self.refused {
            Some(why) => write!(f, "{why}"),
            None => f.write_str("acknowledged"),
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from {:.3} s to {:.3} s",
            self.what,
            seconds(self.from),
            seconds(self.until)
        )?;
        self.place.map_or(Ok(()), |place| write!(f, ", {place}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, value) = (self.kind, word(self.value));
        write!(f, "{kind:?} called at {:.6} s on {}", seconds(self.call), self.place)?;
        if let Some(life) = self.life {
            write!(f, " (start {life})")?;
        }
        write!(f, " answered {value} of revision {}", self.revision)?;
        write!(f, " at {:.6} s", seconds(self.reply))?;
        match self.at_least {
            0 => Ok(()),
            at_least => write!(f, ", asked for at least revision {at_least}"),
        }
    }
}
