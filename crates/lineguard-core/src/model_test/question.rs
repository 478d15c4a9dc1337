//! What a test asks.

use toml::Table;

use super::{Names, flag, given, only, strings, table, text};
use crate::engine::role_permissions;
use crate::facts::{Fact, ResourceFacts};
use crate::id::{Key, Num};
use crate::model::reach::{Direction, FaxState};
use crate::model::{Channel, Model};
use crate::request::{CallerIdQuestion, Conferred, Context, Presentation, Question, sent_from};
use crate::vocabulary::{Confers, FactName, ResourceType, SendChannel, Vocabulary};

pub(super) fn check(
    model: &Model,
    vocabulary: &Vocabulary,
    ask: &Table,
    names: &mut Names,
) -> Result<Question, String> {
    let known = ["action", "facts", "target", "channel", "recipient_verified", "locked_by"];
    only(ask, "ask", &known)?;
    let name = text(ask, "action")?.ok_or("`ask.action` is missing")?;
    let action = vocabulary.action(name).ok_or_else(|| format!("unknown action `{name}`"))?;
    let def = vocabulary.def(action).ok_or("no such action")?;
    let empty = Table::new();
    let facts = table(ask, "facts")?.unwrap_or(&empty);
    let (target, conferred) = match (table(ask, "target")?, def.confers, def.target) {
        (None, _, _) => (None, None),
        (Some(target), Some(confers), _) => (None, Some(conferral(model, confers, target)?)),
        (Some(target), None, Some(of)) => (Some(resource(vocabulary, of, target, names)?), None),
        (Some(_), None, None) => return Err(format!("`{name}` has no target")),
    };
    let resource = resource(vocabulary, def.resource, facts, names)?;
    let sent_from = sent_from(def, &resource, target.as_ref())
        .filter(|_| def.sends.is_some())
        .map(|number| names.number_facts(number));
    Ok(Question {
        action,
        names_stored_resource: false,
        resource,
        target,
        sent_from,
        conferred,
        context: context(ask, names)?,
    })
}

/// What an action that confers has for its target. It must exist: what does not may never be
/// conferred, so a misspelt key would pass for a denial.
fn conferral(model: &Model, confers: Confers, target: &Table) -> Result<Conferred, String> {
    let word = match confers {
        Confers::Role => "role",
        Confers::Permission => "permission",
    };
    only(target, "target", &[word])?;
    let named = text(target, word)?.ok_or_else(|| format!("`ask.target` needs `{word}`"))?;
    let exists = match confers {
        Confers::Role => model.role(named).is_some(),
        Confers::Permission => model.permission(named).is_some(),
    };
    let key = Key::parse(named).ok().filter(|_| exists);
    let key = key.ok_or_else(|| format!("unknown {word} `{named}`"))?;
    Ok(match confers {
        Confers::Role => {
            let permissions = role_permissions(model, &key, None).map_err(|e| e.to_string())?;
            Conferred::Role { key, permissions }
        }
        Confers::Permission => Conferred::Permission(key),
    })
}

fn context(ask: &Table, names: &mut Names) -> Result<Context, String> {
    Ok(Context {
        channel: channel(ask)?,
        recipient_verified: flag(ask, "recipient_verified")?,
        locked_by: text(ask, "locked_by")?.map(|holder| names.num(holder)),
    })
}

fn channel(ask: &Table) -> Result<Option<Channel>, String> {
    let Some(word) = text(ask, "channel")? else { return Ok(None) };
    let known = Channel::ALL.into_iter().find(|(_, one)| *one == word);
    known.map(|(channel, _)| Some(channel)).ok_or_else(|| format!("unknown channel `{word}`"))
}

