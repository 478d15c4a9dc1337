//! An import of a new tenant, in steps of bounded size.
//!
//! The rows are written under a tenant that is hidden: its id has a character that no id has, so
//! nobody can ask for it, and what reads all tenants leaves it out. Each step is a transaction of its
//! own, between which others write. One short transaction at the end gives the tenant its id, and with
//! it its audit row, its revision and the result of the request. Until then nothing is there; after it
//! everything is.
//!
//! Numbers that a step activates are taken from then on, also if nothing becomes of the import.
//!
//! A stage belongs to whoever fills it and raises its `beat`. One whose beat stands still is removed
//! by whoever comes next, in steps too. The row of its tenant stays, hidden for ever, so that its
//! number is never that of another.

mod hold;

use lineguard_core::change::apply::{self, ModelSource, Pending};
use lineguard_core::change::{
    Activation, Applied, Change, IfExists, Import, Imported, NewFax, Part, Warning, title_or_id,
};
use lineguard_core::id::{ModelDigest, Num, Revision, Timestamp};
use lineguard_core::port::{ApplyError, Fault, StoreError};
use tokio::time::Instant;

use crate::error::refused;
use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, seek};
use crate::store::SqlStore;
use crate::trail::Trail;
use crate::writer::Turn;
use crate::{audit, batch_digest, concern, removal, request};

pub(crate) use hold::sweep;
use hold::{Time, held, hidden_id, random, remove, tidy};

/// How many faults are looked for.
const MAX_FAULTS: usize = 1_000;

/// When imports are staged, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staging {
    /// One with no more changes and faxes than this is one transaction.
    pub(crate) above: usize,
    /// Changes or faxes of one step.
    pub(crate) step: usize,
    /// Most changes and faxes of one that is one transaction. It keeps other writes to its tenant
    /// waiting, on SQLite all writes.
    pub(crate) whole: usize,
}

impl Default for Staging {
    fn default() -> Self {
        Self { above: 1_000, step: 200, whole: 10_000 }
    }
}

/// Whether an import is to be staged: it is long, it makes a tenant, and every replica knows how to
/// leave out what is staged.
pub(crate) async fn is_for(store: &SqlStore, import: &Import) -> Result<bool, StoreError> {
    let first = import.parts.first().and_then(|part| part.changes.first());
    if import.items() <= store.staging.above || !matches!(first, Some(Change::CreateTenant { .. }))
    {
        return Ok(false);
    }
    let known = Sql::new("SELECT 1 FROM tenant WHERE id = ?");
    let known = known.bind(import.tenant.as_str().as_bytes().to_vec()).one(&store.feed).await?;
    let older = Sql::new("SELECT 1 FROM replica WHERE stages IS NULL LIMIT 1");
    Ok(known.is_none() && older.one(&store.feed).await?.is_none())
}

/// Imports a new tenant.
pub(crate) async fn import(
    store: &SqlStore,
    import: &Import,
    now: Timestamp,
) -> Result<Imported, ApplyError> {
    let first = import.parts.first().and_then(|part| part.changes.first());
    let Some(Change::CreateTenant { title, model, .. }) = first else {
        return Err(refused("an import that makes no tenant was staged").into());
    };
    let changes = import.parts.iter().flat_map(|part| &part.changes);
    let models = store.models.for_changes(&store.readers, *model, changes).await?;
    let faults = faults_by_themselves(import, *model, &models);
    if !faults.is_empty() {
        return Err(ApplyError::Invalid(faults));
    }
    sweep(store, now).await?;
    let mut stage = Stage::begin(store, import, title, *model, now).await?;
    let filled = stage.fill(&models).await;
    let made = match filled {
        Ok(imported) => stage.make(imported).await,
        Err(error) => Err(error),
    };
    match &made {
        Ok(_) => tidy(store, stage.num).await,
        // Nothing of it can be seen, and it is removed later if not now.
        Err(_) => remove(store, stage.num, &stage.owner, stage.time).await,
    }
    .unwrap_or_else(|error| tracing::warn!(%error, "what an import left is removed later"));
    made
}

/// The faults that changes have whatever the tenant holds.
fn faults_by_themselves(
    import: &Import,
    mut model: ModelDigest,
    models: &dyn ModelSource,
) -> Vec<Fault> {
    let (mut faults, mut at) = (Vec::new(), 0);
    for Part { changes, faxes } in &import.parts {
        let found = apply::check(changes, models.model(&model), models);
        faults.extend(found.into_iter().map(|fault| Fault { change: fault.change + at, ..fault }));
        for change in changes {
            if let Change::SetModel { model: next } = change {
                model = *next;
            }
        }
        at += changes.len() + faxes.len();
    }
    faults.truncate(MAX_FAULTS);
    faults
}

