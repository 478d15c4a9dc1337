//! Empty databases for tests, of every kind that a store runs on.
//!
//! The servers are those of `tests/servers`, which `./tests/run` starts. A test that needs one and
//! is not told of it fails.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A schema of a PostgreSQL server.
    Postgres,
    /// A database of a MariaDB server.
    MariaDb,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MariaDb];

    const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("LINEGUARD_TEST_POSTGRES"),
            Self::MariaDb => Some("LINEGUARD_TEST_MARIADB"),
        }
    }
}

/// Databases that one test makes.
#[derive(Debug)]
pub struct Databases {
    /// Their kind.
    pub kind: Kind,
    made: Mutex<Vec<String>>,
}

impl Databases {
    /// None yet.
    pub const fn new(kind: Kind) -> Self {
        Self { kind, made: Mutex::new(Vec::new()) }
    }

    /// The address of the server. Panics where none is known.
    fn server(&self) -> String {
        let variable = self.kind.variable().unwrap_or_default();
        std::env::var(variable).unwrap_or_else(|_| {
            panic!(
                "{variable} is not set: run ./tests/run, or `eval \"$(tests/servers start)\"` first"
            )
        })
    }

    /// Runs a statement on the server, beside all stores.
    pub async fn on_server(&self, text: &str) {
        let mut options = ConnectOptions::new(self.server());
        options.max_connections(1).idle_timeout(None).max_lifetime(None).sqlx_logging(false);
        let server = Database::connect(options).await.expect("the test server answers");
        server.execute_unprepared(text).await.expect("the test server does what it is told");
        server.close().await.expect("the connection to the test server ends");
    }

    /// The address of a new, empty database.
    pub async fn fresh(&self) -> String {
        if self.kind == Kind::Sqlite {
            return "sqlite::memory:".to_owned();
        }
        let name = name();
        let server = self.server();
        let url = match self.kind {
            Kind::Postgres => {
                self.on_server(&format!("CREATE SCHEMA {name}")).await;
                format!("{server}?options=-csearch_path%3D{name}")
            }
            _ => {
                self.on_server(&format!("CREATE DATABASE {name}")).await;
                let (start, _) = server.rsplit_once('/').expect("an address with a database");
                format!("{start}/{name}")
            }
        };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        url
    }

    /// Removes what was made. A test that fails leaves it to be looked at, and to the end of the
    /// server.
    pub async fn tidy(self) {
        let made = self.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let whole = Self::new(self.kind);
        for name in made {
            let text = match self.kind {
                Kind::Postgres => format!("DROP SCHEMA {name} CASCADE"),
                _ => format!("DROP DATABASE {name}"),
            };
            whole.on_server(&text).await;
        }
    }
}

/// A name that no other test has, in this process or another.
fn name() -> String {
    format!("t{}_{:016x}", std::process::id(), RandomState::new().build_hasher().finish())
}

/// Makes a test of each function for each kind of database. The functions take a
/// `&lineguard_testkit::databases::Databases`.
#[macro_export]
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {
        $crate::on_one_database! { sqlite, Sqlite, $($name),+ }
        $crate::on_one_database! { postgres, Postgres, $($name),+ }
        $crate::on_one_database! { mariadb, MariaDb, $($name),+ }
    };
}

/// One kind of [`on_every_database`]: the name of the module of the tests, the kind, the functions.
#[macro_export]
macro_rules! on_one_database {
    ($module:ident, $kind:ident, $($name:ident),+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $name() {
                    use $crate::databases::{Databases, Kind};
                    let databases = Databases::new(Kind::$kind);
                    super::$name(&databases).await;
                    databases.tidy().await;
                }
            )+
        }
    };
}
