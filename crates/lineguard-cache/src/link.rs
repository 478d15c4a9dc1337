//! A connection to Redis that is always being kept up, and never waited for.

use std::sync::Arc;
use std::time::Duration;

use lineguard_lease::Seldom;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::server::Redis;
use crate::task::Task;

/// How long connecting and logging in may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(1);

/// The pauses between attempts to connect: the first, and the longest.
pub(crate) const PAUSES: (Duration, Duration) =
    (Duration::from_millis(50), Duration::from_millis(1_600));

/// Keeps a connection up: connects, and when somebody gives the connection up, connects again.
#[derive(Debug)]
pub(crate) struct Link {
    lines: Arc<watch::Sender<Option<Line>>>,
    _keeper: Task,
}

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    number: u64,
    pub(crate) connection: MultiplexedConnection,
}

impl Link {
    /// Begins to connect, in a task of its own that ends with this link.
    pub(crate) fn start(redis: &Redis, what_for: &'static str) -> Self {
        let lines = Arc::new(watch::Sender::new(None));
        let keeper = Task::spawn(keep(redis.clone(), what_for, lines.clone()));
        Self { lines, _keeper: keeper }
    }

    /// The present connection, if there is one.
    pub(crate) fn line(&self) -> Option<Line> {
        self.lines.borrow().clone()
    }

    /// Waits for a connection.
    pub(crate) async fn connected(&self) -> Option<Line> {
        self.lines.subscribe().wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Gives a connection up, because it is broken or does not answer. What is still under way on
    /// it fails.
    pub(crate) fn cut(&self, line: &Line) {
        self.lines.send_if_modified(|present| {
            let same = present.as_ref().is_some_and(|present| present.number == line.number);
            if same {
                *present = None;
            }
            same
        });
    }
}

async fn keep(redis: Redis, what_for: &'static str, lines: Arc<watch::Sender<Option<Line>>>) {
    let mut pause = PAUSES.0;
    let mut log = Log { redis: &redis, what_for, trouble: Seldom::new(), news: true };
    for number in 0.. {
        match timeout(CONNECT, connect(&redis)).await {
            Ok(Ok(connection)) => {
                log.connected();
                let since = Instant::now();
                lines.send_replace(Some(Line { number, connection }));
                // Ends only with the link itself otherwise, and so does this task.
                let _ = lines.subscribe().wait_for(Option::is_none).await;
                log.trouble("a connection was given up");
                if since.elapsed() > PAUSES.1 {
                    pause = PAUSES.0;
                }
            }
            Ok(Err(error)) => log.trouble(error.category()),
            Err(_) => log.trouble("too slow"),
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSES.1);
    }
}

/// What is said of a connection: neither an outage nor a server that comes and goes floods the log.
struct Log<'a> {
    redis: &'a Redis,
    what_for: &'static str,
    trouble: Seldom,
    /// Whether trouble was said since the last connection was.
    news: bool,
}

impl Log<'_> {
    fn trouble(&mut self, reason: &str) {
        if let Some(times) = self.trouble.again(Instant::now()) {
            let Self { redis, what_for, .. } = self;
            tracing::warn!(?redis, what_for, reason, times, "redis is not there");
            self.news = true;
        }
    }

    fn connected(&mut self) {
        if std::mem::take(&mut self.news) {
            let Self { redis, what_for, .. } = self;
            tracing::info!(?redis, what_for, "connected to redis");
        }
    }
}

async fn connect(redis: &Redis) -> RedisResult<MultiplexedConnection> {
    // Each request has a timeout of its own, shorter than any that could be set here.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None);
    redis.client.get_multiplexed_async_connection_with_config(&config).await
}
