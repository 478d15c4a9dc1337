//! Fields that many tables have, each parsed into its type.

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::id::{AccountId, IdError, Key, PhoneNumber, Subject, SubjectKind, Timestamp};
use lineguard_core::text::{Fields, Item, Source, shown};

use super::Tenant;
use super::reference::Target;
use crate::world::Listed;
use crate::world::time;

/// A value with the place where it stands.
pub(super) type At<T> = (T, usize);

/// Parses one string, remembering what is wrong with it.
pub(super) fn parse<T>(
    source: &Source<'_>,
    name: &str,
    item: Item<'_>,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Option<At<T>> {
    match parse(item.text) {
        Ok(value) => Some((value, item.at)),
        Err(error) => {
            let text = shown(item.text);
            source.error(item.at, format!("`{name}` {error}, unlike `{text}`"));
            None
        }
    }
}

/// An identifier that must be there.
pub(super) fn required_id<T>(
    source: &Source<'_>,
    fields: &Fields<'_, '_>,
    name: &str,
    parser: impl Fn(&str) -> Result<T, IdError>,
) -> Option<At<T>> {
    parse(source, name, fields.required(name)?, parser)
}

/// An identifier, if the key is there.
pub(super) fn id<T>(
    source: &Source<'_>,
    fields: &Fields<'_, '_>,
    name: &str,
    parser: impl Fn(&str) -> Result<T, IdError>,
) -> Option<At<T>> {
    parse(source, name, fields.item(name)?, parser)
}

/// A list of identifiers, if the key is there.
pub(super) fn ids<T>(
    source: &Source<'_>,
    fields: &Fields<'_, '_>,
    name: &str,
    parser: impl Fn(&str) -> Result<T, IdError>,
) -> Option<Vec<At<T>>> {
    let items = fields.items(name)?;
    Some(items.into_iter().filter_map(|item| parse(source, name, item, &parser)).collect())
}

/// A title, if one is given.
pub(super) fn title(source: &Source<'_>, fields: &Fields<'_, '_>) -> Option<String> {
    const MAX: usize = 200;
    let item = fields.item("title")?;
    if item.text.is_empty() || item.text.chars().count() > MAX {
        source.error(item.at, format!("`title` must be 1 to {MAX} characters long"));
    } else if item.text.chars().any(char::is_control) {
        source.error(item.at, "`title` must not contain control characters");
    }
    Some(item.text.to_owned())
}

/// `true` or `false`, if the key is there.
pub(super) fn flag(fields: &Fields<'_, '_>, name: &str) -> Option<bool> {
    fields.value(name).map(|_| fields.bool(name, false))
}

/// A point in time, if the key is there: a TOML date with time and offset.
pub(super) fn time(source: &Source<'_>, fields: &Fields<'_, '_>, name: &str) -> Option<Timestamp> {
    let value = fields.value(name)?;
    let at = value.get_ref().as_datetime().and_then(time::from_datetime);
    if at.is_none() {
        let problem = format!(
            "`{name}` must be a date with time and offset, without quotes, like 2026-01-05T08:00:00Z"
        );
        source.error(value.span().start, problem);
    }
    at
}

/// A point in time that must be there.
pub(super) fn required_time(
    source: &Source<'_>,
    fields: &Fields<'_, '_>,
    name: &str,
) -> Option<Timestamp> {
    if fields.value(name).is_none() {
        fields.missing(name);
    }
    time(source, fields, name)
}

/// A subject as it is written: `alice`, `user:alice` or `service:router`.
pub(super) fn subject(text: &str) -> Result<Subject, IdError> {
    if let Some(id) = text.strip_prefix("service:") {
        return Subject::parse(SubjectKind::Service, id);
    }
    Subject::user(text.strip_prefix("user:").unwrap_or(text))
}

/// The values of a list key that may also be the word `"all"`.
pub(super) fn all_or<T: Ord>(
    source: &Source<'_>,
    fields: &Fields<'_, '_>,
    name: &str,
    parser: impl Fn(&str) -> Result<T, IdError>,
) -> Option<At<Listed<(T, usize)>>> {
    let value = fields.value(name)?;
    let at = value.span().start;
    match value.get_ref().as_str() {
        Some("all") => Some((Listed::All, at)),
        Some(word) => {
            source.unknown(at, &format!("word for `{name}`:"), word, ["all"]);
            None
        }
        None => {
            let these = ids(source, fields, name, parser)?;
            Some((Listed::These(BTreeSet::from_iter(these)), at))
        }
    }
}

impl<'s, 't> Tenant<'s, 't> {
    /// Notes something named, to be looked up when everything has been read.
    pub(super) fn refer(&mut self, at: usize, field: &'static str, to: Target) {
        self.references.push(super::Reference { at, field, to });
    }

