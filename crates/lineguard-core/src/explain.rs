//! Decisions in words: the product's titles, the role or override behind a grant, the clause that
//! matched or was missing. The words depend on the person's own rights alone, so they disclose
//! nothing about a resource that the person may not see.

mod covers;

use self::covers::{covers, requirement_words};
use crate::decision::{Because, Below, Decision, Extent, Reason};
use crate::engine::{Authority, Origin, OriginKind};
use crate::model::reach::{Comparison, Direction, FactSet, Word};
use crate::model::{Model, Permission, Requirement};

/// A decision taken apart for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// One or two sentences.
    pub text: String,
    /// The permission concerned.
    pub permission: Option<&'a Permission>,
    /// Where it came from, or what took it away.
    pub origin: Option<&'a Origin>,
    /// The clause that matched or was missing, as a model writes it.
    pub clause: Option<String>,
    /// The requirement that does not hold.
    pub requirement: Option<Requirement>,
}

/// Explains a decision about a member; `authority` is none where the person is no member at all.
pub fn explain<'a>(
    model: &'a Model,
    authority: Option<&'a Authority>,
    decision: &Decision,
) -> Explanation<'a> {
    let permission = decision.permission.and_then(|ix| model.permission_at(ix));
    let origin = match (authority, decision.origin) {
        (Some(authority), Some(ix)) => authority.origin(ix),
        _ => None,
    };
    Explanation {
        text: Words { model, decision, permission, origin }.sentence(),
        permission,
        origin,
        clause: decision.clause.map(clause_word),
        requirement: decision.requirement,
    }
}

/// What a sentence is made of.
struct Words<'a> {
    model: &'a Model,
    decision: &'a Decision,
    permission: Option<&'a Permission>,
    origin: Option<&'a Origin>,
}

