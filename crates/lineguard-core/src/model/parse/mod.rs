//! Reads a model text. `docs/models.md` describes it.
//!
//! Entries are read on although something in them is wrong, and their keys stay known, so that one
//! mistake neither hides others nor looks like many. A text with any mistake gives no model.

mod fit;
mod limits;
mod parts;
mod permission;
mod reach;
mod role;
mod tests_of_text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

pub(super) use parts::{FALLBACKS, REMOVALS, SETTING_RULES, TARGETS};
pub(super) use permission::{CONFERS, RESTRICTIONS};
pub(super) use role::OWNED;

use super::{Model, Permission, PermissionIx, PermissionKind, TextError};
use crate::id::Key;
use crate::text::{Fields, Item, Source};
use crate::vocabulary::{Action, Vocabulary};

const HEAD_KEYS: &[&str] = &[
    "format",
    "name",
    "title",
    "summary",
    "tree",
    "members",
    "product",
    "flag",
    "setting",
    "visibility",
    "permission",
    "role",
    "overlay",
    "caller_id",
    "outgoing",
    "auto_assign",
    "faxbox",
    "test",
];

/// Most entries of one kind. A role may hold every permission with one word, so without limits a
/// short text could ask for a very large table.
const MAX_ENTRIES: usize = 1000;

/// Parses a model text that is in the store or in the program against a vocabulary; every mistake
/// at once. What stands in its tests, and former names, do not matter: a text that was taken in
/// once stays readable, or its tenants would have no answers.
pub fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Model, Vec<TextError>> {
    read(text, vocabulary, |source| source.is_readable())
}

/// Parses a model text that somebody brings; every mistake at once, those in its tests too.
pub fn parse_new(text: &str, vocabulary: &Vocabulary) -> Result<Model, Vec<TextError>> {
    read(text, vocabulary, |source| source.is_clean())
}

