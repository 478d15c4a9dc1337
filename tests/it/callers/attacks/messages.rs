//! Messages of gRPC that are none.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tonic::codegen::{Bytes, Service as _};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::super::refused;

/// A message as gRPC frames it, which announces this length.
pub fn message(announced: usize, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0];
    message.extend(u32::try_from(announced).unwrap().to_be_bytes());
    message.extend_from_slice(bytes);
    message
}

pub const TOO_LARGE: (Code, &str) = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
pub const MALFORMED: (Code, &str) = (Code::InvalidArgument, "MALFORMED_MESSAGE");

/// More than a server reads, all of it sent, or only announced.
pub fn oversized(limit: usize) -> [(&'static str, Vec<u8>); 2] {
    [
        ("larger than the limit", message(limit + 1, &vec![0; limit + 1])),
        ("announced only", message(u32::MAX as usize, &[0; 10])),
    ]
}

/// Messages that end too soon, or are none.
pub fn truncated() -> [(&'static str, Vec<u8>); 6] {
    [
        ("shorter than announced", message(100, &[0; 10])),
        ("an announcement cut off", vec![0, 0, 0]),
        ("nothing at all", Vec::new()),
        ("a field cut off", message(3, &[0x0a, 100, b't'])),
        ("no message", message(20, &[0xff; 20])),
        ("compressed by nothing", [&[1], &message(10, &[0; 10])[1..]].concat()),
    ]
}

fn request(path: &str, body: Body) -> Request<Body> {
    Request::post(format!("https://localhost/lineguard.v1.{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

/// Sends these bytes as the body of a call: the code and the reason that come back.
pub async fn send(channel: &Channel, path: &str, bytes: Vec<u8>) -> (Code, String) {
    let mut channel = channel.clone();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let body = Body::new(Full::new(Bytes::from(bytes)));
    let answer = channel.call(request(path, body)).await.unwrap();
    let status = match Status::from_header_map(answer.headers()) {
        Some(status) => status,
        None => {
            let body = answer.into_body().collect().await.unwrap();
            Status::from_header_map(body.trailers().unwrap()).unwrap()
        }
    };
    refused(&status)
}

/// A body that begins and does not go on.
struct Unfinished {
    beginning: Option<Bytes>,
    sent: Option<oneshot::Sender<()>>,
}

impl tonic::codegen::Body for Unfinished {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Status>>> {
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(Ok(hyper::body::Frame::data(beginning))));
        }
        // Asked for more: the beginning is on its way.
        drop(self.sent.take());
        Poll::Pending
    }
}

/// Sends the beginning of a body and then resets the stream; says whether the connection has ended
/// before.
pub async fn reset(channel: &Channel, path: &str, beginning: Vec<u8>) -> bool {
    let mut channel = channel.clone();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let (sent, begun) = oneshot::channel();
    let beginning = Some(Bytes::from(beginning));
    let body = Body::new(Unfinished { beginning, sent: Some(sent) });
    tokio::select! {
        answer = channel.call(request(path, body)) => {
            assert!(answer.is_err(), "answered: {answer:?}");
            true
        }
        _ = begun => false,
    }
}
