//! What all replicas share: true time, the network, the database, and what really happened.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use lineguard_core::stamp::Shard;
use lineguard_lease::Heard;
use tokio::sync::{Notify, broadcast, mpsc};

use crate::database::{Database, SHARDS_USED};
use crate::history::History;
use crate::peers::Letter;
use crate::random::Random;

pub const MS: u64 = 1_000_000;

type Action = Box<dyn FnOnce(&mut World) + Send>;

/// An action at a moment; of two at the same moment the one that was planned first.
struct Event {
    at: u64,
    number: u64,
    action: Action,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// How a replica reaches the database and the bus.
#[derive(Clone, Default)]
pub struct Link {
    /// Requests do not get through.
    pub cut_out: bool,
    /// Replies do not get through.
    pub cut_in: bool,
    /// Until when it is paused.
    pub paused_until: u64,
    /// Messages to and from the bus do not get through.
    pub bus_cut: bool,
    pub ears: Option<broadcast::Sender<Heard>>,
    /// Where letters of followers go.
    pub inbox: Option<mpsc::UnboundedSender<Letter>>,
    /// Told when a follower should ask.
    pub hinted: Option<Arc<Notify>>,
}

pub struct World {
    pub now: u64,
    pub random: Random,
    pub db: Database,
    pub db_down: bool,
    /// The longest delay of a message, in nanoseconds.
    pub slowest: u64,
    /// In a hundred.
    pub lost: u64,
    pub links: Vec<Link>,
    pub history: History,
    /// Older states of the database.
    pub backups: VecDeque<Database>,
    events: BinaryHeap<Reverse<Event>>,
    number: u64,
    /// Messages that never arrive; who waits for them does not learn that.
    limbo: Vec<Box<dyn Any + Send>>,
}

#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub fn new(seed: u64, nodes: usize) -> Self {
        let db = Database::default();
        let world = World {
            now: 0,
            random: Random(seed),
            history: History::new(),
            db,
            db_down: false,
            slowest: 3 * MS,
            lost: 0,
            links: vec![Link::default(); nodes],
            backups: VecDeque::new(),
            events: BinaryHeap::new(),
            number: 0,
            limbo: Vec::new(),
        };
        Self(Arc::new(Mutex::new(world)))
    }

    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl World {
    fn plan(&mut self, at: u64, action: Action) {
        self.number += 1;
        self.events.push(Reverse(Event { at, number: self.number, action }));
    }

    fn delay(&mut self) -> u64 {
        let longest = if self.random.percent(90) { 3 * MS } else { self.slowest };
        self.random.between(MS / 10, longest)
    }

    /// Has something arrive later.
    pub fn send(&mut self, sent: u64, arrive: impl FnOnce(&mut Self) + Send + 'static) {
        let at = sent + self.delay();
        self.plan(at, Box::new(arrive));
    }

    /// Nobody learns of it any more.
    pub fn forget(&mut self, message: impl Any + Send) {
        self.limbo.push(Box::new(message));
    }

    /// Whether a message gets lost on its way.
    pub fn loses(&mut self) -> bool {
        let lost = self.lost;
        self.random.percent(lost)
    }

    /// Does all that is due.
    pub fn advance(&mut self, to: u64) {
        while self.events.peek().is_some_and(|Reverse(event)| event.at <= to) {
            if let Some(Reverse(event)) = self.events.pop() {
                self.now = event.at;
                (event.action)(self);
            }
        }
        self.now = to;
    }

    /// A statement on its way to the database; `reply` is done when its reply has arrived.
    pub fn statement<T: Send + 'static>(
        &mut self,
        node: usize,
        sent: u64,
        execute: impl FnOnce(&mut World) -> T + Send + 'static,
        reply: impl FnOnce(T) + Send + 'static,
    ) {
        let at = sent + self.delay();
        let arrive = move |world: &mut World| {
            if world.db_down || world.links[node].cut_out || world.loses() {
                world.limbo.push(Box::new(reply));
                return;
            }
            let result = execute(world);
            let at = world.now + world.delay();
            let deliver = move |world: &mut World| {
                if world.links[node].cut_in || world.loses() {
                    world.limbo.push(Box::new(reply));
                    return;
                }
                reply(result);
            };
            world.plan(at, Box::new(deliver));
        };
        self.plan(at, Box::new(arrive));
    }

    /// A message to all other replicas: late, lost or twice.
    pub fn broadcast(&mut self, from: usize, sent: u64, message: Heard) {
        if self.links[from].bus_cut {
            return;
        }
        for to in 0..self.links.len() {
            let copies = if self.random.percent(5) { 2 } else { 1 };
            for _ in 0..copies {
                let at = sent + self.delay();
                let deliver = move |world: &mut World| {
                    let link = &world.links[to];
                    if let Some(ears) = link.ears.as_ref().filter(|_| !link.bus_cut) {
                        let _ = ears.send(message);
                    }
                };
                if to != from && !self.loses() {
                    self.plan(at, Box::new(deliver));
                }
            }
        }
    }

    /// Notes what a commit has led to.
    pub fn committed(&mut self, shard: Shard) {
        let state = self.db.shards.get(&shard).cloned().unwrap_or_default();
        self.history.committed(self.db.history, shard, state);
        if self.random.percent(50) {
            self.backups.push_back(self.db.clone());
            if self.backups.len() > 20 {
                self.backups.pop_front();
            }
        }
    }

    /// From now on the database is one of its backups.
    pub fn restore(&mut self) {
        let Some(last) = self.backups.len().checked_sub(1) else { return };
        let from = last.saturating_sub(3) as u64;
        let at = self.random.between(from, last as u64 + 1) as usize;
        let Some(backup) = self.backups.get(at).cloned() else { return };
        self.backups.truncate(at + 1);
        self.db = Database { history: self.history.restored(self.now, &backup), ..backup };
        assert!(self.db.whole() && !SHARDS_USED.is_empty());
    }
}
