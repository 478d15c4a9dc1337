//! Composition: the only module that names a concrete store.

use std::fmt;
use std::sync::Arc;

use lineguard_core::port::{Store, StoreError};
use lineguard_store::{OpenError, OpenMode, SqlStore};
use tonic::service::Routes;

use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{Config, Database};
use crate::rpc::Authorization;
use crate::token::{self, Tokens};
use crate::wire::pb::authorization_service_server::AuthorizationServiceServer;

/// The service over its opened store.
pub struct Service {
    /// What the RPCs share.
    pub app: App,
    store: Arc<SqlStore>,
}

/// Why there is no service.
#[derive(Debug)]
pub enum ComposeError {
    /// The store cannot be opened.
    Open(OpenError),
    /// The store gave no answer.
    Store(StoreError),
    /// The page token key that the store keeps is not one.
    PageTokenKey,
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "the store cannot be opened: {error}"),
            Self::Store(error) => write!(f, "the store gave no answer: {error}"),
            Self::PageTokenKey => f.write_str("the page token key in the store is damaged"),
        }
    }
}

impl std::error::Error for ComposeError {}

impl From<OpenError> for ComposeError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StoreError> for ComposeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Opens the store and puts the service together.
///
/// # Errors
///
/// If the store cannot be opened or read.
pub async fn open(config: &Config) -> Result<Service, ComposeError> {
    let url = config.database.url.as_str();
    let store = Arc::new(SqlStore::open(url, mode(&config.database)).await?);
    let tokens = tokens(config, store.as_ref()).await?;
    let app = App::new(Arc::clone(&store) as Arc<dyn Store>, tokens, Arc::new(SystemClock));
    Ok(Service { app, store })
}

/// Brings the schema of the store up to date.
///
/// # Errors
///
/// If the store cannot be opened.
pub async fn migrate(config: &Config) -> Result<(), ComposeError> {
    let store = SqlStore::open(config.database.url.as_str(), OpenMode::Migrate).await?;
    Ok(store.close().await?)
}

impl Service {
    /// The services, reading messages up to the limit of the configuration.
    pub fn routes(&self, config: &Config) -> Routes {
        let limit = config.limits.message_size;
        let authorization = AuthorizationServiceServer::new(Authorization(self.app.clone()));
        Routes::new(authorization.max_decoding_message_size(limit))
    }

    /// Closes the store, unless calls that were cut still hold it; then it closes with them.
    ///
    /// # Errors
    ///
    /// If the store does not close in order. Nothing that was acknowledged is lost.
    pub async fn close(self) -> Result<(), ComposeError> {
        let Self { app, store } = self;
        drop(app);
        if let Some(store) = Arc::into_inner(store) {
            store.close().await?;
        }
        Ok(())
    }
}

fn mode(database: &Database) -> OpenMode {
    let fresh = database.url.file().is_none_or(|path| !path.exists());
    if database.migrate_on_start.applies(fresh) { OpenMode::Migrate } else { OpenMode::Existing }
}

/// The configured key, or the store's own, so that tokens survive a restart either way.
async fn tokens(config: &Config, store: &dyn Store) -> Result<Tokens, ComposeError> {
    if let Some(key) = &config.page_token_key {
        return Ok(Tokens::new(key.bytes()));
    }
    let fresh: [u8; 32] = token::random().map_err(|_| ComposeError::PageTokenKey)?;
    let kept = store.secret("page_token_key", &|| fresh.to_vec()).await?;
    let key = kept.try_into().map_err(|_| ComposeError::PageTokenKey)?;
    Ok(Tokens::new(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MigrateOnStart;

    #[test]
    fn only_a_fresh_store_is_migrated_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lineguard.db");
        let mut database = Database {
            url: format!("sqlite:{}", path.display()).parse().unwrap(),
            migrate_on_start: MigrateOnStart::Auto,
        };
        assert_eq!(mode(&database), OpenMode::Migrate);
        std::fs::write(&path, "").unwrap();
        assert_eq!(mode(&database), OpenMode::Existing);
        database.migrate_on_start = MigrateOnStart::Always;
        assert_eq!(mode(&database), OpenMode::Migrate);
        database.migrate_on_start = MigrateOnStart::Never;
        assert_eq!(mode(&database), OpenMode::Existing);
    }

    #[tokio::test]
    async fn a_service_opens_closes_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lineguard.db");
        let mut config = Config::default();
        config.database.url = format!("sqlite:{}", path.display()).parse().unwrap();
        let service = open(&config).await.unwrap();
        let query = token::Query::of("Test");
        let sealed = service.app.tokens.seal(&query, b"here").unwrap();
        assert!(matches!(open(&config).await, Err(ComposeError::Open(OpenError::Locked { .. }))));
        service.close().await.unwrap();

        let service = open(&config).await.unwrap();
        // The store keeps the key, so tokens survive a restart.
        assert_eq!(service.app.tokens.open(&query, &sealed).as_deref(), Some(&b"here"[..]));
        service.close().await.unwrap();
    }
}
