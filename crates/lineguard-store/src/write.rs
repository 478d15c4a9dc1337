//! The writes of a session, each with its record of what was before and what is after.

use async_trait::async_trait;
use lineguard_core::id::{ModelDigest, Num, PhoneNumber};
use lineguard_core::port::{FaxColumn, FaxRow, StoreError, TenantTx, Whole};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use sea_orm::Value;

use crate::edit::Edit;
use crate::error::refused;
use crate::rows::{self, FAX, OBJECT, Row, labels_text, sources_bits, state_code};
use crate::session::Session;
use crate::sql::{Sql, limit, seek};
use crate::{dialect, removal};

impl Session {
    /// The object with a number, for its record.
    async fn existing(&self, num: Num) -> Result<Object, StoreError> {
        let query = Sql::new(format!("SELECT {OBJECT} FROM object WHERE tenant = ? AND num = ?"))
            .bind(self.tenant_num())
            .bind(seek(num));
        let row = self.tx.one(query).await?;
        row.map_or_else(
            || Err(refused(format!("no object {} to write", num.0))),
            |row| rows::object(&row, 0, self.state.row.num),
        )
    }

    async fn existing_fax(&self, num: Num) -> Result<FaxRow, StoreError> {
        let query = Sql::new(format!("SELECT {FAX} FROM fax WHERE tenant = ? AND num = ?"))
            .bind(self.tenant_num())
            .bind(seek(num));
        let row = self.tx.one(query).await?;
        row.map_or_else(
            || Err(refused(format!("no fax {} to write", num.0))),
            |row| rows::fax(&row, 0, self.state.row.num),
        )
    }

    /// Gives out the next number.
    fn next_num(&mut self) -> Num {
        let num = Num(self.state.next_num);
        self.state.next_num += 1;
        num
    }

    /// Writes the counters and what else the tenant's row says.
    pub(crate) async fn save_tenant(&self) -> Result<(), StoreError> {
        let row = &self.state.row;
        let update = Sql::new(
            "UPDATE tenant SET derived = CASE WHEN derived = revision THEN ? ELSE derived END, \
              title = ?, model = ?, revision = ?, next_object = ?, next_fax = ?, removals = ? \
              WHERE num = ?",
        )
        // First: on MariaDB a column that was assigned already reads as its new value.
        .bind(stored(Num(row.revision.0))?)
        .bind(row.title.as_str())
        .bind(row.model.0.to_vec())
        .bind(stored(Num(row.revision.0))?)
        .bind(stored(Num(self.state.next_num))?)
        .bind(stored(Num(self.state.next_fax))?)
        .bind(self.state.hidden.to_text())
        .bind(self.tenant_num());
        one_row(self.tx.run(update).await?, "tenant")
    }
}

