//! Telling somebody of the statements that questions and writes send: what kind, never the values.

use std::sync::Arc;

use sea_orm::DbBackend;

/// A statement, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The kind of database.
    pub system: &'static str,
    /// The first word.
    pub operation: &'static str,
    /// The first table that is named.
    pub table: Option<&'static str>,
}

/// Is told of statements. Polls for changes and what a start does are not told.
pub trait Watch: Send + Sync {
    /// A statement is sent. What is returned is dropped if nobody waits for the end.
    fn begun(&self, statement: Statement) -> Box<dyn Ending>;
}

/// Is told how a statement went.
pub trait Ending: Send {
    /// It has ended.
    fn ended(self: Box<Self>, well: bool);
}

/// Whoever watches, if somebody does.
pub(crate) type Watcher = Option<Arc<dyn Watch>>;

/// Runs what sends a statement, and tells of it.
pub(crate) async fn watched<T, E>(
    watcher: &Watcher,
    statement: impl Into<Option<Statement>>,
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let begun = |statement| watcher.as_ref().map(|watcher| watcher.begun(statement));
    let ending = statement.into().and_then(begun);
    let result = run.await;
    if let Some(ending) = ending {
        ending.ended(result.is_ok());
    }
    result
}

const OPERATIONS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

const TABLES: [&str; 17] = [
    "change_log",
    "change_part",
    "concern",
    "confirmation",
    "fax",
    "fax_gone",
    "link",
    "model_text",
    "object",
    "removal",
    "replica",
    "request",
    "rev_shard",
    "secret",
    "stage",
    "stage_part",
    "tenant",
];

impl Statement {
    /// What a text is.
    pub(crate) fn of(backend: DbBackend, text: &str) -> Self {
        let apart = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let mut words = text.split(apart).filter(|word| !word.is_empty()).peekable();
        // What begins with names for parts of it, reads.
        let first = words.peek().map(|word| if *word == "WITH" { "SELECT" } else { word });
        let operation = OPERATIONS.into_iter().find(|known| Some(*known) == first);
        let operation = operation.unwrap_or("_OTHER");
        let mut table = None;
        while let (None, Some(word)) = (table, words.next()) {
            if matches!(word, "FROM" | "INTO" | "UPDATE") {
                table = words.peek().and_then(|word| TABLES.into_iter().find(|one| one == word));
            }
        }
        Self { system: system(backend), operation, table }
    }

    /// A statement about a transaction.
    pub(crate) const fn about(backend: DbBackend, operation: &'static str) -> Self {
        Self { system: system(backend), operation, table: None }
    }
}

const fn system(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::MySql => "mariadb",
        DbBackend::Postgres => "postgresql",
        DbBackend::Sqlite => "sqlite",
        _ => "other_sql",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_word_and_table() {
        for (text, operation, table) in [
            ("SELECT num, id FROM tenant WHERE id = ?", "SELECT", Some("tenant")),
            ("SELECT * FROM (SELECT 0 AS part, num FROM fax WHERE", "SELECT", Some("fax")),
            ("INSERT INTO secret (name, content) VALUES", "INSERT", Some("secret")),
            ("UPDATE rev_shard SET counter = counter + 1", "UPDATE", Some("rev_shard")),
            ("\nWITH RECURSIVE a (link) AS (SELECT num FROM object", "SELECT", Some("object")),
            ("SELECT fax FROM elsewhere", "SELECT", None),
            ("PRAGMA synchronous", "_OTHER", None),
        ] {
            let statement = Statement::of(DbBackend::Postgres, text);
            assert_eq!((statement.operation, statement.table), (operation, table), "{text}");
        }
    }
}
