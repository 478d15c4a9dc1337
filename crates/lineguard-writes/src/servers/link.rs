//! The link between the store and its server, which can be cut, and on which one way can be lost.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::failure::{Doing, Result};

/// What the link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Passes everything on.
    Open,
    /// What the server answers is lost.
    NoAnswers,
    /// What the store asks is lost.
    NoRequests,
    /// There are no connections.
    Cut,
}

/// The link.
pub struct Link {
    /// Where the store finds it.
    pub address: SocketAddr,
    condition: watch::Sender<Condition>,
    pairs: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Link {
    /// Makes one to a port of this machine.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("a link")?;
        let address = listener.local_addr().doing("a link")?;
        let condition = watch::Sender::new(Condition::Open);
        let pairs: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let (known, conditions) = (Arc::clone(&pairs), condition.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *conditions.borrow() == Condition::Cut {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let (from_near, to_near) = near.into_split();
                let (from_far, to_far) = far.into_split();
                let there = conditions.subscribe();
                let back = conditions.subscribe();
                let pair = tokio::spawn(async move {
                    tokio::join!(
                        pass(from_near, to_far, there, Condition::NoRequests),
                        pass(from_far, to_near, back, Condition::NoAnswers),
                    );
                });
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.retain(|pair| !pair.is_finished());
                known.push(pair.abort_handle());
            }
        });
        Ok(Self { address, condition, pairs })
    }

    /// From now on it is so. A cut ends all connections.
    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
        if condition == Condition::Cut {
            let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.drain(..).for_each(|pair| pair.abort());
        }
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    condition: watch::Receiver<Condition>,
    lost: Condition,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let many = match from.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(many) => many,
        };
        if *condition.borrow() == lost {
            continue;
        }
        let Some(read) = bytes.get(..many) else { break };
        if to.write_all(read).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
