//! The revision up to which the links of derived kinds are kept; none for a tenant from before. What
//! writes a tenant raises it with the revision, and whoever needs links that are behind makes them
//! anew. So there is nothing to fill in, and nothing that could be wrong unseen.

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

const STATEMENTS: &[&str] = &["ALTER TABLE tenant ADD COLUMN derived {int}"];
