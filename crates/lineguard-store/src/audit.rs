//! The audit trail: one row a revision, each with a hash over the one before and all it says.

use lineguard_core::id::{Num, RequestId, Revision, Subject, Timestamp};
use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, QueryResult};
use sha2::{Digest, Sha256};

use crate::edit;
use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, seek};
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
    /// The row of this revision is missing or is not what was written.
    Broken {
        /// The revision.
        revision: Revision,
    },
}

/// What comes before the first row.
const START: [u8; 32] = [0; 32];

/// Rows read at once by [`verify`].
const PAGE: i64 = 256;

/// The fields that a hash covers.
struct Record<'a> {
    tenant: Num,
    revision: Revision,
    at: Timestamp,
    actor: &'a str,
    request_id: &'a str,
    edits: &'a str,
}

impl Record<'_> {
    /// SHA-256 over the previous hash and every field with its length: no two records share their
    /// bytes.
    fn hash(&self, previous: [u8; 32]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"lineguard change 1");
        hasher.update(previous);
        hasher.update(self.tenant.0.to_be_bytes());
        hasher.update(self.revision.0.to_be_bytes());
        hasher.update(self.at.0.to_be_bytes());
        for field in [self.actor, self.request_id, self.edits] {
            hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(field);
        }
        hasher.finalize().into()
    }
}

/// Writes the row of the session's revision.
pub(crate) async fn append(
    session: &Session,
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
    let edits = edit::to_text(&session.edits);
    let record = Record {
        tenant: session.state.row.num,
        revision: session.state.row.revision,
        at: now,
        actor: &actor,
        request_id: request_id.as_str(),
        edits: &edits,
    };
    let hash = record.hash(previous);
    let insert = Sql::new(
        "INSERT INTO change_log \
         (tenant, revision, at, actor, request_id, edits, prev_hash, hash) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.tenant_num())
    .bind(stored(Num(record.revision.0))?)
    .bind(now.0)
    .bind(actor.as_bytes().to_vec())
    .bind(request_id.as_str().as_bytes().to_vec())
    .bind(edits.as_str())
    .bind(previous.to_vec())
    .bind(hash.to_vec());
    session.tx.run(insert).await?;
    Ok(())
}

/// Checks the trail of a tenant from its first row to `revision`, which is the tenant's own.
pub(crate) async fn verify(
    db: &impl ConnectionTrait,
    tenant: Num,
    revision: Revision,
) -> Result<Chain, StoreError> {
    let mut head = START;
    let mut seen = Revision(0);
    loop {
        let query = Sql::new(
            "SELECT revision, at, actor, request_id, edits, prev_hash, hash FROM change_log \
             WHERE tenant = ? AND revision > ? ORDER BY revision LIMIT ?",
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
            let Some(hash) = verified(row, tenant, next, head)? else {
                return Ok(Chain::Broken { revision: next });
            };
            (seen, head) = (next, hash);
        }
    }
    if seen == revision {
        return Ok(Chain::Intact { revision, head });
    }
    Ok(Chain::Broken { revision: Revision(seen.0.min(revision.0) + 1) })
}

/// The hash of a row, if it is the row of that revision and follows the hash before.
fn verified(
    row: &QueryResult,
    tenant: Num,
    revision: Revision,
    previous: [u8; 32],
) -> Result<Option<[u8; 32]>, StoreError> {
    let row = Row::new("change_log", row, 0).of(tenant);
    let (actor, request_id, edits) =
        (row.id(2, "actor")?, row.id(3, "request_id")?, row.text(4, "edits")?);
    let record = Record {
        tenant,
        revision: Revision(row.count(0, "revision")?),
        at: Timestamp(row.int(1, "at")?),
        actor: &actor,
        request_id: &request_id,
        edits: &edits,
    };
    let hash = record.hash(previous);
    let fits = record.revision == revision
        && row.bytes(5, "prev_hash")? == previous
        && row.bytes(6, "hash")? == hash;
    Ok(fits.then_some(hash))
}
