//! What goes out over HTTP/2: the transport ends a connection whose other end misbehaves with a
//! `GOAWAY`, and a request that is none with a `RST_STREAM`. Each says why, and nobody else is told.

/// Follows the frames of a connection, of which bytes may be written in any portions.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// How many bytes of the present frame are written.
    at: usize,
    length: usize,
    kind: u8,
    code: u32,
}

/// What a frame says has ended, and the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The connection.
    Connection(u32),
    /// One request.
    Request(u32),
}

/// Length, kind, flags and stream.
const HEAD: usize = 9;

const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;

/// The code of an orderly end.
pub(super) const NO_ERROR: u32 = 0x0;
/// The code for what is against the protocol.
pub(super) const PROTOCOL_ERROR: u32 = 0x1;
/// The code for somebody who asks too much.
pub(super) const ENHANCE_YOUR_CALM: u32 = 0xb;

impl Outgoing {
    /// These bytes were written. Tells of each end among them.
    pub(super) fn wrote(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Ended)) {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.at < HEAD || self.code_from().is_some_and(|from| self.at < from + CODE) {
                if let Some(ended) = self.take(*byte) {
                    tell(ended);
                }
                bytes = rest;
            } else {
                let skipped = (HEAD + self.length - self.at).min(bytes.len());
                self.at += skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
            }
            if self.at >= HEAD + self.length {
                *self = Self::default();
            }
        }
    }

    /// Where the code of the present frame stands; none where it has none. In a `GOAWAY` the last
    /// stream that is answered comes first.
    const fn code_from(&self) -> Option<usize> {
        match self.kind {
            RST_STREAM => Some(HEAD),
            GOAWAY => Some(HEAD + 4),
            _ => None,
        }
    }

    fn take(&mut self, byte: u8) -> Option<Ended> {
        let from = self.code_from();
        match self.at {
            0..3 => self.length = self.length << 8 | usize::from(byte),
            3 => self.kind = byte,
            at if from.is_some_and(|from| at >= from) => {
                self.code = self.code << 8 | u32::from(byte);
            }
            _ => {}
        }
        self.at += 1;
        if from.is_none_or(|from| self.at != from + CODE) {
            return None;
        }
        Some(match self.kind {
            GOAWAY => Ended::Connection(self.code),
            _ => Ended::Request(self.code),
        })
    }
}

/// Bytes of a code.
const CODE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    fn ends(outgoing: &mut Outgoing, bytes: &[u8]) -> Vec<Ended> {
        let mut told = Vec::new();
        outgoing.wrote(bytes, |ended| told.push(ended));
        told
    }

    #[test]
    fn the_code_of_an_end_is_found_in_any_portions() {
        // The payload of the second looks like an end, and is none.
        let looks = frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 2]);
        let ours = [
            frame(0x4, &[]),
            frame(0x0, &looks),
            frame(0x1, &[7; 30]),
            frame(RST_STREAM, &[0, 0, 0, 1]),
            frame(GOAWAY, &[0, 0, 0, 9, 0, 0, 0, 11, b't', b'o', b'o']),
            frame(0x6, &[0; 8]),
        ]
        .concat();
        for portion in 1..=ours.len() {
            let mut outgoing = Outgoing::default();
            let ends: Vec<_> =
                ours.chunks(portion).flat_map(|bytes| ends(&mut outgoing, bytes)).collect();
            let expected = [Ended::Request(PROTOCOL_ERROR), Ended::Connection(ENHANCE_YOUR_CALM)];
            assert_eq!(ends, expected, "in portions of {portion}");
        }
    }

    #[test]
    fn an_orderly_end_has_a_code_too() {
        let mut outgoing = Outgoing::default();
        let end = ends(&mut outgoing, &frame(GOAWAY, &[0; 8]));
        assert_eq!(end, [Ended::Connection(NO_ERROR)]);
        assert_eq!(ends(&mut outgoing, &frame(0x0, &[1; 200])), []);
    }
}
