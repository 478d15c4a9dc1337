//! The model of a database that moves: copies that change their roles, addresses that lead to
//! another copy, commits that are lost, and leases of different lengths.
//!
//! There are two copies, of which one is the primary; one replica; one writer at a time, whose
//! change has the whole of the history before it as its target. What a replica remembers is its
//! view and nothing else, as in the coarse model.
//!
//! A statement is read when it is sent, and a commit is shown by the primary at once and returns
//! when the standby has it.

mod answers;
mod content;
mod copies;
mod invariant;
mod mutant;
mod pack;
mod replica;
mod state;
mod step;
mod words;
mod writer;

pub use content::{Beat, Content, Event, Log, Path, Row};
pub use invariant::Violation;
pub use mutant::Mutant;
pub use state::{Flying, Incarnation, Replica, Role, State, Writer};
pub use step::{Effect, Landmark, Landmarks, Place, Step, successors};

use crate::search::Model;

/// How much may happen in one search, and which rule it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many changes a history may hold, at most two.
    pub changes: u8,
    /// How many transactions the standby may be behind, at most [`Log::ROOM`].
    pub lag: u8,
    /// How often a standby may be promoted, at most twice. Between the two nothing is written.
    pub promotions: u8,
    /// Whether a commit returns before the standby has it, so that a failover may lose it.
    pub lossy: bool,
    /// Whether the standby may be made writable by mistake.
    pub strays: bool,
    /// Whether there is a third copy, which stands still until it comes as far as another.
    pub cuts: bool,
    /// Whether the replica may be fenced.
    pub fences: bool,
    /// Whether a fax may arrive, and be asked for.
    pub arrivals: bool,
    /// Whether changes have a mapping that the replica does not know.
    pub formats: bool,
    /// Whether such a change is taken for a change of everything, in place of a refusal.
    pub tolerant: bool,
    /// Whether incarnations differ in their leases, and in what their rows say of them.
    pub rolling: bool,
    /// Whether replies to polls may be delayed.
    pub late: bool,
    /// Whether commits on a deposed primary return, against what is assumed.
    pub deposed_returns: bool,
    /// The rule that is left out, if any.
    pub mutant: Option<Mutant>,
}

impl Config {
    /// A standby that is behind and a copy that stands still, and fences.
    pub const LAGGING: Self = Self {
        changes: 2,
        lag: 3,
        promotions: 0,
        lossy: false,
        strays: false,
        cuts: true,
        fences: true,
        arrivals: false,
        formats: false,
        tolerant: false,
        rolling: false,
        late: false,
        deposed_returns: false,
        mutant: None,
    };

    /// Replicas whose leases differ, and an older program among them.
    pub const ROLLING: Self = Self { changes: 1, lag: 2, rolling: true, ..Self::LAGGING };

    /// A failover that loses nothing of what has returned.
    pub const FAILOVER: Self = Self { promotions: 1, cuts: false, fences: false, ..Self::LAGGING };

    /// A failover that loses commits that have returned.
    pub const LOSSY: Self = Self { lossy: true, ..Self::FAILOVER };

    /// Two of them, the second of which makes the first server the primary again.
    pub const FAILBACK: Self = Self { changes: 1, promotions: 2, ..Self::LOSSY };

    /// Fences, and a failover that may lose those that have not returned.
    pub const FENCES: Self = Self { changes: 1, lag: 2, promotions: 1, ..Self::LAGGING };

    /// Arrivals, which raise no counter.
    pub const ARRIVALS: Self = Self { changes: 1, arrivals: true, ..Self::FAILOVER };

    /// A standby that was made writable.
    pub const STRAY: Self = Self { changes: 1, strays: true, fences: false, ..Self::LAGGING };

    /// A program that does not know what the store holds.
    pub const FORMATS: Self = Self { formats: true, fences: false, ..Self::LAGGING };

    /// This configuration with one rule left out.
    #[must_use]
    pub const fn without(self, rule: Mutant) -> Self {
        Self { mutant: Some(rule), ..self }
    }

    /// Whether exactly this rule is left out.
    #[must_use]
    pub fn lacks(&self, rule: Mutant) -> bool {
        self.mutant == Some(rule)
    }
}

impl Model for Config {
    type State = State;
    type Step = Step;
    type Violation = Violation;
    type Word = u128;
    type Landmarks = Landmarks;

    fn first(&self) -> State {
        State::initial(self)
    }

    fn pack(&self, state: &State) -> u128 {
        state.pack()
    }

    fn unpack(&self, word: u128) -> State {
        State::unpack(word)
    }

    fn successors(&self, state: &State, next: &mut Vec<(Step, State)>) {
        successors(self, state, next);
    }

    fn judge(&self, before: &State, step: Step, after: &State) -> Result<(), Violation> {
        invariant::fresh(before, step)?;
        match self.mutant {
            Some(_) => Ok(()),
            None => invariant::inner(self, before, after),
        }
    }

    fn note(&self, landmarks: &mut Landmarks, step: Step) {
        landmarks.note(step);
    }
}
