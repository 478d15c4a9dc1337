//! The built-in models: each parses, and every test that its text carries comes out as it says.

use lineguard_core::model::{BUILT_IN, built_in_vocabulary};
use lineguard_core::model_test::check;

#[test]
fn every_built_in_model_passes_its_own_tests() {
    for (name, text) in BUILT_IN {
        let model = check(text, built_in_vocabulary()).unwrap_or_else(|mistakes| {
            let lines = mistakes.iter().map(|mistake| format!("{name}:{mistake}\n"));
            panic!("{}", lines.collect::<String>())
        });
        assert!(!model.tests.is_empty(), "{name} carries no tests");
    }
}
