//! Accepting connections: at most so many at once, not too many from one address, each with its
//! handshake and its first bytes in time, and patiently when the system has run out of something.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::listen::Socket;
use super::newcomers::{Newcomers, Patience};
use super::outgoing::{ENHANCE_YOUR_CALM, Ended, NO_ERROR, Outgoing, PROTOCOL_ERROR};
use super::tls::Tls;
use crate::access::Peer;
use crate::config::Limits;
use crate::metrics::{Metrics, TurnedAway};

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
            let Some(tls) = tls else { return Ok((Box::new(raw) as Box<dyn Io>, Peer::Anonymous)) };
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
        let peer = Peer::local(raw.peer_cred().map(|credentials| credentials.uid()));
        std::future::ready(Ok((Box::new(raw) as Box<dyn Io>, peer)))
    }
}

/// The connections of `listener`, which is closed as soon as nobody asks for more.
pub(super) fn incoming<A: Accept>(
    listener: A,
    limits: Limits,
    metrics: Metrics,
) -> impl Stream<Item = io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = accept_all(&listener, limits, &metrics, &ready) => {}
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
    metrics: &Metrics,
    ready: &mpsc::Sender<io::Result<Connection>>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::default();
    let mut newcomers = Newcomers::default();
    let hint = Hint::default();
    loop {
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
        let Some(place) = addresses.take(from, limits.connections_per_address) else {
            metrics.turned_away(TurnedAway::AddressLimit);
            continue;
        };
        let Some(slot) = slot(&slots, &mut newcomers).await else { return };
        let patience = newcomers.admit(Instant::now() + limits.handshake_time);
        let local = from.is_none().then(|| hint.clone());
        let opening = Opening { from, slot, place, metrics: metrics.clone(), local };
        let (handshake, ready) = (listener.handshake(raw), ready.clone());
        // Beside the others: whoever is slow keeps nobody waiting.
        tokio::spawn(async move {
            if let Some(connection) = opening.finish(handshake, patience).await {
                // Nobody takes it when the server has ended.
                let _ = ready.send(Ok(connection)).await;
            }
        });
    }
}

/// A slot for one connection. While there is none all others wait in the system's queue instead of
/// in our memory.
async fn slot(slots: &Arc<Semaphore>, newcomers: &mut Newcomers) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Some(slot);
    }
    newcomers.make_room();
    Arc::clone(slots).acquire_owned().await.ok()
}

/// A connection before anybody knows who is at its other end.
struct Opening {
    from: Option<IpAddr>,
    slot: OwnedSemaphorePermit,
    place: Place,
    metrics: Metrics,
    local: Option<Hint>,
}

impl Opening {
    async fn finish(
        self,
        handshake: impl Future<Output = io::Result<(Box<dyn Io>, Peer)>>,
        mut patience: Patience,
    ) -> Option<Connection> {
        // Kept until it has been counted, and with it the socket.
        let mut handshake = pin!(handshake);
        let done = tokio::select! {
            done = &mut handshake => done,
            turned_away = &mut patience => {
                self.metrics.turned_away(turned_away);
                return None;
            }
        };
        match done {
            Ok((io, peer)) => {
                let Self { from: address, slot, place, metrics, local } = self;
                let (first, sent) = (Some(patience), Outgoing::default());
                let (held, local) = ((slot, place), local);
                Some(Connection { io, peer, address, first, sent, metrics, local, _held: held })
            }
            Err(error) => {
                if let Some(reason) = reason_of(&error) {
                    self.metrics.turned_away(reason);
                }
                None
            }
        }
    }
}

/// Why a handshake failed, unless the other end left: as probes do that only see whether somebody
/// listens.
fn reason_of(error: &io::Error) -> Option<TurnedAway> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            TurnedAway::Certificate
        }
        _ => TurnedAway::Handshake,
    })
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
    /// Until its first bytes are there.
    first: Option<Patience>,
    sent: Outgoing,
    metrics: Metrics,
    /// What to tell of a request that is none; on a Unix socket only.
    local: Option<Hint>,
    _held: (OwnedSemaphorePermit, Place),
}

/// What helps whoever runs a client whose requests on a Unix socket are reset: many name the path of
/// the socket as the authority, which HTTP/2 does not allow.
#[derive(Debug, Clone, Default)]
struct Hint(Arc<Mutex<Option<Instant>>>);

impl Hint {
    /// One client may ask without end.
    const AT_MOST_EVERY: Duration = Duration::from_secs(60);

    fn give(&self) {
        let now = Instant::now();
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if given.is_some_and(|given| now.duration_since(given) < Self::AT_MOST_EVERY) {
            return;
        }
        *given = Some(now);
        tracing::warn!(
            "a request on a Unix socket was reset because its headers are malformed; a gRPC client \
             that names the path of the socket as its authority must be told another one, such as \
             `localhost` (`grpc.default_authority` in Python, C++, Ruby and PHP; see docs/sockets.md)"
        );
    }
}

impl Connection {
    /// These bytes were written. Counts the connection if they end it, or a request on it, for what
    /// came over it.
    fn wrote(&mut self, bytes: &[u8]) {
        let Self { sent, metrics, local, .. } = self;
        sent.wrote(bytes, |ended| match ended {
            Ended::Connection(ENHANCE_YOUR_CALM) => metrics.turned_away(TurnedAway::Flood),
            Ended::Request(PROTOCOL_ERROR) => {
                metrics.turned_away(TurnedAway::Malformed);
                if let Some(hint) = local {
                    hint.give();
                }
            }
            Ended::Connection(NO_ERROR) | Ended::Request(_) => {}
            Ended::Connection(_) => metrics.turned_away(TurnedAway::Protocol),
        });
    }
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
        let Some(first) = &mut self.first else { return Poll::Pending };
        let turned_away = std::task::ready!(first.as_mut().poll(cx));
        self.first = None;
        self.metrics.turned_away(turned_away);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.io).poll_write(cx, bytes));
        if let Ok(count) = written {
            self.wrote(bytes.get(..count).unwrap_or_default());
        }
        Poll::Ready(written)
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
        let written = std::task::ready!(Pin::new(&mut self.io).poll_write_vectored(cx, slices));
        let mut left = *written.as_ref().unwrap_or(&0);
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            left -= part.len();
            self.wrote(part);
        }
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
