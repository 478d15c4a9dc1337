//! Hints and confirmations over Redis.

mod ear;
mod message;
mod mouth;

use std::sync::Arc;

use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Bus, Heard, Incarnation};
use tokio::sync::{broadcast, mpsc, watch};

use crate::link::Link;
use crate::seal::Seal;
use crate::server::Redis;
use crate::tally::Tally;
use crate::task::Task;
use message::Message;

/// How many messages may wait to be sent.
const OUTGOING: usize = 4_096;

/// How many messages a listener may be behind.
const INCOMING: usize = 4_096;

/// Carries hints and confirmations between replicas by publishing them in Redis.
///
/// All messages go over one channel, each sealed. The bus also sends a beat to itself over that
/// channel every second, and calls itself connected only while it hears it.
#[derive(Debug)]
pub struct RedisBus {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Message>,
    _tasks: [Task; 2],
}

/// What both directions use.
#[derive(Debug)]
struct Shared {
    seal: Seal,
    channel: String,
    heard: broadcast::Sender<Heard>,
    connected: watch::Sender<bool>,
    tally: Tally<COUNTS>,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Count {
    Sent,
    Dropped,
    Failed,
    Heard,
    Refused,
}

const COUNTS: usize = 5;

/// What a bus counted, its beats included, and how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusStats {
    /// Messages sent.
    pub sent: u64,
    /// Messages that were not sent, because Redis was not there or too many were waiting.
    pub dropped: u64,
    /// Messages that could not be sent.
    pub failed: u64,
    /// Messages heard, those of this bus included.
    pub heard: u64,
    /// Messages that no replica sent.
    pub refused: u64,
    /// Whether messages pass.
    pub connected: bool,
}

impl RedisBus {
    /// Begins to use a server, which need not be there. Has to be called within a runtime; its
    /// tasks end when the bus is dropped.
    ///
    /// Replicas with the same seal and channel hear each other. `id` is any that no other bus has.
    pub fn start(redis: &Redis, seal: Seal, channel: &str, id: [u8; 16]) -> Self {
        let (outgoing, messages) = mpsc::channel(OUTGOING);
        let shared = Arc::new(Shared {
            seal,
            channel: channel.to_owned(),
            heard: broadcast::Sender::new(INCOMING),
            connected: watch::Sender::new(false),
            tally: Tally::new(),
        });
        let link = Arc::new(Link::start(redis, "messages"));
        let mouth = mouth::speak(shared.clone(), link.clone(), messages);
        let ear = ear::Ear::new(redis.clone(), shared.clone(), link, outgoing.clone(), id);
        let tasks = [Task::spawn(mouth), Task::spawn(ear.listen())];
        Self { shared, outgoing, _tasks: tasks }
    }

    /// Tells when the bus is connected, and when not.
    pub fn connection(&self) -> watch::Receiver<bool> {
        self.shared.connected.subscribe()
    }

    /// What was counted so far.
    pub fn stats(&self) -> BusStats {
        let [sent, dropped, failed, heard, refused] = self.shared.tally.read();
        BusStats { sent, dropped, failed, heard, refused, connected: self.connected() }
    }

    fn send(&self, message: Message) {
        if self.outgoing.try_send(message).is_err() {
            self.shared.count(Count::Dropped);
        }
    }
}

impl Bus for RedisBus {
    fn hint(&self, shard: Shard, stamp: Stamp) {
        self.send(Message::Say(Heard::Hint { shard, stamp }));
    }

    fn confirm(&self, incarnation: Incarnation, shard: Shard, stamp: Stamp) {
        self.send(Message::Say(Heard::Confirmed { incarnation, shard, stamp }));
    }

    fn subscribe(&self) -> broadcast::Receiver<Heard> {
        self.shared.heard.subscribe()
    }

    fn connected(&self) -> bool {
        *self.shared.connected.borrow()
    }
}

impl Shared {
    fn count(&self, count: Count) {
        self.tally.raise(count as usize);
    }

    fn set_connected(&self, connected: bool) {
        self.connected
            .send_if_modified(|present| std::mem::replace(present, connected) != connected);
    }
}
