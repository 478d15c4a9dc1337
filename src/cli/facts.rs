//! Facts of a resource as flags give them: `--fact direction=inbound`.

use lineguard_core::change::AttachmentSource;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::suggest::nearest;
use lineguard_core::text::shown;

use super::client::{subject, word};
use crate::wire::enums::WireEnum;
use crate::wire::id::subject_to_wire;
use crate::wire::pb;

/// The facts that a question may carry, as the vocabulary names them.
const NAMES: [&str; 16] = [
    "account",
    "creator",
    "participant",
    "assignee",
    "faxbox",
    "number",
    "extension",
    "queue",
    "label",
    "group",
    "direction",
    "state",
    "form_type",
    "document_type",
    "template",
    "source",
];

/// One fact: its name, and its value; none if it is known to be absent.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    name: &'static str,
    value: Option<String>,
}

/// Reads `name=value`; `name=` says that the fact is known to be none.
pub(super) fn parse(text: &str) -> Result<Fact, String> {
    let (name, value) = text.split_once('=').ok_or("must be name=value")?;
    let Some(known) = NAMES.into_iter().find(|known| *known == name) else {
        let near = nearest(name, NAMES).map(|near| format!("; did you mean `{near}`?"));
        return Err(format!("unknown fact `{}`{}", shown(name), near.unwrap_or_default()));
    };
    let value = (!value.is_empty()).then(|| value.to_owned());
    Ok(Fact { name: known, value })
}

/// The facts on the wire; none if there are none. Lists are separated by commas.
pub(super) fn to_wire(facts: &[Fact]) -> Result<Option<pb::Facts>, String> {
    if facts.is_empty() {
        return Ok(None);
    }
    let mut wire = pb::Facts::default();
    for fact in facts {
        set(&mut wire, fact).map_err(|problem| format!("fact `{}` {problem}", fact.name))?;
    }
    Ok(Some(wire))
}

fn set(wire: &mut pb::Facts, fact: &Fact) -> Result<(), String> {
    let Some(value) = &fact.value else {
        wire.absent.push(wire_name(fact.name).to_owned());
        return Ok(());
    };
    let text = || Some(value.clone());
    let list = || value.split(',').map(str::to_owned);
    match fact.name {
        "account" => wire.account = text(),
        "creator" => wire.creator = Some(subject_to_wire(&subject(value)?)),
        "participant" => {
            let subjects = list().map(|one| Ok(subject_to_wire(&subject(&one)?)));
            let subjects = subjects.collect::<Result<_, String>>()?;
            wire.participants = Some(pb::Subjects { subjects });
        }
        "assignee" => wire.assignee = Some(user_or_group(value)?),
        "faxbox" => wire.faxbox = text(),
        "number" => wire.number = text(),
        "extension" => wire.extension = text(),
        "queue" => wire.queue = text(),
        "label" => wire.labels = Some(pb::Labels { labels: list().collect() }),
        "group" => wire.group = text(),
        "direction" => wire.direction = Some(direction(value)?.to_wire()),
        "state" => wire.state = Some(word(value, &FaxState::ALL)?.to_wire()),
        "form_type" => wire.form_type = text(),
        "document_type" => wire.document_type = text(),
        "template" => wire.template = text(),
        _ => {
            let source = |one: String| Ok(word(&one, &AttachmentSource::ALL)?.to_wire());
            let sources = list().map(source).collect::<Result<_, String>>()?;
            wire.attachment_sources = Some(pb::AttachmentSources { sources });
        }
    }
    Ok(())
}

/// The name of a fact as a field of the message.
fn wire_name(name: &'static str) -> &'static str {
    match name {
        "participant" => "participants",
        "label" => "labels",
        "source" => "attachment_sources",
        name => name,
    }
}

/// Reads a direction.
pub(super) fn direction(text: &str) -> Result<Direction, String> {
    Direction::from_word(text).ok_or_else(|| "must be one of: inbound, outbound".to_owned())
}

fn user_or_group(text: &str) -> Result<pb::UserOrGroup, String> {
    use pb::user_or_group::Kind;
    let kind = match text.strip_prefix("group:") {
        Some(group) => Kind::Group(group.to_owned()),
        None => Kind::User(subject_to_wire(&subject(text)?)),
    };
    Ok(pb::UserOrGroup { kind: Some(kind) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_set_or_absent() {
        let facts: Vec<Fact> = ["direction=inbound", "label=a,b", "queue=", "assignee=group:sales"]
            .into_iter()
            .map(|text| parse(text).unwrap())
            .collect();
        let wire = to_wire(&facts).unwrap().unwrap();
        assert_eq!(wire.direction(), pb::Direction::Inbound);
        assert_eq!(wire.labels.unwrap().labels, ["a", "b"]);
        assert_eq!(wire.absent, ["queue"]);
        assert_eq!(
            super::super::client::user_or_group_text(&wire.assignee.unwrap()),
            "group:sales"
        );
    }

    #[test]
    fn an_unknown_fact_is_a_mistake_with_a_suggestion() {
        assert_eq!(parse("nubmer=1").unwrap_err(), "unknown fact `nubmer`; did you mean `number`?");
        let facts = [parse("direction=up").unwrap()];
        assert!(to_wire(&facts).unwrap_err().contains("inbound"));
    }
}
