//! An import: the changes and faxes of all its parts in one transaction, or nothing.

use lineguard_core::change::apply::{Administrators, ModelSource, run_changes};
use lineguard_core::change::register::Registering;
use lineguard_core::change::{
    Activation, Applied, IfExists, Import, Imported, NewFax, Part, Warning,
};
use lineguard_core::id::Timestamp;
use lineguard_core::port::{ApplyError, Fault, Registered};

use crate::apply::{CoreRules, open};
use crate::register::{Repeats, insert_new};
use crate::session::Session;
use crate::store::SqlStore;
use crate::writer::Turn;
use crate::{audit, batch_digest, concern, removal, request, stage};

/// Imports a tenant.
pub(crate) async fn import(
    store: &SqlStore,
    import: &Import,
    now: Timestamp,
) -> Result<Imported, ApplyError> {
    if stage::is_for(store, import).await? {
        return stage::import(store, import, now).await;
    }
    let mut turn = store.writer.turn_of(&import.tenant).await;
    loop {
        let answer = import_once(store, &turn, import, now).await;
        if answer.is_ok() || !turn.again() {
            return answer;
        }
    }
}

async fn import_once(
    store: &SqlStore,
    turn: &Turn<'_>,
    import: &Import,
    now: Timestamp,
) -> Result<Imported, ApplyError> {
    let tx = store.writer.begin(turn).await?;
    let first = import.parts.first().and_then(|part| part.changes.first());
    let mut session = open(tx, &import.tenant, first).await?;
    session.share = store.removing.share();
    match attempt(store, &mut session, import, now).await {
        Ok(imported) => {
            store.acknowledge(session).await?;
            Ok(imported)
        }
        Err(error) => {
            session.tx.rollback().await;
            Err(error)
        }
    }
}

/// All but the commit.
async fn attempt(
    store: &SqlStore,
    session: &mut Session,
    import: &Import,
    now: Timestamp,
) -> Result<Imported, ApplyError> {
    let digest = batch_digest::of_import(import);
    if let Some(first) = request::earlier(session, &import.request_id, digest).await? {
        return Ok(first);
    }
    bounded(import, store.staging.whole)?;
    let own = session.state.row.model;
    let changes = import.parts.iter().flat_map(|part| &part.changes);
    let models = store.models.for_changes(&store.readers, own, changes).await?;
    let before = session.state.row.revision;
    let mut imported = run_parts(session, &models, import, now).await?;
    if !session.trail.is_empty() {
        session.state.row.revision.0 = before.0 + 1;
        audit::append(session, &import.actor, &import.request_id, now).await?;
        removal::keep(session, &import.actor, &import.request_id, now).await?;
    }
    if !session.trail.is_empty() || imported.registered > 0 {
        session.save_tenant().await?;
    }
    imported.applied.revision = session.state.row.revision;
    imported.applied.warnings = Warning::first(imported.applied.warnings);
    request::keep(session, &import.request_id, digest, &imported).await?;
    concern::publish(session, now).await?;
    Ok(imported)
}

/// Refuses what one transaction should not hold.
fn bounded(import: &Import, most: usize) -> Result<(), ApplyError> {
    let items = import.items();
    if items <= most {
        return Ok(());
    }
    let problem = format!(
        "an import into a tenant that exists, or beside a replica of an older version, is one \
         transaction and takes at most {most} changes and faxes, not {items}: import them in several"
    );
    Err(ApplyError::Invalid(vec![Fault { change: 0, field: "tenant", problem }]))
}

async fn run_parts(
    session: &mut Session,
    models: &dyn ModelSource,
    import: &Import,
    now: Timestamp,
) -> Result<Imported, ApplyError> {
    let activation = Activation::of(&import.actor, import.provisions);
    let before = session.state.row.revision;
    let applied = Applied { revision: before, changed: 0, warnings: Vec::new(), repeated: false };
    let mut imported = Imported { applied, registered: 0 };
    let parts = import.parts.iter().map(|part| (part.changes.as_slice(), part.faxes.len()));
    let administrators = Administrators::before(session, models, &Vec::from_iter(parts)).await?;
    let mut at = 0;
    for Part { changes, faxes } in &import.parts {
        if !changes.is_empty() {
            let (keep, how) = (IfExists::Keep, activation);
            let outcome = run_changes(session, models, changes, keep, how, now).await;
            let outcome = outcome.map_err(|error| error.further_on(at))?;
            let moved = |warning: Warning| Warning { change: warning.change + at, ..warning };
            imported.applied.changed += outcome.changed;
            imported.applied.warnings.extend(outcome.warnings.into_iter().map(moved));
        }
        at += changes.len();
        if !session.trail.is_empty() {
            // Faxes carry the revision that their set-up is of.
            session.state.row.revision.0 = before.0 + 1;
        }
        let new = register(session, models, faxes, now).await;
        imported.registered += new.map_err(|error| error.further_on(at))?;
        at += faxes.len();
    }
    if let Some(administrators) = administrators {
        imported.applied.warnings.extend(administrators.after(session, models).await?);
        imported.applied.warnings.sort_by_key(|warning| warning.change);
    }
    Ok(imported)
}

/// Registers the faxes of a part; how many were new. The faults of all of them are told at once.
pub(crate) async fn register(
    session: &mut Session,
    models: &dyn ModelSource,
    faxes: &[NewFax],
    now: Timestamp,
) -> Result<usize, ApplyError> {
    let restoring = Registering::restoring(now);
    let answers =
        insert_new(session, models, faxes, &CoreRules, restoring, Repeats::OrOfTheLast).await?;
    let mut new = 0;
    let mut faults = Vec::new();
    let mut refused = None;
    for answer in answers {
        match answer {
            Ok(Registered { created, .. }) => new += usize::from(created),
            Err(ApplyError::Invalid(found)) => faults.extend(found),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if !faults.is_empty() {
        return Err(ApplyError::Invalid(faults));
    }
    refused.map_or(Ok(new), Err)
}
