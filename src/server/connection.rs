//! Accepting connections: at most so many at once, and patiently when the system has run out of
//! something.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::listen::Socket;

/// What a connection can be made of.
pub(super) trait Io: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static> Io for T {}

/// Something that accepts connections.
pub(super) trait Accept: Send + Sync + 'static {
    /// Its connections.
    type Io: Io;

    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

impl Accept for TcpListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = Self::accept(self).await?;
        // Answers are small; waiting to fill a packet would only delay them.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Accept for Socket {
    type Io = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// The connections of `listener`, which is closed as soon as nobody asks for more.
pub(super) fn incoming<A: Accept>(
    listener: A,
    slots: Arc<Semaphore>,
) -> impl Stream<Item = io::Result<Connection<A::Io>>> {
    let (accepted, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = accept_all(&listener, slots, &accepted) => {}
            () = accepted.closed() => {}
        }
    });
    ReceiverStream::new(connections)
}

/// Long enough to close something, short enough not to be noticed.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

async fn accept_all<A: Accept>(
    listener: &A,
    slots: Arc<Semaphore>,
    accepted: &mpsc::Sender<io::Result<Connection<A::Io>>>,
) {
    // Without a slot a connection waits in the system's queue instead of in our memory.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let connection = match listener.accept().await {
            Ok(io) => Connection { io, _slot: slot },
            Err(error) => {
                // Out of file descriptors, say. Without a pause this would spin.
                tracing::warn!(kind = ?error.kind(), "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        if accepted.send(Ok(connection)).await.is_err() {
            return;
        }
    }
}

/// A connection and its slot, given back when it closes.
#[derive(Debug)]
pub(super) struct Connection<T> {
    io: T,
    _slot: OwnedSemaphorePermit,
}

impl<T: Connected> Connected for Connection<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
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