    /// The account of an object: what it says, else the root.
    pub(super) fn account(&mut self, fields: &Fields<'s, 't>) -> AccountId {
        let Some((account, at)) = id(self.source, fields, "account", AccountId::parse) else {
            return self.world.root.clone();
        };
        self.refer(at, "account", Target::Account(account.clone()));
        account
    }

    /// The one value of a key, or the several of its plural.
    pub(super) fn one_or_many(
        &self,
        fields: &Fields<'s, 't>,
        one: &str,
        many: &str,
    ) -> Vec<Item<'s>> {
        if fields.value(one).is_some() {
            fields.refuse(&[many], &format!("stands beside `{one}`; one of them is enough"));
            return fields.item(one).into_iter().collect();
        }
        if fields.value(many).is_none() {
            fields.missing(one);
        }
        fields.items(many).unwrap_or_default()
    }

    /// Keys of which each must be known, if the list is there.
    pub(super) fn known_keys<'k>(
        &self,
        fields: &Fields<'s, 't>,
        name: &str,
        what: &str,
        known: Option<impl Iterator<Item = &'k Key> + Clone>,
    ) -> Option<Vec<Key>> {
        let keys = ids(self.source, fields, name, Key::parse)?;
        Some(keys.into_iter().map(|key| self.known(key, what, known.clone())).collect())
    }

    /// A key that must be known, if it is there.
    pub(super) fn known_key<'k>(
        &self,
        fields: &Fields<'s, 't>,
        name: &str,
        what: &str,
        known: Option<impl Iterator<Item = &'k Key> + Clone>,
    ) -> Option<Key> {
        let key = id(self.source, fields, name, Key::parse)?;
        Some(self.known(key, what, known))
    }

    fn known<'k>(
        &self,
        (key, at): At<Key>,
        what: &str,
        known: Option<impl Iterator<Item = &'k Key> + Clone>,
    ) -> Key {
        if let Some(known) = known
            && known.clone().all(|one| *one != key)
        {
            self.source.unknown(at, what, key.as_str(), known.map(Key::as_str));
        }
        key
    }

    /// A table of keys with `true` or `false`.
    pub(super) fn switches<'k>(
        &self,
        fields: &Fields<'s, 't>,
        name: &str,
        what: &str,
        known: Option<impl Iterator<Item = &'k Key> + Clone>,
    ) -> BTreeMap<Key, bool> {
        let mut switches = BTreeMap::new();
        let Some(value) = fields.value(name) else { return switches };
        let Some(table) = value.get_ref().as_table() else {
            fields.wrong_type(name, value, "a table");
            return switches;
        };
        for (key, value) in table {
            let item = Item { text: key.get_ref(), at: key.span().start };
            let Some(key) = parse(self.source, name, item, Key::parse) else { continue };
            let key = self.known(key, what, known.clone());
            match value.get_ref().as_bool() {
                Some(on) => {
                    switches.insert(key, on);
                }
                None => fields.wrong_type(&format!("{name}.{key}"), value, "`true` or `false`"),
            }
        }
        switches
    }

    /// Numbers of the account, or all of them, if the key is there.
    pub(super) fn numbers_of(
        &mut self,
        fields: &Fields<'s, 't>,
        name: &'static str,
        account: &AccountId,
    ) -> Option<Listed<PhoneNumber>> {
        let (listed, _) = all_or(self.source, fields, name, PhoneNumber::parse)?;
        let target = |number| Target::Number { account: account.clone(), number };
        Some(self.refer_each(name, listed, target))
    }

    /// Notes each value of a list as something named.
    pub(super) fn refer_each<T: Ord + Clone>(
        &mut self,
        name: &'static str,
        listed: Listed<(T, usize)>,
        target: impl Fn(T) -> Target,
    ) -> Listed<T> {
        match listed {
            Listed::All => Listed::All,
            Listed::These(these) => {
                for (value, at) in &these {
                    self.refer(*at, name, target(value.clone()));
                }
                Listed::These(these.into_iter().map(|(value, _)| value).collect())
            }
        }
    }

    /// Subjects of a list, each of which must be what `target` says.
    pub(super) fn subjects(
        &mut self,
        fields: &Fields<'s, 't>,
        name: &'static str,
        target: impl Fn(Subject) -> Target,
    ) -> BTreeSet<Subject> {
        let subjects = ids(self.source, fields, name, subject).unwrap_or_default();
        for (subject, at) in &subjects {
            self.refer(*at, name, target(subject.clone()));
        }
        subjects.into_iter().map(|(subject, _)| subject).collect()
    }
}
