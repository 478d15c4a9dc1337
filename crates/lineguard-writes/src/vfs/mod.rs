//! A file system below SQLite that fails where it is told to, and that remembers what of a file
//! would be there after a power cut.
//!
//! What fails and what is remembered is decided here; `calls` has the functions that SQLite calls.

mod calls;

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub use calls::{FAULTY, install, use_faulty, use_ordinary};

/// A call that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// A file is opened.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is made durable.
    Sync,
    /// A file is cut.
    Truncate,
    /// The size of a file is asked for.
    Size,
    /// A file is locked.
    Lock,
    /// Memory is shared.
    ShmMap,
    /// Shared memory is locked.
    ShmLock,
}

/// All calls.
pub const CALLS: [Call; 9] = [
    Call::Open,
    Call::Read,
    Call::Write,
    Call::Sync,
    Call::Truncate,
    Call::Size,
    Call::Lock,
    Call::ShmMap,
    Call::ShmLock,
];

/// What a call that fails has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Done {
    /// Nothing.
    Nothing,
    /// Of a write, the first half.
    Half,
    /// All of it: only the answer is an error.
    All,
}

/// A failure to come.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Of which calls.
    pub calls: &'static [Call],
    /// The answer.
    pub code: c_int,
    /// What is done all the same.
    pub done: Done,
    /// How many of these calls go well before.
    pub at: u64,
    /// Whether the later ones go well again.
    pub once: bool,
}

#[derive(Default)]
struct State {
    /// Whether calls are counted and fail.
    armed: bool,
    /// Whether that is suspended.
    paused: bool,
    fault: Option<Fault>,
    /// Calls that the fault is about, so far.
    passed: u64,
    /// Calls that it met.
    met: u64,
    counts: HashMap<Call, u64>,
    /// Where each open file is.
    paths: HashMap<usize, String>,
    /// What a power cut would leave of each file.
    durable: HashMap<String, Vec<u8>>,
    /// Whether that is kept.
    remembers: bool,
}

fn state() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    STATE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts calls from now on; one of them fails, if a fault is given.
pub fn arm(fault: Option<Fault>) {
    let mut state = state();
    (state.armed, state.fault, state.passed, state.met) = (true, fault, 0, 0);
    state.counts.clear();
}

/// Lets a fault begin with the next call, if a run is armed: the disk is full from now on.
pub fn fail_from_now(fault: Fault) {
    let mut state = state();
    (state.fault, state.passed) = (Some(fault), 0);
}

/// Lets all calls go well. How many failed since [`arm`].
pub fn lift() -> u64 {
    let mut state = state();
    (state.armed, state.fault) = (false, None);
    state.met
}

/// Lets all calls go well, uncounted, until told otherwise: whoever looks at what is there must see
/// it. What they do is remembered all the same, since the last to close a file writes to it.
pub fn pause(paused: bool) {
    state().paused = paused;
}

/// How often each call was made since [`arm`].
pub fn counts() -> HashMap<Call, u64> {
    state().counts.clone()
}

/// From now on, keeps what a power cut would leave. It begins with these files.
pub fn remember(files: HashMap<String, Vec<u8>>) {
    let mut state = state();
    (state.remembers, state.durable) = (true, files);
}

/// What a power cut would leave now.
pub fn durable() -> HashMap<String, Vec<u8>> {
    state().durable.clone()
}

/// Keeps nothing any more.
pub fn forget() {
    let mut state = state();
    state.remembers = false;
    state.durable.clear();
}

/// What becomes of a call.
fn decide(call: Call) -> Option<(c_int, Done)> {
    let mut state = state();
    if !state.armed || state.paused {
        return None;
    }
    *state.counts.entry(call).or_default() += 1;
    let fault = state.fault.filter(|fault| fault.calls.contains(&call))?;
    let turn = state.passed;
    state.passed += 1;
    if turn < fault.at || (fault.once && turn > fault.at) {
        return None;
    }
    state.met += 1;
    Some((fault.code, fault.done))
}
