//! Rows to domain values. A row that does not parse is named by table, column and key.

use std::fmt::Write as _;

use lineguard_core::change::SourceSet;
use lineguard_core::id::{FaxId, ModelDigest, Num, Revision, TenantId, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{FaxRow, StoreError, TenantRow};
use lineguard_core::row::{Object, ObjectKind};
use sea_orm::{QueryResult, TryGetable};

use crate::hidden::Hidden;

/// Columns that [`object`] reads.
pub(crate) const OBJECT: &str = "num, kind, scope, id, account, body";

/// How many columns that is.
pub(crate) const OBJECT_COLUMNS: usize = 6;

/// Columns that [`fax`] reads.
pub(crate) const FAX: &str = "num, id, account, direction, number, faxbox, creator, assignee, \
     state, labels, at, attachment_sources";

/// Columns that [`tenant`] reads.
pub(crate) const TENANT: &str = "num, id, title, revision, model, next_object, next_fax, removals";

/// How many columns that is.
pub(crate) const TENANT_COLUMNS: usize = 8;

/// A row of a table, read by position.
pub(crate) struct Row<'r> {
    table: &'static str,
    row: &'r QueryResult,
    first: usize,
    tenant: Option<Num>,
}

impl<'r> Row<'r> {
    /// A row whose columns begin at `first`; a number there is its key in errors.
    pub(crate) fn new(table: &'static str, row: &'r QueryResult, first: usize) -> Self {
        Self { table, row, first, tenant: None }
    }

    /// The same row with the tenant that it belongs to, for errors.
    pub(crate) fn of(self, tenant: Num) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// The error for a column that does not parse.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        let tenant = self.tenant.map(|tenant| format!("tenant {}", tenant.0));
        let num = self.row.try_get_by_index::<i64>(self.first).ok().map(|num| format!("num {num}"));
        let row = tenant.into_iter().chain(num).collect::<Vec<_>>().join(" ");
        StoreError::Corrupt { table: self.table, column, row }
    }

    fn get<T: TryGetable>(&self, index: usize, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get_by_index(self.first + index).map_err(|_| self.corrupt(column))
    }

    /// An integer. What a statement counts or says itself is smaller than what a table holds on
    /// PostgreSQL.
    pub(crate) fn int(&self, index: usize, column: &'static str) -> Result<i64, StoreError> {
        self.get(index, column).or_else(|_| self.get::<i32>(index, column).map(i64::from))
    }

    /// A count, a position or a number.
    pub(crate) fn count(&self, index: usize, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.int(index, column)?).map_err(|_| self.corrupt(column))
    }

    /// A number.
    pub(crate) fn num(&self, index: usize, column: &'static str) -> Result<Num, StoreError> {
        self.count(index, column).map(Num)
    }

    /// A number or none.
    pub(crate) fn maybe_num(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<Num>, StoreError> {
        let Some(value) = self.get::<Option<i64>>(index, column)? else {
            return Ok(None);
        };
        u64::try_from(value).map(|num| Some(Num(num))).map_err(|_| self.corrupt(column))
    }

    /// Text.
    pub(crate) fn text(&self, index: usize, column: &'static str) -> Result<String, StoreError> {
        self.get(index, column)
    }

    /// Text or none.
    pub(crate) fn maybe_text(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<String>, StoreError> {
        self.get(index, column)
    }

    /// Bytes or none.
    pub(crate) fn maybe_bytes(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(index, column)
    }

    /// Bytes.
    pub(crate) fn bytes(&self, index: usize, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.get(index, column)
    }

    /// An identifier, which is stored as bytes.
    pub(crate) fn id(&self, index: usize, column: &'static str) -> Result<String, StoreError> {
        String::from_utf8(self.bytes(index, column)?).map_err(|_| self.corrupt(column))
    }

    /// A SHA-256.
    pub(crate) fn hash(&self, index: usize, column: &'static str) -> Result<[u8; 32], StoreError> {
        self.bytes(index, column)?.try_into().map_err(|_| self.corrupt(column))
    }
}

/// An object.
pub(crate) fn object(row: &QueryResult, first: usize, tenant: Num) -> Result<Object, StoreError> {
    let row = Row::new("object", row, first).of(tenant);
    let kind = u8::try_from(row.int(1, "kind")?).ok().and_then(ObjectKind::from_code);
    Ok(Object {
        num: row.num(0, "num")?,
        kind: kind.ok_or_else(|| row.corrupt("kind"))?,
        scope: row.num(2, "scope")?,
        id: row.id(3, "id")?,
        account: row.maybe_num(4, "account")?,
        body: row.text(5, "body")?,
    })
}

/// A registered fax.
pub(crate) fn fax(row: &QueryResult, first: usize, tenant: Num) -> Result<FaxRow, StoreError> {
    let row = Row::new("fax", row, first).of(tenant);
    Ok(FaxRow {
        num: row.num(0, "num")?,
        id: FaxId::parse(&row.id(1, "id")?).map_err(|_| row.corrupt("id"))?,
        account: row.num(2, "account")?,
        direction: direction(row.int(3, "direction")?).ok_or_else(|| row.corrupt("direction"))?,
        number: row.maybe_num(4, "number")?,
        faxbox: row.maybe_num(5, "faxbox")?,
        creator: row.maybe_num(6, "creator")?,
        assignee: row.maybe_num(7, "assignee")?,
        state: state(row.int(8, "state")?).ok_or_else(|| row.corrupt("state"))?,
        labels: labels(&row.text(9, "labels")?).ok_or_else(|| row.corrupt("labels"))?,
        at: Timestamp(row.int(10, "at")?),
        attachment_sources: sources(row.maybe_num(11, "attachment_sources")?)
            .ok_or_else(|| row.corrupt("attachment_sources"))?,
    })
}

/// A tenant, with the counters of its numbers.
#[derive(Debug, Clone)]
pub(crate) struct TenantState {
    /// The tenant.
    pub(crate) row: TenantRow,
    /// The number of its next object.
    pub(crate) next_num: u64,
    /// The number of its next fax.
    pub(crate) next_fax: u64,
    /// What is removed and still has rows.
    pub(crate) hidden: Hidden,
}

/// A tenant.
pub(crate) fn tenant(row: &QueryResult, first: usize) -> Result<TenantState, StoreError> {
    let row = Row::new("tenant", row, first);
    let id = TenantId::parse(&row.id(1, "id")?).map_err(|_| row.corrupt("id"))?;
    tenant_as(&row, id)
}

fn tenant_as(row: &Row<'_>, id: TenantId) -> Result<TenantState, StoreError> {
    Ok(TenantState {
        row: TenantRow {
            num: row.num(0, "num")?,
            id,
            title: row.text(2, "title")?,
            revision: Revision(row.count(3, "revision")?),
            model: ModelDigest(row.hash(4, "model")?),
        },
        next_num: row.count(5, "next_object")?,
        next_fax: row.count(6, "next_fax")?,
        hidden: Hidden::parse(row.maybe_text(7, "removals")?.as_deref())
            .ok_or_else(|| row.corrupt("removals"))?,
    })
}

/// A tenant that is staged, under the id that it will have.
pub(crate) fn staged(
    row: &QueryResult,
    first: usize,
    id: &TenantId,
) -> Result<TenantState, StoreError> {
    tenant_as(&Row::new("tenant", row, first), id.clone())
}

/// The code of a direction.
pub(crate) fn direction_code(direction: Direction) -> i64 {
    match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    }
}

