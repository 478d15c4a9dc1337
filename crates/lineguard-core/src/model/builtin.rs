//! The built-in texts.
use crate::vocabulary::Vocabulary;

/// Built-in models: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[];

/// The built-in vocabulary.
pub fn built_in_vocabulary() -> &'static Vocabulary {
    static V: std::sync::LazyLock<Vocabulary> = std::sync::LazyLock::new(|| {
        crate::vocabulary::parse("").unwrap_or_else(|_| std::process::abort())
    });
    &V
}
