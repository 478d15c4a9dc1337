//! Where a statement is: telling of it before it is sent and after it has ended.

use std::sync::{Arc, Mutex, PoisonError};

use lineguard_store::{Ending, Statement, Watch};

/// Which side of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// It was not sent yet.
    Before,
    /// It has ended, and nothing more was done.
    After,
}

type Hook = Box<dyn FnMut(Statement) + Send>;

#[derive(Default)]
struct State {
    counting: bool,
    seen: Vec<Statement>,
    failed: u64,
    at: Option<(u64, Side)>,
    hook: Option<Hook>,
}

/// Counts the statements of a store, and does something at one of them.
#[derive(Default)]
pub struct Points(Arc<Mutex<State>>);

impl Points {
    /// What a store is to be watched by.
    pub fn watch(&self) -> Arc<dyn Watch> {
        Arc::new(Watcher(Arc::clone(&self.0)))
    }

    /// Counts from 0 from now on, and does this at that statement.
    pub fn start(&self, at: Option<(u64, Side)>, hook: impl FnMut(Statement) + Send + 'static) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state =
            State { counting: true, seen: Vec::new(), failed: 0, at, hook: Some(Box::new(hook)) };
    }

    /// Counts no more; what there were, and how many of them failed.
    pub fn stop(&self) -> (Vec<Statement>, u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.counting, state.hook) = (false, None);
        (std::mem::take(&mut state.seen), state.failed)
    }
}

struct Watcher(Arc<Mutex<State>>);

impl Watch for Watcher {
    fn begun(&self, statement: Statement) -> Box<dyn Ending> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = u64::try_from(state.seen.len()).unwrap_or(u64::MAX);
        if state.counting {
            state.seen.push(statement);
        }
        let hook = state.take(turn, Side::Before);
        drop(state);
        if let Some(mut hook) = hook {
            hook(statement);
        }
        Box::new(End { state: Arc::clone(&self.0), statement, turn })
    }
}

impl State {
    /// What is to be done here, once.
    fn take(&mut self, turn: u64, side: Side) -> Option<Hook> {
        let here = self.counting && self.at == Some((turn, side));
        self.hook.take_if(|_| here)
    }
}

struct End {
    state: Arc<Mutex<State>>,
    statement: Statement,
    turn: u64,
}

impl Ending for End {
    fn ended(self: Box<Self>, well: bool) {
        let hook = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.failed += u64::from(state.counting && !well);
            state.take(self.turn, Side::After)
        };
        if let Some(mut hook) = hook {
            hook(self.statement);
        }
    }
}
