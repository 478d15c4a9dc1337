//! Removals of faxboxes and groups, on which any number of rows hangs.
//!
//! The transaction that removes one takes the object itself and a bounded number of rows away. Where
//! more are left, it names the rest in the tenant's row, and from its commit on no read shows that
//! (`hidden`). Steps take it away afterwards, each in a short transaction of its own, with a
//! revision and an audit row of its own that names who removed it: the rows of any past revision
//! can be rebuilt. A step that is cut off leaves nothing, and the next one, of this process or
//! another, begins where the last one ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lineguard_core::concern::Concern;
use lineguard_core::id::{Num, RequestId, Subject, TenantId, Timestamp};
use lineguard_core::model::reach::Direction;
use lineguard_core::port::{
    FaxRow, PendingRemoval, RemovalStep, Removals, StoreError, TenantTx as _, Whole,
};
use lineguard_core::row::{Link, LinkKind, ObjectKind};
use tokio::sync::Notify;

use crate::edit::Edit;
use crate::error::refused;
use crate::hidden::{whole_of, whole_word};
use crate::lists::column_name;
use crate::rows::{self, FAX, Row, direction_code};
use crate::session::Session;
use crate::sql::{MAX_IN, Sql, limit, seek};
use crate::store::SqlStore;
use crate::write::stored;
use crate::writer::Turn;
use crate::{audit, concern};

/// How much is taken away by one transaction.
pub(crate) struct Removing {
    at_once: Share,
    step: Paced,
    /// Whether a write has left something.
    pub(crate) left: Notify,
}

impl Default for Removing {
    /// A step is about as long as the registration of a batch of faxes.
    fn default() -> Self {
        Self::of(500, 500)
    }
}

impl Removing {
    pub(crate) fn of(at_once: usize, step: usize) -> Self {
        let at_once = Share { left: at_once, least: at_once.min(LEAST) };
        Self { at_once, step: Paced::up_to(step.max(1)), left: Notify::new() }
    }

    /// What a transaction that removes something may take away itself, besides all else that it
    /// does.
    pub(crate) const fn share(&self) -> Share {
        self.at_once
    }
}

/// How many rows a step takes away: as many as keep others waiting no longer than [`STEP`].
struct Paced {
    rows: AtomicUsize,
    least: usize,
    most: usize,
}

/// How long a step should take.
const STEP: Duration = Duration::from_millis(20);

impl Paced {
    fn up_to(most: usize) -> Self {
        let least = most.min(LEAST);
        Self { rows: AtomicUsize::new((most / 4).max(least)), least, most }
    }

    fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// A step of so many rows took so long.
    fn took(&self, rows: usize, time: Duration) {
        let next = if time > STEP { rows / 2 } else { rows.saturating_mul(2) };
        if time > STEP || time < STEP / 3 {
            self.rows.store(next.clamp(self.least, self.most), Ordering::Relaxed);
        }
    }
}

/// How many rows a transaction may still take away itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    left: usize,
    least: usize,
}

/// What has no more rows than this is removed at once, however much a batch removes: a hundred small
/// faxboxes need no steps.
const LEAST: usize = 20;

/// Removes an object with all that hangs on it. If there is no room for another removal, says
/// `false`; the transaction is to be rolled back then.
pub(crate) async fn begin(
    session: &mut Session,
    num: Num,
    whole: Whole,
) -> Result<bool, StoreError> {
    let most = session.share.left.max(session.share.least);
    let taken = sweep(session, num, whole, most).await?;
    session.share.left = session.share.left.saturating_sub(taken);
    session.remove_object(num).await?;
    if taken < most {
        return Ok(true);
    }
    if !session.state.hidden.add(num, whole) {
        return Ok(false);
    }
    session.begun.push((num, whole));
    session.record(Edit::Removal { num, whole, on: true }).await?;
    Ok(true)
}

