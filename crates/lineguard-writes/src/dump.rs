//! All that is in a database, as text, read on a connection of its own.
//!
//! The tables and columns are those that the database has, so that none is forgotten. Left out is
//! what is drawn at random (nonces) and what follows from it (hashes, which are checked as a chain),
//! and a tenant is named by its id: a number may be skipped by a transaction that came to nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::failure::{Doing, Result};

/// The statement that reads everything.
#[derive(Debug, Clone)]
pub struct Everything(Statement);

impl Everything {
    /// For the tables of a database.
    ///
    /// # Errors
    ///
    /// If it does not tell them.
    pub async fn of(db: &DatabaseConnection) -> Result<Self> {
        let backend = db.get_database_backend();
        let text = match backend {
            DbBackend::Sqlite => {
                "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
            }
            DbBackend::Postgres => {
                "SELECT CAST(table_name AS text), CAST(column_name AS text) \
                 FROM information_schema.columns WHERE table_schema = current_schema()"
            }
            _ => {
                "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) \
                 FROM information_schema.columns WHERE table_schema = DATABASE()"
            }
        };
        let rows = db.query_all_raw(Statement::from_string(backend, text)).await;
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows.doing("the tables")? {
            let table: String = row.try_get_by_index(0).doing("a table")?;
            let column: String = row.try_get_by_index(1).doing("a column")?;
            tables.entry(table).or_default().push(column);
        }
        tables.remove("seaql_migrations");
        let mut text = String::new();
        for (table, mut columns) in tables {
            columns.sort();
            columns.retain(|column| !column.contains("nonce") && !column.contains("hash"));
            let cells: Vec<String> =
                columns.iter().map(|column| cell(backend, &table, column)).collect();
            let union = if text.is_empty() { "" } else { " UNION ALL " };
            let line = line(backend, &table, &cells);
            let _ = write!(text, "{union}SELECT {line} FROM {} x", quoted(backend, &table));
        }
        Ok(Self(Statement::from_string(backend, text)))
    }

    /// Everything, a line a row, in order.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn read(&self, db: &DatabaseConnection) -> Result<String> {
        let rows = db.query_all_raw(self.0.clone()).await.doing("reading everything")?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            lines.push(row.try_get_by_index::<String>(0).doing("a row")?);
        }
        lines.sort();
        Ok(lines.join("\n"))
    }
}

fn quoted(backend: DbBackend, name: &str) -> String {
    if backend == DbBackend::MySql { format!("`{name}`") } else { format!("\"{name}\"") }
}

/// A value as text, never null.
fn value(backend: DbBackend, of: &str) -> String {
    match backend {
        DbBackend::Sqlite => format!("quote({of})"),
        DbBackend::Postgres => format!("quote_nullable(CAST({of} AS text))"),
        _ => format!("IFNULL(CONVERT(HEX({of}) USING utf8mb4), '-')"),
    }
}

fn cell(backend: DbBackend, table: &str, column: &str) -> String {
    if column != "tenant" && (table, column) != ("tenant", "num") {
        return value(backend, &format!("x.{}", quoted(backend, column)));
    }
    let id = value(backend, "q.id");
    let found = format!("(SELECT {id} FROM tenant q WHERE q.num = x.{})", quoted(backend, column));
    format!("COALESCE({found}, 'nobody')")
}

fn line(backend: DbBackend, table: &str, cells: &[String]) -> String {
    match backend {
        DbBackend::MySql => format!("CONCAT_WS('|', '{table}', {})", cells.join(", ")),
        _ => format!("'{table}|' || {}", cells.join(" || '|' || ")),
    }
}

/// The lines that only one of two texts has: what is there, and what should be.
pub fn difference(found: &str, expected: &str) -> String {
    let only = |these: &str, those: &str, sign: char| {
        let known: std::collections::BTreeSet<&str> = those.lines().collect();
        let lines = these.lines().filter(|line| !known.contains(line)).take(6);
        lines
            .map(|line| {
                let short: String = line.chars().take(160).collect();
                format!("      {sign} {short}\n")
            })
            .collect::<String>()
    };
    format!("{}{}", only(found, expected, '+'), only(expected, found, '-'))
}
