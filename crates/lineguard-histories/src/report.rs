//! A run in figures.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use crate::clock::{Nanos, nanos, seconds};
use crate::history::{Attempt, Disturbance, History, Kind, Place, word};

/// Gives pauses and restarts of processes the effect that only the history shows: calls to them that
/// failed, or that took as long as half of the disturbance.
pub fn attribute(history: &mut History) {
    let mut calls: Vec<(Place, Nanos, Nanos, bool)> = Vec::new();
    calls.extend(history.answers.iter().map(|one| (one.place, one.call, one.reply, false)));
    calls.extend(history.refusals.iter().map(|one| (one.place, one.call, one.end, true)));
    let attempts = history.attempts.iter();
    calls.extend(attempts.map(|one| (one.place, one.call, one.end, one.refused.is_some())));
    calls.sort_unstable_by_key(|(_, call, ..)| *call);
    for disturbance in &mut history.disturbances {
        let Some(place) = disturbance.place.filter(|_| disturbance.effect == 0) else { continue };
        if !["server", "sidecar"].iter().any(|whose| disturbance.what.starts_with(whose)) {
            continue;
        }
        let half = (disturbance.until - disturbance.from) / 2;
        let begun = calls.partition_point(|(_, call, ..)| *call <= disturbance.until);
        let met =
            calls.get(..begun).unwrap_or_default().iter().filter(|(at, call, end, failed)| {
                *at == place && *end >= disturbance.from && (*failed || end - call >= half)
            });
        disturbance.effect = u64::try_from(met.count()).unwrap_or(u64::MAX);
    }
}

/// Prints what was done, what went wrong and how long acknowledgements took.
#[derive(Debug)]
pub struct Summary<'h> {
    /// The run.
    pub history: &'h History,
    /// How long after a disturbance acknowledgements still count as disturbed.
    pub recovery: Duration,
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, .. } = self;
        writeln!(f, "checks answered   {:>9}", history.answers.len())?;
        for ((kind, value), count) in count(history.answers.iter().map(|one| (one.kind, one.value)))
        {
            writeln!(f, "  {:<16}{count:>9}  {}", spoken(kind), word(value))?;
        }
        let of_sidecars = || history.answers.iter().filter(|one| one.place.is_sidecar());
        writeln!(f, "  by sidecars     {:>9}", of_sidecars().count())?;
        for (kind, count) in count(of_sidecars().map(|one| one.kind)) {
            writeln!(f, "    {:<14}{count:>9}", spoken(kind))?;
        }
        writeln!(f, "checks refused    {:>9}", history.refusals.len())?;
        print(f, count(history.refusals.iter().map(|one| one.why.to_string())))?;
        let acknowledged = history.writes.iter().filter(|one| one.ack.is_some()).count();
        writeln!(f, "writes            {acknowledged:>9}")?;
        let given_up = history.writes.len() - acknowledged;
        writeln!(f, "  given up        {given_up:>9}")?;
        let passed = |one: &&Attempt| one.place.is_sidecar() && one.refused.is_none();
        let passed_on = history.attempts.iter().filter(passed).count();
        writeln!(f, "  by sidecars     {passed_on:>9}")?;
        let refused = history.attempts.iter().filter_map(|one| one.refused.as_ref());
        print(f, count(refused.map(|why| format!("tried again: {why}"))))?;
        self.faults(f)?;
        self.acknowledgements(f)
    }
}

/// Calls that were answered and calls that failed, of each kind and place.
pub fn tell_calls(history: &History) -> String {
    let mut calls: BTreeMap<(Place, &str), (usize, usize)> = BTreeMap::new();
    let mut add = |place, kind, failed| {
        let (answered, refused) = calls.entry((place, kind)).or_default();
        *if failed { refused } else { answered } += 1;
    };
    history.answers.iter().for_each(|one| add(one.place, spoken(one.kind), false));
    history.refusals.iter().for_each(|one| add(one.place, spoken(one.kind), true));
    history.attempts.iter().for_each(|one| add(one.place, "writes", one.refused.is_some()));
    let lines = calls.into_iter().map(|((place, kind), (answered, failed))| {
        format!("{:<12}{kind:<16}{answered:>8} answered {failed:>6} failed\n", place.to_string())
    });
    lines.collect()
}

