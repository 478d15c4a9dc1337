//! The way between followers and their parents: letters that are late, lost or unanswered, and
//! that a paused parent finds when it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lineguard_core::feed::Incarnation;
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{Shard, ShardSet, Stamp};
use lineguard_lease::{Freshness, Grants, Hints, NotGranted, Parent, Renewed};
use tokio::sync::{mpsc, oneshot};

use crate::REPLICAS;
use crate::node::{Break, NodeClock};
use crate::world::{Shared, World};

pub enum Request {
    Follow(ShardSet),
    Renew(Vec<(Shard, Stamp)>),
    Confirm(Vec<(Shard, Stamp)>),
    Leave,
}

#[derive(Debug)]
pub enum Reply {
    Done(bool),
    Renewed(Result<Renewed, NotGranted>),
}

/// A request that has arrived.
pub struct Letter {
    at: u64,
    from: usize,
    by: Incarnation,
    request: Request,
    reply: oneshot::Sender<Reply>,
}

/// The parents as a follower reaches them: one at a time, and another one when that is of no use.
pub struct NodeParent {
    pub shared: Shared,
    pub node: usize,
    pub clock: NodeClock,
    pub broken: Break,
    pub parent: AtomicUsize,
}

impl NodeParent {
    async fn ask(&self, by: Incarnation, request: Request) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        let (from, to) = (self.node, self.parent.load(Ordering::SeqCst));
        let sent = self.clock.true_now();
        let arrive = move |world: &mut World| {
            let letter = Letter { at: world.now, from, by, request, reply };
            let cut = world.links[from].cut_out || world.loses();
            let inbox = world.links[to].inbox.clone().filter(|_| !cut);
            match inbox {
                Some(inbox) => drop(inbox.send(letter)),
                None => world.forget(letter),
            }
        };
        self.shared.lock().send(sent, arrive);
        answer.await.ok()
    }

    async fn done(&self, by: Incarnation, request: Request) -> Result<(), StoreError> {
        match self.ask(by, request).await {
            Some(Reply::Done(true)) => Ok(()),
            _ => Err(StoreError::Unavailable { detail: "the parent was not reached".into() }),
        }
    }

    fn next_parent(&self) {
        let _ = self.parent.update(Ordering::SeqCst, Ordering::SeqCst, |at| (at + 1) % REPLICAS);
    }

    async fn early(&self, by: Incarnation, renewed: &Renewed) {
        let _ = self.confirm(by, &renewed.stamps).await;
        let pause = self.shared.lock().random.between(1, 60);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

#[async_trait]
impl Parent for NodeParent {
    async fn follow(&self, by: Incarnation, _: &str, shards: &ShardSet) -> Result<(), StoreError> {
        // Whoever is given up in the middle of this tries another one the next time.
        self.next_parent();
        self.done(by, Request::Follow(*shards)).await
    }

    async fn renew(&self, by: Incarnation, seen: &[(Shard, Stamp)]) -> Result<Renewed, NotGranted> {
        let sent = self.clock.true_now();
        let Some(Reply::Renewed(renewed)) = self.ask(by, Request::Renew(seen.to_vec())).await
        else {
            return Err(NotGranted::Unavailable { detail: "no reply".into() });
        };
        let mut renewed = renewed?;
        match self.broken {
            Break::LeaseFromReceipt => {
                renewed.lease += Duration::from_nanos(self.clock.true_now() - sent);
            }
            Break::GrantTooMuch => renewed.lease *= 3,
            Break::FollowerConfirmsEarly => self.early(by, &renewed).await,
            _ => {}
        }
        Ok(renewed)
    }

    async fn confirm(
        &self,
        by: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        self.done(by, Request::Confirm(installed.to_vec())).await
    }

    async fn leave(&self, by: Incarnation) -> Result<(), StoreError> {
        self.done(by, Request::Leave).await
    }
}

/// What a parent needs to answer letters.
#[derive(Clone)]
pub struct Desk {
    pub shared: Shared,
    pub clock: NodeClock,
    pub freshness: Freshness,
    pub broken: Break,
}

impl Desk {
    /// Answers what arrives.
    pub async fn serve(self, mut inbox: mpsc::UnboundedReceiver<Letter>) {
        while let Some(letter) = inbox.recv().await {
            // It was put there ahead of this replica's time.
            let early = letter.at.saturating_sub(self.clock.true_now());
            tokio::time::sleep(Duration::from_nanos(early)).await;
            tokio::spawn(self.clone().answer(letter));
        }
    }

    async fn answer(self, letter: Letter) {
        let Letter { from, by, request, reply, .. } = letter;
        let grants = self.freshness.grants();
        let answer = match request {
            Request::Follow(shards) => {
                let hints = grants.follow(by, shards);
                Reply::Done(hints.map(|hints| self.pass_on(from, hints)).is_ok())
            }
            Request::Renew(seen) => Reply::Renewed(grants.renew(by, &seen).await),
            Request::Confirm(installed) => {
                grants.confirm(by, &installed);
                Reply::Done(true)
            }
            Request::Leave => {
                grants.leave(by);
                Reply::Done(true)
            }
        };
        let broken = self.broken;
        let arrive = move |world: &mut World| match world.links[from].cut_in || world.loses() {
            true => {
                leave_when_cut(broken, &grants, by);
                world.forget(reply);
            }
            false => drop(reply.send(answer)),
        };
        self.shared.lock().send(self.clock.true_now(), arrive);
    }

    /// Hints, as they come, are lost like anything else.
    fn pass_on(&self, to: usize, mut hints: Hints) {
        let (shared, clock) = (self.shared.clone(), self.clock.clone());
        tokio::spawn(async move {
            while hints.next().await {
                let arrive = move |world: &mut World| {
                    let link = &world.links[to];
                    if let Some(follower) = link.hinted.as_ref().filter(|_| !link.cut_in) {
                        follower.notify_one();
                    }
                };
                shared.lock().send(clock.true_now(), arrive);
            }
        });
    }
}

fn leave_when_cut(broken: Break, grants: &Grants, by: Incarnation) {
    if broken == Break::LeaveWhenCut {
        grants.leave(by);
    }
}

/// Asks again when told to.
pub async fn listen(freshness: Freshness, hinted: Arc<tokio::sync::Notify>) {
    loop {
        hinted.notified().await;
        freshness.hinted();
    }
}
