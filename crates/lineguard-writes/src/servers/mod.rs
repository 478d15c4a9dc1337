//! PostgreSQL and MariaDB: connections are killed and cut, answers are lost, statements take too
//! long, others embrace a write in a deadlock, and the server crashes.

mod adversary;
mod attack;
mod ground;
mod link;
mod play;
pub mod private;

use std::collections::HashMap;
use std::path::Path;

use lineguard_store::Statement;
use lineguard_testkit::generate::Rng;

use crate::Extent;
use crate::failure::{Failure, Result};
use crate::judge::{Expected, judge};
use crate::tally::Tally;
use crate::writes::{self, Write};
use ground::Place;
use play::{FORMS, Plan};
use private::{Kind, Private};

/// Runs on the server of a folder; the figures.
///
/// # Errors
///
/// If the server is not there, or does not do what it should without a fault.
pub async fn run(home: &Path, kind: Kind, extent: Extent, tell: impl Fn(&str)) -> Result<Tally> {
    let mut place = Place::prepare(Private::find(home, kind)?).await?;
    let mut statements = HashMap::new();
    for write in writes::ALL {
        statements.insert(write, play::statements(&mut place, write).await?);
    }
    let all: usize = statements.values().map(Vec::len).sum();
    let name = kind.name();
    tell(&format!(
        "{name}, seed {}: {all} statements of {} writes",
        extent.seed,
        writes::ALL.len()
    ));
    let mut expected = Expected::default();
    let mut tally = Tally::default();
    let mut index = extent.only.unwrap_or(0);
    while tally.points < extent.points {
        let plan = draw(index, extent.seed, &statements)?;
        let (played, met) = match play::play(&mut place, plan).await {
            Ok(played) => played,
            Err(error) if tally.again(&error, &tell) => continue,
            Err(error) => return Err(error),
        };
        if met {
            let (outcome, found) = judge(&played, &mut expected, &mut place).await?;
            let name = format!("{name}, seed {}, point {index}: {plan:?}", extent.seed);
            if let Some(text) = tally.count(plan.form.name(), outcome, name, &found) {
                let answers: Vec<_> =
                    played.steps.iter().map(|step| (step.write, &step.answer)).collect();
                tell(&format!("{text}\n    answers: {answers:?}"));
            }
        } else {
            tally.idle += 1;
        }
        index += 1;
        if extent.only.is_some() {
            break;
        }
        if index.is_multiple_of(100) {
            tell(&format!("{} points, {} violations", tally.points, tally.violations));
        }
        if tally.idle > 20 * extent.points {
            return Err(Failure("the faults meet nothing".into()));
        }
    }
    Ok(tally)
}

/// What a point is. Forms take turns, the rest is drawn.
fn draw(index: u64, seed: u64, of: &HashMap<Write, Vec<Statement>>) -> Result<Plan> {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(index));
    let place = usize::try_from(index).unwrap_or(0);
    let form = FORMS.get(place % FORMS.len()).copied();
    let form = form.ok_or_else(|| Failure("there are no forms".into()))?;
    for _ in 0..1_000 {
        let Some(write) = rng.pick(&writes::ALL).copied() else { break };
        let statements = of.get(&write).map_or(&[][..], Vec::as_slice);
        // The last one, which is the commit, in a third of cases.
        let last = statements.len().saturating_sub(1);
        let at = if rng.chance(33) { last } else { rng.below(statements.len()) };
        if statements.get(at).is_some_and(|statement| form.fits(write, *statement)) {
            let at = u64::try_from(at).unwrap_or(0);
            let (refused_first, restarted) = (rng.chance(75), rng.chance(4));
            return Ok(Plan { write, form, at, refused_first, restarted });
        }
    }
    Err(Failure(format!("no statement fits `{}`", form.name())))
}
