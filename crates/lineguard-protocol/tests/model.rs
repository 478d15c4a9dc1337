//! The whole protocol keeps its promise in every state; with any one rule left out it does not.
//!
//! The numbers in these tests are those of the table in `docs/protocol.md`. A change of the model
//! changes them, and then the table has to change too.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use std::collections::HashSet;

use lineguard_protocol::invariant::Violation;
use lineguard_protocol::step::{self, Landmark};
use lineguard_protocol::{Config, Counterexample, Mutant, State, Step, search};

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
    for landmark in landmarks {
        if !outcome.landmarks.has(*landmark) {
            println!("{landmark:?} was not met");
            return None;
        }
    }
    Some(outcome.states)
}

/// The length of a shortest counterexample without a rule, if there is any.
fn caught(rule: Mutant, config: Config) -> Option<usize> {
    let config = config.without(rule);
    let outcome = search(&config);
    println!("{rule}: {} states", outcome.states);
    let counterexample = outcome.counterexample?;
    let length = counterexample.steps.len();
    println!("{length} steps\n{counterexample}");
    let stale = matches!(counterexample.violation, Violation::Stale { .. });
    (stale && can_happen(&config, &counterexample)).then_some(length)
}

/// Whether each step of a counterexample is possible after the ones before it.
fn can_happen(config: &Config, counterexample: &Counterexample<Step, Violation>) -> bool {
    let mut state = State::initial(config.lost_ticks);
    let mut next = Vec::new();
    counterexample.steps.iter().all(|wanted| {
        step::successors(config, &state, &mut next);
        let after = next.iter().find(|(step, _)| step == wanted).map(|(_, after)| *after);
        state = after.unwrap_or(state);
        after.is_some()
    })
}

/// What every configuration should meet.
const COMMON: [Landmark; 10] = [
    Landmark::AcknowledgedEarly,
    Landmark::AcknowledgedLate,
    Landmark::AcknowledgedAlone,
    Landmark::WarmAnswer,
    Landmark::ColdAnswer,
    Landmark::Refused,
    Landmark::OlderThanCommitted,
    Landmark::Fenced,
    Landmark::MemberDeleted,
    Landmark::MembershipLost,
];

#[test]
fn the_protocol_holds_with_one_writer_two_polls_and_a_lost_tick() {
    let states = clean(
        Config::ONE_WRITER,
        &[&COMMON[..], &[Landmark::LateReplyIgnored, Landmark::TickLost]].concat(),
    );
    assert_eq!(states, Some(1_089_730));
}

#[test]
fn the_protocol_holds_with_two_writers() {
    let states = clean(Config::TWO_WRITERS, &[&COMMON[..], &[Landmark::Noop]].concat());
    assert_eq!(states, Some(5_941_852));
}

#[test]
fn the_protocol_holds_in_the_small_configuration() {
    assert_eq!(clean(Config::SMALL, &COMMON), Some(78_030));
}

#[test]
fn the_protocol_holds_with_everything_at_once() {
    if exhaustive() {
        let rest = [Landmark::LateReplyIgnored, Landmark::TickLost, Landmark::Noop];
        assert_eq!(clean(Config::LARGE, &[&COMMON[..], &rest].concat()), Some(85_909_130));
    }
}

#[test]
fn m01_acknowledge_at_commit() {
    assert_eq!(caught(Mutant::AcknowledgeAtCommit, Config::ONE_WRITER), Some(14));
}

#[test]
fn m02_no_lease_check() {
    assert_eq!(caught(Mutant::NoLeaseCheck, Config::ONE_WRITER), Some(13));
}

#[test]
fn m03_lease_from_reply() {
    assert_eq!(caught(Mutant::LeaseFromReply, Config::ONE_WRITER), Some(18));
}

#[test]
fn m04_fill_labelled_with_view() {
    assert_eq!(caught(Mutant::FillLabelledWithView, Config::ONE_WRITER), Some(16));
}

#[test]
fn m05_wait_from_begin() {
    assert_eq!(caught(Mutant::WaitFromBegin, Config::ONE_WRITER), Some(18));
}

