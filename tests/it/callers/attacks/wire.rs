//! HTTP/2 as nobody honest speaks it, and connections that come from elsewhere.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// What every HTTP/2 connection begins with, and empty settings.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// The code for somebody who asks too much.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;

/// How long the other end has to end a connection.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection from another address of this machine, as that of another machine.
pub async fn connect_from(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    // Ports that wait for stragglers of an earlier connection do.
    socket.set_reuseaddr(true).unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await
}

/// Whether the other end closes the connection within a time, whatever it says before.
pub async fn closes(stream: &mut TcpStream, within: Duration) -> bool {
    let mut said = Vec::new();
    timeout(within, stream.read_to_end(&mut said)).await.is_ok()
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Headers of a `POST`, as HPACK has them without a table: method, scheme and path from the static
/// one, then a header by its text.
fn request_headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (index, value) in [(0x04, "/lineguard.v1.AuthorizationService/Check"), (0x01, "localhost")]
    {
        block.push(index);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// Streams in one piece of [`resets`].
pub const RESETS: usize = 100;

/// Streams that are reset as soon as they are opened, in pieces, for as long as anybody reads them.
pub fn resets() -> impl Iterator<Item = Vec<u8>> {
    let mut ids = (1..u32::MAX / 2).step_by(2);
    std::iter::from_fn(move || {
        let streams = ids.by_ref().take(RESETS).map(|id| {
            let mut stream = frame(HEADERS, END_HEADERS, id, &request_headers());
            stream.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            stream
        });
        Some(streams.flatten().collect())
    })
}

/// Headers that go on and on, of one stream.
pub fn continuations() -> impl Iterator<Item = Vec<u8>> {
    // A header that is kept: a name and a value of 100 bytes.
    let mut block = vec![0x40, 100];
    block.extend([b'a'; 100]);
    block.push(100);
    block.extend([b'b'; 100]);
    let piece = frame(CONTINUATION, 0, 1, &block.repeat(50));
    let first = frame(HEADERS, 0, 1, &request_headers());
    std::iter::once(first).chain(std::iter::repeat(piece))
}

/// How a flood ended.
#[derive(Debug)]
pub struct Flooded {
    /// How many pieces were written before.
    pub pieces: usize,
    /// Whether the other end closed the connection.
    pub closed: bool,
    /// What it said when it did, where that was not lost with the connection.
    pub goaway: Option<u32>,
}

/// Speaks HTTP/2 and then these pieces, for as long as the other end lets it.
pub async fn flood<S>(stream: S, pieces: impl Iterator<Item = Vec<u8>>) -> Flooded
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    // At the same time: what the other end says last is lost if it is not read soon.
    let said = Arc::<Mutex<Vec<u8>>>::default();
    let saying = Arc::clone(&said);
    let mut reading = tokio::spawn(async move {
        let mut part = vec![0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut part).await {
            saying.lock().unwrap().extend_from_slice(&part[..count]);
        }
    });
    let mut written = 0;
    let writing = async {
        for piece in std::iter::once(PREFACE.to_vec()).chain(pieces) {
            if writer.write_all(&piece).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            written += 1;
        }
    };
    let closed = tokio::select! {
        _ = &mut reading => true,
        _ = timeout(PATIENCE, writing) => timeout(PATIENCE, &mut reading).await.is_ok(),
    };
    let goaway = goaway(&said.lock().unwrap());
    Flooded { pieces: written, closed, goaway }
}

/// The code of the last `GOAWAY` in what a server said.
fn goaway(mut said: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some((head, rest)) = said.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, rest) = rest.split_at_checked(length)?;
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        said = rest;
    }
    code
}
