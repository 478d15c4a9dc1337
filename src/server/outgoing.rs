//! What goes out over HTTP/2: the transport ends a connection whose other end misbehaves with a
//! `GOAWAY` that says why, and tells nobody else.

/// Follows the frames of a connection, of which bytes may be written in any portions.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// How many bytes of the present frame are written.
    at: usize,
    length: usize,
    kind: u8,
    code: u32,
}

/// Length, kind, flags and stream.
const HEAD: usize = 9;

const GOAWAY: u8 = 0x7;
/// The last stream that is answered, then the code.
const CODE_FROM: usize = HEAD + 4;
const CODE_TO: usize = HEAD + 8;

/// The code of an orderly end.
pub(super) const NO_ERROR: u32 = 0x0;
/// The code for somebody who asks too much.
pub(super) const ENHANCE_YOUR_CALM: u32 = 0xb;

impl Outgoing {
    /// These bytes were written: the code of a `GOAWAY` among them.
    pub(super) fn wrote(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut code = None;
        while let Some((byte, rest)) = bytes.split_first() {
            if self.at < HEAD || self.kind == GOAWAY && self.at < CODE_TO {
                code = self.take(*byte).or(code);
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
        code
    }

    fn take(&mut self, byte: u8) -> Option<u32> {
        match self.at {
            0..3 => self.length = self.length << 8 | usize::from(byte),
            3 => self.kind = byte,
            CODE_FROM..CODE_TO => self.code = self.code << 8 | u32::from(byte),
            _ => {}
        }
        self.at += 1;
        (self.at == CODE_TO).then_some(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn the_code_of_an_end_is_found_in_any_portions() {
        // The payload of the second looks like an end, and is none.
        let looks = frame(GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 2]);
        let ours = [
            frame(0x4, &[]),
            frame(0x0, &looks),
            frame(0x1, &[7; 30]),
            frame(GOAWAY, &[0, 0, 0, 9, 0, 0, 0, 11, b't', b'o', b'o']),
            frame(0x6, &[0; 8]),
        ]
        .concat();
        for portion in 1..=ours.len() {
            let mut outgoing = Outgoing::default();
            let codes: Vec<_> =
                ours.chunks(portion).filter_map(|bytes| outgoing.wrote(bytes)).collect();
            assert_eq!(codes, [ENHANCE_YOUR_CALM], "in portions of {portion}");
        }
    }

    #[test]
    fn an_orderly_end_has_a_code_too() {
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.wrote(&frame(GOAWAY, &[0; 8])), Some(NO_ERROR));
        assert_eq!(outgoing.wrote(&frame(0x0, &[1; 200])), None);
    }
}
