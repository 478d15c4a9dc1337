//! As much of PostgreSQL's protocol as a link reads along: where statements begin, and when a
//! commit has been answered.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Which moment after a commit to act at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The database has committed; the server does not know yet, and will not learn it.
    Unheard,
    /// The server has just been told.
    Heard,
}

/// Waits for a commit, at most one at a time.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<(Commit, oneshot::Sender<()>)>>);

impl Watch {
    /// Returns at the next commit.
    pub(super) async fn next(&self, commit: Commit) {
        let (tell, told) = oneshot::channel();
        *lock(&self.0) = Some((commit, tell));
        if told.await.is_err() {
            // Somebody else waits now, or nobody does.
            std::future::pending::<()>().await;
        }
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self) {
        *lock(&self.0) = None;
    }

    /// A commit has come to this moment. True if somebody waited for it.
    pub(super) fn committed(&self, moment: Commit) -> bool {
        let mut waits = lock(&self.0);
        match waits.take() {
            Some((commit, tell)) if commit == moment => tell.send(()).is_ok(),
            other => {
                *waits = other;
                false
            }
        }
    }
}

/// Reads a connection along.
#[derive(Debug)]
pub(super) struct Frames(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether the connection is still in its first messages, which have no type.
    starting: bool,
    /// The message in progress: as much of its beginning as matters.
    head: Vec<u8>,
    /// Bytes of the message in progress that do not matter and are still to come.
    skip: usize,
    /// A commit was sent and not answered yet.
    committing: bool,
    /// Whether this is a connection to PostgreSQL at all.
    known: bool,
}

/// A message's type, its length, and the word `COMMIT` after them.
const HEAD: usize = 5 + 6;

/// The code of the first message that asks for encryption; another first message follows it.
const ENCRYPTION: [[u8; 4]; 2] = [80_877_103_u32.to_be_bytes(), 80_877_104_u32.to_be_bytes()];

impl Frames {
    pub(super) fn new(known: bool) -> Self {
        let (head, skip) = (Vec::new(), 0);
        Self(Mutex::new(State { starting: true, head, skip, committing: false, known }))
    }

    /// Reads what a client sends, and counts the statements that it runs.
    pub(super) fn sent(&self, bytes: &[u8]) -> usize {
        let mut state = lock(&self.0);
        if !state.known {
            return 0;
        }
        bytes.iter().filter(|byte| state.next(**byte)).count()
    }

    /// Reads what the database sends. True if it says that it has committed.
    pub(super) fn answered(&self, bytes: &[u8]) -> bool {
        let mut state = lock(&self.0);
        let says = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        if !state.committing {
            return false;
        }
        let committed = says(b"COMMIT\0");
        state.committing = !committed && !says(b"ROLLBACK\0");
        committed
    }
}

impl State {
    /// Takes one byte. True if it completes the head of a statement.
    fn next(&mut self, byte: u8) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.head.push(byte);
        let typed = usize::from(!self.starting);
        let Some(length) = self.head.get(typed..typed + 4) else { return false };
        let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let whole = typed + length.max(4);
        if self.head.len() < whole.min(HEAD) {
            return false;
        }
        let head = std::mem::take(&mut self.head);
        self.skip = whole.saturating_sub(head.len());
        if self.starting {
            let code = head.get(4..8).unwrap_or_default();
            self.starting = ENCRYPTION.iter().any(|encryption| encryption == code);
            return false;
        }
        if head.first() == Some(&b'Q') && head.ends_with(b"COMMIT") {
            self.committing = true;
        }
        // A simple query, or the execution of a prepared one.
        matches!(head.first(), Some(b'Q' | b'E'))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(ty: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[ty][..], &length.to_be_bytes(), body].concat()
    }

    fn startup(code: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
    }

    #[test]
    fn statements_are_counted_however_the_bytes_arrive() {
        let all = [
            startup(80_877_103, b""),
            startup(196_608, b"user\0lineguard\0\0"),
            message(b'p', b"secret\0"),
            message(b'Q', b"BEGIN\0"),
            message(b'P', b"s1\0SELECT 1\0\0\0"),
            message(b'B', &[0; 40]),
            message(b'E', &[0; 5]),
            message(b'S', b""),
            message(b'Q', b"COMMIT\0"),
        ]
        .concat();
        for size in [1, 2, 3, 7, all.len()] {
            let frames = Frames::new(true);
            let counted: usize = all.chunks(size).map(|bytes| frames.sent(bytes)).sum();
            assert_eq!(counted, 3, "in pieces of {size}");
            assert!(!frames.answered(b"C\0\0\0\x0aBEGIN\0"));
            assert!(frames.answered(b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I"));
            assert!(!frames.answered(b"C\0\0\0\x0bCOMMIT\0"));
        }
        assert_eq!(Frames::new(false).sent(&all), 0);
    }

    #[test]
    fn a_commit_that_rolls_back_is_none() {
        let frames = Frames::new(true);
        frames.sent(&[startup(196_608, b""), message(b'Q', b"COMMIT\0")].concat());
        assert!(!frames.answered(b"C\0\0\0\x0dROLLBACK\0"));
        assert!(!frames.answered(b"C\0\0\0\x0bCOMMIT\0"));
    }
}
