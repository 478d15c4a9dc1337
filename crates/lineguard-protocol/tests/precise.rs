//! The precise protocol keeps its promise in every state; with any one rule left out it does not.
//!
//! The numbers in these tests are those of the tables in `docs/protocol.md`. A change of the model
//! changes them, and then the tables have to change too.
#![expect(clippy::print_stdout, reason = "counterexamples are worth reading: --nocapture")]

use std::collections::HashSet;

use lineguard_protocol::precise::{
    Ask, Change, Config, Form, History, Landmark, Line, Mutant, Part, Violation,
};
use lineguard_protocol::{Model, search};

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
