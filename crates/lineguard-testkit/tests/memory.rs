//! The reference store shows every behaviour.

use lineguard_core::port::Store;
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::{block_on, conformance, model};

#[test]
fn the_reference_store_conforms() {
    block_on(conformance::run_all(async || Box::new(MemoryStore::new()) as Box<dyn Store>));
}

#[test]
fn every_behaviour_has_a_name_of_its_own() {
    let mut names = conformance::names();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 40, "{count}");
}

#[test]
fn the_model_texts_of_the_tests_parse() {
    use lineguard_core::model::{built_in_vocabulary, parse};
    for text in [model::PLAIN, model::NARROW, &model::several_targets()] {
        let faults = parse(text, built_in_vocabulary()).err();
        assert_eq!(faults, None);
    }
}

#[test]
fn writes_that_meet_in_the_reference_store_end_well() {
    block_on(conformance::run_races(async || vec![Box::new(MemoryStore::new()) as Box<dyn Store>]));
}
