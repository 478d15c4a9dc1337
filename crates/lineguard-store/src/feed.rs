//! The feed of changes. Each read is one statement, so one snapshot.

use async_trait::async_trait;
use lineguard_core::concern::Concern;
use lineguard_core::feed::{
    Audience, Changes, Counters, Feed, Incarnation, ReplicaRow, ReplicaState,
};
use lineguard_core::id::{Num, Revision, Timestamp};
use lineguard_core::port::StoreError;
use lineguard_core::stamp::{ConcernRow, SHARDS, Shard, Stamp};
use sea_orm::QueryResult;

use crate::concern::stamp;
use crate::dialect;
use crate::error::refused;
use crate::rows::Row;
use crate::sql::{Sql, limit};
use crate::store::SqlStore;
use crate::write::stored;

const LIVE: i64 = 1;
const FENCED: i64 = 2;

/// Columns that [`concern_row`] reads.
const CONCERN: &str = "shard, counter, nonce, tenant, revision, kind, num";

#[async_trait]
impl Feed for SqlStore {
    /// Nobody ever sees the row: it is there within its transaction only. Each try has a key of
    /// its own: several with the same one deadlock on MariaDB, and a deadlock would be told as a
    /// database that takes no writes.
    async fn try_write(&self) -> Result<(), StoreError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)
            .map_err(|_| refused("the system gave no randomness for a key"))?;
        let nobody = || key.to_vec();
        let insert = Sql::new(
            "INSERT INTO confirmation (shard, incarnation, counter, nonce) VALUES (0, ?, 0, 0)",
        );
        let delete = Sql::new("DELETE FROM confirmation WHERE shard = 0 AND incarnation = ?");
        self.write(vec![insert.bind(nobody()), delete.bind(nobody())]).await
    }

    async fn counters(
        &self,
        incarnation: Incarnation,
        _: &[(Shard, Stamp)],
    ) -> Result<Counters, StoreError> {
        let query = Sql::new(
            "SELECT shard, counter, nonce FROM rev_shard \
             UNION ALL SELECT -1, state, 0 FROM replica WHERE incarnation = ?",
        );
        let rows = query.bind(incarnation.0.to_vec()).all(&self.feed).await?;
        let mut stamps = vec![None; SHARDS];
        let mut own = None;
        for row in &rows {
            let row = Row::new("rev_shard", row, 0);
            match shard(&row, 0) {
                Ok(shard) => {
                    if let Some(place) = stamps.get_mut(shard.index()) {
                        *place = Some(stamp(&row, 1)?);
                    }
                }
                Err(_) => own = Some(state(&row, 1)?),
            }
        }
        let stamps: Option<Vec<Stamp>> = stamps.into_iter().collect();
        let stamps = stamps.ok_or_else(|| refused("a shard has no counter"))?;
        Ok(Counters::of_database(stamps, own))
    }

    async fn changes(&self, since: &[(Shard, u64)], most: usize) -> Result<Changes, StoreError> {
        if since.is_empty() {
            return Ok(Changes { stamps: Vec::new(), rows: Vec::new(), complete: true });
        }
        let shards: Vec<i64> = since.iter().map(|(shard, _)| i64::from(shard.0)).collect();
        let mut query = Sql::new(
            "SELECT shard, counter, nonce, 0 AS tenant, 0 AS revision, 0 AS kind, 0 AS num \
             FROM rev_shard WHERE shard IN ",
        );
        query.push_list(&shards);
        query.push(&format!(" UNION ALL SELECT * FROM (SELECT {CONCERN} FROM concern WHERE "));
        for (place, (shard, counter)) in since.iter().enumerate() {
            query.push(if place == 0 { "" } else { " OR " }).push("(shard = ? AND counter >= ?)");
            query.add(i64::from(shard.0)).add(stored(Num(*counter))?);
        }
        query.push(" LIMIT ?) AS c").add(limit(most + 1));
        let read = query.all(&self.feed).await?;
        let (mut stamps, mut rows) = (Vec::with_capacity(since.len()), Vec::new());
        for row in &read {
            let row = Row::new("concern", row, 0);
            if row.int(5, "kind")? == 0 {
                stamps.push((shard(&row, 0)?, stamp(&row, 1)?));
            } else {
                rows.push(concern_row(&row)?);
            }
        }
        let complete = rows.len() <= most;
        if !complete {
            rows.clear();
        }
        rows.sort_by_key(|row| (row.shard, row.stamp.counter));
        Ok(Changes { stamps, rows, complete })
    }

    async fn recent(
        &self,
        since: Timestamp,
        most: usize,
    ) -> Result<Option<Vec<ConcernRow>>, StoreError> {
        let text = format!("SELECT {CONCERN} FROM concern WHERE at >= ? LIMIT ?");
        let query = Sql::new(text).bind(since.0).bind(limit(most + 1));
        let read = query.all(&self.feed).await?;
        if read.len() > most {
            return Ok(None);
        }
        let rows = read.iter().map(|row| concern_row(&Row::new("concern", row, 0)));
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        rows.sort_by_key(|row| (row.shard, row.stamp.counter));
        Ok(Some(rows))
    }

    async fn register(
        &self,
        incarnation: Incarnation,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = Sql::new(
            "INSERT INTO replica (incarnation, state, name, since, stages) VALUES (?, ?, ?, ?, 1)",
        );
        let insert = insert.bind(incarnation.0.to_vec()).bind(LIVE).bind(name).bind(now.0);
        self.write(vec![insert]).await
    }

    async fn audience(&self, shard: Shard) -> Result<Audience, StoreError> {
        // A replica has a name, a confirmation has an incarnation, the shard's stamp has neither.
        let query = Sql::new(
            "SELECT incarnation, name, state, since FROM replica \
             UNION ALL SELECT incarnation, NULL, counter, nonce FROM confirmation WHERE shard = ? \
             UNION ALL SELECT NULL, NULL, counter, nonce FROM rev_shard WHERE shard = ?",
        );
        let query = query.bind(i64::from(shard.0)).bind(i64::from(shard.0));
        let (mut replicas, mut confirmed, mut of_shard) = (Vec::new(), Vec::new(), None);
        for row in &query.all(&self.feed).await? {
            match Participant::read(row)? {
                Participant::Replica(replica) => replicas.push(replica),
                Participant::Confirmation(incarnation, stamp) => {
                    confirmed.push((incarnation, stamp))
                }
                Participant::Shard(stamp) => of_shard = Some(stamp),
            }
        }
        let stamp = of_shard.ok_or_else(|| refused(format!("shard {} has no counter", shard.0)))?;
        Ok(Audience { stamp, replicas, confirmed })
    }

    async fn fence(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        let update = Sql::new("UPDATE replica SET state = ? WHERE incarnation = ?");
        self.write(vec![update.bind(FENCED).bind(incarnation.0.to_vec())]).await
    }

    async fn remove(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        let of = |text| Sql::new(text).bind(incarnation.0.to_vec());
        let confirmations = of("DELETE FROM confirmation WHERE incarnation = ?");
        self.write(vec![confirmations, of("DELETE FROM replica WHERE incarnation = ?")]).await
    }

    async fn confirm(
        &self,
        incarnation: Incarnation,
        installed: &[(Shard, Stamp)],
    ) -> Result<(), StoreError> {
        if installed.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that two replicas never wait for each other.
        let mut installed = installed.to_vec();
        installed.sort_by_key(|(shard, _)| *shard);
        let rows = vec!["(?, ?, ?, ?)"; installed.len()].join(", ");
        let backend = sea_orm::ConnectionTrait::get_database_backend(&self.feed);
        let mut upsert = Sql::new(dialect::raise_confirmation(backend, &rows));
        for (shard, stamp) in installed {
            upsert
                .add(i64::from(shard.0))
                .add(incarnation.0.to_vec())
                .add(stored(Num(stamp.counter))?)
                .add(stamp.nonce.cast_signed());
        }
        self.write(vec![upsert]).await
    }

    async fn trim(&self, before: Timestamp) -> Result<(), StoreError> {
        let newest =
            Sql::new("SELECT shard, MAX(counter) FROM concern WHERE at < ? GROUP BY shard");
        let mut deletes = Vec::new();
        for row in &newest.bind(before.0).all(&self.feed).await? {
            let row = Row::new("concern", row, 0);
            let delete = Sql::new("DELETE FROM concern WHERE shard = ? AND counter < ?");
            deletes.push(delete.bind(row.int(0, "shard")?).bind(row.int(1, "counter")?));
        }
        for delete in deletes {
            self.write(vec![delete]).await?;
        }
        Ok(())
    }
}

