//! A rolling restart under load: each server in turn is stopped in order and started again, callers
//! send only to those who say that they serve, and nothing is tried again. Then the same once more as
//! an upgrade, on a schema that is one step ahead.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::checker::{Limits, Rule, Violation, check};
use crate::clock::Nanos;
use crate::failure::{Failure, Result};
use crate::fleet::{Fleet, migrate};
use crate::history::{Disturbance, History, Place, Refusal, Refused};
use crate::run::{Run, Stage};
use crate::serving::Serving;
use crate::whom::Whom;

/// The sidecar that follows one server, and the one that follows whoever serves.
pub const OF_ONE: Place = Place::Sidecar { at: 0, parent: 0 };
/// See [`OF_ONE`].
pub const OF_ALL: Place = Place::Sidecar { at: 1, parent: 1 };

/// Askers of the servers, and of each sidecar.
const ASKERS: usize = 12;
const ASKERS_OF_A_SIDECAR: usize = 4;

/// Everybody who asks.
pub const ALL_ASKERS: usize = ASKERS + 2 * ASKERS_OF_A_SIDECAR;

/// How long everything rests when all serve again.
const REST: Duration = Duration::from_millis(500);

/// What a later version may do to the schema while this one runs: something more, and nothing less.
const EXPAND: &str = "ALTER TABLE tenant ADD COLUMN next_hint bigint; \
     ALTER TABLE fax ADD COLUMN next_hint varchar(64); \
     INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9000_next_expand', 0)";

/// What is restarted, and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Rounds before the upgrade.
    pub rounds: usize,
    /// The program to upgrade to.
    pub program: PathBuf,
    /// Whether the servers run another one before that. Otherwise the schema gets a step ahead of
    /// this one.
    pub from_another: bool,
}

/// Restarts everything in turn while it is asked.
///
/// # Errors
///
/// If something does not come back.
pub async fn roll(
    fleet: &Arc<Fleet>,
    serving: &Arc<Serving>,
    mut stage: Stage,
    plan: &Plan,
) -> Result<History> {
    let run = Arc::clone(&stage.run);
    let servers = Whom::Serving(Arc::clone(serving));
    stage.write_by(&servers);
    let mut asked = vec![servers; ASKERS];
    for sidecar in &fleet.sidecars {
        asked.extend(vec![Whom::One(Arc::clone(sidecar)); ASKERS_OF_A_SIDECAR]);
    }
    let restarted = async {
        let mut restarts = Vec::new();
        for _ in 0..plan.rounds {
            restarts.extend(round(fleet, serving, &run).await?);
        }
        step_ahead(fleet, plan).await?;
        restarts.extend(round(fleet, serving, &run).await?);
        run.disturbed_enough();
        Ok::<_, Failure>(restarts)
    };
    let (mut history, restarts) = tokio::try_join!(stage.play(fleet, asked), restarted)?;
    history.disturbances = restarts;
    Ok(history)
}

/// Each server once.
async fn round(fleet: &Fleet, serving: &Serving, run: &Run) -> Result<Vec<Disturbance>> {
    let mut restarts = Vec::new();
    for server in &fleet.replicas {
        let from = run.watch.now();
        server.stop().await?;
        server.start().await?;
        serving.wait_for(fleet.replicas.len()).await;
        let (until, what) = (run.watch.now(), "server restarted");
        let (place, cuts_off, effect) = (Some(server.place), true, 1);
        restarts.push(Disturbance { what, from, until, place, cuts_off, effect });
        sleep(REST).await;
    }
    Ok(restarts)
}

/// Takes the schema to where the next version has it, while the present one runs.
async fn step_ahead(fleet: &Fleet, plan: &Plan) -> Result<()> {
    let postgres = fleet.postgres.as_ref();
    let postgres = postgres.ok_or_else(|| Failure("an upgrade needs PostgreSQL".into()))?;
    if plan.from_another {
        migrate(&plan.program, fleet.home(), postgres).await?;
    } else {
        postgres.tell(EXPAND).await?;
    }
    fleet.all().for_each(|replica| replica.install(&plan.program));
    Ok(())
}

