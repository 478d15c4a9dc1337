//! The precise protocol keeps its promise in every state.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`. A change of the model
//! changes them, and then the tables have to change too.
#![expect(clippy::print_stdout, reason = "figures are worth reading: --nocapture")]

use std::collections::HashSet;

use lineguard_protocol::precise::{Change, Config, Form, History, Landmark, Line, Part};
use lineguard_protocol::{Model, search};

/// Searches that take longer than every run of the tests should.
fn exhaustive() -> bool {
    let asked = std::env::var_os("LINEGUARD_EXHAUSTIVE").is_some_and(|value| value == "1");
    if !asked {
        println!("Skipped. Set LINEGUARD_EXHAUSTIVE=1 to search this too.");
    }
    asked
}

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
    let common = [Landmark::OldEntryUsed, Landmark::OlderThanCommitted, Landmark::SecondIsNewer];
    let form = match config.form {
        Form::Answering => &[Landmark::Mixed, Landmark::NewerThanView, Landmark::Barred][..],
        Form::Waiting => &[Landmark::LookedAgain][..],
    };
    for landmark in common.iter().chain(form).chain(landmarks) {
        if !outcome.landmarks.has(*landmark) {
            println!("{landmark:?} was not met");
            return None;
        }
    }
    Some(outcome.states)
}

/// What a restore should show.
const RESTORED: [Landmark; 4] =
    [Landmark::Restored, Landmark::OtherHistory, Landmark::MembershipLost, Landmark::LostAnswer];

#[test]
fn the_protocol_holds_with_two_checks() {
    assert_eq!(clean(Config::TWO_CHECKS, &[]), Some(619_374));
}

#[test]
fn the_protocol_holds_with_two_polls() {
    let more = [Landmark::LateIgnored, Landmark::Gap];
    assert_eq!(clean(Config::TWO_POLLS, &more), Some(531_131));
}

#[test]
fn the_protocol_holds_while_records_are_dropped() {
    assert_eq!(clean(Config::EVICTION, &[Landmark::Evicted]), Some(89_796));
}

#[test]
fn the_protocol_holds_with_three_commits() {
    assert_eq!(clean(Config::THREE_COMMITS, &[]), Some(337_262));
}

#[test]
fn the_protocol_holds_across_a_restore() {
    assert_eq!(clean(Config::RESTORE, &RESTORED), Some(1_593_704));
}

#[test]
fn the_protocol_holds_with_two_polls_and_a_second_level_across_a_restore() {
    let more = [&RESTORED[..], &[Landmark::Level2]].concat();
    assert_eq!(clean(Config::AFTERMATH, &more), Some(555_674));
}

#[test]
fn the_protocol_holds_with_two_replicas() {
    assert_eq!(clean(Config::TWO_REPLICAS, &[Landmark::Level2]), Some(1_561_478));
}

#[test]
fn the_waiting_form_holds_with_two_checks() {
    assert_eq!(clean(Config::TWO_CHECKS.waiting(), &[]), Some(989_444));
}

#[test]
fn the_waiting_form_holds_across_a_restore() {
    assert_eq!(clean(Config::RESTORE.waiting(), &RESTORED), Some(1_416_115));
}

#[test]
fn the_waiting_form_holds_while_records_are_dropped() {
    assert_eq!(clean(Config::EVICTION.waiting(), &[Landmark::Evicted]), Some(120_436));
}

#[test]
fn the_protocol_holds_with_two_checks_while_records_are_dropped() {
    if exhaustive() {
        let config = Config { checks: 2, ..Config::EVICTION };
        assert_eq!(clean(config, &[Landmark::Evicted]), Some(3_358_448));
    }
}

#[test]
fn the_protocol_holds_with_three_commits_and_two_polls() {
    if exhaustive() {
        let config = Config { commits: 3, ..Config::TWO_POLLS };
        let more = [Landmark::LateIgnored, Landmark::Gap];
        assert_eq!(clean(config, &more), Some(12_025_444));
    }
}

#[test]
fn both_forms_hold_with_two_polls_across_a_restore() {
    if exhaustive() {
        let config = Config { polls: 2, ..Config::RESTORE };
        assert_eq!(clean(config, &RESTORED), Some(4_562_472));
        assert_eq!(clean(config.waiting(), &RESTORED), Some(3_744_301));
    }
}

/// A search tells states apart by their packed form alone.
#[test]
fn packing_loses_nothing() {
    let mut next = Vec::new();
    let everything = Config {
        commits: 3,
        polls: 2,
        checks: 2,
        restore: true,
        unnamed: true,
        elsewhere: true,
        evict: true,
        level2: true,
        ..Config::BASE
    };
    for config in [Config::TWO_REPLICAS, Config::TWO_REPLICAS.waiting(), everything] {
        let mut states = vec![config.first()];
        let mut seen = HashSet::new();
        while let Some(state) = states.pop() {
            let words = config.pack(&state);
            assert_eq!(config.unpack(words), state);
            // Last in, first out: far from the start soon.
            if seen.insert(words) && seen.len() < 50_000 {
                config.successors(&state, &mut next);
                states.extend(next.iter().map(|(_, after)| *after));
            }
        }
    }
}

#[test]
fn a_restored_history_shares_what_the_backup_holds() {
    let mut history = History::EMPTY;
    history.commit(Change::Of(Part::A));
    history.commit(Change::Of(Part::B));
    history.restore(1);
    history.commit(Change::Of(Part::A));
    let at = |line, revision| history.contents(line, revision);
    assert_eq!(at(Line::Original, 1), at(Line::Restored, 1));
    let (lost, present) = (at(Line::Original, 2), at(Line::Restored, 2));
    assert_eq!((lost.a.counter, lost.b.counter), (1, 2));
    assert_eq!((present.a.counter, present.b.counter), (2, 0));
    assert!(present.a.redrawn && !lost.b.redrawn);
    assert_ne!(history.stamp(Line::Original, 2), history.now());
}
