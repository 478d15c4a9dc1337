//! From what a question says, and what the store knows, to the facts that a decision reads.

use lineguard_core::assemble::{fax_facts, object_facts};
use lineguard_core::change::{AttachmentSource, UserOrGroup};
use lineguard_core::engine::{Authority, is_seen, may_know};
use lineguard_core::facts::{Fact, NumberFacts, ResourceFacts};
use lineguard_core::id::{Num, Subject};
use lineguard_core::model::Model;
use lineguard_core::request::{Context, Question, sent_from};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::{ActionKind, FactName, ResourceDef, StoredType, Vocabulary};

use super::conferred::conferred;
use super::known::{Known, kind_of};
use crate::wire::check::{CheckCall, ResourceRef};
use crate::wire::facts::SentFacts;
use crate::wire::invalid::{InvalidRequest, Violation};
use crate::wire::status::Failure;

/// The question that the engine decides. Facts that the caller sends about something the store
/// holds are compared with the store's, and a difference is an error: they are never a substitute.
/// Only what the store was never told is taken from the question (rulings R31).
/// About something that the person may not know of, nothing is told: it does not exist then.
pub fn question(
    call: &CheckCall,
    known: &Known,
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
) -> Result<Question, Failure> {
    let reader = Reader { known, model, vocabulary, authority, manages: manages(call, vocabulary) };
    let (mut faults, mut of_target) = (Vec::new(), Vec::new());
    let resource = reader.facts(&call.resource, "resource", &mut faults);
    let target = call.target.as_ref().map(|target| reader.facts(target, "target", &mut of_target));
    let stored = vocabulary.resource(call.resource.ty).is_some_and(|ty| ty.stored.is_some());
    let mut question = Question {
        action: call.action,
        names_stored_resource: stored && call.resource.id.is_some(),
        resource,
        target,
        sent_from: None,
        conferred: conferred(call, known, model)?,
        context: Context {
            channel: call.channel,
            recipient_verified: call.recipient_verified,
            locked_by: call.locked_by.as_ref().map(|holder| reader.subject(holder)),
        },
    };
    // A fax that may not be seen cannot be made to tell its facts by being named as a target. Of a
    // faxbox the person's membership decides, which is theirs to know.
    let tells = !of_target.is_empty() || names_a_fax(call.target.as_ref(), vocabulary);
    if tells && !reader.may_know_target(call, &question) {
        question.target = Some(ResourceFacts::nowhere());
        of_target.clear();
    }
    if !faults.is_empty() && !may_know(model, vocabulary, authority, &question) {
        question.resource = ResourceFacts::nowhere();
        faults.clear();
    }
    faults.append(&mut of_target);
    // Only now is it certain what the question is about.
    question.sent_from = reader.sent_from(&question);
    if faults.is_empty() { Ok(question) } else { Err(InvalidRequest { violations: faults }.into()) }
}

fn names_a_fax(target: Option<&ResourceRef>, vocabulary: &Vocabulary) -> bool {
    target.is_some_and(|target| {
        let stored = vocabulary.resource(target.ty).and_then(|resource| resource.stored);
        target.id.is_some() && stored == Some(StoredType::Fax)
    })
}

fn manages(call: &CheckCall, vocabulary: &Vocabulary) -> bool {
    vocabulary.def(call.action).is_some_and(|def| def.kind == ActionKind::Manage)
}

struct Reader<'a> {
    known: &'a Known,
    model: &'a Model,
    vocabulary: &'a Vocabulary,
    authority: &'a Authority,
    manages: bool,
}

