//! Who fills a stage, and what becomes of one that is left.

use std::time::Duration;

use lineguard_core::id::{Num, Timestamp};
use lineguard_core::port::StoreError;
use tokio::time::Instant;

use crate::dialect;
use crate::error::refused;
use crate::rows::Row;
use crate::sql::{Sql, Tx, seek};
use crate::store::SqlStore;
use crate::writer::Turn;

/// How long a beat may stand still. The clocks of replicas may differ by less.
const ABANDONED: Duration = Duration::from_secs(15 * 60);

/// Rows that are removed by one transaction.
const REMOVED: usize = 1_000;

/// What a stage can have rows in, with the columns of the keys.
const TABLES: [(&str, &str); 5] = [
    ("DELETE FROM link", "tenant, kind, a, b"),
    ("DELETE FROM object", "tenant, num"),
    ("DELETE FROM fax", "tenant, num"),
    ("DELETE FROM removal", "tenant, num"),
    ("DELETE FROM stage_part", "tenant, part"),
];

/// A transaction on a stage, as long as it is this owner's.
pub(super) async fn held(
    store: &SqlStore,
    turn: &Turn<'_>,
    num: Num,
    owner: &[u8],
    time: Time,
) -> Result<Tx, StoreError> {
    let tx = store.writer.begin(turn).await?;
    let update = Sql::new("UPDATE stage SET beat = ? WHERE tenant = ? AND owner = ?");
    let update = update.bind(time.beat()).bind(seek(num)).bind(owner.to_vec());
    if tx.run(update).await? == 1 {
        return Ok(tx);
    }
    tx.rollback().await;
    Err(refused("a stage is not held any more"))
}

/// Removes all that stands on a stage, and lets it go.
pub(super) async fn remove(
    store: &SqlStore,
    num: Num,
    owner: &[u8],
    time: Time,
) -> Result<(), StoreError> {
    let backend = store.readers.get_database_backend();
    for (delete, keys) in TABLES {
        let some = dialect::delete_some(backend, delete, keys, REMOVED);
        loop {
            let turn = store.writer.turn().await;
            // Whoever does not hold it any more removes nothing: it may be a tenant by now.
            let tx = held(store, &turn, num, owner, time).await?;
            let removed = tx.run(Sql::new(some.clone()).bind(seek(num))).await?;
            tx.commit().await?;
            if removed == 0 {
                break;
            }
        }
    }
    let turn = store.writer.turn().await;
    let tx = held(store, &turn, num, owner, time).await?;
    tx.run(Sql::new("DELETE FROM stage WHERE tenant = ?").bind(seek(num))).await?;
    // What is left is a name that a program of the version before can read, too.
    let name = format!("removed-import-{}", hex(owner));
    let empty =
        Sql::new("UPDATE tenant SET id = ?, title = ? WHERE num = ? AND staged IS NOT NULL");
    tx.run(empty.bind(name.clone().into_bytes()).bind(name).bind(seek(num))).await?;
    tx.commit().await
}

/// Removes the parts that a tenant has taken over.
pub(super) async fn tidy(store: &SqlStore, num: Num) -> Result<(), StoreError> {
    let backend = store.readers.get_database_backend();
    let delete = dialect::delete_some(backend, "DELETE FROM stage_part", "tenant, part", REMOVED);
    loop {
        let turn = store.writer.turn().await;
        let tx = store.writer.begin(&turn).await?;
        let removed = tx.run(Sql::new(delete.clone()).bind(seek(num))).await?;
        tx.commit().await?;
        if removed == 0 {
            return Ok(());
        }
    }
}

/// Removes stages that were left, and parts that were taken over.
pub(crate) async fn sweep(store: &SqlStore, now: Timestamp) -> Result<(), StoreError> {
    let time = Time::from(now);
    let left = now.0.saturating_sub(i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX));
    let query = Sql::new("SELECT tenant, beat, owner FROM stage WHERE beat < ?").bind(left);
    for row in &query.all(&store.feed).await? {
        let row = Row::new("stage", row, 0);
        let (num, owner) = (row.num(0, "tenant")?, row.bytes(2, "owner")?);
        let beat = row.int(1, "beat")?;
        if let Some(owner) = take_over(store, num, beat, owner, time).await? {
            remove(store, num, &owner, time).await?;
        }
    }
    let done = "SELECT DISTINCT tenant FROM stage_part \
                WHERE tenant NOT IN (SELECT tenant FROM stage)";
    for row in &Sql::new(done).all(&store.feed).await? {
        tidy(store, Row::new("stage_part", row, 0).num(0, "tenant")?).await?;
    }
    Ok(())
}

/// Makes a stage that was left this process's; none if somebody else was faster, or it goes on.
async fn take_over(
    store: &SqlStore,
    num: Num,
    beat_before: i64,
    before: Vec<u8>,
    time: Time,
) -> Result<Option<Vec<u8>>, StoreError> {
    let owner = random()?;
    let turn = store.writer.turn().await;
    let tx = store.writer.begin(&turn).await?;
    let update = Sql::new(
        "UPDATE stage SET owner = ?, beat = ? WHERE tenant = ? AND owner = ? AND beat = ?",
    );
    let update = update.bind(owner.clone()).bind(time.beat()).bind(seek(num)).bind(before);
    let taken = tx.run(update.bind(beat_before)).await? == 1;
    tx.commit().await?;
    Ok(taken.then_some(owner))
}

pub(super) fn random() -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| refused("the system gave no randomness for a stage"))?;
    Ok(bytes)
}

/// An id that is no [`lineguard_core::id::TenantId`], and that no other stage has.
pub(super) fn hidden_id(owner: &[u8]) -> Vec<u8> {
    let mut id = vec![1];
    id.extend_from_slice(b"stage ");
    id.extend_from_slice(hex(owner).as_bytes());
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The time of a caller, which goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    then: Timestamp,
    since: Instant,
}

impl Time {
    pub(super) fn from(now: Timestamp) -> Self {
        Self { then: now, since: Instant::now() }
    }

    /// Now, in milliseconds.
    pub(super) fn beat(&self) -> i64 {
        let passed = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.then.0.saturating_add(passed)
    }
}
