//! A model of the lease protocol, small enough to visit every state that it can reach.
//!
//! The protocol lets a replica answer from memory and still never give a decision that is older
//! than a change somebody was told is in effect. It rests on a dozen rules about the order of a
//! few events, and leaving any of them out breaks it only under unlucky timing. Tests of the
//! running server rarely meet that timing; the search in this crate meets all of it, within the
//! bounds of a [`Config`].
//!
//! - [`State`]: everything that the protocol's parties remember, packed into 64 bits.
//! - [`Step`]: one thing that one party does, or one tick of time.
//! - [`invariant`]: what must hold whenever a Check answers.
//! - [`mod@search`]: breadth first, so that a counterexample is a shortest one.
//! - [`Mutant`]: one rule left out, to show that the model would notice.
//!
//! These are the coarse model: leases, membership and acknowledgements, where any change outdates
//! everything. [`precise`] is a second model, of what a change outdates and what it does not,
//! [`sidecar`] a third, of replicas that take their leases from another replica, and [`moving`] a
//! fourth, of a database whose copies change their roles.
//!
//! `docs/protocol.md` says what is modelled, what is not, and what was measured.

pub mod invariant;
pub mod moving;
pub mod mutant;
pub mod precise;
pub mod search;
pub mod sidecar;
pub mod state;
pub mod step;

pub use mutant::Mutant;
pub use search::{Counterexample, Model, Outcome, search};
pub use state::State;
pub use step::{Landmark, Landmarks, Step};

use invariant::Violation;

/// How large the world of one search is, and which rule it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many writers there are, at most two. Each writes once.
    pub writers: u8,
    /// How many polls the replica may have in flight, at most two.
    pub polls: u8,
    /// How many ticks the replica's clock may lose against everybody else's, at most one.
    pub lost_ticks: u8,
    /// The rule that is left out, if any.
    pub mutant: Option<Mutant>,
}

impl Config {
    /// One writer, one poll, an exact clock: done in no time, and too small for three mutants.
    pub const SMALL: Self = Self { writers: 1, polls: 1, lost_ticks: 0, mutant: None };

    /// One writer; two polls may overtake each other and the replica's clock may lose a tick.
    pub const ONE_WRITER: Self = Self { writers: 1, polls: 2, lost_ticks: 1, mutant: None };

    /// Two writers, the second of which may find its change already made.
    pub const TWO_WRITERS: Self = Self { writers: 2, polls: 1, lost_ticks: 0, mutant: None };

    /// Everything at once: too large for every day.
    pub const LARGE: Self = Self { writers: 2, polls: 2, lost_ticks: 1, mutant: None };

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

    /// How many ticks a writer or a fencer waits for a lease that it cannot see to run out.
    ///
    /// One more than the lease itself, as the replica's clock may lose one.
    #[must_use]
    pub fn wait(&self) -> u8 {
        if self.lacks(Mutant::NoMargin) { state::LEASE } else { state::WAIT }
    }
}

impl Model for Config {
    type State = State;
    type Step = Step;
    type Violation = Violation;
    type Word = u64;
    type Landmarks = Landmarks;

    fn first(&self) -> State {
        State::initial(self.lost_ticks)
    }

    fn pack(&self, state: &State) -> u64 {
        state.pack()
    }

    fn unpack(&self, word: u64) -> State {
        State::unpack(word)
    }

    fn successors(&self, state: &State, next: &mut Vec<(Step, State)>) {
        step::successors(self, state, next);
    }

    fn judge(&self, before: &State, step: Step, after: &State) -> Result<(), Violation> {
        invariant::fresh(step)?;
        match self.mutant {
            Some(_) => Ok(()),
            None => invariant::inner(before, step, after),
        }
    }

    fn note(&self, landmarks: &mut Landmarks, step: Step) {
        landmarks.note(step);
    }
}
