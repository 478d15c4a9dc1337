//! SQLite: every call to the file system may fail, and the file is opened anew after each point.

mod forms;
mod ground;
mod play;

use std::collections::HashMap;
use std::path::Path;

use lineguard_testkit::generate::Rng;

use crate::Extent;
use crate::failure::{Failure, Result};
use crate::judge::{Expected, judge};
use crate::tally::Tally;
use crate::vfs::{self, CALLS};
use crate::writes::{self, Write};
use forms::{FORMS, Form, SIZE_STEPS};
use ground::{File, Start};
use play::{End, Plan, Until};

/// One point, before the rest is drawn.
#[derive(Debug, Clone, Copy)]
struct Point {
    write: Write,
    start: Start,
    form: Form,
    at: u64,
}

/// Runs; the figures, and what was wrong in words.
///
/// # Errors
///
/// If a store without a fault does not do what it should.
pub async fn run(folder: &Path, extent: Extent, tell: impl Fn(&str)) -> Result<Tally> {
    vfs::install()?;
    let mut file = File::prepare(folder).await?;
    let limits = survives_a_limit();
    if !limits {
        tell("SIGXFSZ is not ignored here: limits of the system are left out");
    }
    let mut all = every_point(&mut file, limits).await?;
    let possible = all.len();
    tell(&format!(
        "seed {}: {possible} different points of {} writes",
        extent.seed,
        writes::ALL.len()
    ));
    let mut rng = Rng::new(extent.seed);
    for at in (1..all.len()).rev() {
        all.swap(at, rng.below(at + 1));
    }
    let mut expected =
        HashMap::from([(Start::Short, Expected::default()), (Start::Long, Expected::default())]);
    let mut tally = Tally::default();
    let mut index = extent.only.unwrap_or(0);
    while tally.points < extent.points {
        let place = usize::try_from(index).unwrap_or(0) % possible;
        let Some(point) = all.get(place).copied() else {
            return Err(Failure("there are no points".into()));
        };
        let mut rng = Rng::new(extent.seed.wrapping_mul(0x9e37_79b9).wrapping_add(index));
        let plan = draw(point, &mut rng);
        let (played, met) = match play::play(&mut file, plan).await {
            Ok(played) => played,
            Err(error) if tally.again(&error, &tell) => continue,
            Err(error) => return Err(error),
        };
        if met == 0 {
            tally.idle += 1;
        } else if let Some(expected) = expected.get_mut(&point.start) {
            let (outcome, found) = judge(&played, expected, &mut file).await?;
            let name = format!("seed {}, point {index}: {plan:?}", extent.seed);
            if let Some(text) = tally.count(point.form.name(), outcome, name, &found) {
                let answers: Vec<_> =
                    played.steps.iter().map(|step| (step.write, &step.answer)).collect();
                tell(&format!("{text}\n    answers: {answers:?}"));
            }
        }
        index += 1;
        if extent.only.is_some() {
            break;
        }
        if index.is_multiple_of(1_000) {
            tell(&format!("{} points, {} violations", tally.points, tally.violations));
        }
    }
    Ok(tally)
}

/// Whether the signal that ends a process which writes beyond a limit is ignored. Who starts this
/// program has to see to it.
fn survives_a_limit() -> bool {
    const SIGXFSZ: u32 = 25;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (SIGXFSZ - 1)) != 0)
}

/// Every call of every write, with everything that can go wrong there.
async fn every_point(file: &mut File, limits: bool) -> Result<Vec<Point>> {
    let mut all = Vec::new();
    for write in writes::ALL {
        for start in [Start::Short, Start::Long] {
            file.start = start;
            let (calls, statements) = play::count(file, write).await?;
            for form in FORMS {
                let many = match form {
                    Form::Calls(fault) => {
                        let of = |call| calls.get(call).copied().unwrap_or(0);
                        CALLS.iter().filter(|call| fault.calls.contains(call)).map(of).sum()
                    }
                    Form::Statement(..) => statements,
                    Form::Size => u64::from(limits) * SIZE_STEPS,
                };
                all.extend((0..many).map(|at| Point { write, start, form, at }));
            }
        }
    }
    Ok(all)
}

/// The rest of a point: how long it lasts, what comes after, how it ends.
fn draw(point: Point, rng: &mut Rng) -> Plan {
    let Point { write, start, form, at } = point;
    let lasting = [Until::Written, Until::Refused, Until::Next];
    let until = match form {
        Form::Calls(_) if rng.chance(50) => Until::Once,
        _ => rng.pick(&lasting).copied().unwrap_or(Until::Written),
    };
    let ends = [End::Closed, End::ClosedInFault, End::Killed, End::PowerCut];
    let end = rng.pick(&ends).copied().unwrap_or(End::Closed);
    let refused_first = rng.chance(75);
    Plan { write, start, form, at, until, end, refused_first }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long form is `tests/writes`; this much is there for every run of the tests.
    #[tokio::test(flavor = "multi_thread")]
    async fn some_points_of_everything() {
        let home = tempfile::tempdir().unwrap();
        let extent = Extent { seed: 7, points: 20, only: None, expect_violations: false };
        let tally =
            run(home.path(), extent, |text| assert!(!text.contains("violation at"), "{text}"));
        let tally = tally.await.unwrap();
        assert_eq!((tally.points, tally.violations), (20, 0), "{tally}");
    }
}
