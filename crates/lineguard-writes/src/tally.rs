//! The figures of a run.

use std::collections::BTreeMap;
use std::fmt;

use crate::failure::Failure;
use crate::judge::Outcome;

/// How often each fault had each outcome.
#[derive(Debug, Default)]
pub struct Tally {
    rows: BTreeMap<String, BTreeMap<Outcome, u64>>,
    /// Points that met something and were judged.
    pub points: u64,
    /// Points where the fault met nothing: they prove nothing and do not count.
    pub idle: u64,
    /// Points at which something was wrong.
    pub violations: u64,
    /// Points that could not be played and were begun again.
    pub begun_again: u64,
}

/// Violations that are printed in full.
const TOLD: u64 = 10;

/// How often a run takes a point up again that could not be played: a machine that is too busy to
/// give a connection in time is no finding, and one that never does is no run.
const AGAIN: u64 = 3;

impl Tally {
    /// Whether a point that could not be played is begun again. That is told.
    pub fn again(&mut self, error: &Failure, tell: &impl Fn(&str)) -> bool {
        self.begun_again += 1;
        let again = self.begun_again <= AGAIN;
        if again {
            tell(&format!("a point could not be played and is begun again: {error}"));
        }
        again
    }

    /// Counts a point; the text of what was wrong there, to be printed.
    pub fn count(
        &mut self,
        fault: &str,
        outcome: Option<Outcome>,
        point: impl fmt::Display,
        violations: &[String],
    ) -> Option<String> {
        self.points += 1;
        if let Some(outcome) = outcome {
            let row = self.rows.entry(fault.to_owned()).or_default();
            *row.entry(outcome).or_default() += 1;
        }
        if violations.is_empty() {
            return None;
        }
        self.violations += 1;
        (self.violations <= TOLD)
            .then(|| format!("violation at {point}:\n    {}", violations.join("\n    ")))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes = [
            (Outcome::Acknowledged, "acknowledged"),
            (Outcome::UnknownThere, "unknown: there"),
            (Outcome::UnknownGone, "unknown: not there"),
            (Outcome::UnknownEither, "unknown: no change"),
        ];
        write!(f, "{:<34}", "fault")?;
        for (_, name) in outcomes {
            write!(f, "{name:>20}")?;
        }
        writeln!(f)?;
        for (fault, row) in &self.rows {
            write!(f, "{fault:<34}")?;
            for (outcome, _) in outcomes {
                write!(f, "{:>20}", row.get(&outcome).unwrap_or(&0))?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "{} points, {} violations; {} more at which the fault met nothing, {} begun again",
            self.points, self.violations, self.idle, self.begun_again
        )
    }
}
