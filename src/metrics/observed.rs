//! Figures that other parts keep anyway, read when somebody asks for them.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::catalogue::{self, Figure};
use crate::operations::{BreakerState, CacheView, FreshnessView, Observe, Observed, SidecarsView};

/// Makes the instruments that read from `observe`.
pub(super) fn register(meter: &Meter, observe: &Observe) {
    let lookups =
        |view: &CacheView| [("hit", view.hits), ("miss", view.misses), ("stale", view.stale)];
    count(meter, &catalogue::CACHE_LOOKUPS, observe, move |seen, into| {
        for cache in &seen.caches {
            for (result, count) in lookups(cache) {
                into.observe(count, &[name(cache), KeyValue::new(catalogue::RESULT, result)]);
            }
        }
    });
    gauge(meter, &catalogue::CACHE_ENTRIES, observe, |seen, into| {
        seen.caches.iter().for_each(|cache| into.observe(cache.entries as f64, &[name(cache)]));
    });
    gauge(meter, &catalogue::CACHE_SIZE, observe, |seen, into| {
        seen.caches.iter().for_each(|cache| into.observe(cache.bytes as f64, &[name(cache)]));
    });
    freshness(meter, observe);
    shared(meter, observe);
}

fn freshness(meter: &Meter, observe: &Observe) {
    gauge(meter, &catalogue::READY, observe, |seen, into| {
        into.observe(if seen.freshness.ready { 1.0 } else { 0.0 }, &[]);
    });
    gauge(meter, &catalogue::STORING, observe, |seen, into| {
        into.observe(if seen.storing { 1.0 } else { 0.0 }, &[]);
    });
    gauge(meter, &catalogue::REMOVALS, observe, |seen, into| {
        into.observe(seen.removals.pending as f64, &[]);
    });
    count(meter, &catalogue::REMOVED_ROWS, observe, |seen, into| {
        into.observe(seen.removals.rows, &[]);
    });
    gauge(meter, &catalogue::LEASE_REMAINING, observe, |seen, into| {
        let left = seen.freshness.lease_remaining.unwrap_or_default();
        into.observe(left.as_secs_f64(), &[]);
    });
    gauge(meter, &catalogue::POLL_AGE, observe, |seen, into| {
        if let Some(poll) = seen.freshness.last_poll {
            into.observe(poll.age.as_secs_f64(), &[]);
        }
    });
    gauge(meter, &catalogue::POLL_LATENCY, observe, |seen, into| {
        if let Some(poll) = seen.freshness.last_poll {
            into.observe(poll.latency.as_secs_f64(), &[]);
        }
    });
    gauge(meter, &catalogue::REVISION_LAG, observe, |seen, into| {
        into.observe(seen.freshness.revision_lag as f64, &[]);
    });
    gauge(meter, &catalogue::RECORDS, observe, |seen, into| {
        into.observe(seen.freshness.records as f64, &[]);
    });
    type Read = fn(&FreshnessView) -> u64;
    let counts: [(&Figure, Read); 4] = [
        (&catalogue::LEASES_LOST, |view| view.leases_lost),
        (&catalogue::POLLS_FAILED, |view| view.polls_failed),
        (&catalogue::OTHER_HISTORIES, |view| view.other_histories),
        (&catalogue::FENCED, |view| view.fenced),
    ];
    for (figure, read) in counts {
        count(meter, figure, observe, move |seen, into| into.observe(read(&seen.freshness), &[]));
    }
}

fn shared(meter: &Meter, observe: &Observe) {
    count(meter, &catalogue::L2_FAILURES, observe, |seen, into| {
        let shared = seen.shared;
        for (reason, count) in
            [("error", shared.errors), ("timeout", shared.timeouts), ("mac", shared.forged)]
        {
            into.observe(count, &[KeyValue::new(catalogue::REASON, reason)]);
        }
    });
    gauge(meter, &catalogue::SIDECARS, observe, |seen, into| {
        let SidecarsView { following, leased } = seen.sidecars;
        for (state, count) in [("leased", leased), ("lapsed", following.saturating_sub(leased))] {
            into.observe(count as f64, &[KeyValue::new(catalogue::SIDECAR, state)]);
        }
    });
    let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
    gauge(meter, &catalogue::BUS_CONNECTED, observe, move |seen, into| {
        into.observe(flag(seen.shared.connected), &[]);
    });
    gauge(meter, &catalogue::BREAKER_OPEN, observe, move |seen, into| {
        into.observe(flag(seen.shared.breaker == Some(BreakerState::Open)), &[]);
    });
}

fn name(cache: &CacheView) -> KeyValue {
    KeyValue::new(catalogue::CACHE, cache.name.as_str())
}

fn count(
    meter: &Meter,
    figure: &Figure,
    observe: &Observe,
    read: impl Fn(&Observed, &dyn AsyncInstrument<u64>) + Send + Sync + 'static,
) {
    let observe = Arc::clone(observe);
    let _ = meter
        .u64_observable_counter(figure.name)
        .with_unit(figure.unit)
        .with_description(figure.help)
        .with_callback(move |into| read(&observe(), into))
        .build();
}

fn gauge(
    meter: &Meter,
    figure: &Figure,
    observe: &Observe,
    read: impl Fn(&Observed, &dyn AsyncInstrument<f64>) + Send + Sync + 'static,
) {
    let observe = Arc::clone(observe);
    let _ = meter
        .f64_observable_gauge(figure.name)
        .with_unit(figure.unit)
        .with_description(figure.help)
        .with_callback(move |into| read(&observe(), into))
        .build();
}
