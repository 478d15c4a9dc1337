//! What is removed and still has rows: the one place that says which rows no read may show.
//!
//! The tenant's row names it, and every transaction reads that row before anything else, so what is
//! hidden is of the same snapshot as what is read. Numbers are never used again: whatever names one
//! of these is a row that is still to be taken away, and nothing else.

use std::fmt::Write as _;

use lineguard_core::id::Num;
use lineguard_core::port::{FaxColumn, FaxRow, Whole};
use lineguard_core::row::Link;

use crate::sql::seek;

/// Most removals of a tenant that are under way; every read of the tenant names them all.
const MOST: usize = 64;

/// What is removed and still has rows, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hidden(Vec<(Num, Whole)>);

/// The stored word for it.
pub(crate) const fn whole_word(whole: Whole) -> &'static str {
    match whole {
        Whole::FaxboxWithFaxes => "faxbox_with_faxes",
        Whole::Faxbox => "faxbox",
        Whole::Group => "group",
    }
}

/// The meaning of a stored word.
pub(crate) fn whole_of(word: &str) -> Option<Whole> {
    Whole::ALL.into_iter().find(|one| whole_word(*one) == word)
}

impl Hidden {
    /// Reads the column. A word that is not understood may hide anything, so nothing is read then.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        let one = |entry: &str| {
            let (num, word) = entry.split_once(':')?;
            Some((Num(num.parse().ok()?), whole_of(word)?))
        };
        let all: Option<Vec<_>> =
            text.unwrap_or_default().split_ascii_whitespace().map(one).collect();
        all.map(Self)
    }

    /// The column; nothing for nothing.
    pub(crate) fn to_text(&self) -> Option<String> {
        let entry = |(num, whole): &(Num, Whole)| format!("{}:{}", num.0, whole_word(*whole));
        let entries: Vec<String> = self.0.iter().map(entry).collect();
        (!entries.is_empty()).then(|| entries.join(" "))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that was removed first.
    pub(crate) fn oldest(&self) -> Option<(Num, Whole)> {
        self.0.first().copied()
    }

    /// Adds one; whether there was room.
    pub(crate) fn add(&mut self, num: Num, whole: Whole) -> bool {
        let room = self.0.len() < MOST;
        if room {
            self.0.push((num, whole));
        }
        room
    }

    /// Forgets one, whose rows are gone.
    pub(crate) fn forget(&mut self, num: Num) {
        self.0.retain(|(one, _)| *one != num);
    }

    /// Whether a link is of something removed. Not every end of a link is an object, so this goes by
    /// what the kind says.
    pub(crate) fn has_link(&self, link: &Link) -> bool {
        self.0.iter().any(|(num, whole)| {
            (link.a == *num && whole.links_from().contains(&link.kind))
                || (link.b == *num && whole.links_to().contains(&link.kind))
        })
    }

    /// Whether a fax, as it is stored, went with its faxbox.
    pub(crate) fn has_fax(&self, fax: &FaxRow) -> bool {
        fax.faxbox.is_some_and(|faxbox| self.0.contains(&(faxbox, Whole::FaxboxWithFaxes)))
    }

    /// A fax as it is to be seen: in no faxbox and assigned to no group that is gone.
    pub(crate) fn shown(&self, fax: FaxRow) -> FaxRow {
        if self.is_empty() {
            return fax;
        }
        let gone = |column, num: &Num| self.hangs_on(column, *num);
        FaxRow {
            faxbox: fax.faxbox.filter(|num| !gone(FaxColumn::Faxbox, num)),
            assignee: fax.assignee.filter(|num| !gone(FaxColumn::Assignee, num)),
            ..fax
        }
    }

    fn hangs_on(&self, column: FaxColumn, num: Num) -> bool {
        self.0.iter().any(|(one, whole)| *one == num && whole.column() == column)
    }

    /// The value to look for in a column of faxes; what is removed is found nowhere.
    pub(crate) fn sought(&self, column: FaxColumn, value: Num) -> i64 {
        if self.hangs_on(column, value) { -1 } else { seek(value) }
    }

    /// A condition on rows of the fax table: those that did not go with their faxbox. No index leads
    /// by it, so that a list is still read in its own order.
    pub(crate) fn and_shown(&self) -> String {
        let gone = self.0.iter().filter(|(_, whole)| *whole == Whole::FaxboxWithFaxes);
        and_not("COALESCE(faxbox, 0)", gone)
    }

    /// A condition on a column that names an object.
    pub(crate) fn and_not(&self, column: &str) -> String {
        and_not(column, self.0.iter())
    }
}

