//! Raises the counter of a shard and writes what a change concerned: the last statements before a
//! commit, so that the order of counters is the order of commits and a shard is held only briefly.

use std::collections::BTreeSet;

use lineguard_core::concern::{Concern, Concerned};
use lineguard_core::id::{Num, Timestamp};
use lineguard_core::port::{StoreError, TenantReader as _};
use lineguard_core::row::ObjectKind;
use lineguard_core::stamp::{Shard, Stamp};

use crate::error::refused;
use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, Tx};
use crate::trail::Concerns;
use crate::write::stored;

/// Rows inserted by one statement.
const MAX_ROWS: usize = 100;

/// Publishes what the session changed; nothing if it changed nothing.
pub(crate) async fn publish(session: &mut Session, now: Timestamp) -> Result<(), StoreError> {
    if session.trail.is_empty() {
        return Ok(());
    }
    let concerns = concerns(session).await?;
    publish_these(session, &concerns, now).await
}

/// Publishes that the session changed something that concerns these things and no other.
pub(crate) async fn publish_these(
    session: &Session,
    concerns: &[Concern],
    now: Timestamp,
) -> Result<(), StoreError> {
    let shard = Shard::of(&session.state.row.id);
    let stamp = raise(&session.tx, shard).await?;
    let (tenant, revision) = (session.tenant_num(), stored(Num(session.state.row.revision.0))?);
    for (chunk, concerns) in concerns.chunks(MAX_ROWS).enumerate() {
        let mut insert = Sql::new(
            "INSERT INTO concern \
             (shard, counter, position, nonce, tenant, revision, kind, num, at) VALUES ",
        );
        for (place, concern) in concerns.iter().enumerate() {
            let (kind, num) = concern.parts();
            insert.push(if place == 0 { "" } else { ", " }).push("(?, ?, ?, ?, ?, ?, ?, ?, ?)");
            insert
                .add(i64::from(shard.0))
                .add(stored(Num(stamp.counter))?)
                .add(i64::try_from(chunk * MAX_ROWS + place).unwrap_or(i64::MAX))
                .add(stamp.nonce.cast_signed())
                .add(tenant)
                .add(revision)
                .add(i64::from(kind))
                .add(stored(num)?)
                .add(now.0);
        }
        session.tx.run(insert).await?;
    }
    Ok(())
}

/// What the rows that were written concern; never nothing.
async fn concerns(session: &mut Session) -> Result<Vec<Concern>, StoreError> {
    let whole = vec![Concern::Tenant];
    let Concerns::These(concerned) = session.trail.take_concerns() else { return Ok(whole) };
    let mut concerns = BTreeSet::new();
    let mut subjects = Vec::new();
    for one in concerned {
        match one {
            Concerned::Thing(concern) => drop(concerns.insert(concern)),
            Concerned::SubjectOf(id) => subjects.push(id),
        }
    }
    let keys: Vec<_> =
        subjects.iter().map(|id| (ObjectKind::Subject, Num(0), id.as_str())).collect();
    for chunk in keys.chunks(500) {
        for found in session.find(chunk).await? {
            // A member without its subject cannot be looked for; whoever it is, all are concerned.
            concerns.insert(found.map_or(Concern::Tenant, |subject| Concern::Subject(subject.num)));
        }
    }
    let all = concerns.is_empty() || concerns.contains(&Concern::Tenant);
    Ok(if all { whole } else { Vec::from_iter(concerns) })
}

/// Raises the counter; holds the shard until the commit.
async fn raise(tx: &Tx, shard: Shard) -> Result<Stamp, StoreError> {
    let nonce = nonce()?;
    let update = Sql::new("UPDATE rev_shard SET counter = counter + 1, nonce = ? WHERE shard = ?")
        .bind(nonce.cast_signed())
        .bind(i64::from(shard.0));
    if tx.run(update).await? != 1 {
        return Err(refused(format!("shard {} has no counter", shard.0)));
    }
    stamp_of(tx, shard).await
}

fn nonce() -> Result<u64, StoreError> {
    getrandom::u64().map_err(|_| refused("the system gave no randomness for a nonce"))
}

/// The stamp of a shard.
pub(crate) async fn stamp_of(tx: &Tx, shard: Shard) -> Result<Stamp, StoreError> {
    let query = Sql::new("SELECT counter, nonce FROM rev_shard WHERE shard = ?");
    let row = tx.one(query.bind(i64::from(shard.0))).await?;
    let row = row.ok_or_else(|| refused(format!("shard {} has no counter", shard.0)))?;
    stamp(&Row::new("rev_shard", &row, 0), 0)
}

/// The stamp in two columns of a row.
pub(crate) fn stamp(row: &Row<'_>, first: usize) -> Result<Stamp, StoreError> {
    Ok(Stamp {
        counter: row.count(first, "counter")?,
        nonce: row.int(first + 1, "nonce")?.cast_unsigned(),
    })
}
