//! One point: the write with the fault at a statement, what comes after, and a new start.

use std::sync::Arc;

use lineguard_store::{SqlStore, Statement};
use sea_orm::ConnectionTrait as _;

use super::adversary::let_go;
use super::attack::Attack;
use super::ground::{Place, STATEMENT};
use super::link::Condition;
use super::private::Kind;
use crate::failure::{Doing, Result};
use crate::first;
use crate::judge::{Played, Step};
use crate::points::{Points, Side};
use crate::writes::{Answer, Write};

/// What goes wrong at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The connection of the transaction is ended by the server, or all are.
    Kill(Side, All),
    /// All connections are cut.
    Cut(Side),
    /// What the server answers from here on is lost, then all is cut.
    NoAnswer,
    /// What is asked of it is.
    NoRequest,
    /// The statement takes longer than the server allows.
    Timeout,
    /// Somebody else holds what it needs, and wants what it holds.
    Deadlock,
    /// The server crashes.
    Crash(Side),
}

/// Whose connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum All {
    /// Those of open transactions.
    OfTransactions,
    /// All.
    Connections,
}

/// All of them, the ones that meet more often several times.
pub const FORMS: [Form; 12] = [
    Form::Kill(Side::Before, All::OfTransactions),
    Form::Kill(Side::After, All::OfTransactions),
    Form::Kill(Side::Before, All::Connections),
    Form::Kill(Side::After, All::Connections),
    Form::Cut(Side::Before),
    Form::Cut(Side::After),
    Form::NoAnswer,
    Form::NoRequest,
    Form::Timeout,
    Form::Deadlock,
    Form::Crash(Side::Before),
    Form::Crash(Side::After),
];

impl Form {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill(Side::Before, All::OfTransactions) => "killed before a statement",
            Self::Kill(Side::After, All::OfTransactions) => "killed after a statement",
            Self::Kill(Side::Before, All::Connections) => "all killed before a statement",
            Self::Kill(Side::After, All::Connections) => "all killed after a statement",
            Self::Cut(Side::Before) => "cut before a statement",
            Self::Cut(Side::After) => "cut after a statement",
            Self::NoAnswer => "answers lost, then cut",
            Self::NoRequest => "requests lost, then cut",
            Self::Timeout => "statement takes too long",
            Self::Deadlock => "deadlock",
            Self::Crash(Side::Before) => "server crashes before a statement",
            Self::Crash(Side::After) => "server crashes after a statement",
        }
    }

    /// Whether it can meet anything at a statement of a write.
    pub fn fits(self, write: Write, statement: Statement) -> bool {
        match self {
            Self::Timeout => locks(statement) && statement.table.is_some(),
            // What is wanted of the write in turn is its tenant.
            Self::Deadlock => {
                let other = statement.table.is_some_and(|table| table != "tenant");
                write.holds_its_tenant() && locks(statement) && other
            }
            _ => true,
        }
    }

    const fn side(self) -> Side {
        match self {
            Self::Kill(side, _) | Self::Cut(side) | Self::Crash(side) => side,
            _ => Side::Before,
        }
    }
}

/// All that is chosen for a point.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The write under the fault.
    pub write: Write,
    /// What goes wrong.
    pub form: Form,
    /// At which statement, counted from 0.
    pub at: u64,
    /// Whether the next write is one that is refused.
    pub refused_first: bool,
    /// Whether the server crashes once more before everything is looked at.
    pub restarted: bool,
}

/// How often a write may fail when nothing is wrong any more: each connection that was cut while it
/// lay idle in a pool is an error for the first who uses it.
const TRIES: u32 = 6;

/// The statements of a write.
pub async fn statements(place: &mut Place, write: Write) -> Result<Vec<Statement>> {
    let points = Points::default();
    let store = place.fresh().await?.watched(points.watch());
    first::join(&store).await?;
    points.start(None, |_| {});
    write.run(&store).await;
    let (statements, _) = points.stop();
    store.close().await.doing("closing")?;
    Ok(statements)
}

/// Plays a point; whether the fault met anything.
pub async fn play(place: &mut Place, plan: Plan) -> Result<(Played, bool)> {
    place.link.set(Condition::Open);
    limit(place, plan.form == Form::Timeout).await?;
    let points = Points::default();
    let store = place.fresh().await?.watched(points.watch());
    first::join(&store).await?;
    let mut played = Played::default();

    let answer = under_fault(place, &points, &store, plan).await?;
    let (_, failed) = points.stop();
    let met = failed > 0 || matches!(answer, Answer::Unknown(_));
    if matches!(plan.form, Form::Crash(_)) {
        place.start().await?;
    }
    place.link.set(Condition::Open);
    let seen = place.read().await?;
    played.steps.push(Step { write: plan.write, answer, seen, well: false });
    if !met {
        drop(store.close().await);
        return Ok((played, false));
    }

    let mut after = [Write::Refused, Write::Next, Write::NextFax, plan.write.again()];
    if !plan.refused_first {
        after.swap(0, 1);
    }
    for write in after {
        for left in (0..TRIES).rev() {
            let answer = write.run(&store).await;
            let known = !matches!(answer, Answer::Unknown(_));
            let seen = place.read().await?;
            played.steps.push(Step { write, answer, seen, well: left == 0 });
            if known {
                break;
            }
        }
    }
    drop(store.close().await);
    limit(place, false).await?;
    if plan.restarted {
        place.restart().await?;
    }
    let after = if plan.restarted { "a crash of the server" } else { "the end" };
    played.looks.push(place.look_anew(after).await?);
    Ok((played, true))
}

/// Makes the write, and does what is planned at its statement.
async fn under_fault(
    place: &mut Place,
    points: &Points,
    store: &SqlStore,
    plan: Plan,
) -> Result<Answer> {
    let attack = Arc::new(Attack::new(place, plan.form));
    let at = Some((plan.at, plan.form.side()));
    let at_statement = Arc::clone(&attack);
    points.start(at, move |statement| at_statement.strike(statement));
    let answer = plan.write.run(store).await;
    if plan.form == Form::Timeout {
        let_go(&attack.other).await;
    }
    attack.failure().map_or(Ok(answer), Err)
}

/// Whether statements of stores that are opened from now on have a time limit.
async fn limit(place: &mut Place, limited: bool) -> Result<()> {
    place.limited = limited;
    if place.kind == Kind::MariaDb {
        let seconds = if limited { STATEMENT.as_secs_f64() } else { 0.0 };
        let text = format!("SET GLOBAL max_statement_time = {seconds}");
        place.own.execute_unprepared(&text).await.doing(text)?;
    }
    Ok(())
}

/// Whether a statement takes locks: it writes, or it locks the row of a tenant.
pub fn locks(statement: Statement) -> bool {
    statement.operation != "SELECT" || statement.table == Some("tenant")
}
