//! What every service needs, gathered once at start.

use std::sync::Arc;

use lineguard_core::id::{AccountId, Subject, TenantId};
use lineguard_core::port::{Store, StoreError, TenantReader};
use lineguard_core::vocabulary::Vocabulary;

use crate::clock::Clock;
use crate::gather::{self, Member};
use crate::models::Models;
use crate::token::Tokens;

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
}

impl App {
    /// The service on a store.
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        let vocabulary = lineguard_core::model::built_in_vocabulary();
        let models = Models::new(Arc::clone(&store), vocabulary);
        Self { store, models, vocabulary, tokens, clock }
    }

    /// A snapshot of a tenant, with what it says about a subject at an acting account; none if the
    /// tenant does not exist.
    pub(crate) async fn member(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        subject: &Subject,
    ) -> Result<Option<(Box<dyn TenantReader + '_>, Member)>, StoreError> {
        let Some(mut reader) = self.store.snapshot(tenant).await? else { return Ok(None) };
        let member =
            gather::member(reader.as_mut(), &self.models, self.vocabulary, account, subject)
                .await?;
        Ok(Some((reader, member)))
    }
}