/// What must not have happened: any failed call, but those to the sidecar whose only parent was gone,
/// and any wrong answer at all.
pub fn judge(history: &History, limits: &Limits) -> Vec<Violation> {
    let of_one = |refusal: &&Refusal| refusal.place == OF_ONE;
    let (excused, refusals): (Vec<_>, Vec<_>) = history.refusals.iter().partition(of_one);
    let owned = |all: Vec<&Refusal>| all.into_iter().cloned().collect::<Vec<_>>();
    let excused = History { refusals: owned(excused), ..only_restarts(history) };
    let others = History { refusals: owned(refusals), disturbances: Vec::new(), ..history.clone() };
    let mut found = check(&others, limits);
    found.extend(check(&excused, limits));
    found.extend(excused.refusals.iter().filter(|one| !is_unavailable(&one.why)).map(|one| {
        let events = format!("not UNAVAILABLE: {:?} on {}: {}", one.kind, one.place, one.why);
        Violation { rule: Rule::Refused, at: one.end, events }
    }));
    found
}

fn only_restarts(history: &History) -> History {
    let (registers, disturbances) = (history.registers.clone(), history.disturbances.clone());
    History { registers, disturbances, ..History::default() }
}

fn is_unavailable(why: &Refused) -> bool {
    matches!(why, Refused::Status("UNAVAILABLE", _))
}

/// The longest that anybody had to wait for an answer of a place, restart by restart: from the first
/// failed call to the end of the last one.
pub fn longest_failure(history: &History, place: Place) -> Nanos {
    let during = |restart: &Disturbance, next: Nanos| {
        let failed =
            || history.refusals.iter().filter(|one| one.place == place && restart.from <= one.end);
        let failed = || failed().filter(|one| one.end < next);
        let first = failed().map(|one| one.call).min();
        let last = failed().map(|one| one.end).max();
        first.zip(last).map_or(0, |(first, last)| last - first)
    };
    let begun = history.disturbances.iter().map(|one| one.from).skip(1).chain([Nanos::MAX]);
    history.disturbances.iter().zip(begun).map(|(one, next)| during(one, next)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Kind;

    const LIMITS: Limits = Limits {
        recovery: Duration::from_nanos(10),
        following: Duration::from_nanos(20),
        acknowledgement: Duration::from_nanos(30),
    };

    /// Server 0 was restarted from 100 to 200, server 1 from 300 to 400.
    fn restarted(refusals: Vec<Refusal>) -> History {
        let restart = |at, from| {
            let (place, until) = (Some(Place::Server(at)), from + 100);
            Disturbance { what: "restart", from, until, place, cuts_off: true, effect: 1 }
        };
        History { refusals, disturbances: vec![restart(0, 100), restart(1, 300)], ..<_>::default() }
    }

    fn refused(place: Place, call: Nanos, code: &'static str) -> Refusal {
        let (kind, why) = (Kind::Check, Refused::Status(code, String::new()));
        Refusal { kind, place, call, end: call + 5, why }
    }

    fn found(refusal: Refusal) -> usize {
        judge(&restarted(vec![refusal]), &LIMITS).len()
    }

    #[test]
    fn a_restart_excuses_nobody_but_the_sidecar_whose_parent_it_is() {
        assert_eq!(found(refused(Place::Server(0), 150, "UNAVAILABLE")), 1);
        assert_eq!(found(refused(OF_ALL, 150, "UNAVAILABLE")), 1);
        assert_eq!(found(refused(OF_ALL, 350, "UNAVAILABLE")), 1);
        assert_eq!(found(refused(OF_ONE, 150, "UNAVAILABLE")), 0);
        assert_eq!(found(refused(OF_ONE, 150, "DEADLINE_EXCEEDED")), 1);
        // It has to follow again in time, and another server is not its parent.
        assert_eq!(found(refused(OF_ONE, 225, "UNAVAILABLE")), 0);
        assert_eq!(found(refused(OF_ONE, 235, "UNAVAILABLE")), 1);
        assert_eq!(found(refused(OF_ONE, 350, "UNAVAILABLE")), 1);
    }

    #[test]
    fn failures_of_two_restarts_are_not_one() {
        let failed = [110, 140, 320].map(|call| refused(OF_ONE, call, "UNAVAILABLE"));
        assert_eq!(longest_failure(&restarted(failed.into()), OF_ONE), 35);
        assert_eq!(longest_failure(&restarted(vec![]), OF_ONE), 0);
    }
}
