//! A statement with its values, and the ways to run one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lineguard_core::id::{Num, Revision};
use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Value};

use crate::audit::{self, Chain};
use crate::dialect;
use crate::error::{is_conflict, is_repeated_key, unavailable};
use crate::limits::Limits;
use crate::watch::{Statement, Watcher, watched};

/// Most values of one `IN` list.
pub(crate) const MAX_IN: usize = 500;

/// Text with `?` for each value, and the values in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// A statement without values yet.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// Appends text.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The value of the next `?`.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The value of the next `?`, in place.
    pub(crate) fn add(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self
    }

    /// Appends `(?, ?, …)` with these values. The list is filled up with its last value to a
    /// power of two: few texts, each prepared once.
    pub(crate) fn push_list<V: Into<Value> + Clone>(&mut self, values: &[V]) -> &mut Self {
        let length = values.len().next_power_of_two();
        self.text.push('(');
        for index in 0..length {
            self.text.push_str(if index == 0 { "?" } else { ", ?" });
            if let Some(value) = values.get(index).or(values.last()) {
                self.values.push(value.clone().into());
            }
        }
        self.text.push(')');
        self
    }

    /// The bytes of the text and the values, and how many values there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        let bytes = self.values.iter().map(|value| match value {
            Value::String(Some(text)) => text.len(),
            Value::Bytes(Some(bytes)) => bytes.len(),
            _ => 0,
        });
        (self.text.len() + bytes.sum::<usize>(), self.values.len())
    }

    /// The same statement, to be explained instead of run.
    #[cfg(test)]
    pub(crate) fn prefixed(mut self, how: &str) -> Self {
        self.text.insert_str(0, how);
        self
    }

    /// All rows.
    pub(crate) async fn all(
        self,
        db: &impl ConnectionTrait,
    ) -> Result<Vec<QueryResult>, StoreError> {
        self.try_all(db).await.map_err(unavailable)
    }

    /// All rows, and tells of it.
    pub(crate) async fn all_watched(
        self,
        db: &impl ConnectionTrait,
        watcher: &Watcher,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let statement = self.statement(db.get_database_backend(), watcher);
        watched(watcher, statement, self.try_all(db)).await.map_err(unavailable)
    }

    /// The only row, if there is one.
    pub(crate) async fn one(
        self,
        db: &impl ConnectionTrait,
    ) -> Result<Option<QueryResult>, StoreError> {
        self.try_one(db).await.map_err(unavailable)
    }

    /// What it is, where somebody wants to know.
    fn statement(&self, backend: DbBackend, watcher: &Watcher) -> Option<Statement> {
        watcher.as_ref().map(|_| Statement::of(backend, &self.text))
    }

    async fn try_all(self, db: &impl ConnectionTrait) -> Result<Vec<QueryResult>, DbErr> {
        let statement = dialect::statement(db.get_database_backend(), self.text, self.values);
        db.query_all_raw(statement).await
    }

    async fn try_one(self, db: &impl ConnectionTrait) -> Result<Option<QueryResult>, DbErr> {
        let statement = dialect::statement(db.get_database_backend(), self.text, self.values);
        db.query_one_raw(statement).await
    }

    async fn try_run(self, db: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let statement = dialect::statement(db.get_database_backend(), self.text, self.values);
        Ok(db.execute_raw(statement).await?.rows_affected())
    }
}

/// A number as a value to look for. A number that no row can have becomes -1, which none has.
pub(crate) fn seek(num: Num) -> i64 {
    i64::try_from(num.0).unwrap_or(-1)
}

/// A count as a value for `LIMIT`.
pub(crate) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A transaction. Every statement of a write passes here, so that none is sent that is too large,
/// and a test can make any one of them fail.
pub(crate) struct Tx {
    inner: DatabaseTransaction,
    /// Raised when a statement fails for the sake of another transaction.
    lost: Option<Arc<AtomicBool>>,
    limits: Limits,
    watcher: Watcher,
    #[cfg(test)]
    pub(crate) fuse: Option<Arc<Fuse>>,
}

impl Tx {
    /// Around a transaction that has begun.
    pub(crate) fn new(inner: DatabaseTransaction, limits: Limits, watcher: &Watcher) -> Self {
        Self {
            inner,
            lost: None,
            limits,
            watcher: watcher.clone(),
            #[cfg(test)]
            fuse: None,
        }
    }

    /// The same, to be tried again where `lost` is raised.
    pub(crate) fn with_flag(self, lost: &Arc<AtomicBool>) -> Self {
        Self { lost: Some(Arc::clone(lost)), ..self }
    }

