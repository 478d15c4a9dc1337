//! Models as people read them: the permission matrix, and what differs between two models.

mod diff;
mod diff_text;
mod exact;
mod matrix;
mod rules;
mod words;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod told_tests;

pub use diff::{CellDiff, Side, diff};
pub use diff_text::render_diff;
pub use matrix::matrix;

/// Pads to a width in characters. The last column of a line goes unpadded.
fn padded(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(blanks))
}

/// The widest of some texts, in characters.
fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(|text| text.chars().count()).max().unwrap_or(0)
}
