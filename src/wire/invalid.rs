//! Every way a message can be refused: all faults of a message at once, each with its field.

use std::fmt;

/// Where in a message a field stands. Borrowed from the stack, so that a message without faults
/// costs no allocation; the text is made when a fault is.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Root,
    Field(&'static str),
    Index(usize),
}

impl Path<'_> {
    /// The message itself.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// A field of what stands here.
    pub const fn field(&self, name: &'static str) -> Path<'_> {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// An element of the list that stands here.
    pub const fn index(&self, index: usize) -> Path<'_> {
        Path { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => {
                let first = self.parent.is_none_or(|parent| matches!(parent.step, Step::Root));
                f.write_str(if first { "" } else { "." })?;
                f.write_str(name)
            }
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path in snake case with indices: `resource.properties.labels[3]`.
    pub field: String,
    /// What is wrong, for people; user input in backticks.
    pub problem: String,
}

/// A message that cannot be read, with every field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The faults in the order of the fields; never empty.
    pub violations: Vec<Violation>,
}

impl InvalidRequest {
    /// A single fault.
    pub fn one(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { violations: vec![Violation { field: field.into(), problem: problem.into() }] }
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.violations.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}`{}` {}", violation.field, violation.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidRequest {}

/// Greatest number of faults that are reported; a message with more has its tail left out, so that
/// a bad message costs no more than a good one.
const MAX_VIOLATIONS: usize = 100;

/// Greatest number of faults of something that a person wrote and wants to mend in one go.
const MAX_VIOLATIONS_OF_FILE: usize = 10_000;

/// Collects faults while a message is read. A reader returns `None` if and only if it has added a
/// fault, so that the other fields are still read.
#[derive(Debug)]
pub struct Faults {
    violations: Vec<Violation>,
    max: usize,
}

impl Faults {
    /// Reads a whole message; its faults if it has any.
    pub fn collect<T>(
        read: impl FnOnce(&mut Self, &Path<'_>) -> Option<T>,
    ) -> Result<T, InvalidRequest> {
        Self::collect_up_to(MAX_VIOLATIONS, read)
    }

    /// Reads a part of an import; its faults if it has any, far more of them than of a request.
    pub fn collect_of_file<T>(
        read: impl FnOnce(&mut Self, &Path<'_>) -> Option<T>,
    ) -> Result<T, InvalidRequest> {
        Self::collect_up_to(MAX_VIOLATIONS_OF_FILE, read)
    }

    fn collect_up_to<T>(
        max: usize,
        read: impl FnOnce(&mut Self, &Path<'_>) -> Option<T>,
    ) -> Result<T, InvalidRequest> {
        let mut faults = Self { violations: Vec::new(), max };
        match read(&mut faults, &Path::ROOT) {
            Some(value) if faults.violations.is_empty() => Ok(value),
            Some(_) | None => Err(InvalidRequest { violations: faults.violations }),
        }
    }

    /// Adds a fault; always `None`.
    pub fn add<T>(&mut self, at: &Path<'_>, problem: impl Into<String>) -> Option<T> {
        if self.violations.len() < self.max {
            self.violations.push(Violation { field: at.to_string(), problem: problem.into() });
        }
        None
    }

    /// The value of a field that must be there.
    pub fn required<T>(&mut self, at: &Path<'_>, value: Option<T>) -> Option<T> {
        value.or_else(|| self.add(at, "is required"))
    }

    /// The value, or its error as a fault.
    pub fn check<T>(&mut self, at: &Path<'_>, value: Result<T, impl fmt::Display>) -> Option<T> {
        value.map_or_else(|error| self.add(at, error.to_string()), Some)
    }

    /// Reads every element; `None` if one of them has a fault, after all have been read.
    pub fn each<T, U>(
        &mut self,
        at: &Path<'_>,
        items: impl IntoIterator<Item = T>,
        mut read: impl FnMut(&mut Self, &Path<'_>, T) -> Option<U>,
    ) -> Option<Vec<U>> {
        let items = items.into_iter();
        let mut list = Vec::with_capacity(items.size_hint().0);
        let mut whole = true;
        for (i, item) in items.enumerate() {
            match read(self, &at.index(i), item) {
                Some(item) => list.push(item),
                None => whole = false,
            }
        }
        whole.then_some(list)
    }
}

/// The problem of a name that is not known.
pub fn unknown(what: &str, name: &str, suggestion: Option<&str>) -> String {
    let name = quoted(name);
    match suggestion {
        Some(suggestion) => format!("unknown {what} {name}, did you mean `{suggestion}`?"),
        None => format!("unknown {what} {name}"),
    }
}

/// User input in backticks: escaped, and cut where it is long.
pub fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let mut shown: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_dots_between_fields_and_indices_in_brackets() {
        let checks = Path::ROOT.field("checks");
        let check = checks.index(3);
        let resource = check.field("resource");
        assert_eq!(resource.field("id").to_string(), "checks[3].resource.id");
        assert_eq!(Path::ROOT.to_string(), "");
    }

    #[test]
    fn all_faults_are_collected() {
        let result: Result<(), _> = Faults::collect(|faults, at| {
            let one: Option<()> = faults.add(&at.field("one"), "is bad");
            let two: Option<()> = faults.required(&at.field("two"), None);
            one.and(two)
        });
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "`one` is bad; `two` is required");
    }

    #[test]
    fn a_value_with_a_fault_is_no_value() {
        let result = Faults::collect(|faults, at| {
            let _: Option<()> = faults.add(at, "is bad");
            Some(1)
        });
        assert!(result.is_err());
    }

    #[test]
    fn user_input_is_escaped_and_cut() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), 83);
    }
}
