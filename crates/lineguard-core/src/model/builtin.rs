//! The texts that come with the program: the vocabulary and the models.

use std::sync::LazyLock;

use crate::vocabulary::{self, Vocabulary};

/// Name of the model that a tenant gets when nothing else is asked for.
pub const STANDARD: &str = "standard";

/// Built-in models: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    (STANDARD, include_str!("../../models/standard.toml")),
    ("retarus", include_str!("../../models/retarus.toml")),
    ("iovox", include_str!("../../models/iovox.toml")),
    ("ifax", include_str!("../../models/ifax.toml")),
    ("amplify", include_str!("../../models/amplify.toml")),
    ("nuacom", include_str!("../../models/nuacom.toml")),
    ("clinicline", include_str!("../../models/clinicline.toml")),
];

const VOCABULARY: &str = include_str!("../../models/vocabulary.toml");

/// The built-in vocabulary. A test sees to it that the text parses; were it broken all the same,
/// an empty vocabulary knows no action, and nothing would be allowed.
pub fn built_in_vocabulary() -> &'static Vocabulary {
    static VOCABULARY_OF_THE_BUILD: LazyLock<Vocabulary> =
        LazyLock::new(|| vocabulary::parse(VOCABULARY).unwrap_or_else(|_| Vocabulary::empty()));
    &VOCABULARY_OF_THE_BUILD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn the_vocabulary_parses() {
        let errors = vocabulary::parse(VOCABULARY).err().unwrap_or_default();
        let told: String = errors.iter().map(|error| format!("{error}\n")).collect();
        assert!(told.is_empty(), "vocabulary.toml:\n{told}");
        assert!(built_in_vocabulary().actions().len() > 100);
    }

    #[test]
    fn all_built_in_models_parse() {
        let mut told = String::new();
        for (name, text) in BUILT_IN {
            match model::parse(text, built_in_vocabulary()) {
                Ok(model) => assert_eq!(model.name.as_str(), *name),
                Err(errors) => {
                    told.extend(errors.iter().map(|error| format!("{name}.toml:{error}\n")));
                }
            }
        }
        assert!(told.is_empty(), "\n{told}");
    }
}
