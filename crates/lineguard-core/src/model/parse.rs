//! wip
use super::{Model, TextError};
use crate::vocabulary::Vocabulary;

/// Parses a model text against a vocabulary; every mistake at once.
pub fn parse(_text: &str, _vocabulary: &Vocabulary) -> Result<Model, Vec<TextError>> {
    Err(vec![])
}
