//! Facts of a resource as flags give them: `--fact direction=inbound`.

use lineguard_core::change::AttachmentSource;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::suggest::nearest;
use lineguard_core::text::shown;
use lineguard_core::vocabulary::FactName;
use tonic::Status;
use tonic_types::StatusExt;

use super::client::{MISSING_FACT, subject, word};
use crate::wire::enums::WireEnum;
use crate::wire::id::subject_to_wire;
use crate::wire::pb;

/// One fact: its name, and its value; none if it is known to be absent.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    name: FactName,
    value: Option<String>,
}

/// Reads `name=value`; `name=` says that the fact is known to be none.
pub(super) fn parse(text: &str) -> Result<Fact, String> {
    let (name, value) = text.split_once('=').ok_or("must be name=value")?;
    let Some((name, _)) = FactName::ALL.into_iter().find(|(_, known)| *known == name) else {
        let names = FactName::ALL.map(|(_, known)| known);
        // A part of a name is not near to it by its letters.
        let part = names.into_iter().find(|known| name.len() > 3 && known.contains(name));
        let near = part.or_else(|| nearest(name, names));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("unknown fact `{}`{near}; {LISTED}", shown(name)));
    };
    let value = (!value.is_empty()).then(|| value.to_owned());
    Ok(Fact { name, value })
}

const LISTED: &str = "`lineguard vocabulary TYPE` lists those of a type of resource";

/// What the value of a fact looks like.
pub(super) fn value_of(fact: FactName) -> String {
    match fact {
        FactName::Creator => "SUBJECT".to_owned(),
        FactName::Participant => "SUBJECT,…".to_owned(),
        FactName::Assignee => "SUBJECT or group:ID".to_owned(),
        FactName::Number => "E164".to_owned(),
        FactName::Label => "LABEL,…".to_owned(),
        FactName::Direction => "inbound or outbound".to_owned(),
        FactName::State => FaxState::ALL.map(|(_, word)| word).join(" or "),
        FactName::Source => format!("{},…", AttachmentSource::ALL.map(|(_, word)| word).join(",")),
        FactName::Account
        | FactName::Faxbox
        | FactName::Extension
        | FactName::Queue
        | FactName::Group
        | FactName::FormType
        | FactName::DocumentType
        | FactName::Template => "ID".to_owned(),
    }
}

/// How to give the facts that an answer depends on; empty for any other status.
pub(super) fn how_to_give(status: &Status) -> String {
    let missing = status.get_details_error_info().is_some_and(|info| info.reason == MISSING_FACT);
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
    let flags = violations.unwrap_or_default().into_iter().filter(|_| missing).map(|violation| {
        let field = violation.field.as_str();
        if let Some(fact) = field.strip_prefix("resource.properties.") {
            format!("\n  --fact {}=VALUE", shown(fact))
        } else if let Some(fact) = field.strip_prefix("target.properties.") {
            format!("\n  --target-fact {}=VALUE", shown(fact))
        } else if field == "context.recipient_verified" {
            "\n  --recipient-verified true or false".to_owned()
        } else {
            "\n  --target TYPE:ID".to_owned()
        }
    });
    let flags: String = flags.collect();
    match flags.as_str() {
        "" => flags,
        _ => format!("\nGive what is missing, with no VALUE where it is known to be none:{flags}"),
    }
}

/// The facts on the wire; none if there are none. Lists are separated by commas.
pub(super) fn to_wire(facts: &[Fact]) -> Result<Option<pb::Facts>, String> {
    if facts.is_empty() {
        return Ok(None);
    }
    let mut wire = pb::Facts::default();
    for fact in facts {
        set(&mut wire, fact)
            .map_err(|problem| format!("fact `{}` {problem}", fact.name.as_str()))?;
    }
    Ok(Some(wire))
}

fn set(wire: &mut pb::Facts, fact: &Fact) -> Result<(), String> {
    let Some(value) = &fact.value else {
        wire.absent.push(fact.name.as_str().to_owned());
        return Ok(());
    };
    let text = || Some(value.clone());
    let list = || value.split(',').map(str::to_owned);
    match fact.name {
        FactName::Account => wire.account = text(),
        FactName::Creator => wire.creator = Some(subject_to_wire(&subject(value)?)),
        FactName::Participant => {
            let subjects = list().map(|one| Ok(subject_to_wire(&subject(&one)?)));
            let subjects = subjects.collect::<Result<_, String>>()?;
            wire.participants = Some(pb::Subjects { subjects });
        }
        FactName::Assignee => wire.assignee = Some(user_or_group(value)?),
        FactName::Faxbox => wire.faxbox = text(),
        FactName::Number => wire.number = text(),
        FactName::Extension => wire.extension = text(),
        FactName::Queue => wire.queue = text(),
        FactName::Label => wire.labels = Some(pb::Labels { labels: list().collect() }),
        FactName::Group => wire.group = text(),
        FactName::Direction => wire.direction = Some(direction(value)?.to_wire()),
        FactName::State => wire.state = Some(word(value, &FaxState::ALL)?.to_wire()),
        FactName::FormType => wire.form_type = text(),
        FactName::DocumentType => wire.document_type = text(),
        FactName::Template => wire.template = text(),
        FactName::Source => {
            let source = |one: String| Ok(word(&one, &AttachmentSource::ALL)?.to_wire());
            let sources = list().map(source).collect::<Result<_, String>>()?;
            wire.attachment_sources = Some(pb::AttachmentSources { sources });
        }
    }
    Ok(())
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
        let facts: Vec<Fact> =
            ["direction=inbound", "labels=a,b", "queue=", "assignee=group:sales"]
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

    /// Every fact of the vocabulary is a field of the message, under the same name.
    #[test]
    fn every_fact_goes_to_the_field_of_its_name() {
        for (fact, name) in FactName::ALL {
            let value = match fact {
                FactName::Direction => "inbound",
                FactName::State => "draft",
                FactName::Source => "cloud",
                _ => "x",
            };
            let set = to_wire(&[parse(&format!("{name}={value}")).unwrap()]).unwrap().unwrap();
            let told = format!("{set:?}");
            assert!(told.contains(&format!("{name}: Some(")), "{told}");
        }
    }

    #[test]
    fn an_unknown_fact_is_a_mistake_with_a_suggestion() {
        let told = parse("nubmer=1").unwrap_err();
        assert!(told.starts_with("unknown fact `nubmer`; did you mean `number`?"), "{told}");
        assert!(told.ends_with(LISTED));
        let told = parse("source=cloud").unwrap_err();
        assert!(told.contains("did you mean `attachment_sources`?"), "{told}");
        // A fact has one name, that of its field on the wire.
        for name in ["label", "participant", "source", "sources"] {
            assert!(parse(&format!("{name}=x")).is_err(), "{name}");
        }
        let facts = [parse("direction=up").unwrap()];
        assert!(to_wire(&facts).unwrap_err().contains("inbound"));
    }
}
