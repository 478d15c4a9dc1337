//! A review of a model sees the whole of it: whatever one changes in a model text, both the
//! difference and what is shown say so.
//!
//! The built-in texts are changed one value at a time, by everything that any of them says in the
//! same place. What still parses, and is another model, must be told.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::{diff, matrix};
use crate::model::{BUILT_IN, Model, STANDARD, built_in_vocabulary, parse};

/// Says in one place or another what no built-in model says.
const RARE: &str = r#"
format = 1
name = "rare"
title = "Rare"
summary = "What no built-in model says."
[tree]
sub_accounts = true
numbers_flow_down = false
personal = true
[members]
roles = "many"
default_roles = ["user", "admin"]
unset_access_numbers = "none"
[[product]]
key = "fax"
title = "Fax"
entitled = false
switched_on = false
[[product]]
key = "voice"
title = "Voice"
[[flag]]
key = "early"
title = "Early"
default = false
[[flag]]
key = "late"
title = "Late"
default = false
[[setting]]
key = "approve"
title = "Approval"
rule = "approval"
default = false
[[visibility]]
key = "given"
title = "Given"
reach = [
  "number.access",
  { field = "creator", in = "delegators" },
  { field = "faxbox", in = "faxboxes", direction = "inbound", states = ["active", "trash"] },
  { direction = "outbound", except = ["own", { field = "assignee", in = "groups", states = ["draft"] }] },
]
[[permission]]
key = "fax.view"
title = "View faxes"
category = "Faxes"
product = "fax"
flag = "early"
actions = ["fax.view", "fax.download"]
reach = ["visibility", { field = "assignee", in = "delegators" }]
direction = "inbound"
states = ["active", "pending"]
except = ["own"]
requires = ["faxbox_member"]
inherited = false
role_only = true
scopes = ["number"]
[[permission]]
key = "nobody"
title = "What no role has"
category = "Faxes"
grants = [
  { actions = ["fax.share"], reach = ["owned_faxbox"], direction = "inbound" },
  { actions = ["group.update"], reach = ["owned_group"] },
]
[[permission]]
key = "send_from"
title = "Send from every number"
category = "Faxes"
kind = "restriction"
restricts = "send_from.message"
[[permission]]
key = "approval"
title = "Approval"
category = "Faxes"
kind = "obligation"
actions = ["fax.send"]
obligation = "approval"
[[permission]]
key = "programs"
title = "Programs"
category = "Faxes"
kind = "channel"
channels = ["desktop", "mobile"]
[[role]]
key = "admin"
title = "Administrator"
locked = true
visibility = "given"
permissions = ["fax.view", "approval"]
reach = { "fax.view" = ["owned_faxbox", { field = "creator", in = "supervised" }] }
[[role]]
key = "user"
title = "User"
permissions = []
[[overlay]]
key = "faxbox_owner"
title = "Faxbox owner"
of = "faxbox"
permissions = []
[caller_id]
choose = "caller_id.use"
hide = "caller_id.hide"
default = "caller_id.use_default"
single_number_is_default = true
[outgoing]
numbers = "by_faxbox"
held = ["fax.send"]
[auto_assign]
targets = ["faxbox"]
several = true
fallback = "faxbox"
[faxbox]
removal = "keep"
"#;

/// Most changes of one kind to what stands in one place that are tried on one text.
const MOST: usize = 2;

type Places = BTreeMap<String, BTreeSet<String>>;

/// A text without its tests, which say nothing of the product.
fn table(text: &str) -> Table {
    let mut table: Table = text.parse().unwrap();
    table.remove("test");
    table
}

/// Everything that stands in a place, as TOML values under a key, by place.
fn note(places: &mut Places, place: &str, value: &Value) {
    let said = Table::from_iter([("v".to_owned(), value.clone())]).to_string();
    places.entry(place.to_owned()).or_default().insert(said);
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                note(places, &format!("{place}.{key}"), value);
            }
        }
        Value::Array(values) => {
            values.iter().for_each(|one| note(places, &format!("{place}[]"), one))
        }
        _ => {}
    }
}

/// Some of what stands in a place.
fn said(places: &Places, place: &str) -> Vec<Value> {
    let texts = places.get(place).into_iter().flatten();
    texts.map(|text| text.parse::<Table>().unwrap().remove("v").unwrap()).collect()
}

/// What is done to one value of a text.
enum Edit {
    Set(Value),
    Remove,
    Push(Value),
    Turn,
}

/// Where the value stands.
#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

struct Change {
    /// The place and what is done there.
    what: String,
    path: Vec<Step>,
    edit: Edit,
}