/// The numbers stand in the text: many parts of one statement may name all of them, and databases
/// bind only so many values.
fn and_not<'n>(column: &str, gone: impl Iterator<Item = &'n (Num, Whole)>) -> String {
    let mut text = String::new();
    for (num, _) in gone {
        let lead =
            if text.is_empty() { format!(" AND {column} NOT IN (") } else { ", ".to_owned() };
        let _ = write!(text, "{lead}{}", seek(*num));
    }
    if !text.is_empty() {
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use lineguard_core::row::LinkKind;

    use super::*;

    fn hidden() -> Hidden {
        let mut hidden = Hidden::default();
        assert!(hidden.add(Num(3), Whole::FaxboxWithFaxes));
        assert!(hidden.add(Num(9), Whole::Faxbox));
        assert!(hidden.add(Num(4), Whole::Group));
        hidden
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_read() {
        let text = hidden().to_text().unwrap();
        assert_eq!(text, "3:faxbox_with_faxes 9:faxbox 4:group");
        assert_eq!(Hidden::parse(Some(&text)), Some(hidden()));
        assert_eq!(
            (Hidden::parse(None), Hidden::default().to_text()),
            (Some(Hidden::default()), None)
        );
        for damaged in ["3", "3:", "3:faxboxes", "-3:group", ":group", "x:group", "3:group,4:group"]
        {
            assert_eq!(Hidden::parse(Some(damaged)), None, "{damaged}");
        }
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut hidden = Hidden::default();
        assert!((1..=64).all(|num| hidden.add(Num(num), Whole::Group)));
        assert!(!hidden.add(Num(65), Whole::Group));
        hidden.forget(Num(9));
        assert!(hidden.add(Num(66), Whole::Group));
    }

    #[test]
    fn an_end_that_is_no_object_is_not_taken_for_one() {
        let hidden = hidden();
        let has = |kind, a, b| hidden.has_link(&Link { kind, a: Num(a), b: Num(b) });
        assert!(has(LinkKind::FaxboxUser, 3, 1) && has(LinkKind::NumberFaxbox, 1, 9));
        assert!(has(LinkKind::FaxboxGroup, 9, 1) && has(LinkKind::FaxboxGroup, 1, 4));
        assert!(has(LinkKind::GroupOwner, 4, 1) && has(LinkKind::NumberGroup, 1, 4));
        // The third attachment source is not the faxbox with the number 3.
        assert!(!has(LinkKind::AttachmentSource, 1, 3));
        assert!(!has(LinkKind::FaxboxUser, 1, 3) && !has(LinkKind::GroupMember, 3, 1));
    }

    #[test]
    fn conditions_name_what_is_gone() {
        assert_eq!(hidden().and_shown(), " AND COALESCE(faxbox, 0) NOT IN (3)");
        assert_eq!(hidden().and_not("l.a"), " AND l.a NOT IN (3, 9, 4)");
        assert_eq!(Hidden::default().and_shown(), "");
        assert_eq!(hidden().sought(FaxColumn::Faxbox, Num(9)), -1);
        assert_eq!(hidden().sought(FaxColumn::Assignee, Num(9)), 9);
        assert_eq!(hidden().sought(FaxColumn::Account, Num(3)), 3);
    }
}
