//! One database of a private server, put back to the first state for each point.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineguard_store::{OpenMode, OpenOptions, SqlStore};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use super::adversary::{connect, settled};
use super::link::Link;
use super::private::{Kind, Private};
use crate::dump::Everything;
use crate::failure::{Doing, Failure, Result};
use crate::first;
use crate::judge::{Ground, Look, Step};
use crate::writes::Write;

/// How long a statement may take where that is what goes wrong.
pub const STATEMENT: Duration = Duration::from_millis(400);

/// How long a store waits for a connection: what is usual.
const USUAL: Duration = Duration::from_secs(1);

/// The same for whoever opens it last, on a machine that may be busy: that it opens is what matters.
const PATIENT: Duration = Duration::from_secs(20);

/// The database.
pub struct Place {
    /// Its kind.
    pub kind: Kind,
    url: String,
    /// The server.
    pub server: Arc<Mutex<Private>>,
    /// The link to it.
    pub link: Arc<Link>,
    /// A connection that nothing happens to, but for a restart.
    pub own: DatabaseConnection,
    /// Two more, of somebody else.
    pub others: [DatabaseConnection; 2],
    everything: Everything,
    tables: Vec<String>,
    reset: Vec<String>,
    /// Whether the statements of stores opened from now on have a time limit.
    pub limited: bool,
}

impl Place {
    /// Makes the database and its first state.
    pub async fn prepare(mut server: Private) -> Result<Self> {
        server.listening()?;
        let kind = server.kind;
        let admin = connect(&server.url).await?;
        let make: &[&str] = match kind {
            Kind::Postgres => &[
                "DROP SCHEMA IF EXISTS point CASCADE",
                "DROP SCHEMA IF EXISTS first CASCADE",
                "CREATE SCHEMA point",
                "CREATE SCHEMA first",
            ],
            Kind::MariaDb => &[
                "DROP DATABASE IF EXISTS point",
                "DROP DATABASE IF EXISTS first",
                "CREATE DATABASE point",
                "CREATE DATABASE first",
                "CREATE TABLE first.spared (id BIGINT) ENGINE = InnoDB",
                "CREATE TABLE first.weight (shard BIGINT) ENGINE = InnoDB",
            ],
        };
        for text in make {
            admin.execute_unprepared(text).await.doing(text)?;
        }
        admin.close().await.doing("closing")?;
        let direct = address(&server.url, kind, None, false)?;
        let store = SqlStore::open(&direct, OpenMode::Migrate).await.doing("the first state")?;
        first::prepare(&store).await?;
        store.close().await.doing("closing the first state")?;
        let url = server.url.clone();
        let others = [own(&url, kind).await?, own(&url, kind).await?];
        let own = own(&url, kind).await?;
        let everything = Everything::of(&own).await?;
        let (tables, reset) = keep_first(&own, kind).await?;
        let link = Arc::new(Link::to(server.port).await?);
        let server = Arc::new(Mutex::new(server));
        Ok(Self { kind, url, server, link, own, others, everything, tables, reset, limited: false })
    }

    /// Puts everything back, and opens a store over the link.
    pub async fn fresh(&mut self) -> Result<SqlStore> {
        settled(&self.own, self.kind, &self.tables).await?;
        for text in &self.reset {
            self.own.execute_unprepared(text).await.doing(text)?;
        }
        self.open_store(USUAL).await
    }

    /// A store over the link, which waits for a connection no longer than this.
    async fn open_store(&self, patience: Duration) -> Result<SqlStore> {
        let port = Some(self.link.address.port());
        let url = address(&self.url, self.kind, port, self.limited)?;
        let options = OpenOptions { max_connections: 4, acquire_timeout: patience };
        SqlStore::open_with(&url, OpenMode::Existing, options).await.doing("opening")
    }

    /// Everything there is, when nothing is under way any more.
    pub async fn read(&self) -> Result<String> {
        settled(&self.own, self.kind, &self.tables).await?;
        self.everything.read(&self.own).await
    }

