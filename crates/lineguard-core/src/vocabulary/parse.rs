//! wip
use super::Vocabulary;
use crate::model::TextError;

/// Parses a vocabulary text; every mistake at once.
pub fn parse(_text: &str) -> Result<Vocabulary, Vec<TextError>> {
    Err(vec![])
}
