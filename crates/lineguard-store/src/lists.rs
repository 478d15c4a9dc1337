//! The fax index: the newest faxes, of a tenant or by the value of a column.

use lineguard_core::id::Num;
use lineguard_core::port::{FaxColumn, FaxRow, FaxSlice, Seek, StoreError};
use sea_orm::{DbBackend, QueryResult};

use crate::dialect;
use crate::hidden::Hidden;
use crate::rows::{FAX, Row, direction_code};
use crate::session::Session;
use crate::sql::{Sql, limit, seek};

/// Most seeks of one statement; SQLite takes 500 parts of a `UNION`.
pub(crate) const MAX_SEEKS: usize = 400;

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

/// The newest faxes of a tenant.
pub(crate) async fn newest(
    session: &Session,
    slice: FaxSlice,
    count: usize,
) -> Result<Vec<FaxRow>, StoreError> {
    let from = From::of(session);
    Ok(read(session, newest_sql(from, slice, count), 1)
        .await?
        .into_iter()
        .next()
        .unwrap_or_default())
}

/// The newest faxes of each seek.
pub(crate) async fn seek_all(
    session: &Session,
    seeks: &[Seek],
    slice: FaxSlice,
    limit_each: usize,
) -> Result<Vec<Vec<FaxRow>>, StoreError> {
    let mut answer = Vec::with_capacity(seeks.len());
    for chunk in seeks.chunks(MAX_SEEKS) {
        let sql = seeks_sql(From::of(session), chunk, slice, limit_each);
        answer.extend(read(session, sql, chunk.len()).await?);
    }
    Ok(answer)
}

/// What is read from.
#[derive(Clone, Copy)]
pub(crate) struct From<'s> {
    pub(crate) backend: DbBackend,
    pub(crate) tenant: Num,
    pub(crate) hidden: &'s Hidden,
}

impl<'s> From<'s> {
    fn of(session: &'s Session) -> Self {
        let state = &session.state;
        Self { backend: session.tx.backend(), tenant: state.row.num, hidden: &state.hidden }
    }
}

pub(crate) fn newest_sql(from: From<'_>, slice: FaxSlice, count: usize) -> Sql {
    let mut sql = Sql::default();
    push_part(&mut sql, from, 0, None, slice, count);
    sql
}

/// One to [`MAX_SEEKS`] seeks.
pub(crate) fn seeks_sql(from: From<'_>, seeks: &[Seek], slice: FaxSlice, limit_each: usize) -> Sql {
    let mut sql = Sql::default();
    for (position, one) in seeks.iter().enumerate() {
        push_part(&mut sql, from, position, Some(one), slice, limit_each);
    }
    sql
}

/// Appends one part: the newest faxes of one seek.
fn push_part(
    sql: &mut Sql,
    from: From<'_>,
    position: usize,
    by: Option<&Seek>,
    slice: FaxSlice,
    count: usize,
) {
    sql.push(if position == 0 { "" } else { " UNION ALL " }).push("SELECT * FROM (SELECT ");
    sql.push(&position.to_string()).push(" AS part, ").push(FAX);
    sql.push(" FROM fax WHERE tenant = ?").add(seek(from.tenant));
    if let Some(by) = by {
        sql.push(" AND ").push(column_name(by.column)).push(" = ? AND direction = ?");
        sql.add(from.hidden.sought(by.column, by.value)).add(direction_code(by.direction));
    }
    sql.push(&from.hidden.and_shown());
    push_slice(sql, from.backend, slice);
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

/// Reads the rows of each part.
async fn read(session: &Session, sql: Sql, parts: usize) -> Result<Vec<Vec<FaxRow>>, StoreError> {
    let mut rows = vec![Vec::new(); parts];
    for row in &session.tx.all(sql).await? {
        let position = Row::new("fax", row, 0).int(0, "part")?;
        part(&mut rows, row, position)?.push(session.fax_in(row, 1)?);
    }
    for part in &mut rows {
        part.sort_unstable_by_key(|fax| std::cmp::Reverse((fax.at, fax.num)));
    }
    Ok(rows)
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
