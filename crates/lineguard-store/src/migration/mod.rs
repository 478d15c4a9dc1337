//! The schema, one step a file. A step that has been released is never edited or renamed.
//!
//! A step whose name ends in [`EXPAND`] only adds what programs of the version before need not know:
//! tables, indexes, columns with a default. Such programs run on, and start, on a schema that has
//! taken it, so that replicas can be replaced one by one after a migration. What is to go is taken
//! away by a later version, in a step of another name, when no program needs it.

mod m0001_setup;
mod m0002_faxes;
mod m0003_changes;
mod m0004_freshness;
mod m0005_numbers_expand;
mod m0006_fax_sources_expand;
mod m0007_removals;
mod m0008_change_parts_expand;
mod m0009_derived_links_expand;
mod m0010_stages_expand;

use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, async_trait};

use crate::dialect;
use crate::error::unavailable;
use crate::sql::Sql;

struct Migrator;

/// How the name of a step ends that programs without it can ignore.
const EXPAND: &str = "_expand";

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_setup::Migration),
            Box::new(m0002_faxes::Migration),
            Box::new(m0003_changes::Migration),
            Box::new(m0004_freshness::Migration),
            Box::new(m0005_numbers_expand::Migration),
            Box::new(m0006_fax_sources_expand::Migration),
            Box::new(m0007_removals::Migration),
            Box::new(m0008_change_parts_expand::Migration),
            Box::new(m0009_derived_links_expand::Migration),
            Box::new(m0010_stages_expand::Migration),
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
    /// Ours, with this step begun and not finished.
    Half(String),
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
    let mut begun = Vec::new();
    if tables.iter().any(|name| name == "schema_begun") {
        begun = names(Sql::new("SELECT version FROM schema_begun").all(db).await?)?;
        begun.retain(|step| !seen.contains(step));
    }
    let known: Vec<String> =
        Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let ignored = |step: &str| step.ends_with(EXPAND) && !known.iter().any(|one| one == step);
    begun.retain(|step| !ignored(step));
    let unknown = seen.iter().chain(&begun);
    let unknown = unknown.filter(|step| !known.contains(step) && !ignored(step));
    let unknown: Vec<String> = unknown.cloned().collect();
    if !unknown.is_empty() {
        return Ok(Schema::Newer(unknown));
    }
    if let Some(step) = begun.pop() {
        return Ok(Schema::Half(step));
    }
    let missing: Vec<String> = known.into_iter().filter(|step| !seen.contains(step)).collect();
    Ok(if missing.is_empty() { Schema::Current } else { Schema::Older(missing) })
}

fn names(rows: Vec<sea_orm::QueryResult>) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|row| row.try_get_by_index(0).map_err(unavailable)).collect()
}

/// Takes the steps that are missing.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), StoreError> {
    if dialect::steps_can_break(db.get_database_backend()) {
        return migrate_step_by_step(db).await.map_err(unavailable);
    }
    Migrator::up(db, None).await.map_err(unavailable)
}

/// Notes each step before it is taken: no transaction holds it together. A step that was left half
/// done is taken again from its start; see [`run_all`].
async fn migrate_step_by_step(db: &DatabaseConnection) -> Result<(), DbErr> {
    Migrator::install(db).await?;
    let note = "CREATE TABLE schema_begun (version varchar(192) NOT NULL PRIMARY KEY){end}";
    db.execute_unprepared(&dialect::ddl(db.get_database_backend(), note)).await?;
    for step in Migrator::get_pending_migrations(db).await? {
        // The names are our own.
        let name = step.name();
        let forget = format!("DELETE FROM schema_begun WHERE version = '{name}'");
        db.execute_unprepared(&forget).await?;
        let note = format!("INSERT INTO schema_begun (version) VALUES ('{name}')");
        db.execute_unprepared(&note).await?;
        Migrator::up(db, Some(1)).await?;
        db.execute_unprepared(&forget).await?;
    }
    Ok(())
}

/// Runs statements that `dialect::ddl` fills in. Where a step can be left half done, it is run
/// again: tables, columns and indexes that are there already are left alone, and every other
/// statement must do no harm when it is repeated.
async fn run_all(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = manager.get_database_backend();
    for text in statements {
        if dialect::steps_can_break(backend) && is_done(db, text).await? {
            continue;
        }
        db.execute_unprepared(&dialect::ddl(backend, text)).await?;
    }
    Ok(())
}

/// Whether a statement makes an index that is there, or adds or renames a column to one that is.
async fn is_done(db: &impl ConnectionTrait, text: &str) -> Result<bool, DbErr> {
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "UNIQUE").collect();
    let (count, table, name) = match words.as_slice() {
        ["CREATE", "INDEX", index, "ON", table, ..] => (dialect::INDEXES_OF_TABLE, table, index),
        ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..]
        | ["ALTER", "TABLE", table, "RENAME", "COLUMN", _, "TO", column] => {
            (dialect::COLUMNS_OF_TABLE, table, column)
        }
        _ => return Ok(false),
    };
    let values = [*table, *name].map(sea_orm::Value::from).to_vec();
    let count = dialect::statement(db.get_database_backend(), count.to_owned(), values);
    let row = db.query_one_raw(count).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index::<i64>(0).map(|count| count > 0))
}
