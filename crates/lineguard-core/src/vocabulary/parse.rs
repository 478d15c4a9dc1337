//! Reads a vocabulary text. `docs/vocabulary.md` describes it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{
    Action, ActionDef, ActionKind, Confers, FactName, Outage, Outgoing, Product, ResourceDef,
    ResourceType, SendChannel, StoredType, Vocabulary,
};
use crate::model::TextError;
use crate::text::{Fields, Item, Source};

const RESOURCE_KEYS: &[&str] =
    &["type", "title", "holder", "view", "seen_first", "facts", "product"];
const ACTION_KEYS: &[&str] = &[
    "name",
    "title",
    "resource",
    "kind",
    "sees",
    "target",
    "target_optional",
    "sends",
    "outgoing",
    "attaches",
    "recipient",
    "exclusive",
    "spares_owners",
    "stops_at_seals",
    "confers",
    "outage",
    "emergency",
];

/// What says nothing about an action that is always allowed.
const NOT_IN_AN_EMERGENCY: &[&str] = &[
    "sees",
    "target",
    "sends",
    "attaches",
    "recipient",
    "exclusive",
    "spares_owners",
    "confers",
    "outage",
];

const KINDS: &[(ActionKind, &str)] =
    &[(ActionKind::View, "view"), (ActionKind::Use, "use"), (ActionKind::Manage, "manage")];
const SENDS: &[(SendChannel, &str)] =
    &[(SendChannel::Fax, "fax"), (SendChannel::Message, "message"), (SendChannel::Call, "call")];
const OUTGOING: &[(Outgoing, &str)] =
    &[(Outgoing::Resource, "resource"), (Outgoing::Target, "target")];
const CONFERS: &[(Confers, &str)] = &[(Confers::Role, "role"), (Confers::Permission, "permission")];

/// The name of an entry, and its fields.
type Entry<'s, 't> = (Box<str>, Fields<'s, 't>);

/// Indexes are 16 bits wide.
const MAX_ENTRIES: usize = u16::MAX as usize;

/// Parses a vocabulary text; every mistake at once.
pub fn parse(text: &str) -> Result<Vocabulary, Vec<TextError>> {
    let (source, table) = Source::read(text)?;
    let root = Fields::new(&source, &table, 0, &["format", "resource", "action"]);
    root.format_one();
    let resources = root.subs("resource", MAX_ENTRIES, RESOURCE_KEYS);
    let actions = root.subs("action", MAX_ENTRIES, ACTION_KEYS);
    let resource_entries = named(&source, "resource type", "type", resources);
    let action_entries = named(&source, "action", "name", actions);
    let names = Names {
        source: &source,
        types: index(&resource_entries, ResourceType),
        actions: index(&action_entries, Action),
    };
    let resources = resource_entries.iter().map(|entry| names.resource(entry)).collect();
    let defs: Vec<_> = action_entries.iter().map(|entry| names.action_def(entry)).collect();
    names.check_views(&resource_entries, &defs);
    names.check_sight(&action_entries, &defs);
    let Names { types, actions, .. } = names;
    if source.is_clean() {
        Ok(Vocabulary { actions: defs, resources, by_name: actions, by_type: types })
    } else {
        Err(source.into_errors())
    }
}

/// The entries in order, with an empty name where there is none; a name given twice is a mistake.
fn named<'s, 't>(
    source: &'s Source<'t>,
    what: &str,
    field: &str,
    entries: Vec<Fields<'s, 't>>,
) -> Vec<Entry<'s, 't>> {
    let mut seen: HashMap<Box<str>, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for fields in entries {
        let Some((key, at)) = fields.key(field) else {
            kept.push((Box::default(), fields));
            continue;
        };
        let name: Box<str> = key.as_str().into();
        if let Some(first) = seen.get(&name) {
            let (line, _) = source.position(*first);
            source.error(at, format!("{what} `{name}` stands in line {line} already"));
        } else {
            seen.insert(name.clone(), at);
        }
        kept.push((name, fields));
    }
    kept
}

fn index<T>(entries: &[Entry<'_, '_>], make: fn(u16) -> T) -> HashMap<Box<str>, T> {
    let mut index = HashMap::with_capacity(entries.len());
    for (i, (name, _)) in (0..).zip(entries) {
        if !name.is_empty() {
            index.entry(name.clone()).or_insert_with(|| make(i));
        }
    }
    index
}

/// All names, known before the first entry is read: entries name one another in any order.
struct Names<'s, 't> {
    source: &'s Source<'t>,
    types: HashMap<Box<str>, ResourceType>,
    actions: HashMap<Box<str>, Action>,
}

impl Names<'_, '_> {
    fn find_type(&self, item: Item<'_>) -> Option<ResourceType> {
        let found = self.types.get(item.text).copied();
        if found.is_none() {
            let known = self.types.keys().map(|name| &**name);
            self.source.unknown(item.at, "resource type", item.text, known);
        }
        found
    }

    fn find_action(&self, item: Item<'_>) -> Option<Action> {
        let found = self.actions.get(item.text).copied();
        if found.is_none() {
            let known = self.actions.keys().map(|name| &**name);
            self.source.unknown(item.at, "action", item.text, known);
        }
        found
    }

