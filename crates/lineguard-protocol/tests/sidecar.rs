//! A sidecar keeps the promise as a replica does; with any one rule left out it does not.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use std::collections::HashSet;

use lineguard_protocol::search;
use lineguard_protocol::sidecar::{Config, Landmark, Mutant, State, Violation, successors};

/// The states of the whole protocol, or `None` if a search finds a violation or misses one of
/// the landmarks.
fn clean(config: Config, landmarks: &[Landmark]) -> Option<usize> {
    let outcome = search(&config);
    println!("{config:?}\n{} states, {} steps", outcome.states, outcome.steps);
    println!("The farthest state is {} steps away.", outcome.depth);
    if let Some(counterexample) = outcome.counterexample {
        println!("{counterexample}");
        return None;
    }
    let missed = landmarks.iter().find(|landmark| !outcome.landmarks.has(**landmark));
    if let Some(landmark) = missed {
        println!("{landmark:?} was not met");
        return None;
    }
    Some(outcome.states)
}

/// The length of a shortest counterexample without a rule, if there is any.
fn caught(rule: Mutant, config: Config) -> Option<usize> {
    let outcome = search(&config.without(rule));
    println!("{rule}: {} states", outcome.states);
    let counterexample = outcome.counterexample?;
    let length = counterexample.steps.len();
    println!("{length} steps\n{counterexample}");
    let told = matches!(counterexample.violation, Violation::Stale(_) | Violation::Lost(_));
    told.then_some(length)
}

const COMMON: [Landmark; 5] = [
    Landmark::AcknowledgedEarly,
    Landmark::AcknowledgedLate,
    Landmark::Answered,
    Landmark::Heard,
    Landmark::Left,
];

#[test]
fn the_protocol_holds_with_a_lost_tick() {
    let met = [Landmark::TickLost, Landmark::OldGrantIgnored];
    assert_eq!(clean(Config::LEASES, &[&COMMON[..], &met].concat()), Some(21_992));
}

#[test]
fn the_protocol_holds_across_incarnations() {
    let met = [Landmark::Died, Landmark::FencedDeleted, Landmark::FormerDeleted];
    assert_eq!(clean(Config::INCARNATIONS, &[&COMMON[..], &met].concat()), Some(324_359));
}

#[test]
fn the_protocol_holds_across_a_restore() {
    let met = [Landmark::RestoreNoticed, Landmark::ViewDropped, Landmark::Died];
    assert_eq!(clean(Config::RESTORE, &[&COMMON[..], &met].concat()), Some(172_873));
}

#[test]
fn the_protocol_holds_with_everything_at_once() {
    if std::env::var_os("LINEGUARD_EXHAUSTIVE").is_some_and(|value| value == "1") {
        assert_eq!(clean(Config::LARGE, &COMMON), Some(5_253_892));
    }
}

#[test]
fn m22_lease_from_receipt() {
    assert_eq!(caught(Mutant::LeaseFromReceipt, Config::LEASES), Some(11));
}

#[test]
fn m33_confirms_at_once() {
    assert_eq!(caught(Mutant::ConfirmsAtOnce, Config::LEASES), Some(12));
}

#[test]
fn m34_grants_too_much() {
    assert_eq!(caught(Mutant::GrantsTooMuch, Config::LEASES), Some(11));
}

#[test]
fn m35_over_too_early() {
    assert_eq!(caught(Mutant::OverTooEarly, Config::LEASES), Some(13));
}

#[test]
fn m36_row_deleted_at_stop() {
    assert_eq!(caught(Mutant::RowDeletedAtStop, Config::LEASES), Some(11));
}

#[test]
fn m37_recorded_late() {
    assert_eq!(caught(Mutant::RecordedLate, Config::LEASES), Some(12));
}

#[test]
fn m38_own_replica_counted() {
    assert_eq!(caught(Mutant::OwnReplicaCounted, Config::LEASES), Some(11));
}

#[test]
fn m39_old_view_kept() {
    assert_eq!(caught(Mutant::OldViewKept, Config::RESTORE), Some(18));
}

#[test]
fn m40_row_deleted_when_lost() {
    assert_eq!(caught(Mutant::RowDeletedWhenLost, Config::INCARNATIONS), Some(13));
}

#[test]
fn m41_grant_taken_for_confirmation() {
    assert_eq!(caught(Mutant::GrantTakenForConfirmation, Config::LEASES), Some(13));
}

/// Nothing is said of a rule by a search that has no room for it.
#[test]
fn no_configuration_is_enough_alone() {
    for (rule, config) in [
        (Mutant::OverTooEarly, Config::INCARNATIONS),
        (Mutant::RowDeletedWhenLost, Config::LEASES),
        (Mutant::OldViewKept, Config::LEASES),
    ] {
        assert_eq!(caught(rule, config), None, "{rule}");
    }
}

/// A search tells states apart by their packed form alone.
#[test]
fn packing_loses_nothing() {
    let mut next = Vec::new();
    for config in [Config::LARGE, Config::LARGE.without(Mutant::RecordedLate)] {
        let mut states = vec![State::initial(&config)];
        let mut seen = HashSet::new();
        while let Some(state) = states.pop() {
            let word = state.pack();
            assert_eq!(State::unpack(word), state);
            if seen.insert(word) && seen.len() < 100_000 {
                successors(&config, &state, &mut next);
                states.extend(next.iter().map(|(_, after)| *after));
            }
        }
    }
}

#[test]
fn every_mutant_has_a_number_of_its_own() {
    let numbers: Vec<u8> = Mutant::ALL.iter().map(|rule| rule.number()).collect();
    assert_eq!(numbers, [22, 33, 34, 35, 36, 37, 38, 39, 40, 41]);
}
