//! Puts the service together from its configuration. The only module that names a concrete store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineguard_cache::{BadUrl, L2, Redis, RedisBus, Seal, l2};
use lineguard_core::feed::Feed;
use lineguard_core::model::{self, BUILT_IN};
use lineguard_core::port::{DuplicateNumber, Removals, Store, StoreError};
use lineguard_lease::{Bus, Freshness, NoBus, Params, ParamsError};
use lineguard_store::{OpenMode, OpenOptions, SqlStore};
use sha2::{Digest, Sha256};

use crate::answer::{CacheSize, Caches, ColdReads, Contract, LongReads};
use crate::app::{App, Parts};
use crate::away::Away;
use crate::clock::{Clock as _, SystemClock};
use crate::compare::Comparer;
use crate::config::{Config, Database, Limits};
use crate::metrics::{Metrics, MetricsError};
use crate::models::folder::{self, FolderError, FolderModel};
use crate::removing::Removing;
use crate::telemetry::collector::{self, CollectorError};
use crate::telemetry::statements::Statements;
use crate::token::{self, KEY_BYTES, Tokens};

/// How often what imports left is looked for.
const SWEEP: Duration = Duration::from_secs(300);

/// Why the service cannot start on its store.
#[derive(Debug)]
pub enum OpenError {
    /// The store cannot be opened: unreachable, held by another process, or of another schema.
    Store(lineguard_store::OpenError),
    /// The folder of product models cannot be used as it is.
    Models(FolderError),
    /// The system gave no randomness for a key.
    NoRandomness,
    /// A key kept in the store is not one.
    BadKey,
    /// Settings of freshness do not fit together.
    Freshness(ParamsError),
    /// Metrics cannot be kept.
    Metrics(MetricsError),
    /// Redis cannot be used as it is configured.
    Redis(BadUrl),
    /// A collector cannot be told anything.
    Collector(CollectorError),
}

