//! What a test asks.

use super::read::{Names, Reader};
use crate::facts::{Fact, NumberFacts, ResourceFacts};
use crate::id::Num;
use crate::model::Channel;
use crate::model::reach::{Direction, FaxState};
use crate::request::{CallerIdQuestion, Conferred, Context, Presentation, Question, sent_from};
use crate::text::Fields;
use crate::vocabulary::{Action, Confers, FactName, ResourceType, SendChannel};

/// What a test asks.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// Whether the member may do something.
    Check(Box<Question>),
    /// Which of these numbers the member may present.
    CallerId(CallerIdQuestion, Vec<NumberFacts>),
}

pub(super) const KEYS: &[&str] =
    &["action", "facts", "target", "channel", "recipient_verified", "locked_by", "caller_id"];

const DIRECTIONS: [(Direction, &str); 2] =
    [(Direction::Inbound, "inbound"), (Direction::Outbound, "outbound")];

const USES: [(SendChannel, &str); 3] =
    [(SendChannel::Call, "call"), (SendChannel::Fax, "fax"), (SendChannel::Message, "message")];

impl<'s, 't> Reader<'s, 't, '_> {
    pub(super) fn asked(&mut self, ask: &Fields<'s, 't>) -> Option<Asked> {
        if !is_about_caller_id(ask) {
            return self.check(ask).map(Box::new).map(Asked::Check);
        }
        let others = KEYS.iter().copied().filter(|key| *key != "caller_id");
        ask.refuse(&Vec::from_iter(others), "means nothing beside `caller_id`");
        let question =
            self.caller_id(&ask.sub("caller_id", &["requested", "anonymous", "channel"])?);
        Some(Asked::CallerId(question, self.names.phone_numbers()))
    }

    fn check(&mut self, ask: &Fields<'s, 't>) -> Option<Question> {
        let context = self.context(ask);
        let name = ask.required("action")?;
        let vocabulary = self.words.vocabulary;
        let Some(action) = vocabulary.action(name.text) else {
            let known = vocabulary.actions().map(|(_, def)| &*def.name);
            self.source.unknown(name.at, "action", name.text, known);
            return None;
        };
        let def = vocabulary.def(action)?;
        let target = self.target(ask, action);
        let facts = ask.sub("facts", &facts());
        let resource = self.resource(def.resource, facts.as_ref())?;
        let (target, conferred) = target?;
        let sent_from = sent_from(def, &resource, target.as_ref())
            .filter(|_| def.sends.is_some())
            .map(|number| self.names.number_facts(number));
        Some(Question {
            action,
            names_stored_resource: false,
            resource,
            target,
            sent_from,
            conferred,
            context,
        })
    }

    fn context(&mut self, ask: &Fields<'s, 't>) -> Context {
        let verified = ask.value("recipient_verified");
        Context {
            channel: ask.choice("channel", &Channel::ALL),
            recipient_verified: verified.map(|_| ask.bool("recipient_verified", false)),
            locked_by: self.name(ask, "locked_by"),
        }
    }

    fn target(
        &mut self,
        ask: &Fields<'s, 't>,
        action: Action,
    ) -> Option<(Option<ResourceFacts>, Option<Conferred>)> {
        let def = self.words.vocabulary.def(action)?;
        match (ask.value("target"), def.confers, def.target) {
            (None, _, _) => Some((None, None)),
            (Some(_), Some(confers), _) => Some((None, self.conferral(ask, confers))),
            (Some(_), None, Some(of)) => {
                let target = ask.sub("target", &facts())?;
                Some((Some(self.resource(of, Some(&target))?), None))
            }
            (Some(_), None, None) => {
                ask.refuse(&["target"], &format!("means nothing: `{}` has none", def.name));
                None
            }
        }
    }

    /// What an action that confers has for its target. It must exist: what does not may never be
    /// conferred, so a misspelt key would pass for a denial.
    fn conferral(&self, ask: &Fields<'s, 't>, confers: Confers) -> Option<Conferred> {
        let (word, known) = match confers {
            Confers::Role => ("role", &self.words.roles),
            Confers::Permission => ("permission", &self.words.permissions),
        };
        let key = self.key(ask.sub("target", &[word])?.required(word)?, word, known)?;
        Some(match confers {
            // What it is worth is looked up in the model that the test runs against.
            Confers::Role => Conferred::Role { key, permissions: None },
            Confers::Permission => Conferred::Permission(key),
        })
    }

    fn resource(
        &mut self,
        of: ResourceType,
        facts: Option<&Fields<'s, 't>>,
    ) -> Option<ResourceFacts> {
        let def = self.words.vocabulary.resource(of)?;
        for item in facts.into_iter().flat_map(Self::entries) {
            let known = FactName::ALL.iter().find(|(_, word)| *word == item.text);
            if known.is_some_and(|(fact, _)| !def.facts.contains(fact)) {
                let problem =
                    format!("`{}` is no fact of the resource type `{}`", item.text, def.name);
                self.source.error(item.at, problem);
            }
        }
        // Facts of the store are known or known to be absent, but for those that it may never have
        // been told; these and all others are missing if they are left out. A fact that the type
        // does not have is absent.
        let held = |fact| def.stored.is_some_and(|stored| !stored.may_lack(fact));
        let left_out = |fact| held(fact) || !def.facts.contains(&fact);
        let mut of = OfResource { reader: self, facts, left_out: &left_out };
        Some(ResourceFacts {
            account: match of.one(FactName::Account) {
                Fact::Known(account) => Fact::Known(account),
                Fact::Absent | Fact::Missing => Fact::Known(Names::HOME),
            },
            creator: of.one(FactName::Creator),
            participants: of.many(FactName::Participant),
            assignee: of.one(FactName::Assignee),
            faxbox: of.one(FactName::Faxbox),
            number: of.one(FactName::Number),
            extension: of.one(FactName::Extension),
            queue: of.one(FactName::Queue),
            labels: of.many(FactName::Label),
            group: of.one(FactName::Group),
            direction: of.word(FactName::Direction, &DIRECTIONS),
            state: of.word(FactName::State, &FaxState::ALL),
            form_type: of.one(FactName::FormType),
            document_type: of.one(FactName::DocumentType),
            template: of.one(FactName::Template),
            sources: of.many(FactName::Source),
            owner: Fact::Absent,
        })
    }

    fn caller_id(&mut self, ask: &Fields<'s, 't>) -> CallerIdQuestion {
        if ask.value("requested").is_some() {
            ask.refuse(&["anonymous"], "means nothing beside `requested`");
        }
        let requested = match self.name(ask, "requested") {
            Some(number) => Presentation::Number(number),
            None if ask.bool("anonymous", false) => Presentation::Anonymous,
            None => Presentation::Unspecified,
        };
        let channel = ask.choice("channel", &USES).unwrap_or(SendChannel::Call);
        CallerIdQuestion { channel, requested, context: Context::default() }
    }
}

