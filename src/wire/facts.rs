//! Facts that a caller sends about a resource: parsed, with external identifiers, with presence.

use lineguard_core::change::{AttachmentSource, UserOrGroup};
use lineguard_core::facts::Fact;
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxboxId, GroupId, PhoneNumber, QueueId, Subject,
};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::suggest::nearest;
use lineguard_core::vocabulary::FactName;

use super::invalid::{Faults, Path, quoted, unknown};
use super::{enums, id, pb};

/// Facts as they were sent. `Missing` was not sent, `Absent` is known to be none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentFacts {
    /// The account it lies in; never `Absent`.
    pub account: Fact<AccountId>,
    /// Who created, sent or holds it.
    pub creator: Fact<Subject>,
    /// Who took part.
    pub participants: Fact<Vec<Subject>>,
    /// The user or group it is assigned to.
    pub assignee: Fact<UserOrGroup>,
    /// The faxbox it lies in.
    pub faxbox: Fact<FaxboxId>,
    /// The number of ours.
    pub number: Fact<PhoneNumber>,
    /// The extension.
    pub extension: Fact<ExtensionId>,
    /// The queue.
    pub queue: Fact<QueueId>,
    /// Tags.
    pub labels: Fact<Vec<ExternalId>>,
    /// The group.
    pub group: Fact<GroupId>,
    /// Direction.
    pub direction: Fact<Direction>,
    /// State.
    pub state: Fact<FaxState>,
    /// Type of form.
    pub form_type: Fact<ExternalId>,
    /// Type of document.
    pub document_type: Fact<ExternalId>,
    /// Template.
    pub template: Fact<ExternalId>,
    /// Attachment sources.
    pub sources: Fact<Vec<AttachmentSource>>,
}

/// Reads facts. `declared` are the facts of the resource type; none where the type is not known,
/// which is a fault of its own.
pub(super) fn read(
    faults: &mut Faults,
    at: &Path<'_>,
    message: pb::Facts,
    declared: Option<(&str, &[FactName])>,
) -> Option<SentFacts> {
    let pb::Facts {
        account,
        creator,
        participants,
        assignee,
        faxbox,
        number,
        extension,
        queue,
        labels,
        group,
        direction,
        state,
        form_type,
        document_type,
        template,
        attachment_sources,
        absent,
    } = message;

    let absent = read_absent(faults, &at.field("absent"), &absent);
    let mut reader = Reader { faults, at, declared, absent: absent.as_deref().unwrap_or(&[]) };
    let facts = SentFacts {
        account: reader.id(FactName::Account, account),
        creator: reader.fact(FactName::Creator, creator, |faults, at, creator| {
            id::subject_fields(faults, at, &creator)
        }),
        participants: reader.fact(FactName::Participant, participants, subjects),
        assignee: reader.fact(FactName::Assignee, assignee, |faults, at, assignee| {
            id::user_or_group(faults, at, &assignee)
        }),
        faxbox: reader.id(FactName::Faxbox, faxbox),
        number: reader.id(FactName::Number, number),
        extension: reader.id(FactName::Extension, extension),
        queue: reader.id(FactName::Queue, queue),
        labels: reader.fact(FactName::Label, labels, |faults, at, labels| {
            let pb::Labels { labels } = labels;
            id::set(faults, &at.field("labels"), &labels)
        }),
        group: reader.id(FactName::Group, group),
        direction: reader.fact(FactName::Direction, direction, enums::required),
        state: reader.fact(FactName::State, state, enums::required),
        form_type: reader.id(FactName::FormType, form_type),
        document_type: reader.id(FactName::DocumentType, document_type),
        template: reader.id(FactName::Template, template),
        sources: reader.fact(FactName::Source, attachment_sources, |faults, at, sources| {
            let pb::AttachmentSources { sources } = sources;
            faults.each(&at.field("sources"), sources, enums::required)
        }),
    };
    absent.map(|_| facts)
}

/// Reads one fact after the other. A fact with a fault is left `Missing`: the message is refused
/// anyway, because the fault has been recorded.
struct Reader<'a> {
    faults: &'a mut Faults,
    at: &'a Path<'a>,
    declared: Option<(&'a str, &'a [FactName])>,
    absent: &'a [FactName],
}

