//! A sidecar: a replica without a database. It follows another replica, its parent, from which it
//! takes its lease and reads what it does not know; it answers questions itself and passes everything
//! else on.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `again` | what met the end of a connection is asked once more |
//! | `link` | the stream over which the sidecar follows its parent |
//! | `store` | the parent as a store to read from |
//! | `pass_on` | calls that the parent answers |
//! | `parent` | the connection to the parent |

mod again;
mod link;
mod parent;
mod pass_on;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::Feed;
use lineguard_core::id::TenantId;
use lineguard_core::stamp::{Shard, ShardSet};
use lineguard_lease::{FollowerFeed, Freshness, NoBus, Params, SystemClock};
use tonic::service::Routes;

use crate::answer::{CacheSize, Caches};
use crate::app::{App, Parts};
use crate::config::{Config, Upstream};
use crate::dial::DialError;
use crate::open;
use crate::token::{self, Tokens};
pub use parent::Parent;

/// The longest that a parent grants; it grants less where it has less left itself.
const LEASE: Duration = Duration::from_secs(1);

/// Why a sidecar cannot be made.
#[derive(Debug)]
pub enum SidecarError {
    /// The connection to the parent cannot be set up.
    Parent(DialError),
    /// What a replica needs, too, is not there.
    Open(open::OpenError),
}

impl fmt::Display for SidecarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent(error) => write!(f, "upstream.{error}"),
            Self::Open(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SidecarError {}

impl From<open::OpenError> for SidecarError {
    fn from(error: open::OpenError) -> Self {
        Self::Open(error)
    }
}

/// A sidecar that has begun to follow.
pub struct Sidecar {
    /// What answers here.
    pub app: App,
    /// Its services: questions are answered here, everything else by the parent.
    pub routes: Routes,
    /// The connection to the parent.
    pub parent: Parent,
}

/// A sidecar of a parent, which need not be there yet.
///
/// # Errors
///
/// If files of the connection cannot be used.
pub fn open(config: &Config, upstream: &Upstream) -> Result<Sidecar, SidecarError> {
    let parent = Parent::new(&upstream.dial).map_err(SidecarError::Parent)?;
    let shards = followed(&upstream.tenants);
    let link = link::Link::new(parent.clone(), &upstream.tenants);
    let mut hints = link.hints();
    let feed: Arc<dyn Feed> = Arc::new(FollowerFeed::new(Arc::new(link), shards));
    let metrics = open::metrics(config)?;
    let params =
        Params { lease: LEASE, poll: LEASE / 4, poll_timeout: LEASE / 5, ..open::params(config) };
    let clock = Arc::new(SystemClock);
    let freshness =
        Freshness::start(Arc::clone(&feed), Arc::new(NoBus), clock, params, open::ids()?);
    let hinted = freshness.clone();
    tokio::spawn(async move {
        while hints.changed().await.is_ok() {
            hinted.hinted();
        }
    });
    let size = CacheSize(Some(config.cache.l1_size));
    // Nothing that a sidecar seals leaves it: what needs a token is asked of the parent.
    let key = token::random().map_err(|_| open::OpenError::NoRandomness)?;
    let app = App::new(Parts {
        store: Arc::new(store::ParentStore::new(parent.clone())),
        feed,
        freshness,
        bus: None,
        caches: Caches::new(size, None),
        contract: open::contract(config),
        tokens: Tokens::new(&key),
        clock: Arc::new(crate::clock::SystemClock),
        metrics,
    });
    let app = open::observed(app, config, config.database.max_connections as usize);
    let routes = pass_on::routes(&app, &parent);
    Ok(Sidecar { app, routes, parent })
}

/// The shards of these tenants; all if there are none.
fn followed(tenants: &[TenantId]) -> ShardSet {
    match tenants {
        [] => ShardSet::ALL,
        tenants => tenants.iter().map(Shard::of).collect(),
    }
}
