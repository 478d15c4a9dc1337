//! What is answered while neither a lease nor the database is there.

use std::time::Duration;

use lineguard_core::stamp::Shard;

use super::{Answered, Ask, Gathering, Recency, reaches};
use crate::app::App;
use crate::config::{Outage, OutageRule};
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
        let Outage { view_content, send, place_call, caller_id, list } = self.outage;
        let allowed = match operation {
            Some(Operation::ViewContent) => of(view_content),
            Some(Operation::Send) => of(send),
            Some(Operation::PlaceCall) => of(place_call),
            Some(Operation::CallerId) => of(caller_id),
            Some(Operation::List) => of(list),
            // An old state may confer what was taken away: nothing that is not of one of these kinds
            // is answered from it, whoever asks for it.
            None => return Duration::ZERO,
        };
        asked_for.map_or(allowed, |age| age.min(allowed.max(self.most_staleness)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(age: u64) -> Duration {
        Duration::from_secs(age)
    }

    fn contract(rule: OutageRule, most: u64) -> Contract {
        let outage = Outage {
            view_content: rule,
            send: rule,
            place_call: rule,
            caller_id: rule,
            list: rule,
        };
        Contract { outage, most_staleness: seconds(most), ..Contract::default() }
    }

    #[test]
    fn a_request_may_ask_for_less_and_as_far_as_permitted_for_more() {
        let (closed, stale) = (OutageRule::FailClosed, OutageRule::Stale(seconds(30)));
        for (rule, asked, most, allowed) in [
            (closed, None, 60, 0),
            (closed, Some(10), 60, 10),
            (closed, Some(90), 60, 60),
            (closed, Some(10), 0, 0),
            (stale, None, 0, 30),
            (stale, Some(10), 0, 10),
            (stale, Some(90), 0, 30),
            (stale, Some(90), 60, 60),
            (stale, Some(0), 60, 0),
        ] {
            for (operation, _) in Operation::ALL {
                let found = contract(rule, most).staleness(Some(operation), asked.map(seconds));
                assert_eq!(found, seconds(allowed), "{rule} {asked:?} {most}");
            }
        }
    }

    #[test]
    fn only_marked_actions_are_answered_from_an_older_state() {
        let open = contract(OutageRule::Stale(seconds(30)), 60);
        assert_eq!(open.staleness(None, None), Duration::ZERO);
        assert_eq!(open.staleness(None, Some(seconds(10))), Duration::ZERO);
    }
}
