//! Breadth-first search over everything that can happen.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::Config;
use crate::invariant::{self, Violation};
use crate::state::State;
use crate::step::{self, Landmarks, Step};

/// What a search found.
#[derive(Debug)]
pub struct Outcome {
    /// How many different states were found. If there is no counterexample, these are all.
    pub states: usize,
    /// How many steps lead from those whose successors were looked at.
    pub steps: usize,
    /// How many steps the farthest state is away from the first.
    pub depth: usize,
    /// What was met on the way.
    pub landmarks: Landmarks,
    /// A shortest way to break an invariant.
    pub counterexample: Option<Counterexample>,
}

/// A shortest way to break an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// Everything that happens, in order. The last step breaks the invariant.
    pub steps: Vec<Step>,
    /// What it breaks.
    pub violation: Violation,
}

/// Visits every state that can be reached, until a step breaks an invariant.
///
/// States are visited in the order of their distance from the first one, so that the first
/// violation found is one with the fewest steps. The set of visited states holds the states
/// themselves and not only hashes of them: none is passed over by mistake.
#[must_use]
pub fn search(config: &Config) -> Outcome {
    let first = State::initial(config.lost_ticks).pack();
    let mut found = Found::default();
    found.add(first, 0);
    let mut outcome = Outcome {
        states: 0,
        steps: 0,
        depth: 0,
        landmarks: Landmarks::default(),
        counterexample: None,
    };
    let mut next = Vec::new();
    let mut cursor = 0;
    let mut level_end = found.words.len();
    while let Some(&word) = found.words.get(cursor) {
        if cursor == level_end {
            outcome.depth += 1;
            level_end = found.words.len();
        }
        let state = State::unpack(word);
        step::successors(config, &state, &mut next);
        outcome.steps += next.len();
        for (step, after) in &next {
            outcome.landmarks.note(*step);
            if let Err(violation) = judge(config, &state, *step, after) {
                let mut steps = found.way_to(config, cursor);
                steps.push(*step);
                outcome.states = found.words.len();
                outcome.counterexample = Some(Counterexample { steps, violation });
                return outcome;
            }
            found.add(after.pack(), cursor);
        }
        cursor += 1;
    }
    outcome.states = found.words.len();
    outcome
}

/// Asks of a step what must hold of it.
fn judge(config: &Config, before: &State, step: Step, after: &State) -> Result<(), Violation> {
    invariant::fresh(step)?;
    match config.mutant {
        Some(_) => Ok(()),
        None => invariant::inner(before, step, after),
    }
}

/// The states found so far, in the order in which they were found.
#[derive(Default)]
struct Found {
    seen: HashSet<u64, BuildHasherDefault<Mix>>,
    words: Vec<u64>,
    /// For each state the place of the one that it was found from.
    parents: Vec<u32>,
}

impl Found {
    fn add(&mut self, word: u64, parent: usize) {
        if self.seen.insert(word) {
            self.words.push(word);
            // Four thousand million states would not fit the memory of this search anyway.
            self.parents.push(u32::try_from(parent).unwrap_or(u32::MAX));
        }
    }

    /// The steps from the first state to the one at this place.
    fn way_to(&self, config: &Config, mut place: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut next = Vec::new();
        while place > 0 {
            let (Some(&word), Some(&parent)) = (self.words.get(place), self.parents.get(place))
            else {
                break;
            };
            let Ok(parent) = usize::try_from(parent) else { break };
            let Some(&from) = self.words.get(parent) else { break };
            step::successors(config, &State::unpack(from), &mut next);
            steps.extend(next.iter().find(|(_, to)| to.pack() == word).map(|(step, _)| *step));
            place = parent;
        }
        steps.reverse();
        steps
    }
}

/// Spreads a packed state over the bits of a hash. States are compared in full, so that a
/// collision costs time and nothing else.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let product =
            u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>3}. {step}")?;
        }
        write!(f, "     So {}.", self.violation)
    }
}