#[async_trait]
impl TenantTx for Session {
    async fn insert_object(
        &mut self,
        kind: ObjectKind,
        scope: Num,
        id: &str,
        account: Option<Num>,
        body: String,
    ) -> Result<Num, StoreError> {
        let num = self.next_num();
        let object = Object { num, kind, scope, id: id.to_owned(), account, body };
        let insert = Sql::new(
            "INSERT INTO object (tenant, num, kind, scope, id, account, body) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.tenant_num())
        .bind(stored(num)?)
        .bind(i64::from(kind as u8))
        .bind(stored(scope)?)
        .bind(id.as_bytes().to_vec())
        .bind(maybe_stored(account)?)
        .bind(object.body.as_str());
        self.tx.run(insert).await?;
        self.note_inserted(&object);
        self.record(Edit::Object { before: None, after: Some(object) }).await?;
        Ok(num)
    }

    async fn update_object(
        &mut self,
        num: Num,
        account: Option<Num>,
        body: String,
    ) -> Result<(), StoreError> {
        self.forget();
        let before = self.existing(num).await?;
        let update =
            Sql::new("UPDATE object SET account = ?, body = ? WHERE tenant = ? AND num = ?")
                .bind(maybe_stored(account)?)
                .bind(body.as_str())
                .bind(self.tenant_num())
                .bind(stored(num)?);
        one_row(self.tx.run(update).await?, "object")?;
        let after = Object { account, body, ..before.clone() };
        self.record(Edit::Object { before: Some(before), after: Some(after) }).await?;
        Ok(())
    }

    async fn remove_object(&mut self, num: Num) -> Result<(), StoreError> {
        self.forget();
        let before = self.existing(num).await?;
        let delete = Sql::new("DELETE FROM object WHERE tenant = ? AND num = ?")
            .bind(self.tenant_num())
            .bind(stored(num)?);
        one_row(self.tx.run(delete).await?, "object")?;
        self.record(Edit::Object { before: Some(before), after: None }).await?;
        Ok(())
    }

    async fn remove_whole(&mut self, num: Num, whole: Whole) -> Result<bool, StoreError> {
        removal::begin(self, num, whole).await
    }

    async fn hold_number(&mut self, number: &PhoneNumber) -> Result<Vec<String>, StoreError> {
        let id = number.as_str().as_bytes().to_vec();
        let hold = Sql::new(dialect::hold_number(self.tx.backend()));
        self.tx.run(hold.bind(id.clone()).bind(self.tenant_num())).await?;
        // A statement of its own, begun while the number is held: it sees what the last holder
        // committed.
        let query = Sql::new("SELECT body FROM object WHERE kind = ? AND id = ? AND tenant <> ?")
            .bind(i64::from(ObjectKind::Number as u8))
            .bind(id)
            .bind(self.tenant_num());
        let rows = self.tx.all(query).await?;
        rows.iter().map(|row| Row::new("object", row, 0).text(0, "body")).collect()
    }

    async fn link(&mut self, link: Link) -> Result<bool, StoreError> {
        self.forget();
        let insert = Sql::new("link (tenant, kind, a, b) VALUES (?, ?, ?, ?)")
            .bind(self.tenant_num())
            .bind(i64::from(link.kind as u8))
            .bind(stored(link.a)?)
            .bind(stored(link.b)?);
        let new = self.tx.insert_new(insert).await?;
        if new && !link.kind.is_derived() {
            self.record(Edit::Link { link, on: true }).await?;
        }
        Ok(new)
    }

    async fn unlink(&mut self, link: Link) -> Result<bool, StoreError> {
        self.forget();
        let delete = Sql::new("DELETE FROM link WHERE tenant = ? AND kind = ? AND a = ? AND b = ?")
            .bind(self.tenant_num())
            .bind(i64::from(link.kind as u8))
            .bind(seek(link.a))
            .bind(seek(link.b));
        let was = self.tx.run(delete).await? > 0;
        if was && !link.kind.is_derived() {
            self.record(Edit::Link { link, on: false }).await?;
        }
        Ok(was)
    }

    async fn derived_links_are_kept(&mut self) -> Result<bool, StoreError> {
        let query = Sql::new("SELECT 1 FROM tenant WHERE num = ? AND derived = revision");
        Ok(self.tx.one(query.bind(self.tenant_num())).await?.is_some())
    }

    async fn derive_links_anew(&mut self) -> Result<(), StoreError> {
        self.forget();
        let delete = Sql::new("DELETE FROM link WHERE tenant = ? AND kind = ?")
            .bind(self.tenant_num())
            .bind(i64::from(LinkKind::OverrideNumber as u8));
        self.tx.run(delete).await?;
        let update = Sql::new("UPDATE tenant SET derived = revision WHERE num = ?");
        one_row(self.tx.run(update.bind(self.tenant_num())).await?, "tenant")
    }

    async fn update_tenant(&mut self, title: &str, model: ModelDigest) -> Result<(), StoreError> {
        let before = self.state.row.clone();
        title.clone_into(&mut self.state.row.title);
        self.state.row.model = model;
        self.save_tenant().await?;
        let after = self.state.row.clone();
        self.record(Edit::Tenant { before: Some(before), after }).await?;
        Ok(())
    }

    async fn update_fax(&mut self, fax: &FaxRow) -> Result<(), StoreError> {
        let before = self.existing_fax(fax.num).await?;
        let update = Sql::new(
            "UPDATE fax SET faxbox = ?, assignee = ?, state = ?, labels = ?, \
             attachment_sources = ? WHERE tenant = ? AND num = ?",
        )
        .bind(maybe_stored(fax.faxbox)?)
        .bind(maybe_stored(fax.assignee)?)
        .bind(state_code(fax.state))
        .bind(labels_text(&fax.labels))
        .bind(sources_bits(fax.attachment_sources))
        .bind(self.tenant_num())
        .bind(stored(fax.num)?);
        one_row(self.tx.run(update).await?, "fax")?;
        let after = FaxRow {
            faxbox: fax.faxbox,
            assignee: fax.assignee,
            state: fax.state,
            labels: fax.labels.clone(),
            attachment_sources: fax.attachment_sources,
            ..before.clone()
        };
        self.record(Edit::Fax { before, after: Some(after) }).await?;
        Ok(())
    }

    async fn delete_fax(&mut self, num: Num) -> Result<(), StoreError> {
        let before = self.existing_fax(num).await?;
        let keep = Sql::new(
            "INSERT INTO fax_gone (tenant, id, num, fingerprint) \
             SELECT tenant, id, num, fingerprint FROM fax WHERE tenant = ? AND num = ?",
        );
        one_row(self.tx.run(keep.bind(self.tenant_num()).bind(stored(num)?)).await?, "fax_gone")?;
        let delete = Sql::new("DELETE FROM fax WHERE tenant = ? AND num = ?");
        one_row(self.tx.run(delete.bind(self.tenant_num()).bind(stored(num)?)).await?, "fax")?;
        self.record(Edit::Fax { before, after: None }).await?;
        Ok(())
    }

    async fn faxes_in(
        &mut self,
        column: FaxColumn,
        value: Num,
        count: usize,
    ) -> Result<Vec<FaxRow>, StoreError> {
        let name = crate::lists::column_name(column);
        let mut query = Sql::new(format!("SELECT {FAX} FROM fax WHERE tenant = ? AND {name} = ?"))
            .bind(self.tenant_num())
            .bind(self.state.hidden.sought(column, value));
        query.push(&self.state.hidden.and_shown()).push(" LIMIT ?").add(limit(count));
        let rows = self.tx.all(query).await?;
        rows.iter().map(|row| self.fax_in(row, 0)).collect()
    }
}

/// A number to be written. [`Num::UNKNOWN`] stands for nothing that a row may name.
pub(crate) fn stored(num: Num) -> Result<i64, StoreError> {
    i64::try_from(num.0).map_err(|_| refused(format!("number {} cannot be stored", num.0)))
}

/// A number to be written, or none.
pub(crate) fn maybe_stored(num: Option<Num>) -> Result<Value, StoreError> {
    Ok(Value::BigInt(num.map(stored).transpose()?))
}

fn one_row(count: u64, table: &str) -> Result<(), StoreError> {
    if count == 1 {
        return Ok(());
    }
    Err(refused(format!("a write to `{table}` concerned {count} rows instead of one")))
}
