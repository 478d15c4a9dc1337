//! One table of a text, read key by key.

use std::collections::HashSet;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::{Source, shown};
use crate::id::Key;

/// Greatest length of a title, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// Greatest length of a summary, in characters.
const MAX_SUMMARY_CHARS: usize = 1000;

/// A string of the text and where it stands.
#[derive(Clone, Copy)]
pub struct Item<'s> {
    /// What it says.
    pub text: &'s str,
    /// Its first byte.
    pub at: usize,
}

/// One table of the text, all keys of which are known words.
#[derive(Clone, Copy)]
pub struct Fields<'s, 't> {
    source: &'s Source<'t>,
    table: &'s DeTable<'t>,
    at: usize,
}

impl<'s, 't> Fields<'s, 't> {
    /// Looks at a table; every key that is not `allowed` is a mistake.
    pub fn new(
        source: &'s Source<'t>,
        table: &'s DeTable<'t>,
        at: usize,
        allowed: &[&str],
    ) -> Self {
        for key in table.keys() {
            let word = key.get_ref();
            if !allowed.contains(&word.as_ref()) {
                source.unknown(key.span().start, "key", word, allowed.iter().copied());
            }
        }
        Self { source, table, at }
    }

    /// Where the table begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The table itself.
    pub fn table(&self) -> &'s DeTable<'t> {
        self.table
    }

    /// Where a key of the table stands, if it is there.
    pub fn key_at(&self, name: &str) -> Option<usize> {
        self.table.get_key_value(name).map(|(key, _)| key.span().start)
    }

    /// The raw value of a key.
    pub fn value(&self, name: &str) -> Option<&'s Spanned<DeValue<'t>>> {
        self.table.get(name)
    }

    /// Remembers a required key that is not there.
    pub fn missing(&self, name: &str) {
        self.source.error(self.at, format!("missing key `{name}`"));
    }

    /// Remembers a value that is not what its key asks for.
    pub fn wrong_type(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let got = value.get_ref().type_str();
        let problem = format!("`{name}` must be {wanted}, not {}", with_article(got));
        self.source.error(value.span().start, problem);
    }

    /// Remembers keys that mean nothing beside what else the table says.
    pub fn refuse(&self, names: &[&str], why: &str) {
        for name in names {
            if let Some(at) = self.key_at(name) {
                self.source.error(at, format!("`{name}` {why}"));
            }
        }
    }

