//! What must hold of what was played: acknowledged is there, refused is not, and unknown is there
//! as a whole or not at all.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use lineguard_store::SqlStore;

use crate::dump::difference;
use crate::failure::{Failure, Result};
use crate::writes::{Answer, Write};

/// A write that was made, and everything there was afterwards.
#[derive(Debug)]
pub struct Step {
    /// The write.
    pub write: Write,
    /// What was answered.
    pub answer: Answer,
    /// What a new connection saw then.
    pub seen: String,
    /// Whether nothing is wrong any more: a write of this kind has to go well.
    pub well: bool,
}

/// What was found by whoever opened the store next.
#[derive(Debug)]
pub struct Look {
    /// After what.
    pub after: &'static str,
    /// Everything there was, or why it could not be opened.
    pub seen: std::result::Result<String, String>,
    /// What does not fit together: audit trails, above all.
    pub broken: Vec<String>,
    /// A last write by whoever opened it.
    pub last: Option<Step>,
}

/// Everything that was done and seen at one point.
#[derive(Debug, Default)]
pub struct Played {
    /// The writes, in their order.
    pub steps: Vec<Step>,
    /// Then what was found.
    pub looks: Vec<Look>,
}

/// What became of the write under the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Acknowledged, and there.
    Acknowledged,
    /// Unknown, and there.
    UnknownThere,
    /// Unknown, and not there.
    UnknownGone,
    /// Unknown, and it makes no difference.
    UnknownEither,
}

/// Where writes can be made without a fault, to see what they do.
pub trait Ground {
    /// A store over a copy of the first state.
    fn open(&mut self) -> impl Future<Output = Result<SqlStore>>;

    /// Everything there is, on a new connection.
    fn look(&mut self) -> impl Future<Output = Result<String>>;

    /// How lines of tables begin that an opening empties.
    fn forgotten(&self) -> &[&str];
}

/// What some writes leave, one after the other, and how the last is answered.
type Left = (Option<Answer>, String);

/// What writes do without a fault.
#[derive(Debug, Default)]
pub struct Expected(HashMap<Vec<Write>, Left>);

impl Expected {
    /// What these writes leave.
    async fn of(&mut self, ground: &mut impl Ground, writes: &[Write]) -> Result<Left> {
        if let Some(known) = self.0.get(writes) {
            return Ok(known.clone());
        }
        let store = ground.open().await?;
        let mut answer = None;
        for write in writes {
            let told = write.run(&store).await;
            if let Answer::Unknown(error) | Answer::Wrong(error) = told {
                return Err(Failure(format!("{write:?} without a fault: {error}")));
            }
            answer = Some(told);
        }
        let left = (answer, ground.look().await?);
        drop(store.close().await);
        self.0.insert(writes.to_vec(), left.clone());
        Ok(left)
    }
}

/// What is known of the store, step by step.
#[derive(Debug, Default)]
struct Known {
    /// Writes that are there.
    there: Vec<Write>,
    /// One that was not there when it was looked for, and after which nothing was committed: a
    /// database may still bring it back.
    late: Option<Write>,
    /// Whether the store was opened again.
    anew: bool,
}

/// What became of the first write, and everything that must not be.
///
/// # Errors
///
/// If what should be cannot be found out.
pub async fn judge(
    played: &Played,
    expected: &mut Expected,
    ground: &mut impl Ground,
) -> Result<(Option<Outcome>, Vec<String>)> {
    let mut known = Known::default();
    let mut violations = Vec::new();
    let mut first = None;
    for step in &played.steps {
        let (outcome, violation) = known.step(step, expected, ground).await?;
        first = first.or(outcome);
        violations.extend(violation.map(|text| format!("{:?}: {text}", step.write)));
    }
    for look in &played.looks {
        known.look(look, &mut violations, expected, ground).await?;
    }
    Ok((first, violations))
}

impl Known {
    async fn step(
        &mut self,
        step: &Step,
        expected: &mut Expected,
        ground: &mut impl Ground,
    ) -> Result<(Option<Outcome>, Option<String>)> {
        let with: Vec<Write> = self.there.iter().copied().chain([step.write]).collect();
        let (_, mut before) = expected.of(ground, &self.there).await?;
        let (answer, mut after) = expected.of(ground, &with).await?;
        if self.anew {
            (before, after) = (remembered(&before, ground), remembered(&after, ground));
        }
        let unlike = |what: &str, expected: &str| {
            Some(format!("{what}\n{}", difference(&step.seen, expected)))
        };
        Ok(match &step.answer {
            Answer::Done(revision) => {
                (self.there, self.late) = (with, None);
                let violation = if answer.as_ref() != Some(&step.answer) {
                    Some(format!("acknowledged at {revision:?}, and it should be {answer:?}"))
                } else if step.seen != after {
                    unlike("acknowledged, and it is not there as it should be", &after)
                } else {
                    None
                };
                (Some(Outcome::Acknowledged), violation)
            }
            Answer::Unknown(_) if before == after && step.seen == before => {
                (Some(Outcome::UnknownEither), recovered(step))
            }
            Answer::Unknown(_) if step.seen == after => {
                (self.there, self.late) = (with, None);
                (Some(Outcome::UnknownThere), recovered(step))
            }
            Answer::Unknown(_) if step.seen == before => {
                self.late = Some(step.write);
                (Some(Outcome::UnknownGone), recovered(step))
            }
            Answer::Unknown(_) => (None, unlike("unknown, and a part of it is there", &before)),
            Answer::Refused(_) if answer.as_ref() != Some(&step.answer) => {
                (None, Some(format!("{:?}, and it should be {answer:?}", step.answer)))
            }
            Answer::Refused(_) if step.seen != before => {
                (None, unlike("refused, and something of it is there", &before))
            }
            Answer::Refused(_) => (None, None),
            Answer::Wrong(detail) => (None, Some(format!("no answer of an outage: {detail}"))),
        })
    }

    async fn look(
        &mut self,
        look: &Look,
        violations: &mut Vec<String>,
        expected: &mut Expected,
        ground: &mut impl Ground,
    ) -> Result<()> {
        let after = look.after;
        violations.extend(look.broken.iter().map(|broken| format!("after {after}: {broken}")));
        let seen = match &look.seen {
            Ok(seen) => seen,
            Err(error) => {
                violations.push(format!("after {after} it does not open: {error}"));
                return Ok(());
            }
        };
        let there = remembered(&expected.of(ground, &self.there).await?.1, ground);
        if *seen != there {
            let with = self.there.iter().copied().chain(self.late).collect::<Vec<_>>();
            if *seen != remembered(&expected.of(ground, &with).await?.1, ground) {
                let difference = difference(seen, &there);
                let lost = format!("after {after} it is not what was acknowledged\n{difference}");
                violations.push(lost);
                return Ok(());
            }
            self.there = with;
        }
        self.anew = true;
        if let Some(last) = &look.last {
            let (_, violation) = self.step(last, expected, ground).await?;
            violations
                .extend(violation.map(|text| format!("after {after}, {:?}: {text}", last.write)));
        }
        Ok(())
    }
}

/// A write has to go well again when nothing is wrong any more.
fn recovered(step: &Step) -> Option<String> {
    step.well.then(|| format!("nothing is wrong any more, and it is {:?}", step.answer))
}

/// What an opening leaves of a text.
fn remembered(text: &str, ground: &impl Ground) -> String {
    let kept = |line: &&str| !ground.forgotten().iter().any(|start| line.starts_with(start));
    text.lines().filter(kept).collect::<Vec<_>>().join("\n")
}
