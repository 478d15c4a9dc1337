//! Reads a TOML text of data field by field and remembers every mistake with its place, so that
//! the author of a text sees all of them at once.

mod fields;

use std::cell::{Cell, RefCell};
use std::fmt;

use toml::de::DeTable;

use crate::model::TextError;
use crate::suggest::nearest;
pub use fields::{Fields, Item};

/// Greatest length of a text, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Mistakes after this many are not told: a text this wrong is not a model text.
const MAX_ERRORS: usize = 1000;

/// Mistakes after this many get no suggestion, and words longer than this many bytes get none: each
/// costs a comparison with every known name, and a text may come from outside.
const MAX_SUGGESTIONS: usize = 200;
const MAX_SUGGESTED_BYTES: usize = 100;

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TextError {}

/// A text with the mistakes found in it so far.
pub struct Source<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    errors: RefCell<Vec<TextError>>,
    /// Whether what is remembered now is a mistake of new texts only.
    in_new_texts: Cell<bool>,
    /// Whether there is a mistake that no text may have.
    broken: Cell<bool>,
}

impl<'t> Source<'t> {
    /// Reads a text into a table. Without one, the text is not TOML, and reading on would only
    /// produce mistakes that are none: after a broken line the rest is guesswork.
    ///
    /// # Errors
    ///
    /// If the text is too long or no TOML.
    pub fn read(text: &'t str) -> Result<(Self, DeTable<'t>), Vec<TextError>> {
        Self::read_up_to(text, MAX_TEXT_BYTES)
    }

    /// The same for a text of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// If the text is too long or no TOML.
    pub fn read_up_to(text: &'t str, max: usize) -> Result<(Self, DeTable<'t>), Vec<TextError>> {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(starts.map(|(i, _)| i + 1)).collect();
        let source = Self {
            text,
            line_starts,
            errors: RefCell::default(),
            in_new_texts: Cell::new(false),
            broken: Cell::new(false),
        };
        if text.len() > max {
            source.error(0, format!("the text is longer than {max} bytes"));
            return Err(source.into_errors());
        }
        let (table, faults) = DeTable::parse_recoverable(text);
        let mut readable = true;
        for fault in faults {
            let span = fault.span().unwrap_or(0..0);
            // A key given twice leaves the rest of the text as it was meant.
            if fault.message() == "duplicate key" {
                let key = text.get(span.clone()).unwrap_or("");
                source.error(span.start, format!("`{}` stands twice in this table", shown(key)));
            } else {
                readable = false;
                source.error(span.start, fault.message());
            }
        }
        if readable { Ok((source, table.into_inner())) } else { Err(source.into_errors()) }
    }

    /// Remembers a mistake.
    pub fn error(&self, at: usize, problem: impl Into<String>) {
        self.push(at, problem.into(), None);
    }

    /// Remembers a word that none of `known` is, with the nearest of them.
    pub fn unknown<'k>(
        &self,
        at: usize,
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let worth_it =
            word.len() <= MAX_SUGGESTED_BYTES && self.errors.borrow().len() < MAX_SUGGESTIONS;
        let suggestion = worth_it.then(|| nearest(word, known)).flatten().map(str::to_owned);
        self.push(at, format!("unknown {what} `{}`", shown(word)), suggestion);
    }

    /// Reads something whose mistakes a text is refused for when it comes in, but that texts which
    /// are in the store already may have: what they say is known all the same, or does not matter to
    /// any answer.
    pub fn in_new_texts<T>(&self, read: impl FnOnce() -> T) -> T {
        let before = self.in_new_texts.replace(true);
        let result = read();
        self.in_new_texts.set(before);
        result
    }

    fn push(&self, at: usize, problem: String, suggestion: Option<String>) {
        if !self.in_new_texts.get() {
            self.broken.set(true);
        }
        let mut errors = self.errors.borrow_mut();
        let problem = match errors.len() {
            0..MAX_ERRORS => problem,
            MAX_ERRORS => format!("more than {MAX_ERRORS} mistakes; the rest is not shown"),
            _ => return,
        };
        let (line, column) = self.position(at);
        errors.push(TextError { line, column, problem, suggestion });
    }

    /// Line and column of a byte, both from 1.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// How many mistakes were remembered so far.
    pub fn mistakes(&self) -> usize {
        self.errors.borrow().len()
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// Whether nothing was wrong so far that a text in the store may not have either.
    pub fn is_readable(&self) -> bool {
        !self.broken.get()
    }

    /// All mistakes in the order of the text.
    pub fn into_errors(self) -> Vec<TextError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| (error.line, error.column));
        // The TOML reader tells some mistakes twice.
        errors.dedup();
        errors
    }
}

/// Input as it may be quoted in a message: control characters and endless words would spoil it.
pub fn shown(word: &str) -> String {
    let mut shown: String = word.chars().take(80).flat_map(char::escape_debug).collect();
    if word.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
