//! What stands between a grant and an allow for things that go out: the number, the attachments,
//! the recipient.

use super::authority::{Authority, Everything, IdSet};
use super::caller_id;
use super::decide::Inquiry;
use super::evaluate::Truth;
use crate::decision::{Because, FactOwner, MissingFact, MissingFacts, Reason};
use crate::facts::NumberFacts;
use crate::id::Num;
use crate::model::{Model, RestrictionList};
use crate::vocabulary::{FactName, SendChannel};

/// A reason to refuse, if there is one; an error where that depends on missing facts.
type Narrowed = Result<Option<Refused>, MissingFacts>;

/// Why something is refused although it is granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) because: Option<Because>,
}

impl Refused {
    /// For a reason that says enough.
    pub(super) fn of(reason: Option<Reason>) -> Option<Self> {
        reason.map(|reason| Self { reason, because: None })
    }

    const fn because(reason: Reason, because: Because) -> Option<Self> {
        Some(Self { reason, because: Some(because) })
    }

    /// A list leaves it out, or names nothing at all: not set where the permission to do without is
    /// not held, or empty.
    fn by_list(list: &IdSet, left_out: Because, nothing: Because) -> Option<Self> {
        let empty = list.finite().is_some_and(<[Num]>::is_empty);
        Self::because(Reason::Restricted, if empty { nothing } else { left_out })
    }
}

impl NumberFacts {
    /// Whether it is active and able to do what a channel needs (rulings R30).
    pub(crate) const fn can(&self, channel: SendChannel) -> bool {
        self.active && self.is_capable(channel)
    }

    /// Whether it is able to do what a channel needs.
    pub(crate) const fn is_capable(&self, channel: SendChannel) -> bool {
        match channel {
            SendChannel::Fax => self.capabilities.fax,
            SendChannel::Message => self.capabilities.message,
            SendChannel::Call => self.capabilities.voice,
        }
    }

    /// Whether it is set up at an account, or above it where numbers flow down (rulings R30). The
    /// account is the acting account or below it.
    pub(crate) fn serves(&self, model: &Model, authority: &Authority, account: Num) -> bool {
        self.account == account
            || (model.tree.numbers_flow_down && authority.is_at_or_above(self.account, account))
    }
}

/// Whether faxes go out only with a number of the faxbox that they go out from. Other channels have
/// no faxboxes.
pub fn by_faxbox(model: &Model, channel: SendChannel) -> bool {
    model.outgoing.by_faxbox && channel == SendChannel::Fax
}

impl Inquiry<'_> {
    /// The number that it goes out with: usable there, held where the model says so (rulings R30),
    /// and on the person's send-from list (rulings R13).
    pub(super) fn number(&self) -> Narrowed {
        let Some(channel) = self.def.sends else { return Ok(None) };
        let list = self.authority.restriction(RestrictionList::SendFrom(channel));
        let must_be_held = self.model.outgoing.held.contains(&self.question.action);
        let outgoing = self.sides(&self.question.resource).outgoing();
        let number = match outgoing.fact(FactName::Number, |facts| &facts.number) {
            Ok(Some(number)) => *number,
            Ok(None) if list.is_some() => {
                return Ok(Refused::because(Reason::Restricted, Because::NoNumber));
            }
            Ok(None) if must_be_held => {
                return Ok(Refused::because(Reason::NumberNotHeld, Because::NoNumber));
            }
            Ok(None) => return Ok(None),
            // Whether a call may be placed does not depend on what it presents (rulings R27).
            Err(_) if channel == SendChannel::Call && list.is_none() => return Ok(None),
            Err(missing) => return Err(missing),
        };
        let usable = self.usable(number, channel);
        if usable == Truth::False {
            return Ok(Refused::of(Some(Reason::NumberNotUsable)));
        }
        let listed = |list: &&IdSet| list.contains(number, Everything::OfTheTenant);
        if let Some(list) = list.filter(|list| !listed(list)) {
            let (left_out, nothing) = (Because::NumberNotListed, Because::NoNumberListed);
            return Ok(Refused::by_list(list, left_out, nothing));
        }
        let held = match must_be_held {
            true => Truth::from(self.would_be_given(channel)),
            false => Truth::True,
        };
        match held.and(|| usable) {
            Truth::True => Ok(None),
            Truth::False => Ok(Refused::of(Some(Reason::NumberNotHeld))),
            Truth::Unknown(missing) => Err(missing),
        }
    }

    fn usable(&self, number: Num, channel: SendChannel) -> Truth {
        let known = self.question.sent_from.as_ref().filter(|known| known.number == number);
        let Some(known) = known.filter(|known| known.can(channel)) else { return Truth::False };
        let outgoing = self.sides(&self.question.resource).outgoing();
        let account = outgoing.test(
            FactName::Account,
            |facts| &facts.account,
            |account| known.serves(self.model, self.authority, *account),
        );
        account.and(|| match by_faxbox(self.model, channel) {
            false => Truth::True,
            true => outgoing.test(
                FactName::Faxbox,
                |facts| &facts.faxbox,
                |faxbox| known.faxboxes.contains(faxbox),
            ),
        })
    }

    /// Whether `ResolveCallerId` would give the number to this person.
    fn would_be_given(&self, channel: SendChannel) -> Result<bool, MissingFacts> {
        let Some(number) = &self.question.sent_from else { return Ok(false) };
        let context = self.question.context;
        caller_id::would_give(self.model, self.vocabulary, self.authority, channel, context, number)
    }

    /// The list of sources that attachments may come from (rulings R13).
    pub(super) fn attachments(&self) -> Narrowed {
        let list = self.authority.restriction(RestrictionList::AttachmentSources);
        let Some(list) = list.filter(|_| self.def.attaches) else { return Ok(None) };
        let outgoing = self.sides(&self.question.resource).outgoing();
        let sources = outgoing.fact(FactName::Source, |facts| &facts.sources)?;
        let listed = sources.is_none_or(|sources| {
            sources.iter().all(|source| list.contains(*source, Everything::OfTheTenant))
        });
        let (left_out, nothing) = (Because::SourceNotListed, Because::NoSourceListed);
        Ok(if listed { None } else { Refused::by_list(list, left_out, nothing) })
    }

    /// Only verified recipients, where the account says so (rulings R21).
    pub(super) fn recipient(&self) -> Result<Option<Reason>, MissingFacts> {
        if !(self.def.recipient && self.authority.recipient_restriction) {
            return Ok(None);
        }
        match self.question.context.recipient_verified {
            Some(true) => Ok(None),
            Some(false) => Ok(Some(Reason::RecipientNotVerified)),
            None => Err(MissingFact { of: FactOwner::Context, fact: None }.into()),
        }
    }
}
