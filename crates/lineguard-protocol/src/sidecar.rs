//! The model of sidecars: replicas without a database, which ask a parent for their leases.
//!
//! One parent, which is a replica like those of the coarse model, one sidecar that follows it, and
//! one writer at a time. Polls and renewals are read when they are sent: one that is read later is
//! one that was sent later, and its lease would only be shorter.
//!
//! There are no Checks. Whoever holds a lease may be asked at any moment and answers from its view
//! at once, so that is asked of every state ([`Step::Answer`]).

mod invariant;
mod mutant;
mod pack;
mod parent;
mod state;
mod step;
mod words;
mod writer;

pub use invariant::Violation;
pub use mutant::Mutant;
pub use state::{Database, Grant, Life, Parent, Poll, Renewal, Row, Sidecar, State, View, Writer};
pub use step::{Landmark, Landmarks, Party, Step, successors};

use crate::search::Model;

/// How much may happen in one search, and which rule it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Ticks that one clock, the parent's or the sidecar's, loses against everybody else's.
    pub lost_ticks: u8,
    /// How often the parent's process may die and start again, at most once.
    pub deaths: u8,
    /// Whether the parent may be fenced.
    pub fences: bool,
    /// Whether the database may be restored to the state before the write, once.
    pub restores: bool,
    /// The rule that is left out, if any.
    pub mutant: Option<Mutant>,
}

impl Config {
    /// Leases, grants, the end of the parent, and a clock that loses a tick.
    pub const LEASES: Self =
        Self { lost_ticks: 1, deaths: 0, fences: false, restores: false, mutant: None };

    /// The parent loses its incarnation or its process and begins anew, with grants outstanding.
    pub const INCARNATIONS: Self =
        Self { lost_ticks: 0, deaths: 1, fences: true, restores: false, mutant: None };

    /// Another history.
    pub const RESTORE: Self =
        Self { lost_ticks: 0, deaths: 1, fences: false, restores: true, mutant: None };

    /// Everything at once.
    pub const LARGE: Self =
        Self { lost_ticks: 1, deaths: 1, fences: true, restores: true, mutant: None };

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
    type Word = u64;
    type Landmarks = Landmarks;

    fn first(&self) -> State {
        State::initial(self)
    }

    fn pack(&self, state: &State) -> u64 {
        state.pack()
    }

    fn unpack(&self, word: u64) -> State {
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
