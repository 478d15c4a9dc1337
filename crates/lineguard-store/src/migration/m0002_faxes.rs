//! The fax index. Each way to seek is an index that ends in the order of lists.

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
    "CREATE TABLE fax (
        tenant {int} NOT NULL REFERENCES tenant (num),
        num {int} NOT NULL,
        id {bytes} NOT NULL,
        account {int} NOT NULL,
        direction {int} NOT NULL,
        number {int},
        faxbox {int},
        creator {int},
        assignee {int},
        state {int} NOT NULL,
        labels {text} NOT NULL,
        at {int} NOT NULL,
        revision {int} NOT NULL,
        fingerprint {bytes} NOT NULL,
        PRIMARY KEY (tenant, num)
    ){keyed_end}",
    "CREATE UNIQUE INDEX fax_by_id ON fax (tenant, id)",
    "CREATE INDEX fax_by_time ON fax (tenant, at, num)",
    "CREATE INDEX fax_by_account ON fax (tenant, account, direction, at, num)",
    "CREATE INDEX fax_by_number ON fax (tenant, number, direction, at, num)",
    "CREATE INDEX fax_by_faxbox ON fax (tenant, faxbox, direction, at, num)",
    "CREATE INDEX fax_by_creator ON fax (tenant, creator, direction, at, num)",
    "CREATE INDEX fax_by_assignee ON fax (tenant, assignee, direction, at, num)",
    // Ids of faxes that were deleted: never used again.
    "CREATE TABLE fax_gone (
        tenant {int} NOT NULL REFERENCES tenant (num),
        id {bytes} NOT NULL,
        num {int} NOT NULL,
        fingerprint {bytes} NOT NULL,
        PRIMARY KEY (tenant, id)
    ){keyed_end}",
];
