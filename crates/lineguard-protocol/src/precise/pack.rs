//! A state in 192 bits, and back.
//!
//! Both directions are written once: [`Pack`] walks through a state and either appends each field
//! to the words or fills it from them.

use super::Config;
use super::history::{Both, Change, History, Part, Revision, Stamp};
use super::state::{Caller, Check, Entry, Eviction, Hand, Poll, Replica, Sent, State};

/// This state in words. Different states of one configuration have different words.
pub(super) fn pack(config: &Config, state: &State) -> [u64; 3] {
    let mut pack = Pack { words: [0; 3], used: 0, fill: false, redrawn: config.restore };
    // What is written does not change.
    let mut state = *state;
    pack.state(config, &mut state);
    pack.words
}

/// The state that [`pack`] made these words from.
pub(super) fn unpack(config: &Config, words: [u64; 3]) -> State {
    let mut pack = Pack { words, used: 0, fill: true, redrawn: config.restore };
    let mut state = State::INITIAL;
    pack.state(config, &mut state);
    state
}

/// A place in the words.
struct Pack {
    words: [u64; 3],
    used: u32,
    /// Whether fields are filled from the words.
    fill: bool,
    /// Whether there may be redrawn stamps.
    redrawn: bool,
}

impl Pack {
    /// A number below `1 << bits`.
    fn number(&mut self, value: &mut u8, bits: u32) {
        // No number is torn apart between two words.
        if self.used % u64::BITS + bits > u64::BITS {
            self.used = self.used.next_multiple_of(u64::BITS);
        }
        let shift = self.used % u64::BITS;
        let Some(word) = self.words.get_mut((self.used / u64::BITS) as usize) else {
            debug_assert!(false, "the words are full");
            return;
        };
        if self.fill {
            *value = (*word >> shift & ((1 << bits) - 1)) as u8;
        } else {
            debug_assert!(u32::from(*value) < 1 << bits, "{value} does not fit {bits} bits");
            *word |= u64::from(*value) << shift;
        }
        self.used += bits;
    }

    fn flag(&mut self, value: &mut bool) {
        let mut number = u8::from(*value);
        self.number(&mut number, 1);
        *value = number == 1;
    }

    fn revision(&mut self, value: &mut Revision) {
        self.number(value, 2);
    }

    fn stamp(&mut self, value: &mut Stamp) {
        self.revision(&mut value.counter);
        if self.redrawn {
            self.flag(&mut value.redrawn);
        }
    }

    fn optional<T: Copy>(
        &mut self,
        value: &mut Option<T>,
        blank: T,
        field: impl FnOnce(&mut Self, &mut T),
    ) {
        let mut there = value.is_some();
        self.flag(&mut there);
        if there {
            let mut inside = value.unwrap_or(blank);
            field(self, &mut inside);
            *value = Some(inside);
        } else {
            *value = None;
        }
    }

    fn state(&mut self, config: &Config, state: &mut State) {
        self.history(config, &mut state.history);
        self.revision(&mut state.settled);
        if config.level2 {
            for stored in &mut state.level2 {
                self.flag(&mut stored.original);
                if self.redrawn {
                    self.flag(&mut stored.redrawn);
                }
            }
        }
        for replica in state.replicas.iter_mut().take(usize::from(config.replicas)) {
            self.replica(config, replica);
        }
    }

    fn history(&mut self, config: &Config, history: &mut History) {
        self.revision(&mut history.counter);
        for change in &mut history.original {
            self.change(change);
        }
        if config.restore {
            self.optional(&mut history.backup, 0, Self::revision);
            for change in &mut history.since {
                self.change(change);
            }
        }
    }

    fn change(&mut self, change: &mut Option<Change>) {
        const CHANGES: [Option<Change>; 5] = [
            None,
            Some(Change::Of(Part::A)),
            Some(Change::Of(Part::B)),
            Some(Change::Unnamed),
            Some(Change::Elsewhere),
        ];
        let place = CHANGES.iter().position(|known| known == change).unwrap_or(0);
        let mut number = place as u8;
        self.number(&mut number, 3);
        *change = CHANGES.get(usize::from(number)).copied().flatten();
    }