/// A step: so many changes or faxes of a part, and how many come before them.
struct Step<'i> {
    changes: &'i [Change],
    faxes: &'i [NewFax],
    at: usize,
}

fn steps(import: &Import, most: usize) -> Vec<Step<'_>> {
    let (mut steps, mut at) = (Vec::new(), 0);
    for Part { changes, faxes } in &import.parts {
        for changes in changes.chunks(most.max(1)) {
            steps.push(Step { changes, faxes: &[], at });
            at += changes.len();
        }
        for faxes in faxes.chunks(most.max(1)) {
            steps.push(Step { changes: &[], faxes, at });
            at += faxes.len();
        }
    }
    steps
}

/// A stage that this process fills.
struct Stage<'i> {
    store: &'i SqlStore,
    import: &'i Import,
    now: Timestamp,
    time: Time,
    num: Num,
    owner: Vec<u8>,
    trail: Trail,
}

impl<'i> Stage<'i> {
    /// The row of the hidden tenant, and that of the stage.
    async fn begin(
        store: &'i SqlStore,
        import: &'i Import,
        title: &str,
        model: ModelDigest,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (owner, time) = (random()?, Time::from(now));
        let turn = store.writer.turn().await;
        let tx = store.writer.begin(&turn).await?;
        let hidden = hidden_id(&owner);
        let insert = Sql::new(
            "INSERT INTO tenant (id, title, revision, model, next_object, next_fax, derived, staged) \
             VALUES (?, ?, 0, ?, 1, 1, 0, 1)",
        )
        .bind(hidden.clone())
        .bind(title_or_id(title, import.tenant.as_str()))
        .bind(model.0.to_vec());
        tx.run(insert).await?;
        let row = tx.one(Sql::new("SELECT num FROM tenant WHERE id = ?").bind(hidden)).await?;
        let row = row.ok_or_else(|| refused("a staged tenant has no row"))?;
        let num = Row::new("tenant", &row, 0).num(0, "num")?;
        let insert = Sql::new("INSERT INTO stage (tenant, owner, beat) VALUES (?, ?, ?)");
        tx.run(insert.bind(seek(num)).bind(owner.clone()).bind(time.beat())).await?;
        tx.commit().await?;
        Ok(Self { store, import, now, time, num, owner, trail: Trail::staged() })
    }

    /// Applies all parts, step by step, and tells all faults that are found on the way.
    async fn fill(&mut self, models: &dyn ModelSource) -> Result<Imported, ApplyError> {
        let (changed, warnings, repeated) = (0, Vec::new(), false);
        let applied = Applied { revision: Revision(1), changed, warnings, repeated };
        let mut imported = Imported { applied, registered: 0 };
        let mut pending = Pending::default();
        let steps = steps(self.import, self.store.staging.step);
        let (count, begun) = (steps.len(), Instant::now());
        for (done, step) in steps.iter().enumerate() {
            match self.step(step, models, &mut pending).await {
                Ok((changed, registered, warnings)) => {
                    imported.applied.changed += changed;
                    imported.registered += registered;
                    imported.applied.warnings.extend(warnings);
                }
                Err(error @ ApplyError::Store(_)) => return Err(error),
                // May follow from what was passed over.
                Err(_) if !pending.faults.is_empty() => {}
                Err(error) => return Err(error),
            }
            if pending.faults.len() >= MAX_FAULTS {
                break;
            }
            if done % 50 == 49 {
                let seconds = begun.elapsed().as_secs();
                tracing::info!(tenant = %self.import.tenant, done = done + 1, of = count, seconds, "importing");
            }
        }
        while self
            .look(async |session: &mut Session, most| {
                apply::last_faults(session, models, self.now, &mut pending, most).await
            })
            .await?
        {}
        let mut faults = std::mem::take(&mut pending.faults);
        if !faults.is_empty() {
            faults.truncate(MAX_FAULTS);
            return Err(ApplyError::Invalid(faults));
        }
        let warnings = &mut imported.applied.warnings;
        while let Some(more) = self
            .look(async |session: &mut Session, most| {
                apply::last_remarks(session, models, self.now, &mut pending, most).await
            })
            .await?
        {
            warnings.extend(more);
        }
        warnings.sort_by(|a, b| (a.change, &a.text).cmp(&(b.change, &b.text)));
        warnings.dedup();
        Ok(imported)
    }

    /// Looks at some of what is left to the end, now that everything is there.
    async fn look<T>(
        &self,
        look: impl AsyncFnOnce(&mut Session, usize) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let turn = self.store.writer.turn().await;
        let mut session = self.open(&turn).await?;
        let found = look(&mut session, self.store.staging.step).await;
        session.tx.rollback().await;
        found
    }