impl Summary<'_> {
    fn faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults: BTreeMap<&str, (usize, usize, u64)> = BTreeMap::new();
        for one in &self.history.disturbances {
            let (made, met, effect) = faults.entry(one.what).or_default();
            *made += 1;
            *met += usize::from(one.effect > 0);
            *effect = effect.saturating_add(one.effect);
        }
        let met: usize = faults.values().map(|(_, met, _)| met).sum();
        writeln!(f, "faults that met traffic {met} of {}", self.history.disturbances.len())?;
        for (what, (made, met, effect)) in faults {
            writeln!(f, "  {what:<46}{met:>4} of {made:<4} {effect:>10}")?;
        }
        Ok(())
    }

    fn acknowledgements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut phases: BTreeMap<&str, Vec<Nanos>> = BTreeMap::new();
        for attempt in self.history.attempts.iter().filter(|one| one.refused.is_none()) {
            let took = attempt.end - attempt.call;
            phases
                .entry(phase(attempt, &self.history.disturbances, nanos(self.recovery)))
                .or_default()
                .push(took);
        }
        writeln!(
            f,
            "acknowledgements (ms)                        count      p50      p95      p99      max"
        )?;
        for (phase, mut took) in phases {
            took.sort_unstable();
            write!(f, "  {phase:<40}{:>8}", took.len())?;
            for part in [50, 95, 99, 100] {
                write!(f, " {:>8.1}", seconds(percentile(&took, part)) * 1_000.0)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The value below or at which `percent` of all lie; the values are sorted.
pub fn percentile(sorted: &[Nanos], percent: usize) -> Nanos {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).or(sorted.last()).copied().unwrap_or(0)
}

/// What was wrong while a write was acknowledged.
fn phase(attempt: &Attempt, disturbances: &[Disturbance], recovery: Nanos) -> &'static str {
    let mut met = disturbances
        .iter()
        .filter(|one| one.from <= attempt.end && attempt.call <= one.until + recovery)
        .peekable();
    if met.peek().is_none() {
        return "nothing wrong";
    }
    let all: Vec<&Disturbance> = met.collect();
    let any = |is: &dyn Fn(&Disturbance) -> bool| all.iter().any(|one| one.cuts_off && is(one));
    let at = |one: &Disturbance, place| one.place == Some(place);
    let server = attempt.place.parent().unwrap_or(attempt.place);
    let of_a_sidecar = |one: &Disturbance| one.place.is_some_and(Place::is_sidecar);
    if any(&|one| one.place.is_none() || at(one, server)) {
        "its own server or PostgreSQL disturbed"
    } else if any(&|one| at(one, attempt.place)) {
        "the sidecar that passes it on disturbed"
    } else if any(&|one| one.what == "server paused") {
        "another server paused"
    } else if any(&|one| !of_a_sidecar(one)) {
        "another server disturbed"
    } else if any(&|one| one.what == "sidecar paused") {
        "a sidecar paused"
    } else if any(&of_a_sidecar) {
        "a sidecar disturbed"
    } else {
        "Redis disturbed"
    }
}

fn count<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts
}

fn print(f: &mut fmt::Formatter<'_>, counts: BTreeMap<String, usize>) -> fmt::Result {
    counts.into_iter().try_for_each(|(what, count)| writeln!(f, "  {count:>24}  {what}"))
}

fn spoken(kind: Kind) -> &'static str {
    match kind {
        Kind::Check => "single",
        Kind::Batch => "in batches",
        Kind::List => "pages of faxes",
        Kind::CallerId => "caller IDs",
        Kind::AutoAssign => "auto-assign",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Refusal, Refused};

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<Nanos> = (1..=100).collect();
        for (percent, value) in [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(percentile(&hundred, percent), value);
        }
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn a_pause_that_nobody_noticed_has_no_effect() {
        let disturbance = |what, server| Disturbance {
            what,
            from: 100,
            until: 200,
            place: Some(Place::Server(server)),
            cuts_off: true,
            effect: 0,
        };
        let refused = |server, call, end| {
            let why = Refused::Silence;
            Refusal { kind: Kind::Check, place: Place::Server(server), call, end, why }
        };
        let mut history = History {
            disturbances: vec![
                disturbance("server paused", 0),
                disturbance("server paused", 1),
                disturbance("link to Redis cut", 0),
            ],
            refusals: vec![refused(0, 90, 101), refused(0, 150, 160), refused(1, 90, 99)],
            ..History::default()
        };
        attribute(&mut history);
        let effects: Vec<u64> = history.disturbances.iter().map(|one| one.effect).collect();
        assert_eq!(effects, [2, 0, 0]);
    }
}
