//! What replicas tell each other, and the bytes that carry it.

use lineguard_core::stamp::{Shard, Stamp};
use lineguard_lease::{Heard, Incarnation};

use crate::seal::{SEAL_BYTES, Seal};

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// For all replicas.
    Say(Heard),
    /// A bus hears itself: messages pass.
    Beat {
        /// Which bus.
        bus: [u8; 16],
        /// How many it has sent before.
        number: u64,
    },
}

const PURPOSE: &str = "lineguard message";
const HINT: u8 = 1;
const CONFIRMED: u8 = 2;
const BEAT: u8 = 3;

/// Takes part in every seal, so that a message has the length and the meaning that its kind has,
/// on the channel it was meant for, and no other.
fn sealed(seal: &Seal, channel: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = seal.of(PURPOSE, &[channel.as_bytes(), body]).to_vec();
    bytes.extend(body);
    bytes
}

impl Message {
    /// The bytes to publish on a channel.
    pub(super) fn encode(&self, seal: &Seal, channel: &str) -> Vec<u8> {
        let mut body = Vec::with_capacity(34);
        match *self {
            Self::Say(Heard::Hint { shard, stamp }) => {
                body.push(HINT);
                push_stamp(&mut body, shard, stamp);
            }
            Self::Say(Heard::Confirmed { incarnation, shard, stamp }) => {
                body.push(CONFIRMED);
                body.extend(incarnation.0);
                push_stamp(&mut body, shard, stamp);
            }
            Self::Beat { bus, number } => {
                body.push(BEAT);
                body.extend(bus);
                body.extend(number.to_be_bytes());
            }
        }
        sealed(seal, channel, &body)
    }

    /// Reads bytes that came in on a channel, if a replica sent them there.
    pub(super) fn decode(seal: &Seal, channel: &str, bytes: &[u8]) -> Option<Self> {
        let (given, body) = bytes.split_first_chunk::<SEAL_BYTES>()?;
        if !seal.holds(PURPOSE, &[channel.as_bytes(), body], given) {
            return None;
        }
        let (kind, body) = body.split_first()?;
        match *kind {
            HINT => {
                let (shard, stamp) = stamp(body)?;
                Some(Self::Say(Heard::Hint { shard, stamp }))
            }
            CONFIRMED => {
                let (incarnation, body) = body.split_first_chunk()?;
                let (shard, stamp) = stamp(body)?;
                let incarnation = Incarnation(*incarnation);
                Some(Self::Say(Heard::Confirmed { incarnation, shard, stamp }))
            }
            BEAT => {
                let (bus, number) = body.split_first_chunk()?;
                let number = u64::from_be_bytes(number.try_into().ok()?);
                Some(Self::Beat { bus: *bus, number })
            }
            _ => None,
        }
    }
}

fn push_stamp(body: &mut Vec<u8>, shard: Shard, stamp: Stamp) {
    body.push(shard.0);
    body.extend(stamp.counter.to_be_bytes());
    body.extend(stamp.nonce.to_be_bytes());
}

/// The shard and the stamp that end a message.
fn stamp(bytes: &[u8]) -> Option<(Shard, Stamp)> {
    let (shard, bytes) = bytes.split_first()?;
    let (counter, nonce) = bytes.split_first_chunk()?;
    let counter = u64::from_be_bytes(*counter);
    let nonce = u64::from_be_bytes(nonce.try_into().ok()?);
    Some((Shard(*shard), Stamp { counter, nonce }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const CHANNEL: &str = "lineguard:bus";

    fn seal() -> Seal {
        Seal::new(&[7; 32])
    }

    fn random_messages(random: &mut Random) -> [Message; 3] {
        let shard = Shard(random.next() as u8);
        let stamp = Stamp { counter: random.next(), nonce: random.next() };
        let id = u128::from(random.next()).to_be_bytes();
        [
            Message::Say(Heard::Hint { shard, stamp }),
            Message::Say(Heard::Confirmed { incarnation: Incarnation(id), shard, stamp }),
            Message::Beat { bus: id, number: random.next() },
        ]
    }

    #[test]
    fn what_is_said_is_heard() {
        let mut random = Random::seeded(3);
        for _ in 0..1_000 {
            for message in random_messages(&mut random) {
                let bytes = message.encode(&seal(), CHANNEL);
                assert_eq!(Message::decode(&seal(), CHANNEL, &bytes), Some(message));
            }
        }
    }

    #[test]
    fn every_bit_counts_and_nothing_may_be_missing_or_added() {
        for message in random_messages(&mut Random::seeded(4)) {
            let mut bytes = message.encode(&seal(), CHANNEL);
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Message::decode(&seal(), CHANNEL, &bytes), None, "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            for len in 0..bytes.len() {
                assert_eq!(Message::decode(&seal(), CHANNEL, &bytes[..len]), None, "{len}");
            }
            bytes.push(0);
            assert_eq!(Message::decode(&seal(), CHANNEL, &bytes), None);
        }
    }

    #[test]
    fn a_message_of_another_channel_or_key_is_not_heard() {
        for message in random_messages(&mut Random::seeded(5)) {
            let bytes = message.encode(&seal(), CHANNEL);
            assert_eq!(Message::decode(&seal(), "other", &bytes), None);
            assert_eq!(Message::decode(&Seal::new(&[8; 32]), CHANNEL, &bytes), None);
        }
    }

    #[test]
    fn bytes_that_make_no_sense_are_refused_under_a_right_seal_too() {
        let mut random = Random::seeded(6);
        for kind in 0..=u8::MAX {
            for _ in 0..20 {
                let mut body = vec![kind];
                body.extend(random.bytes(60));
                let bytes = sealed(&seal(), CHANNEL, &body);
                if let Some(message) = Message::decode(&seal(), CHANNEL, &bytes) {
                    assert_eq!(message.encode(&seal(), CHANNEL), bytes);
                }
            }
        }
    }
}