impl Reader<'_> {
    /// Whether the person may see the target of a question.
    fn may_know_target(&self, call: &CheckCall, question: &Question) -> bool {
        let ty = call.target.as_ref().and_then(|target| self.vocabulary.resource(target.ty));
        let (Some(view), Some(facts)) = (ty.and_then(|ty| ty.view), &question.target) else {
            return false;
        };
        is_seen(self.authority, view, facts)
    }

    /// What the store holds of the number that the question goes out with.
    fn sent_from(&self, question: &Question) -> Option<NumberFacts> {
        let def = self.vocabulary.def(question.action).filter(|def| def.sends.is_some())?;
        let number = sent_from(def, &question.resource, question.target.as_ref())?;
        self.known.number_facts(number).cloned()
    }

    fn facts(
        &self,
        named: &ResourceRef,
        at: &'static str,
        faults: &mut Vec<Violation>,
    ) -> ResourceFacts {
        let Some(def) = self.vocabulary.resource(named.ty) else {
            return ResourceFacts::nowhere();
        };
        let sent = self.sent(&named.facts, def, named.id.is_none());
        match (def.stored, &named.id) {
            (Some(stored), Some(id)) => match self.stored(stored, id.as_str(), &named.facts) {
                Some(facts) => {
                    compare(&sent, &facts, named, at, faults);
                    self.as_seen_from_below(stored, facts.or_sent(sent))
                }
                None => ResourceFacts::nowhere(),
            },
            _ => sent,
        }
    }

    /// A number set up above serves the accounts below where the model says so; it is managed only
    /// where it is set up.
    fn as_seen_from_below(&self, stored: StoredType, mut facts: ResourceFacts) -> ResourceFacts {
        let flows = self.model.tree.numbers_flow_down && !self.manages;
        if let (StoredType::Number, Fact::Known(account)) = (stored, &facts.account) {
            facts.account = self.authority.number_account(flows, *account);
        }
        facts
    }

    fn stored(&self, stored: StoredType, id: &str, sent: &SentFacts) -> Option<ResourceFacts> {
        match kind_of(stored) {
            None => self.known.fax(id).map(fax_facts),
            Some(ObjectKind::Member) => {
                let account = match &sent.account {
                    Fact::Known(account) => self.known.num(ObjectKind::Account, account.as_str()),
                    Fact::Missing | Fact::Absent => self.authority.account,
                };
                let member = self.known.member(account, id)?;
                let subject = self.known.num(ObjectKind::Subject, id);
                let facts = object_facts(member, None, Some(subject));
                Some(ResourceFacts { owner: self.known.owns(account, subject), ..facts })
            }
            Some(kind) => {
                let object = self.known.stored(kind, id)?;
                Some(object_facts(object, self.known.faxbox_of_number(object.num), None))
            }
        }
    }

    /// What the caller sent. A fact that the type does not have is absent; the account of something
    /// new is the acting account.
    fn sent(&self, sent: &SentFacts, def: &ResourceDef, new: bool) -> ResourceFacts {
        let of = Sent { known: self.known, def };
        let SentFacts {
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
            sources,
        } = sent;
        let account = match account {
            Fact::Missing if new => Fact::Known(self.authority.account),
            sent => of.id(FactName::Account, ObjectKind::Account, sent, |id| id.as_str()),
        };
        ResourceFacts {
            account,
            creator: of.map(FactName::Creator, creator, |subject| self.subject(subject)),
            participants: of.map(FactName::Participant, participants, |subjects| {
                subjects.iter().map(|subject| self.subject(subject)).collect()
            }),
            assignee: of.map(FactName::Assignee, assignee, |assignee| match assignee {
                UserOrGroup::User(subject) => self.subject(subject),
                UserOrGroup::Group(group) => self.known.num(ObjectKind::Group, group.as_str()),
            }),
            faxbox: of.id(FactName::Faxbox, ObjectKind::Faxbox, faxbox, |id| id.as_str()),
            number: of.id(FactName::Number, ObjectKind::Number, number, |id| id.as_str()),
            extension: of
                .id(FactName::Extension, ObjectKind::Extension, extension, |id| id.as_str()),
            queue: of.id(FactName::Queue, ObjectKind::Queue, queue, |id| id.as_str()),
            labels: of.map(FactName::Label, labels, |labels| {
                labels.iter().map(|id| self.known.num(ObjectKind::Label, id.as_str())).collect()
            }),
            group: of.id(FactName::Group, ObjectKind::Group, group, |id| id.as_str()),
            direction: of.map(FactName::Direction, direction, |direction| *direction),
            state: of.map(FactName::State, state, |state| *state),
            form_type: of.id(FactName::FormType, ObjectKind::FormType, form_type, |id| id.as_str()),
            document_type: of.id(
                FactName::DocumentType,
                ObjectKind::DocumentType,
                document_type,
                |id| id.as_str(),
            ),
            template: of.id(FactName::Template, ObjectKind::Template, template, |id| id.as_str()),
            sources: of.map(FactName::Source, sources, |sources| {
                sources.iter().copied().map(AttachmentSource::num).collect()
            }),
            owner: Fact::Absent,
        }
    }

    fn subject(&self, subject: &Subject) -> Num {
        self.known.num(ObjectKind::Subject, &subject.qualified())
    }
}