impl OpenError {
    /// Whether it may be over later, of itself or by a migration; otherwise it is a mistake.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Models(error) => error.fmt(f),
            Self::NoRandomness => f.write_str("the system gave no randomness for a key"),
            Self::BadKey => f.write_str("a key kept in the store has a wrong length"),
            Self::Freshness(error) => write!(f, "freshness: {error}"),
            Self::Metrics(error) => write!(f, "metrics: {error}"),
            Self::Redis(error) => write!(f, "redis.url: {error}"),
            Self::Collector(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<lineguard_store::OpenError> for OpenError {
    fn from(error: lineguard_store::OpenError) -> Self {
        Self::Store(error)
    }
}

impl From<FolderError> for OpenError {
    fn from(error: FolderError) -> Self {
        Self::Models(error)
    }
}

impl From<ParamsError> for OpenError {
    fn from(error: ParamsError) -> Self {
        Self::Freshness(error)
    }
}

impl From<MetricsError> for OpenError {
    fn from(error: MetricsError) -> Self {
        Self::Metrics(error)
    }
}

impl From<CollectorError> for OpenError {
    fn from(error: CollectorError) -> Self {
        Self::Collector(error)
    }
}

impl From<BadUrl> for OpenError {
    fn from(error: BadUrl) -> Self {
        Self::Redis(error)
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Opens the store, keeps the built-in models and those of the models folder in it, and makes the
/// service.
///
/// # Errors
///
/// [`OpenError`].
pub async fn open(config: &Config) -> Result<App, OpenError> {
    prepare(config)?.open(config).await
}

/// What a service is made of that needs no other machine. Made before the store is touched: what is
/// wrong with the configuration is told whatever is away.
pub struct Prepared {
    /// What is counted.
    pub metrics: Metrics,
    params: Params,
    folder: Vec<FolderModel>,
    /// Chosen once: a first try may leave a file behind that holds nothing yet.
    mode: OpenMode,
    redis: Option<Redis>,
}

/// Reads what the configuration names.
///
/// # Errors
///
/// [`OpenError`], and never one of the store.
pub fn prepare(config: &Config) -> Result<Prepared, OpenError> {
    let params = params(config);
    params.check()?;
    let folder = folder::read(config.models_dir.as_deref(), model::built_in_vocabulary())?;
    let mode = if config.database.migrates() { OpenMode::Migrate } else { OpenMode::Existing };
    let redis = config.redis.as_ref().map(|redis| Redis::at(redis.url.as_str())).transpose()?;
    Ok(Prepared { metrics: metrics(config)?, params, folder, mode, redis })
}

impl Prepared {
    /// Opens the store and makes the service. May be tried again.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn open(&self, config: &Config) -> Result<App, OpenError> {
        open_prepared(self, config).await
    }

    /// The service while its store is away.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub async fn waiting(&self, config: &Config) -> Result<App, OpenError> {
        let feed: Arc<dyn Feed> = Arc::new(Away);
        let clock = Arc::new(lineguard_lease::SystemClock);
        let bus = Arc::new(NoBus);
        let freshness =
            Freshness::start(Arc::clone(&feed), bus, clock, self.params.clone(), ids()?);
        // There is nothing to poll, and nothing to wait for.
        freshness.stop().await;
        let key = token::random::<KEY_BYTES>().map_err(|_| OpenError::NoRandomness)?;
        let app = App::new(Parts {
            store: Arc::new(Away),
            feed,
            freshness,
            bus: None,
            caches: Caches::new(CacheSize(None), None),
            contract: contract(config),
            tokens: Tokens::new(&key),
            clock: Arc::new(SystemClock),
            metrics: self.metrics.clone(),
        });
        // There is no store to read a snapshot of.
        Ok(observed(App { folder: self.folder.clone().into(), ..app }, config, 1))
    }
}

async fn open_prepared(prepared: &Prepared, config: &Config) -> Result<App, OpenError> {
    let Prepared { metrics, params, folder, mode, redis } = prepared;
    let mut store = open_store(config, *mode).await?;
    if metrics.are_on() || config.otel.traces.is_some() {
        store = store.watched(Arc::new(Statements(metrics.clone())));
    }
    let snapshots = store.snapshots();
    let store = Arc::new(store);
    keep_models(&store, folder).await?;
    let key = match &config.page_token_key {
        Some(key) => *key.bytes(),
        None => kept_key(&store, "page_token_key").await?,
    };
    let (bus, shared) = match config.redis.as_ref().zip(redis.clone()) {
        None => (None, None),
        Some((redis, server)) => {
            let key = kept_key(&store, "cache_key").await?;
            let seal = Seal::new(&key);
            let settings = l2::Settings {
                timeout: redis.timeout,
                engine: env!("ENGINE_DIGEST").to_owned(),
                ..l2::Settings::default()
            };
            let l2 = config.cache.l1 && config.cache.l2;
            let shared = l2.then(|| L2::start(&server, seal.clone(), settings));
            let bus = RedisBus::start(&server, seal, BUS, ids()?());
            (Some(Arc::new(bus) as Arc<dyn Bus>), shared)
        }
    };
    remove_abandoned(&store);
    let feed = Arc::clone(&store) as Arc<dyn Feed>;
    let clock = Arc::new(lineguard_lease::SystemClock);
    let freshness = Freshness::start(
        feed,
        bus.clone().unwrap_or_else(|| Arc::new(NoBus)),
        clock,
        params.clone(),
        ids()?,
    );
    let size = CacheSize(config.cache.l1.then_some(config.cache.l1_size));
    let removals = Arc::clone(&store) as Arc<dyn Removals>;
    let app = App::new(Parts {
        feed: Arc::clone(&store) as Arc<dyn Feed>,
        store,
        freshness,
        bus,
        caches: Caches::new(size, shared),
        contract: contract(config),
        tokens: Tokens::new(&key),
        clock: Arc::new(SystemClock),
        metrics: metrics.clone(),
    });
    let (clock, closing) = (Arc::clone(&app.clock), app.closing.subscribe());
    let removing = Some(Arc::new(Removing::start(removals, clock, closing, token::chance)));
    let app = App { folder: folder.clone().into(), removing, ..app };
    Ok(observed(app, config, snapshots))
}

/// Removes what imports left, now and every so often, for as long as the store is used.
fn remove_abandoned(store: &Arc<SqlStore>) {
    let store = Arc::downgrade(store);
    tokio::spawn(async move {
        while let Some(store) = store.upgrade() {
            if let Err(error) = store.remove_abandoned(SystemClock.now()).await {
                tracing::debug!(%error, "what imports left is removed later");
            }
            drop(store);
            tokio::time::sleep(SWEEP).await;
        }
    });
}

/// Counts where somebody reads or is told.
pub(crate) fn metrics(config: &Config) -> Result<Metrics, OpenError> {
    let (vocabulary, otel) = (model::built_in_vocabulary(), &config.otel);
    let push = otel.metrics.then(|| collector::push(otel)).transpose()?;
    if push.is_none() && config.metrics.listen.is_none() {
        return Ok(Metrics::off());
    }
    Ok(Metrics::start_with(vocabulary, collector::resource(otel), push)?)
}

/// The service with its limits, watched by what is counted, on a store of which so many snapshots can
/// be read at a time.
pub(crate) fn observed(app: App, config: &Config, snapshots: usize) -> App {
    let seen = app.clone();
    app.metrics.observe(Arc::new(move || seen.observed()));
    let comparer = Comparer::one_in(config.metrics.compare_lists);
    let Limits { message_size, question_size, cold, .. } = config.limits;
    let at_once = usize::try_from(config.database.max_connections).unwrap_or(usize::MAX);
    let cold = Arc::new(ColdReads::new(cold, at_once));
    let long = Arc::new(LongReads::new(&config.limits, snapshots));
    let patience = config.deadline.stalled;
    App { message_size, question_size, comparer, cold, long, patience, ..app }
}

async fn open_store(config: &Config, mode: OpenMode) -> Result<SqlStore, OpenError> {
    let Database { url, max_connections, acquire_timeout, migrate_on_start: _ } = &config.database;
    let options =
        OpenOptions { max_connections: *max_connections, acquire_timeout: *acquire_timeout };
    Ok(SqlStore::open_with(url.as_str(), mode, options).await?)
}

pub(crate) fn params(config: &Config) -> Params {
    let freshness = config.freshness;
    Params {
        lease: freshness.lease,
        poll: freshness.poll,
        poll_timeout: freshness.poll_timeout,
        max_records: freshness.max_records,
        grant: freshness.sidecar_lease,
        max_followers: freshness.max_sidecars,
        name: format!(
            "{} {}",
            rustix::system::uname().nodename().to_string_lossy(),
            std::process::id()
        ),
        ..Params::default()
    }
}

pub(crate) fn contract(config: &Config) -> Contract {
    Contract {
        outage: config.outage,
        most_staleness: config.freshness.max_staleness,
        // What is left of the deadline is for the answer that the contract allows.
        patience: config.deadline.decision.mul_f64(0.7),
    }
}

/// The channel that replicas hear each other on.
const BUS: &str = "lineguard:bus";

/// Gives ids that no other process gives: hashes of a count under a secret start.
pub(crate) fn ids() -> Result<Arc<dyn Fn() -> [u8; 16] + Send + Sync>, OpenError> {
    let start = token::random::<32>().map_err(|_| OpenError::NoRandomness)?;
    let count = AtomicU64::new(0);
    Ok(Arc::new(move || {
        let next = count.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new().chain_update(start).chain_update(next.to_be_bytes()).finalize();
        let mut id = [0; 16];
        id.iter_mut().zip(hash).for_each(|(place, byte)| *place = byte);
        id
    }))
}

/// How many numbers that are active in several tenants are listed.
const MAX_DUPLICATES: usize = 1_000;

/// Brings the schema up to date and says what was done.
///
/// # Errors
///
/// [`OpenError`].
pub async fn migrate(config: &Config) -> Result<String, OpenError> {
    let folder = folder::read(config.models_dir.as_deref(), model::built_in_vocabulary())?;
    let store = open_store(config, OpenMode::Migrate).await?;
    keep_models(&store, &folder).await?;
    let duplicates = store.duplicate_numbers(MAX_DUPLICATES).await?;
    store.close().await?;
    Ok(migrated(&duplicates))
}

/// Says that the schema is up to date, and what in the store should not be.
fn migrated(duplicates: &[DuplicateNumber]) -> String {
    let mut text = "The schema is up to date.".to_owned();
    if duplicates.is_empty() {
        return text;
    }
    text.push_str(
        "\n\nThese numbers are active in several tenants. They stay so until they are deactivated \
         or removed in all but one; nothing makes such a number active again:",
    );
    for DuplicateNumber { number, tenants } in duplicates {
        let tenants: Vec<String> = tenants.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\n{}  {}", number.as_str(), tenants.join(", ")));
    }
    if duplicates.len() == MAX_DUPLICATES {
        text.push_str("\nThere may be more.");
    }
    text
}

async fn keep_models(store: &SqlStore, folder: &[FolderModel]) -> Result<(), OpenError> {
    for (_, text) in BUILT_IN {
        store.put_model(text).await?;
    }
    for FolderModel { text, .. } in folder {
        store.put_model(text).await?;
    }
    for FolderModel { file, digest, model, .. } in folder {
        tracing::info!(model = %model.name, file, %digest, "a model of the models folder is in use");
    }
    Ok(())
}

/// A key that was made once and is kept in the store, so that it survives a restart and all
/// replicas have it.
async fn kept_key(store: &SqlStore, name: &'static str) -> Result<[u8; KEY_BYTES], OpenError> {
    let fresh = token::random::<KEY_BYTES>().map_err(|_| OpenError::NoRandomness)?;
    let kept = store.secret(name, &move || fresh.to_vec()).await?;
    kept.try_into().map_err(|_| OpenError::BadKey)
}

#[cfg(test)]
mod tests {
    use lineguard_core::id::{PhoneNumber, TenantId};

    use super::*;

    #[test]
    fn a_migration_lists_the_numbers_that_are_active_in_several_tenants() {
        assert_eq!(migrated(&[]), "The schema is up to date.");
        let duplicate = DuplicateNumber {
            number: PhoneNumber::parse("+15550100100").unwrap(),
            tenants: ["a", "b"].map(|id| TenantId::parse(id).unwrap()).to_vec(),
        };
        let told = migrated(std::slice::from_ref(&duplicate));
        assert!(told.starts_with("The schema is up to date.\n\n"), "{told}");
        assert!(told.ends_with(":\n+15550100100  a, b"), "{told}");
        let many = vec![duplicate; MAX_DUPLICATES];
        assert!(migrated(&many).ends_with("\nThere may be more."));
    }
}
