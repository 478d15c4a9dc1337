//! The stream over which a sidecar follows its parent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lineguard_core::id::TenantId;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, ShardSet, Stamp};
use lineguard_lease::{Incarnation, NotGranted, Parent, Renewed};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::wire::pb;
use crate::wire::pb::follow_request::Says;
use crate::wire::pb::follow_response::Says as Answer;
use crate::wire::pb::sidecar_service_client::SidecarServiceClient;
use crate::wire::sidecar as wire;

/// Follows a parent, over one stream at a time.
pub(super) struct Link {
    parent: super::Parent,
    tenants: Vec<String>,
    stream: Mutex<Option<Stream>>,
    numbers: AtomicU64,
    hints: watch::Sender<()>,
}

/// A stream on which the parent knows this sidecar.
#[derive(Clone)]
struct Stream {
    by: Incarnation,
    says: mpsc::Sender<pb::FollowRequest>,
    waiting: Arc<Waiting>,
}

/// Who waits for an answer, by the number of the question; none once the stream has ended.
struct Waiting(Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>);

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> StoreError {
    StoreError::Unavailable { detail: "the link to the parent has ended".into() }
}

fn unavailable(error: &StoreError) -> NotGranted {
    NotGranted::Unavailable { detail: error.to_string() }
}

impl Waiting {
    /// Whoever asks question `number` is to hear its answer; none if the stream has ended.
    fn add(&self, number: u64) -> Option<oneshot::Receiver<Answer>> {
        let (answer, answered) = oneshot::channel();
        guard(&self.0).as_mut()?.insert(number, answer);
        Some(answered)
    }

    fn remove(&self, number: u64) -> Option<oneshot::Sender<Answer>> {
        guard(&self.0).as_mut()?.remove(&number)
    }

    fn end(&self) {
        *guard(&self.0) = None;
    }

    fn has_ended(&self) -> bool {
        guard(&self.0).is_none()
    }
}

/// Forgets a question whose asker is gone.
struct Asked<'w>(&'w Waiting, u64);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}

impl Link {
    /// A link over which nothing was said yet.
    pub(super) fn new(parent: super::Parent, tenants: &[TenantId]) -> Self {
        Self {
            parent,
            tenants: tenants.iter().map(|tenant| tenant.as_str().to_owned()).collect(),
            stream: Mutex::default(),
            numbers: AtomicU64::default(),
            hints: watch::Sender::new(()),
        }
    }

    /// Changes whenever it is worth asking for a lease.
    pub(super) fn hints(&self) -> watch::Receiver<()> {
        self.hints.subscribe()
    }

    /// The stream on which the parent knows this name, if it has not ended.
    fn stream_of(&self, by: Incarnation) -> Option<Stream> {
        guard(&self.stream).clone().filter(|stream| stream.by == by && !stream.waiting.has_ended())
    }

    async fn begin(&self, by: Incarnation, name: &str) -> Result<Stream, tonic::Status> {
        let (says, said) = mpsc::channel(64);
        let begin = pb::Begin {
            incarnation: by.0.to_vec(),
            name: name.to_owned(),
            tenants: self.tenants.clone(),
        };
        let first = pb::FollowRequest { says: Some(Says::Begin(begin)) };
        says.send(first).await.map_err(|_| tonic::Status::unavailable("the link has ended"))?;
        let mut client = SidecarServiceClient::new(self.parent.clone());
        let mut answers = client.follow(ReceiverStream::new(said)).await?.into_inner();
        match answers.message().await? {
            Some(pb::FollowResponse { says: Some(Answer::Begun(_)) }) => {}
            _ => return Err(tonic::Status::unavailable("the parent did not begin")),
        }
        let waiting = Arc::new(Waiting(Mutex::new(Some(HashMap::new()))));
        tokio::spawn(listen(answers, Arc::clone(&waiting), self.hints.clone()));
        Ok(Stream { by, says, waiting })
    }
}

/// Hears what the parent says, until the stream ends.
async fn listen(
    mut answers: Streaming<pb::FollowResponse>,
    waiting: Arc<Waiting>,
    hints: watch::Sender<()>,
) {
    while let Ok(Some(pb::FollowResponse { says: Some(says) })) = answers.message().await {
        let number = match &says {
            Answer::Moved(_) => {
                hints.send_replace(());
                continue;
            }
            Answer::Lease(lease) => lease.number,
            Answer::NoLease(none) => none.number,
            Answer::Begun(_) => continue,
        };
        if let Some(asked) = waiting.remove(number) {
            // Whoever asked may have given up.
            let _ = asked.send(says);
        }
    }
    waiting.end();
    // Worth a poll: it finds that there is no stream, and makes another.
    hints.send_replace(());
}

#[async_trait]
impl Parent for Link {
    async fn follow(&self, by: Incarnation, name: &str, _: &ShardSet) -> Result<(), StoreError> {
        let stream = self.begin(by, name).await.map_err(|status| StoreError::Unavailable {
            detail: format!("the parent cannot be followed: {:?}", status.code()),
        })?;
        // The stream before ends with its sender.
        *guard(&self.stream) = Some(stream);
        Ok(())
    }

    async fn renew(&self, by: Incarnation, seen: &[(Shard, Stamp)]) -> Result<Renewed, NotGranted> {
        let Some(stream) = self.stream_of(by) else { return Err(NotGranted::Unknown) };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let Some(answered) = stream.waiting.add(number) else { return Err(NotGranted::Unknown) };
        let _asked = Asked(&stream.waiting, number);
        let renew = pb::Renew { number, seen: wire::stamps_to_wire(seen) };
        let renew = pb::FollowRequest { says: Some(Says::Renew(renew)) };
        stream.says.send(renew).await.map_err(|_| unavailable(&lost()))?;
        match answered.await.map_err(|_| unavailable(&lost()))? {
            Answer::Lease(lease) => wire::lease(lease).map_err(|error| unavailable(&error)),
            Answer::NoLease(none) => Err(match none.reason() {
                pb::NoLeaseReason::Unknown => NotGranted::Unknown,
                pb::NoLeaseReason::OtherHistory => NotGranted::OtherHistory,
                pb::NoLeaseReason::Unavailable | pb::NoLeaseReason::Unspecified => {
                    NotGranted::Unavailable { detail: none.detail }
                }
            }),
            Answer::Begun(_) | Answer::Moved(_) => Err(unavailable(&wire::malformed("answer"))),
        }
    }

    async fn confirm(
        &self,
        by: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        let stream = self.stream_of(by).ok_or_else(lost)?;
        let installed = pb::Installed { stamps: wire::stamps_to_wire(installed) };
        let installed = pb::FollowRequest { says: Some(Says::Installed(installed)) };
        stream.says.send(installed).await.map_err(|_| lost())
    }

    async fn leave(&self, by: Incarnation) -> Result<(), StoreError> {
        // A stream that has ended takes nothing more, and needs nothing: no lease is renewed there.
        let Some(stream) = self.stream_of(by) else { return Ok(()) };
        let leave = pb::FollowRequest { says: Some(Says::Leave(pb::Leave {})) };
        stream.says.send(leave).await.map_err(|_| lost())
    }
}
