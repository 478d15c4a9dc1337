//! What is done at a statement, while the store waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineguard_store::Statement;
use sea_orm::DatabaseConnection;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::adversary::{embrace, end_others, hold, let_go, reach_for};
use super::ground::Place;
use super::link::{Condition, Link};
use super::play::{All, Form, locks};
use super::private::{Kind, Private};
use crate::failure::{Failure, Result};

/// How long one way of the link is lost before all is cut.
const LOST: Duration = Duration::from_millis(60);

/// The attack, and whoever makes it.
pub struct Attack {
    form: Form,
    kind: Kind,
    /// Somebody else's connection, which holds what it holds until it is told to let go.
    pub other: DatabaseConnection,
    watcher: DatabaseConnection,
    link: Arc<Link>,
    server: Arc<Mutex<Private>>,
    failed: Mutex<Option<Failure>>,
}

impl Attack {
    /// Ready to be made.
    pub fn new(place: &Place, form: Form) -> Self {
        let [other, watcher] = place.others.clone();
        let (link, server) = (Arc::clone(&place.link), Arc::clone(&place.server));
        Self { form, kind: place.kind, other, watcher, link, server, failed: Mutex::default() }
    }

    /// Makes it. The store's task stands still here: what is done is done before the statement is
    /// sent, or before anything follows it.
    pub fn strike(&self, statement: Statement) {
        let struck = block_in_place(|| Handle::current().block_on(self.make(statement)));
        if let Err(error) = struck {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Why it could not be made.
    pub fn failure(&self) -> Option<Failure> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn make(&self, statement: Statement) -> Result<()> {
        match self.form {
            Form::Kill(_, all) => {
                return end_others(&self.other, self.kind, all == All::Connections).await;
            }
            Form::Cut(_) => self.link.set(Condition::Cut),
            Form::NoAnswer => self.lose(Condition::NoAnswers),
            Form::NoRequest => self.lose(Condition::NoRequests),
            Form::Timeout => {
                // Holding a table stops whoever writes to it or locks a row of it.
                if let Some(table) = statement.table.filter(|_| locks(statement)) {
                    hold(&self.other, table).await;
                }
            }
            Form::Deadlock => {
                let table = statement.table.filter(|table| *table != "tenant");
                let Some(table) = table.filter(|_| locks(statement)) else { return Ok(()) };
                if reach_for(&self.other, self.kind, table).await {
                    tokio::spawn(embrace(self.other.clone(), self.watcher.clone(), self.kind));
                } else {
                    let_go(&self.other).await;
                }
            }
            Form::Crash(_) => {
                return self.server.lock().unwrap_or_else(PoisonError::into_inner).crash();
            }
        }
        Ok(())
    }

    fn lose(&self, way: Condition) {
        self.link.set(way);
        let link = Arc::clone(&self.link);
        tokio::spawn(async move {
            sleep(LOST).await;
            link.set(Condition::Cut);
        });
    }
}