impl Reader<'_> {
    fn id<T: id::ParseId>(&mut self, name: FactName, sent: Option<String>) -> Fact<T> {
        self.fact(name, sent, |faults, at, text| id::required(faults, at, &text))
    }

    fn fact<U, T>(
        &mut self,
        name: FactName,
        sent: Option<U>,
        read: impl FnOnce(&mut Faults, &Path<'_>, U) -> Option<T>,
    ) -> Fact<T> {
        let absent = self.absent.contains(&name);
        if sent.is_none() && !absent {
            return Fact::Missing;
        }
        let field = self.at.field(name.as_str());
        if let Some((resource, declared)) = self.declared
            && !declared.contains(&name)
        {
            let problem = format!("is no fact of the resource type `{resource}`");
            let _: Option<()> = self.faults.add(&field, problem);
        }
        match sent {
            None => Fact::Absent,
            Some(_) if absent => {
                let _: Option<()> = self.faults.add(&field, "is set and named in `absent` as well");
                Fact::Missing
            }
            Some(sent) => read(self.faults, &field, sent).map_or(Fact::Missing, Fact::Known),
        }
    }
}

fn read_absent(faults: &mut Faults, at: &Path<'_>, names: &[String]) -> Option<Vec<FactName>> {
    faults.each(at, names, |faults, at, name| {
        let known = FactName::ALL.map(|(fact, _)| fact);
        match known.into_iter().find(|fact| fact.as_str() == name) {
            Some(FactName::Account) => {
                faults.add(at, "every resource lies in an account; leave `account` out")
            }
            Some(fact) => Some(fact),
            None => {
                let suggestion = nearest(name, known.into_iter().map(FactName::as_str));
                faults.add(at, unknown("fact", name, suggestion))
            }
        }
    })
}

fn subjects(faults: &mut Faults, at: &Path<'_>, message: pb::Subjects) -> Option<Vec<Subject>> {
    let pb::Subjects { subjects } = message;
    let at = at.field("subjects");
    id::bounded(faults, &at, subjects.len(), id::MAX_SET)?;
    faults.each(&at, subjects, |faults, at, subject| id::subject_fields(faults, at, &subject))
}

/// The problem of a fact that the caller sent and that differs from the stored one. Says nothing
/// about the stored one.
pub fn differs(sent: &str) -> String {
    format!("{} is not what is stored; leave the fact out", quoted(sent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::invalid::InvalidRequest;

    const CALL: &[FactName] = &[FactName::Account, FactName::Queue, FactName::Participant];

    fn facts(message: pb::Facts) -> Result<SentFacts, InvalidRequest> {
        Faults::collect(|faults, at| read(faults, at, message, Some(("call", CALL))))
    }

    #[test]
    fn missing_absent_and_empty_are_three_things() {
        let message = pb::Facts {
            participants: Some(pb::Subjects { subjects: vec![] }),
            absent: vec!["queue".into()],
            ..Default::default()
        };
        let facts = facts(message).unwrap();
        assert_eq!(facts.account, Fact::Missing);
        assert_eq!(facts.queue, Fact::Absent);
        assert_eq!(facts.participants, Fact::Known(vec![]));
    }

    #[test]
    fn a_fact_that_the_type_does_not_have_is_a_fault() {
        let message = pb::Facts { faxbox: Some("box".into()), ..Default::default() };
        assert_eq!(
            facts(message).unwrap_err().to_string(),
            "`faxbox` is no fact of the resource type `call`"
        );
    }

    #[test]
    fn an_empty_identifier_is_not_an_absent_one() {
        let message = pb::Facts { queue: Some(String::new()), ..Default::default() };
        assert_eq!(facts(message).unwrap_err().to_string(), "`queue` must not be empty");
    }

    #[test]
    fn a_fact_cannot_be_set_and_absent() {
        let message = pb::Facts {
            queue: Some("sales".into()),
            absent: vec!["queue".into()],
            ..Default::default()
        };
        assert!(facts(message).is_err());
    }

    #[test]
    fn an_unknown_absent_fact_is_named_with_a_suggestion() {
        let message = pb::Facts { absent: vec!["quue".into()], ..Default::default() };
        assert_eq!(
            facts(message).unwrap_err().to_string(),
            "`absent[0]` unknown fact `quue`, did you mean `queue`?"
        );
    }

    #[test]
    fn an_account_cannot_be_absent() {
        let message = pb::Facts { absent: vec!["account".into()], ..Default::default() };
        assert!(facts(message).is_err());
    }

    #[test]
    fn every_fault_of_a_set_has_its_index() {
        let subject = |id: &str| pb::Subject { r#type: "user".into(), id: id.into() };
        let subjects = vec![subject("a"), subject(""), subject("b\0")];
        let message =
            pb::Facts { participants: Some(pb::Subjects { subjects }), ..Default::default() };
        assert_eq!(
            facts(message).unwrap_err().to_string(),
            "`participants.subjects[1].id` must not be empty; \
             `participants.subjects[2].id` must not contain control characters"
        );
    }
}
