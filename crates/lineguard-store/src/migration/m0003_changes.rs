//! The audit trail, one row a revision, and the results of requests.

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
    "CREATE TABLE change_log (
        tenant {int} NOT NULL REFERENCES tenant (num),
        revision {int} NOT NULL,
        at {int} NOT NULL,
        actor {bytes} NOT NULL,
        request_id {bytes} NOT NULL,
        edits {text} NOT NULL,
        prev_hash {bytes} NOT NULL,
        hash {bytes} NOT NULL,
        PRIMARY KEY (tenant, revision)
    ){end}",
    "CREATE TABLE request (
        tenant {int} NOT NULL REFERENCES tenant (num),
        request_id {bytes} NOT NULL,
        digest {bytes} NOT NULL,
        revision {int} NOT NULL,
        changed {int} NOT NULL,
        warnings {text} NOT NULL,
        registered {int} NOT NULL,
        PRIMARY KEY (tenant, request_id)
    ){keyed_end}",
];
