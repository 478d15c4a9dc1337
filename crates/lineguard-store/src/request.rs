//! Results of requests, so that a repeat returns the first one.

use lineguard_core::change::{Applied, Imported, Warning};
use lineguard_core::id::{Num, RequestId, Revision};
use lineguard_core::port::{ApplyError, StoreError};
use serde_json::{Value, json};

use crate::rows::Row;
use crate::session::Session;
use crate::sql::{Sql, limit};
use crate::write::stored;

/// The result of the same request if it came before. One that asked for something else is refused.
pub(crate) async fn earlier(
    session: &Session,
    request: &RequestId,
    digest: [u8; 32],
) -> Result<Option<Imported>, ApplyError> {
    let query = Sql::new(
        "SELECT digest, revision, changed, warnings, registered FROM request \
         WHERE tenant = ? AND request_id = ?",
    )
    .bind(session.tenant_num())
    .bind(request.as_str().as_bytes().to_vec());
    let Some(row) = session.tx.one(query).await? else {
        return Ok(None);
    };
    let row = Row::new("request", &row, 0).of(session.state.row.num);
    let size = |position, column| {
        let count = row.count(position, column)?;
        usize::try_from(count).map_err(|_| row.corrupt(column))
    };
    let applied = Applied {
        revision: Revision(row.count(1, "revision")?),
        changed: size(2, "changed")?,
        warnings: warnings(&row.text(3, "warnings")?).ok_or_else(|| row.corrupt("warnings"))?,
        repeated: true,
    };
    let imported = Imported { applied, registered: size(4, "registered")? };
    if row.hash(0, "digest")? == digest {
        Ok(Some(imported))
    } else {
        Err(ApplyError::RequestIdReused)
    }
}

/// Keeps the result of a request.
pub(crate) async fn keep(
    session: &Session,
    request: &RequestId,
    digest: [u8; 32],
    Imported { applied, registered }: &Imported,
) -> Result<(), StoreError> {
    let insert = Sql::new(
        "INSERT INTO request \
         (tenant, request_id, digest, revision, changed, warnings, registered) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(session.tenant_num())
    .bind(request.as_str().as_bytes().to_vec())
    .bind(digest.to_vec())
    .bind(stored(Num(applied.revision.0))?)
    .bind(limit(applied.changed))
    .bind(warnings_text(&applied.warnings))
    .bind(limit(*registered));
    session.tx.run(insert).await?;
    Ok(())
}

fn warnings_text(warnings: &[Warning]) -> String {
    let list = warnings.iter().map(|one| json!({"change": one.change, "text": one.text}));
    Value::Array(list.collect()).to_string()
}

fn warnings(text: &str) -> Option<Vec<Warning>> {
    let list: Vec<Value> = serde_json::from_str(text).ok()?;
    list.iter()
        .map(|one| {
            Some(Warning {
                change: usize::try_from(one.get("change")?.as_u64()?).ok()?,
                text: one.get("text")?.as_str()?.to_owned(),
            })
        })
        .collect()
}