#[test]
fn m06_frozen_clock() {
    assert_eq!(caught(Mutant::FrozenClock, Config::ONE_WRITER), Some(18));
}

#[test]
fn m07_fenced_row_deleted_at_once() {
    assert_eq!(caught(Mutant::FencedRowDeletedAtOnce, Config::ONE_WRITER), Some(18));
}

#[test]
fn m08_fenced_row_ignored() {
    assert_eq!(caught(Mutant::FencedRowIgnored, Config::ONE_WRITER), Some(17));
}

#[test]
fn m09_lease_without_membership() {
    assert_eq!(caught(Mutant::LeaseWithoutMembership, Config::ONE_WRITER), Some(21));
}

#[test]
fn m10_lagging_poll() {
    assert_eq!(caught(Mutant::LaggingPoll, Config::ONE_WRITER), Some(16));
}

#[test]
fn m11_confirm_before_install() {
    assert_eq!(caught(Mutant::ConfirmBeforeInstall, Config::ONE_WRITER), Some(19));
}

#[test]
fn m12_members_read_early() {
    assert_eq!(caught(Mutant::MembersReadEarly, Config::ONE_WRITER), Some(16));
}

#[test]
fn m13_view_goes_back() {
    assert_eq!(caught(Mutant::ViewGoesBack, Config::ONE_WRITER), Some(20));
}

/// A fill overtakes a poll as well as another poll does.
#[test]
fn m13_view_goes_back_with_one_poll() {
    assert_eq!(caught(Mutant::ViewGoesBack, Config::SMALL), Some(21));
}

#[test]
fn m14_no_margin() {
    assert_eq!(caught(Mutant::NoMargin, Config::ONE_WRITER), Some(17));
}

#[test]
fn m15_noop_acknowledged_at_once() {
    assert_eq!(caught(Mutant::NoopAcknowledgedAtOnce, Config::TWO_WRITERS), Some(15));
}

#[test]
fn m16_fill_extends_lease() {
    assert_eq!(caught(Mutant::FillExtendsLease, Config::TWO_WRITERS), Some(15));
}

/// A clean search proves nothing about what its configuration has no room for.
#[test]
fn a_small_model_proves_too_much() {
    for rule in [Mutant::NoMargin, Mutant::NoopAcknowledgedAtOnce, Mutant::FillExtendsLease] {
        assert_eq!(caught(rule, Config::SMALL), None, "{rule}");
    }
}

#[test]
fn neither_configuration_is_enough_alone() {
    if exhaustive() {
        assert_eq!(caught(Mutant::NoMargin, Config::TWO_WRITERS), None);
        assert_eq!(caught(Mutant::NoopAcknowledgedAtOnce, Config::ONE_WRITER), None);
        assert_eq!(caught(Mutant::FillExtendsLease, Config::ONE_WRITER), None);
    }
}

/// A search tells states apart by their packed form alone.
#[test]
fn packing_loses_nothing() {
    let mut next = Vec::new();
    for config in [Config::ONE_WRITER, Config::TWO_WRITERS, Config::LARGE] {
        let mut states = vec![State::initial(config.lost_ticks)];
        let mut seen = HashSet::new();
        while let Some(state) = states.pop() {
            let word = state.pack();
            assert_eq!(State::unpack(word), state);
            // Last in, first out: far from the start soon.
            if seen.insert(word) && seen.len() < 100_000 {
                step::successors(&config, &state, &mut next);
                states.extend(next.iter().map(|(_, after)| *after));
            }
        }
    }
}

#[test]
fn every_mutant_has_a_number_of_its_own() {
    let numbers: Vec<u8> = Mutant::ALL.iter().map(|rule| rule.number()).collect();
    assert_eq!(numbers, (1..=16).collect::<Vec<u8>>());
}

#[test]
fn a_counterexample_can_be_read() {
    let outcome = search(&Config::SMALL.without(Mutant::AcknowledgeAtCommit));
    let text = outcome.counterexample.expect("M1 is caught").to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "  1. writer 1 begins and locks the row");
    assert_eq!(
        *lines.last().unwrap(),
        "     So a Check answered from revision 0, though 1 had been acknowledged when it was \
         called."
    );
}
