//! The protocol keeps its promise when the database moves.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`. A change of the model
//! changes them, and then the tables have to change too.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use std::collections::HashSet;

use lineguard_protocol::moving::{Config, Landmark, Mutant, State, successors};
use lineguard_protocol::search;

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

/// Searches that take longer than every run of the tests should.
fn exhaustive(config: Config, landmarks: &[Landmark], states: usize) {
    if std::env::var_os("LINEGUARD_EXHAUSTIVE").is_some_and(|value| value == "1") {
        let met = [&COMMON[..], landmarks].concat();
        assert_eq!(clean(config, &met), Some(states));
    }
}

/// What every configuration should meet.
const COMMON: [Landmark; 8] = [
    Landmark::AcknowledgedEarly,
    Landmark::AcknowledgedLate,
    Landmark::AcknowledgedAlone,
    Landmark::AudienceElsewhere,
    Landmark::Warm,
    Landmark::ColdFromPrimary,
    Landmark::ColdFromOther,
    Landmark::BeatEnded,
];

/// What a failover should meet.
const FAILED_OVER: [Landmark; 5] = [
    Landmark::Promoted,
    Landmark::PromotedWithLoss,
    Landmark::Rejoined,
    Landmark::OtherHistory,
    Landmark::BeatOnDeposed,
];

#[test]
fn the_promise_holds_with_copies_that_are_behind() {
    let met = [Landmark::LeaseFromCut, Landmark::FencedDeleted, Landmark::MembershipLost];
    assert_eq!(clean(Config::LAGGING, &[&COMMON[..], &met].concat()), Some(435_233));
}

#[test]
fn the_promise_holds_while_leases_differ() {
    let met = [Landmark::ShortLease, Landmark::UnstatedLease, Landmark::FencedDeleted];
    assert_eq!(clean(Config::ROLLING, &[&COMMON[..], &met].concat()), Some(130_167));
}

#[test]
fn the_promise_holds_across_a_failover() {
    assert_eq!(clean(Config::FAILOVER, &[&COMMON[..], &FAILED_OVER].concat()), Some(211_562));
}

#[test]
fn the_promise_holds_across_a_failover_that_loses_commits() {
    assert_eq!(clean(Config::LOSSY, &[&COMMON[..], &FAILED_OVER].concat()), Some(255_394));
}

#[test]
fn the_promise_holds_across_a_failback() {
    assert_eq!(clean(Config::FAILBACK, &[&COMMON[..], &FAILED_OVER].concat()), Some(66_521));
}

#[test]
fn the_promise_holds_with_fences_across_a_failover() {
    let met = [Landmark::FencedDeleted, Landmark::MembershipLost, Landmark::LeaseFromCut];
    let met = [&COMMON[..], &FAILED_OVER, &met].concat();
    assert_eq!(clean(Config::FENCES, &met), Some(613_649));
}

#[test]
fn the_promise_holds_for_arrivals() {
    let met = [&COMMON[..], &FAILED_OVER, &[Landmark::FoundElsewhere]].concat();
    assert_eq!(clean(Config::ARRIVALS, &met), Some(474_767));
}

#[test]
fn the_promise_holds_with_a_writable_standby() {
    let met = [&COMMON[..], &[Landmark::MadeWritable, Landmark::LeaseFromOther]].concat();
    assert_eq!(clean(Config::STRAY, &met), Some(83_172));
}

/// A program refuses what it does not know, or takes it for a change of everything.
#[test]
fn the_promise_holds_with_unknown_formats() {
    let refused = [Landmark::UnknownFormat, Landmark::AcknowledgedLate, Landmark::Warm];
    assert_eq!(clean(Config::FORMATS, &refused), Some(101_421));
    let tolerant = Config { tolerant: true, ..Config::FORMATS };
    assert_eq!(clean(tolerant, &COMMON), Some(251_207));
}

#[test]
fn the_promise_holds_with_late_replies() {
    exhaustive(Config { late: true, ..Config::FAILOVER }, &FAILED_OVER, 1_648_132);
    exhaustive(Config { late: true, changes: 1, ..Config::LOSSY }, &FAILED_OVER, 335_336);
}

#[test]
fn the_promise_holds_with_three_copies_across_a_failover() {
    exhaustive(Config { cuts: true, ..Config::FAILOVER }, &FAILED_OVER, 1_965_904);
    exhaustive(Config { cuts: true, changes: 1, ..Config::LOSSY }, &FAILED_OVER, 376_635);
}

#[test]
fn the_promise_holds_with_three_copies_for_arrivals() {
    let config = Config { cuts: true, promotions: 0, ..Config::ARRIVALS };
    exhaustive(config, &[Landmark::FoundElsewhere], 637_656);
}

#[test]
fn the_promise_holds_with_a_standby_farther_behind() {
    exhaustive(Config { lag: 4, ..Config::LAGGING }, &[Landmark::FencedDeleted], 939_883);
}

/// A search tells states apart by their packed form alone.
#[test]
fn packing_loses_nothing() {
    let mut next = Vec::new();
    let late = Config { lossy: true, rolling: true, late: true, ..Config::FENCES };
    let busy = Config { arrivals: true, formats: true, strays: true, ..late };
    for config in [busy, busy.without(Mutant::BeatNotAskedFor), Config::FAILBACK] {
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
    assert_eq!(numbers, (42..=62).collect::<Vec<u8>>());
}
