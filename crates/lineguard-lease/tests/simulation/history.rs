//! What happened, and whether it kept the promise.

use std::collections::{BTreeMap, HashMap};

use lineguard_core::id::Revision;
use lineguard_core::stamp::{Shard, Stamp};

use crate::database::{Database, ShardState};

/// An answer that was given.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which start of which replica.
    pub process: (usize, u64),
    pub called: u64,
    pub replied: u64,
    pub shard: Shard,
    pub tenant: u64,
    /// The state that it claims to be of.
    pub stamp: Stamp,
    pub revision: Revision,
    pub values: Vec<(usize, u64)>,
    /// A state that the caller knew of, and its history.
    pub token: Option<(usize, Stamp)>,
    pub cached: bool,
}

/// One history: the states of each shard, and what of it was acknowledged when.
#[derive(Clone, Default)]
struct Line {
    states: HashMap<(Shard, u64), ShardState>,
    acknowledged: HashMap<Shard, BTreeMap<u64, u64>>,
    began: u64,
}

pub struct History {
    lines: Vec<Line>,
    pub answers: Vec<Answer>,
    pub acknowledgements: u64,
    pub by_expiry: u64,
    pub refused: u64,
    /// What was seen to be broken while it ran.
    pub broken: Option<String>,
    /// Whether nonces tell anything in this run.
    pub nonces: bool,
}

impl History {
    pub fn new() -> Self {
        Self {
            lines: vec![Line::default()],
            answers: Vec::new(),
            acknowledgements: 0,
            by_expiry: 0,
            refused: 0,
            broken: None,
            nonces: true,
        }
    }

    pub fn committed(&mut self, history: usize, shard: Shard, state: ShardState) {
        self.lines[history].states.insert((shard, state.stamp.counter), state);
    }

    /// Somebody was told at `at` that the state with this counter is in force.
    pub fn acknowledged(&mut self, history: usize, shard: Shard, counter: u64, at: u64) {
        self.acknowledgements += 1;
        let of = self.lines[history].acknowledged.entry(shard).or_default();
        let highest = of.entry(at).or_insert(counter);
        *highest = counter.max(*highest);
    }

    /// Starts another history from a backup. What the backup holds is in force from the start.
    pub fn restored(&mut self, now: u64, backup: &Database) -> usize {
        let mut line = self.lines[backup.history].clone();
        line.states.retain(|(shard, counter), _| *counter <= backup.stamp(*shard).counter);
        line.acknowledged.clear();
        line.began = now;
        for (shard, state) in &backup.shards {
            line.acknowledged.entry(*shard).or_default().insert(now, state.stamp.counter);
        }
        self.lines.push(line);
        self.lines.len() - 1
    }

    /// What was broken, if anything.
    pub fn check(&self) -> Result<(), String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let mut highest: Vec<HashMap<Shard, BTreeMap<u64, u64>>> = Vec::new();
        for line in &self.lines {
            let rising = |of: &BTreeMap<u64, u64>| {
                let mut top = 0;
                of.iter()
                    .map(|(at, counter)| {
                        top = top.max(*counter);
                        (*at, top)
                    })
                    .collect()
            };
            highest.push(line.acknowledged.iter().map(|(s, of)| (*s, rising(of))).collect());
        }
        let mut chosen = Vec::new();
        for answer in &self.answers {
            let lines: Vec<_> =
                (0..self.lines.len()).filter(|line| self.overlaps(*line, answer)).collect();
            let fits = |line: usize| self.fits(line, &highest, answer);
            let fitting: Vec<_> = lines.iter().filter(|line| fits(**line).is_ok()).collect();
            match fitting[..] {
                [] => {
                    let why: Vec<_> = lines.iter().map(|line| (line, fits(*line))).collect();
                    return Err(format!("{answer:?} fits nowhere: {why:?}"));
                }
                [line] => chosen.push((*line, answer)),
                // Made while the database was restored: it may be of either.
                _ => {}
            }
        }
        self.check_monotone(&chosen)
    }

    /// Whether a history was the present one at some time while an answer was made.
    fn overlaps(&self, line: usize, answer: &Answer) -> bool {
        let ended = self.lines.get(line + 1).map_or(u64::MAX, |next| next.began);
        self.lines[line].began <= answer.replied && answer.called < ended
    }

    fn fits(
        &self,
        line: usize,
        highest: &[HashMap<Shard, BTreeMap<u64, u64>>],
        answer: &Answer,
    ) -> Result<(), String> {
        let Answer { shard, tenant, stamp, .. } = answer;
        let none = ShardState::default();
        let state = match self.lines[line].states.get(&(*shard, stamp.counter)) {
            Some(state) => state,
            None if stamp.counter == 0 => &none,
            None => return Err("no such state".into()),
        };
        if self.nonces && state.stamp != *stamp {
            return Err("a state of another history".into());
        }
        let of = state.tenants.get(tenant).cloned().unwrap_or_default();
        let right = answer.values.iter().all(|(thing, value)| of.values[*thing] == *value);
        if !right || of.revision != answer.revision {
            return Err(format!("the truth at that state is {of:?}"));
        }
        let floor = highest[line].get(shard).and_then(|of| of.range(..answer.called).next_back());
        let floor = floor.map_or(0, |(_, counter)| *counter);
        if stamp.counter < floor {
            return Err(format!("{floor} had been acknowledged before the call"));
        }
        match answer.token {
            Some((history, token)) if history == line && stamp.counter < token.counter => {
                Err(format!("older than the token {token:?}"))
            }
            _ => Ok(()),
        }
    }

    /// No replica answers at a lower state than it did before the call.
    fn check_monotone(&self, chosen: &[(usize, &Answer)]) -> Result<(), String> {
        type Key = (usize, (usize, u64), Shard);
        let mut groups: HashMap<Key, Vec<&Answer>> = HashMap::new();
        for (line, answer) in chosen {
            groups.entry((*line, answer.process, answer.shard)).or_default().push(answer);
        }
        for answers in groups.values() {
            let mut replies: Vec<_> =
                answers.iter().map(|answer| (answer.replied, answer.stamp.counter)).collect();
            replies.sort_unstable();
            let mut calls = answers.clone();
            calls.sort_by_key(|answer| answer.called);
            let (mut seen, mut top) = (0, 0);
            for answer in calls {
                while seen < replies.len() && replies[seen].0 < answer.called {
                    top = top.max(replies[seen].1);
                    seen += 1;
                }
                if answer.stamp.counter < top {
                    return Err(format!("{answer:?} goes back behind {top}"));
                }
            }
        }
        Ok(())
    }

    /// Whether a node answered without the database.
    pub fn answered_from_memory(&self, node: usize) -> bool {
        self.answers.iter().any(|answer| answer.cached && answer.process.0 == node)
    }

    /// A few words on what a run reached.
    pub fn summary(&self) -> String {
        let cached = self.answers.iter().filter(|answer| answer.cached).count();
        format!(
            "{} answers ({cached} cached), {} refused, {} acknowledged ({} by expiry), {} histories",
            self.answers.len(),
            self.refused,
            self.acknowledgements,
            self.by_expiry,
            self.lines.len(),
        )
    }
}