/// Keeps who began the removals that the session has left to be ended.
pub(crate) async fn keep(
    session: &Session,
    actor: &Subject,
    request_id: &RequestId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (num, whole) in &session.begun {
        let insert = Sql::new(
            "INSERT INTO removal (tenant, num, what, actor, request_id, at) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(session.tenant_num())
        .bind(stored(*num)?)
        .bind(whole_word(*whole))
        .bind(actor.qualified().into_bytes())
        .bind(request_id.as_str().as_bytes().to_vec())
        .bind(now.0);
        session.tx.run(insert).await?;
    }
    Ok(())
}

/// Takes at most so many rows away; how many. Fewer than asked for means that none is left.
async fn sweep(
    session: &mut Session,
    num: Num,
    whole: Whole,
    most: usize,
) -> Result<usize, StoreError> {
    session.forget();
    let mut left = most;
    // The newest first: they are what lists would have to pass over.
    for direction in [Direction::Inbound, Direction::Outbound] {
        left -= sweep_faxes(session, num, whole, direction, left).await?;
    }
    for kind in whole.links_from() {
        left -= sweep_links(session, *kind, "b", "a", num, left).await?;
    }
    for kind in whole.links_to() {
        left -= sweep_links(session, *kind, "a", "b", num, left).await?;
    }
    Ok(most - left)
}

async fn sweep_faxes(
    session: &mut Session,
    num: Num,
    whole: Whole,
    direction: Direction,
    most: usize,
) -> Result<usize, StoreError> {
    if most == 0 {
        return Ok(0);
    }
    let column = column_name(whole.column());
    let query = Sql::new(format!(
        "SELECT {FAX} FROM fax WHERE tenant = ? AND {column} = ? AND direction = ? \
         ORDER BY at DESC, num DESC LIMIT ?"
    ))
    .bind(session.tenant_num())
    .bind(seek(num))
    .bind(direction_code(direction))
    .bind(limit(most));
    let found = session.tx.all(query).await?;
    let mut faxes = Vec::with_capacity(found.len());
    for row in &found {
        faxes.push(rows::fax(row, 0, session.state.row.num)?);
    }
    for chunk in faxes.chunks(MAX_IN) {
        let nums = chunk.iter().map(|fax| stored(fax.num)).collect::<Result<Vec<_>, _>>()?;
        for text in statements(whole) {
            let mut run = Sql::new(*text).bind(session.tenant_num());
            run.push_list(&nums);
            let count = session.tx.run(run).await?;
            if count != u64::try_from(chunk.len()).unwrap_or(u64::MAX) {
                let problem = format!("{count} faxes instead of {} were taken away", chunk.len());
                return Err(refused(problem));
            }
        }
    }
    let count = faxes.len();
    for before in faxes {
        session.record(Edit::Fax { after: without(whole, &before), before }).await?;
    }
    Ok(count)
}

/// What is done to faxes, by their numbers.
const fn statements(whole: Whole) -> &'static [&'static str] {
    match whole {
        Whole::FaxboxWithFaxes => &[
            "INSERT INTO fax_gone (tenant, id, num, fingerprint) \
             SELECT tenant, id, num, fingerprint FROM fax WHERE tenant = ? AND num IN ",
            "DELETE FROM fax WHERE tenant = ? AND num IN ",
        ],
        Whole::Faxbox => &["UPDATE fax SET faxbox = NULL WHERE tenant = ? AND num IN "],
        Whole::Group => &["UPDATE fax SET assignee = NULL WHERE tenant = ? AND num IN "],
    }
}

/// What is left of a fax.
fn without(whole: Whole, fax: &FaxRow) -> Option<FaxRow> {
    match whole {
        Whole::FaxboxWithFaxes => None,
        Whole::Faxbox => Some(FaxRow { faxbox: None, ..fax.clone() }),
        Whole::Group => Some(FaxRow { assignee: None, ..fax.clone() }),
    }
}

/// Takes links away that have `num` at the end `own`.
async fn sweep_links(
    session: &mut Session,
    kind: LinkKind,
    other: &str,
    own: &str,
    num: Num,
    most: usize,
) -> Result<usize, StoreError> {
    if most == 0 {
        return Ok(0);
    }
    let code = i64::from(kind as u8);
    let query = Sql::new(format!(
        "SELECT {other} FROM link WHERE tenant = ? AND kind = ? AND {own} = ? \
         ORDER BY {other} LIMIT ?"
    ))
    .bind(session.tenant_num())
    .bind(code)
    .bind(seek(num))
    .bind(limit(most));
    let found = session.tx.all(query).await?;
    let mut ends = Vec::with_capacity(found.len());
    for row in &found {
        ends.push(Row::new("link", row, 0).of(session.state.row.num).num(0, "a or b")?);
    }
    for chunk in ends.chunks(MAX_IN) {
        let chunk: Vec<i64> = chunk.iter().map(|end| seek(*end)).collect();
        let mut delete = Sql::new(format!(
            "DELETE FROM link WHERE tenant = ? AND kind = ? AND {own} = ? AND {other} IN "
        ))
        .bind(session.tenant_num())
        .bind(code)
        .bind(seek(num));
        delete.push_list(&chunk);
        session.tx.run(delete).await?;
    }
    let count = ends.len();
    for end in ends {
        let (a, b) = if own == "a" { (num, end) } else { (end, num) };
        session.record(Edit::Link { link: Link { kind, a, b }, on: false }).await?;
    }
    Ok(count)
}

#[async_trait]
impl Removals for SqlStore {
    async fn left(&self) {
        self.removing.left.notified().await;
    }

    async fn pending(&self, count: usize) -> Result<Vec<PendingRemoval>, StoreError> {
        let query = Sql::new(
            "SELECT r.num, t.id, r.what, r.at FROM removal r JOIN tenant t ON t.num = r.tenant \
             WHERE t.staged IS NULL ORDER BY r.at, r.tenant, r.num LIMIT ?",
        );
        let rows = query.bind(limit(count)).all_watched(&self.readers, self.watcher()).await?;
        let one = |row| {
            let row = Row::new("removal", row, 0);
            Ok(PendingRemoval {
                num: row.num(0, "num")?,
                tenant: TenantId::parse(&row.id(1, "tenant")?)
                    .map_err(|_| row.corrupt("tenant"))?,
                whole: whole_of(&row.text(2, "what")?).ok_or_else(|| row.corrupt("what"))?,
                at: Timestamp(row.int(3, "at")?),
            })
        };
        rows.iter().map(one).collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "how long a step takes says how large the next is"
    )]
    async fn step(&self, tenant: &TenantId, now: Timestamp) -> Result<RemovalStep, StoreError> {
        let mut turn = self.writer.turn_of(tenant).await;
        let pace = &self.removing.step;
        loop {
            let (rows, begun) = (pace.rows(), Instant::now());
            let answer = step_once(self, &turn, tenant, rows, now).await;
            // The last step of a removal takes less, and says nothing of what another one needs.
            if answer.as_ref().is_ok_and(|step| step.rows == rows) {
                pace.took(rows, begun.elapsed());
            }
            if answer.is_ok() || !turn.again() {
                return answer;
            }
        }
    }
}