fn read(
    text: &str,
    vocabulary: &Vocabulary,
    will_do: impl FnOnce(&Source<'_>) -> bool,
) -> Result<Model, Vec<TextError>> {
    let (source, table) = Source::read(text)?;
    let root = Fields::new(&source, &table, 0, HEAD_KEYS);
    let model = model(&source, &root, vocabulary);
    if will_do(&source) { Ok(model) } else { Err(source.into_errors()) }
}

fn model<'s, 't>(source: &'s Source<'t>, root: &Fields<'s, 't>, vocabulary: &Vocabulary) -> Model {
    root.format_one();
    let name = root.key("name").map_or_else(Key::nameless, |(name, _)| name);
    let title = root.title("title");
    let summary = root.summary("summary");
    let entries = |list, allowed| root.subs(list, MAX_ENTRIES, allowed);
    let product = Keyed::of(source, "product", entries("product", parts::PRODUCT_KEYS));
    let flag = Keyed::of(source, "feature flag", entries("flag", parts::FLAG_KEYS));
    let setting = Keyed::of(source, "setting", entries("setting", parts::SETTING_KEYS));
    let level = Keyed::of(source, "visibility level", entries("visibility", parts::LEVEL_KEYS));
    let permission = Keyed::of(source, "permission", entries("permission", permission::KEYS));
    let role = Keyed::of(source, "role", entries("role", role::KEYS));
    let overlay = Keyed::of(source, "overlay", entries("overlay", role::OVERLAY_KEYS));
    let cx = Context { source, vocabulary, product, flag, level, permission, role };
    let permissions = cx.permissions();
    let (roles, levels) = (cx.roles(&permissions), cx.levels());
    cx.limits(&permissions, &roles, &levels);
    Model {
        name,
        title,
        summary,
        tree: parts::tree(root),
        members: cx.members(root),
        products: cx.products(),
        flags: cx.flags(),
        settings: cx.settings(&setting),
        levels,
        roles,
        overlays: cx.overlays(&overlay, &permissions),
        outgoing: cx.outgoing(root),
        caller_id: cx.caller_id(root),
        auto_assign: parts::auto_assign(root),
        faxbox: parts::faxbox(root),
        tests: cx.tests(root, &setting),
        granted_by: granted_by(&permissions, vocabulary),
        permissions,
    }
}

/// For each action, the permissions that grant it.
fn granted_by(permissions: &[Permission], vocabulary: &Vocabulary) -> Vec<Vec<PermissionIx>> {
    let mut granted_by = vec![Vec::new(); vocabulary.actions().len()];
    for (ix, permission) in (0..).map(PermissionIx).zip(permissions) {
        let PermissionKind::Grant(grants) = &permission.kind else {
            continue;
        };
        for action in grants.iter().flat_map(|grant| &grant.actions) {
            // An action may stand in several grants of one permission.
            if let Some(list) = granted_by.get_mut(action.index())
                && list.last() != Some(&ix)
            {
                list.push(ix);
            }
        }
    }
    granted_by
}

/// The entries of one list, in order.
struct Keyed<'s, 't> {
    what: &'static str,
    entries: Vec<(Key, Fields<'s, 't>)>,
    /// Position in `entries`.
    by_key: HashMap<Box<str>, usize>,
}

impl<'s, 't> Keyed<'s, 't> {
    fn of(source: &Source<'t>, what: &'static str, list: Vec<Fields<'s, 't>>) -> Self {
        let mut keyed = Self { what, entries: Vec::new(), by_key: HashMap::new() };
        let mut lines = HashMap::new();
        for fields in list {
            let Some((key, at)) = fields.key("key") else {
                keyed.entries.push((Key::nameless(), fields));
                continue;
            };
            if let Some(first) = lines.get(&key) {
                source.error(at, format!("{what} `{key}` stands in line {first} already"));
            } else {
                lines.insert(key.clone(), source.position(at).0);
                keyed.by_key.insert(key.as_str().into(), keyed.entries.len());
            }
            keyed.entries.push((key, fields));
        }
        keyed
    }

    /// The keys of all entries.
    fn words(&self) -> BTreeSet<&str> {
        self.by_key.keys().map(|key| &**key).collect()
    }

    /// Position of the entry that a string names; an unknown one is a mistake.
    fn find(&self, source: &Source<'t>, item: Item<'_>) -> Option<usize> {
        let found = self.by_key.get(item.text).copied();
        if found.is_none() {
            let known = self.entries.iter().map(|(key, _)| key.as_str());
            source.unknown(item.at, self.what, item.text, known);
        }
        found
    }

    /// The same, as an index of 16 bits; there are never more than [`MAX_ENTRIES`].
    fn find_ix(&self, source: &Source<'t>, item: Item<'_>) -> Option<u16> {
        self.find(source, item).and_then(|found| u16::try_from(found).ok())
    }
}

/// What is known before the first entry is read: entries name one another in any order.
struct Context<'s, 't, 'v> {
    source: &'s Source<'t>,
    vocabulary: &'v Vocabulary,
    product: Keyed<'s, 't>,
    flag: Keyed<'s, 't>,
    level: Keyed<'s, 't>,
    permission: Keyed<'s, 't>,
    role: Keyed<'s, 't>,
}

impl<'s> Context<'s, '_, '_> {
    /// The action that a string names; an unknown one is a mistake.
    fn action(&self, item: Item<'_>) -> Option<Action> {
        let found = self.vocabulary.action(item.text);
        if found.is_none() {
            let known = self.vocabulary.actions().map(|(_, def)| &*def.name);
            self.source.unknown(item.at, "action", item.text, known);
        }
        found
    }

    /// A list of actions that must be there.
    fn actions(&self, fields: &Fields<'s, '_>, name: &str) -> Vec<Action> {
        if fields.value(name).is_none() {
            fields.missing(name);
        }
        fields.not_empty(name);
        let items = fields.items(name).unwrap_or_default();
        items.into_iter().filter_map(|item| self.action(item)).collect()
    }

    /// The names of actions, for a message.
    fn names(&self, actions: &[Action]) -> String {
        let names = actions.iter().filter_map(|action| self.vocabulary.def(*action));
        let names: Vec<_> = names.map(|def| format!("`{}`", def.name)).collect();
        names.join(", ")
    }
}
