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
mod kinds;
mod missing;
mod properties;
mod rows;
mod spoil;
mod ties;

use compare::{Tally, asks_again, differ, help_is_refused};
use engine::Bug;
use kinds::KINDS;
use lineguard_core::decision::Reason;
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::vocabulary::{Action, ActionDef};
use properties::{Proofs, actions, holds};

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

fn told<K: std::fmt::Display>(counts: &std::collections::BTreeMap<K, usize>) -> String {
    counts.iter().map(|(what, times)| format!("{times:>9}  {what}\n")).collect()
}

#[test]
fn the_engine_and_the_second_evaluator_agree() {
    let mut tally = Tally::default();
    let result = differ(seed(), questions(), Bug::None, &mut tally);
    let Tally { answers, kinds } = tally;
    let asked: usize = answers.values().sum();
    println!("{asked} questions from seed {}:\n{}\n{}", seed(), told(&answers), told(&kinds));
    if let Err(difference) = result {
        panic!("{difference}");
    }
    let allowed: usize =
        ["GRANTED", "GRANTED, obligation"].iter().filter_map(|word| answers.get(word)).sum();
    assert!(allowed * 5 >= asked, "only {allowed} of {asked} questions were allowed");
    for (reason, code) in Reason::ALL {
        let reached = reason == Reason::Granted || answers.contains_key(code) || asked < USUAL;
        assert!(reached, "no question was answered {code}");
    }
    for kind in KINDS {
        let often = kinds.get(kind).is_some_and(|times| *times >= 20) || asked < USUAL;
        assert!(often, "hardly a question of the kind `{kind}` was asked");
    }
}

/// Shows how often a property was put to the proof, and fails where it does not hold.
fn proven(result: Result<Proofs, String>) -> Proofs {
    match result {
        Ok(proofs) => {
            println!("from seed {}:\n{}", seed(), told(&proofs));
            proofs
        }
        Err(difference) => panic!("{difference}"),
    }
}

/// Whether all of these were put to the proof.
fn assert_all_proven(proofs: &Proofs, all: &[Action]) {
    for action in all {
        let name = &built_in_vocabulary().def(*action).expect("an action of the vocabulary").name;
        let proven = proofs.contains_key(name) || questions() < USUAL;
        assert!(proven, "nothing was proven of {name}");
    }
}

#[test]
fn what_is_sent_with_a_number_is_sent_with_one_that_is_usable_and_held() {
    let sends = actions(|def| def.sends.is_some());
    let result = holds(properties::sends_with_usable_numbers, seed(), questions() / 2, &sends);
    let proofs = proven(result);
    assert_all_proven(&proofs, &sends);
    assert!(proofs.contains_key("held") || questions() < USUAL, "no number had to be held");
}

#[test]
fn a_number_that_may_be_presented_is_not_refused_to_what_goes_out() {
    let sends = actions(|def| def.sends.is_some());
    let result =
        holds(properties::what_may_be_presented_may_go_out, seed(), questions() / 2, &sends);
    assert_all_proven(&proven(result), &sends);
}

#[test]
fn both_sides_of_an_action_are_asked() {
    let two_sided = actions(ActionDef::two_sided);
    let result = holds(properties::both_sides_are_asked, seed(), questions() / 2, &two_sided);
    assert_all_proven(&proven(result), &two_sided);
}

#[test]
fn what_may_not_be_seen_is_answered_like_what_does_not_exist() {
    let result = holds(properties::the_unseen_is_as_nothing, seed(), questions() / 4, &[]);
    let proofs = proven(result);
    assert_eq!(proofs.len(), 2, "faxes and other types were asked about");
}

#[test]
fn an_emergency_call_is_allowed_whoever_is_asked_about() {
    match help_is_refused(seed(), 60) {
        Ok(barred) => assert!(barred > 500, "only {barred} of those asked about were nobody"),
        Err(refused) => panic!("{refused}"),
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
    let mut tally = Tally::default();
    // It ends with the first difference; some are rare.
    let found = differ(seed(), 4 * questions(), bug, &mut tally).is_err();
    let asked: usize = tally.answers.values().sum();
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

#[test]
fn an_engine_that_takes_every_number_for_usable_is_caught() {
    finds(Bug::EveryNumberUsable);
}

#[test]
fn an_engine_that_takes_every_number_for_held_is_caught() {
    finds(Bug::EveryNumberHeld);
}

#[test]
fn an_engine_that_forgets_the_faxboxes_of_numbers_is_caught() {
    finds(Bug::FaxboxesOfNumbersForgotten);
}

#[test]
fn an_engine_that_does_not_ask_the_target_is_caught() {
    finds(Bug::TargetNotAsked);
}

#[test]
fn an_engine_that_does_not_ask_for_sight_is_caught() {
    finds(Bug::SightNotAsked);
}

#[test]
fn an_engine_that_takes_unseen_names_for_none_is_caught() {
    finds(Bug::UnseenNamesTakenForNone);
}

#[test]
fn an_engine_that_passes_over_a_suspension_elsewhere_is_caught() {
    finds(Bug::SuspensionElsewherePassedOver);
}

#[test]
fn an_engine_that_lets_a_delegation_outlive_a_membership_is_caught() {
    finds(Bug::DelegationOutlivesMembership);
}

#[test]
fn an_engine_that_counts_ties_without_a_membership_is_caught() {
    finds(Bug::TiesNeedNoMembership);
}

#[test]
fn an_engine_that_supervises_everywhere_is_caught() {
    finds(Bug::SupervisionEverywhere);
}

#[test]
fn an_engine_that_asks_the_group_alone_about_its_faxboxes_is_caught() {
    finds(Bug::FaxboxesOfGroupsAskTheGroupAlone);
}

#[test]
fn an_engine_that_opens_a_seal_from_above_is_caught() {
    finds(Bug::NothingStopsAtSeals);
}

#[test]
fn an_engine_that_confers_a_role_that_is_not_known_is_caught() {
    finds(Bug::UnknownRoleTakenForEmpty);
}
