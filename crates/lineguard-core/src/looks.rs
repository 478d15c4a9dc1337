//! How identifiers look to people, who tell them apart by their looks and not by their bytes.
//!
//! What is stored is compared byte for byte, and stays readable whatever it is. What is new must be
//! seen in full, and is remarked on where it looks like something that is there already.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::id::{IdError, MAX_ID_BYTES};

/// Characters that are shown as nothing or as a blank and are neither format characters nor blanks by
/// their category: fillers, the joiner of graphemes, inherent vowels, the empty braille pattern.
const SHOWN_AS_NOTHING: [char; 8] =
    ['\u{34f}', '\u{115f}', '\u{1160}', '\u{17b4}', '\u{17b5}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// Whether a text may be the identifier of something new.
pub fn check_new(text: &str) -> Result<(), IdError> {
    let blank = |c: Option<char>| c.is_some_and(char::is_whitespace);
    if blank(text.chars().next()) || blank(text.chars().next_back()) {
        return Err(IdError::BlankAtEnd);
    }
    if text.chars().any(is_unseen) {
        return Err(IdError::Unseen);
    }
    Ok(())
}

fn is_unseen(c: char) -> bool {
    use GeneralCategory as Category;

    let invisible = matches!(
        c.general_category(),
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::Surrogate
    );
    invisible || SHOWN_AS_NOTHING.contains(&c)
}

/// What identifiers that look alike have in common: the same without differences of letter case, of
/// width and other compatible forms, and of characters that are easily taken for each other.
pub fn likeness(text: &str) -> String {
    let folded = text.nfkc().collect::<String>().to_lowercase();
    // What a character is taken for may be a capital letter.
    unicode_security::skeleton(&folded).collect::<String>().to_lowercase()
}

/// Well-formed identifiers that a text looks like and that can be looked for one by one: other ways
/// to write it. Not all there are; those that people mean.
pub fn relatives(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let mut first = lower.chars();
    let capital = first.next().map(|c| c.to_uppercase().chain(first).collect::<String>());
    let compatible = text.nfkc().collect::<String>();
    let alike = unicode_security::skeleton(&compatible).collect::<String>();
    let mut all = BTreeSet::from([
        text.to_uppercase(),
        compatible.to_lowercase(),
        alike.to_lowercase(),
        likeness(text),
        lower,
        compatible,
        alike,
    ]);
    all.extend(capital);
    all.retain(|one| one != text && !one.is_empty() && one.len() <= MAX_ID_BYTES);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_no_part_of_a_new_identifier() {
        for one in [
            "a\u{200b}b",
            "a\u{200d}b",
            "\u{feff}ab",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{ad}b",
            "a\u{e0041}b",
            "a\u{2028}b",
            "a\u{3164}b",
            "a\u{2800}b",
            "a\u{34f}b",
            "a\u{7f}b",
            "a\u{85}b",
        ] {
            assert_eq!(check_new(one), Err(IdError::Unseen), "{one:?}");
        }
        for one in [" ab", "ab ", "ab\u{a0}", "\u{3000}ab", "ab\u{2003}", " "] {
            assert_eq!(check_new(one), Err(IdError::BlankAtEnd), "{one:?}");
        }
        for one in [
            "ab",
            "a b",
            "bo\u{308}b",
            "böb",
            "b😀b",
            "شركة",
            "日本",
            "a%b'\"\\;",
            "ﬁ",
            "ab\u{fe0f}",
        ] {
            assert_eq!(check_new(one), Ok(()), "{one:?}");
        }
    }

    #[test]
    fn what_looks_alike_has_one_likeness() {
        for (one, other) in [
            ("bob", "Bob"),
            ("bob", "ｂｏｂ"),
            ("ada", "\u{430}d\u{430}"),
            ("fi", "ﬁ"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("team-1", "team-l"),
            ("KIM", "ＫＩＭ"),
            ("modern", "modem"),
            ("straße", "STRAẞE"),
            ("o", "0"),
        ] {
            assert_eq!(likeness(one), likeness(other), "{one} {other}");
        }
        for (one, other) in [("bob", "rob"), ("a b", "ab"), ("rene", "rené"), ("team-1", "team-2")]
        {
            assert_ne!(likeness(one), likeness(other), "{one} {other}");
        }
    }

    #[test]
    fn relatives_are_looked_for_in_both_directions_of_case() {
        let among = |one: &str, other: &str| relatives(one).contains(other);
        for (new, there) in [
            ("Bob", "bob"),
            ("bob", "Bob"),
            ("bob", "BOB"),
            ("BOB", "bob"),
            ("ｂｏｂ", "bob"),
            ("\u{430}d\u{430}", "ada"),
        ] {
            assert!(among(new, there), "{new} {there}");
        }
        assert!(!among("bob", "bob"));
        assert!(relatives("bob").len() < 8);
    }
}
