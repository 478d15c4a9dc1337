//! Tenants, model texts, objects, links and the store's own secrets.

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
    "CREATE TABLE model_text (
        digest {bytes} NOT NULL PRIMARY KEY,
        content {text} NOT NULL
    ){end}",
    "CREATE TABLE tenant (
        num {auto_key},
        id {bytes} NOT NULL UNIQUE,
        title {text} NOT NULL,
        revision {int} NOT NULL,
        model {bytes} NOT NULL,
        next_num {int} NOT NULL,
        next_fax {int} NOT NULL
    ){end}",
    "CREATE TABLE object (
        tenant {int} NOT NULL REFERENCES tenant (num),
        num {int} NOT NULL,
        kind {int} NOT NULL,
        scope {int} NOT NULL,
        id {bytes} NOT NULL,
        account {int},
        body {text} NOT NULL,
        PRIMARY KEY (tenant, num)
    ){keyed_end}",
    "CREATE UNIQUE INDEX object_by_id ON object (tenant, kind, scope, id)",
    "CREATE INDEX object_by_account ON object (tenant, kind, account, num)",
    "CREATE INDEX object_by_kind ON object (tenant, kind, num)",
    // The one index that does not begin with the tenant: the accounts of a subject, everywhere.
    "CREATE INDEX object_everywhere ON object (kind, id, tenant, account)",
    "CREATE TABLE link (
        tenant {int} NOT NULL REFERENCES tenant (num),
        kind {int} NOT NULL,
        a {int} NOT NULL,
        b {int} NOT NULL,
        PRIMARY KEY (tenant, kind, a, b)
    ){keyed_end}",
    "CREATE INDEX link_back ON link (tenant, kind, b, a)",
    "CREATE TABLE secret (
        name {bytes} NOT NULL PRIMARY KEY,
        content {blob} NOT NULL
    ){end}",
];
