//! What can go wrong in a run.

use crate::databases::Manner;
use crate::link::Commit;

/// What a link is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// The server that a sidecar follows.
    Parent,
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

/// What something that goes wrong is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One server.
    Server,
    /// One sidecar.
    Sidecar,
    /// Everybody.
    All,
}

/// Something that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The link of one server or, to its parent, of one sidecar.
    Link(Target, Bad),
    /// The database commits, and the server never hears of it.
    LostCommit,
    /// A server's process stands still.
    Pause,
    /// A server is killed and started again.
    Kill,
    /// A server is killed while its sidecar answers under a lease that it granted.
    KillParent,
    /// A sidecar's process stands still.
    PauseSidecar,
    /// A sidecar is killed and started again.
    KillSidecar,
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
    Fault::Link(Target::Parent, Bad::Slow),
    Fault::Link(Target::Parent, Bad::Silent),
    Fault::Link(Target::Parent, Bad::Deaf),
    Fault::Link(Target::Parent, Bad::Mute),
    Fault::Link(Target::Parent, Bad::Cut),
    Fault::LostCommit,
    Fault::Pause,
    Fault::Kill,
    Fault::KillParent,
    Fault::PauseSidecar,
    Fault::KillSidecar,
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
        use Target::{Parent, Postgres, Redis};
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
            Self::Link(Parent, Bad::Slow) => "link to the parent slow",
            Self::Link(Parent, Bad::Silent) => "link to the parent silent, then late",
            Self::Link(Parent, Bad::Lost) => "link to the parent silent, then reset",
            Self::Link(Parent, Bad::Deaf) => "link to the parent without requests",
            Self::Link(Parent, Bad::Mute) => "link to the parent without replies",
            Self::Link(Parent, Bad::Cut) => "link to the parent cut",
            Self::LostCommit => "reply to a commit lost",
            Self::Pause => "server paused",
            Self::Kill => "server killed",
            Self::KillParent => "server killed while its sidecar holds a lease",
            Self::PauseSidecar => "sidecar paused",
            Self::KillSidecar => "sidecar killed",
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

    /// Whether it comes between a server and its database or a sidecar and its parent, or stops one.
    pub fn cuts_off(self) -> bool {
        let redis = matches!(self, Self::Link(Target::Redis, _));
        !redis && !matches!(self, Self::FlushRedis | Self::KillRedis | Self::PauseRedis)
    }

    /// What it is about.
    pub fn about(self) -> About {
        match self {
            Self::RestartPostgres(_) | Self::FlushRedis | Self::KillRedis | Self::PauseRedis => {
                About::All
            }
            Self::Link(Target::Parent, _) | Self::PauseSidecar | Self::KillSidecar => {
                About::Sidecar
            }
            _ => About::Server,
        }
    }

    /// Whether it needs a sidecar.
    pub fn needs_a_sidecar(self) -> bool {
        self == Self::KillParent || self.about() == About::Sidecar
    }

    /// Whether two faults can be had at once without one undoing the other.
    pub fn goes_with(self, other: Self) -> bool {
        let redis = |fault| matches!(fault, Self::KillRedis | Self::PauseRedis | Self::FlushRedis);
        let postgres = |fault| matches!(fault, Self::RestartPostgres(_));
        !(redis(self) && redis(other) || postgres(self) && postgres(other))
    }
}
