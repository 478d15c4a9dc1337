//! Sends what is to be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::message::Message;
use super::{Count, Shared};
use crate::link::Link;

/// How long sending may take. Longer than a request may wait, as nobody waits for this.
const PUBLISH: Duration = Duration::from_millis(500);

/// How many messages go in one trip.
const BATCH: usize = 64;

/// Sends messages as long as somebody may have more. Those that come while Redis is not there are
/// dropped: what they say is in the database, and there it is found by then.
pub(super) async fn speak(
    shared: Arc<Shared>,
    link: Arc<Link>,
    mut messages: mpsc::Receiver<Message>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while messages.recv_many(&mut batch, BATCH).await > 0 {
        let count = publish(&shared, &link, &batch).await;
        batch.drain(..).for_each(|_| shared.count(count));
    }
}

async fn publish(shared: &Shared, link: &Link, batch: &[Message]) -> Count {
    let Some(mut line) = link.line() else { return Count::Dropped };
    let mut pipe = redis::pipe();
    for message in batch {
        let bytes = message.encode(&shared.seal, &shared.channel);
        pipe.cmd("PUBLISH").arg(&shared.channel).arg(bytes).ignore();
    }
    match timeout(PUBLISH, pipe.exec_async(&mut line.connection)).await {
        Ok(Ok(())) => return Count::Sent,
        // It is there and says no; another connection would hear the same.
        Ok(Err(error)) if !error.is_unrecoverable_error() => {}
        Ok(Err(_)) | Err(_) => link.cut(&line),
    }
    // Until a beat has been heard again.
    shared.set_connected(false);
    Count::Failed
}