/// Everything that may be changed in a value.
fn changes(places: &Places, place: &str, path: &[Step], value: &Value, all: &mut Vec<Change>) {
    let mut change = |what: String, last: Option<Step>, edit| {
        let path = path.iter().cloned().chain(last).collect();
        all.push(Change { what, path, edit });
    };
    match value {
        Value::Boolean(yes) => {
            change(format!("{place}: flipped"), None, Edit::Set(Value::Boolean(!yes)));
        }
        Value::String(text) => {
            let longer = Value::String(format!("{text}x"));
            change(format!("{place}: lengthened"), None, Edit::Set(longer));
            for other in said(places, place).into_iter().filter(|other| other != value) {
                change(format!("{place}: replaced"), None, Edit::Set(other));
            }
        }
        Value::Array(values) => {
            let inner = format!("{place}[]");
            if values.len() > 1 {
                change(format!("{inner}: turned"), None, Edit::Turn);
            }
            for other in said(places, &inner).into_iter().filter(|one| !values.contains(one)) {
                change(format!("{inner}: added"), None, Edit::Push(other));
            }
            for i in 0..values.len() {
                change(format!("{inner}: removed"), Some(Step::Index(i)), Edit::Remove);
            }
            for (i, one) in values.iter().enumerate() {
                changes(places, &inner, &below(path, Step::Index(i)), one, all);
            }
        }
        Value::Table(table) => {
            let begins = format!("{place}.");
            let keys = places.keys().filter_map(|known| known.strip_prefix(&begins));
            for key in keys.filter(|key| !key.contains(['.', '[']) && !table.contains_key(*key)) {
                let (what, step) = (format!("{begins}{key}: added"), Step::Key(key.to_owned()));
                for value in said(places, &format!("{begins}{key}")) {
                    change(what.clone(), Some(step.clone()), Edit::Set(value));
                }
            }
            for key in table.keys() {
                let step = Step::Key(key.clone());
                change(format!("{begins}{key}: removed"), Some(step), Edit::Remove);
            }
            for (key, value) in table {
                let path = below(path, Step::Key(key.clone()));
                changes(places, &format!("{begins}{key}"), &path, value, all);
            }
        }
        _ => {}
    }
}

/// The most of each kind, from all over the text.
fn some(all: impl Iterator<Item = Change>) -> Vec<Change> {
    let mut kinds: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    all.for_each(|change| kinds.entry(change.what.clone()).or_default().push(change));
    let some = kinds.into_values().flat_map(|kind| {
        let step = kind.len().div_ceil(MOST);
        kind.into_iter().step_by(step)
    });
    some.collect()
}

fn below(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}

fn apply(value: &mut Value, path: &[Step], edit: &Edit) {
    match (value, path, edit) {
        (Value::Table(table), [Step::Key(key)], Edit::Remove) => _ = table.remove(key),
        (Value::Table(table), [Step::Key(key)], Edit::Set(new)) => {
            table.insert(key.clone(), new.clone());
        }
        (Value::Table(table), [Step::Key(key), rest @ ..], _) => apply(&mut table[key], rest, edit),
        (Value::Array(values), [Step::Index(i)], Edit::Remove) => _ = values.remove(*i),
        (Value::Array(values), [Step::Index(i), rest @ ..], _) => {
            apply(&mut values[*i], rest, edit)
        }
        (Value::Array(values), [], Edit::Push(new)) => values.push(new.clone()),
        (Value::Array(values), [], Edit::Turn) => values.swap(0, 1),
        (value, [], Edit::Set(new)) => *value = new.clone(),
        _ => panic!("a change that does not fit where it is to be made"),
    }
}

/// What a model says, to the last field. The order of lists that mean sets is part of it, so two
/// texts of the same meaning may differ here; what `turned` did to such a list is not looked at.
fn all_of(model: &Model) -> String {
    let model = Model { tests: Vec::new(), granted_by: Vec::new(), ..model.clone() };
    format!("{model:?}")
}

/// The lists whose order a screen shows.
const ORDERED: [&str; 7] = [
    ".product[]: turned",
    ".flag[]: turned",
    ".setting[]: turned",
    ".visibility[]: turned",
    ".permission[]: turned",
    ".role[]: turned",
    ".overlay[]: turned",
];

#[test]
fn whatever_a_model_says_differently_is_told() {
    let vocabulary = built_in_vocabulary();
    let texts: Vec<_> = BUILT_IN.iter().map(|(_, text)| *text).chain([RARE]).collect();
    let mut places = Places::new();
    texts.iter().for_each(|text| note(&mut places, "", &Value::Table(table(text))));
    let standard =
        BUILT_IN.iter().find(|(name, _)| *name == STANDARD).map_or("", |(_, text)| *text);
    let mut untold = BTreeSet::new();
    let (mut tried, mut models) = (0, 0);
    // The longest says nothing in a way that the others do not.
    for text in texts.iter().filter(|text| **text != standard) {
        let before = table(text);
        let old = parse(&before.to_string(), vocabulary).expect("the text is right");
        let before = Value::Table(before);
        let mut all = Vec::new();
        changes(&places, "", &[], &before, &mut all);
        let all = some(all.into_iter().filter(|change| {
            !change.what.ends_with(": turned") || ORDERED.contains(&&*change.what)
        }));
        for Change { what, path, edit } in all {
            let mut value = before.clone();
            apply(&mut value, &path, &edit);
            tried += 1;
            let Value::Table(value) = value else { panic!("a text is a table") };
            let Ok(new) = parse(&value.to_string(), vocabulary) else { continue };
            if all_of(&old) == all_of(&new) {
                continue;
            }
            models += 1;
            let diffs = diff(&old, &new, vocabulary);
            if diffs.is_empty() {
                untold.insert(format!("{what} (diff)"));
            }
            if matrix(&old, vocabulary) == matrix(&new, vocabulary) {
                untold.insert(format!("{what} (show)"));
            }
        }
    }
    assert!(models > 800, "only {models} other models of {tried} changes");
    assert!(untold.is_empty(), "{untold:#?}");
}