fn direction(code: i64) -> Option<Direction> {
    [Direction::Inbound, Direction::Outbound].into_iter().find(|one| direction_code(*one) == code)
}

/// The code of a state.
pub(crate) fn state_code(state: FaxState) -> i64 {
    match state {
        FaxState::Draft => 1,
        FaxState::Pending => 2,
        FaxState::Active => 3,
        FaxState::Trash => 4,
    }
}

fn state(code: i64) -> Option<FaxState> {
    FaxState::ALL.iter().map(|(state, _)| *state).find(|state| state_code(*state) == code)
}

/// Attachment sources as they are stored: their bits, or nothing where they are not known.
pub(crate) fn sources_bits(sources: Option<SourceSet>) -> Option<i64> {
    sources.map(|sources| i64::from(sources.bits()))
}

fn sources(bits: Option<Num>) -> Option<Option<SourceSet>> {
    let known = |Num(bits)| SourceSet::from_bits(u8::try_from(bits).ok()?);
    bits.map_or(Some(None), |bits| known(bits).map(Some))
}

/// Labels as they are stored: their numbers, separated by blanks.
pub(crate) fn labels_text(labels: &[Num]) -> String {
    let mut text = String::new();
    for label in labels {
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { " " }, label.0);
    }
    text
}

fn labels(text: &str) -> Option<Vec<Num>> {
    text.split_ascii_whitespace().map(|label| label.parse().ok().map(Num)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_what_they_write() {
        for list in [vec![], vec![Num(7)], vec![Num(3), Num(1), Num(u64::MAX)]] {
            assert_eq!(labels(&labels_text(&list)), Some(list));
        }
        assert_eq!(labels("1 x"), None);
    }

    #[test]
    fn what_is_not_known_of_attachments_is_not_known_to_be_none() {
        let stored = |sources| sources_bits(sources).map(|bits| Num(bits.unsigned_abs()));
        for set in [None, Some(SourceSet::default()), SourceSet::from_bits(5)] {
            assert_eq!(sources(stored(set)), Some(set));
        }
        assert_eq!(sources(Some(Num(16))), None);
        assert_eq!(sources(Some(Num(256))), None);
    }
}
