//! How recent a replica is: counters, what changes concerned, replicas and what they confirmed.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run_all(manager, STATEMENTS).await?;
        // One at a time and only where it is missing: a step that was cut short is run again.
        let fill: Vec<String> = (0..=u8::MAX)
            .map(|shard| {
                format!(
                    "INSERT INTO rev_shard (shard, counter, nonce) \
                     SELECT s, 0, 0 FROM (SELECT {shard} AS s) AS one \
                     WHERE NOT EXISTS (SELECT 1 FROM rev_shard WHERE shard = {shard})"
                )
            })
            .collect();
        super::run_all(manager, &fill.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const STATEMENTS: &[&str] = &[
    "CREATE TABLE rev_shard (
        shard {int} NOT NULL PRIMARY KEY,
        counter {int} NOT NULL,
        nonce {int} NOT NULL
    ){end}",
    // Every change has at least one row here; trimmed after a day.
    "CREATE TABLE concern (
        shard {int} NOT NULL,
        counter {int} NOT NULL,
        position {int} NOT NULL,
        nonce {int} NOT NULL,
        tenant {int} NOT NULL,
        revision {int} NOT NULL,
        kind {int} NOT NULL,
        num {int} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (shard, counter, position)
    ){keyed_end}",
    "CREATE INDEX concern_by_time ON concern (at, shard, counter)",
    // One row a start of a process, written once.
    "CREATE TABLE replica (
        incarnation {bytes} NOT NULL PRIMARY KEY,
        state {int} NOT NULL,
        name {text} NOT NULL,
        since {int} NOT NULL
    ){end}",
    "CREATE TABLE confirmation (
        shard {int} NOT NULL,
        incarnation {bytes} NOT NULL,
        counter {int} NOT NULL,
        nonce {int} NOT NULL,
        PRIMARY KEY (shard, incarnation)
    ){keyed_end}",
];
