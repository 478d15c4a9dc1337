//! The store.

use std::sync::Arc;

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::model::Model;
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, Registered, Store, StoreError, TenantReader,
    TenantRow,
};
use lineguard_core::row::ObjectKind;
use sea_orm::{DatabaseConnection, TransactionTrait as _};

use crate::apply::CoreRules;
use crate::audit::Chain;
use crate::connect::{self, Held, OpenError, OpenMode, OpenOptions};
use crate::error::{refused, unavailable};
use crate::models::{self, Models};
use crate::removal::Removing;
use crate::rows::{self, OBJECT_COLUMNS, Row, TENANT, TENANT_COLUMNS};
use crate::session::Session;
use crate::sql::{Sql, Tx, limit, seek};
use crate::stage::{self, Staging};
use crate::watch::{Statement, Watch, Watcher, watched};
use crate::write::stored;
use crate::writer::{Turn, Writer};

/// A store in an SQL database.
pub struct SqlStore {
    pub(crate) readers: DatabaseConnection,
    snapshots: usize,
    pub(crate) feed: DatabaseConnection,
    pub(crate) writer: Writer,
    pub(crate) models: Models,
    pub(crate) staging: Staging,
    watcher: Watcher,
    pub(crate) removing: Removing,
    held: Held,
}

impl SqlStore {
    /// Opens the store at an address, with the usual [`OpenOptions`].
    ///
    /// # Errors
    ///
    /// As [`Self::open_with`].
    pub async fn open(url: &str, mode: OpenMode) -> Result<Self, OpenError> {
        Self::open_with(url, mode, OpenOptions::default()).await
    }

    /// Opens the store at an address:
    ///
    /// - `sqlite:` and the path of a file, or `sqlite::memory:` for one of a test, which is gone
    ///   when it is dropped;
    /// - `postgres://user:password@host:port/database`, also `postgresql://`;
    /// - `mariadb://user:password@host:port/database`, also `mysql://`. MySQL itself is expected to
    ///   work, and is not tested.
    ///
    /// What else an address of a server may say, such as `sslmode`, is documented by sqlx.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: no such address, no answer, settings that would lose a commit that has
    /// returned, or a schema that is not this program's.
    pub async fn open_with(
        url: &str,
        mode: OpenMode,
        options: OpenOptions,
    ) -> Result<Self, OpenError> {
        let opened = connect::open(url, mode, options).await?;
        Ok(Self {
            readers: opened.readers,
            snapshots: opened.snapshots,
            feed: opened.feed,
            writer: Writer::new(opened.writer, opened.limits, opened.writers),
            models: Models::new(),
            staging: Staging::default(),
            watcher: None,
            removing: Removing::default(),
            held: opened.held,
        })
    }

    /// How many snapshots can be read at a time.
    pub const fn snapshots(&self) -> usize {
        self.snapshots
    }

