//! A batch of changes in one transaction: the request's first result if it came before, else the
//! changes, the audit row, the new revision and the request's result, all or nothing.

use async_trait::async_trait;
use lineguard_core::change::apply::{ModelSource, Outcome};
use lineguard_core::change::{Applied, Batch, Change, Imported, Warning, title_or_id};
use lineguard_core::id::{ModelDigest, TenantId, Timestamp};
use lineguard_core::port::{ApplyError, Fault, StoreError, TenantTx};

use crate::edit::Edit;
use crate::session::Session;
use crate::sql::{Sql, Tx};
use crate::store::SqlStore;
use crate::writer::Turn;
use crate::{audit, batch_digest, concern, removal, request};

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
    let mut turn = store.writer.turn_of(&batch.tenant).await;
    loop {
        let answer = apply_once(store, &turn, batch, now, rules).await;
        if answer.is_ok() || !turn.again() {
            return answer;
        }
    }
}

async fn apply_once(
    store: &SqlStore,
    turn: &Turn<'_>,
    batch: &Batch,
    now: Timestamp,
    rules: &dyn Rules,
) -> Result<Applied, ApplyError> {
    let tx = store.writer.begin(turn).await?;
    let mut session = open(tx, &batch.tenant, batch.changes.first()).await?;
    session.share = store.removing.share();
    match attempt(store, &mut session, batch, now, rules).await {
        Ok(applied) => {
            store.acknowledge(session).await?;
            Ok(applied)
        }
        Err(error) => {
            session.tx.rollback().await;
            Err(error)
        }
    }
}

/// The tenant's session. A tenant that the first change creates gets its row here.
pub(crate) async fn open(
    tx: Tx,
    id: &TenantId,
    first: Option<&Change>,
) -> Result<Session, ApplyError> {
    let tx = match Session::open(tx, id).await? {
        Ok(session) => return Ok(session),
        Err(tx) => tx,
    };
    let Some(Change::CreateTenant { title, model, .. }) = first else {
        tx.rollback().await;
        let problem = format!("there is no tenant `{id}`");
        return Err(ApplyError::NotFound(Fault { change: 0, field: "tenant", problem }));
    };
    let insert = Sql::new(
        "INSERT INTO tenant (id, title, revision, model, next_object, next_fax, derived) \
         VALUES (?, ?, 0, ?, 1, 1, 0)",
    )
    .bind(id.as_str().as_bytes().to_vec())
    .bind(title_or_id(title, id.as_str()))
    .bind(model.0.to_vec());
    tx.insert_unlocked(insert).await?;
    let mut session = Session::open(tx, id).await?.map_err(|_| no_row())?;
    let after = session.state.row.clone();
    session.record(Edit::Tenant { before: None, after }).await?;
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
    if let Some(imported) = request::earlier(session, &batch.request_id, digest).await? {
        return Ok(imported.applied);
    }
    let model: ModelDigest = session.state.row.model;
    let models = store.models.for_changes(&store.readers, model, &batch.changes).await?;
    let Outcome { changed, warnings } = rules.run(session, &models, batch, now).await?;
    if changed > 0 || !session.trail.is_empty() {
        session.state.row.revision.0 += 1;
        audit::append(session, &batch.actor, &batch.request_id, now).await?;
        removal::keep(session, &batch.actor, &batch.request_id, now).await?;
        session.save_tenant().await?;
    }
    let warnings = Warning::first(warnings);
    let revision = session.state.row.revision;
    let applied = Applied { revision, changed, warnings, repeated: false };
    let result = Imported { applied, registered: 0 };
    request::keep(session, &batch.request_id, digest, &result).await?;
    concern::publish(session, now).await?;
    Ok(result.applied)
}
