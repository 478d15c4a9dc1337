//! Decisions in words: the product's titles, the role or override behind a grant, the clause that
//! matched or was missing. The words depend on the person's own rights alone, so they disclose
//! nothing about a resource that the person may not see.

use crate::decision::{Decision, Reason};
use crate::engine::{Authority, Origin, OriginKind};
use crate::model::reach::{Comparison, FactSet, Word};
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
        text: sentence(decision, permission, origin),
        permission,
        origin,
        clause: decision.clause.map(clause_word),
        requirement: decision.requirement,
    }
}

fn sentence(
    decision: &Decision,
    permission: Option<&Permission>,
    origin: Option<&Origin>,
) -> String {
    let title = permission.map_or("this", |permission| &permission.title);
    let from = origin.map(of_origin).unwrap_or_default();
    let covers = decision.clause.map_or("nothing", |clause| covers(&clause));
    match decision.reason {
        Reason::Granted => granted(decision, permission, &from, covers),
        Reason::NotAMemberOfActingAccount => "The person is not a member of this account.".into(),
        Reason::MemberInvited => "The invitation to this account has not been accepted yet.".into(),
        Reason::MemberUnverified => "The person's e-mail address has not been verified yet.".into(),
        Reason::MemberSuspended => "The membership of this account is suspended.".into(),
        Reason::MemberRemoved => "The membership of this account has ended.".into(),
        Reason::ChannelNotAllowed => {
            format!("Working through this channel needs “{title}”, which the person does not hold.")
        }
        Reason::NotEntitled => format!("“{title}” is not part of the account's subscription."),
        Reason::ProductSwitchedOff => {
            format!("“{title}” belongs to a product that is switched off for this person.")
        }
        Reason::FeatureOff => format!("“{title}” belongs to a feature that is turned off here."),
        Reason::NoGrant if permission.is_none() => {
            "Nothing in this account's product grants this to the person.".into()
        }
        Reason::NoGrant => format!("No role of the person gives “{title}”."),
        Reason::ExplicitlyDenied => format!("“{title}” has been taken away from this person."),
        Reason::RequirementNotMet => {
            let needs = decision.requirement.map_or("more than the person has", requirement_words);
            format!("“{title}”{from} needs {needs}.")
        }
        Reason::OutOfReach if decision.clause.is_some() => {
            format!("“{title}”{from} covers {covers}, but not this.")
        }
        Reason::OutOfReach => format!("“{title}” is held, but covers nothing here."),
        Reason::MayNotConfer => {
            format!("“{title}”{from} does not confer what the person does not hold.")
        }
        Reason::Restricted => {
            format!("Allowed by “{title}”{from}, but the person's own list does not name this.")
        }
        Reason::NumberNotUsable => {
            format!("Allowed by “{title}”{from}, but not with this number: it cannot be used here.")
        }
        Reason::NumberNotHeld => {
            format!(
                "Allowed by “{title}”{from}, but only with a number that the person may present."
            )
        }
        Reason::RecipientNotVerified => {
            "This account sends to verified recipients only, and this one is not.".into()
        }
        Reason::LockedByAnother => "Somebody else is editing it.".into(),
        Reason::EmergencyCall => "A call to emergency services depends on no permission.".into(),
        Reason::OwnerIsSpared => {
            format!("“{title}”{from} does not reach an owner of the account; only owners may.")
        }
    }
}

fn granted(
    decision: &Decision,
    permission: Option<&Permission>,
    from: &str,
    covers: &str,
) -> String {
    let Some(permission) = permission else {
        return format!("Allowed{from}, which covers {covers}.");
    };
    let title = &permission.title;
    let mut text = format!("Allowed by “{title}”{from}, which covers {covers}");
    let needs: Vec<_> = permission.requires.iter().map(|one| requirement_words(*one)).collect();
    if !needs.is_empty() {
        text.push_str(", given ");
        text.push_str(&needs.join(" and "));
    }
    text.push('.');
    if decision.obligations.iter().next().is_some() {
        text.push_str(" It goes out after somebody has approved it.");
    }
    text
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

fn covers(comparison: &Comparison) -> &'static str {
    match comparison {
        Comparison::Word(word) => match word {
            Word::Account => "everything in the account",
            Word::Own => "the person's own",
            Word::Assigned => "what is assigned to the person or their groups",
            Word::FaxboxMember => "what lies in faxboxes the person belongs to",
            Word::OwnedFaxbox => "faxboxes the person owns",
            Word::OwnedGroup => "groups the person owns",
            Word::AccessNumber => "the person's access numbers",
            Word::AutoAssignNumber => "the person's auto-assign numbers",
            Word::GrantedNumber => "numbers granted to the person",
            Word::HeldExtension => "the person's own extension",
            Word::GrantedExtension => "extensions granted to the person",
            Word::GrantedQueue => "queues granted to the person",
            Word::Label => "what carries one of the person's labels",
            Word::Supervised => "what members of the person's own groups have",
            Word::Delegated => "what belongs to those who delegated to the person",
        },
        Comparison::Field(_, set) => match set {
            FactSet::SelfSubject => "the person's own",
            FactSet::Groups | FactSet::SelfOrGroups => "what belongs to the person or their groups",
            FactSet::Supervised => "what members of the person's own groups have",
            FactSet::Delegators => "what belongs to those who delegated to the person",
            FactSet::Faxboxes => "what lies in faxboxes the person belongs to",
            FactSet::OwnedFaxboxes => "faxboxes the person owns",
            FactSet::OwnedGroups => "groups the person owns",
            FactSet::AccessNumbers => "the person's access numbers",
            FactSet::AutoAssignNumbers => "the person's auto-assign numbers",
            FactSet::GrantedNumbers => "numbers granted to the person",
            FactSet::HeldExtensions => "the person's own extension",
            FactSet::GrantedExtensions => "extensions granted to the person",
            FactSet::GrantedQueues => "queues granted to the person",
            FactSet::Labels => "what carries one of the person's labels",
        },
    }
}

const fn requirement_words(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::FaxboxMember => "membership of the faxbox",
        Requirement::TargetFaxboxMember => "membership of the faxbox it goes to",
        Requirement::Extension => "an extension of the person's own",
        Requirement::CoverPageOfFaxbox => "the cover page to belong to the fax's faxbox",
    }
}
