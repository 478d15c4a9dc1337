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
    fn answer(&self) -> OrMissing<CallerIdAnswer> {
        let chosen = match self.question.requested {
            Presentation::Anonymous => {
                let facts = here(self.person.acting());
                let hidden = self.allows(self.rules.hide, facts)?;
                return Ok(if hidden { CallerIdAnswer::Anonymous } else { CallerIdAnswer::Denied });
            }
            Presentation::Number(number) => {
                let usable = self.is_selectable(number)? || self.is_usable_default(number)?;
                return Ok(if usable {
                    CallerIdAnswer::Number(number)
                } else {
                    CallerIdAnswer::Denied
                });
            }
            Presentation::Unspecified => self.unasked()?,
        };
        Ok(chosen)
    }

    fn unasked(&self) -> OrMissing<CallerIdAnswer> {
        let member = self.person.member.num;
        if let Some(preset) = self.world.from(LinkKind::DefaultNumber, member).first().copied()
            && self.is_usable_default(preset)?
        {
            return Ok(CallerIdAnswer::Number(preset));
        }
        let mut selectable = Vec::new();
        for number in &self.world.numbers {
            if self.is_selectable(number.num)? {
                selectable.push(number.num);
            }
        }
        Ok(match selectable.as_slice() {
            [only] if self.rules.single_number_is_default => CallerIdAnswer::Number(*only),
            _ => CallerIdAnswer::None(selectable),
        })
    }

    /// A number of the account (or of one above, where numbers flow down) that is active and can do
    /// what it is wanted for.
    fn available(&self, number: Num) -> Option<&NumberRow> {
        let row = self.world.numbers.iter().find(|row| row.num == number)?;
        let mut above = self.person.path.iter().skip(1);
        let ours = row.account == self.person.acting()
            || self.world.model.tree.numbers_flow_down
                && above.any(|account| account.num == row.account);
        let able = match self.question.channel {
            SendChannel::Call => row.body.voice,
            SendChannel::Fax => row.body.fax,
            SendChannel::Message => row.body.message,
        };
        (ours && able && row.body.active).then_some(row)
    }

    fn is_selectable(&self, number: Num) -> OrMissing<bool> {
        Ok(self.available(number).is_some()
            && self.allows(self.rules.choose, self.number_facts(number))?)
    }

    fn is_usable_default(&self, number: Num) -> OrMissing<bool> {
        let preset = self.world.linked(LinkKind::DefaultNumber, self.person.member.num, number);
        if !preset || self.available(number).is_none() {
            return Ok(false);
        }
        self.rules.default.map_or(Ok(true), |action| {
            self.allows(action, self.number_facts(number))
        })
    }

    /// A number that flows down is used as one of the acting account.
    fn number_facts(&self, number: Num) -> ResourceFacts {
        ResourceFacts { number: Fact::Known(number), ..here(self.person.acting()) }
    }

    fn allows(&self, action: Action, resource: ResourceFacts) -> OrMissing<bool> {
        let question = Question {
            action,
            names_stored_resource: false,
            resource,
            target: None,
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
