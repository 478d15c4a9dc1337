//! Colour and columns, for people at a terminal.

use std::io::IsTerminal;

/// Whether standard output is coloured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// Coloured on a terminal, unless `NO_COLOR` says otherwise.
    pub(super) fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb)
    }

    /// Never coloured.
    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self(false)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What is allowed, held or new.
    pub(super) fn good(self, text: &str) -> String {
        self.code("1;32", text)
    }

    /// What is denied or failed.
    pub(super) fn bad(self, text: &str) -> String {
        self.code("1;31", text)
    }

    /// What is less important.
    pub(super) fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    /// Headings.
    pub(super) fn strong(self, text: &str) -> String {
        self.code("1", text)
    }
}

/// Text from a server or a file as it may go to a terminal: without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '�' } else { c }).collect()
}

/// Rows with aligned columns; the last column goes unpadded.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let blanks = width.saturating_sub(cell.chars().count()) + 2;
            line.push_str(cell);
            line.push_str(&" ".repeat(blanks));
        }
        line.trim_end().to_owned()
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(columns(&[row("a", "x"), row("löng", "")]), "a     x\nlöng");
    }

    #[test]
    fn nothing_from_outside_can_steer_a_terminal() {
        assert_eq!(plain("a\x1b[31mb"), "a�[31mb");
    }
}
