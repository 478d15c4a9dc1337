//! A decision allocates nothing.

mod typical;

use allocation_counter::measure;
use lineguard_core::decision::Effect;
use lineguard_core::engine::decide;
use lineguard_core::model::built_in_vocabulary;
use typical::{CASES, Ready, ready};

#[test]
fn a_decision_allocates_nothing() {
    let vocabulary = built_in_vocabulary();
    for case in CASES {
        let Ready { model, facts, authority, question } = ready(case);
        // The first one may set up what lives as long as the process.
        let warm = decide(&model, vocabulary, &authority, &question).unwrap();
        assert_eq!(warm.effect == Effect::Allow, case.allow, "{case}: {warm:?}");
        let mut answer = None;
        let made = measure(|| answer = Some(decide(&model, vocabulary, &authority, &question)));
        assert_eq!(made.count_total, 0, "{case} of {}", case.model);
        assert_eq!(answer, Some(Ok(warm)));
        drop(facts);
    }
}
