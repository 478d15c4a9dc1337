//! Registration of faxes: many in one transaction, each with its own answer.
//!
//! Registering raises no revision. What a fax refers to is read once for all faxes that refer to
//! it, and rows are inserted many at a time.

use std::collections::HashMap;

use async_trait::async_trait;
use lineguard_core::change::NewFax;
use lineguard_core::change::apply::ModelSource;
use lineguard_core::change::register::{self, Registering};
use lineguard_core::id::{Num, TenantId, Timestamp};
use lineguard_core::port::{
    ApplyError, Fault, FaxRow, Registered, StoreError, TenantReader, TenantTx,
};
use lineguard_core::row::ObjectKind;

use crate::rows::{self, FAX, Row, direction_code, labels_text, sources_bits, state_code};
use crate::session::Session;
use crate::sql::{MAX_IN, Sql};
use crate::store::SqlStore;
use crate::write::{maybe_stored, stored};
use crate::writer::Turn;

/// Most faxes inserted by one statement.
const MAX_ROWS: usize = 128;

/// What turns a fax into its row: [`lineguard_core::change::register`], or a test's own.
#[async_trait]
pub(crate) trait FaxRules: Sync {
    /// The row, without its number.
    async fn row(
        &self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        registering: &mut Registering,
        fax: &NewFax,
        position: usize,
    ) -> Result<FaxRow, ApplyError>;

    /// What tells a repeat from another fax with the same id.
    fn fingerprint(&self, fax: &NewFax) -> [u8; 32];
}

#[async_trait]
impl FaxRules for crate::apply::CoreRules {
    async fn row(
        &self,
        tx: &mut dyn TenantTx,
        models: &dyn ModelSource,
        registering: &mut Registering,
        fax: &NewFax,
        position: usize,
    ) -> Result<FaxRow, ApplyError> {
        register::row(tx, models, registering, fax, position).await
    }

    fn fingerprint(&self, fax: &NewFax) -> [u8; 32] {
        register::fingerprint(fax)
    }
}

/// What the tenant knows of an id.
#[derive(Debug, Clone)]
enum Known {
    Registered { fax: FaxRow, fingerprint: [u8; 32] },
    Deleted,
}

/// Answers in the order of the faxes.
pub(crate) type Answers = Vec<Result<Registered, ApplyError>>;

/// Registers faxes.
pub(crate) async fn register(
    store: &SqlStore,
    tenant: &TenantId,
    faxes: &[NewFax],
    now: Timestamp,
    rules: &dyn FaxRules,
) -> Result<Answers, ApplyError> {
    let mut turn = store.writer.turn_of(tenant).await;
    loop {
        let answer = register_once(store, &turn, tenant, faxes, now, rules).await;
        if answer.is_ok() || !turn.again() {
            return answer;
        }
    }
}

async fn register_once(
    store: &SqlStore,
    turn: &Turn<'_>,
    tenant: &TenantId,
    faxes: &[NewFax],
    now: Timestamp,
    rules: &dyn FaxRules,
) -> Result<Answers, ApplyError> {
    let tx = store.writer.begin(turn).await?;
    let mut session = match Session::open(tx, tenant).await? {
        Ok(session) => session,
        Err(tx) => {
            tx.rollback().await;
            let problem = format!("there is no tenant `{tenant}`");
            return Err(ApplyError::NotFound(Fault { change: 0, field: "tenant", problem }));
        }
    };
    session.trail.keep_nothing();
    match attempt(store, &mut session, faxes, now, rules).await {
        Ok(answers) => {
            store.acknowledge(session).await?;
            Ok(answers)
        }
        Err(error) => {
            session.tx.rollback().await;
            Err(error.into())
        }
    }
}

/// All but the commit.
async fn attempt(
    store: &SqlStore,
    session: &mut Session,
    faxes: &[NewFax],
    now: Timestamp,
    rules: &dyn FaxRules,
) -> Result<Answers, StoreError> {
    let own = std::iter::once(session.state.row.model);
    let models = store.models.preload(&store.readers, own).await?;
    let new = Registering::new(now);
    let answers = insert_new(session, &models, faxes, rules, new, Repeats::OfTheFirst).await?;
    let any_new = answers.iter().flatten().any(|answer| answer.created);
    if any_new || !session.trail.is_empty() {
        session.save_tenant().await?;
    }
    Ok(answers)
}

/// What counts as a repeat of a registered fax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// What said the same as the first registration.
    OfTheFirst,
    /// Also what says how the fax is now.
    OrOfTheLast,
}

