//! A TCP link that can be made bad.
//!
//! One stands between each server and each database of the run. It is transparent until told
//! otherwise, and it counts what it really did to the traffic, because a fault that met none proves
//! nothing.

mod postgres;
mod pump;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::failure::Result;
use crate::random::Random;
pub use postgres::Commit;
use postgres::Watch;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the server to the database.
    There,
    /// From the database to the server.
    Back,
}

/// What a link does with what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Passes everything on.
    Open,
    /// Passes everything on, later.
    Slow {
        /// By at least this.
        by: Duration,
        /// And up to this more.
        jitter: Duration,
    },
    /// Passes nothing on, and nobody is told. Once the link is open again, what was held goes on.
    Silent,
    /// Silent this way only.
    HalfSilent(Way),
    /// Resets every connection, those that are there and those that come.
    Cut,
}

impl Condition {
    /// Whether bytes that go this way have to stay.
    fn holds(self, way: Way) -> bool {
        match self {
            Self::Silent => true,
            Self::HalfSilent(silent) => silent == way,
            Self::Open | Self::Slow { .. } | Self::Cut => false,
        }
    }
}

/// What a link has done since it was made.
#[derive(Debug, Default)]
pub struct Counts {
    /// Bytes passed on to the database.
    pub there: AtomicU64,
    /// Bytes passed on to the server.
    pub back: AtomicU64,
    /// Bytes that came later than they would have, whether slowed or held.
    pub hindered: AtomicU64,
    /// Connections that were reset, or refused at once.
    pub reset: AtomicU64,
    /// Connections that the database ended.
    pub ended_there: AtomicU64,
    /// Statements that were sent to the database, if that is PostgreSQL.
    pub statements: AtomicU64,
}

impl Counts {
    /// What faults of this link have done to traffic so far.
    pub fn effect(&self) -> u64 {
        self.hindered.load(Ordering::Relaxed) + self.reset.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(u64::try_from(more).unwrap_or(0), Ordering::Relaxed);
    }
}

/// What is sent over a link, as far as the link has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL without encryption: statements are counted and commits can be waited for.
    Postgres,
    /// Anything.
    Opaque,
}

/// A link. It ends when the last clone goes.
#[derive(Debug, Clone)]
pub struct Link {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// What the connections of a link share.
#[derive(Debug)]
struct Shared {
    to: SocketAddr,
    protocol: Protocol,
    state: watch::Sender<State>,
    counts: Counts,
    watch: Watch,
    seed: AtomicU64,
}

/// What a link does now, and how often it has reset its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    condition: Condition,
    resets: u64,
}

impl Link {
    /// Opens a link to an address on a free port of this machine.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn to(to: SocketAddr, protocol: Protocol) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            to,
            protocol,
            state: watch::Sender::new(State { condition: Condition::Open, resets: 0 }),
            counts: Counts::default(),
            watch: Watch::default(),
            seed: AtomicU64::new(u64::from(address.port())),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, address })
    }

    /// Where the link listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the link does, from this moment on.
    pub fn set(&self, condition: Condition) {
        self.shared.state.send_modify(|state| {
            state.condition = condition;
            state.resets += u64::from(condition == Condition::Cut);
        });
    }

    /// Resets every connection there is; new ones are as before.
    pub fn reset(&self) {
        self.shared.state.send_modify(|state| state.resets += 1);
    }

    /// What the link has done.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Waits for the next commit on this link. Where the server is not to hear of it, its connection
    /// is reset instead.
    pub async fn next_commit(&self, commit: Commit) {
        self.shared.watch.next(commit).await;
    }

    /// Waits for no commit any more.
    pub fn forget_commit(&self) {
        self.shared.watch.forget();
    }
}

impl Shared {
    fn random(&self) -> Random {
        Random::new(self.seed.fetch_add(1, Ordering::Relaxed), 7)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        if shared.state.borrow().condition == Condition::Cut {
            Counts::add(&shared.counts.reset, 1);
            abort(&near);
            continue;
        }
        tokio::spawn(pump::connection(near, Arc::clone(&shared)));
    }
}

/// Makes the end of a connection a reset instead of an orderly close.
fn abort(stream: &TcpStream) {
    // A socket that takes no option is gone already.
    let _ = stream.set_zero_linger();
}
