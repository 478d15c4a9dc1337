//! Composition: what every service needs, gathered once at start. The only module that names a
//! concrete store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineguard_core::id::{AccountId, Subject, TenantId};
use lineguard_core::model::{self, BUILT_IN, Model, TextError};
use lineguard_core::port::{Store, StoreError, TenantReader, TenantRow};
use lineguard_core::vocabulary::Vocabulary;
use lineguard_store::{OpenMode, SqlStore};
use tonic::service::Routes;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MigrateOnStart};
use crate::gather::{self, Member};
use crate::models::Models;
use crate::rpc::{Admin, Authorization, Faxes};
use crate::token::{self, KEY_BYTES, Tokens};
use crate::wire::pb::admin_service_server::AdminServiceServer;
use crate::wire::pb::authorization_service_server::AuthorizationServiceServer;
use crate::wire::pb::fax_service_server::FaxServiceServer;

/// The service without its listeners.
#[derive(Clone)]
pub struct App {
    /// Where everything is kept. What is read here is never cached; writes go through [`App::apply`],
    /// [`App::import`] and [`App::register`], which wait until they are in force.
    pub store: Arc<dyn Store>,
    /// How recent what is cached is.
    pub freshness: Freshness,
    /// What is cached.
    pub caches: Arc<Caches>,
    /// What is answered in an outage.
    pub contract: Contract,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// Parsed product models.
    pub models: Models,
    /// The actions and resource types that questions may name.
    pub vocabulary: &'static Vocabulary,
    /// Seals page tokens.
    pub tokens: Tokens,
    /// Read once per request, on arrival.
    pub clock: Arc<dyn Clock>,
    /// The largest message that is read, in bytes.
    pub message_size: usize,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How recent the caches are.
    pub freshness: Freshness,
    /// The caches.
    pub caches: Caches,
    /// What is answered in an outage.
    pub contract: Contract,
    /// Seals tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// A write that is in force: every question that is asked from now on, anywhere, is answered by a
/// state that includes it.
#[derive(Debug, Clone)]
pub struct InForce<T> {
    /// What the write did.
    pub done: T,
    /// A state that includes it.
    pub stamp: Stamp,
}

/// Why the service cannot start on its store.
#[derive(Debug)]
pub enum OpenError {
    /// The store cannot be opened: unreachable, held by another process, or of another schema.
    Store(lineguard_store::OpenError),
    /// A folder or file of product models cannot be read.
    ModelFile(PathBuf, std::io::Error),
    /// A product model has mistakes.
    Model(PathBuf, Vec<TextError>),
    /// The system gave no randomness for a key.
    NoRandomness,
    /// The key kept in the store is not one.
    BadKey,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::ModelFile(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Model(path, mistakes) => {
                write!(f, "`{}` has {} mistakes", path.display(), mistakes.len())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
            Self::NoRandomness => f.write_str("the system gave no randomness for a key"),
            Self::BadKey => f.write_str("the page token key kept in the store has a wrong length"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<lineguard_store::OpenError> for OpenError {
    fn from(error: lineguard_store::OpenError) -> Self {
        Self::Store(error)
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
    let url = config.database.url.as_str();
    let mode = match config.database.migrate_on_start {
        MigrateOnStart::Always => OpenMode::Migrate,
        MigrateOnStart::Never => OpenMode::Existing,
        MigrateOnStart::Auto => match config.database.url.file() {
            Some(file) if file.exists() => OpenMode::Existing,
            _ => OpenMode::Migrate,
        },
    };
    let store = SqlStore::open(url, mode).await?;
    keep_models(&store, config.models_dir.as_deref()).await?;
    let key = match &config.page_token_key {
        Some(key) => *key.bytes(),
        None => kept_key(&store).await?,
    };
    let app = App::new(Arc::new(store), Tokens::new(&key), Arc::new(SystemClock));
    Ok(App { message_size: config.limits.message_size, ..app })
}

/// Brings the schema up to date and says what was done.
///
/// # Errors
///
/// [`OpenError`].
pub async fn migrate(config: &Config) -> Result<String, OpenError> {
    let store = SqlStore::open(config.database.url.as_str(), OpenMode::Migrate).await?;
    keep_models(&store, config.models_dir.as_deref()).await?;
    store.close().await?;
    Ok("The schema is up to date.".to_owned())
}

async fn keep_models(store: &SqlStore, folder: Option<&Path>) -> Result<(), OpenError> {
    for (_, text) in BUILT_IN {
        store.put_model(text).await?;
    }
    let Some(folder) = folder else { return Ok(()) };
    let unreadable = |error| OpenError::ModelFile(folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| OpenError::ModelFile(path.clone(), error))?;
            model::parse(&text, model::built_in_vocabulary())
                .map_err(|mistakes| OpenError::Model(path, mistakes))?;
            store.put_model(&text).await?;
        }
    }
    Ok(())
}

/// The key that was made once and is kept in the store, so that tokens survive a restart.
async fn kept_key(store: &SqlStore) -> Result<[u8; KEY_BYTES], OpenError> {
    let fresh = token::random::<KEY_BYTES>().map_err(|_| OpenError::NoRandomness)?;
    let kept = store.secret("page_token_key", &move || fresh.to_vec()).await?;
    kept.try_into().map_err(|_| OpenError::BadKey)
}

impl App {
    /// The service.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, freshness, caches, contract, tokens, clock } = parts;
        let vocabulary = model::built_in_vocabulary();
        Self {
            models: Models::new(Arc::clone(&store), vocabulary),
            store,
            freshness,
            caches: Arc::new(caches),
            contract,
            meters: Arc::new(Meters::default()),
            vocabulary,
            tokens,
            clock,
            message_size: Config::default().limits.message_size,
        }
    }

    /// The gRPC services.
    pub fn routes(&self) -> Routes {
        let limit = self.message_size;
        let authorization = AuthorizationServiceServer::new(Authorization(self.clone()));
        let faxes = FaxServiceServer::new(Faxes(self.clone()));
        let admin = AdminServiceServer::new(Admin::new(self.clone()));
        Routes::new(authorization.max_decoding_message_size(limit))
            .add_service(faxes.max_decoding_message_size(limit))
            .add_service(admin.max_decoding_message_size(limit))
    }

    /// A snapshot of a tenant; none if the tenant does not exist. No later answer of this server is
    /// of an older state.
    pub async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        let Some(mut reader) = self.store.snapshot(tenant).await? else { return Ok(None) };
        self.freshness.answered(Shard::of(tenant), reader.stamp().await?);
        Ok(Some(reader))
    }

    /// A snapshot of a tenant with its model; none if the tenant does not exist.
    ///
    /// A model that has to be read first is read while no snapshot is held: whoever holds one
    /// connection and waits for another starves others who do the same.
    pub async fn with_model(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<(Box<dyn TenantReader + '_>, Setting)>, StoreError> {
        loop {
            let Some(mut reader) = self.snapshot(tenant).await? else { return Ok(None) };
            let tenant = reader.tenant().await?;
            if let Some(model) = self.models.parsed(&tenant.model) {
                return Ok(Some((reader, Setting { tenant, model })));
            }
            drop(reader);
            self.models.get(&tenant.model).await?;
        }
    }

    /// Applies a batch of changes and waits until it is in force.
    ///
    /// Both go on when the caller no longer waits: a commit that nobody announces would be found by
    /// the replicas only at their next poll, and a repeat would have to wait for them again.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; nothing was changed then, unless the connection was lost at the commit. A
    /// repeat with the same request id tells.
    pub async fn apply(&self, batch: Batch) -> Result<InForce<Applied>, ApplyError> {
        let (app, now) = (self.clone(), self.clock.now());
        let write = async move {
            let done = app.store.apply(&batch, now).await?;
            Ok(app.in_force(&batch.tenant, done).await)
        };
        unabandoned(write).await
    }

    /// Imports a tenant and waits until it is in force. As [`Self::apply`].
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub async fn import(&self, import: Arc<Import>) -> Result<InForce<Imported>, ApplyError> {
        let (app, now) = (self.clone(), self.clock.now());
        let write = async move {
            let done = app.store.import(&import, now).await?;
            Ok(app.in_force(&import.tenant, done).await)
        };
        unabandoned(write).await
    }

    async fn in_force<T>(&self, tenant: &TenantId, done: T) -> InForce<T> {
        let stamp = self.freshness.in_force(Shard::of(tenant)).await;
        InForce { done, stamp }
    }
}

/// Goes on even if the caller goes away.
async fn unabandoned<T: Send + 'static>(
    write: impl Future<Output = Result<T, ApplyError>> + Send + 'static,
) -> Result<T, ApplyError> {
    tokio::spawn(write).await.unwrap_or_else(|_| {
        let detail = "a write ended without a result".into();
        Err(ApplyError::Store(StoreError::Unavailable { detail }))
    })
}
