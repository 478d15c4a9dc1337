//! What is removed and still has rows.
//!
//! A program that does not know of it would show those rows, so this is no step that such a program
//! may ignore: it does not start on this schema, and one that runs already finds no `next_num` in
//! the tenant's row, which every read and every write begins with, and gives no answers.

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
    // For whoever goes on with it; what is hidden is said by the tenant's row.
    "CREATE TABLE removal (
        tenant {int} NOT NULL REFERENCES tenant (num),
        num {int} NOT NULL,
        what {text} NOT NULL,
        actor {bytes} NOT NULL,
        request_id {bytes} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (tenant, num)
    ){keyed_end}",
    "ALTER TABLE tenant ADD COLUMN removals {text}",
    "ALTER TABLE tenant RENAME COLUMN next_num TO next_object",
];
