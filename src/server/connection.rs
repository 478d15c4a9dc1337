//! Accepting connections: at most so many at once, not too many from one address, each with its
//! handshake and its first bytes in time, and patiently when the system has run out of something.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::listen::Socket;
use super::tls::Tls;
use crate::access::Peer;
use crate::config::Limits;

/// Bytes both ways.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

/// Something that accepts connections.
pub(super) trait Accept: Send + Sync + 'static {
    /// What it accepts.
    type Raw: Send + 'static;

    /// The next connection, and where it comes from.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Raw, Option<IpAddr>)>> + Send;

    /// Finds out who is at the other end.
    fn handshake(
        &self,
        raw: Self::Raw,
    ) -> impl Future<Output = io::Result<(Box<dyn Io>, Peer)>> + Send + 'static;
}

/// A TCP port, with TLS or without.
pub(super) struct Tcp {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Tls>,
}

impl Accept for Tcp {
    type Raw = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        let (stream, from) = self.listener.accept().await?;
        // Answers are small; waiting to fill a packet would only delay them.
        stream.set_nodelay(true)?;
        Ok((stream, Some(from.ip())))
    }

    fn handshake(
        &self,
        raw: TcpStream,
    ) -> impl Future<Output = io::Result<(Box<dyn Io>, Peer)>> + Send + 'static {
        let tls = self.tls.clone();
        async move {
            let Some(tls) = tls else { return Ok((Box::new(raw) as Box<dyn Io>, Peer::Unknown)) };
            let (stream, peer) = tls.accept(raw).await?;
            Ok((Box::new(stream) as Box<dyn Io>, peer))
        }
    }
}

impl Accept for Socket {
    type Raw = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Raw, Option<IpAddr>)> {
        self.listener.accept().await.map(|(stream, _)| (stream, None))
    }

    fn handshake(
        &self,
        raw: Self::Raw,
    ) -> impl Future<Output = io::Result<(Box<dyn Io>, Peer)>> + Send + 'static {
        let uid = raw.peer_cred().ok().map(|credentials| credentials.uid());
        std::future::ready(Ok((Box::new(raw) as Box<dyn Io>, Peer::Local { uid })))
    }
}

/// The connections of `listener`, which is closed as soon as nobody asks for more.
pub(super) fn incoming<A: Accept>(
    listener: A,
    limits: Limits,
) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = accept_all(&listener, limits, &ready) => {}
            () = ready.closed() => {}
        }
    });
    ReceiverStream::new(connections)
}

/// Long enough to close something, short enough not to be noticed.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

async fn accept_all<A: Accept>(
    listener: &A,
    limits: Limits,
    ready: &mpsc::Sender<io::Result<Connection>>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::default();
    // Without a slot a connection waits in the system's queue instead of in our memory.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let (raw, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say. Without a pause this would spin.
                tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        // One address must not take the slots of all others.
        let Some(place) = addresses.take(from, limits.connections_per_address) else { continue };
        let deadline = Instant::now() + limits.handshake_time;
        let handshake = listener.handshake(raw);
        let ready = ready.clone();
        // Beside the others: whoever is slow keeps nobody waiting.
        tokio::spawn(async move {
            let Ok(Ok((io, peer))) = tokio::time::timeout_at(deadline, handshake).await else {
                return;
            };
            let first = Some(Box::pin(sleep_until(deadline)));
            let connection =
                Connection { io, peer, address: from, first, _slot: slot, _place: place };
            // Nobody takes it when the server has ended.
            let _ = ready.send(Ok(connection)).await;
        });
    }
}

/// How many connections there are from each address.
#[derive(Debug, Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Addresses {
    /// A place for one more, if there are fewer than `most`.
    fn take(&self, from: Option<IpAddr>, most: usize) -> Option<Place> {
        let Some(from) = from.map(|from| from.to_canonical()) else { return Some(Place(None)) };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(from).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), from))))
    }
}

/// A place of an address, given back when it goes.
#[derive(Debug)]
struct Place(Option<(Addresses, IpAddr)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((addresses, from)) = &self.0 else { return };
        let mut counts = addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(from);
            }
        }
    }
}

/// Where the calls of a connection come from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Who is at the other end.
    pub(super) peer: Peer,
    /// Where that is; none where it is this machine, by a socket.
    pub(super) address: Option<IpAddr>,
}

/// A connection with who is at its other end, and its slot, given back when it closes.
pub(super) struct Connection {
    io: Box<dyn Io>,
    peer: Peer,
    address: Option<IpAddr>,
    /// Until when its first bytes must be there.
    first: Option<Pin<Box<Sleep>>>,
    _slot: OwnedSemaphorePermit,
    _place: Place,
}

impl Connected for Connection {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        Origin { peer: self.peer.clone(), address: self.address }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            self.first = None;
            return read;
        }
        match &mut self.first {
            Some(first) => first.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
