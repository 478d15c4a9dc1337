//! `GetStatus`.

use lineguard_core::feed::{Incarnation, ReplicaRow, ReplicaState};
use lineguard_core::port::DuplicateNumber;

use super::consistency::duration_to_wire;
use super::id::time_to_wire;
use super::pb;
use crate::operations::{
    BreakerState, CacheView, FreshnessView, Observed, OperationsView, PollView, SharedView,
    SidecarsView, Untold, WaitPath, WaitView,
};

/// The answer to `GetStatus`.
pub fn status_response(view: OperationsView) -> pb::GetStatusResponse {
    let OperationsView { started, observed, replicas, duplicates } = view;
    let Observed { freshness, storing, removals, waits, caches, shared, sidecars } = observed;
    let SidecarsView { following, leased } = sidecars;
    let answering = freshness.incarnation;
    let (replicas, replicas_unknown) = match replicas {
        Ok(rows) => {
            (rows.into_iter().map(|row| replica_to_wire(row, answering)).collect(), String::new())
        }
        Err(error) => {
            tracing::warn!(%error, "the list of replicas cannot be read");
            (Vec::new(), "the store gave no answer".to_owned())
        }
    };
    let (duplicate_numbers, duplicate_numbers_unknown) = match duplicates {
        Ok(numbers) => (numbers.iter().map(duplicate_to_wire).collect(), ""),
        Err(Untold::NotForCaller) => (Vec::new(), "told to callers of all tenants only"),
        Err(Untold::Unknown(error)) => {
            tracing::warn!(%error, "numbers of several tenants cannot be read");
            (Vec::new(), "the store gave no answer")
        }
    };
    pb::GetStatusResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: Some(time_to_wire(started)),
        freshness: Some(freshness_to_wire(freshness)),
        replicas,
        replicas_unknown,
        waits: waits.into_iter().map(wait_to_wire).collect(),
        caches: caches.into_iter().map(cache_to_wire).collect(),
        shared: Some(shared_to_wire(shared)),
        sidecars: Some(pb::SidecarsStatus { following, leased }),
        duplicate_numbers,
        duplicate_numbers_unknown: duplicate_numbers_unknown.to_owned(),
        writes_fail: !storing,
        removals_pending: removals.pending,
    }
}

fn duplicate_to_wire(duplicate: &DuplicateNumber) -> pb::DuplicateNumber {
    let DuplicateNumber { number, tenants } = duplicate;
    pb::DuplicateNumber {
        number: number.as_str().to_owned(),
        tenants: tenants.iter().map(ToString::to_string).collect(),
    }
}

fn freshness_to_wire(view: FreshnessView) -> pb::FreshnessStatus {
    let FreshnessView {
        ready: _,
        incarnation,
        lease_remaining,
        last_poll,
        polls_failed,
        leases_lost,
        revision_lag,
        other_histories,
        fenced,
        records,
    } = view;
    let poll = last_poll.map(|PollView { age, latency }| (age, latency));
    pb::FreshnessStatus {
        incarnation: incarnation.to_string(),
        lease_remaining: lease_remaining.map(duration_to_wire),
        last_poll_age: poll.map(|(age, _)| duration_to_wire(age)),
        last_poll_latency: poll.map(|(_, latency)| duration_to_wire(latency)),
        polls_failed,
        leases_lost,
        revision_lag,
        other_histories,
        fenced,
        records,
    }
}

fn replica_to_wire(row: ReplicaRow, answering: Incarnation) -> pb::ReplicaStatus {
    let ReplicaRow { incarnation, state, name, since } = row;
    let state = match state {
        ReplicaState::Live => pb::ReplicaState::Live,
        ReplicaState::Fenced => pb::ReplicaState::Fenced,
    };
    pb::ReplicaStatus {
        incarnation: incarnation.to_string(),
        name,
        state: state.into(),
        since: Some(time_to_wire(since)),
        answering: incarnation == answering,
    }
}

fn wait_to_wire(view: WaitView) -> pb::WaitStatus {
    let WaitView { path, count, total, longest } = view;
    let path = match path {
        WaitPath::Confirmed => pb::WaitPath::Confirmed,
        WaitPath::Expired => pb::WaitPath::Expired,
    };
    pb::WaitStatus {
        path: path.into(),
        count,
        total: Some(duration_to_wire(total)),
        longest: Some(duration_to_wire(longest)),
    }
}

