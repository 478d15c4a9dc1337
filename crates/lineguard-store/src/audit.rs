//! The audit trail: one row a revision, each with a hash over the one before and all it says. What
//! is too long for a row stands in parts, which the hash covers too.

use lineguard_core::id::{Num, RequestId, Revision, Subject, Timestamp};
use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, QueryResult};
use sha2::{Digest, Sha256};

use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, seek};
use crate::trail::{Parts, Told};
use crate::write::stored;

/// What a check of a tenant's audit trail found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Every revision from the first to the tenant's is there, and every hash is right.
    Intact {
        /// The tenant's revision.
        revision: Revision,
        /// The last hash. Kept elsewhere, it shows later that nothing before it was rewritten.
        head: [u8; 32],
    },
    /// The row of this revision, or a part of it, is missing or is not what was written.
    Broken {
        /// The revision.
        revision: Revision,
    },
}

/// What comes before the first row.
const START: [u8; 32] = [0; 32];

/// Rows read at once by [`verify`].
const PAGE: i64 = 32;

/// Parts read at once by [`verify`].
const PARTS: i64 = 8;

/// The fields that a hash covers.
struct Record<'a> {
    tenant: Num,
    revision: Revision,
    at: Timestamp,
    actor: &'a str,
    request_id: &'a str,
    edits: &'a str,
    /// None where `edits` is all.
    parts: Option<&'a Parts>,
}

impl Record<'_> {
    /// SHA-256 over the previous hash and every field with its length: no two records share their
    /// bytes.
    fn hash(&self, previous: [u8; 32]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(match self.parts {
            None => b"lineguard change 1",
            Some(_) => b"lineguard change 2",
        });
        hasher.update(previous);
        hasher.update(self.tenant.0.to_be_bytes());
        hasher.update(self.revision.0.to_be_bytes());
        hasher.update(self.at.0.to_be_bytes());
        for field in [self.actor, self.request_id, self.edits] {
            hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(field);
        }
        if let Some(parts) = self.parts {
            hasher.update(parts.count.to_be_bytes());
            hasher.update(parts.hash());
        }
        hasher.finalize().into()
    }
}

/// Writes the row of the session's revision.
pub(crate) async fn append(
    session: &mut Session,
    actor: &Subject,
    request_id: &RequestId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let last =
        Sql::new("SELECT hash FROM change_log WHERE tenant = ? ORDER BY revision DESC LIMIT 1");
    let last = session.tx.one(last.bind(session.tenant_num())).await?;
    let previous = last.map_or(Ok(START), |row| {
        Row::new("change_log", &row, 0).of(session.state.row.num).hash(0, "hash")
    })?;
    let actor = actor.qualified();
    let told = session.tell().await?;
    let (edits, parts) = match &told {
        Told::Here(edits) => (edits.as_str(), None),
        Told::InParts(parts) => ("", Some(parts)),
    };
    let record = Record {
        tenant: session.state.row.num,
        revision: session.state.row.revision,
        at: now,
        actor: &actor,
        request_id: request_id.as_str(),
        edits,
        parts,
    };
    let hash = record.hash(previous);
    let insert = Sql::new(
        "INSERT INTO change_log \
         (tenant, revision, at, actor, request_id, edits, parts, prev_hash, hash) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.tenant_num())
    .bind(stored(Num(record.revision.0))?)
    .bind(now.0)
    .bind(actor.as_bytes().to_vec())
    .bind(request_id.as_str().as_bytes().to_vec())
    .bind(edits)
    .bind(stored(Num(parts.map_or(0, |parts| parts.count)))?)
    .bind(previous.to_vec())
    .bind(hash.to_vec());
    session.tx.run(insert).await?;
    Ok(())
}

/// Checks the trail of a tenant from its first row to `revision`, which is the tenant's own. Holds
/// a page of rows, or of parts, at a time.
pub(crate) async fn verify(
    db: &impl ConnectionTrait,
    tenant: Num,
    revision: Revision,
) -> Result<Chain, StoreError> {
    let mut head = START;
    let mut seen = Revision(0);
    loop {
        let query = Sql::new(
            "SELECT revision, at, actor, request_id, edits, prev_hash, hash, parts \
             FROM change_log WHERE tenant = ? AND revision > ? ORDER BY revision LIMIT ?",
        )
        .bind(seek(tenant))
        .bind(seek(Num(seen.0)))
        .bind(PAGE);
        let rows = query.all(db).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let next = Revision(seen.0 + 1);
            let Some(hash) = verified(db, row, tenant, next, head).await? else {
                return Ok(Chain::Broken { revision: next });
            };
            (seen, head) = (next, hash);
        }
    }
    let strays = stray_parts(db, tenant, seen).await?;
    if seen == revision && !strays {
        return Ok(Chain::Intact { revision, head });
    }
    Ok(Chain::Broken { revision: Revision(seen.0.min(revision.0) + 1) })
}

