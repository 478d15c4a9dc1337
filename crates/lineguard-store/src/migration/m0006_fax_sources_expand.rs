//! Where the attachments of a fax come from: a bit for each source. Faxes that were registered
//! before, or by a program of the version before, have nothing here: it is not known of them.

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

const STATEMENTS: &[&str] = &["ALTER TABLE fax ADD COLUMN attachment_sources {int}"];
