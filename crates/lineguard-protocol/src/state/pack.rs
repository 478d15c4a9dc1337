//! A state in 64 bits, and back.

use super::{
    Audience, Check, Member, Poll, REVISIONS, Replica, Revision, State, Writer, WriterPhase,
};

/// Appends small numbers to a word.
#[derive(Default)]
struct Pack {
    word: u64,
    used: u32,
}

impl Pack {
    fn put(&mut self, value: u8, bits: u32) {
        debug_assert!(u32::from(value) < 1 << bits, "{value} does not fit {bits} bits");
        debug_assert!(self.used + bits <= u64::BITS, "the word is full");
        self.word |= u64::from(value) << self.used;
        self.used += bits;
    }
}

/// Takes them out again, in the same order.
struct Unpack(u64);

impl Unpack {
    fn take(&mut self, bits: u32) -> u8 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        // Never more than three bits are asked for.
        value as u8
    }
}

impl State {
    /// This state in a word. Different states have different words.
    #[must_use]
    pub fn pack(&self) -> u64 {
        let mut to = Pack::default();
        to.put(self.revision, 2);
        to.put(self.acknowledged, 2);
        to.put(self.ticks_to_lose, 1);
        for writer in &self.writers {
            to.put(writer.phase as u8, 3);
            to.put(writer.target, 2);
            to.put(writer.age, 2);
            to.put(writer.audience as u8, 2);
        }
        to.put(
            match self.member {
                Member::Absent => 0,
                Member::Live => 1,
                Member::Fenced { age } => 2 + age,
            },
            3,
        );
        let replica = &self.replica;
        to.put(u8::from(replica.registered), 1);
        to.put(replica.view, 2);
        to.put(replica.lease_age, 2);
        to.put(replica.confirmed, 2);
        for source in replica.cache {
            to.put(source.map_or(0, |revision| revision + 1), 2);
        }
        for poll in replica.polls {
            let (phase, age, revision, live) = match poll {
                Poll::Idle => (0, 0, 0, false),
                Poll::Sent { age } => (1, age, 0, false),
                Poll::Read { age, revision, live } => (2, age, revision, live),
            };
            to.put(phase, 2);
            to.put(age, 2);
            to.put(revision, 2);
            to.put(u8::from(live), 1);
        }
        let (phase, floor, revision) = match replica.check {
            Check::Idle => (0, 0, 0),
            Check::Called { floor } => (1, floor, 0),
            Check::Warm { floor, key } => (2, floor, key),
            Check::Filling { floor } => (3, floor, 0),
            Check::Filled { floor, revision } => (4, floor, revision),
        };
        to.put(phase, 3);
        to.put(floor, 2);
        to.put(revision, 2);
        to.word
    }

    /// The state that [`State::pack`] made this word from.
    #[must_use]
    pub fn unpack(word: u64) -> Self {
        let mut from = Unpack(word);
        Self {
            revision: from.take(2),
            acknowledged: from.take(2),
            ticks_to_lose: from.take(1),
            writers: [writer(&mut from), writer(&mut from)],
            member: match from.take(3) {
                0 => Member::Absent,
                1 => Member::Live,
                more => Member::Fenced { age: more.saturating_sub(2) },
            },
            replica: Replica {
                registered: from.take(1) == 1,
                view: from.take(2),
                lease_age: from.take(2),
                confirmed: from.take(2),
                cache: cache(&mut from),
                polls: [poll(&mut from), poll(&mut from)],
                check: check(&mut from),
            },
        }
    }
}

fn writer(from: &mut Unpack) -> Writer {
    Writer {
        phase: match from.take(3) {
            0 => WriterPhase::Idle,
            1 => WriterPhase::Open,
            2 => WriterPhase::Committed,
            3 => WriterPhase::Waiting,
            4 => WriterPhase::Acknowledged,
            _ => WriterPhase::Dead,
        },
        target: from.take(2),
        age: from.take(2),
        audience: match from.take(2) {
            0 => Audience::Unread,
            1 => Audience::Nobody,
            2 => Audience::Present,
            _ => Audience::Gone,
        },
    }
}

fn cache(from: &mut Unpack) -> [Option<Revision>; REVISIONS] {
    [(); REVISIONS].map(|()| from.take(2).checked_sub(1))
}

fn poll(from: &mut Unpack) -> Poll {
    let (phase, age, revision, live) = (from.take(2), from.take(2), from.take(2), from.take(1));
    match phase {
        0 => Poll::Idle,
        1 => Poll::Sent { age },
        _ => Poll::Read { age, revision, live: live == 1 },
    }
}

fn check(from: &mut Unpack) -> Check {
    let (phase, floor, revision) = (from.take(3), from.take(2), from.take(2));
    match phase {
        0 => Check::Idle,
        1 => Check::Called { floor },
        2 => Check::Warm { floor, key: revision },
        3 => Check::Filling { floor },
        _ => Check::Filled { floor, revision },
    }
}
