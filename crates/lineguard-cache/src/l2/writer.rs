//! Writes answers to Redis behind everybody's back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::gate::Gate;
use super::{COUNTS, Count};
use crate::tally::Tally;
use crate::task::Task;

/// How many answers may wait, and how many bytes they may have together.
const MAX_WAITING: (usize, usize) = (1_024, 4 << 20);

/// How many go in one trip.
const BATCH: usize = 64;

/// Takes answers to be written. What waits is bounded; what is too much is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Put>,
    waiting: Arc<AtomicUsize>,
    _task: Task,
}

#[derive(Debug)]
struct Put {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Put {
    fn size(&self) -> usize {
        self.key.len().saturating_add(self.value.len())
    }
}

impl Writer {
    pub(super) fn start(gate: Gate, keep: Duration, tally: Arc<Tally<COUNTS>>) -> Self {
        let (queue, puts) = mpsc::channel(MAX_WAITING.0);
        let waiting = Arc::new(AtomicUsize::new(0));
        let task = Task::spawn(drain(puts, gate, keep, waiting.clone(), tally));
        Self { queue, waiting, _task: task }
    }

    /// Leaves a value to be written; says whether there was room.
    pub(super) fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let put = Put { key, value };
        let size = put.size();
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        let room = before.saturating_add(size) <= MAX_WAITING.1;
        let taken = room && self.queue.try_send(put).is_ok();
        if !taken {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
        }
        taken
    }
}

async fn drain(
    mut puts: mpsc::Receiver<Put>,
    gate: Gate,
    keep: Duration,
    waiting: Arc<AtomicUsize>,
    tally: Arc<Tally<COUNTS>>,
) {
    let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    let mut batch = Vec::with_capacity(BATCH);
    while puts.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipe = redis::pipe();
        for Put { key, value } in &batch {
            pipe.cmd("SET").arg(key).arg(value).arg("PX").arg(keep).ignore();
        }
        let done = gate.ask(async |redis| pipe.exec_async(redis).await).await;
        let count = if done.is_ok() { Count::Put } else { Count::PutFailed };
        for put in batch.drain(..) {
            waiting.fetch_sub(put.size(), Ordering::Relaxed);
            tally.raise(count as usize);
        }
    }
}