    /// A string, if the key is there and says one; nothing is remembered.
    pub fn text(&self, name: &str) -> Option<&'s str> {
        self.value(name)?.get_ref().as_str()
    }

    /// A string, if the key is there.
    pub fn item(&self, name: &str) -> Option<Item<'s>> {
        let value = self.value(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(name, value, "a string");
        }
        text.map(|text| Item { text, at: value.span().start })
    }

    /// A string that must be there.
    pub fn required(&self, name: &str) -> Option<Item<'s>> {
        if self.value(name).is_none() {
            self.missing(name);
        }
        self.item(name)
    }

    /// A key that must be there.
    pub fn key(&self, name: &str) -> Option<(Key, usize)> {
        let item = self.required(name)?;
        match Key::parse(item.text) {
            Ok(key) => Some((key, item.at)),
            Err(error) => {
                self.source.error(item.at, format!("`{name}` {error}"));
                None
            }
        }
    }

    /// A title that must be there; empty after a mistake.
    pub fn title(&self, name: &str) -> Box<str> {
        self.words_for_people(name, MAX_TITLE_CHARS)
    }

    /// A summary that must be there; empty after a mistake.
    pub fn summary(&self, name: &str) -> Box<str> {
        self.words_for_people(name, MAX_SUMMARY_CHARS)
    }

    /// Text that people read. Control characters would let a model text write over a terminal.
    fn words_for_people(&self, name: &str, max: usize) -> Box<str> {
        let Some(item) = self.required(name) else {
            return Box::default();
        };
        if item.text.trim().is_empty() {
            self.source.error(item.at, format!("`{name}` must not be empty"));
        } else if item.text.chars().nth(max).is_some() {
            self.source.error(item.at, format!("`{name}` must be at most {max} characters long"));
        } else if item.text.chars().any(char::is_control) {
            self.source.error(item.at, format!("`{name}` must not contain control characters"));
        }
        item.text.into()
    }

    /// `true` or `false`.
    pub fn bool(&self, name: &str, default: bool) -> bool {
        let Some(value) = self.value(name) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(name, value, "`true` or `false`");
            default
        })
    }

    /// One word of a closed list, if the key is there.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(T, &str)]) -> Option<T> {
        let item = self.item(name)?;
        self.choose(name, item, choices)
    }

    /// One word of a closed list that must be there.
    pub fn required_choice<T: Copy>(&self, name: &str, choices: &[(T, &str)]) -> Option<T> {
        let item = self.required(name)?;
        self.choose(name, item, choices)
    }

    fn choose<T: Copy>(&self, name: &str, item: Item<'_>, choices: &[(T, &str)]) -> Option<T> {
        let found = choices.iter().find(|(_, word)| *word == item.text);
        if found.is_none() {
            let what = format!("value of `{name}`:");
            self.source.unknown(item.at, &what, item.text, choices.iter().map(|(_, word)| *word));
        }
        found.map(|(choice, _)| *choice)
    }

    /// Words of a closed list; none if the key is not there.
    pub fn choices<T: Copy>(&self, name: &str, choices: &[(T, &str)]) -> Vec<T> {
        let items = self.items(name).unwrap_or_default();
        items.into_iter().filter_map(|item| self.choose(name, item, choices)).collect()
    }

    /// A list, if the key is there.
    pub fn array(&self, name: &str) -> Option<&'s DeArray<'t>> {
        let value = self.value(name)?;
        let array = value.get_ref().as_array();
        if array.is_none() {
            self.wrong_type(name, value, "a list");
        }
        array
    }

    /// A list of strings without repetition, if the key is there.
    pub fn items(&self, name: &str) -> Option<Vec<Item<'s>>> {
        let array = self.array(name)?;
        let mut items = Vec::with_capacity(array.len());
        let mut seen = HashSet::with_capacity(array.len());
        for value in array.iter() {
            let at = value.span().start;
            match value.get_ref().as_str() {
                Some(text) if !seen.insert(text) => {
                    let problem = format!("`{}` stands twice in `{name}`", shown(text));
                    self.source.error(at, problem);
                }
                Some(text) => items.push(Item { text, at }),
                None => self.wrong_type(name, value, "a list of strings"),
            }
        }
        Some(items)
    }

    /// Remembers a list that is there and empty.
    pub fn not_empty(&self, name: &str) {
        let Some(value) = self.value(name) else {
            return;
        };
        if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
            self.source.error(value.span().start, format!("`{name}` must not be empty"));
        }
    }

    /// A table, if the key is there.
    pub fn sub(&self, name: &str, allowed: &[&str]) -> Option<Self> {
        let value = self.value(name)?;
        let at = value.span().start;
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(self.source, table, at, allowed)),
            None => {
                self.wrong_type(name, value, "a table");
                None
            }
        }
    }

    /// A list of tables, at most `max` of them; none if the key is not there.
    pub fn subs(&self, name: &str, max: usize, allowed: &[&str]) -> Vec<Self> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(array) = self.array(name) else {
            return Vec::new();
        };
        if array.len() > max {
            let problem = format!("at most {max} of `{name}`, not {}", array.len());
            self.source.error(value.span().start, problem);
        }
        let mut subs = Vec::new();
        for value in array.iter().take(max) {
            match value.get_ref().as_table() {
                Some(table) => {
                    subs.push(Self::new(self.source, table, value.span().start, allowed));
                }
                None => self.wrong_type(name, value, "a list of tables"),
            }
        }
        subs
    }

    /// The one format that this program reads.
    pub fn format_one(&self) {
        match self.value("format") {
            None => self.missing("format"),
            Some(value) => match value.get_ref().as_integer() {
                None => self.wrong_type("format", value, "a number"),
                Some(number) if number.as_str() != "1" || number.radix() != 10 => {
                    self.source.error(value.span().start, "only `format = 1` can be read");
                }
                Some(_) => {}
            },
        }
    }
}

fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {word}")
}