impl SqlStore {
    /// Statements that go together.
    async fn write(&self, statements: Vec<Sql>) -> Result<(), StoreError> {
        let turn = self.writer.turn().await;
        let tx = self.writer.begin(&turn).await?;
        for statement in statements {
            tx.run(statement).await?;
        }
        tx.commit().await
    }
}

/// One row of the statement behind [`Feed::audience`].
enum Participant {
    Replica(ReplicaRow),
    Confirmation(Incarnation, Stamp),
    Shard(Stamp),
}

impl Participant {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let row = Row::new("replica", row, 0);
        let Some(incarnation) = row.maybe_bytes(0, "incarnation")? else {
            return Ok(Self::Shard(stamp(&row, 2)?));
        };
        let incarnation =
            Incarnation(incarnation.try_into().map_err(|_| row.corrupt("incarnation"))?);
        let Some(name) = row.maybe_text(1, "name")? else {
            return Ok(Self::Confirmation(incarnation, stamp(&row, 2)?));
        };
        let (state, since) = (state(&row, 2)?, Timestamp(row.int(3, "since")?));
        Ok(Self::Replica(ReplicaRow { incarnation, state, name, since }))
    }
}

fn shard(row: &Row<'_>, at: usize) -> Result<Shard, StoreError> {
    u8::try_from(row.int(at, "shard")?).map(Shard).map_err(|_| row.corrupt("shard"))
}

fn state(row: &Row<'_>, at: usize) -> Result<ReplicaState, StoreError> {
    match row.int(at, "state")? {
        LIVE => Ok(ReplicaState::Live),
        FENCED => Ok(ReplicaState::Fenced),
        _ => Err(row.corrupt("state")),
    }
}

fn concern_row(row: &Row<'_>) -> Result<ConcernRow, StoreError> {
    let kind = u8::try_from(row.int(5, "kind")?).ok();
    let concern = kind.and_then(|kind| Concern::from_parts(kind, row.num(6, "num").ok()?));
    Ok(ConcernRow {
        shard: shard(row, 0)?,
        stamp: stamp(row, 1)?,
        tenant: row.num(3, "tenant")?,
        revision: Revision(row.count(4, "revision")?),
        // Unknown to this program, which may be the older one in an upgrade: all are concerned.
        concern: concern.unwrap_or(Concern::Tenant),
    })
}
