//! Which servers may be sent calls: those whose health says so, as an endpoint list would have it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::failure::Result;
use crate::replica::Replica;

/// How long after a server says that it does not serve callers still send to it: news travels.
pub const NEWS: Duration = Duration::from_millis(300);

/// How soon a server that cannot be watched is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// The servers, and which of them serve.
#[derive(Debug)]
pub struct Serving {
    servers: Vec<(Arc<Replica>, Arc<AtomicBool>)>,
    turn: AtomicUsize,
    _watches: JoinSet<()>,
}

impl Serving {
    /// Watches these servers until it is dropped.
    pub fn of(servers: &[Arc<Replica>]) -> Self {
        let mut watches = JoinSet::new();
        let watched = servers.iter().map(|server| {
            let serves = Arc::new(AtomicBool::new(false));
            watches.spawn(watch(Arc::clone(server), Arc::clone(&serves)));
            (Arc::clone(server), serves)
        });
        Self { servers: watched.collect(), turn: AtomicUsize::new(0), _watches: watches }
    }

    /// One of those who serve, in turn.
    pub fn next(&self) -> Option<&Arc<Replica>> {
        let serving: Vec<_> =
            self.servers.iter().filter(|(_, serves)| serves.load(Ordering::Acquire)).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(serving.len())?;
        serving.get(turn).map(|(server, _)| server)
    }

    /// Waits until this many serve.
    pub async fn wait_for(&self, count: usize) {
        let serving =
            || self.servers.iter().filter(|(_, serves)| serves.load(Ordering::Acquire)).count();
        while serving() < count {
            sleep(AGAIN).await;
        }
    }
}

/// Follows what a server says of its health.
async fn watch(server: Arc<Replica>, serves: Arc<AtomicBool>) {
    loop {
        if let Ok(mut news) = server.watch_health().await {
            while let Some(now) = news.next().await {
                if !now {
                    sleep(NEWS).await;
                }
                serves.store(now, Ordering::Release);
            }
        }
        serves.store(false, Ordering::Release);
        sleep(AGAIN).await;
    }
}

/// Opens one address for all of them: each connection goes to the next that serves. Returns where.
///
/// # Errors
///
/// If no port can be had.
pub async fn one_address(serving: Arc<Serving>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let to = serving.next().map(|server| server.address());
            tokio::spawn(carry(near, to));
        }
    });
    Ok(address)
}

async fn carry(mut near: TcpStream, to: Option<SocketAddr>) {
    // Without anybody there the connection ends.
    let Some(to) = to else { return };
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    // However it ends, both ends see it.
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
