//! Which number a person may present (rulings R26).
//!
//! A number is selectable if the model's `choose` action covers it: reporting reach never makes
//! one selectable, because it is another action.

use super::authority::{Authority, Everything};
use super::decide::decide;
use super::outgoing::by_faxbox;
use crate::decision::{Decision, Effect, MissingFacts, Reason};
use crate::facts::{Fact, NumberFacts, ResourceFacts};
use crate::id::Num;
use crate::model::{CallerIdRules, Model, RestrictionList};
use crate::request::{CallerIdQuestion, Context, Presentation, Question};
use crate::vocabulary::{Action, SendChannel, Vocabulary};

/// What is to be presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This number.
    Number(Num, Won),
    /// No number, as asked.
    Anonymous,
    /// Nobody refused anything, but there is no number to present.
    None(NoNumber),
    /// A number or anonymity was asked for that this person may not use, or they may do nothing.
    Denied(Lost),
}

/// Why a number won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Won {
    /// Asked for and selectable.
    Requested,
    /// The preset default.
    Default,
    /// The only selectable one, where the model says that it is the default.
    OnlySelectable,
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// The product has no caller ID.
    NotInModel,
    /// No default is preset; the person may choose.
    ChoiceNeeded,
    /// No default is preset and there is nothing to choose from.
    NothingSelectable,
    /// The preset default cannot be used now.
    DefaultNotUsable(Lost),
}

/// Why a candidate lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The person may not use it, or it does not exist.
    NotGranted(Reason),
    /// It is not active.
    Inactive,
    /// It cannot do what it is needed for.
    Incapable,
    /// The person's send-from list leaves it out.
    Restricted,
}

impl NoNumber {
    /// The code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotInModel => "NO_CALLER_ID_IN_PRODUCT",
            Self::ChoiceNeeded => "CHOICE_NEEDED",
            Self::NothingSelectable => "NOTHING_SELECTABLE",
            Self::DefaultNotUsable(_) => "DEFAULT_NOT_USABLE",
        }
    }
}

impl Lost {
    /// The code of the reason. A number that does not exist and one that the person may not use
    /// have the same.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotGranted(Reason::OutOfReach | Reason::NoGrant) => "NOT_GRANTED",
            Self::NotGranted(reason) => reason.as_str(),
            Self::Inactive => "NUMBER_INACTIVE",
            Self::Incapable => "NUMBER_INCAPABLE",
            Self::Restricted => "RESTRICTED",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerId {
    /// What is to be presented.
    pub outcome: Outcome,
    /// The decision behind it, where one permission decided.
    pub decision: Option<Decision>,
    /// What the person may choose from.
    pub selectable: Vec<Num>,
    /// Every other candidate that may not be presented, with the reason.
    pub lost: Vec<(Num, Lost)>,
    /// Whether the person may hide the number.
    pub may_be_anonymous: bool,
}

/// The numbers in question.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Those that could be selectable, the requested one and the default, each once.
    pub numbers: &'a [NumberFacts],
    /// Whether those that could be selectable are all among them. Otherwise the only selectable
    /// one is not known to be the only one.
    pub complete: bool,
}

/// Resolves what a person may present.
pub fn resolve(
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
    question: &CallerIdQuestion,
    candidates: Candidates<'_>,
) -> Result<CallerId, MissingFacts> {
    if let Some(reason) = authority.barred() {
        return Ok(nothing(Outcome::Denied(Lost::NotGranted(reason))));
    }
    if let Some(channel) = question.context.channel
        && authority.closed_channels.iter().any(|(closed, _)| *closed == channel)
    {
        return Ok(nothing(Outcome::Denied(Lost::NotGranted(Reason::ChannelNotAllowed))));
    }
    let Some(rules) = model.caller_id else {
        return Ok(nothing(Outcome::None(NoNumber::NotInModel)));
    };
    let resolver = Resolver { model, vocabulary, authority, question, rules };
    let mut selectable = Vec::new();
    let mut lost = Vec::new();
    let Candidates { numbers: candidates, complete } = candidates;
    for candidate in candidates {
        match resolver.selectable(candidate)? {
            Ok(()) => selectable.push(candidate.number),
            Err(why) => lost.push((candidate.number, why)),
        }
    }
    match resolver.default_usable(candidates) {
        // It may be presented although it is in no list.
        Ok(Ok(())) => lost.retain(|(number, _)| Some(*number) != authority.default_number),
        // The person need not be able to choose it, so that is not what keeps it from them.
        Ok(Err(why @ (Lost::Inactive | Lost::Incapable | Lost::Restricted))) => {
            let mut preset = lost.iter_mut();
            let preset = preset.find(|(number, _)| Some(*number) == authority.default_number);
            _ = preset.map(|(_, lost)| *lost = why);
        }
        Ok(Err(Lost::NotGranted(_))) | Err(_) => {}
    }
    let anonymity = resolver.anonymous()?;
    let (outcome, decision) = match question.requested {
        Presentation::Number(number) => {
            resolver.requested(number, candidates, &selectable, &lost)?
        }
        Presentation::Anonymous => anonymity,
        Presentation::Unspecified => resolver.unspecified(candidates, complete, &selectable)?,
    };
    let may_be_anonymous = anonymity.0 == Outcome::Anonymous;
    Ok(CallerId { outcome, decision, selectable, lost, may_be_anonymous })
}

/// Whether a number would be given to a person who asks for it: it is selectable, or it is the preset
/// default and usable (rulings R30).
pub(super) fn would_give(
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
    channel: SendChannel,
    context: Context,
    number: &NumberFacts,
) -> Result<bool, MissingFacts> {
    let Some(rules) = model.caller_id else { return Ok(false) };
    let requested = Presentation::Number(number.number);
    let question = &CallerIdQuestion { channel, requested, context };
    let resolver = Resolver { model, vocabulary, authority, question, rules };
    Ok(resolver.selectable(number)?.is_ok()
        || resolver.default_usable(std::slice::from_ref(number))?.is_ok())
}

