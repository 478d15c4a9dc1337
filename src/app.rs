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
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
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

/// A snapshot of a tenant, with its model.
pub(crate) struct Snapshot<'a> {
    /// Reads of one revision.
    pub(crate) reader: Box<dyn TenantReader + 'a>,
    /// The tenant.
    pub(crate) tenant: TenantRow,
    /// Its model.
    pub(crate) model: Arc<Model>,
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
    /// The service on a store.
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        let vocabulary = model::built_in_vocabulary();
        let models = Models::new(Arc::clone(&store), vocabulary);
        let message_size = Config::default().limits.message_size;
        Self { store, models, vocabulary, tokens, clock, message_size }
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

    /// A snapshot of a tenant with its model; none if the tenant does not exist.
    ///
    /// A model that has to be read first is read while no snapshot is held: whoever holds one
    /// connection and waits for another starves others who do the same.
    pub(crate) async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Snapshot<'_>>, StoreError> {
        loop {
            let Some(mut reader) = self.store.snapshot(tenant).await? else { return Ok(None) };
            let tenant = reader.tenant().await?;
            if let Some(model) = self.models.parsed(&tenant.model) {
                return Ok(Some(Snapshot { reader, tenant, model }));
            }
            drop(reader);
            self.models.get(&tenant.model).await?;
        }
    }

    /// A snapshot of a tenant, with what it says about a subject at an acting account; none if the
    /// tenant does not exist.
    pub(crate) async fn member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<(Box<dyn TenantReader + '_>, Member)>, StoreError> {
        let Some(Snapshot { mut reader, model, .. }) = self.snapshot(tenant).await? else {
            return Ok(None);
        };
        let member =
            gather::member(reader.as_mut(), model, self.vocabulary, account, subject).await?;
        Ok(Some((reader, member)))
    }
}
