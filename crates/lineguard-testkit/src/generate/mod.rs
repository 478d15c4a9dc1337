//! Random tenants, questions and models, the same for the same seed.

mod facts;
mod focus;
mod model;
mod question;
mod story;
mod world;

pub use focus::focus;
pub use model::model;
pub use question::{Asked, caller_id_question, number_facts, question};
pub use story::{PLAIN_NAMES, Story, random_fax, story};
pub use world::world;

/// A small generator of pseudo-random numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, but not including, `bound`; 0 if the bound is 0.
    pub const fn below(&mut self, bound: usize) -> usize {
        match (self.next() >> 16).checked_rem(bound as u64) {
            Some(rest) => rest as usize,
            None => 0,
        }
    }

    /// A number of a range, both ends included.
    pub const fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }

    /// True in this many of a hundred cases.
    pub const fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these; none if there are none.
    pub fn pick<'a, T>(&mut self, these: &'a [T]) -> Option<&'a T> {
        these.get(self.below(these.len()))
    }

    /// Up to `most` of these, without repeats, in their order.
    pub fn some<T: Clone>(&mut self, these: &[T], most: usize) -> Vec<T> {
        let wanted = self.between(0, most.min(these.len()));
        let mut left = wanted;
        let mut taken = Vec::with_capacity(wanted);
        for (at, one) in these.iter().enumerate() {
            if left > 0 && self.below(these.len() - at) < left {
                taken.push(one.clone());
                left -= 1;
            }
        }
        taken
    }
}
