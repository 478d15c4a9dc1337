//! What has no answer has a cause, and the cause is over in time.

use super::{Limits, Rule, Violation};
use crate::clock::{Nanos, nanos, seconds};
use crate::history::{Disturbance, History, Refused};

/// The codes that mean "not now".
const NOT_NOW: [&str; 3] = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"];

pub(super) fn check(history: &History, limits: &Limits, found: &mut Vec<Violation>) {
    let excuses = Excuses::of(&history.disturbances, limits);
    for refusal in &history.refusals {
        let (call, end, server) = (refusal.call, refusal.end, refusal.server);
        let excused = excuses.server(server).overlap(call, end);
        if let Some(says) = unexpected(&refusal.why, excused) {
            let kind = refusal.kind;
            let events = told(format!("{kind:?}"), server, call, end, &refusal.why, says);
            found.push(Violation { rule: Rule::Refused, at: end, events });
        }
    }
    for attempt in &history.attempts {
        let (call, end, server) = (attempt.call, attempt.end, attempt.server);
        // A disturbed server may hold the tenant's lock, which hinders writes everywhere.
        let excused = excuses.all.overlap(call, end);
        match &attempt.refused {
            Some(why) => {
                if let Some(says) = unexpected(why, excused) {
                    let events = told("write".to_owned(), server, call, end, why, says);
                    found.push(Violation { rule: Rule::Refused, at: end, events });
                }
            }
            None => {
                let took = end.saturating_sub(call);
                if took > nanos(limits.acknowledgement) && !excused {
                    let events = format!(
                        "a write called at {:.6} s on server {server} was acknowledged after {:.3} s",
                        seconds(call),
                        seconds(took),
                    );
                    found.push(Violation { rule: Rule::Late, at: end, events });
                }
            }
        }
    }
}

/// What is wrong with a refusal, if anything is.
fn unexpected(why: &Refused, excused: bool) -> Option<&'static str> {
    match why {
        Refused::Status(code, _) if !NOT_NOW.contains(code) => Some("an error of no outage"),
        _ if !excused => Some("an error although nothing was wrong"),
        _ => None,
    }
}

fn told(what: String, server: u8, call: Nanos, end: Nanos, why: &Refused, says: &str) -> String {
    let (call, end) = (seconds(call), seconds(end));
    format!("{says}: {what} called at {call:.6} s on server {server}, ended at {end:.6} s: {why}")
}

/// When errors are excused: disturbances that cut a server off from its database or stop it, and
/// the time in which it recovers. Redis is no excuse for anything.
struct Excuses {
    all: Times,
    /// For each server, those of its own and those of all.
    servers: Vec<Times>,
    /// Those of all servers, for a server that had none of its own.
    common: Times,
}

impl Excuses {
    fn of(disturbances: &[Disturbance], limits: &Limits) -> Self {
        let cutting = || disturbances.iter().filter(|one| one.cuts_off);
        let servers = cutting().filter_map(|one| one.server).max().map_or(0, |last| last + 1);
        let of =
            |server: u8| cutting().filter(move |one| one.server.is_none_or(|its| its == server));
        Self {
            all: Times::of(cutting(), limits),
            servers: (0..servers).map(|server| Times::of(of(server), limits)).collect(),
            common: Times::of(cutting().filter(|one| one.server.is_none()), limits),
        }
    }

    fn server(&self, server: u8) -> &Times {
        self.servers.get(usize::from(server)).unwrap_or(&self.common)
    }
}

/// Times that do not overlap, in order.
struct Times(Vec<(Nanos, Nanos)>);

impl Times {
    fn of<'d>(disturbances: impl Iterator<Item = &'d Disturbance>, limits: &Limits) -> Self {
        let recovery = nanos(limits.recovery);
        let mut times: Vec<(Nanos, Nanos)> =
            disturbances.map(|one| (one.from, one.until.saturating_add(recovery))).collect();
        times.sort_unstable();
        let mut merged: Vec<(Nanos, Nanos)> = Vec::new();
        for (from, until) in times {
            match merged.last_mut() {
                Some((_, last)) if from <= *last => *last = until.max(*last),
                _ => merged.push((from, until)),
            }
        }
        Self(merged)
    }

    fn overlap(&self, from: Nanos, until: Nanos) -> bool {
        let next = self.0.partition_point(|(_, end)| *end < from);
        self.0.get(next).is_some_and(|(start, _)| *start <= until)
    }
}
