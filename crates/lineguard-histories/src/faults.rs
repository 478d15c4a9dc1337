//! What goes wrong in a run, and how much of it really did.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::databases::Manner;
use crate::failure::{Doing, Failure, Result};
use crate::fleet::{Fleet, Promise};
use crate::history::Disturbance;
use crate::link::{Commit, Condition, Link, Way};
use crate::random::Random;
use crate::replica::Replica;
use crate::run::Run;

/// What a link is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
}

/// How a link is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// Everything is late.
    Slow,
    /// Nothing passes; afterwards what was held does.
    Silent,
    /// Nothing passes; afterwards the connections are gone.
    Lost,
    /// Requests do not pass, replies do.
    Deaf,
    /// Replies do not pass, requests do.
    Mute,
    /// Connections are reset and refused.
    Cut,
}

/// Something that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The link of one server.
    Link(Target, Bad),
    /// The database commits, and the server never hears of it.
    LostCommit,
    /// A server's process stands still.
    Pause,
    /// A server is killed and started again.
    Kill,
    /// A server is killed when the database has just committed for it.
    KillAtCommit(Commit),
    /// A server is stopped in order and started again.
    Stop,
    /// PostgreSQL is restarted.
    RestartPostgres(Manner),
    /// Redis loses all it holds.
    FlushRedis,
    /// Redis is killed and started again.
    KillRedis,
    /// Redis stands still.
    PauseRedis,
}

/// Everything that can go wrong.
pub const ALL: &[Fault] = &[
    Fault::Link(Target::Postgres, Bad::Slow),
    Fault::Link(Target::Postgres, Bad::Silent),
    Fault::Link(Target::Postgres, Bad::Lost),
    Fault::Link(Target::Postgres, Bad::Deaf),
    Fault::Link(Target::Postgres, Bad::Mute),
    Fault::Link(Target::Postgres, Bad::Cut),
    Fault::Link(Target::Redis, Bad::Slow),
    Fault::Link(Target::Redis, Bad::Silent),
    Fault::Link(Target::Redis, Bad::Deaf),
    Fault::Link(Target::Redis, Bad::Mute),
    Fault::Link(Target::Redis, Bad::Cut),
    Fault::LostCommit,
    Fault::Pause,
    Fault::Kill,
    Fault::KillAtCommit(Commit::Unheard),
    Fault::KillAtCommit(Commit::Heard),
    Fault::Stop,
    Fault::RestartPostgres(Manner::Fast),
    Fault::RestartPostgres(Manner::Immediate),
    Fault::FlushRedis,
    Fault::KillRedis,
    Fault::PauseRedis,
];

impl Fault {
    /// What it is, for people.
    pub fn name(self) -> &'static str {
        use Target::{Postgres, Redis};
        match self {
            Self::Link(Postgres, Bad::Slow) => "link to PostgreSQL slow",
            Self::Link(Postgres, Bad::Silent) => "link to PostgreSQL silent, then late",
            Self::Link(Postgres, Bad::Lost) => "link to PostgreSQL silent, then reset",
            Self::Link(Postgres, Bad::Deaf) => "link to PostgreSQL without requests",
            Self::Link(Postgres, Bad::Mute) => "link to PostgreSQL without replies",
            Self::Link(Postgres, Bad::Cut) => "link to PostgreSQL cut",
            Self::Link(Redis, Bad::Slow) => "link to Redis slow",
            Self::Link(Redis, Bad::Silent) => "link to Redis silent, then late",
            Self::Link(Redis, Bad::Lost) => "link to Redis silent, then reset",
            Self::Link(Redis, Bad::Deaf) => "link to Redis without requests",
            Self::Link(Redis, Bad::Mute) => "link to Redis without replies",
            Self::Link(Redis, Bad::Cut) => "link to Redis cut",
            Self::LostCommit => "reply to a commit lost",
            Self::Pause => "server paused",
            Self::Kill => "server killed",
            Self::KillAtCommit(Commit::Unheard) => "server killed before it heard of its commit",
            Self::KillAtCommit(Commit::Heard) => "server killed after its commit",
            Self::Stop => "server stopped in order",
            Self::RestartPostgres(Manner::Fast) => "PostgreSQL restarted",
            Self::RestartPostgres(Manner::Immediate) => "PostgreSQL crashed",
            Self::FlushRedis => "Redis emptied",
            Self::KillRedis => "Redis killed",
            Self::PauseRedis => "Redis paused",
        }
    }

    /// Whether it comes between a server and its database, or stops the server.
    pub fn cuts_off(self) -> bool {
        let redis = matches!(self, Self::Link(Target::Redis, _));
        !redis && !matches!(self, Self::FlushRedis | Self::KillRedis | Self::PauseRedis)
    }

    /// Whether it is about one server.
    fn has_a_server(self) -> bool {
        !matches!(
            self,
            Self::RestartPostgres(_) | Self::FlushRedis | Self::KillRedis | Self::PauseRedis
        )
    }

    /// Whether two faults can be had at once without one undoing the other.
    fn goes_with(self, other: Self) -> bool {
        let redis = |fault| matches!(fault, Self::KillRedis | Self::PauseRedis | Self::FlushRedis);
        let postgres = |fault| matches!(fault, Self::RestartPostgres(_));
        !(redis(self) && redis(other) || postgres(self) && postgres(other))
    }
}

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
            Fault::Pause => self.pause().await,
            Fault::Kill => self.kill().await,
            Fault::KillAtCommit(commit) => self.kill_at(commit).await,
            Fault::Stop => self.stop().await,
            Fault::RestartPostgres(manner) => self.restart_postgres(manner).await,
            Fault::FlushRedis => self.flush_redis().await,
            Fault::KillRedis => self.kill_redis().await,
            Fault::PauseRedis => self.pause_redis().await,
        };
        let effect = made.doing(self.fault.name())?;
        let until = self.run.watch.now();
        let server = u8::try_from(self.server).ok().filter(|_| self.fault.has_a_server());
        let (what, cuts_off) = (self.fault.name(), self.fault.cuts_off());
        Ok(Disturbance { what, from, until, server, cuts_off, effect })
    }

    fn replica(&self) -> Result<&Arc<Replica>> {
        self.fleet.replica(self.server).ok_or_else(|| Failure("there is no such server".into()))
    }

    fn link_to(&self, target: Target) -> Result<&Link> {
        let replica = self.replica()?;
        let link = match target {
            Target::Postgres => &replica.postgres,
            Target::Redis => &replica.redis,
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
    async fn pause(&self) -> Result<u64> {
        self.replica()?.pause().await?;
        sleep(self.lasts).await;
        self.replica()?.resume().await?;
        Ok(0)
    }

    async fn kill(&self) -> Result<u64> {
        self.replica()?.kill().await?;
        self.start_again().await?;
        Ok(0)
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
            Target::Postgres => replica.postgres.as_ref(),
            Target::Redis => replica.redis.as_ref(),
        });
        links.map(count).sum()
    }
}