    /// One step, in a transaction of its own: how many changes had an effect, how many faxes were
    /// new, and what to know.
    async fn step(
        &mut self,
        step: &Step<'_>,
        models: &dyn ModelSource,
        pending: &mut Pending,
    ) -> Result<(usize, usize, Vec<Warning>), ApplyError> {
        pending.at = step.at;
        let before = pending.clone();
        let mut turn = self.store.writer.turn_of(&self.import.tenant).await;
        loop {
            let mut session = self.open(&turn).await?;
            match self.run(&mut session, step, models, pending).await {
                Ok(done) => {
                    self.keep(session).await?;
                    return Ok(done);
                }
                Err(error) => {
                    session.tx.rollback().await;
                    if !turn.again() {
                        return Err(error.further_on(step.at));
                    }
                    pending.clone_from(&before);
                }
            }
        }
    }

    async fn run(
        &self,
        session: &mut Session,
        step: &Step<'_>,
        models: &dyn ModelSource,
        pending: &mut Pending,
    ) -> Result<(usize, usize, Vec<Warning>), ApplyError> {
        let activation = Activation::of(&self.import.actor, self.import.provisions);
        let (mut changed, mut registered, mut warnings) = (0, 0, Vec::new());
        if !step.changes.is_empty() {
            let keep = IfExists::Keep;
            let outcome =
                apply::run_step(session, models, step.changes, keep, activation, self.now, pending);
            let outcome = outcome.await?;
            let Import { actor, request_id, .. } = self.import;
            removal::keep(session, actor, request_id, self.now).await?;
            changed = outcome.changed;
            let moved = |warning: Warning| Warning { change: warning.change + step.at, ..warning };
            warnings.extend(outcome.warnings.into_iter().map(moved));
        }
        if !step.faxes.is_empty() {
            // They carry the revision that the tenant will have.
            session.state.row.revision = Revision(1);
            let new = crate::import::register(session, models, step.faxes, self.now).await;
            session.state.row.revision = Revision(0);
            match new {
                Ok(new) => registered = new,
                Err(ApplyError::Invalid(found)) => {
                    let moved = |fault: Fault| Fault { change: fault.change + step.at, ..fault };
                    pending.faults.extend(found.into_iter().map(moved));
                }
                Err(error) => return Err(error),
            }
        }
        session.save_tenant().await?;
        Ok((changed, registered, warnings))
    }

    /// A transaction on the stage, as long as it is this process's.
    async fn open(&self, turn: &Turn<'_>) -> Result<Session, StoreError> {
        let tx = held(self.store, turn, self.num, &self.owner, self.time).await?;
        let (num, tenant) = (self.num, &self.import.tenant);
        let mut session = Session::open_staged(tx, num, tenant, self.trail.clone()).await?;
        session.share = self.store.removing.share();
        Ok(session)
    }

    /// Commits a step, and goes on from what it took down.
    async fn keep(&mut self, mut session: Session) -> Result<(), StoreError> {
        let trail = std::mem::replace(&mut session.trail, Trail::staged());
        self.store.acknowledge(session).await?;
        self.trail = trail;
        Ok(())
    }

    /// Makes a tenant of the stage: the one transaction that anybody sees.
    async fn make(&mut self, mut imported: Imported) -> Result<Imported, ApplyError> {
        imported.applied.warnings = Warning::first(imported.applied.warnings);
        let mut turn = self.store.writer.turn_of(&self.import.tenant).await;
        loop {
            let mut session = self.open(&turn).await?;
            match self.finish(&mut session, &imported).await {
                Ok(()) => {
                    self.store.acknowledge(session).await?;
                    return Ok(imported);
                }
                Err(error) => {
                    session.tx.rollback().await;
                    if !turn.again() {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn finish(&self, session: &mut Session, imported: &Imported) -> Result<(), ApplyError> {
        let Import { tenant, actor, request_id, .. } = self.import;
        let name = Sql::new("UPDATE tenant SET id = ?, staged = NULL WHERE num = ?")
            .bind(tenant.as_str().as_bytes().to_vec())
            .bind(seek(self.num));
        if session.tx.run_unless_taken(name).await? != Some(1) {
            let problem = "was made by somebody else while this import was under way".to_owned();
            return Err(ApplyError::AlreadyExists(Fault { change: 0, field: "tenant", problem }));
        }
        session.state.row.revision = Revision(1);
        audit::append(session, actor, request_id, self.now).await?;
        let parts = Sql::new(
            "INSERT INTO change_part (tenant, revision, part, content) \
             SELECT tenant, 1, part, content FROM stage_part WHERE tenant = ?",
        );
        session.tx.run(parts.bind(seek(self.num))).await?;
        session.save_tenant().await?;
        request::keep(session, request_id, batch_digest::of_import(self.import), imported).await?;
        concern::publish(session, self.now).await?;
        let done = Sql::new("DELETE FROM stage WHERE tenant = ?").bind(seek(self.num));
        session.tx.run(done).await?;
        Ok(())
    }
}
