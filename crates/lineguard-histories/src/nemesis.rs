//! Makes things go wrong, and tells how much of it really did.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::databases::Manner;
use crate::failure::{Doing, Failure, Result};
use crate::faults::{About, Bad, Fault, Target};
use crate::fleet::{Fleet, Promise};
use crate::history::Disturbance;
use crate::link::{Commit, Condition, Link, Way};
use crate::random::Random;
use crate::replica::Replica;
use crate::run::Run;

/// Makes things go wrong, one or two at a time.
pub struct Nemesis {
    fleet: Arc<Fleet>,
    run: Arc<Run>,
    promise: Promise,
    slack: Duration,
    random: Random,
    /// What it makes.
    faults: Vec<Fault>,
    /// How often each of them has to be made at least.
    rounds: usize,
}

impl Nemesis {
    /// One that makes each of these at least `rounds` times, and goes on while the run does.
    pub fn new(
        fleet: &Arc<Fleet>,
        run: &Arc<Run>,
        promise: Promise,
        faults: Vec<Fault>,
        rounds: usize,
    ) -> Self {
        let (fleet, run, slack) = (Arc::clone(fleet), Arc::clone(run), run.slack());
        let random = Random::new(run.seed, 1);
        Self { fleet, run, promise, slack, random, faults, rounds }
    }

    /// Makes faults until the run is over.
    ///
    /// # Errors
    ///
    /// If something does not come back.
    pub async fn rage(mut self) -> Result<Vec<Disturbance>> {
        let mut made = Vec::new();
        let mut round = 0;
        while round < self.rounds || !self.run.done() {
            let mut faults = self.faults.clone();
            self.random.shuffle(&mut faults);
            while let Some(fault) = faults.pop() {
                let also = faults.last().copied().filter(|also| also.goes_with(fault));
                match also.filter(|_| self.random.percent(40)) {
                    Some(also) => {
                        faults.pop();
                        made.extend(self.two(fault, also).await?);
                    }
                    None => made.push(self.one(fault).await?),
                }
                if round >= self.rounds && self.run.done() {
                    break;
                }
                self.rest().await;
            }
            round += 1;
        }
        self.run.disturbed_enough();
        Ok(made)
    }

    /// Lets everything be well: mostly for a moment, sometimes until errors are no longer excused.
    async fn rest(&mut self) {
        let rest = match self.random.percent(20) {
            true => self.promise.recovery() + self.slack + Duration::from_secs(1),
            false => self.random.between(Duration::from_millis(100), Duration::from_millis(600)),
        };
        sleep(rest).await;
    }

    async fn one(&mut self, fault: Fault) -> Result<Disturbance> {
        let server = self.random.below(self.fleet.replicas.len());
        self.plan(fault, server).make().await
    }

    /// Two at once, on different servers where they are about one.
    async fn two(&mut self, fault: Fault, also: Fault) -> Result<[Disturbance; 2]> {
        let servers = self.fleet.replicas.len();
        let server = self.random.below(servers);
        let other = (server + 1 + self.random.below(servers.saturating_sub(1))) % servers.max(1);
        let (first, second) = (self.plan(fault, server), self.plan(also, other));
        let (first, second) = tokio::join!(first.make(), second.make());
        Ok([first?, second?])
    }

    fn plan(&mut self, fault: Fault, server: usize) -> Planned {
        let lease = self.promise.lease;
        // Some end within a lease, some outlast the wait of a write.
        let lasts = self.random.between(lease / 5, lease * 2);
        let late = self.random.between(Duration::from_millis(5), lease / 4);
        let (fleet, run) = (Arc::clone(&self.fleet), Arc::clone(&self.run));
        Planned { fault, server, lasts, late, fleet, run }
    }
}

/// A fault with all that was drawn for it.
struct Planned {
    fault: Fault,
    server: usize,
    lasts: Duration,
    late: Duration,
    fleet: Arc<Fleet>,
    run: Arc<Run>,
}

impl Planned {
    async fn make(self) -> Result<Disturbance> {
        let from = self.run.watch.now();
        let made = match self.fault {
            Fault::Link(target, bad) => self.link(target, bad).await,
            Fault::LostCommit => self.lost_commit().await,
            Fault::Pause => self.pause(self.replica()?).await,
            Fault::Kill => self.kill(self.replica()?).await,
            Fault::KillParent => self.kill_parent().await,
            Fault::PauseSidecar => self.pause(self.sidecar()?).await,
            Fault::KillSidecar => self.kill(self.sidecar()?).await,
            Fault::KillAtCommit(commit) => self.kill_at(commit).await,
            Fault::Stop => self.stop().await,
            Fault::RestartPostgres(manner) => self.restart_postgres(manner).await,
            Fault::FlushRedis => self.flush_redis().await,
            Fault::KillRedis => self.kill_redis().await,
            Fault::PauseRedis => self.pause_redis().await,
        };
        let effect = made.doing(self.fault.name())?;
        let until = self.run.watch.now();
        let place = match self.fault.about() {
            About::Server => Some(self.replica()?.place),
            About::Sidecar => Some(self.sidecar()?.place),
            About::All => None,
        };
        let (what, cuts_off) = (self.fault.name(), self.fault.cuts_off());
        Ok(Disturbance { what, from, until, place, cuts_off, effect })
    }

    fn replica(&self) -> Result<&Arc<Replica>> {
        self.fleet.replica(self.server).ok_or_else(|| Failure("there is no such server".into()))
    }