    /// The kind of database.
    pub(crate) fn backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    /// All rows.
    pub(crate) async fn all(&self, sql: Sql) -> Result<Vec<QueryResult>, StoreError> {
        self.step()?;
        self.limits.check(&sql)?;
        let told = sql.statement(self.backend(), &self.watcher);
        self.told(told, sql.try_all(&self.inner)).await.map_err(|error| self.failed(error))
    }

    /// The only row, if there is one.
    pub(crate) async fn one(&self, sql: Sql) -> Result<Option<QueryResult>, StoreError> {
        self.step()?;
        self.limits.check(&sql)?;
        let told = sql.statement(self.backend(), &self.watcher);
        self.told(told, sql.try_one(&self.inner)).await.map_err(|error| self.failed(error))
    }

    /// Runs it; the number of rows it concerned.
    pub(crate) async fn run(&self, sql: Sql) -> Result<u64, StoreError> {
        self.step()?;
        self.limits.check(&sql)?;
        let told = sql.statement(self.backend(), &self.watcher);
        self.told(told, sql.try_run(&self.inner)).await.map_err(|error| self.failed(error))
    }

    /// Inserts a row that no lock stands for: another transaction may insert the same one at the
    /// same time. Then the whole transaction is to be tried again.
    pub(crate) async fn insert_unlocked(&self, row: Sql) -> Result<(), StoreError> {
        self.step()?;
        self.limits.check(&row)?;
        let told = row.statement(self.backend(), &self.watcher);
        match self.told(told, row.try_run(&self.inner)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                if is_repeated_key(&error) {
                    self.lose();
                }
                Err(self.failed(error))
            }
        }
    }

    /// Inserts a row unless one with its key is there; whether it was new. The text follows
    /// `INSERT INTO`.
    pub(crate) async fn insert_new(&self, mut row: Sql) -> Result<bool, StoreError> {
        self.step()?;
        self.limits.check(&row)?;
        row.text.insert_str(0, "INSERT INTO ");
        // What ignores the key would ignore every other mistake there, too.
        let fails = self.backend() == DbBackend::MySql;
        if !fails {
            row.push(" ON CONFLICT DO NOTHING");
        }
        let told = row.statement(self.backend(), &self.watcher);
        match self.told(told, row.try_run(&self.inner)).await {
            Ok(rows) => Ok(rows > 0),
            Err(error) if fails && is_repeated_key(&error) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Runs it; none if it would make a key that is there already. Then the transaction is to be
    /// rolled back.
    pub(crate) async fn run_unless_taken(&self, sql: Sql) -> Result<Option<u64>, StoreError> {
        self.step()?;
        self.limits.check(&sql)?;
        let told = sql.statement(self.backend(), &self.watcher);
        match self.told(told, sql.try_run(&self.inner)).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if is_repeated_key(&error) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn told<T>(
        &self,
        statement: Option<Statement>,
        run: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        watched(&self.watcher, statement, run).await
    }

    fn failed(&self, error: DbErr) -> StoreError {
        if is_conflict(&error) {
            self.lose();
        }
        unavailable(error)
    }

    fn lose(&self) {
        if let Some(lost) = &self.lost {
            lost.store(true, Ordering::Relaxed);
        }
    }

    /// Checks an audit trail in this snapshot.
    pub(crate) async fn verify_chain(
        &self,
        tenant: Num,
        revision: Revision,
    ) -> Result<Chain, StoreError> {
        audit::verify(&self.inner, tenant, revision).await
    }

    /// Makes all of it durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.step()?;
        let commit = Statement::about(self.backend(), "COMMIT");
        let Self { inner, watcher, .. } = self;
        watched(&watcher, commit, inner.commit()).await.map_err(unavailable)
    }

    /// Leaves nothing of it. What a transaction that is dropped does too, a little later.
    pub(crate) async fn rollback(self) {
        if let Err(error) = self.inner.rollback().await {
            // Where it matters, whatever failed before has been told.
            tracing::debug!(%error, "a transaction could not be rolled back");
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "fails in tests only")]
    fn step(&self) -> Result<(), StoreError> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self) -> Result<(), StoreError> {
        self.fuse.as_ref().map_or(Ok(()), |fuse| fuse.step())
    }
}

/// Fails the statement whose turn it is.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    /// Statements until the failure; never if negative.
    pub(crate) left: std::sync::atomic::AtomicI64,
    /// Whether everything fails from then on, as after a crash.
    pub(crate) for_good: AtomicBool,
}

#[cfg(test)]
impl Fuse {
    fn step(&self) -> Result<(), StoreError> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left == 0 || (left < 0 && self.for_good.load(Ordering::SeqCst)) {
            return Err(StoreError::Unavailable { detail: "fuse".to_owned() });
        }
        Ok(())
    }
}
