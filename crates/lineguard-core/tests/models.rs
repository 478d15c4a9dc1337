//! The built-in models: each parses, and every test that its text carries comes out as it says.

use lineguard_core::model::{BUILT_IN, built_in_vocabulary, parse};
use lineguard_core::model_test;

#[test]
fn every_built_in_model_passes_its_own_tests() {
    let vocabulary = built_in_vocabulary();
    let mut failures = Vec::new();
    for (name, text) in BUILT_IN {
        let model = parse(text, vocabulary).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        assert!(!model.tests.is_empty(), "{name} carries no tests");
        failures.extend(model_test::run(&model, vocabulary).into_iter().map(|failure| {
            format!("{name}:{}: {}: {}", failure.line, failure.name, failure.problem)
        }));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