/// The hash of a row, if it is the row of that revision and follows the hash before.
async fn verified(
    db: &impl ConnectionTrait,
    row: &QueryResult,
    tenant: Num,
    revision: Revision,
    previous: [u8; 32],
) -> Result<Option<[u8; 32]>, StoreError> {
    let row = Row::new("change_log", row, 0).of(tenant);
    let (actor, request_id, edits) =
        (row.id(2, "actor")?, row.id(3, "request_id")?, row.text(4, "edits")?);
    let count = row.count(7, "parts")?;
    // Also of a row that has none: there may be some that nobody wrote.
    let Some(parts) = read_parts(db, tenant, revision, count).await? else { return Ok(None) };
    let record = Record {
        tenant,
        revision: Revision(row.count(0, "revision")?),
        at: Timestamp(row.int(1, "at")?),
        actor: &actor,
        request_id: &request_id,
        edits: &edits,
        parts: (count > 0).then_some(&parts),
    };
    let hash = record.hash(previous);
    let fits = record.revision == revision
        && row.bytes(5, "prev_hash")? == previous
        && row.bytes(6, "hash")? == hash;
    Ok(fits.then_some(hash))
}

/// The parts of a revision, if there are so many and they follow each other from the first on.
async fn read_parts(
    db: &impl ConnectionTrait,
    tenant: Num,
    revision: Revision,
    count: u64,
) -> Result<Option<Parts>, StoreError> {
    let mut parts = Parts::default();
    let mut last = i64::MIN;
    loop {
        let query = Sql::new(
            "SELECT part, content FROM change_part \
             WHERE tenant = ? AND revision = ? AND part > ? ORDER BY part LIMIT ?",
        )
        .bind(seek(tenant))
        .bind(seek(Num(revision.0)))
        .bind(last)
        .bind(PARTS);
        let rows = query.all(db).await?;
        if rows.is_empty() {
            return Ok((parts.count == count).then_some(parts));
        }
        for row in &rows {
            let row = Row::new("change_part", row, 0).of(tenant);
            last = row.int(0, "part")?;
            if u64::try_from(last) != Ok(parts.count) || parts.count == count {
                return Ok(None);
            }
            parts.add(&row.text(1, "content")?);
        }
    }
}

/// Whether there are parts of a revision that has no row.
async fn stray_parts(
    db: &impl ConnectionTrait,
    tenant: Num,
    seen: Revision,
) -> Result<bool, StoreError> {
    for (side, bound) in [("revision > ?", seek(Num(seen.0))), ("revision < ?", 1)] {
        let text = format!("SELECT part FROM change_part WHERE tenant = ? AND {side} LIMIT 1");
        let query = Sql::new(text).bind(seek(tenant)).bind(bound);
        if query.one(db).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives the last row of a tenant other edits, with the hash that it would have.
#[cfg(test)]
pub(crate) async fn rewrite_as_before(store: &crate::SqlStore, tenant: Num, edits: &str) {
    let text = "SELECT revision, at, actor, request_id, prev_hash FROM change_log \
                WHERE tenant = ? ORDER BY revision DESC LIMIT 1";
    let row = Sql::new(text).bind(seek(tenant)).one(&store.readers).await.unwrap().unwrap();
    let row = Row::new("change_log", &row, 0).of(tenant);
    let (actor, request_id) = (row.id(2, "actor").unwrap(), row.id(3, "request_id").unwrap());
    let revision = Revision(row.count(0, "revision").unwrap());
    let record = Record {
        tenant,
        revision,
        at: Timestamp(row.int(1, "at").unwrap()),
        actor: &actor,
        request_id: &request_id,
        edits,
        parts: None,
    };
    let hash = record.hash(row.hash(4, "prev_hash").unwrap());
    let turn = store.writer.turn().await;
    let tx = store.writer.begin(&turn).await.unwrap();
    let update =
        Sql::new("UPDATE change_log SET edits = ?, hash = ? WHERE tenant = ? AND revision = ?");
    let update =
        update.bind(edits).bind(hash.to_vec()).bind(seek(tenant)).bind(seek(Num(revision.0)));
    assert_eq!(tx.run(update).await.unwrap(), 1);
    tx.commit().await.unwrap();
}
