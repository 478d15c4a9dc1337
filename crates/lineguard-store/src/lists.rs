//! The fax index: the newest faxes, of a tenant or by the value of a column.

use lineguard_core::id::{Num, Revision};
use lineguard_core::port::{FaxColumn, FaxRow, FaxSlice, Seek, Stamped, StoreError};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, TransactionTrait};

use crate::dialect;
use crate::error::unavailable;
use crate::rows::{self, FAX, Row, direction_code};
use crate::sql::{Sql, limit, seek};

/// Most seeks of one statement; SQLite takes 500 parts of a `UNION`.
pub(crate) const MAX_SEEKS: usize = 400;

/// First column of the row that carries the revision.
const REVISION: i64 = -1;

/// Columns after the revision in the row that carries it: as many as `rows::FAX` has.
const REVISION_ROW: &str = "SELECT -1 AS part, revision AS num, NULL AS id, NULL AS account, \
     NULL AS direction, NULL AS number, NULL AS faxbox, NULL AS creator, NULL AS assignee, \
     NULL AS state, NULL AS labels, NULL AS at FROM tenant WHERE num = ?";

/// The column's name.
pub(crate) fn column_name(column: FaxColumn) -> &'static str {
    match column {
        FaxColumn::Account => "account",
        FaxColumn::Number => "number",
        FaxColumn::Faxbox => "faxbox",
        FaxColumn::Creator => "creator",
        FaxColumn::Assignee => "assignee",
    }
}

/// The newest faxes of a tenant with its revision.
pub(crate) fn newest(backend: DbBackend, tenant: Num, slice: FaxSlice, count: usize) -> Sql {
    let mut sql = Sql::new(REVISION_ROW).bind(seek(tenant));
    push_part(&mut sql, backend, 0, tenant, None, slice, count);
    sql
}

/// The newest faxes of each seek with the tenant's revision; up to [`MAX_SEEKS`].
pub(crate) fn by_seeks(
    backend: DbBackend,
    tenant: Num,
    seeks: &[Seek],
    slice: FaxSlice,
    limit_each: usize,
) -> Sql {
    let mut sql = Sql::new(REVISION_ROW).bind(seek(tenant));
    for (position, one) in seeks.iter().enumerate() {
        push_part(&mut sql, backend, position, tenant, Some(one), slice, limit_each);
    }
    sql
}

/// The newest faxes of any number of seeks, all of one snapshot.
pub(crate) async fn seek_all(
    readers: &DatabaseConnection,
    tenant: Num,
    seeks: &[Seek],
    slice: FaxSlice,
    limit_each: usize,
) -> Result<Stamped<Vec<Vec<FaxRow>>>, StoreError> {
    let backend = readers.get_database_backend();
    if seeks.len() <= MAX_SEEKS {
        let sql = by_seeks(backend, tenant, seeks, slice, limit_each);
        return read(sql, readers, tenant, seeks.len()).await;
    }
    let snapshot = readers.begin().await.map_err(unavailable)?;
    let mut answer: Option<Stamped<Vec<Vec<FaxRow>>>> = None;
    for chunk in seeks.chunks(MAX_SEEKS) {
        let sql = by_seeks(backend, tenant, chunk, slice, limit_each);
        let stamped = read(sql, &snapshot, tenant, chunk.len()).await?;
        match &mut answer {
            None => answer = Some(stamped),
            Some(answer) => answer.rows.extend(stamped.rows),
        }
    }
    answer.ok_or_else(|| no_tenant(tenant))
}

/// Appends one part: the newest faxes of one seek.
fn push_part(
    sql: &mut Sql,
    backend: DbBackend,
    position: usize,
    tenant: Num,
    by: Option<&Seek>,
    slice: FaxSlice,
    count: usize,
) {
    sql.push(" UNION ALL SELECT * FROM (SELECT ");
    sql.push(&position.to_string()).push(" AS part, ").push(FAX);
    sql.push(" FROM fax WHERE tenant = ?").add(seek(tenant));
    if let Some(by) = by {
        sql.push(" AND ").push(column_name(by.column)).push(" = ? AND direction = ?");
        sql.add(seek(by.value)).add(direction_code(by.direction));
    }
    push_slice(sql, backend, slice);
    sql.push(" ORDER BY at DESC, num DESC LIMIT ?) AS part_");
    sql.push(&position.to_string()).add(limit(count));
}

/// Appends the bounds: at most one above and one below, so that both are ranges of the index.
fn push_slice(sql: &mut Sql, backend: DbBackend, slice: FaxSlice) {
    let cursor = slice.after.filter(|cursor| slice.before.is_none_or(|time| cursor.at < time));
    if let Some(cursor) = cursor {
        sql.push(" AND ").push(dialect::after_cursor(backend));
        if dialect::cursor_binds_time_twice(backend) {
            sql.add(cursor.at.0);
        }
        sql.add(cursor.at.0).add(i64::try_from(cursor.num.0).unwrap_or(i64::MAX));
    } else if let Some(time) = slice.before {
        sql.push(" AND at < ?").add(time.0);
    }
    if let Some(time) = slice.not_before {
        sql.push(" AND at >= ?").add(time.0);
    }
}

/// Reads what a statement of this module gives: the revision and the rows of each part.
pub(crate) async fn read(
    sql: Sql,
    db: &impl ConnectionTrait,
    tenant: Num,
    parts: usize,
) -> Result<Stamped<Vec<Vec<FaxRow>>>, StoreError> {
    let answer = sql.all(db).await?;
    let mut rows = vec![Vec::new(); parts];
    let mut revision = None;
    for row in &answer {
        let position = Row::new("fax", row, 0).int(0, "part")?;
        if position == REVISION {
            revision = Some(Revision(Row::new("tenant", row, 1).count(0, "revision")?));
        } else {
            part(&mut rows, row, position)?.push(rows::fax(row, 1, tenant)?);
        }
    }
    for part in &mut rows {
        part.sort_unstable_by_key(|fax| std::cmp::Reverse((fax.at, fax.num)));
    }
    let revision = revision.ok_or_else(|| no_tenant(tenant))?;
    Ok(Stamped { revision, rows })
}

fn no_tenant(tenant: Num) -> StoreError {
    StoreError::Corrupt { table: "tenant", column: "num", row: tenant.0.to_string() }
}

fn part<'a>(
    rows: &'a mut [Vec<FaxRow>],
    row: &QueryResult,
    position: i64,
) -> Result<&'a mut Vec<FaxRow>, StoreError> {
    usize::try_from(position)
        .ok()
        .and_then(|position| rows.get_mut(position))
        .ok_or_else(|| Row::new("fax", row, 0).corrupt("part"))
}
