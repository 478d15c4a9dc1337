//! Edits of a revision that are longer than a part. A row of `change_log` that has all of its edits
//! in it, as every row had before, has no parts.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run_all(manager, STATEMENTS).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const STATEMENTS: &[&str] = &[
    "CREATE TABLE change_part (
        tenant {int} NOT NULL REFERENCES tenant (num),
        revision {int} NOT NULL,
        part {int} NOT NULL,
        content {text} NOT NULL,
        PRIMARY KEY (tenant, revision, part)
    ){end}",
    "ALTER TABLE change_log ADD COLUMN parts {int} NOT NULL DEFAULT 0",
];
