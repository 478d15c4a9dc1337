//! Takes away, behind everybody's back, what removals have left.
//!
//! What was removed is gone for every reader when its write is acknowledged; what is done here
//! changes no answer. Every server that writes does it, for its own writes at once and for those of
//! others when it looks again, so what a server that crashed has left is taken up. Two that do the
//! same take turns at the tenant's lock and do each other no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineguard_core::id::{Num, TenantId};
use lineguard_core::port::{PendingRemoval, RemovalStep, Removals, StoreError};
use lineguard_lease::{Pauses, Seldom};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::clock::Clock;
use crate::operations::RemovalsView;

/// How long until somebody looks for what other servers have left.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How many removals are known at a time.
const MOST: usize = 1_000;

/// The pauses after a failure: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A step is followed by a pause of its own length, and at least of this, in which others write.
const LEAST_PAUSE: Duration = Duration::from_millis(2);

/// The task that does it, which ends with this.
pub struct Removing {
    counted: Arc<Counted>,
    task: AbortHandle,
}

#[derive(Default)]
struct Counted {
    pending: AtomicU64,
    rows: AtomicU64,
}

impl Drop for Removing {
    /// A step that is under way leaves nothing.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Removing {
    /// Begins, in a task of the present runtime that ends between two steps when `closing` says so.
    /// `chance` gives random bytes.
    pub fn start(
        removals: Arc<dyn Removals>,
        clock: Arc<dyn Clock>,
        closing: watch::Receiver<bool>,
        chance: fn() -> u8,
    ) -> Self {
        let counted = Arc::new(Counted::default());
        let worker = Worker { removals, clock, closing, counted: Arc::clone(&counted) };
        let task = tokio::spawn(worker.work(chance)).abort_handle();
        Self { counted, task }
    }

    /// What is known of it.
    pub fn view(&self) -> RemovalsView {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RemovalsView { pending: read(&self.counted.pending), rows: read(&self.counted.rows) }
    }
}

struct Worker {
    removals: Arc<dyn Removals>,
    clock: Arc<dyn Clock>,
    closing: watch::Receiver<bool>,
    counted: Arc<Counted>,
}

