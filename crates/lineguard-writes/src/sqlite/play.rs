//! One point: the write with the fault, what comes after, and the end of the file.

use std::collections::HashMap;
use std::path::Path;

use lineguard_store::{OpenMode, SqlStore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::forms::{Everything, Form, SIZE_STEP};
use super::ground::{File, Start, contents, length, log_of, open};
use crate::failure::{Doing, Result};
use crate::first;
use crate::judge::{Look, Played, Step};
use crate::points::Points;
use crate::vfs::{self, Call};
use crate::writes::{Answer, Write};

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// For one call.
    Once,
    /// Until the write has ended.
    Written,
    /// Until a write after it was refused, or was not answered.
    Refused,
    /// Until an ordinary one after it.
    Next,
}

/// How a file is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order.
    Closed,
    /// In order, on a disk that is full.
    ClosedInFault,
    /// By a process that is killed.
    Killed,
    /// By a machine that is switched off: what was not made durable is gone.
    PowerCut,
}

/// All that is chosen for a point.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The write under the fault.
    pub write: Write,
    /// On which file.
    pub start: Start,
    /// What goes wrong.
    pub form: Form,
    /// Where.
    pub at: u64,
    /// How long.
    pub until: Until,
    /// And how it ends.
    pub end: End,
    /// Whether the next write is one that is refused.
    pub refused_first: bool,
}

/// How often a write may fail after nothing is wrong any more.
const TRIES: u32 = 1;

/// The calls and statements of a write on the present first state.
pub async fn count(file: &mut File, write: Write) -> Result<(HashMap<Call, u64>, u64)> {
    let points = Points::default();
    vfs::use_faulty()?;
    let store = open(&file.copy()?, OpenMode::Existing).await?.watched(points.watch());
    first::join(&store).await?;
    points.start(None, |_| {});
    vfs::arm(None);
    write.run(&store).await;
    let calls = vfs::counts();
    vfs::lift();
    let (statements, _) = points.stop();
    store.close().await.doing("closing")?;
    Ok((calls, u64::try_from(statements.len()).unwrap_or(0)))
}

/// Plays a point. How many calls, or limits, the fault met.
pub async fn play(file: &mut File, plan: Plan) -> Result<(Played, u64)> {
    // A point that could not be played may have left them.
    vfs::lift();
    limit_size(None)?;
    file.start = plan.start;
    let path = file.copy()?;
    let points = Points::default();
    vfs::use_faulty()?;
    if plan.end == End::PowerCut {
        vfs::remember(contents(&path));
    }
    let store = open(&path, OpenMode::Existing).await?.watched(points.watch());
    first::join(&store).await?;
    let mut playing = Playing { file: &*file, path: &path, store, played: Played::default() };

    begin(&points, &path, plan)?;
    playing.write(plan.write, false).await?;
    points.stop();
    let mut met = 0;
    if matches!(plan.until, Until::Once | Until::Written) {
        met = lift(plan.form, &playing)?;
    }
    let mut after = [Write::Refused, Write::Next, Write::NextFax, plan.write.again()];
    if !plan.refused_first {
        after.swap(0, 1);
    }
    for write in after {
        let well = met > 0;
        playing.until_answered(write, well).await?;
        let lifts = match plan.until {
            Until::Once | Until::Written => false,
            Until::Refused => write == Write::Refused,
            Until::Next => write == Write::Next,
        };
        if lifts {
            met = lift(plan.form, &playing)?;
        }
    }
    vfs::lift();
    let Playing { mut played, store, .. } = playing;
    if met > 0 {
        played.looks.push(leave(file, &path, store, plan.end).await?);
    } else {
        drop(store.close().await);
    }
    vfs::use_ordinary()?;
    vfs::forget();
    Ok((played, met))
}

/// Lets the fault begin.
fn begin(points: &Points, path: &Path, plan: Plan) -> Result<()> {
    match plan.form {
        Form::Calls(calls) => {
            points.start(None, |_| {});
            vfs::arm(Some(calls.fault(plan.at, plan.until == Until::Once)));
        }
        Form::Statement(side, everything) => {
            vfs::arm(None);
            points.start(Some((plan.at, side)), move |_| vfs::fail_from_now(everything.fault()));
        }
        Form::Size => {
            points.start(None, |_| {});
            // The log of an empty file is no guide to the file itself, which is longer.
            limit_size(Some(length(&log_of(path)) + plan.at * SIZE_STEP))?;
        }
    }
    Ok(())
}

/// Ends the fault; whether it met anything.
fn lift(form: Form, playing: &Playing<'_>) -> Result<u64> {
    let met = vfs::lift();
    if form != Form::Size {
        return Ok(met);
    }
    limit_size(None)?;
    let failed = |step: &&Step| matches!(step.answer, Answer::Unknown(_));
    Ok(u64::try_from(playing.played.steps.iter().filter(failed).count()).unwrap_or(1))
}

/// Lets no file of this process grow beyond a size. The signal that would end it is ignored by who
/// started it.
fn limit_size(to: Option<u64>) -> Result<()> {
    let limit = Rlimit { current: to, ..getrlimit(Resource::Fsize) };
    setrlimit(Resource::Fsize, limit).doing("a limit of the size of files")
}

struct Playing<'f> {
    file: &'f File,
    path: &'f Path,
    store: SqlStore,
    played: Played,
}

impl Playing<'_> {
    async fn write(&mut self, write: Write, well: bool) -> Result<bool> {
        let answer = write.run(&self.store).await;
        let seen = self.file.read(self.path).await?;
        let known = !matches!(answer, Answer::Unknown(_));
        self.played.steps.push(Step { write, answer, seen, well });
        Ok(known)
    }

    /// A write that is tried again while it may fail.
    async fn until_answered(&mut self, write: Write, well: bool) -> Result<()> {
        for left in (0..TRIES).rev() {
            if self.write(write, well && left == 0).await? {
                break;
            }
        }
        Ok(())
    }
}

/// Leaves the file, and looks what is there.
async fn leave(file: &mut File, path: &Path, store: SqlStore, end: End) -> Result<Look> {
    match end {
        End::Closed => {
            let closed = store.close().await;
            let mut look = file.look("the end", path).await?;
            if let Err(error) = closed {
                look.broken.push(format!("it did not close: {error}"));
            }
            Ok(look)
        }
        End::ClosedInFault => {
            vfs::arm(Some(Everything::Full.fault()));
            // It may say that it could not; what is stored stays stored.
            drop(store.close().await);
            vfs::lift();
            file.look("the end on a full disk", path).await
        }
        End::Killed => {
            let left = file.as_killed(path)?;
            drop(store.close().await);
            file.look("a kill", &left).await
        }
        End::PowerCut => {
            let left = file.as_cut_off(path)?;
            drop(store.close().await);
            file.look("a power cut", &left).await
        }
    }
}
