//! Honest callers, and how long they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lineguard::wire::pb::CheckRequest;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tonic::transport::{Channel, Endpoint};

/// Callers who ask again and again until they are told to end.
pub struct Honest {
    end: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Waits>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Waits {
    /// How long each waited for its answer, the shortest first. A question that could not be asked
    /// when it was due waits from then on.
    pub answered: Vec<Duration>,
    /// Why there was none.
    pub failures: Vec<String>,
}

impl Waits {
    /// How long the slowest hundredth waited at least.
    pub fn p99(&self) -> Duration {
        let at = self.answered.len() * 99 / 100;
        self.answered.get(at).or(self.answered.last()).copied().unwrap_or_default()
    }

    pub fn longest(&self) -> Duration {
        self.answered.last().copied().unwrap_or_default()
    }
}

impl Honest {
    /// A caller on each of these connections, who asks this every so often.
    pub fn connected(channels: &[Channel], question: &CheckRequest, every: Duration) -> Self {
        let callers = channels.iter().map(|channel| {
            let (channel, question) = (channel.clone(), question.clone());
            move || {
                let mut client = AuthorizationServiceClient::new(channel.clone());
                let question = question.clone();
                async move { client.check(question).await.map(drop).map_err(|e| e.to_string()) }
            }
        });
        Self::start(callers, every)
    }

    /// A caller who connects for each of its questions, again if that fails.
    pub fn connecting(endpoint: &Endpoint, question: &CheckRequest, every: Duration) -> Self {
        let (endpoint, question) = (endpoint.clone(), question.clone());
        let caller = move || {
            let (endpoint, question) = (endpoint.clone(), question.clone());
            async move {
                let begun = Instant::now();
                loop {
                    let Err(error) = connect_and_ask(&endpoint, question.clone()).await else {
                        return Ok(());
                    };
                    if begun.elapsed() > Duration::from_secs(10) {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        Self::start(std::iter::once(caller), every)
    }

    fn start<F>(
        callers: impl Iterator<Item = impl Fn() -> F + Send + 'static>,
        every: Duration,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let end = Arc::<AtomicBool>::default();
        let tasks = callers.map(|caller| {
            let ended = Arc::clone(&end);
            tokio::spawn(async move {
                let (mut due, mut waits) = (interval(every), Waits::default());
                while !ended.load(Ordering::Relaxed) {
                    let due = due.tick().await;
                    match caller().await {
                        Ok(()) => waits.answered.push(due.elapsed()),
                        Err(error) => waits.failures.push(error),
                    }
                }
                waits
            })
        });
        Self { tasks: tasks.collect(), end }
    }

    pub async fn end(self) -> Waits {
        self.end.store(true, Ordering::Relaxed);
        let mut all = Waits::default();
        for task in self.tasks {
            let waits = task.await.unwrap();
            all.answered.extend(waits.answered);
            all.failures.extend(waits.failures);
        }
        all.answered.sort_unstable();
        all
    }
}

async fn connect_and_ask(endpoint: &Endpoint, question: CheckRequest) -> Result<(), String> {
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let answer = AuthorizationServiceClient::new(channel).check(question).await;
    answer.map(drop).map_err(|error| error.to_string())
}