impl Worker {
    async fn work(self, chance: fn() -> u8) {
        let (said, mut pauses) = (Seldom::new(), Pauses::new(PAUSES.0, PAUSES.1));
        let mut closing = self.closing.clone();
        while !self.is_closing() {
            let pause = match self.clear().await {
                Ok(()) => {
                    said.over();
                    pauses.reset();
                    None
                }
                Err(error) => {
                    if let Some(times) = said.again(Instant::now()) {
                        tracing::warn!(%error, times, "what was removed could not be taken away");
                    }
                    Some(pauses.next(chance()))
                }
            };
            tokio::select! {
                () = sleep(pause.unwrap_or(LOOK_AGAIN)) => {}
                () = self.removals.left(), if pause.is_none() => {}
                told = closing.wait_for(|closing| *closing) => {
                    if told.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Takes away what there is, of each tenant in turn. A tenant of which that cannot be done does
    /// not keep it from the others.
    async fn clear(&self) -> Result<(), StoreError> {
        let mut failed = None;
        loop {
            let pending = self.removals.pending(MOST).await?;
            self.counted.pending.store(pending.len() as u64, Ordering::Relaxed);
            let mut tenants = tenants(&pending);
            let mut ended = 0;
            while !tenants.is_empty() {
                let mut unfinished = Vec::with_capacity(tenants.len());
                for tenant in tenants {
                    if self.is_closing() {
                        return Ok(());
                    }
                    match self.step(&tenant, &pending).await {
                        Ok(step) => {
                            ended += u64::from(step.ended.is_some());
                            if step.more {
                                unfinished.push(tenant);
                            }
                        }
                        Err(error) => failed = Some(error),
                    }
                }
                tenants = unfinished;
            }
            // Others may have been left meanwhile; what fails would fail again.
            if ended == 0 || failed.is_some() {
                return failed.map_or(Ok(()), Err);
            }
        }
    }

    async fn step(
        &self,
        tenant: &TenantId,
        pending: &[PendingRemoval],
    ) -> Result<RemovalStep, StoreError> {
        let begun = Instant::now();
        let step = self.removals.step(tenant, self.clock.now()).await?;
        self.counted.rows.fetch_add(step.rows as u64, Ordering::Relaxed);
        if let Some(num) = step.ended {
            self.say(tenant, num, pending);
            let left = |pending: u64| Some(pending.saturating_sub(1));
            let _ = self.counted.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        }
        sleep(begun.elapsed().max(LEAST_PAUSE)).await;
        Ok(step)
    }

    fn say(&self, tenant: &TenantId, num: Num, pending: &[PendingRemoval]) {
        let known = pending.iter().find(|one| one.num == num && one.tenant == *tenant);
        let since = known.map(|one| self.clock.now().0.saturating_sub(one.at.0));
        let what = known.map_or("removal", |one| one.whole.kind().as_str());
        tracing::info!(%tenant, what, num = num.0, milliseconds = since, "a removal is at its end");
    }
}

/// The tenants, each once, those that have waited longest first.
fn tenants(pending: &[PendingRemoval]) -> Vec<TenantId> {
    let mut tenants: Vec<TenantId> = Vec::new();
    for one in pending {
        if !tenants.contains(&one.tenant) {
            tenants.push(one.tenant.clone());
        }
    }
    tenants
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use lineguard_core::id::Timestamp;
    use lineguard_core::port::Whole;
    use tokio::sync::Notify;

    use super::*;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp(5_000)
        }
    }

    /// Removals of tenants, each with the rows it has left.
    #[derive(Default)]
    struct Rows {
        left: Mutex<VecDeque<(&'static str, u64, usize)>>,
        /// The steps, by tenant.
        steps: Mutex<Vec<String>>,
        broken: Option<&'static str>,
        woken: Notify,
        step_takes: Duration,
    }

    #[async_trait]
    impl Removals for Rows {
        async fn left(&self) {
            self.woken.notified().await;
        }

        async fn pending(&self, limit: usize) -> Result<Vec<PendingRemoval>, StoreError> {
            let one = |(tenant, num, _): &(&str, u64, usize)| PendingRemoval {
                tenant: TenantId::parse(tenant).unwrap(),
                num: Num(*num),
                whole: Whole::Faxbox,
                at: Timestamp(0),
            };
            Ok(self.left.lock().unwrap().iter().take(limit).map(one).collect())
        }

        async fn step(&self, tenant: &TenantId, _: Timestamp) -> Result<RemovalStep, StoreError> {
            sleep(self.step_takes).await;
            self.steps.lock().unwrap().push(tenant.to_string());
            if self.broken == Some(tenant.as_str()) {
                return Err(StoreError::Unavailable { detail: "away".into() });
            }
            let mut left = self.left.lock().unwrap();
            let Some(at) = left.iter().position(|(one, ..)| *one == tenant.as_str()) else {
                return Ok(RemovalStep::default());
            };
            left[at].2 -= 1;
            let ended = (left[at].2 == 0).then(|| left.remove(at).unwrap().1).map(Num);
            let more = left.iter().any(|(one, ..)| *one == tenant.as_str());
            Ok(RemovalStep { rows: 10, ended, more })
        }
    }

    impl Rows {
        fn of(left: &[(&'static str, u64, usize)]) -> Self {
            Self { left: Mutex::new(left.iter().copied().collect()), ..Self::default() }
        }

        fn steps(&self) -> Vec<String> {
            self.steps.lock().unwrap().clone()
        }
    }

    fn start(rows: Rows) -> (Arc<Rows>, Removing, watch::Sender<bool>) {
        let (rows, (closing, told)) = (Arc::new(rows), watch::channel(false));
        let removing = Removing::start(Arc::clone(&rows) as _, Arc::new(Stopped), told, || 255);
        (rows, removing, closing)
    }

    #[tokio::test(start_paused = true)]
    async fn tenants_take_turns_and_what_was_left_before_the_start_is_taken_up() {
        let rows = Rows::of(&[("a", 1, 3), ("b", 2, 1), ("a", 3, 1)]);
        let (rows, removing, _closing) = start(rows);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(rows.steps(), ["a", "b", "a", "a", "a"]);
        assert_eq!(removing.view(), RemovalsView { pending: 0, rows: 50 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_of_this_server_wakes_it_and_that_of_another_is_found_later() {
        let (rows, _removing, _closing) = start(Rows::default());
        sleep(Duration::from_secs(1)).await;
        rows.left.lock().unwrap().push_back(("own", 1, 2));
        rows.woken.notify_one();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(rows.steps(), ["own", "own"]);
        rows.left.lock().unwrap().push_back(("other", 1, 1));
        sleep(LOOK_AGAIN).await;
        assert_eq!(rows.steps().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn others_have_as_much_time_between_steps_as_a_step_takes() {
        let mut rows = Rows::of(&[("a", 1, 50)]);
        rows.step_takes = Duration::from_millis(100);
        let (rows, _removing, _closing) = start(rows);
        sleep(Duration::from_secs(2)).await;
        assert!((9..=10).contains(&rows.steps().len()), "{}", rows.steps().len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_that_fails_keeps_nobody_waiting_and_is_tried_again_seldom() {
        let mut rows = Rows::of(&[("bad", 1, 1), ("good", 2, 2)]);
        rows.broken = Some("bad");
        let (rows, removing, _closing) = start(rows);
        sleep(Duration::from_secs(600)).await;
        let steps = rows.steps();
        assert_eq!(steps.iter().filter(|tenant| *tenant == "good").count(), 2);
        let bad = steps.len() - 2;
        assert!((15..40).contains(&bad), "{bad}");
        assert_eq!(removing.view().pending, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_comes_between_two_steps() {
        let mut rows = Rows::of(&[("a", 1, 50)]);
        rows.step_takes = Duration::from_millis(100);
        let (rows, removing, closing) = start(rows);
        sleep(Duration::from_millis(150)).await;
        closing.send_replace(true);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(rows.steps().len(), 1);
        assert!(removing.task.is_finished());
    }
}