/// Inserts the faxes that are new. A fault of one fax is its own answer; a store that cannot be
/// reached ends all.
pub(crate) async fn insert_new(
    session: &mut Session,
    models: &dyn ModelSource,
    faxes: &[NewFax],
    rules: &dyn FaxRules,
    mut registering: Registering,
    repeats: Repeats,
) -> Result<Answers, StoreError> {
    session.remember();
    prefetch(session, faxes).await?;
    let mut known = known(session, faxes).await?;
    let mut answers = Vec::with_capacity(faxes.len());
    let mut new = Vec::new();
    for (position, fax) in faxes.iter().enumerate() {
        let fingerprint = rules.fingerprint(fax);
        if let Some(known) = known.get(fax.fax.as_str()) {
            let answer = repeat(known, fingerprint, fax, position);
            answers.push(match known {
                Known::Registered { fax: stored, .. }
                    if answer.is_err()
                        && repeats == Repeats::OrOfTheLast
                        && register::describes(session, fax, stored).await? =>
                {
                    Ok(Registered { fax: stored.clone(), created: false })
                }
                _ => answer,
            });
            continue;
        }
        match rules.row(session, models, &mut registering, fax, position).await {
            Err(ApplyError::Store(error @ StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => answers.push(Err(error)),
            Ok(mut row) => {
                row.num = Num(session.state.next_fax);
                session.state.next_fax += 1;
                let entry = Known::Registered { fax: row.clone(), fingerprint };
                known.insert(fax.fax.as_str().to_owned(), entry);
                answers.push(Ok(Registered { fax: row.clone(), created: true }));
                new.push((row, fingerprint));
            }
        }
    }
    for chunk in new.chunks(MAX_ROWS) {
        insert(session, chunk).await?;
    }
    Ok(answers)
}

/// The answer for an id that the tenant knows.
fn repeat(
    known: &Known,
    fingerprint: [u8; 32],
    new: &NewFax,
    position: usize,
) -> Result<Registered, ApplyError> {
    let problem = match known {
        Known::Registered { fax, fingerprint: first } if *first == fingerprint => {
            return Ok(Registered { fax: fax.clone(), created: false });
        }
        Known::Registered { .. } => format!("fax `{}` is registered with other facts", new.fax),
        Known::Deleted => format!("fax `{}` was deleted, and its id is not used again", new.fax),
    };
    Err(ApplyError::AlreadyExists(Fault { change: position, field: "fax", problem }))
}

/// Reads the objects that the faxes name, so that each is read once.
async fn prefetch(session: &mut Session, faxes: &[NewFax]) -> Result<(), StoreError> {
    let mut names: Vec<(ObjectKind, String)> = Vec::new();
    for fax in faxes {
        names.push((ObjectKind::Account, fax.account.as_str().to_owned()));
        let number = fax.number.iter().map(|one| (ObjectKind::Number, one.as_str().to_owned()));
        let faxbox = fax.faxbox.iter().map(|one| (ObjectKind::Faxbox, one.as_str().to_owned()));
        let creator = fax.creator.iter().map(|one| (ObjectKind::Subject, one.qualified()));
        let labels = fax.labels.iter().map(|one| (ObjectKind::Label, one.as_str().to_owned()));
        names.extend(number.chain(faxbox).chain(creator).chain(labels));
    }
    names.sort_unstable();
    names.dedup();
    let keys: Vec<_> = names.iter().map(|(kind, id)| (*kind, Num(0), id.as_str())).collect();
    session.find(&keys).await?;
    Ok(())
}

/// What the tenant knows of the ids, registered or deleted.
async fn known(session: &Session, faxes: &[NewFax]) -> Result<HashMap<String, Known>, StoreError> {
    let tenant = session.state.row.num;
    let mut known = HashMap::new();
    for chunk in faxes.chunks(MAX_IN) {
        let ids: Vec<Vec<u8>> =
            chunk.iter().map(|fax| fax.fax.as_str().as_bytes().to_vec()).collect();
        let text = format!("SELECT {FAX}, fingerprint FROM fax WHERE tenant = ? AND id IN ");
        let mut query = Sql::new(text).bind(session.tenant_num());
        query.push_list(&ids);
        for row in session.tx.all(query).await? {
            let fax = rows::fax(&row, 0, tenant)?;
            let fingerprint =
                Row::new("fax", &row, 0).of(tenant).hash(FAX_COLUMNS, "fingerprint")?;
            let id = fax.id.as_str().to_owned();
            let hidden = &session.state.hidden;
            known.insert(
                id,
                match hidden.has_fax(&fax) {
                    true => Known::Deleted,
                    false => Known::Registered { fax: hidden.shown(fax), fingerprint },
                },
            );
        }
        let mut query = Sql::new("SELECT id FROM fax_gone WHERE tenant = ? AND id IN ")
            .bind(session.tenant_num());
        query.push_list(&ids);
        for row in session.tx.all(query).await? {
            known.insert(Row::new("fax_gone", &row, 0).of(tenant).id(0, "id")?, Known::Deleted);
        }
    }
    Ok(known)
}

/// Columns of [`FAX`].
const FAX_COLUMNS: usize = 12;

async fn insert(session: &Session, chunk: &[(FaxRow, [u8; 32])]) -> Result<(), StoreError> {
    let text = format!("INSERT INTO fax (tenant, revision, fingerprint, {FAX}) VALUES ");
    let mut sql = Sql::new(text);
    for (position, (fax, fingerprint)) in chunk.iter().enumerate() {
        sql.push(if position == 0 { "" } else { ", " });
        sql.push("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        sql.add(session.tenant_num())
            .add(stored(Num(session.state.row.revision.0))?)
            .add(fingerprint.to_vec())
            .add(stored(fax.num)?)
            .add(fax.id.as_str().as_bytes().to_vec())
            .add(stored(fax.account)?)
            .add(direction_code(fax.direction))
            .add(maybe_stored(fax.number)?)
            .add(maybe_stored(fax.faxbox)?)
            .add(maybe_stored(fax.creator)?)
            .add(maybe_stored(fax.assignee)?)
            .add(state_code(fax.state))
            .add(labels_text(&fax.labels))
            .add(fax.at.0)
            .add(sources_bits(fax.attachment_sources));
    }
    session.tx.run(sql).await?;
    Ok(())
}
