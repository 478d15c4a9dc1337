//! The primitives that the state of a replica is built from. Tests build the same state from
//! others, to try every order of events.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard};

/// A shared object that is replaced as a whole.
pub(crate) struct Swap<T>(ArcSwapOption<T>);

impl<T> Swap<T> {
    pub(crate) fn empty() -> Self {
        Self(ArcSwapOption::empty())
    }

    pub(crate) fn load(&self) -> Option<Arc<T>> {
        self.0.load_full()
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        self.0.store(value);
    }
}

/// The lock, and whether its last holder panicked: then what it guards may be half done. That is
/// said once.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> (MutexGuard<'_, T>, bool) {
    match mutex.lock() {
        Ok(guard) => (guard, false),
        Err(poisoned) => {
            mutex.clear_poison();
            (poisoned.into_inner(), true)
        }
    }
}

/// As [`lock`], for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> (RwLockWriteGuard<'_, T>, bool) {
    match lock.write() {
        Ok(guard) => (guard, false),
        Err(poisoned) => {
            lock.clear_poison();
            (poisoned.into_inner(), true)
        }
    }
}
