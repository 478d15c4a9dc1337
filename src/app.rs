//! What every service needs, gathered once at start.

use std::sync::Arc;

use lineguard_core::change::{Applied, Batch, Import, Imported};
use lineguard_core::feed::Feed;
use lineguard_core::id::{Revision, TenantId};
use lineguard_core::model;
use lineguard_core::port::{ApplyError, Store, StoreError, TenantReader};
use lineguard_core::stamp::{Shard, Stamp};
use lineguard_core::vocabulary::Vocabulary;
use lineguard_lease::Freshness;
use tonic::service::Routes;

use crate::answer::{Caches, Contract, Setting};
use crate::clock::Clock;
use crate::config::Config;
use crate::meters::Meters;
use crate::models::Models;
use crate::rpc::{Admin, Authorization, Faxes};
use crate::token::{RevisionToken, Tokens};
use crate::wire::pb::admin_service_server::AdminServiceServer;
use crate::wire::pb::authorization_service_server::AuthorizationServiceServer;
use crate::wire::pb::fax_service_server::FaxServiceServer;
use crate::wire::status::Failure;

/// The service without its listeners.
#[derive(Clone)]
pub struct App {
    /// Where everything is kept. What is read here is never cached; writes go through [`App::apply`],
    /// [`App::import`] and [`App::register`], which wait until they are in force.
    pub store: Arc<dyn Store>,
    /// What replicas know of each other; for operators.
    pub feed: Arc<dyn Feed>,
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
    /// The same store, as replicas see it.
    pub feed: Arc<dyn Feed>,
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

impl App {
    /// The service.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, feed, freshness, caches, contract, tokens, clock } = parts;
        let vocabulary = model::built_in_vocabulary();
        Self {
            models: Models::new(Arc::clone(&store), vocabulary),
            store,
            feed,
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
            app.in_force(&batch.tenant, done).await
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
            app.in_force(&import.tenant, done).await
        };
        unabandoned(write).await
    }

    async fn in_force<T>(&self, tenant: &TenantId, done: T) -> Result<InForce<T>, ApplyError> {
        let shard = Shard::of(tenant);
        self.freshness.in_force(shard).await?;
        let sight = self.freshness.stale_sight();
        let stamp = sight.map_or(Stamp::default(), |(sight, _)| sight.stamp(shard));
        Ok(InForce { done, stamp })
    }

    /// The token of a state of a tenant.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub fn revision_token(
        &self,
        tenant: &TenantId,
        stamp: Stamp,
        revision: Revision,
    ) -> Result<String, Failure> {
        let token = RevisionToken { stamp, revision };
        self.tokens
            .seal_revision(tenant, &token)
            .map_err(|_| Failure::Internal("the system gave no randomness".into()))
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
