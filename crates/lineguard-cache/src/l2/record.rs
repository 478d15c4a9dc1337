//! What is kept in Redis under a key, and how it is read back by somebody who trusts none of it.

use std::sync::Arc;

use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::stamp::{Shard, Stamp};

use super::question::FORMAT;
use crate::origin::Origin;
use crate::seal::{SEAL_BYTES, Seal};

/// The most that is kept under one key, in bytes. Larger answers are not worth a trip.
pub(super) const MAX_BYTES: usize = 64 * 1024;

const PURPOSE: &str = "lineguard answer";
const CONCERN_BYTES: usize = 9;

/// An answer and the whole question that it answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) question: &'a [u8],
    pub(super) answer: &'a [u8],
    /// Its epoch is the reader's: which history it belongs to, the nonce of its stamp tells.
    pub(super) origin: Origin,
}

impl<'a> Record<'a> {
    /// The value to keep under a key; none if it is too large.
    pub(super) fn encode(&self, seal: &Seal, key: &[u8]) -> Option<Vec<u8>> {
        let Self { question, answer, ref origin } = *self;
        let Origin { tenant, shard, stamp, revision, ref concerns, not_after, epoch: _ } = *origin;
        let room = question.len().checked_add(answer.len())?;
        if room > MAX_BYTES || concerns.len() > MAX_BYTES / CONCERN_BYTES {
            return None;
        }
        let mut value = vec![0; SEAL_BYTES];
        value.push(FORMAT);
        value.extend(tenant.0.to_be_bytes());
        value.push(shard.0);
        value.extend(stamp.counter.to_be_bytes());
        value.extend(stamp.nonce.to_be_bytes());
        value.extend(revision.0.to_be_bytes());
        value.push(u8::from(not_after.is_some()));
        value.extend(not_after.map_or(0, |end| end.0).to_be_bytes());
        value.extend(u32::try_from(concerns.len()).ok()?.to_be_bytes());
        for concern in &**concerns {
            let (code, num) = concern.parts();
            value.push(code);
            value.extend(num.0.to_be_bytes());
        }
        for text in [question, answer] {
            value.extend(u32::try_from(text.len()).ok()?.to_be_bytes());
            value.extend(text);
        }
        if value.len() > MAX_BYTES {
            return None;
        }
        let (place, body) = value.split_first_chunk_mut::<SEAL_BYTES>()?;
        *place = seal.of(PURPOSE, &[key, body]);
        Some(value)
    }

    /// Reads the value that was found under a key, if it was put there by a replica and answers
    /// this very question. Allocates no more than the value's own size.
    pub(super) fn decode(
        seal: &Seal,
        key: &[u8],
        question: &[u8],
        epoch: u64,
        value: &'a [u8],
    ) -> Option<Self> {
        let (sealed, body) = value.split_first_chunk::<SEAL_BYTES>()?;
        // Before anything else is looked at.
        if value.len() > MAX_BYTES || !seal.holds(PURPOSE, &[key, body], sealed) {
            return None;
        }
        let mut reader = Reader { rest: body };
        if reader.byte()? != FORMAT {
            return None;
        }
        let tenant = Num(reader.number()?);
        let shard = Shard(reader.byte()?);
        let stamp = Stamp { counter: reader.number()?, nonce: reader.number()? };
        let revision = Revision(reader.number()?);
        let not_after = reader.end()?;
        let concerns = reader.concerns()?;
        let record = Self {
            question: reader.text()?,
            answer: reader.text()?,
            origin: Origin { tenant, shard, stamp, revision, concerns, not_after, epoch },
        };
        let whole = reader.rest.is_empty() && record.question == question;
        whole.then_some(record)
    }
}

/// Takes one field after the other off some bytes; each is none if there are too few.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*chunk)
    }

    fn byte(&mut self) -> Option<u8> {
        let [byte] = self.chunk()?;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.chunk()?))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.chunk()?)).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(text)
    }

    fn end(&mut self) -> Option<Option<Timestamp>> {
        let (present, end) = (self.byte()?, i64::from_be_bytes(self.chunk()?));
        match (present, end) {
            (0, 0) => Some(None),
            (1, end) => Some(Some(Timestamp(end))),
            _ => None,
        }
    }

    fn concerns(&mut self) -> Option<Arc<[Concern]>> {
        let size = self.count()?.checked_mul(CONCERN_BYTES)?;
        let (bytes, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        let (each, _) = bytes.as_chunks::<CONCERN_BYTES>();
        each.iter().map(concern).collect()
    }
}

fn concern(bytes: &[u8; CONCERN_BYTES]) -> Option<Concern> {
    let [code, num @ ..] = *bytes;
    let num = Num(u64::from_be_bytes(num));
    let concern = Concern::from_parts(code, num)?;
    // The tenant has no number; one with a number is nothing that was ever written.
    (concern.parts() == (code, num)).then_some(concern)
}

#[cfg(test)]
mod tests;