    fn resource(&self, (name, fields): &Entry<'_, '_>) -> ResourceDef {
        if fields.value("facts").is_none() {
            fields.missing("facts");
        }
        let facts = fields.choices("facts", &FactName::ALL);
        // Every clause is bounded by the acting account, so no decision can do without it.
        if let Some(at) = fields.key_at("facts")
            && !facts.contains(&FactName::Account)
        {
            self.source.error(at, "`facts` must contain `account`");
        }
        ResourceDef {
            title: fields.title("title"),
            stored: self.stored(name, fields),
            view: fields.item("view").and_then(|item| self.find_action(item)),
            seen_first: self.seen_first(fields),
            facts,
            product: fields.choice("product", &Product::ALL),
            name: name.clone(),
        }
    }

    /// Only the store knows what exists, and only a `view` makes it seen.
    fn seen_first(&self, fields: &Fields<'_, '_>) -> bool {
        if fields.text("holder") != Some("store") || fields.value("view").is_none() {
            fields.refuse(&["seen_first"], "needs `view`, and `store` as the holder");
        }
        fields.bool("seen_first", false)
    }

    /// Which side holds the facts is fixed: the store has columns for its types only.
    fn stored(&self, name: &str, fields: &Fields<'_, '_>) -> Option<StoredType> {
        let by_store = fields.required_choice("holder", &[(true, "store"), (false, "caller")])?;
        let known = StoredType::ALL.iter().find(|(_, word)| *word == name).map(|(one, _)| *one);
        let at = fields.key_at("holder").unwrap_or(fields.at());
        match (by_store, known) {
            (true, None) => {
                self.source
                    .error(at, format!("the store cannot hold `{name}`; its holder is `caller`"));
            }
            (false, Some(_)) => {
                self.source.error(at, format!("the store holds `{name}`; its holder is `store`"));
            }
            _ => {}
        }
        known.filter(|_| by_store)
    }

    fn action_def(&self, (name, fields): &Entry<'_, '_>) -> ActionDef {
        let target = fields.item("target").and_then(|item| self.find_type(item));
        if fields.value("target").is_none() {
            fields.refuse(&["confers"], "needs a `target` that names what is conferred");
            fields.refuse(&["target_optional"], "needs a `target`");
            if fields.text("outgoing") == Some("target") {
                fields.refuse(&["outgoing"], "is `target`, but the action has no `target`");
            }
        }
        if fields.value("sends").is_none() && fields.value("attaches").is_none() {
            fields.refuse(&["outgoing"], "needs `sends` or `attaches` beside it");
        }
        if fields.text("resource") != Some("member") {
            fields.refuse(&["spares_owners"], "is for actions on `member`");
            // What it is worth depends on the account of the member who gets it.
            fields.refuse(&["confers"], "is for actions on `member`");
        }
        if fields.text("kind") != Some("manage") {
            fields.refuse(&["stops_at_seals"], "is for actions that manage; all others stop");
        }
        let emergency = fields.bool("emergency", false);
        if emergency {
            fields.refuse(NOT_IN_AN_EMERGENCY, "says nothing beside `emergency = true`");
        }
        ActionDef {
            name: name.clone(),
            title: fields.title("title"),
            // The first type stands in for a wrong one: the vocabulary is refused anyway.
            resource: fields
                .required("resource")
                .and_then(|item| self.find_type(item))
                .unwrap_or(ResourceType(0)),
            kind: fields.required_choice("kind", KINDS).unwrap_or(ActionKind::Manage),
            sees: fields.item("sees").and_then(|item| self.find_action(item)),
            target,
            target_optional: fields.bool("target_optional", false),
            sends: fields.choice("sends", SENDS),
            outgoing: fields.choice("outgoing", OUTGOING).unwrap_or_default(),
            attaches: fields.bool("attaches", false),
            recipient: fields.bool("recipient", false),
            exclusive: fields.bool("exclusive", false),
            spares_owners: fields.bool("spares_owners", false),
            stops_at_seals: fields.bool("stops_at_seals", false),
            confers: fields.choice("confers", CONFERS),
            outage: fields.choice("outage", &Outage::ALL),
            emergency,
        }
    }

    /// `view` of a type is an action on that very type.
    fn check_views(&self, entries: &[Entry<'_, '_>], defs: &[ActionDef]) {
        for (of, (name, fields)) in (0..).map(ResourceType).zip(entries) {
            let Some(at) = fields.key_at("view") else {
                continue;
            };
            let view = fields.text("view").and_then(|view| self.actions.get(view));
            let view = view.and_then(|view| defs.get(view.index()));
            if let Some(view) = view
                && view.resource != of
            {
                let problem = format!("`view` is `{}`, which does not act on `{name}`", view.name);
                self.source.error(at, problem);
            }
        }
    }

    /// `sees` is a question about the very same resource, and asking ends.
    fn check_sight(&self, entries: &[Entry<'_, '_>], defs: &[ActionDef]) {
        let seen_by = |def: &ActionDef| def.sees.and_then(|seen| defs.get(seen.index()));
        // The type as it is written: a misspelt one is a mistake already.
        let type_of = |name: &str| {
            let action = self.actions.get(name)?;
            self.types.get(entries.get(action.index())?.1.text("resource")?)
        };
        for (def, (_, fields)) in defs.iter().zip(entries) {
            let (Some(at), Some(seen)) = (fields.key_at("sees"), seen_by(def)) else {
                continue;
            };
            let (own, other) = (type_of(&def.name), type_of(&seen.name));
            if own.is_some() && other.is_some() && own != other {
                let problem = format!("`sees` is `{}`, which acts on another type", seen.name);
                self.source.error(at, problem);
            }
            // More steps than there are actions can only be a circle.
            let steps = std::iter::successors(Some(def), |def| seen_by(def)).take(defs.len() + 1);
            if steps.count() > defs.len() {
                self.source.error(at, "`sees` leads in a circle");
            }
        }
    }
}