    /// Crashes the server and waits until it is there again.
    pub async fn restart(&mut self) -> Result<()> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).crash()?;
        self.start().await
    }

    /// Waits until a server that was ended is there again.
    pub async fn start(&mut self) -> Result<()> {
        {
            let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
            server.start()?;
            server.listening()?;
        }
        // Numbers of connections begin anew.
        self.own = connect(&own_address(&self.url, self.kind)?).await?;
        if self.kind == Kind::MariaDb {
            let none = "DELETE FROM first.spared";
            self.own.execute_unprepared(none).await.doing(none)?;
        }
        self.own = own(&self.url, self.kind).await?;
        self.others = [own(&self.url, self.kind).await?, own(&self.url, self.kind).await?];
        Ok(())
    }

    /// Opens a new store, looks at everything, and writes once more.
    pub async fn look_anew(&self, after: &'static str) -> Result<Look> {
        let store = match self.open_store(PATIENT).await {
            Ok(store) => store,
            Err(error) => {
                let seen = Err(error.to_string());
                return Ok(Look { after, seen, broken: Vec::new(), last: None });
            }
        };
        let seen = Ok(self.read().await?);
        let broken = first::broken(&store).await;
        let answer = Write::Last.run(&store).await;
        let last = Step { write: Write::Last, answer, seen: self.read().await?, well: true };
        drop(store.close().await);
        Ok(Look { after, seen, broken, last: Some(last) })
    }
}

impl Ground for Place {
    async fn open(&mut self) -> Result<SqlStore> {
        let store = self.fresh().await?;
        first::join(&store).await?;
        Ok(store)
    }

    async fn look(&mut self) -> Result<String> {
        self.read().await
    }

    fn forgotten(&self) -> &[&str] {
        &[]
    }
}

/// A connection that is not killed with the others.
async fn own(url: &str, kind: Kind) -> Result<DatabaseConnection> {
    let own = connect(&own_address(url, kind)?).await?;
    if kind == Kind::MariaDb {
        let spared = "INSERT INTO first.spared VALUES (CONNECTION_ID())";
        own.execute_unprepared(spared).await.doing(spared)?;
    }
    Ok(own)
}

/// Copies all tables aside; their names, and the statements that put them back.
async fn keep_first(db: &DatabaseConnection, kind: Kind) -> Result<(Vec<String>, Vec<String>)> {
    let list = match kind {
        Kind::Postgres => {
            "SELECT CAST(table_name AS text) FROM information_schema.tables \
             WHERE table_schema = 'point' ORDER BY table_name"
        }
        Kind::MariaDb => {
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
             WHERE table_schema = 'point' ORDER BY table_name"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), list)).await;
    let name = |row: sea_orm::QueryResult| row.try_get_by_index::<String>(0).doing("a table");
    let mut tables = rows.doing("the tables")?.into_iter().map(name).collect::<Result<Vec<_>>>()?;
    tables.retain(|table| table != "seaql_migrations");
    // Others refer to it.
    tables.sort_by_key(|table| table != "tenant");
    for table in &tables {
        let copy = format!("CREATE TABLE first.{table} AS SELECT * FROM point.{table}");
        db.execute_unprepared(&copy).await.doing(copy)?;
    }
    let mut reset: Vec<String> =
        tables.iter().rev().map(|table| format!("DELETE FROM point.{table}")).collect();
    let back = |table: &String| format!("INSERT INTO point.{table} SELECT * FROM first.{table}");
    reset.extend(tables.iter().map(back));
    // PostgreSQL takes them all at once.
    let reset = if kind == Kind::Postgres { vec![reset.join("; ")] } else { reset };
    Ok((tables, reset))
}

/// The address of the database; over the link, where its port is given.
fn address(url: &str, kind: Kind, port: Option<u16>, limited: bool) -> Result<String> {
    let bad = || Failure(format!("`{url}` is no address of a server"));
    let (start, name) = url.rsplit_once('/').ok_or_else(bad)?;
    let (start, own) = start.rsplit_once(':').ok_or_else(bad)?;
    let port = port.map_or(own.to_owned(), |port| port.to_string());
    Ok(match kind {
        Kind::Postgres => {
            let limit = STATEMENT.as_millis();
            let limit = match limited {
                true => format!("%20-cstatement_timeout%3D{limit}"),
                false => String::new(),
            };
            format!("{start}:{port}/{name}?options=-csearch_path%3Dpoint{limit}")
        }
        Kind::MariaDb => format!("{start}:{port}/point"),
    })
}

/// The address of connections of our own.
fn own_address(url: &str, kind: Kind) -> Result<String> {
    match kind {
        Kind::Postgres => {
            Ok(format!("{}&application_name=adversary", address(url, kind, None, false)?))
        }
        Kind::MariaDb => address(url, kind, None, false),
    }
}