    /// Tells `watch` of the statements that questions and writes send from now on.
    #[must_use]
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.writer.watch(Arc::clone(&watch));
        self.watcher = Some(watch);
        self
    }

    /// Lets a transaction that removes something take away at most so many rows itself, and each
    /// step after it as many as that. Tests make both as small as they can be.
    #[must_use]
    pub fn removing(mut self, at_once: usize, step: usize) -> Self {
        self.removing = Removing::of(at_once, step);
        self
    }

    /// Waits for what is under way, closes the connections and lets go of the lock.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { readers, feed, writer, held, .. } = self;
        readers.close().await.map_err(unavailable)?;
        feed.close().await.map_err(unavailable)?;
        writer.close().await?;
        drop(held);
        Ok(())
    }

    pub(crate) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// The parsed model of a digest.
    pub async fn model(&self, digest: &ModelDigest) -> Result<Arc<Model>, StoreError> {
        self.models.get(&self.readers, *digest).await
    }

    /// Checks the hash chain of a tenant's audit trail; none if the tenant does not exist.
    pub async fn verify_chain(&self, tenant: &TenantId) -> Result<Option<Chain>, StoreError> {
        let Some(session) = self.session(tenant).await? else {
            return Ok(None);
        };
        let row = &session.state.row;
        session.tx.verify_chain(row.num, row.revision).await.map(Some)
    }

    /// Removes what imports left that did not come to their end.
    pub async fn remove_abandoned(&self, now: Timestamp) -> Result<(), StoreError> {
        stage::sweep(self, now).await
    }

    /// Makes what a session wrote durable, and returns only when a reader sees it. A commit that
    /// said nothing of a failure and left nothing behind is a failure: whoever asks next would be
    /// answered by the state before.
    pub(crate) async fn acknowledge(&self, session: Session) -> Result<(), StoreError> {
        let Session { tx, state, .. } = session;
        tx.commit().await?;
        let text = "SELECT 1 FROM tenant WHERE num = ? AND revision >= ? AND next_fax >= ?";
        let seen = Sql::new(text)
            .bind(seek(state.row.num))
            .bind(stored(Num(state.row.revision.0))?)
            .bind(stored(Num(state.next_fax))?);
        match seen.one(&self.feed).await? {
            Some(_) => {
                if !state.hidden.is_empty() {
                    self.removing.left.notify_one();
                }
                Ok(())
            }
            None => Err(refused("a commit returned, and what it wrote cannot be seen")),
        }
    }

    /// A transaction that reads one snapshot of a tenant.
    async fn session(&self, tenant: &TenantId) -> Result<Option<Session>, StoreError> {
        let begin = Statement::about(self.readers.get_database_backend(), "BEGIN");
        let begun = watched(&self.watcher, begin, self.readers.begin()).await;
        let tx = Tx::new(begun.map_err(unavailable)?, self.writer.limits(), &self.watcher);
        Session::open_to_read(tx, tenant).await
    }

    /// One try of [`Store::secret`].
    async fn secret_once(
        &self,
        turn: &Turn<'_>,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        let tx = self.writer.begin(turn).await?;
        let key = name.as_bytes().to_vec();
        let query = Sql::new("SELECT content FROM secret WHERE name = ?").bind(key.clone());
        if let Some(row) = tx.one(query).await? {
            tx.rollback().await;
            return Row::new("secret", &row, 0).bytes(0, "content");
        }
        let value = make();
        let insert = Sql::new("INSERT INTO secret (name, content) VALUES (?, ?)");
        tx.insert_unlocked(insert.bind(key).bind(value.clone())).await?;
        tx.commit().await?;
        Ok(value)
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn snapshot(
        &self,
        tenant: &TenantId,
    ) -> Result<Option<Box<dyn TenantReader + '_>>, StoreError> {
        let session = self.session(tenant).await?;
        Ok(session.map(|session| Box::new(session) as Box<dyn TenantReader>))
    }

    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError> {
        crate::apply::apply(self, batch, now, &CoreRules).await
    }

    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        crate::register::register(self, tenant, faxes, now, &CoreRules).await
    }

    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        crate::import::import(self, import, now).await
    }

    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        count: usize,
    ) -> Result<Vec<(Num, AccountOfSubject)>, StoreError> {
        let (tenant, account) =
            after.map_or((-1, -1), |(tenant, account)| (seek(tenant), seek(account)));
        let query = Sql::new(ACCOUNTS_OF)
            .bind(i64::from(ObjectKind::Member as u8))
            .bind(subject.qualified().into_bytes())
            .bind(tenant)
            .bind(tenant)
            .bind(account)
            .bind(limit(count));
        let rows = query.all_watched(&self.readers, &self.watcher).await?;
        rows.iter()
            .map(|row| {
                let tenant = rows::tenant(row, 0)?.row;
                let membership = AccountOfSubject {
                    tenant: tenant.id,
                    tenant_title: tenant.title,
                    account: rows::object(row, TENANT_COLUMNS, tenant.num)?,
                    member: rows::object(row, TENANT_COLUMNS + OBJECT_COLUMNS, tenant.num)?,
                };
                Ok((tenant.num, membership))
            })
            .collect()
    }

    async fn tenants(&self, after: Num, count: usize) -> Result<Vec<TenantRow>, StoreError> {
        let text = format!(
            "SELECT {TENANT} FROM tenant WHERE num > ? AND staged IS NULL ORDER BY num LIMIT ?"
        );
        let query =
            Sql::new(text).bind(i64::try_from(after.0).unwrap_or(i64::MAX)).bind(limit(count));
        let rows = query.all_watched(&self.readers, &self.watcher).await?;
        rows.iter().map(|row| Ok(rows::tenant(row, 0)?.row)).collect()
    }

    async fn duplicate_numbers(&self, limit: usize) -> Result<Vec<DuplicateNumber>, StoreError> {
        crate::duplicates::read(&self.readers, &self.watcher, limit).await
    }

    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError> {
        let digest = ModelDigest::of(text);
        let turn = self.writer.turn().await;
        let tx = self.writer.begin(&turn).await?;
        let insert = Sql::new("model_text (digest, content) VALUES (?, ?)");
        tx.insert_new(insert.bind(digest.0.to_vec()).bind(text)).await?;
        tx.commit().await?;
        match self.model_text(&digest).await? {
            Some(_) => Ok(digest),
            None => Err(refused("a commit returned, and the model text cannot be seen")),
        }
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        models::text(&self.readers, digest).await
    }

    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        let mut turn = self.writer.turn().await;
        loop {
            let answer = self.secret_once(&turn, name, make).await;
            if answer.is_ok() || !turn.again() {
                return answer;
            }
        }
    }
}

/// Memberships with their tenants and accounts, in the order of the index that it reads.
const ACCOUNTS_OF: &str = "SELECT \
     t.num, t.id, t.title, t.revision, t.model, t.next_object, t.next_fax, t.removals, \
     a.num, a.kind, a.scope, a.id, a.account, a.body, \
     m.num, m.kind, m.scope, m.id, m.account, m.body \
     FROM object m \
     JOIN tenant t ON t.num = m.tenant \
     JOIN object a ON a.tenant = m.tenant AND a.num = m.account \
     WHERE m.kind = ? AND m.id = ? AND t.staged IS NULL AND (m.tenant > ? OR (m.tenant = ? AND m.account > ?)) \
     ORDER BY m.tenant, m.account LIMIT ?";
