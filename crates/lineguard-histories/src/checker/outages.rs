//! What has no answer has a cause, and the cause is over in time.

use super::{Limits, Rule, Violation};
use crate::clock::{Nanos, nanos, seconds};
use crate::history::{Disturbance, History, Place, Refused};

/// The codes that mean "not now".
const NOT_NOW: [&str; 3] = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"];

pub(super) fn check(history: &History, limits: &Limits, found: &mut Vec<Violation>) {
    let excuses = Excuses::of(&history.disturbances, limits);
    for refusal in &history.refusals {
        let (call, end, place) = (refusal.call, refusal.end, refusal.place);
        let excused = excuses.question(place, call, end);
        if let Some(says) = unexpected(&refusal.why, excused) {
            let kind = refusal.kind;
            let events = told(format!("{kind:?}"), place, call, end, &refusal.why, says);
            found.push(Violation { rule: Rule::Refused, at: end, events });
        }
    }
    for attempt in &history.attempts {
        let (call, end, place) = (attempt.call, attempt.end, attempt.place);
        let excused = excuses.write(place, call, end);
        match &attempt.refused {
            Some(why) => {
                if let Some(says) = unexpected(why, excused) {
                    let events = told("write".to_owned(), place, call, end, why, says);
                    found.push(Violation { rule: Rule::Refused, at: end, events });
                }
            }
            None => {
                let took = end.saturating_sub(call);
                if took > nanos(limits.acknowledgement) && !excused {
                    let events = format!(
                        "a write called at {:.6} s on {place} was acknowledged after {:.3} s",
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

fn told(what: String, place: Place, call: Nanos, end: Nanos, why: &Refused, says: &str) -> String {
    let (call, end) = (seconds(call), seconds(end));
    format!("{says}: {what} called at {call:.6} s on {place}, ended at {end:.6} s: {why}")
}

/// What excuses errors: disturbances that cut a server off from its database or a sidecar off from
/// its parent, or stop it, and the time in which it recovers. What is wrong with its parent excuses
/// a sidecar; what is wrong with a sidecar excuses no server. Redis is no excuse for anything.
struct Excuses<'h> {
    cutting: Vec<&'h Disturbance>,
    limits: &'h Limits,
}

impl<'h> Excuses<'h> {
    fn of(disturbances: &'h [Disturbance], limits: &'h Limits) -> Self {
        Self { cutting: disturbances.iter().filter(|one| one.cuts_off).collect(), limits }
    }

    fn question(&self, asked: Place, call: Nanos, end: Nanos) -> bool {
        self.any(asked, call, end, |place| place == asked || Some(place) == asked.parent())
    }

    /// A disturbed server may hold the tenant's lock, which hinders writes everywhere. A sidecar
    /// holds no lock, and writes wait for it no longer than for a server.
    fn write(&self, asked: Place, call: Nanos, end: Nanos) -> bool {
        self.any(asked, call, end, |place| place == asked || !place.is_sidecar())
    }

    fn any(&self, asked: Place, call: Nanos, end: Nanos, concerns: impl Fn(Place) -> bool) -> bool {
        let recovery = nanos(self.limits.recovery_of(asked));
        self.cutting.iter().any(|one| {
            one.place.is_none_or(&concerns)
                && one.from <= end
                && call <= one.until.saturating_add(recovery)
        })
    }
}
