//! What is answered while neither a lease nor the database is there.

use std::time::Duration;

use lineguard_core::stamp::Shard;

use super::{Answered, Ask, Gathering, Recency, reaches};
use crate::app::App;
use crate::config::{EmergencyRule, Outage, OutageRule};
use crate::metrics::Operation;

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// By kind of operation.
    pub outage: Outage,
    /// How stale an answer a request may ask for.
    pub most_staleness: Duration,
    /// How long an answer waits for the database before there is an outage.
    pub patience: Duration,
}

impl Default for Contract {
    fn default() -> Self {
        let patience = Duration::from_millis(700);
        Self { outage: Outage::default(), most_staleness: Duration::ZERO, patience }
    }
}

impl Contract {
    /// How stale an answer may be.
    fn staleness(&self, operation: Option<Operation>, asked_for: Option<Duration>) -> Duration {
        let of = |rule| match rule {
            OutageRule::FailClosed => Duration::ZERO,
            OutageRule::Stale(age) => age,
        };
        let Outage { view_content, send, place_call, caller_id, list, emergency_call } =
            self.outage;
        let allowed = match operation {
            Some(Operation::ViewContent) => of(view_content),
            Some(Operation::Send) => of(send),
            Some(Operation::PlaceCall) => of(place_call),
            Some(Operation::CallerId) => of(caller_id),
            Some(Operation::List) => of(list),
            Some(Operation::EmergencyCall) => match emergency_call {
                EmergencyRule::Allow => Duration::ZERO,
                EmergencyRule::Rule(rule) => of(rule),
            },
            // An old state may confer what was taken away: nothing that is not of one of these kinds
            // is answered from it, whoever asks for it.
            None => return Duration::ZERO,
        };
        asked_for.map_or(allowed, |age| age.min(allowed.max(self.most_staleness)))
    }

    /// Whether an emergency call is allowed when nothing can be known.
    pub fn allows_emergency_calls(&self) -> bool {
        self.outage.emergency_call == EmergencyRule::Allow
    }
}

/// An answer from the last state that was known, if it is recent enough and all parts are cached.
pub(super) async fn stale<Q: Ask>(
    app: &App,
    asked: &Q,
    recency: &Recency,
) -> Option<Answered<Q::Answer>> {
    let allowed = app.contract.staleness(asked.operation(), recency.max_staleness);
    if allowed.is_zero() || !app.caches.are_on() {
        return None;
    }
    let (sight, age) = app.freshness.stale_sight()?;
    let stamp = sight.stamp(Shard::of(asked.tenant()));
    let enough = recency.at_least.as_ref().is_none_or(|token| reaches(stamp, token));
    if age > allowed || !enough {
        return None;
    }
    let mut from = Gathering::cached(app, asked.tenant(), sight, app.clock.now());
    let answer = asked.ask(app, &mut from).await.ok()?;
    if from.has_missed() {
        return None;
    }
    if let Some(operation) = asked.operation() {
        app.metrics.stale_answer(operation);
    }
    Some(Answered { answer, revision: from.revision(), staleness: Some(age) })
}
