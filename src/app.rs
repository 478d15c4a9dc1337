//! What every service needs, gathered once at start.

use std::sync::Arc;
use std::time::Duration;

use lineguard_core::feed::Feed;
use lineguard_core::id::{Revision, TenantId, Timestamp};
use lineguard_core::model;
use lineguard_core::port::{Store, StoreError, TenantReader};
use lineguard_core::stamp::Shard;
use lineguard_core::vocabulary::Vocabulary;
use lineguard_lease::{Bus, Freshness};
use tokio::sync::watch;
use tonic::service::Routes;

use crate::announced::Announced;
use crate::answer::{Caches, ColdReads, Contract, LongReads, Setting};
use crate::clock::Clock;
use crate::compare::Comparer;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::models::folder::FolderModel;
use crate::removing::Removing;
use crate::rpc::{Admin, Authorization, Faxes, Operations, Sidecars};
use crate::server::Life;
use crate::storing::Storing;
use crate::token::{self, RevisionToken, Tokens};
use crate::waits::WriteWaits;
use crate::wire::pb::admin_service_server::AdminServiceServer;
use crate::wire::pb::authorization_service_server::AuthorizationServiceServer;
use crate::wire::pb::fax_service_server::FaxServiceServer;
use crate::wire::pb::operations_service_server::OperationsServiceServer;
use crate::wire::pb::sidecar_service_server::SidecarServiceServer;
use crate::wire::status::Failure;

/// How many questions are read from the database at once, where nothing else is said: a connection
/// each, as many as there are.
const READS_AT_ONCE: usize = 16;

/// How many snapshots there can be at a time, where nothing else is said: as few as any store has.
const SNAPSHOTS: usize = 3;

/// The service without its listeners.
#[derive(Clone)]
pub struct App {
    /// Where everything is kept. What is read here is never cached; what is written here is in force
    /// everywhere when the write returns.
    pub store: Arc<dyn Store>,
    /// What replicas know of each other; for operators.
    pub feed: Arc<dyn Feed>,
    /// How recent what is cached is.
    pub freshness: Freshness,
    /// What carries hints between replicas, if anything does.
    pub bus: Option<Arc<dyn Bus>>,
    /// When the service was made.
    pub started: Timestamp,
    /// Whether it is being stopped: streams that would go on for ever end then.
    pub closing: watch::Sender<bool>,
    /// What is cached.
    pub caches: Arc<Caches>,
    /// Questions that are read from the database.
    pub cold: Arc<ColdReads>,
    /// What reads long.
    pub long: Arc<LongReads>,
    /// How long a stream may go without its client taking or sending anything.
    pub patience: Duration,
    /// What is answered in an outage.
    pub contract: Contract,
    /// How long writes waited until they were in force.
    pub waits: Arc<WriteWaits>,
    /// Whether the database takes writes.
    pub storing: Arc<Storing>,
    /// What takes away what removals have left, where this server does that.
    pub removing: Option<Arc<Removing>>,
    /// What is counted.
    pub metrics: Metrics,
    /// Parsed product models.
    pub models: Models,
    /// What the models folder holds.
    pub folder: Arc<[FolderModel]>,
    /// The actions and resource types that questions may name.
    pub vocabulary: &'static Vocabulary,
    /// Seals page tokens.
    pub tokens: Tokens,
    /// Read once per request, on arrival.
    pub clock: Arc<dyn Clock>,
    /// The largest message that is read, in bytes.
    pub message_size: usize,
    /// The largest question that is read, in bytes.
    pub question_size: usize,
    /// Chooses lists to compare with decisions.
    pub comparer: Comparer,
}

/// What an [`App`] is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The same store, as replicas see it.
    pub feed: Arc<dyn Feed>,
    /// How recent the caches are.
    pub freshness: Freshness,
    /// What carries hints between replicas, if anything does.
    pub bus: Option<Arc<dyn Bus>>,
    /// The caches.
    pub caches: Caches,
    /// What is answered in an outage.
    pub contract: Contract,
    /// Seals tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: Metrics,
}

impl App {
    /// The service.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, feed, freshness, bus, caches, contract, tokens, clock, metrics } = parts;
        let vocabulary = model::built_in_vocabulary();
        let waits = Arc::new(WriteWaits::default());
        let Config { limits, deadline, .. } = Config::default();
        let storing = Arc::new(Storing::start(Arc::clone(&feed), token::chance));
        let announced = Announced::new(
            Arc::clone(&store),
            freshness.clone(),
            waits.clone(),
            Arc::clone(&storing),
            metrics.clone(),
        );
        Self {
            models: Models::new(store, vocabulary),
            folder: Arc::default(),
            store: Arc::new(announced),
            feed,
            freshness,
            caches: Arc::new(caches),
            cold: Arc::new(ColdReads::new(limits.cold, READS_AT_ONCE)),
            long: Arc::new(LongReads::new(&limits, SNAPSHOTS)),
            patience: deadline.stalled,
            contract,
            waits,
            storing,
            removing: None,
            metrics,
            bus,
            started: clock.now(),
            closing: watch::Sender::new(false),
            vocabulary,
            tokens,
            clock,
            message_size: limits.message_size,
            question_size: limits.question_size,
            comparer: Comparer::one_in(0),
        }
    }

    /// The gRPC services.
    pub fn routes(&self) -> Routes {
        let limit = self.message_size;
        let authorization = AuthorizationServiceServer::new(Authorization(self.clone()));
        let faxes = FaxServiceServer::new(Faxes(self.clone()));
        let admin = AdminServiceServer::new(Admin::new(self.clone()));
        let operations = OperationsServiceServer::new(Operations(Arc::new(self.clone())));
        Routes::new(authorization.max_decoding_message_size(self.question_size))
            .add_service(faxes.max_decoding_message_size(limit))
            .add_service(admin.max_decoding_message_size(limit))
            .add_service(operations.max_decoding_message_size(limit))
            .add_service(SidecarServiceServer::new(Sidecars(self.clone())))
    }

    /// What a server is told of it, and tells it.
    pub fn life(&self) -> Life {
        Life {
            ready: self.freshness.subscribe_ready(),
            storing: self.storing.subscribe(),
            closing: self.closing.clone(),
            next: None,
        }
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

    /// Notes that something was refused because there is too much at once.
    pub fn shed(&self) -> Failure {
        self.metrics.shed();
        Failure::Overloaded
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

    /// The token of the newest state of a tenant that this server has installed. After a write, of
    /// a state that includes it.
    ///
    /// # Errors
    ///
    /// If the system gives no randomness.
    pub fn revision_token(&self, tenant: &TenantId, revision: Revision) -> Result<String, Failure> {
        let Some((sight, _)) = self.freshness.stale_sight() else { return Ok(String::new()) };
        let token = RevisionToken { stamp: sight.stamp(Shard::of(tenant)), revision };
        self.tokens
            .seal_revision(tenant, &token)
            .map_err(|_| Failure::Internal("the system gave no randomness".into()))
    }
}