async fn step_once(
    store: &SqlStore,
    turn: &Turn<'_>,
    tenant: &TenantId,
    rows: usize,
    now: Timestamp,
) -> Result<RemovalStep, StoreError> {
    let tx = store.writer.begin(turn).await?;
    let mut session = match Session::open(tx, tenant).await? {
        Ok(session) => session,
        Err(tx) => {
            tx.rollback().await;
            return Ok(RemovalStep::default());
        }
    };
    match attempt(&mut session, rows, now).await {
        Ok(Some(step)) => store.acknowledge(session).await.map(|()| step),
        Ok(None) => {
            session.tx.rollback().await;
            Ok(RemovalStep::default())
        }
        Err(error) => {
            session.tx.rollback().await;
            Err(error)
        }
    }
}

/// All but the commit; nothing if nothing is left to be taken away.
async fn attempt(
    session: &mut Session,
    most: usize,
    now: Timestamp,
) -> Result<Option<RemovalStep>, StoreError> {
    let Some((num, whole)) = session.state.hidden.oldest() else {
        return none_is_left(session).await;
    };
    let (actor, request_id) = begun_by(session, num).await?;
    let rows = sweep(session, num, whole, most).await?;
    let ended = (rows < most).then_some(num);
    if ended.is_some() {
        session.state.hidden.forget(num);
        let delete = Sql::new("DELETE FROM removal WHERE tenant = ? AND num = ?");
        session.tx.run(delete.bind(session.tenant_num()).bind(stored(num)?)).await?;
        session.record(Edit::Removal { num, whole, on: false }).await?;
    }
    session.state.row.revision.0 += 1;
    audit::append(session, &actor, &request_id, now).await?;
    session.save_tenant().await?;
    concern::publish_these(session, &[concern_of(num, whole)], now).await?;
    Ok(Some(RemovalStep { rows, ended, more: !session.state.hidden.is_empty() }))
}

/// No answer is built from what is gone, so this outdates nothing; it only has a step stand in the
/// order of revisions like everything else that raises one.
const fn concern_of(num: Num, whole: Whole) -> Concern {
    match whole.kind() {
        ObjectKind::Group => Concern::Group(num),
        _ => Concern::Faxbox(num),
    }
}

/// The tenant's row hides nothing. What has a row all the same would stay for ever.
async fn none_is_left(session: &Session) -> Result<Option<RemovalStep>, StoreError> {
    let query = Sql::new("SELECT num FROM removal WHERE tenant = ? ORDER BY num LIMIT 1");
    match session.tx.one(query.bind(session.tenant_num())).await? {
        Some(row) => Err(Row::new("removal", &row, 0).of(session.state.row.num).corrupt("num")),
        None => Ok(None),
    }
}

/// Who began a removal, and by which request.
async fn begun_by(session: &Session, num: Num) -> Result<(Subject, RequestId), StoreError> {
    let query = Sql::new("SELECT num, actor, request_id FROM removal WHERE tenant = ? AND num = ?")
        .bind(session.tenant_num())
        .bind(seek(num));
    let Some(row) = session.tx.one(query).await? else {
        let row = format!("tenant {} num {}", session.state.row.num.0, num.0);
        return Err(StoreError::Corrupt { table: "tenant", column: "removals", row });
    };
    let row = Row::new("removal", &row, 0).of(session.state.row.num);
    let actor = Subject::from_qualified(&row.id(1, "actor")?);
    let request_id = RequestId::parse(&row.id(2, "request_id")?);
    Ok((
        actor.ok_or_else(|| row.corrupt("actor"))?,
        request_id.map_err(|_| row.corrupt("request_id"))?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_large_as_others_can_wait_for() {
        let pace = Paced::up_to(500);
        assert_eq!(pace.rows(), 125);
        for (took, next) in [(1, 250), (1, 500), (1, 500), (10, 500), (90, 250), (900, 125)] {
            pace.took(pace.rows(), Duration::from_millis(took));
            assert_eq!(pace.rows(), next);
        }
        for _ in 0..9 {
            pace.took(pace.rows(), Duration::from_secs(1));
        }
        assert_eq!(pace.rows(), LEAST);
        // A test's.
        let pace = Paced::up_to(2);
        assert_eq!(pace.rows(), 2);
        pace.took(2, Duration::from_secs(1));
        assert_eq!(pace.rows(), 2);
    }
}
