//! A batch of changes in one transaction: the request's first result if it came before, else the
//! changes, the audit row, the new revision and the request's result, all or nothing.

use async_trait::async_trait;
use lineguard_core::change::apply::{ModelSource, Outcome};
use lineguard_core::change::{Applied, Batch, Change, Warning};
use lineguard_core::id::{ModelDigest, Num, Revision, Timestamp};
use lineguard_core::port::{ApplyError, Fault, StoreError, TenantTx};
use serde_json::{Value, json};

use crate::edit::Edit;
use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, Tx};
use crate::store::SqlStore;
use crate::write::stored;
use crate::{audit, batch_digest};

/// What turns changes into rows: [`lineguard_core::change::apply::run`], or a test's own.
#[async_trait]
pub(crate) trait Rules: Sync {
    /// Applies a batch inside a transaction.
    async fn run(
        &self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        batch: &Batch,
        now: Timestamp,
    ) -> Result<Outcome, ApplyError>;
}

/// The rules of the core.
pub(crate) struct CoreRules;

#[async_trait]
impl Rules for CoreRules {
    async fn run(
        &self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        batch: &Batch,
        now: Timestamp,
    ) -> Result<Outcome, ApplyError> {
        lineguard_core::change::apply::run(tx, models, batch, now).await
    }
}

/// Applies a batch.
pub(crate) async fn apply(
    store: &SqlStore,
    batch: &Batch,
    now: Timestamp,
    rules: &dyn Rules,
) -> Result<Applied, ApplyError> {
    let turn = store.writer.turn().await;
    let mut session = open(store.writer.begin(&turn).await?, batch).await?;
    match attempt(store, &mut session, batch, now, rules).await {
        Ok(applied) => {
            session.tx.commit().await?;
            Ok(applied)
        }
        Err(error) => {
            session.tx.rollback().await;
            Err(error)
        }
    }
}

/// The tenant's session. A tenant that the batch creates gets its row here.
async fn open(tx: Tx, batch: &Batch) -> Result<Session, ApplyError> {
    let tx = match Session::open(tx, &batch.tenant).await? {
        Ok(session) => return Ok(session),
        Err(tx) => tx,
    };
    let Some(Change::CreateTenant { title, model, .. }) = batch.changes.first() else {
        tx.rollback().await;
        let problem = format!("there is no tenant `{}`", batch.tenant);
        return Err(ApplyError::NotFound(Fault { change: 0, field: "tenant", problem }));
    };
    let insert = Sql::new(
        "INSERT INTO tenant (id, title, revision, model, next_num, next_fax) \
         VALUES (?, ?, 0, ?, 1, 1)",
    )
    .bind(batch.tenant.as_str().as_bytes().to_vec())
    .bind(title.as_str())
    .bind(model.0.to_vec());
    tx.run(insert).await?;
    let mut session = Session::open(tx, &batch.tenant).await?.map_err(|_| no_row())?;
    let after = session.state.row.clone();
    session.edits.push(Edit::Tenant { before: None, after });
    Ok(session)
}

fn no_row() -> StoreError {
    StoreError::Unavailable { detail: "a tenant's row was not there after its insertion".into() }
}

/// All but the commit.
async fn attempt(
    store: &SqlStore,
    session: &mut Session,
    batch: &Batch,
    now: Timestamp,
    rules: &dyn Rules,
) -> Result<Applied, ApplyError> {
    let digest = batch_digest::of(batch);
    if let Some((first, applied)) = earlier(session, batch).await? {
        return if first == digest { Ok(applied) } else { Err(ApplyError::RequestIdReused) };
    }
    let model: ModelDigest = session.state.row.model;
    let models = store.models.for_batch(&store.readers, model, batch).await?;
    let Outcome { changed, warnings } = rules.run(session, &models, batch, now).await?;
    if changed > 0 || !session.edits.is_empty() {
        session.state.row.revision.0 += 1;
        audit::append(session, batch, now).await?;
        session.save_tenant().await?;
    }
    let applied = Applied { revision: session.state.row.revision, changed, warnings };
    keep(session, batch, digest, &applied).await?;
    Ok(applied)
}

/// The result of a request that came before, with the digest of what it asked for.
async fn earlier(
    session: &Session,
    batch: &Batch,
) -> Result<Option<([u8; 32], Applied)>, StoreError> {
    let query = Sql::new(
        "SELECT digest, revision, changed, warnings FROM request \
         WHERE tenant = ? AND request_id = ?",
    )
    .bind(session.tenant_num())
    .bind(batch.request_id.as_str().as_bytes().to_vec());
    let Some(row) = session.tx.one(query).await? else {
        return Ok(None);
    };
    let row = Row::new("request", &row, 0).of(session.state.row.num);
    let changed = row.count(2, "changed")?;
    let applied = Applied {
        revision: Revision(row.count(1, "revision")?),
        changed: usize::try_from(changed).map_err(|_| row.corrupt("changed"))?,
        warnings: warnings(&row.text(3, "warnings")?).ok_or_else(|| row.corrupt("warnings"))?,
    };
    Ok(Some((row.hash(0, "digest")?, applied)))
}

/// Keeps the result of a request.
async fn keep(
    session: &Session,
    batch: &Batch,
    digest: [u8; 32],
    applied: &Applied,
) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO request (tenant, request_id, digest, revision, changed, warnings) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(session.tenant_num())
    .bind(batch.request_id.as_str().as_bytes().to_vec())
    .bind(digest.to_vec())
    .bind(stored(Num(applied.revision.0))?)
    .bind(crate::sql::limit(applied.changed))
    .bind(warnings_text(&applied.warnings));
    session.tx.run(insert).await?;
    Ok(())
}

fn warnings_text(warnings: &[Warning]) -> String {
    let list = warnings.iter().map(|one| json!({"change": one.change, "text": one.text}));
    Value::Array(list.collect()).to_string()
}

fn warnings(text: &str) -> Option<Vec<Warning>> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    list.iter()
        .map(|one| {
            Some(Warning {
                change: usize::try_from(one.get("change")?.as_u64()?).ok()?,
                text: one.get("text")?.as_str()?.to_owned(),
            })
        })
        .collect()
}
