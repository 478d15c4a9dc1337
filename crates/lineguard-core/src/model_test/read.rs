//! What the readers of a test share.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use crate::change::AttachmentSource;
use crate::facts::{Capabilities, ListOf, NumberFacts};
use crate::id::{Key, Num, PhoneNumber};
use crate::text::{Fields, Item, Source};
use crate::vocabulary::Vocabulary;

/// What a test may name: actions of the vocabulary, and keys of the model that it stands in.
pub(crate) struct Words<'k> {
    pub(crate) vocabulary: &'k Vocabulary,
    pub(crate) products: BTreeSet<&'k str>,
    pub(crate) flags: BTreeSet<&'k str>,
    pub(crate) settings: BTreeSet<&'k str>,
    pub(crate) levels: BTreeSet<&'k str>,
    pub(crate) permissions: BTreeSet<&'k str>,
    pub(crate) roles: BTreeSet<&'k str>,
}

/// Gives numbers to the names that a test uses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    known: BTreeMap<String, Num>,
    pub(super) numbers: Numbers,
}

/// What a test says of the numbers that it names. All others are set up at `home`, active, able to
/// do everything, and of no faxbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pub(super) elsewhere: Vec<Num>,
    pub(super) inactive: Vec<Num>,
    pub(super) faxboxes: BTreeMap<Num, Num>,
}

impl Names {
    pub(crate) const HOME: Num = Num(1);
    pub(crate) const PARENT: Num = Num(2);
    pub(crate) const CHILD: Num = Num(3);
    pub(crate) const ELSEWHERE: Num = Num(4);
    pub(crate) const ME: Num = Num(5);

    pub(crate) fn num(&mut self, name: &str) -> Num {
        match name {
            "home" => Self::HOME,
            "parent" => Self::PARENT,
            "child" => Self::CHILD,
            "elsewhere" => Self::ELSEWHERE,
            "me" => Self::ME,
            _ => {
                let next = Num(100 + self.known.len() as u64);
                *self.known.entry(name.to_owned()).or_insert(next)
            }
        }
    }

    pub(crate) fn name_of(&self, num: Num) -> Option<&str> {
        self.known.iter().find(|(_, one)| **one == num).map(|(name, _)| name.as_str())
    }

    /// What is known of a number that a test names.
    pub(crate) fn number_facts(&self, number: Num) -> NumberFacts {
        let Numbers { elsewhere, inactive, faxboxes } = &self.numbers;
        NumberFacts {
            number,
            account: if elsewhere.contains(&number) { Self::ELSEWHERE } else { Self::HOME },
            active: !inactive.contains(&number),
            capabilities: Capabilities { voice: true, fax: true, message: true },
            faxboxes: faxboxes.get(&number).copied().into_iter().collect(),
        }
    }

    /// Every number that a test names.
    pub(crate) fn phone_numbers(&self) -> Vec<NumberFacts> {
        let numbers = self.known.iter().filter(|(name, _)| PhoneNumber::parse(name).is_ok());
        numbers.map(|(_, num)| self.number_facts(*num)).collect()
    }
}

/// Reads one test. What is wrong is remembered by the source, and something stands in its place.
pub(super) struct Reader<'s, 't, 'k> {
    pub(super) source: &'s Source<'t>,
    pub(super) words: &'k Words<'k>,
    pub(super) names: Names,
}

impl<'s, 't> Reader<'s, 't, '_> {
    /// A name, if the key is there.
    pub(super) fn name(&mut self, fields: &Fields<'s, 't>, key: &str) -> Option<Num> {
        fields.item(key).map(|item| self.names.num(item.text))
    }

    /// A list of names; none if the key is not there.
    pub(super) fn names(&mut self, fields: &Fields<'s, 't>, key: &str) -> Vec<Num> {
        let items = fields.items(key).unwrap_or_default();
        items.into_iter().map(|item| self.names.num(item.text)).collect()
    }

    /// A list of names or the word for all of them, if the key is there.
    pub(super) fn all_or_names(&mut self, fields: &Fields<'s, 't>, key: &str) -> Option<ListOf> {
        all_or(fields, key, |item| Some(self.names.num(item.text)))
    }

    /// A list of attachment sources or the word for all of them, if the key is there.
    pub(super) fn all_or_sources(&self, fields: &Fields<'s, 't>, key: &str) -> Option<ListOf> {
        all_or(fields, key, |item| self.source_of(item))
    }

    /// An attachment source.
    pub(super) fn source_of(&self, item: Item<'_>) -> Option<Num> {
        let found = AttachmentSource::from_word(item.text);
        if found.is_none() {
            let known = AttachmentSource::ALL.iter().map(|(_, word)| *word);
            self.source.unknown(item.at, "attachment source", item.text, known);
        }
        found.map(AttachmentSource::num)
    }

    /// The key of something in the model.
    pub(super) fn key(&self, item: Item<'_>, what: &str, known: &BTreeSet<&str>) -> Option<Key> {
        if !known.contains(item.text) {
            self.source.unknown(item.at, what, item.text, known.iter().copied());
            return None;
        }
        Key::parse(item.text).ok()
    }

    /// A list of keys of something in the model; none if the key is not there.
    pub(super) fn keys(
        &self,
        fields: &Fields<'s, 't>,
        key: &str,
        what: &str,
        known: &BTreeSet<&str>,
    ) -> Vec<Key> {
        let items = fields.items(key).unwrap_or_default();
        items.into_iter().filter_map(|item| self.key(item, what, known)).collect()
    }

    /// A table whose keys are for the test to choose, if the key is there.
    pub(super) fn table(&self, fields: &Fields<'s, 't>, name: &str) -> Option<Fields<'s, 't>> {
        let value = fields.value(name)?;
        let Some(table) = value.get_ref().as_table() else {
            fields.wrong_type(name, value, "a table");
            return None;
        };
        let words: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        Some(Fields::new(self.source, table, value.span().start, &words))
    }

    /// Every key of a table, and where it stands.
    pub(super) fn entries(fields: &Fields<'s, 't>) -> Vec<Item<'s>> {
        let item = |key: &'s toml::Spanned<_>| Item {
            text: AsRef::<str>::as_ref(key.get_ref()),
            at: key.span().start,
        };
        fields.table().keys().map(item).collect()
    }
}

fn all_or(
    fields: &Fields<'_, '_>,
    key: &str,
    read: impl FnMut(Item<'_>) -> Option<Num>,
) -> Option<ListOf> {
    match fields.value(key)?.get_ref() {
        DeValue::String(all) if all == "all" => Some(ListOf::All),
        _ => Some(ListOf::These(fields.items(key)?.into_iter().filter_map(read).collect())),
    }
}
