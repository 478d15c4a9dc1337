//! Configuration: flag before environment before file before default.
//!
//! [`settings`] is the one table of settings; [`Config`] is what they come to. Reading goes
//! through everything that was given and reports every mistake at once.

pub mod flags;
pub mod layers;
mod otel;
pub mod outage;
pub mod problem;
mod read;
pub mod reference;
mod security;
pub mod settings;
pub mod url;
pub mod value;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lineguard_core::id::TenantId;

use crate::dial::Dial;

pub use flags::{ServerFlags, StoreFlags};
use layers::Layers;
pub use layers::Sources;
pub use otel::{Otel, Sampler, Tls as OtelTls};
pub use outage::{Outage, OutageRule};
pub use problem::{Mistake, Problem, Problems};
use read::Reader;
pub use security::{Jwt, Security, TlsFiles};
pub use url::{DatabaseKind, DatabaseUrl, RedisUrl};
pub use value::{Address, JwksSource, LogFormat, MigrateOnStart, PageTokenKey, Plaintext};

/// What a server needs to know before it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Address>,
    /// Where to serve everything but questions; empty: on `listen`, too.
    pub admin_listen: Vec<Address>,
    /// Where to serve health alone, for anybody.
    pub health_listen: Option<SocketAddr>,
    /// Permissions of Unix sockets.
    pub unix_socket_mode: u32,
    /// Who may call.
    pub security: Security,
    /// The store.
    pub database: Database,
    /// What replicas share besides the store; without it they work alone, and slower.
    pub redis: Option<Redis>,
    /// What is kept to answer without the store.
    pub cache: Cache,
    /// How long what is kept may be used, and how changes are noticed.
    pub freshness: Freshness,
    /// What is answered while the store cannot be reached.
    pub outage: Outage,
    /// A folder of product models besides the built-in ones.
    pub models_dir: Option<PathBuf>,
    /// The key that seals page tokens; `None` keeps one in the store.
    pub page_token_key: Option<PageTokenKey>,
    /// Logs.
    pub log: Log,
    /// Limits on what one server takes on.
    pub limits: Limits,
    /// The longest that calls may take.
    pub deadline: Deadlines,
    /// How to stop.
    pub drain: Drain,
    /// Figures for operators.
    pub metrics: Metrics,
    /// What a collector is told, by the standard variables of OpenTelemetry.
    pub otel: Otel,
    /// The replica that a sidecar follows.
    pub upstream: Option<Upstream>,
}

/// The replica that a sidecar follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where it is, and how both sides are known.
    pub dial: Dial,
    /// The tenants whose changes are followed; empty: all.
    pub tenants: Vec<TenantId>,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Database {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Open connections to a database server at most.
    pub max_connections: u32,
    /// How long a question may wait for a connection.
    pub acquire_timeout: Duration,
    /// Whether a start brings its schema up to date.
    pub migrate_on_start: MigrateOnStart,
}

impl Database {
    /// Whether a start is to bring the schema up to date. Of itself it does so only for a file
    /// that does not exist yet: a database server is shared, so there someone must say it.
    pub fn migrates(&self) -> bool {
        match (self.migrate_on_start, self.url.kind()) {
            (MigrateOnStart::Always, _) => true,
            (MigrateOnStart::Never, _) => false,
            (MigrateOnStart::Auto, DatabaseKind::Sqlite) => {
                // One of which it cannot be told is there, until somebody says otherwise.
                let missing = |file: &Path| file.try_exists().is_ok_and(|there| !there);
                self.url.file().is_none_or(missing)
            }
            (MigrateOnStart::Auto, DatabaseKind::Postgres | DatabaseKind::MySql) => false,
        }
    }
}

/// What replicas share besides the store: decisions, hints and confirmations. Never truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub url: RedisUrl,
    /// How long one read or write of a shared decision may take.
    pub timeout: Duration,
}

/// What is kept to answer without the store. Changes no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cache {
    /// Whether this process keeps decisions, members and facts in memory.
    pub l1: bool,
    /// How much memory that may take, in bytes.
    pub l1_size: u64,
    /// Whether replicas share decisions; never without Redis.
    pub l2: bool,
}

/// How long what is kept may be used, and how changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// How long a confirmed state may be answered from; also about the longest that a write waits
    /// for replicas that say nothing.
    pub lease: Duration,
    /// How often the store is asked for changes; less than half a lease.
    pub poll: Duration,
    /// How long one such question may take; less than the time between two.
    pub poll_timeout: Duration,
    /// How many newest changes are remembered one by one; older ones outdate whole tenants.
    pub max_records: usize,
    /// The longest lease of a sidecar.
    pub sidecar_lease: Duration,
    /// How many sidecars may follow.
    pub max_sidecars: usize,
    /// The oldest state that a request may ask for while the store cannot be reached.
    pub max_staleness: Duration,
}

/// Figures for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Where they can be read; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Of so many pages of visible faxes about one is compared with decisions; 0: none.
    pub compare_lists: u32,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written, as a filter of targets and levels.
    pub level: String,
}

/// Limits on what one server takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message that is read, in bytes.
    pub message_size: usize,
    /// The largest question that is read, in bytes.
    pub question_size: usize,
    /// Calls in flight on one connection.
    pub concurrent_streams: u32,
    /// Calls in flight in all.
    pub in_flight: usize,
    /// Questions that wait for the database or are read from it.
    pub cold: usize,
    /// Exports under way.
    pub exports: usize,
    /// Imports under way.
    pub imports: usize,
    /// Open connections of one listener.
    pub connections: usize,
    /// Open connections from one IP address.
    pub connections_per_address: usize,
    /// How long a new connection may take until it has sent its first bytes.
    pub handshake_time: Duration,
    /// After how long a connection is asked to close.
    pub connection_age: Duration,
}

/// The longest that calls may take, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// One decision or resolution.
    pub decision: Duration,
    /// A list, a batch of decisions, any other read.
    pub list: Duration,
    /// A write.
    pub write: Duration,
    /// An import with its upload.
    pub import: Duration,
    /// A stream whose client neither takes nor sends anything.
    pub stalled: Duration,
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// From `NOT_SERVING` to the end of accepting calls.
    pub delay: Duration,
    /// From there until connections are cut.
    pub grace: Duration,
}

impl Config {
    /// Reads everything that was given.
    ///
    /// # Errors
    ///
    /// Every mistake that was found.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        Self::load_with_layers(sources).map(|(config, _)| config)
    }

    /// Reads everything that was given, and says where each value came from.
    ///
    /// # Errors
    ///
    /// Every mistake that was found.
    pub fn load_with_layers(sources: &Sources) -> Result<(Self, Layers), Problems> {
        let mut problems = Vec::new();
        let layers = layers::gather(sources, &mut problems);
        let mut config = Reader { layers: &layers, problems: &mut problems }.config();
        config.otel = otel::read(&sources.environment, &mut problems);
        if problems.is_empty() { Ok((config, layers)) } else { Err(Problems(problems)) }
    }
}

impl Default for Config {
    fn default() -> Self {
        let layers = layers::gather(&Sources::default(), &mut Vec::new());
        Reader { layers: &layers, problems: &mut Vec::new() }.config()
    }
}
