//! The engine against the second evaluator: random tenants on every built-in model and on random
//! models, random questions, and the same answer from both.
//!
//! `LINEGUARD_QUESTIONS=1000000` asks more; `LINEGUARD_SEED` starts from another world.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also outside of its test functions"
)]

mod compare;
mod engine;
mod missing;
mod rows;

use compare::{Tally, asks_again, differ, discloses};
use engine::Bug;
use lineguard_core::decision::Reason;

const USUAL: usize = 60_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seed() -> u64 {
    number("LINEGUARD_SEED").unwrap_or(1)
}

fn questions() -> usize {
    number("LINEGUARD_QUESTIONS").map_or(USUAL, |many| many as usize)
}

fn told(tally: &Tally) -> String {
    tally.iter().map(|(answer, times)| format!("{times:>9}  {answer}\n")).collect()
}

#[test]
fn the_engine_and_the_second_evaluator_agree() {
    let mut tally = Tally::new();
    let result = differ(seed(), questions(), Bug::None, &mut tally);
    let asked: usize = tally.values().sum();
    println!("{asked} questions from seed {}:\n{}", seed(), told(&tally));
    if let Err(difference) = result {
        panic!("{difference}");
    }
    let allowed: usize =
        ["GRANTED", "GRANTED, obligation"].iter().filter_map(|word| tally.get(word)).sum();
    assert!(allowed * 5 >= asked, "only {allowed} of {asked} questions were allowed");
    for (reason, code) in Reason::ALL {
        let reached = reason == Reason::Granted || tally.contains_key(code) || asked < USUAL;
        assert!(reached, "no question was answered {code}");
    }
}

#[test]
fn a_refusal_does_not_tell_of_what_the_person_may_not_see() {
    if let Err(disclosed) = discloses(seed(), questions() / 4) {
        panic!("{disclosed}");
    }
}

#[test]
fn what_is_missing_is_said_at_once() {
    let (errors, result) = asks_again(seed(), questions() / 2);
    if let Err(told) = result {
        panic!("{told}");
    }
    assert!(errors > 100, "only {errors} questions missed a fact");
}

fn finds(bug: Bug) {
    let mut tally = Tally::new();
    let found = differ(seed(), questions(), bug, &mut tally).is_err();
    let asked: usize = tally.values().sum();
    println!("{bug:?}: {asked} questions from seed {}", seed());
    assert!(found, "{asked} questions did not find the bug {bug:?}");
}

#[test]
fn an_engine_that_ignores_denying_overrides_is_caught() {
    finds(Bug::OffOverridesIgnored);
}

#[test]
fn an_engine_that_ignores_seals_is_caught() {
    finds(Bug::SealsIgnored);
}

#[test]
fn an_engine_that_ignores_exceptions_is_caught() {
    finds(Bug::ExceptionsIgnored);
}

#[test]
fn an_engine_that_takes_missing_facts_for_absent_ones_is_caught() {
    finds(Bug::MissingTakenForAbsent);
}

#[test]
fn an_engine_that_forgets_obligations_is_caught() {
    finds(Bug::ObligationsForgotten);
}
