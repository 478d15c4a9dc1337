//! Hears what others, and this bus itself, have said.

use std::sync::Arc;
use std::time::Duration;

use lineguard_lease::Seldom;
use redis::aio::PubSubStream;
use redis::{Msg, RedisResult};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::StreamExt;

use super::message::Message;
use super::{Count, Shared};
use crate::link::{CONNECT, Link, PAUSES};
use crate::server::Redis;

/// The time between two beats.
const BEAT: Duration = Duration::from_secs(1);

/// How long a bus that does not hear its beats still calls itself connected.
const DEAF: Duration = Duration::from_secs(3);

/// Listens, and sends the beats.
pub(super) struct Ear {
    redis: Redis,
    shared: Arc<Shared>,
    link: Arc<Link>,
    outgoing: mpsc::Sender<Message>,
    id: [u8; 16],
    /// The number of the next beat.
    next: u64,
    /// The number from which on a beat is news. Nobody can keep a bus believing in a connection by
    /// repeating its old beats.
    expected: u64,
    beaten: Instant,
}

impl Ear {
    pub(super) fn new(
        redis: Redis,
        shared: Arc<Shared>,
        link: Arc<Link>,
        outgoing: mpsc::Sender<Message>,
        id: [u8; 16],
    ) -> Self {
        Self { redis, shared, link, outgoing, id, next: 0, expected: 0, beaten: Instant::now() }
    }

    /// Subscribes, listens, and begins again when the connection is lost. Never ends.
    pub(super) async fn listen(mut self) {
        let mut pause = PAUSES.0;
        let unheard = Seldom::new();
        loop {
            // Beats go out there: without it, nothing would be heard.
            let _connected = self.link.connected().await;
            if let Ok(Ok(messages)) = timeout(CONNECT, self.subscribed()).await {
                if self.hear_all(messages).await {
                    pause = PAUSES.0;
                }
                self.shared.set_connected(false);
                if let Some(times) = unheard.again(Instant::now()) {
                    tracing::warn!(times, "messages of other replicas are not heard");
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSES.1);
        }
    }

    async fn subscribed(&self) -> RedisResult<PubSubStream> {
        let mut connection = self.redis.client.get_async_pubsub().await?;
        connection.subscribe(&self.shared.channel).await?;
        Ok(connection.into_on_message())
    }

    /// Hears messages until the connection is lost or no beat comes through; tells whether any did.
    async fn hear_all(&mut self, mut messages: PubSubStream) -> bool {
        self.beaten = Instant::now();
        let first = self.next;
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.hear(&message),
                    None => break,
                },
                _ = beats.tick() => {
                    if self.beaten.elapsed() >= DEAF {
                        break;
                    }
                    self.beat();
                }
            }
        }
        self.expected > first
    }

    fn beat(&mut self) {
        let beat = Message::Beat { bus: self.id, number: self.next };
        if self.outgoing.try_send(beat).is_err() {
            return self.shared.count(Count::Dropped);
        }
        self.next = self.next.wrapping_add(1);
    }

    fn hear(&mut self, message: &Msg) {
        let Shared { seal, channel, heard, .. } = &*self.shared;
        let Some(message) = Message::decode(seal, channel, message.get_payload_bytes()) else {
            return self.shared.count(Count::Refused);
        };
        self.shared.count(Count::Heard);
        match message {
            // An error says that nobody listens at present.
            Message::Say(said) => drop(heard.send(said)),
            Message::Beat { bus, number } => {
                if bus == self.id && (self.expected..self.next).contains(&number) {
                    self.expected = number.saturating_add(1);
                    self.beaten = Instant::now();
                    self.shared.set_connected(true);
                }
            }
        }
    }
}
