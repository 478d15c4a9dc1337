//! One connection of a link.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use super::postgres::{Commit, Frames};
use super::{Condition, Counts, Protocol, Shared, State, Way, abort};
use crate::random::Random;

/// How a direction of a connection came to its end.
enum End {
    /// The sender closed.
    Closed,
    /// The sender or the receiver is gone.
    Broken,
    /// The link broke it.
    Reset,
}

/// Carries a connection until one of its ends or the link ends it.
pub(super) async fn connection(mut near: TcpStream, shared: Arc<Shared>) {
    let Ok(mut far) = TcpStream::connect(shared.to).await else {
        // Nobody listens there: the server sees what it would see without the link.
        Counts::add(&shared.counts.ended_there, 1);
        abort(&near);
        return;
    };
    // Small messages back and forth: what the system would hold back is not ours to measure.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let reset = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let frames = Frames::new(shared.protocol == Protocol::Postgres);
        let there = Pump::new(Way::There, &shared, &frames).run(near_read, far_write);
        let back = Pump::new(Way::Back, &shared, &frames).run(far_read, near_write);
        // Neither protocol uses half-closed connections.
        tokio::select! {
            end = there => matches!(end, End::Reset),
            end = back => {
                if matches!(end, End::Closed | End::Broken) {
                    Counts::add(&shared.counts.ended_there, 1);
                }
                matches!(end, End::Reset | End::Broken)
            }
        }
    };
    if reset {
        abort(&near);
        abort(&far);
    }
}

/// One direction of a connection.
struct Pump<'s> {
    way: Way,
    shared: &'s Shared,
    frames: &'s Frames,
    state: watch::Receiver<State>,
    /// How often the link had reset its connections when this one began.
    resets: u64,
    random: Random,
}

impl<'s> Pump<'s> {
    fn new(way: Way, shared: &'s Shared, frames: &'s Frames) -> Self {
        let state = shared.state.subscribe();
        let resets = state.borrow().resets;
        Self { way, shared, frames, state, resets, random: shared.random() }
    }

    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> End {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read,
                () = cut(&mut self.state, self.resets) => return self.reset(),
            };
            let Ok(read) = read else { return End::Broken };
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return End::Closed;
            };
            let committed = self.look_at(bytes);
            if committed && self.shared.watch.committed(Commit::Unheard) {
                return self.reset();
            }
            if self.hinder(read).await {
                return self.reset();
            }
            if to.write_all(bytes).await.is_err() {
                return End::Broken;
            }
            let passed = match self.way {
                Way::There => &self.shared.counts.there,
                Way::Back => &self.shared.counts.back,
            };
            Counts::add(passed, read);
            if committed {
                self.shared.watch.committed(Commit::Heard);
            }
        }
    }

    /// Reads along. True if these bytes say that the database has committed.
    fn look_at(&self, bytes: &[u8]) -> bool {
        match self.way {
            Way::There => {
                let statements = self.frames.sent(bytes);
                Counts::add(&self.shared.counts.statements, statements);
                false
            }
            Way::Back => self.frames.answered(bytes),
        }
    }

    /// Holds bytes back as the condition of the link says. True if the link is cut meanwhile.
    async fn hinder(&mut self, bytes: usize) -> bool {
        let condition = self.state.borrow().condition;
        match condition {
            Condition::Open => false,
            Condition::Cut => true,
            Condition::Slow { by, jitter } => {
                Counts::add(&self.shared.counts.hindered, bytes);
                let late = self.random.between(by, by + jitter);
                tokio::select! {
                    () = sleep(late) => false,
                    () = cut(&mut self.state, self.resets) => true,
                }
            }
            Condition::Silent | Condition::HalfSilent(_) => {
                let (way, resets) = (self.way, self.resets);
                if condition.holds(way) {
                    Counts::add(&self.shared.counts.hindered, bytes);
                }
                let over = |now: &State| now.resets != resets || !now.condition.holds(way);
                self.state.wait_for(over).await.map_or(true, |now| now.resets != resets)
            }
        }
    }

    fn reset(&self) -> End {
        Counts::add(&self.shared.counts.reset, 1);
        End::Reset
    }
}

/// Waits until the link resets the connections that it had at this count of resets.
async fn cut(state: &mut watch::Receiver<State>, resets: u64) {
    // The link itself is gone: so are its connections.
    let _ = state.wait_for(|now| now.resets != resets).await;
}
