//! Tenants that are being imported. Their rows stand under a tenant that is hidden: its id is none that
//! anybody can ask for, and `staged` keeps it out of what is read of all tenants. A program of the
//! version before does not know `staged`; as long as one is registered, nothing is staged (`stages` of `replica`
//! is what those have that know it).

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
    "ALTER TABLE tenant ADD COLUMN staged {int}",
    "ALTER TABLE replica ADD COLUMN stages {int}",
    // Whoever fills a stage raises `beat` with every step; one that stands still was left.
    "CREATE TABLE stage (
        tenant {int} NOT NULL PRIMARY KEY REFERENCES tenant (num),
        owner {bytes} NOT NULL,
        beat {int} NOT NULL
    ){end}",
    // What becomes `change_part`. Rows of the audit trail can only be added, and a stage may go.
    "CREATE TABLE stage_part (
        tenant {int} NOT NULL REFERENCES tenant (num),
        part {int} NOT NULL,
        content {text} NOT NULL,
        PRIMARY KEY (tenant, part)
    ){end}",
];
