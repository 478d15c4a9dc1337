//! A file for each point: a copy of the first state, opened through the file system that can fail.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use lineguard_store::{OpenMode, SqlStore};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

use crate::dump::Everything;
use crate::failure::{Doing, Failure, Result};
use crate::first;
use crate::judge::{Ground, Look, Step};
use crate::vfs;
use crate::writes::{Answer, Write};

/// Which first state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// The write-ahead log is empty.
    Short,
    /// It is so long that a write or two bring about a checkpoint.
    Long,
}

/// Pages of a write-ahead log at which SQLite makes a checkpoint.
const CHECKPOINT: u64 = 1_000;

/// Pages of the long log.
const LONG: u64 = CHECKPOINT - 8;

/// A page of it, with its header.
const FRAME: u64 = 4_096 + 24;

/// The files of a database.
const PARTS: [&str; 2] = ["", "-wal"];

/// Where copies are made.
pub struct File {
    home: PathBuf,
    /// The first state that copies are made of.
    pub start: Start,
    everything: Everything,
    copies: u64,
}

impl File {
    /// Makes the first states.
    pub async fn prepare(home: &Path) -> Result<Self> {
        let (short, long) = (folder(home, "short")?, folder(home, "long")?);
        let store = open(&short.join("db"), OpenMode::Migrate).await?;
        first::prepare(&store).await?;
        store.close().await.doing("closing the first state")?;
        fs::copy(short.join("db"), long.join("db")).doing("copying the first state")?;

        let source = folder(home, "source")?;
        fs::copy(long.join("db"), source.join("db")).doing("copying the first state")?;
        let store = open(&source.join("db"), OpenMode::Existing).await?;
        while length(&source.join("db-wal")) / FRAME < LONG {
            match Write::Try.run(&store).await {
                Answer::Done(_) => {}
                other => return Err(Failure(format!("filling the log: {other:?}"))),
            }
        }
        for part in PARTS {
            let name = format!("db{part}");
            fs::copy(source.join(&name), long.join(&name)).doing("copying the long log")?;
        }
        store.close().await.doing("closing the long log")?;
        let db = connect(&short.join("db")).await?;
        let everything = Everything::of(&db).await?;
        db.close().await.doing("closing")?;
        Ok(Self { home: home.to_owned(), start: Start::Short, everything, copies: 0 })
    }

    /// A copy of the first state in a folder that goes away with the next one.
    pub fn copy(&mut self) -> Result<PathBuf> {
        let name = if self.start == Start::Short { "short" } else { "long" };
        let to = self.next()?;
        for part in PARTS {
            let name = format!("{name}/db{part}");
            if self.home.join(&name).exists() {
                let copy = to.join(format!("db{part}"));
                fs::copy(self.home.join(&name), copy).doing("copying the first state")?;
            }
        }
        Ok(to.join("db"))
    }

    /// What the files are at this moment, as those of a process that was killed: without what it
    /// shared in memory.
    pub fn as_killed(&mut self, file: &Path) -> Result<PathBuf> {
        let to = self.next()?;
        for part in PARTS {
            let from = with(file, part);
            if from.exists() {
                fs::copy(from, to.join(format!("db{part}"))).doing("copying what was left")?;
            }
        }
        Ok(to.join("db"))
    }

    /// What a power cut would leave of them.
    pub fn as_cut_off(&mut self, file: &Path) -> Result<PathBuf> {
        let to = self.next()?;
        let durable = vfs::durable();
        for part in PARTS {
            if let Some(content) = durable.get(&with(file, part).display().to_string()) {
                fs::write(to.join(format!("db{part}")), content).doing("writing what was left")?;
            }
        }
        Ok(to.join("db"))
    }

    fn next(&mut self) -> Result<PathBuf> {
        self.copies += 1;
        // The last few stay: a store may still have one of them open.
        if let Some(old) = self.copies.checked_sub(6) {
            let _ = fs::remove_dir_all(self.home.join(format!("copy-{old}")));
        }
        folder(&self.home, &format!("copy-{}", self.copies))
    }

    /// Everything in a file, by a new connection to which nothing happens.
    pub async fn read(&self, file: &Path) -> Result<String> {
        vfs::pause(true);
        let seen = async {
            let db = connect(file).await?;
            let seen = self.everything.read(&db).await;
            db.close().await.doing("closing")?;
            seen
        };
        let seen = seen.await;
        vfs::pause(false);
        seen
    }

    /// Opens a file by the ordinary file system, looks at everything, and writes once more.
    pub async fn look(&self, after: &'static str, file: &Path) -> Result<Look> {
        vfs::use_ordinary()?;
        let store = match open(file, OpenMode::Existing).await {
            Ok(store) => store,
            Err(error) => {
                return Ok(Look {
                    after,
                    seen: Err(error.to_string()),
                    broken: Vec::new(),
                    last: None,
                });
            }
        };
        let seen = Ok(self.read(file).await?);
        let mut broken = first::broken(&store).await;
        let last = Write::Last.run(&store).await;
        let last = Some(Step {
            write: Write::Last,
            answer: last,
            seen: self.read(file).await?,
            well: true,
        });
        if let Err(error) = store.close().await {
            broken.push(format!("it does not close: {error}"));
        }
        Ok(Look { after, seen, broken, last })
    }
}

impl Ground for File {
    async fn open(&mut self) -> Result<SqlStore> {
        vfs::use_ordinary()?;
        let store = open(&self.copy()?, OpenMode::Existing).await?;
        first::join(&store).await?;
        Ok(store)
    }

    fn forgotten(&self) -> &[&str] {
        &["confirmation|", "replica|"]
    }

    async fn look(&mut self) -> Result<String> {
        let file = self.home.join(format!("copy-{}", self.copies)).join("db");
        self.read(&file).await
    }
}

/// Opens the store of a file.
pub async fn open(file: &Path, mode: OpenMode) -> Result<SqlStore> {
    let url = format!("sqlite:{}", file.display());
    SqlStore::open(&url, mode).await.doing("opening")
}

/// What is in the files, by their paths.
pub fn contents(file: &Path) -> HashMap<String, Vec<u8>> {
    let content = |part| {
        let path = with(file, part);
        Some((path.display().to_string(), fs::read(path).ok()?))
    };
    PARTS.into_iter().filter_map(content).collect()
}

/// The length of a file; 0 if there is none.
pub fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// The write-ahead log of a database.
pub fn log_of(file: &Path) -> PathBuf {
    with(file, "-wal")
}

fn with(file: &Path, part: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(part);
    PathBuf::from(name)
}

fn folder(home: &Path, name: &str) -> Result<PathBuf> {
    let folder = home.join(name);
    fs::create_dir_all(&folder).doing(folder.display())?;
    Ok(folder)
}

async fn connect(file: &Path) -> Result<DatabaseConnection> {
    let file = file.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    // No connection gets old: the task that would look after that can go on without end.
    options.max_connections(1).idle_timeout(None).max_lifetime(None).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |_| {
        sea_orm::sqlx::sqlite::SqliteConnectOptions::new().filename(&file).vfs(vfs::FAULTY)
    });
    Database::connect(options).await.doing("a new connection")
}