    fn sidecar(&self) -> Result<&Arc<Replica>> {
        self.fleet.sidecar(self.server).ok_or_else(|| Failure("there is no such sidecar".into()))
    }

    fn link_to(&self, target: Target) -> Result<&Link> {
        let link = match target {
            Target::Postgres => &self.replica()?.links.postgres,
            Target::Redis => &self.replica()?.links.redis,
            Target::Parent => &self.sidecar()?.links.parent,
        };
        link.as_ref().ok_or_else(|| Failure("there is no such link".into()))
    }

    /// Counts what was hindered and what was reset.
    async fn link(&self, target: Target, bad: Bad) -> Result<u64> {
        let link = self.link_to(target)?;
        let before = link.counts().effect();
        link.set(match bad {
            Bad::Slow => Condition::Slow { by: self.late, jitter: self.late / 2 },
            Bad::Silent | Bad::Lost => Condition::Silent,
            Bad::Deaf => Condition::HalfSilent(Way::There),
            Bad::Mute => Condition::HalfSilent(Way::Back),
            Bad::Cut => Condition::Cut,
        });
        sleep(self.lasts).await;
        if bad == Bad::Lost {
            link.reset();
        }
        link.set(Condition::Open);
        Ok(link.counts().effect() - before)
    }

    /// Waits for a commit of the server. False if none came for a while.
    async fn commit(&self, commit: Commit) -> Result<bool> {
        let link = self.link_to(Target::Postgres)?;
        let committed = timeout(Duration::from_secs(10), link.next_commit(commit)).await.is_ok();
        link.forget_commit();
        Ok(committed)
    }

    async fn lost_commit(&self) -> Result<u64> {
        Ok(u64::from(self.commit(Commit::Unheard).await?))
    }

    /// What a pause does shows in the history: questions that got no answer meanwhile.
    async fn pause(&self, replica: &Replica) -> Result<u64> {
        replica.pause().await?;
        sleep(self.lasts).await;
        replica.resume().await?;
        Ok(0)
    }

    async fn kill(&self, replica: &Replica) -> Result<u64> {
        replica.kill().await?;
        sleep(self.lasts / 2).await;
        replica.start().await?;
        Ok(0)
    }

    /// Counts 1 if a sidecar held a lease.
    async fn kill_parent(&self) -> Result<u64> {
        let server = self.replica()?;
        let follows = |sidecar: &&Arc<Replica>| sidecar.place.parent() == Some(server.place);
        let leased = match self.fleet.sidecars.iter().find(follows) {
            None => false,
            Some(sidecar) => timeout(Duration::from_secs(10), async {
                while !sidecar.ready().await {
                    sleep(Duration::from_millis(10)).await;
                }
            })
            .await
            .is_ok(),
        };
        self.kill(server).await?;
        Ok(u64::from(leased))
    }

    async fn kill_at(&self, commit: Commit) -> Result<u64> {
        let committed = self.commit(commit).await?;
        self.replica()?.kill().await?;
        self.start_again().await?;
        Ok(u64::from(committed))
    }

    async fn stop(&self) -> Result<u64> {
        self.replica()?.stop().await?;
        self.start_again().await?;
        Ok(0)
    }

    async fn start_again(&self) -> Result<()> {
        sleep(self.lasts / 2).await;
        self.replica()?.start().await
    }

    /// Counts the connections that the database ended.
    async fn restart_postgres(&self, manner: Manner) -> Result<u64> {
        let postgres = self.fleet.postgres.as_ref();
        let postgres = postgres.ok_or_else(|| Failure("there is no PostgreSQL".into()))?;
        let before = self.ended(Target::Postgres);
        postgres.restart(manner).await?;
        Ok(self.ended(Target::Postgres) - before)
    }

    /// Counts the keys that are lost.
    async fn flush_redis(&self) -> Result<u64> {
        let redis = self.redis()?.lock().await;
        let keys = redis.keys().await?;
        redis.command("FLUSHALL").await?;
        Ok(keys)
    }

    async fn kill_redis(&self) -> Result<u64> {
        let mut redis = self.redis()?.lock().await;
        let before = self.ended(Target::Redis);
        redis.kill().await?;
        sleep(self.lasts).await;
        redis.start_again().await?;
        Ok(self.ended(Target::Redis) - before)
    }

    /// Counts the bytes sent to a Redis that does not read them.
    async fn pause_redis(&self) -> Result<u64> {
        let redis = self.redis()?.lock().await;
        let sent = || self.sum(Target::Redis, |link| link.counts().there.load(Ordering::Relaxed));
        redis.pause()?;
        let before = sent();
        sleep(self.lasts).await;
        let after = sent();
        redis.resume()?;
        Ok(after - before)
    }

    fn redis(&self) -> Result<&tokio::sync::Mutex<crate::databases::Redis>> {
        self.fleet.redis.as_ref().ok_or_else(|| Failure("there is no Redis".into()))
    }

    fn ended(&self, target: Target) -> u64 {
        self.sum(target, |link| link.counts().ended_there.load(Ordering::Relaxed))
    }

    fn sum(&self, target: Target, count: impl Fn(&Link) -> u64) -> u64 {
        let links = self.fleet.replicas.iter().filter_map(|replica| match target {
            Target::Postgres => replica.links.postgres.as_ref(),
            Target::Redis => replica.links.redis.as_ref(),
            Target::Parent => None,
        });
        links.map(count).sum()
    }
}
