//! Which number a person may present.

use lineguard_core::decision::MissingFact;
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::CallerIdRules;
use lineguard_core::request::{CallerIdQuestion, Presentation, Question};
use lineguard_core::row::LinkKind;
use lineguard_core::vocabulary::{Action, SendChannel};

use super::person::Person;
use super::rows::{NumberRow, World};
use super::{Answer, check};

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
    /// It depends on facts that the question does not carry.
    Missing(Vec<MissingFact>),
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
    let asking = Asking { world, person, account, question, rules };
    asking.answer().unwrap_or_else(CallerIdAnswer::Missing)
}

struct Asking<'w> {
    world: &'w World<'w>,
    person: Person<'w>,
    account: &'w str,
    question: &'w CallerIdQuestion,
    rules: CallerIdRules,
}

type OrMissing<T> = Result<T, Vec<MissingFact>>;

impl Asking<'_> {
    /// Every answer goes with the list of what could be chosen, so it depends on that, too.
    fn answer(&self) -> OrMissing<CallerIdAnswer> {
        let mut selectable = Vec::new();
        for number in &self.world.numbers {
            if self.is_selectable(number)? {
                selectable.push(number.num);
            }
        }
        let allowed = match self.question.requested {
            Presentation::Unspecified => Some(self.unasked(selectable)?),
            Presentation::Anonymous => {
                let facts = here(self.person.acting());
                self.allows(self.rules.hide, facts)?.then_some(CallerIdAnswer::Anonymous)
            }
            Presentation::Number(number) => {
                let usable = selectable.contains(&number) || self.is_usable_default(number)?;
                usable.then_some(CallerIdAnswer::Number(number))
            }
        };
        Ok(allowed.unwrap_or(CallerIdAnswer::Denied))
    }

    /// The preset default if it can be used; else the only number there is to choose, where the
    /// model says so.
    fn unasked(&self, selectable: Vec<Num>) -> OrMissing<CallerIdAnswer> {
        let member = self.person.member.num;
        let preset = self.world.from(LinkKind::DefaultNumber, member).first().copied();
        if let Some(preset) = preset
            && self.is_usable_default(preset)?
        {
            return Ok(CallerIdAnswer::Number(preset));
        }
        Ok(match selectable.as_slice() {
            [only] if self.rules.single_number_is_default => CallerIdAnswer::Number(*only),
            _ => CallerIdAnswer::None(selectable),
        })
    }

    /// Whether a number is active, can do what it is wanted for, and is not left out by the list
    /// of numbers to send from.
    fn fits(&self, row: &NumberRow) -> bool {
        let able = match self.question.channel {
            SendChannel::Call => row.body.voice,
            SendChannel::Fax => row.body.fax,
            SendChannel::Message => row.body.message,
        };
        let list = self.person.send_from(self.question.channel);
        able && row.body.active && list.is_none_or(|list| list.has(row.num))
    }

    fn is_selectable(&self, number: &NumberRow) -> OrMissing<bool> {
        Ok(self.allows(self.rules.choose, self.number_facts(number))? && self.fits(number))
    }

    /// Whether a number is the preset default and belongs to the account.
    fn is_usable_default(&self, number: Num) -> OrMissing<bool> {
        let preset = self.world.linked(LinkKind::DefaultNumber, self.person.member.num, number);
        let row = self.world.numbers.iter().find(|row| row.num == number).filter(|_| preset);
        let Some(row) = row.filter(|row| self.serves(row) == self.person.acting()) else {
            return Ok(false);
        };
        let allowed = match self.rules.default {
            Some(action) => self.allows(action, self.number_facts(row))?,
            None => true,
        };
        Ok(allowed && self.fits(row))
    }

    /// The account that a number serves: the acting one if it flows down from above, else its own.
    fn serves(&self, number: &NumberRow) -> Num {
        let above = self.person.path.iter().any(|account| account.num == number.account);
        if self.world.model.tree.numbers_flow_down && above {
            self.person.acting()
        } else {
            number.account
        }
    }

    fn number_facts(&self, number: &NumberRow) -> ResourceFacts {
        ResourceFacts { number: Fact::Known(number.num), ..here(self.serves(number)) }
    }

    fn allows(&self, action: Action, resource: ResourceFacts) -> OrMissing<bool> {
        let question = Question {
            action,
            names_stored_resource: false,
            resource,
            target: None,
            sent_from: None,
            conferred: None,
            context: self.question.context,
        };
        match check(self.world, &self.person.qualified, self.account, &question) {
            Answer::Allow(_) => Ok(true),
            Answer::Deny => Ok(false),
            Answer::Missing(facts) => Err(facts),
        }
    }
}

fn here(account: Num) -> ResourceFacts {
    ResourceFacts { account: Fact::Known(account), ..ResourceFacts::nowhere() }
}
