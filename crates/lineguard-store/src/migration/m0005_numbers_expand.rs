//! What tenants hold numbers against each other with (rulings R39).

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
    // A row for every number that was ever activated, locked by whoever activates it. Whether it is
    // active, and where, is said by the tenants' objects alone, so there is nothing to fill in and
    // nothing that could say otherwise. `tenant` is the one that held it last.
    "CREATE TABLE number_hold (
        number {bytes} NOT NULL PRIMARY KEY,
        tenant {int} NOT NULL
    ){end}",
];
