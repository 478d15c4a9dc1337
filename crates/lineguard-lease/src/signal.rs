//! A value that tasks wait on. They wake in the order in which they began to wait, so that a
//! simulation repeats; tokio's `watch` wakes them in a random one.

use std::pin::pin;
use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::replica::guard;

/// A value, and who waits for it to change.
#[derive(Default)]
pub(crate) struct Signal<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Copy> Signal<T> {
    /// The value now.
    pub(crate) fn get(&self) -> T {
        *guard(&self.value)
    }

    /// Changes the value and wakes all.
    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut guard(&self.value));
        self.changed.notify_waiters();
    }

    /// Resolves at the next change after it was enabled.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Resolves when the value is as wanted.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(T) -> bool) {
        loop {
            let mut changed = pin!(self.changed());
            changed.as_mut().enable();
            if wanted(self.get()) {
                return;
            }
            changed.await;
        }
    }
}
