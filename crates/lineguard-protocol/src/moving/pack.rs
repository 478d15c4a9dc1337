//! A state in 128 bits, and back.

use super::content::{Beat, Content, Event, Log, Path, Row};
use super::state::{Flying, Incarnation, Replica, Role, State, Writer};

/// Appends small numbers to a word.
#[derive(Default)]
struct Pack {
    word: u128,
    used: u32,
}

impl Pack {
    fn put(&mut self, value: u8, bits: u32) {
        debug_assert!(u32::from(value) < 1 << bits, "{value} does not fit {bits} bits");
        debug_assert!(self.used + bits <= u128::BITS, "the word is full");
        self.word |= u128::from(value) << self.used;
        self.used += bits;
    }

    fn flag(&mut self, value: bool) {
        self.put(u8::from(value), 1);
    }

    /// Nothing, or a number up to two.
    fn count(&mut self, count: Option<u8>) {
        self.put(count.map_or(0, |count| count + 1), 2);
    }

    fn path(&mut self, path: Path) {
        self.put(path.len, 2);
        self.put(path.nonces, 2);
    }

    fn beat(&mut self, beat: Beat) {
        self.put(beat.age, 2);
        self.flag(beat.flying);
        self.flag(beat.asked);
    }

    fn content(&mut self, content: Content) {
        self.path(content.path);
        let (kind, beat) = match content.row {
            Row::Absent => (0, Beat::NONE),
            Row::Live(beat) => (1, beat),
            Row::Fenced => (2, Beat::NONE),
        };
        self.put(kind, 2);
        self.beat(beat);
        self.flag(content.arrived);
        self.flag(content.format);
    }

    fn contents(&mut self, content: Option<Content>) {
        self.flag(content.is_some());
        self.content(content.unwrap_or_default());
    }

    fn event(&mut self, event: Option<Event>) {
        let (kind, beat) = match event {
            None => (0, Beat::NONE),
            Some(Event::Change { second }) => (1, Beat { flying: second, ..Beat::NONE }),
            Some(Event::Register) => (2, Beat::NONE),
            Some(Event::Beat(beat)) => (3, beat),
            Some(Event::Fence) => (4, Beat::NONE),
            Some(Event::Delete) => (5, Beat::NONE),
            Some(Event::Arrive) => (6, Beat::NONE),
            Some(Event::Format) => (7, Beat::NONE),
        };
        self.put(kind, 3);
        self.beat(beat);
    }

    fn writer(&mut self, writer: Writer) {
        let (kind, age, listed) = match writer {
            Writer::Idle => (0, 0, false),
            Writer::Committed { .. } => (1, 0, false),
            Writer::Returned { age, .. } => (2, age, false),
            Writer::Waiting { age, listed, .. } => (3, age, listed),
        };
        self.put(kind, 2);
        self.path(writer.target().unwrap_or_default());
        self.put(age, 2);
        self.flag(listed);
    }

    fn replica(&mut self, replica: &Replica) {
        let incarnation = replica.incarnation.unwrap_or(Incarnation { length: 0, stated: None });
        self.put(incarnation.length, 2);
        self.count(incarnation.stated);
        self.flag(replica.view.is_some());
        self.path(replica.view.unwrap_or_default());
        self.path(replica.basis);
        self.put(replica.lease, 2);
        self.count(replica.flying.map(|flying| flying.age));
        self.flag(replica.flying.is_some_and(|flying| flying.asked));
        self.put(replica.last, 2);
        self.contents(replica.poll);
    }
}

/// Takes them out again, in the same order.
struct Unpack(u128);

impl Unpack {
    fn take(&mut self, bits: u32) -> u8 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        // Never more than three bits are asked for.
        value as u8
    }

    fn flag(&mut self) -> bool {
        self.take(1) == 1
    }

    fn count(&mut self) -> Option<u8> {
        self.take(2).checked_sub(1)
    }

    fn path(&mut self) -> Path {
        Path { len: self.take(2), nonces: self.take(2) }
    }

    fn beat(&mut self) -> Beat {
        Beat { age: self.take(2), flying: self.flag(), asked: self.flag() }
    }

    fn content(&mut self) -> Content {
        let (path, kind, beat) = (self.path(), self.take(2), self.beat());
        let row = match kind {
            0 => Row::Absent,
            1 => Row::Live(beat),
            _ => Row::Fenced,
        };
        Content { path, row, arrived: self.flag(), format: self.flag() }
    }

    fn contents(&mut self) -> Option<Content> {
        let (there, content) = (self.flag(), self.content());
        there.then_some(content)
    }

    fn event(&mut self) -> Option<Event> {
        let (kind, beat) = (self.take(3), self.beat());
        Some(match kind {
            0 => return None,
            1 => Event::Change { second: beat.flying },
            2 => Event::Register,
            3 => Event::Beat(beat),
            4 => Event::Fence,
            5 => Event::Delete,
            6 => Event::Arrive,
            _ => Event::Format,
        })
    }

    fn writer(&mut self) -> Writer {
        let (kind, target, age, listed) = (self.take(2), self.path(), self.take(2), self.flag());
        match kind {
            0 => Writer::Idle,
            1 => Writer::Committed { target },
            2 => Writer::Returned { target, age },
            _ => Writer::Waiting { target, age, listed },
        }
    }

    fn replica(&mut self) -> Replica {
        let incarnation = Incarnation { length: self.take(2), stated: self.count() };
        let (viewed, view) = (self.flag(), self.path());
        let (basis, lease) = (self.path(), self.take(2));
        let (age, asked) = (self.count(), self.flag());
        Replica {
            incarnation: (incarnation.length > 0).then_some(incarnation),
            view: viewed.then_some(view),
            basis,
            lease,
            flying: age.map(|age| Flying { age, asked }),
            last: self.take(2),
            poll: self.contents(),
        }
    }
}

impl State {
    /// This state in a word. Different states have different words.
    #[must_use]
    pub fn pack(&self) -> u128 {
        let mut to = Pack::default();
        to.content(self.head);
        to.content(self.other);
        to.put(self.role as u8, 2);
        to.contents(self.cut);
        self.log.events.iter().for_each(|event| to.event(*event));
        to.put(self.kept, 3);
        to.put(self.promotions, 2);
        to.count(self.seen);
        to.path(self.acknowledged);
        to.flag(self.arrival);
        to.flag(self.asking);
        to.writer(self.writer);
        to.count(self.fenced);
        to.replica(&self.replica);
        to.word
    }

    /// The state that [`State::pack`] made this word from.
    #[must_use]
    pub fn unpack(word: u128) -> Self {
        let mut from = Unpack(word);
        Self {
            head: from.content(),
            other: from.content(),
            role: match from.take(2) {
                0 => Role::Standby,
                1 => Role::Stray,
                _ => Role::Deposed,
            },
            cut: from.contents(),
            log: Log { events: [(); Log::ROOM].map(|()| from.event()) },
            kept: from.take(3),
            promotions: from.take(2),
            seen: from.count(),
            acknowledged: from.path(),
            arrival: from.flag(),
            asking: from.flag(),
            writer: from.writer(),
            fenced: from.count(),
            replica: from.replica(),
        }
    }
}