fn cache_to_wire(view: CacheView) -> pb::CacheStatus {
    let hit_ratio = view.hit_ratio();
    let CacheView { name, hits, misses, stale, entries, bytes } = view;
    let name = name.as_str().to_owned();
    pb::CacheStatus { name, hits, misses, stale, entries, bytes, hit_ratio }
}

fn shared_to_wire(view: SharedView) -> pb::SharedStatus {
    let SharedView { configured, connected, breaker, errors, timeouts, forged } = view;
    let breaker = match breaker {
        None => pb::BreakerState::Unspecified,
        Some(BreakerState::Closed) => pb::BreakerState::Closed,
        Some(BreakerState::Open) => pb::BreakerState::Open,
        Some(BreakerState::HalfOpen) => pb::BreakerState::HalfOpen,
    };
    pb::SharedStatus { configured, connected, breaker: breaker.into(), errors, timeouts, forged }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use lineguard_core::id::{PhoneNumber, TenantId, Timestamp};
    use lineguard_core::port::StoreError;

    use super::*;
    use crate::operations::CacheName;

    /// A replica among others, for tests of what is made of it.
    pub(crate) fn example() -> OperationsView {
        let row = |byte, state, name: &str| ReplicaRow {
            incarnation: Incarnation([byte; 16]),
            state,
            name: name.to_owned(),
            since: Timestamp(1_700_000_000_000),
        };
        OperationsView {
            started: Timestamp(1_700_000_000_000),
            replicas: Ok(vec![
                row(1, ReplicaState::Live, "one-17"),
                row(2, ReplicaState::Fenced, "two-9"),
            ]),
            duplicates: Ok(vec![DuplicateNumber {
                number: PhoneNumber::parse("+15550100100").unwrap(),
                tenants: vec![TenantId::parse("a").unwrap(), TenantId::parse("b").unwrap()],
            }]),
            observed: Observed {
                freshness: FreshnessView {
                    ready: true,
                    incarnation: Incarnation([1; 16]),
                    lease_remaining: Some(Duration::from_millis(4_700)),
                    last_poll: Some(PollView {
                        age: Duration::from_millis(300),
                        latency: Duration::from_millis(2),
                    }),
                    polls_failed: 3,
                    leases_lost: 0,
                    revision_lag: 0,
                    other_histories: 0,
                    fenced: 0,
                    records: 12,
                },
                storing: true,
                removals: crate::operations::RemovalsView::default(),
                waits: vec![WaitView {
                    path: WaitPath::Confirmed,
                    count: 4,
                    total: Duration::from_millis(20),
                    longest: Duration::from_millis(9),
                }],
                caches: vec![CacheView {
                    name: CacheName::L1Decisions,
                    hits: 9,
                    misses: 1,
                    stale: 0,
                    entries: 5,
                    bytes: 2_048,
                }],
                shared: SharedView {
                    configured: true,
                    connected: true,
                    breaker: Some(BreakerState::Closed),
                    errors: 1,
                    timeouts: 2,
                    forged: 0,
                },
                sidecars: SidecarsView { following: 3, leased: 2 },
            },
        }
    }

    #[test]
    fn a_status_says_who_answers_and_who_else_there_is() {
        let wire = status_response(example());
        assert_eq!(wire.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(wire.replicas_unknown, "");
        assert_eq!(wire.duplicate_numbers[0].tenants, ["a", "b"]);
        assert_eq!(wire.duplicate_numbers_unknown, "");
        let replicas: Vec<_> =
            wire.replicas.iter().map(|one| (one.state(), one.answering)).collect();
        assert_eq!(replicas, [(pb::ReplicaState::Live, true), (pb::ReplicaState::Fenced, false)]);
        let freshness = wire.freshness.unwrap();
        assert_eq!(freshness.incarnation, "01".repeat(16));
        assert_eq!(freshness.lease_remaining.unwrap().nanos, 700_000_000);
        assert!((wire.caches[0].hit_ratio - 0.9).abs() < 1e-9);
        assert_eq!(wire.shared.unwrap().breaker(), pb::BreakerState::Closed);
    }

    #[test]
    fn without_the_database_only_what_is_read_from_it_is_missing() {
        let detail = "password of the server: hunter2".to_owned();
        let gone = StoreError::Unavailable { detail };
        let duplicates = Err(Untold::Unknown(gone.clone()));
        let view = OperationsView { replicas: Err(gone), duplicates, ..example() };
        let wire = status_response(view);
        assert!(wire.replicas.is_empty());
        assert_eq!(wire.replicas_unknown, "the store gave no answer");
        assert_eq!(wire.duplicate_numbers_unknown, "the store gave no answer");
        assert!(wire.freshness.is_some());
    }
}