fn resource(
    vocabulary: &Vocabulary,
    of: ResourceType,
    facts: &Table,
    names: &mut Names,
) -> Result<ResourceFacts, String> {
    let def = vocabulary.resource(of).ok_or("no such resource type")?;
    only(facts, "facts", &FACTS)?;
    // Facts of the store are known or known to be absent, but for those that it may never have been
    // told; these and all others are missing if they are left out. A fact that the type does not
    // have is absent.
    let held = |fact| def.stored.is_some_and(|stored| !stored.may_lack(fact));
    let left_out =
        |fact| if held(fact) || !def.facts.contains(&fact) { Known::No } else { Known::Not };
    let mut one = |key: &str, fact| -> Result<Fact<Num>, String> {
        Ok(match text(facts, key)? {
            Some(name) => Fact::Known(names.num(name)),
            None => left_out(fact).into(),
        })
    };
    let mut read = ResourceFacts {
        creator: one("creator", FactName::Creator)?,
        assignee: one("assignee", FactName::Assignee)?,
        faxbox: one("faxbox", FactName::Faxbox)?,
        number: one("number", FactName::Number)?,
        extension: one("extension", FactName::Extension)?,
        queue: one("queue", FactName::Queue)?,
        group: one("group", FactName::Group)?,
        form_type: one("form_type", FactName::FormType)?,
        document_type: one("document_type", FactName::DocumentType)?,
        template: one("template", FactName::Template)?,
        ..ResourceFacts::nowhere()
    };
    read.account = Fact::Known(text(facts, "account")?.map_or(Names::HOME, |name| names.num(name)));
    let mut many = |key: &str, fact| -> Result<Fact<Box<[Num]>>, String> {
        Ok(match strings(facts, key)? {
            Some(values) => Fact::Known(values.into_iter().map(|name| names.num(name)).collect()),
            None => left_out(fact).into(),
        })
    };
    read.participants = many("participants", FactName::Participant)?;
    read.labels = many("labels", FactName::Label)?;
    read.sources = match strings(facts, "sources")? {
        Some(values) => {
            let nums = values.into_iter().map(given::source).collect::<Result<_, _>>()?;
            Fact::Known(nums)
        }
        None => left_out(FactName::Source).into(),
    };
    read.direction = match text(facts, "direction")? {
        Some(word) => Fact::Known(
            Direction::from_word(word).ok_or_else(|| format!("unknown direction `{word}`"))?,
        ),
        None => left_out(FactName::Direction).into(),
    };
    read.state = match text(facts, "state")? {
        Some(word) => {
            Fact::Known(FaxState::from_word(word).ok_or_else(|| format!("unknown state `{word}`"))?)
        }
        None => left_out(FactName::State).into(),
    };
    Ok(read)
}

const FACTS: [&str; 16] = [
    "account",
    "creator",
    "participants",
    "assignee",
    "faxbox",
    "number",
    "extension",
    "queue",
    "labels",
    "group",
    "direction",
    "state",
    "form_type",
    "document_type",
    "template",
    "sources",
];

/// What is known of a fact that a test leaves out.
enum Known {
    /// That there is none.
    No,
    /// Nothing.
    Not,
}

impl<T> From<Known> for Fact<T> {
    fn from(known: Known) -> Self {
        match known {
            Known::No => Self::Absent,
            Known::Not => Self::Missing,
        }
    }
}

pub(super) fn caller_id(ask: &Table, names: &mut Names) -> Result<CallerIdQuestion, String> {
    only(ask, "caller_id", &["requested", "anonymous", "channel"])?;
    let channel = match text(ask, "channel")? {
        None | Some("call") => SendChannel::Call,
        Some("fax") => SendChannel::Fax,
        Some("message") => SendChannel::Message,
        Some(word) => return Err(format!("unknown channel `{word}`")),
    };
    let requested = match (text(ask, "requested")?, flag(ask, "anonymous")?) {
        (Some(number), _) => Presentation::Number(names.num(number)),
        (None, Some(true)) => Presentation::Anonymous,
        (None, _) => Presentation::Unspecified,
    };
    Ok(CallerIdQuestion { channel, requested, context: Context::default() })
}