/// Whether a test asks for the number to present.
pub(super) fn is_about_caller_id(ask: &Fields<'_, '_>) -> bool {
    ask.value("caller_id").is_some()
}

/// Every fact there is; which of them a type has is told apart from a misspelt one.
fn facts() -> [&'static str; FactName::ALL.len()] {
    FactName::ALL.map(|(_, word)| word)
}

/// Reads the facts of one resource.
struct OfResource<'a, 's, 't, 'k> {
    reader: &'a mut Reader<'s, 't, 'k>,
    facts: Option<&'a Fields<'s, 't>>,
    /// Whether it is known that there is none of a fact that is left out.
    left_out: &'a dyn Fn(FactName) -> bool,
}

impl OfResource<'_, '_, '_, '_> {
    fn one(&mut self, fact: FactName) -> Fact<Num> {
        let name = self.facts.and_then(|facts| self.reader.name(facts, fact.as_str()));
        self.known(fact, name)
    }

    fn many(&mut self, fact: FactName) -> Fact<Box<[Num]>> {
        let items = self.facts.and_then(|facts| facts.items(fact.as_str()));
        let reader = &mut *self.reader;
        let nums = items.map(|items| {
            let num = |item| match fact {
                FactName::Source => reader.source_of(item),
                _ => Some(reader.names.num(item.text)),
            };
            items.into_iter().filter_map(num).collect()
        });
        self.known(fact, nums)
    }

    fn word<T: Copy>(&self, fact: FactName, words: &[(T, &str)]) -> Fact<T> {
        self.known(fact, self.facts.and_then(|facts| facts.choice(fact.as_str(), words)))
    }

    fn known<T>(&self, fact: FactName, value: Option<T>) -> Fact<T> {
        match value {
            Some(value) => Fact::Known(value),
            None if (self.left_out)(fact) => Fact::Absent,
            None => Fact::Missing,
        }
    }
}
