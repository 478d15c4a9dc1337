//! Files that are read again when they change, without a restart.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::{Metrics, Reloaded};

/// How often files are looked at. Mounted secrets change by a swap of symbolic links, which no watch
/// of the files sees.
const LOOK: Duration = Duration::from_secs(5);

/// Files that mean something together.
pub struct Watched<F> {
    paths: Vec<PathBuf>,
    seen: Contents,
    apply: F,
}

type Contents = [u8; 32];

impl<E, F: Fn() -> Result<(), E>> Watched<F> {
    /// Files as they are now, and what to do when they have changed.
    pub fn new(paths: Vec<PathBuf>, apply: F) -> Self {
        let seen = contents(&paths);
        Self { paths, seen, apply }
    }

    /// Reads the files again if they have changed; none if they have not. Files that are not good
    /// are not tried again before they change.
    pub fn look(&mut self) -> Option<Result<(), E>> {
        let now = contents(&self.paths);
        if std::mem::replace(&mut self.seen, now) == now {
            return None;
        }
        Some((self.apply)())
    }

    /// Looks every few seconds and whenever `told` to; tells `report` how each reading went. Never
    /// ends.
    pub async fn run(mut self, mut told: watch::Receiver<()>, report: impl Fn(Result<(), E>)) {
        loop {
            if let Ok(Err(_)) = tokio::time::timeout(LOOK, told.changed()).await {
                // Nobody is left to tell.
                tokio::time::sleep(LOOK).await;
            }
            if let Some(outcome) = self.look() {
                report(outcome);
            }
        }
    }
}

/// A digest of all there is to read.
fn contents(paths: &[PathBuf]) -> Contents {
    let mut hash = Sha256::new();
    for path in paths {
        // A file that cannot be read is a change, too.
        match fs::read(path) {
            Ok(bytes) => {
                hash.update([1]);
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
            Err(_) => hash.update([0]),
        }
    }
    hash.finalize().into()
}

/// What SIGHUP asks for: look at all files now.
pub(crate) struct Told(watch::Sender<()>);

impl Told {
    /// Hears the signal in a task among `beside`.
    pub(crate) fn start(beside: &mut JoinSet<()>) -> Self {
        let told = Self(watch::Sender::new(()));
        match signal(SignalKind::hangup()) {
            Ok(mut hangup) => {
                let sender = told.0.clone();
                beside.spawn(async move {
                    while hangup.recv().await.is_some() {
                        sender.send_replace(());
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "SIGHUP is not heard; files are read in time"),
        }
        told
    }

    /// For [`Watched::run`].
    pub(crate) fn hear(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// Counts how readings went that are made whether something has changed or not, and logs what is
/// news: a change, another error than the last, or that it is over.
#[derive(Default)]
pub(crate) struct News(Mutex<Option<String>>);

impl News {
    /// After a first reading that failed like this, and was told of, or did not.
    pub(crate) fn after(error: Option<String>) -> Self {
        Self(Mutex::new(error))
    }

    /// One more reading, and whether it changed anything.
    pub(crate) fn say(
        &self,
        metrics: &Metrics,
        what: Reloaded,
        outcome: Result<bool, impl fmt::Display>,
    ) {
        let error = outcome.as_ref().err().map(ToString::to_string);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *last != error || matches!(outcome, Ok(true));
        *last = error;
        drop(last);
        match news {
            true => say(metrics, what, outcome.map(drop)),
            false => metrics.reloaded(what, outcome.is_ok()),
        }
    }
}

/// Counts and logs how a reading went.
pub(crate) fn say(metrics: &Metrics, what: Reloaded, outcome: Result<(), impl fmt::Display>) {
    metrics.reloaded(what, outcome.is_ok());
    match outcome {
        Ok(()) => tracing::info!(?what, "read again"),
        Err(error) => tracing::error!(?what, %error, "not read again; what was read before holds"),
    }
}
