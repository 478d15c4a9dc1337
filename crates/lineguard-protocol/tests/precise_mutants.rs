//! With any one rule left out, the precise protocol does not keep its promise.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`. A change of the model
//! changes them, and then the tables have to change too.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use lineguard_protocol::precise::{Ask, Config, Mutant, Violation};
use lineguard_protocol::{Model, search};

/// The length of a shortest counterexample without a rule, and what it breaks.
fn caught(rule: Mutant, config: Config) -> Option<(usize, Violation)> {
    find(config.without(rule))
}

fn find(config: Config) -> Option<(usize, Violation)> {
    let outcome = search(&config);
    println!("{config:?}\n{} states", outcome.states);
    let counterexample = outcome.counterexample?;
    let length = counterexample.steps.len();
    println!("{length} steps\n{counterexample}");
    // Each step is possible after the ones before it.
    let mut state = config.first();
    let mut next = Vec::new();
    for wanted in &counterexample.steps {
        config.successors(&state, &mut next);
        state = next.iter().find(|(step, _)| step == wanted).map(|(_, after)| *after)?;
    }
    Some((length, counterexample.violation))
}

/// A Check was answered from before what its caller could know.
fn stale(floor: u8) -> Violation {
    Violation::Stale { floor }
}

/// Two polls, and a change that concerns neither part. Fewer kinds of changes than elsewhere, as a
/// search without a counterexample takes its time.
const OVERTAKING: Config = Config { unnamed: false, ..Config::TWO_POLLS };

/// What a replica's install must not do.
#[test]
fn m13_view_goes_back() {
    let config = OVERTAKING.without(Mutant::ViewGoesBack);
    assert_eq!(find(config.asking(Ask::Everything)), Some((6, Violation::ViewWentBack)));
}

#[test]
fn m13_view_goes_back_and_the_caller_sees_it() {
    let found = caught(Mutant::ViewGoesBack, OVERTAKING);
    assert!(matches!(found, Some((15, Violation::WentBack { .. }))), "{found:?}");
}

/// The records never go back, so an older view makes no old entry good.
#[test]
fn m13_makes_no_answer_stale() {
    let config = OVERTAKING.without(Mutant::ViewGoesBack);
    assert_eq!(find(config.asking(Ask::Fresh)), None);
}

#[test]
fn m17_fill_moves_view() {
    for config in [Config::BASE, Config::BASE.waiting()] {
        assert_eq!(caught(Mutant::FillMovesView, config), Some((12, stale(1))));
    }
}

#[test]
fn m18_restore_unnoticed() {
    assert_eq!(caught(Mutant::RestoreUnnoticed, Config::AFTERMATH), Some((14, stale(1))));
}

#[test]
fn m19_earlier_flight_taken() {
    assert_eq!(caught(Mutant::EarlierFlightTaken, Config::TWO_CHECKS), Some((4, stale(1))));
}

#[test]
fn m20_mixed_stamps() {
    for config in [Config::BASE, Config::BASE.waiting()] {
        assert_eq!(caught(Mutant::MixedStamps, config), Some((15, Violation::Mixed)));
    }
}

#[test]
fn m21_gap_ignored() {
    let config = Config { unnamed: true, ..Config::BASE };
    assert_eq!(caught(Mutant::GapIgnored, config), Some((11, stale(1))));
}

#[test]
fn m23_restamp_later() {
    assert_eq!(caught(Mutant::RestampLater, Config::BASE), Some((17, stale(1))));
}

#[test]
fn m24_drop_before_floor() {
    assert_eq!(caught(Mutant::DropBeforeFloor, Config::EVICTION), Some((14, stale(1))));
}

#[test]
fn m25_no_first_floor() {
    assert_eq!(caught(Mutant::NoFirstFloor, Config::BASE), Some((10, stale(1))));
    assert_eq!(caught(Mutant::NoFirstFloor, Config::TWO_REPLICAS), Some((10, stale(1))));
}

#[test]
fn m26_nonce_ignored() {
    assert_eq!(caught(Mutant::NonceIgnored, Config::AFTERMATH), Some((12, stale(1))));
}

#[test]
fn m27_mixed_without_lease() {
    let found = caught(Mutant::MixedWithoutLease, Config::AFTERMATH.waiting());
    assert_eq!(found, Some((12, stale(0))));
}

/// There, parts are combined only if the stamps are equal, and then the lease adds nothing.
#[test]
fn m27_is_harmless_in_the_answering_form() {
    let config = Config { level2: false, ..Config::AFTERMATH };
    assert_eq!(caught(Mutant::MixedWithoutLease, config), None);
}

#[test]
fn m28_incarnation_kept() {
    assert_eq!(caught(Mutant::IncarnationKept, Config::AFTERMATH), Some((16, stale(1))));
}

#[test]
fn m29_no_answered_floor() {
    let found = caught(Mutant::NoAnsweredFloor, Config::BASE);
    assert!(matches!(found, Some((12, Violation::WentBack { .. }))), "{found:?}");
}

#[test]
fn m30_old_reply_installed() {
    assert_eq!(caught(Mutant::OldReplyInstalled, Config::AFTERMATH), Some((14, stale(0))));
}

#[test]
fn m31_floor_read_first() {
    assert_eq!(caught(Mutant::FloorReadFirst, Config::EVICTION), Some((15, stale(1))));
}

#[test]
fn m32_restamp_unseen() {
    assert_eq!(caught(Mutant::RestampUnseen, Config::TWO_CHECKS), Some((16, stale(1))));
}

/// A clean search proves nothing about what its configuration has no room for.
#[test]
fn a_small_model_proves_too_much() {
    let small = [
        (Mutant::ViewGoesBack, Config::BASE),
        (Mutant::EarlierFlightTaken, Config::BASE),
        (Mutant::OldReplyInstalled, Config { commits: 1, ..Config::RESTORE }),
        (Mutant::MixedStamps, Config { commits: 1, ..Config::TWO_CHECKS }),
    ];
    for (rule, config) in small {
        assert_eq!(caught(rule, config), None, "{rule}");
    }
}

#[test]
fn every_mutant_has_a_number_of_its_own() {
    let numbers: Vec<u8> = Mutant::ALL.iter().map(|rule| rule.number()).collect();
    assert_eq!(numbers, [13, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]);
}

#[test]
fn a_counterexample_can_be_read() {
    let outcome = search(&Config::TWO_CHECKS.without(Mutant::EarlierFlightTaken));
    let text = outcome.counterexample.expect("M19 is caught").to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "  2. a change of A is committed as 1");
}