const fn nothing(outcome: Outcome) -> CallerId {
    CallerId {
        outcome,
        decision: None,
        selectable: Vec::new(),
        lost: Vec::new(),
        may_be_anonymous: false,
    }
}

type Answer = (Outcome, Option<Decision>);

struct Resolver<'a> {
    model: &'a Model,
    vocabulary: &'a Vocabulary,
    authority: &'a Authority,
    question: &'a CallerIdQuestion,
    rules: CallerIdRules,
}

impl Resolver<'_> {
    fn ask(&self, action: Action, resource: ResourceFacts) -> Result<Decision, MissingFacts> {
        let question = Question {
            action,
            names_stored_resource: false,
            resource,
            // Nothing is sent yet: what asks about a target cannot hold.
            target: Some(ResourceFacts::nowhere()),
            sent_from: None,
            conferred: None,
            context: self.question.context,
        };
        decide(self.model, self.vocabulary, self.authority, &question)
    }

    fn about_number(&self, number: &NumberFacts) -> ResourceFacts {
        let flows_down = self.model.tree.numbers_flow_down;
        ResourceFacts {
            account: self.authority.number_account(flows_down, number.account),
            number: Fact::Known(number.number),
            ..ResourceFacts::nowhere()
        }
    }

    fn selectable(&self, number: &NumberFacts) -> Result<Result<(), Lost>, MissingFacts> {
        let decision = self.ask(self.rules.choose, self.about_number(number))?;
        if decision.effect == Effect::Deny {
            return Ok(Err(Lost::NotGranted(decision.reason)));
        }
        Ok(self.fits(number))
    }

    /// Whether the number itself can be used from the acting account: set up there or above it where
    /// numbers flow down, active, capable, and not left out by a list. `Check` asks the same of a
    /// number that something goes out with (rulings R30).
    fn fits(&self, number: &NumberFacts) -> Result<(), Lost> {
        let channel = self.question.channel;
        if !number.serves(self.model, self.authority, self.authority.account) {
            return Err(Lost::NotGranted(Reason::OutOfReach));
        }
        let of_a_faxbox = !by_faxbox(self.model, channel) || !number.faxboxes.is_empty();
        let capable = number.is_capable(channel) && of_a_faxbox;
        let list = self.authority.restriction(RestrictionList::SendFrom(channel));
        let listed = list.is_none_or(|list| list.contains(number.number, Everything::OfTheTenant));
        match (number.active, capable, listed) {
            (false, _, _) => Err(Lost::Inactive),
            (_, false, _) => Err(Lost::Incapable),
            (_, _, false) => Err(Lost::Restricted),
            (true, true, true) => Ok(()),
        }
    }

    fn requested(
        &self,
        number: Num,
        candidates: &[NumberFacts],
        selectable: &[Num],
        lost: &[(Num, Lost)],
    ) -> Result<Answer, MissingFacts> {
        if selectable.contains(&number) {
            return Ok((Outcome::Number(number, Won::Requested), None));
        }
        if self.authority.default_number == Some(number) && self.default_usable(candidates)?.is_ok()
        {
            return Ok((Outcome::Number(number, Won::Default), None));
        }
        let why = lost.iter().find(|(one, _)| *one == number).map(|(_, why)| *why);
        Ok((Outcome::Denied(why.unwrap_or(Lost::NotGranted(Reason::OutOfReach))), None))
    }

    fn anonymous(&self) -> Result<Answer, MissingFacts> {
        let here = ResourceFacts {
            account: Fact::Known(self.authority.account),
            ..ResourceFacts::nowhere()
        };
        let decision = self.ask(self.rules.hide, here)?;
        let outcome = match decision.effect {
            Effect::Allow => Outcome::Anonymous,
            Effect::Deny => Outcome::Denied(Lost::NotGranted(decision.reason)),
        };
        Ok((outcome, Some(decision)))
    }

    fn unspecified(
        &self,
        candidates: &[NumberFacts],
        complete: bool,
        selectable: &[Num],
    ) -> Result<Answer, MissingFacts> {
        let mut unusable = None;
        if let Some(number) = self.authority.default_number {
            match self.default_usable(candidates)? {
                Ok(()) => return Ok((Outcome::Number(number, Won::Default), None)),
                Err(why) => unusable = Some(why),
            }
        }
        let outcome = match (selectable, unusable) {
            ([only], _) if complete && self.rules.single_number_is_default => {
                Outcome::Number(*only, Won::OnlySelectable)
            }
            (_, Some(why)) => Outcome::None(NoNumber::DefaultNotUsable(why)),
            ([], None) if complete => Outcome::None(NoNumber::NothingSelectable),
            (_, None) => Outcome::None(NoNumber::ChoiceNeeded),
        };
        Ok((outcome, None))
    }

    /// An administrator may preset a number that is in none of the member's lists, as long as it
    /// belongs to the account.
    fn default_usable(&self, candidates: &[NumberFacts]) -> Result<Result<(), Lost>, MissingFacts> {
        let preset = |number: &&NumberFacts| Some(number.number) == self.authority.default_number;
        let Some(number) = candidates.iter().find(preset) else {
            return Ok(Err(Lost::NotGranted(Reason::OutOfReach)));
        };
        if let Some(action) = self.rules.default {
            let decision = self.ask(action, self.about_number(number))?;
            if decision.effect == Effect::Deny {
                return Ok(Err(Lost::NotGranted(decision.reason)));
            }
        }
        Ok(self.fits(number))
    }
}
