//! The precise form of the protocol: a change outdates only what it concerns.
//!
//! A stored part of an answer carries the stamp that it was read at, and stays good through later
//! changes that concern other things. What concerned what is told by rows that each change writes;
//! the replica keeps the newest change of each thing. The rules by which that stays right are the
//! subject of this model; leases, fencing and waiting are modelled in full by the coarse one and
//! only as far as needed here.
//!
//! - [`History`]: what the database holds, and what it held before it was restored.
//! - [`State`], [`Step`]: as in the coarse model.
//! - [`invariant`]: what must hold whenever a Check answers, and inside a replica.
//! - [`Mutant`]: one rule left out.

pub mod history;
pub mod invariant;
pub mod mutant;
pub mod state;
pub mod step;

mod check;
mod database;
mod pack;
mod poll;
mod records;
mod words;

pub use history::{Change, History, Line, Part, Revision, Stamp};
pub use invariant::{Ask, Violation};
pub use mutant::Mutant;
pub use state::State;
pub use step::{Landmark, Landmarks, Step};

use crate::Model;

/// What a Check does with what it had to ask the database for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It answers at the snapshot that it got, and no later Check of the incarnation is answered
    /// from memory at an older view. Parts from memory are used only if the view that they were
    /// tested at has the very stamp of the snapshot.
    Answering,
    /// It waits until a poll has brought the view up to the snapshot, and begins anew.
    Waiting,
}

/// How large the world of one search is, and which rule it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// What a Check does that had to ask the database.
    pub form: Form,
    /// How far the database's counter may go, at most 3.
    pub commits: Revision,
    /// How many polls a replica may have in flight, at most two.
    pub polls: u8,
    /// How many Checks a replica may work on at a time, at most two.
    pub checks: u8,
    /// How many replicas there are, at most two.
    pub replicas: u8,
    /// Whether the database may be restored, once.
    pub restore: bool,
    /// Whether a change may raise the counter and fail to say what it concerned.
    pub unnamed: bool,
    /// Whether a change may concern neither of the two parts.
    pub elsewhere: bool,
    /// Whether a replica may drop records, for want of room, in two steps.
    pub evict: bool,
    /// Whether there is a second level of cache.
    pub level2: bool,
    /// The rule that is left out, if any.
    pub mutant: Option<Mutant>,
    /// What is asked of each step.
    pub ask: Ask,
}

impl Config {
    /// One replica, one Check, one poll, two changes that say what they concern.
    pub const BASE: Self = Self {
        form: Form::Answering,
        commits: 2,
        polls: 1,
        checks: 1,
        replicas: 1,
        restore: false,
        unnamed: false,
        elsewhere: false,
        evict: false,
        level2: false,
        mutant: None,
        ask: Ask::Everything,
    };

    /// Two Checks at a time.
    pub const TWO_CHECKS: Self = Self { checks: 2, ..Self::BASE };

    /// Two polls that may overtake each other, and changes of every kind.
    pub const TWO_POLLS: Self = Self { polls: 2, unnamed: true, elsewhere: true, ..Self::BASE };

    /// Records are dropped, in two steps, while a Check looks at them.
    pub const EVICTION: Self = Self { evict: true, ..Self::BASE };

    /// Three changes.
    pub const THREE_COMMITS: Self = Self { commits: 3, ..Self::BASE };

    /// The database is restored; two changes on either side.
    pub const RESTORE: Self = Self { restore: true, ..Self::BASE };

    /// The database is restored; one change on either side, of any kind, and everything that may
    /// still know of the lost one: two polls and the second level.
    pub const AFTERMATH: Self = Self {
        commits: 1,
        polls: 2,
        restore: true,
        unnamed: true,
        elsewhere: true,
        level2: true,
        ..Self::BASE
    };

    /// Two replicas that share the second level; a single change.
    pub const TWO_REPLICAS: Self =
        Self { commits: 1, replicas: 2, elsewhere: true, level2: true, ..Self::BASE };

    /// This configuration where a Check waits for the view.
    #[must_use]
    pub const fn waiting(self) -> Self {
        Self { form: Form::Waiting, ..self }
    }

    /// This configuration with one rule left out, asked for what callers can see.
    #[must_use]
    pub const fn without(self, rule: Mutant) -> Self {
        Self { mutant: Some(rule), ask: Ask::Promise, ..self }
    }

    /// This configuration with another question.
    #[must_use]
    pub const fn asking(self, ask: Ask) -> Self {
        Self { ask, ..self }
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
    type Word = [u64; 3];
    type Landmarks = Landmarks;

    fn first(&self) -> State {
        State::INITIAL
    }

    fn pack(&self, state: &State) -> [u64; 3] {
        pack::pack(self, state)
    }

    fn unpack(&self, words: [u64; 3]) -> State {
        pack::unpack(self, words)
    }

    fn successors(&self, state: &State, next: &mut Vec<(Step, State)>) {
        step::successors(self, state, next);
    }

    fn judge(&self, before: &State, step: Step, after: &State) -> Result<(), Violation> {
        invariant::judge(self, before, step, after)
    }

    fn note(&self, landmarks: &mut Landmarks, step: Step) {
        landmarks.note(step);
    }
}
