//! Breadth-first search over everything that can happen.

use std::fmt;

/// A world that can be searched.
pub trait Model {
    /// What everybody remembers.
    type State: Copy;
    /// One thing that happens.
    type Step: Copy;
    /// What a step may break.
    type Violation: Copy;
    /// A state without loss, in less room.
    type Word: Word;
    /// What was met on the way.
    type Landmarks: Default;

    /// The state in which everything begins.
    fn first(&self) -> Self::State;

    /// A state in its small form. Different states have different ones.
    fn pack(&self, state: &Self::State) -> Self::Word;

    /// The state that a small form was made from.
    fn unpack(&self, word: Self::Word) -> Self::State;

    /// Everything that can happen next, in a fixed order, in place of what `next` held.
    fn successors(&self, state: &Self::State, next: &mut Vec<(Self::Step, Self::State)>);

    /// Asks of a step what must hold of it.
    ///
    /// # Errors
    ///
    /// What it breaks.
    fn judge(
        &self,
        before: &Self::State,
        step: Self::Step,
        after: &Self::State,
    ) -> Result<(), Self::Violation>;

    /// Adds what a step shows.
    fn note(&self, landmarks: &mut Self::Landmarks, step: Self::Step);
}

/// A packed state.
pub trait Word: Copy + Eq {
    /// A number that spreads over all 64 bits. Equal words have equal numbers.
    fn mix(self) -> u64;
}

/// What a search found.
#[derive(Debug)]
pub struct Outcome<S, V, L> {
    /// How many different states were found. If there is no counterexample, these are all.
    pub states: usize,
    /// How many steps lead from those whose successors were looked at.
    pub steps: usize,
    /// How many steps the farthest state is away from the first.
    pub depth: usize,
    /// What was met on the way.
    pub landmarks: L,
    /// A shortest way to break an invariant.
    pub counterexample: Option<Counterexample<S, V>>,
}

/// A shortest way to break an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample<S, V> {
    /// Everything that happens, in order. The last step breaks the invariant.
    pub steps: Vec<S>,
    /// What it breaks.
    pub violation: V,
}

/// What a search of a model finds.
pub type Found<M> = Outcome<<M as Model>::Step, <M as Model>::Violation, <M as Model>::Landmarks>;

/// Visits every state that can be reached, until a step breaks an invariant.
///
/// States are visited in the order of their distance from the first one, so that the first
/// violation found is one with the fewest steps. The set of visited states holds the states
/// themselves and not only hashes of them: none is passed over by mistake.
#[must_use]
pub fn search<M: Model>(model: &M) -> Found<M> {
    let mut visited = Visited::new(model.pack(&model.first()));
    let mut outcome = Outcome {
        states: 0,
        steps: 0,
        depth: 0,
        landmarks: M::Landmarks::default(),
        counterexample: None,
    };
    let mut next = Vec::new();
    let mut cursor = 0;
    let mut level_end = visited.words.len();
    while let Some(&word) = visited.words.get(cursor) {
        if cursor == level_end {
            outcome.depth += 1;
            level_end = visited.words.len();
        }
        let state = model.unpack(word);
        model.successors(&state, &mut next);
        outcome.steps += next.len();
        for (step, after) in &next {
            model.note(&mut outcome.landmarks, *step);
            if let Err(violation) = model.judge(&state, *step, after) {
                let mut steps = way_to(model, &visited, cursor);
                steps.push(*step);
                outcome.states = visited.words.len();
                outcome.counterexample = Some(Counterexample { steps, violation });
                return outcome;
            }
            visited.add(model.pack(after), cursor);
        }
        cursor += 1;
    }
    outcome.states = visited.words.len();
    outcome
}

/// The steps from the first state to the one at this place.
fn way_to<M: Model>(model: &M, visited: &Visited<M::Word>, mut place: usize) -> Vec<M::Step> {
    let mut steps = Vec::new();
    let mut next = Vec::new();
    while place > 0 {
        let (Some(&word), Some(&parent)) = (visited.words.get(place), visited.parents.get(place))
        else {
            break;
        };
        let parent = parent as usize;
        let Some(&from) = visited.words.get(parent) else { break };
        model.successors(&model.unpack(from), &mut next);
        steps.extend(next.iter().find(|(_, to)| model.pack(to) == word).map(|(step, _)| *step));
        place = parent;
    }
    steps.reverse();
    steps
}

/// The states found so far, in the order in which they were found.
struct Visited<W> {
    words: Vec<W>,
    /// For each state the place of the one that it was found from.
    parents: Vec<u32>,
    /// Places of states, found by their hash: the first free slot after it ends the search.
    slots: Vec<u32>,
}

/// A slot that holds no place. Four thousand million states would not fit the memory anyway.
const FREE: u32 = u32::MAX;

impl<W: Word> Visited<W> {
    fn new(first: W) -> Self {
        let mut visited =
            Self { words: Vec::new(), parents: Vec::new(), slots: vec![FREE; 1 << 16] };
        visited.add(first, 0);
        visited
    }

    fn add(&mut self, word: W, parent: usize) {
        let slot = self.slot(word);
        if let Some(place) = self.slots.get_mut(slot).filter(|place| **place == FREE) {
            *place = u32::try_from(self.words.len()).unwrap_or(FREE);
            self.words.push(word);
            self.parents.push(u32::try_from(parent).unwrap_or(FREE));
            if self.words.len() * 4 > self.slots.len() * 3 {
                self.grow();
            }
        }
    }

    /// The slot that holds the word's place, or the free one that should.
    fn slot(&self, word: W) -> usize {
        // There are always free slots, and their number is a power of two.
        let mask = self.slots.len() - 1;
        let mut slot = word.mix() as usize & mask;
        while let Some(&place) = self.slots.get(slot) {
            if place == FREE || self.words.get(place as usize) == Some(&word) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        for (place, word) in (0..).zip(&self.words) {
            let slot = self.slot(*word);
            if let Some(free) = self.slots.get_mut(slot) {
                *free = place;
            }
        }
    }
}

impl Word for u64 {
    fn mix(self) -> u64 {
        let product = u128::from(self).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (product >> 64) as Self ^ product as Self
    }
}

impl Word for u128 {
    fn mix(self) -> u64 {
        ((self as u64).mix().rotate_left(23) ^ (self >> 64) as u64).mix()
    }
}

impl Word for [u64; 3] {
    fn mix(self) -> u64 {
        self.into_iter().fold(0, |sum: u64, word| (sum.rotate_left(23) ^ word).mix())
    }
}

impl<S: fmt::Display, V: fmt::Display> fmt::Display for Counterexample<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>3}. {step}")?;
        }
        write!(f, "     So {}.", self.violation)
    }
}
