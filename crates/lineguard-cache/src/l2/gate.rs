//! The way to Redis: each request bounded in time, and none at all while Redis is slow or gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};
use tokio::time::{Instant, timeout};

use crate::breaker::{Breaker, Limits, Pass, Phase};
use crate::link::{Line, Link};

/// Why there was no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was not asked: there is no connection, or the breaker is open.
    Skipped,
    /// It did not reply in time.
    TimedOut,
    /// The connection broke, or it replied with an error.
    Failed,
}

/// One kind of request over a connection that other kinds may share.
#[derive(Debug)]
pub(super) struct Gate {
    link: Arc<Link>,
    timeout: Duration,
    breaker: Mutex<Breaker>,
    /// The origin of the breaker's moments.
    origin: Instant,
}

impl Gate {
    pub(super) fn new(link: Arc<Link>, timeout: Duration, limits: Limits) -> Self {
        let breaker = Mutex::new(Breaker::new(limits));
        Self { link, timeout, breaker, origin: Instant::now() }
    }

    /// Sends one request and waits for its reply, but no longer than the timeout.
    pub(super) async fn ask<T>(
        &self,
        request: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let mut line = self.link.line().ok_or(Failure::Skipped)?;
        let pass = self.with_breaker(|breaker| breaker.ask(self.origin.elapsed()));
        let pass = pass.ok_or(Failure::Skipped)?;
        match timeout(self.timeout, request(&mut line.connection)).await {
            Ok(Ok(reply)) => {
                self.with_breaker(|breaker| breaker.succeeded(pass));
                Ok(reply)
            }
            Ok(Err(error)) => {
                self.failed(pass, &line, Some(error));
                Err(Failure::Failed)
            }
            Err(_) => {
                self.failed(pass, &line, None);
                Err(Failure::TimedOut)
            }
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.with_breaker(|breaker| breaker.phase())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.line().is_some()
    }

    fn failed(&self, pass: Pass, line: &Line, error: Option<RedisError>) {
        let opened = self.with_breaker(|breaker| breaker.failed(pass, self.origin.elapsed()));
        let broken = error.as_ref().is_some_and(RedisError::is_unrecoverable_error);
        // One that hangs tells nobody that it is broken: only a new connection can find out.
        let hangs = opened && error.is_none();
        if broken || hangs {
            self.link.cut(line);
        }
    }

    fn with_breaker<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        act(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
