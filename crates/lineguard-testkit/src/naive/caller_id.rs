//! Which number a person may present.

use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::CallerIdRules;
use lineguard_core::request::{CallerIdQuestion, Presentation, Question};
use lineguard_core::row::LinkKind;
use lineguard_core::vocabulary::{Action, FactName, SendChannel};

use super::outgoing::{is_able, serves};
use super::person::Person;
use super::rows::{NumberRow, World};
use super::truth::Truth;

/// An answer about a caller ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerIdAnswer {
    /// This number.
    Number(Num),
    /// No number is shown, as asked.
    Anonymous,
    /// Nothing was refused, but there is no number; these can be chosen from.
    None(Vec<Num>),
    /// What was asked for may not be used.
    Denied,
}

/// Which number may this subject, acting as this account, present?
pub fn caller_id(
    world: &World<'_>,
    subject: &str,
    account: &str,
    question: &CallerIdQuestion,
) -> CallerIdAnswer {
    let Some(person) = Person::find(world, subject, account) else {
        return CallerIdAnswer::Denied;
    };
    if !person.channel_allowed(&question.context) {
        return CallerIdAnswer::Denied;
    }
    let Some(rules) = world.model.caller_id else { return CallerIdAnswer::None(Vec::new()) };
    let asking = Asking { person: &person, question, rules };
    let allowed = match question.requested {
        Presentation::Unspecified => Some(asking.unasked()),
        Presentation::Anonymous => {
            let facts = asking.here(Fact::Absent);
            asking.allows(rules.hide, facts).then_some(CallerIdAnswer::Anonymous)
        }
        Presentation::Number(number) => {
            asking.presents(number).then_some(CallerIdAnswer::Number(number))
        }
    };
    allowed.unwrap_or(CallerIdAnswer::Denied)
}

/// Whether a person would be given this number if they asked for it.
pub(super) fn presents(person: &Person<'_>, question: &CallerIdQuestion, number: Num) -> bool {
    let Some(rules) = person.world.model.caller_id else { return false };
    person.channel_allowed(&question.context) && Asking { person, question, rules }.presents(number)
}

struct Asking<'a, 'w> {
    person: &'a Person<'w>,
    question: &'a CallerIdQuestion,
    rules: CallerIdRules,
}

impl Asking<'_, '_> {
    fn presents(&self, number: Num) -> bool {
        let row = self.person.world.number(number);
        row.is_some_and(|row| self.is_selectable(row)) || self.is_usable_default(number)
    }

    /// The preset default if it can be used; else the only number there is to choose, where the
    /// model says so.
    fn unasked(&self) -> CallerIdAnswer {
        let (world, member) = (self.person.world, self.person.member.num);
        let preset = world.from(LinkKind::DefaultNumber, member).first().copied();
        if let Some(preset) = preset
            && self.is_usable_default(preset)
        {
            return CallerIdAnswer::Number(preset);
        }
        let all = world.numbers.iter().filter(|row| self.is_selectable(row));
        let selectable: Vec<_> = all.map(|row| row.num).collect();
        match selectable.as_slice() {
            [only] if self.rules.single_number_is_default => CallerIdAnswer::Number(*only),
            _ => CallerIdAnswer::None(selectable),
        }
    }

    /// Whether a number can be used from the acting account for what it is wanted for, and the list
    /// of numbers to send from does not leave it out.
    fn fits(&self, row: &NumberRow) -> bool {
        let world = self.person.world;
        let channel = self.question.channel;
        let routed = channel != SendChannel::Fax
            || !world.model.outgoing.by_faxbox
            || !world.from(LinkKind::NumberFaxbox, row.num).is_empty();
        let list = self.person.send_from(channel);
        is_able(row, channel)
            && serves(world, row, self.person.acting())
            && routed
            && list.is_none_or(|list| list.has(FactName::Number, row.num))
    }

    fn is_selectable(&self, row: &NumberRow) -> bool {
        self.fits(row) && self.allows(self.rules.choose, self.here(Fact::Known(row.num)))
    }

    /// Whether a number is the preset default, and can be used.
    fn is_usable_default(&self, number: Num) -> bool {
        let world = self.person.world;
        let preset = world.linked(LinkKind::DefaultNumber, self.person.member.num, number);
        let row = world.number(number).filter(|_| preset);
        let may = || match self.rules.default {
            Some(action) => self.allows(action, self.here(Fact::Known(number))),
            None => true,
        };
        row.is_some_and(|row| self.fits(row)) && may()
    }

    /// A number that fits serves the acting account, whether it was set up there or above.
    fn here(&self, number: Fact<Num>) -> ResourceFacts {
        let account = Fact::Known(self.person.acting());
        ResourceFacts { account, number, ..ResourceFacts::nowhere() }
    }

    /// Nothing is sent yet, so no requirement about a target holds.
    fn allows(&self, action: Action, resource: ResourceFacts) -> bool {
        let question = Question {
            action,
            names_stored_resource: false,
            resource,
            target: Some(ResourceFacts::nowhere()),
            sent_from: None,
            conferred: None,
            context: self.question.context,
        };
        let def = self.person.world.vocabulary.def(action);
        def.is_some_and(|def| self.person.decides(def, &question) == Truth::True)
    }
}