struct Sent<'a> {
    known: &'a Known,
    def: &'a ResourceDef,
}

impl Sent<'_> {
    fn map<T, U>(&self, name: FactName, sent: &Fact<T>, read: impl FnOnce(&T) -> U) -> Fact<U> {
        match sent {
            Fact::Known(value) => Fact::Known(read(value)),
            Fact::Missing if self.def.facts.contains(&name) => Fact::Missing,
            Fact::Missing | Fact::Absent => Fact::Absent,
        }
    }

    fn id<T>(
        &self,
        name: FactName,
        kind: ObjectKind,
        sent: &Fact<T>,
        text: impl FnOnce(&T) -> &str,
    ) -> Fact<Num> {
        self.map(name, sent, |id| self.known.num(kind, text(id)))
    }
}

/// Adds a fault for every fact that was sent and differs from the stored one. What the store does
/// not know contradicts nothing.
fn compare(
    sent: &ResourceFacts,
    stored: &ResourceFacts,
    named: &ResourceRef,
    at: &'static str,
    faults: &mut Vec<Violation>,
) {
    // Taken fully apart, so that a new fact cannot go uncompared.
    let SentFacts {
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
        sources,
    } = &named.facts;
    let mut check = |name: FactName, sent_at_all: bool, same: bool| {
        if sent_at_all && !same {
            let field = format!("{at}.properties.{}", name.as_str());
            faults.push(Violation { field, problem: CONTRADICTS.to_owned() });
        }
    };
    check(FactName::Account, said(account), same(&sent.account, &stored.account));
    check(FactName::Creator, said(creator), same(&sent.creator, &stored.creator));
    let took_part = same_set(&sent.participants, &stored.participants);
    check(FactName::Participant, said(participants), took_part);
    check(FactName::Assignee, said(assignee), same(&sent.assignee, &stored.assignee));
    check(FactName::Faxbox, said(faxbox), same(&sent.faxbox, &stored.faxbox));
    check(FactName::Number, said(number), same(&sent.number, &stored.number));
    check(FactName::Extension, said(extension), same(&sent.extension, &stored.extension));
    check(FactName::Queue, said(queue), same(&sent.queue, &stored.queue));
    check(FactName::Label, said(labels), same_set(&sent.labels, &stored.labels));
    check(FactName::Group, said(group), same(&sent.group, &stored.group));
    check(FactName::Direction, said(direction), same(&sent.direction, &stored.direction));
    check(FactName::State, said(state), same(&sent.state, &stored.state));
    check(FactName::FormType, said(form_type), same(&sent.form_type, &stored.form_type));
    let of_document = same(&sent.document_type, &stored.document_type);
    check(FactName::DocumentType, said(document_type), of_document);
    check(FactName::Template, said(template), same(&sent.template, &stored.template));
    check(FactName::Source, said(sources), same_set(&sent.sources, &stored.sources));
}

fn said<T>(fact: &Fact<T>) -> bool {
    !matches!(fact, Fact::Missing)
}

fn same<T: PartialEq>(sent: &Fact<T>, stored: &Fact<T>) -> bool {
    matches!(stored, Fact::Missing) || sent == stored
}

/// A set that is known to be empty and one that is known to be none say the same.
fn same_set(sent: &Fact<Box<[Num]>>, stored: &Fact<Box<[Num]>>) -> bool {
    let sorted = |fact: &Fact<Box<[Num]>>| match fact {
        Fact::Known(values) => {
            let mut values = values.to_vec();
            values.sort_unstable();
            values.dedup();
            values
        }
        Fact::Missing | Fact::Absent => Vec::new(),
    };
    matches!(stored, Fact::Missing) || sorted(sent) == sorted(stored)
}

/// Says nothing about the stored fact.
const CONTRADICTS: &str = "is not what is stored; leave the fact out";
