//! The store.

use std::sync::Arc;

use async_trait::async_trait;
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::model::Model;
use lineguard_core::port::{
    AccountOfSubject, ApplyError, FaxRow, FaxSlice, Registered, Seek, Stamped, Store, StoreError,
    TenantReader, TenantRow,
};
use lineguard_core::row::ObjectKind;
use sea_orm::{DatabaseConnection, TransactionTrait as _};
use tokio::sync::{Mutex, MutexGuard};

use crate::apply::CoreRules;
use crate::audit::Chain;
use crate::connect::{self, Held, OpenError, OpenMode};
use crate::error::unavailable;
use crate::models::{self, Models};
use crate::rows::{self, Row, TENANT};
use crate::session::Session;
use crate::sql::{Sql, Tx, limit, seek};
use crate::{dialect, lists};

/// A store in an SQL database.
pub struct SqlStore {
    pub(crate) readers: DatabaseConnection,
    pub(crate) writer: Writer,
    pub(crate) models: Models,
    held: Held,
}

/// The only connection that writes. Writers take turns before they ask for it, so that waiting has
/// no time limit of the pool's.
pub(crate) struct Writer {
    connection: DatabaseConnection,
    turn: Mutex<()>,
    #[cfg(test)]
    pub(crate) fuse: Arc<crate::sql::Fuse>,
}

impl Writer {
    /// Waits until no other write is under way.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Begins a transaction that holds the write lock.
    pub(crate) async fn begin(&self, _turn: &MutexGuard<'_, ()>) -> Result<Tx, StoreError> {
        let options = dialect::write_options(self.connection.get_database_backend());
        let inner = self.connection.begin_with_options(options).await.map_err(unavailable)?;
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests put a fuse in"))]
        let mut tx = Tx::new(inner);
        #[cfg(test)]
        {
            tx.fuse = Some(Arc::clone(&self.fuse));
        }
        Ok(tx)
    }
}

impl SqlStore {
    /// Opens the store at an address: `sqlite:` and the path of a file, or `sqlite::memory:` for
    /// one of a test, which is gone when it is dropped.
    pub async fn open(url: &str, mode: OpenMode) -> Result<Self, OpenError> {
        let opened = connect::open(url, mode).await?;
        Ok(Self {
            readers: opened.readers,
            writer: Writer {
                connection: opened.writer,
                turn: Mutex::new(()),
                #[cfg(test)]
                fuse: Arc::new(crate::sql::Fuse { left: (-1).into() }),
            },
            models: Models::new(),
            held: opened.held,
        })
    }

    /// Waits for what is under way, closes the connections and lets go of the lock.
    pub async fn close(self) -> Result<(), StoreError> {
        let Self { readers, writer, models: _, held } = self;
        readers.close().await.map_err(unavailable)?;
        writer.connection.close().await.map_err(unavailable)?;
        drop(held);
        Ok(())
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

    /// A transaction that reads one snapshot of a tenant.
    async fn session(&self, tenant: &TenantId) -> Result<Option<Session>, StoreError> {
        let tx = Tx::new(self.readers.begin().await.map_err(unavailable)?);
        Session::open_to_read(tx, tenant).await
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
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        crate::register::register(self, tenant, faxes, &CoreRules).await
    }

    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        crate::import::import(self, import, now).await
    }

    async fn newest_faxes(
        &self,
        tenant: Num,
        slice: FaxSlice,
        count: usize,
    ) -> Result<Stamped<Vec<FaxRow>>, StoreError> {
        let sql = lists::newest(self.readers.get_database_backend(), tenant, slice, count);
        let stamped = lists::read(sql, &self.readers, tenant, 1).await?;
        let rows = stamped.rows.into_iter().next().unwrap_or_default();
        Ok(Stamped { revision: stamped.revision, rows })
    }

    async fn seek_faxes(
        &self,
        tenant: Num,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Result<Stamped<Vec<Vec<FaxRow>>>, StoreError> {
        lists::seek_all(&self.readers, tenant, seeks, slice, limit_each).await
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
        let rows = query.all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let tenant = rows::tenant(row, 0)?.row;
                let membership = AccountOfSubject {
                    tenant: tenant.id,
                    tenant_title: tenant.title,
                    account: rows::object(row, 7, tenant.num)?,
                    member: rows::object(row, 13, tenant.num)?,
                };
                Ok((tenant.num, membership))
            })
            .collect()
    }

    async fn tenants(&self, after: Num, count: usize) -> Result<Vec<TenantRow>, StoreError> {
        let text = format!("SELECT {TENANT} FROM tenant WHERE num > ? ORDER BY num LIMIT ?");
        let query =
            Sql::new(text).bind(i64::try_from(after.0).unwrap_or(i64::MAX)).bind(limit(count));
        let rows = query.all(&self.readers).await?;
        rows.iter().map(|row| Ok(rows::tenant(row, 0)?.row)).collect()
    }

    async fn put_model(&self, text: &str) -> Result<ModelDigest, StoreError> {
        let digest = ModelDigest::of(text);
        let turn = self.writer.turn().await;
        let tx = self.writer.begin(&turn).await?;
        let insert =
            dialect::insert_if_absent(tx.backend(), "model_text (digest, content) VALUES (?, ?)");
        tx.run(Sql::new(insert).bind(digest.0.to_vec()).bind(text)).await?;
        tx.commit().await?;
        Ok(digest)
    }

    async fn model_text(&self, digest: &ModelDigest) -> Result<Option<String>, StoreError> {
        models::text(&self.readers, digest).await
    }

    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Result<Vec<u8>, StoreError> {
        let turn = self.writer.turn().await;
        let tx = self.writer.begin(&turn).await?;
        let key = name.as_bytes().to_vec();
        let query = Sql::new("SELECT content FROM secret WHERE name = ?").bind(key.clone());
        if let Some(row) = tx.one(query).await? {
            tx.rollback().await;
            return Row::new("secret", &row, 0).bytes(0, "content");
        }
        let value = make();
        let insert = Sql::new("INSERT INTO secret (name, content) VALUES (?, ?)");
        tx.run(insert.bind(key).bind(value.clone())).await?;
        tx.commit().await?;
        Ok(value)
    }
}

/// Memberships with their tenants and accounts, in the order of the index that it reads.
const ACCOUNTS_OF: &str = "SELECT \
     t.num, t.id, t.title, t.revision, t.model, t.next_num, t.next_fax, \
     a.num, a.kind, a.scope, a.id, a.account, a.body, \
     m.num, m.kind, m.scope, m.id, m.account, m.body \
     FROM object m \
     JOIN tenant t ON t.num = m.tenant \
     JOIN object a ON a.tenant = m.tenant AND a.num = m.account \
     WHERE m.kind = ? AND m.id = ? AND (m.tenant > ? OR (m.tenant = ? AND m.account > ?)) \
     ORDER BY m.tenant, m.account LIMIT ?";
