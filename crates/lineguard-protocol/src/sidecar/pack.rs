//! A state in 64 bits, and back.

use super::state::{
    Database, Grant, Life, Parent, Poll, Renewal, Row, Sidecar, State, View, Writer,
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

    fn flag(&mut self, value: bool) {
        self.put(u8::from(value), 1);
    }

    fn view(&mut self, view: View) {
        self.flag(view.restored);
        self.flag(view.changed);
    }

    fn views(&mut self, view: Option<View>) {
        self.flag(view.is_some());
        self.view(view.unwrap_or_default());
    }

    fn row(&mut self, row: Row) {
        self.put(
            match row {
                Row::Absent => 0,
                Row::Live => 1,
                Row::Fenced { age } => 2 + age,
            },
            3,
        );
    }

    fn count(&mut self, count: Option<u8>) {
        self.put(count.map_or(0, |count| count + 1), 3);
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

    fn flag(&mut self) -> bool {
        self.take(1) == 1
    }

    fn view(&mut self) -> View {
        View { restored: self.flag(), changed: self.flag() }
    }

    fn views(&mut self) -> Option<View> {
        let (there, view) = (self.flag(), self.view());
        there.then_some(view)
    }

    fn row(&mut self) -> Row {
        match self.take(3) {
            0 => Row::Absent,
            1 => Row::Live,
            more => Row::Fenced { age: more.saturating_sub(2) },
        }
    }

    fn count(&mut self) -> Option<u8> {
        self.take(3).checked_sub(1)
    }
}

impl State {
    /// This state in a word. Different states have different words.
    #[must_use]
    pub fn pack(&self) -> u64 {
        let mut to = Pack::default();
        to.view(self.database.present);
        to.count(self.database.closed);
        to.row(self.row);
        to.row(self.former);
        to.put(self.ticks_to_lose, 1);
        to.put(self.deaths, 1);
        let (phase, age, present, former) = match self.writer {
            Writer::Idle => (0, 0, false, false),
            Writer::Committed { age } => (1, age, false, false),
            Writer::Waiting { age, present, former } => (2, age, present, former),
            Writer::Acknowledged => (3, 0, false, false),
        };
        to.put(phase, 2);
        to.put(age, 2);
        to.flag(present);
        to.flag(former);
        let parent = &self.parent;
        to.put(parent.life as u8, 2);
        to.views(parent.view);
        to.put(parent.lease, 2);
        to.flag(parent.confirmed);
        let none = Poll { age: 0, view: View::default(), live: false };
        let poll = parent.poll.unwrap_or(none);
        to.flag(parent.poll.is_some());
        to.put(poll.age, 2);
        to.view(poll.view);
        to.flag(poll.live);
        let grant = parent.grant.unwrap_or(Grant { base: View::default(), left: 0 });
        to.view(grant.base);
        to.put(grant.left, 2);
        to.count(parent.clears);
        to.views(self.sidecar.view);
        to.put(self.sidecar.lease, 2);
        let none = Renewal { age: 0, view: View::default(), granted: 0, unrecorded: false };
        let renewal = self.sidecar.renewal.unwrap_or(none);
        to.put(renewal.age, 2);
        to.view(renewal.view);
        to.put(renewal.granted, 2);
        to.flag(renewal.unrecorded);
        to.word
    }

    /// The state that [`State::pack`] made this word from.
    #[must_use]
    pub fn unpack(word: u64) -> Self {
        let mut from = Unpack(word);
        Self {
            database: Database { present: from.view(), closed: from.count() },
            row: from.row(),
            former: from.row(),
            ticks_to_lose: from.take(1),
            deaths: from.take(1),
            writer: writer(&mut from),
            parent: parent(&mut from),
            sidecar: Sidecar {
                view: from.views(),
                lease: from.take(2),
                renewal: renewal(&mut from),
            },
        }
    }
}

fn writer(from: &mut Unpack) -> Writer {
    let (phase, age, present, former) = (from.take(2), from.take(2), from.flag(), from.flag());
    match phase {
        0 => Writer::Idle,
        1 => Writer::Committed { age },
        2 => Writer::Waiting { age, present, former },
        _ => Writer::Acknowledged,
    }
}

fn parent(from: &mut Unpack) -> Parent {
    Parent {
        life: match from.take(2) {
            0 => Life::Out,
            1 => Life::In,
            2 => Life::Stopping,
            _ => Life::Stopped,
        },
        view: from.views(),
        lease: from.take(2),
        confirmed: from.flag(),
        poll: {
            let there = from.flag();
            let poll = Poll { age: from.take(2), view: from.view(), live: from.flag() };
            there.then_some(poll)
        },
        grant: {
            let grant = Grant { base: from.view(), left: from.take(2) };
            (grant.left > 0).then_some(grant)
        },
        clears: from.count(),
    }
}

/// A renewal is granted for at least one tick.
fn renewal(from: &mut Unpack) -> Option<Renewal> {
    let renewal = Renewal {
        age: from.take(2),
        view: from.view(),
        granted: from.take(2),
        unrecorded: from.flag(),
    };
    (renewal.granted > 0).then_some(renewal)
}
