//! The schema, one step a file. A step that has been released is never edited or renamed.

mod m0001_setup;
mod m0002_faxes;
mod m0003_changes;
mod m0004_freshness;

use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, async_trait};

use crate::dialect;
use crate::error::unavailable;
use crate::sql::Sql;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_setup::Migration),
            Box::new(m0002_faxes::Migration),
            Box::new(m0003_changes::Migration),
            Box::new(m0004_freshness::Migration),
        ]
    }
}

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schema {
    /// No tables.
    Empty,
    /// Tables of something else.
    Foreign,
    /// Ours, without these steps.
    Older(Vec<String>),
    /// Ours, with steps that this program does not know.
    Newer(Vec<String>),
    /// Ours.
    Current,
}

/// Reads which steps a database has seen, and changes nothing.
pub(crate) async fn inspect(db: &DatabaseConnection) -> Result<Schema, StoreError> {
    let query = Sql::new(dialect::table_names(db.get_database_backend()));
    let tables = names(query.all(db).await?)?;
    if tables.is_empty() {
        return Ok(Schema::Empty);
    }
    if !tables.iter().any(|name| name == "seaql_migrations") {
        return Ok(Schema::Foreign);
    }
    let seen = names(Sql::new("SELECT version FROM seaql_migrations").all(db).await?)?;
    let known: Vec<String> =
        Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let unknown: Vec<String> = seen.iter().filter(|step| !known.contains(step)).cloned().collect();
    if !unknown.is_empty() {
        return Ok(Schema::Newer(unknown));
    }
    let missing: Vec<String> = known.into_iter().filter(|step| !seen.contains(step)).collect();
    Ok(if missing.is_empty() { Schema::Current } else { Schema::Older(missing) })
}

fn names(rows: Vec<sea_orm::QueryResult>) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|row| row.try_get_by_index(0).map_err(unavailable)).collect()
}

/// Takes the steps that are missing.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), StoreError> {
    Migrator::up(db, None).await.map_err(unavailable)
}

/// Runs statements that `dialect::ddl` fills in.
async fn run_all(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    for text in statements {
        db.execute_unprepared(&dialect::ddl(manager.get_database_backend(), text)).await?;
    }
    Ok(())
}