    fn replica(&mut self, config: &Config, replica: &mut Replica) {
        self.flag(&mut replica.registered);
        self.flag(&mut replica.listed);
        self.revision(&mut replica.joined);
        self.revision(&mut replica.confirmed);
        self.optional(&mut replica.view, Stamp::default(), Self::stamp);
        self.flag(&mut replica.lease);
        self.revision(&mut replica.answered);
        self.revision(&mut replica.told);
        self.revision(&mut replica.newest.a);
        self.revision(&mut replica.newest.b);
        self.revision(&mut replica.floor);
        for known in &mut replica.known {
            self.optional(known, false, |pack, redrawn| {
                if pack.redrawn {
                    pack.flag(redrawn);
                }
            });
        }
        for entry in [&mut replica.entries.a, &mut replica.entries.b] {
            self.optional(entry, BLANK, Self::entry);
        }
        if config.evict {
            let blank = Eviction { part: Part::A, newest: 0 };
            self.optional(&mut replica.eviction, blank, Self::eviction);
        }
        for poll in replica.polls.iter_mut().take(usize::from(config.polls)) {
            self.poll(poll);
        }
        for check in replica.checks.iter_mut().take(usize::from(config.checks)) {
            self.check(check);
        }
    }

    fn entry(&mut self, entry: &mut Entry) {
        self.stamp(&mut entry.stamp);
        self.stamp(&mut entry.content);
    }

    fn eviction(&mut self, eviction: &mut Eviction) {
        let mut second = eviction.part == Part::B;
        self.flag(&mut second);
        eviction.part = if second { Part::B } else { Part::A };
        self.revision(&mut eviction.newest);
    }

    fn poll(&mut self, poll: &mut Poll) {
        let (mut phase, mut stamp, mut live, mut sent) = match *poll {
            Poll::Idle => (0, Stamp::default(), false, Sent::default()),
            Poll::Counters { stamp, live, sent } => (1, stamp, live, sent),
            Poll::Changes { stamp, sent } => (2, stamp, true, sent),
        };
        self.number(&mut phase, 2);
        if phase == 0 {
            *poll = Poll::Idle;
            return;
        }
        self.stamp(&mut stamp);
        self.flag(&mut live);
        self.flag(&mut sent.long_ago);
        self.flag(&mut sent.before_view);
        *poll = match phase {
            1 => Poll::Counters { stamp, live, sent },
            _ => Poll::Changes { stamp, sent },
        };
    }

    fn check(&mut self, check: &mut Check) {
        let mut phase = match check {
            Check::Idle => 0,
            Check::Looking { .. } => 1,
            Check::Fetched { .. } => 2,
        };
        self.number(&mut phase, 2);
        if self.fill {
            *check = blank(phase);
        }
        match check {
            Check::Idle => {}
            Check::Looking { caller, sight, leased, hands } => {
                self.caller(caller);
                self.stamp(sight);
                self.flag(leased);
                self.hand(&mut hands.a);
                self.hand(&mut hands.b);
            }
            Check::Fetched { caller, snapshot, contents, fresh, waits } => {
                self.caller(caller);
                self.stamp(snapshot);
                self.stamp(&mut contents.a);
                self.stamp(&mut contents.b);
                self.flag(&mut fresh.a);
                self.flag(&mut fresh.b);
                self.flag(waits);
            }
        }
    }

    fn caller(&mut self, caller: &mut Caller) {
        self.revision(&mut caller.floor);
        if self.redrawn {
            self.flag(&mut caller.before_restore);
        }
        self.revision(&mut caller.told);
    }

    fn hand(&mut self, hand: &mut Hand) {
        let (mut phase, mut entry) = match *hand {
            Hand::Untested => (0, BLANK),
            Hand::Unfit => (1, BLANK),
            Hand::Passed(entry) => (2, entry),
            Hand::Fit(entry) => (3, entry),
        };
        self.number(&mut phase, 2);
        if phase >= 2 {
            self.entry(&mut entry);
        }
        *hand = match phase {
            0 => Hand::Untested,
            1 => Hand::Unfit,
            2 => Hand::Passed(entry),
            _ => Hand::Fit(entry),
        };
    }
}

const BLANK: Entry = Entry {
    stamp: Stamp { counter: 0, redrawn: false },
    content: Stamp { counter: 0, redrawn: false },
};

/// A Check in the phase with this number, to be filled.
fn blank(phase: u8) -> Check {
    let (caller, stamp) = (Caller::default(), Stamp::default());
    match phase {
        0 => Check::Idle,
        1 => Check::Looking { caller, sight: stamp, leased: false, hands: Both::default() },
        _ => Check::Fetched {
            caller,
            snapshot: stamp,
            contents: Both::default(),
            fresh: Both::default(),
            waits: false,
        },
    }
}