impl Words<'_> {
    fn sentence(&self) -> String {
        let title = self.title();
        let what = self.what();
        match self.decision.reason {
            Reason::Granted => self.granted(),
            Reason::NotAMemberOfActingAccount => {
                "The person is not a member of this account.".into()
            }
            Reason::MemberInvited => {
                "The invitation to this account has not been accepted yet.".into()
            }
            Reason::MemberUnverified => {
                "The person's e-mail address has not been verified yet.".into()
            }
            Reason::MemberSuspended => "The membership of this account is suspended.".into(),
            Reason::MemberRemoved => "The membership of this account has ended.".into(),
            Reason::ChannelNotAllowed => {
                format!(
                    "Working through this channel needs {title}, which the person does not hold."
                )
            }
            Reason::NotEntitled => format!("{title} is not part of the account's subscription."),
            Reason::ProductSwitchedOff => {
                format!("{title} belongs to a product that is switched off for this person.")
            }
            Reason::FeatureOff => format!("{title} belongs to a feature that is turned off here."),
            Reason::NoGrant if self.permission.is_none() => {
                "Nothing in this account's product grants this to the person.".into()
            }
            Reason::NoGrant => format!("No role of the person gives {title}."),
            Reason::ExplicitlyDenied => format!("{title} has been taken away from this person."),
            Reason::RequirementNotMet => {
                let needs =
                    self.decision.requirement.map_or("more than the person has", requirement_words);
                format!("{what} needs {needs}.")
            }
            Reason::OutOfReach => self.out_of_reach(),
            Reason::MayNotConfer => {
                format!("{what} does not confer what the person does not hold.")
            }
            Reason::Restricted | Reason::NumberNotUsable | Reason::NumberNotHeld => self.refused(),
            Reason::RecipientNotVerified => {
                "This account sends to verified recipients only, and this one is not.".into()
            }
            Reason::LockedByAnother => "Somebody else is editing it.".into(),
            Reason::EmergencyCall => {
                "A call to emergency services depends on no permission.".into()
            }
            Reason::OwnerIsSpared => {
                format!("{what} does not reach an owner of the account; only owners may.")
            }
        }
    }

    fn title(&self) -> String {
        let title = self.permission.map(|permission| format!("“{}”", permission.title));
        title.unwrap_or_else(|| "This".into())
    }

    /// The permission and where it came from. What no permission of the model stands for comes from
    /// ownership of the account alone.
    fn what(&self) -> String {
        match (self.permission, self.origin) {
            (None, Some(_)) => "Ownership of the account".into(),
            (_, origin) => format!("{}{}", self.title(), origin.map(of_origin).unwrap_or_default()),
        }
    }

    fn granted(&self) -> String {
        let covers = self.covers();
        let mut text = match self.permission {
            None => format!("Allowed by ownership of the account, which covers {covers}"),
            Some(_) => format!("Allowed by {}, which covers {covers}", self.what()),
        };
        let requires = self.permission.map(|permission| &*permission.requires).unwrap_or_default();
        let needs: Vec<_> = requires.iter().map(|one| requirement_words(*one)).collect();
        if !needs.is_empty() {
            text.push_str(", given ");
            text.push_str(&needs.join(" and "));
        }
        text.push('.');
        if self.decision.obligations.iter().next().is_some() {
            text.push_str(" It goes out after somebody has approved it.");
        }
        text
    }

    fn out_of_reach(&self) -> String {
        let (what, covers) = (self.what(), self.covers());
        match self.decision.clause {
            None if self.permission.is_none() => {
                "Nothing that the person holds covers this.".into()
            }
            None => format!("{what} is held, but covers nothing here."),
            // All of it, and yet not this: what is asked about is elsewhere, or its limits leave it
            // out.
            Some(Comparison::Word(Word::Account)) => {
                format!("{what} covers {covers}, and this is not among it.")
            }
            Some(_) => format!("{what} covers {covers}, but not this."),
        }
    }

    /// What the permission covers, with all that bounds it: never more than is so.
    fn covers(&self) -> String {
        let Some(clause) = &self.decision.clause else { return "nothing".into() };
        let Extent { below, direction, some_states, exceptions, scoped } = self.decision.extent;
        let everything = *clause == Comparison::Word(Word::Account);
        let mut text = covers(clause).to_owned();
        // Only where the reader would look for what lies below.
        if everything && self.decision.reason == Reason::OutOfReach && self.model.tree.sub_accounts
        {
            text.push_str(match below {
                None => ", without those below it",
                Some(Below::Open) => " and below it that is not sealed off",
                Some(Below::All) => " and below it",
            });
        }
        let limits = [
            direction.map(|direction| match direction {
                Direction::Inbound => "received only",
                Direction::Outbound => "sent only",
            }),
            some_states.then_some("in some states only"),
            exceptions.then_some("with exceptions"),
            scoped.then_some("within the limits set for this person"),
        ];
        let limits: Vec<_> = limits.into_iter().flatten().collect();
        if !limits.is_empty() {
            text.push_str(&format!(" ({})", limits.join(", ")));
        }
        text
    }

    fn refused(&self) -> String {
        let narrowed = self.narrowed();
        match (self.permission, self.origin) {
            (Some(_), _) => format!("{} is held, but {narrowed}.", self.what()),
            (None, Some(_)) => format!("{} would allow it, but {narrowed}.", self.what()),
            // Whether anything grants it depends on a fact that was not sent.
            (None, None) => format!("Whatever the person holds, {narrowed}."),
        }
    }

    /// What stands between the permission and an allow.
    fn narrowed(&self) -> String {
        match (self.decision.reason, self.decision.because) {
            (Reason::NumberNotUsable, _) => self.usable_number(),
            (Reason::NumberNotHeld, Some(Because::NoNumber)) => {
                "it needs a number that the person may present, and there is none".into()
            }
            (Reason::NumberNotHeld, _) => "this is not a number that the person may present".into(),
            (_, Some(because)) => match because {
                Because::NoNumber => {
                    "only with a number of the person's send-from list, and there is none"
                }
                Because::NumberNotListed => "the person's send-from list leaves this number out",
                Because::NoNumberListed => {
                    "the person's send-from list names no number, so none may be used"
                }
                Because::SourceNotListed => {
                    "the person's list of attachment sources leaves out where an attachment comes \
                     from"
                }
                Because::NoSourceListed => {
                    "the person's list of attachment sources names none, so nothing may be attached"
                }
            }
            .into(),
            (_, None) => "the person's own list leaves this out".into(),
        }
    }

    /// What the product asks of a number. It tells nothing of this one: a number elsewhere, one that
    /// is not active and one that nobody has get the same words.
    fn usable_number(&self) -> String {
        let place = match self.model.tree.numbers_flow_down {
            true => "set up here or above",
            false => "set up here",
        };
        let faxbox = match self.model.outgoing.by_faxbox {
            true => ", and, for a fax, assigned to the faxbox it goes out from",
            false => "",
        };
        format!("not with this number: it must be active, able to do this and {place}{faxbox}")
    }
}

fn of_origin(origin: &Origin) -> String {
    let title = &origin.title;
    match origin.kind {
        OriginKind::Everybody => " (everybody has it)".into(),
        OriginKind::Role | OriginKind::GroupRole => format!(" (role {title})"),
        OriginKind::Overlay => format!(" (as {title})"),
        OriginKind::Override => " (set for this person)".into(),
    }
}

/// A comparison as a model writes it.
pub fn clause_word(comparison: Comparison) -> String {
    match comparison {
        Comparison::Word(word) => word.as_str().into(),
        Comparison::Field(field, set) => {
            let set = FactSet::ALL.iter().find(|(one, _)| *one == set).map_or("", |(_, word)| word);
            format!("{} in {set}", field.as_str())
        }
    }
}
