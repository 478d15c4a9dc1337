//! Answers: a decision with everything needed to explain it.

use std::fmt;

use crate::model::reach::{Comparison, Direction};
use crate::model::{Obligation, PermissionIx, Requirement};
use crate::vocabulary::FactName;

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The person may.
    Allow,
    /// The person may not.
    Deny,
}

/// Why, as a stable machine-readable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A permission grants it.
    Granted,
    /// The subject is not a member of the acting account, or the account does not exist.
    NotAMemberOfActingAccount,
    /// Invited, not accepted yet.
    MemberInvited,
    /// E-mail address not verified yet.
    MemberUnverified,
    /// Suspended.
    MemberSuspended,
    /// Removed.
    MemberRemoved,
    /// The person may not work through this channel.
    ChannelNotAllowed,
    /// The account has no entitlement to the product.
    NotEntitled,
    /// The product is switched off for the member.
    ProductSwitchedOff,
    /// The feature flag is off.
    FeatureOff,
    /// Nothing grants it.
    NoGrant,
    /// An override takes it away.
    ExplicitlyDenied,
    /// Granted, but a requirement does not hold.
    RequirementNotMet,
    /// Granted, but not for this resource; also for a resource that does not exist.
    OutOfReach,
    /// What is to be conferred is neither held nor declared conferrable.
    MayNotConfer,
    /// The number it would go out with cannot be used there (rulings R30).
    NumberNotUsable,
    /// The number it would go out with is not one that the person may present (rulings R30).
    NumberNotHeld,
    /// A list of the member narrows it away.
    Restricted,
    /// The account allows only verified recipients.
    RecipientNotVerified,
    /// Somebody else holds the editing lock.
    LockedByAnother,
    /// It is about an owner of the account, and only owners may do that.
    OwnerIsSpared,
    /// Allowed: a call to emergency services depends on no permission.
    EmergencyCall,
}

impl Reason {
    /// All reasons, with their codes.
    pub const ALL: [(Self, &'static str); 22] = [
        (Self::Granted, "GRANTED"),
        (Self::NotAMemberOfActingAccount, "NOT_A_MEMBER_OF_ACTING_ACCOUNT"),
        (Self::MemberInvited, "MEMBER_INVITED"),
        (Self::MemberUnverified, "MEMBER_UNVERIFIED"),
        (Self::MemberSuspended, "MEMBER_SUSPENDED"),
        (Self::MemberRemoved, "MEMBER_REMOVED"),
        (Self::ChannelNotAllowed, "CHANNEL_NOT_ALLOWED"),
        (Self::NotEntitled, "NOT_ENTITLED"),
        (Self::ProductSwitchedOff, "PRODUCT_SWITCHED_OFF"),
        (Self::FeatureOff, "FEATURE_OFF"),
        (Self::NoGrant, "NO_GRANT"),
        (Self::ExplicitlyDenied, "EXPLICITLY_DENIED"),
        (Self::RequirementNotMet, "REQUIREMENT_NOT_MET"),
        (Self::OutOfReach, "OUT_OF_REACH"),
        (Self::MayNotConfer, "MAY_NOT_CONFER"),
        (Self::NumberNotUsable, "NUMBER_NOT_USABLE"),
        (Self::NumberNotHeld, "NUMBER_NOT_HELD"),
        (Self::Restricted, "RESTRICTED"),
        (Self::RecipientNotVerified, "RECIPIENT_NOT_VERIFIED"),
        (Self::LockedByAnother, "LOCKED_BY_ANOTHER"),
        (Self::OwnerIsSpared, "OWNER_IS_SPARED"),
        (Self::EmergencyCall, "EMERGENCY_CALL"),
    ];

    /// The code.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, code)| code)
    }
}

/// What a permission came from: an index into the origins of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OriginIx(pub u16);

/// A set of obligations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Obligations {
    approval: bool,
}

impl Obligations {
    /// The empty set.
    pub const NONE: Self = Self { approval: false };

    /// Adds one.
    pub fn insert(&mut self, obligation: Obligation) {
        match obligation {
            Obligation::Approval => self.approval = true,
        }
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Obligation> {
        self.approval.then_some(Obligation::Approval).into_iter()
    }
}

/// The answer to a question. Holds indexes only; `crate::explain` turns it into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Allow or deny.
    pub effect: Effect,
    /// Why.
    pub reason: Reason,
    /// The permission concerned: the one that grants, or the one that came nearest.
    pub permission: Option<PermissionIx>,
    /// Where the permission came from, or what took it away.
    pub origin: Option<OriginIx>,
    /// The clause that matched, or, for a deny, the one that was missing.
    pub clause: Option<Comparison>,
    /// What else bounds what the clause covers.
    pub extent: Extent,
    /// The requirement that does not hold.
    pub requirement: Option<Requirement>,
    /// What about the number or the attachments narrows it away.
    pub because: Option<Because>,
    /// What must also happen. Empty for a deny.
    pub obligations: Obligations,
}

/// What bounds a permission besides its clause. It is the person's own, whatever is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Which accounts below count, where accounts below do.
    pub below: Option<Below>,
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// Whether it depends on the state of a fax.
    pub some_states: bool,
    /// Whether something is taken out again.
    pub exceptions: bool,
    /// Whether an override limits it to some values.
    pub scoped: bool,
}

/// Which accounts below the acting account a permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Those that no seal hides.
    Open,
    /// All.
    All,
}

/// What about the number or the attachments of something that goes out narrows it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// A number is needed, and the question says that there is none.
    NoNumber,
    /// The person's list of numbers to send from does not name the number.
    NumberNotListed,
    /// The person has no list of numbers to send from that names any.
    NoNumberListed,
    /// The person's list of attachment sources does not name them all.
    SourceNotListed,
    /// The person has no list of attachment sources that names any.
    NoSourceListed,
}

/// A fact that an answer depends on and that the question does not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingFact {
    /// Whose fact.
    pub of: FactOwner,
    /// Which; for [`FactOwner::Context`] the field is `recipient_verified`.
    pub fact: Option<FactName>,
}

/// Whose fact is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactOwner {
    /// The resource's.
    Resource,
    /// The target's.
    Target,
    /// The context's: whether the recipient is verified.
    Context,
}

impl FactOwner {
    const ALL: [Self; 3] = [Self::Resource, Self::Target, Self::Context];
}

/// No answer: it depends on these facts, which the question does not carry. All that it may depend
/// on are in it, so that they can be given at once; never empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MissingFacts(u64);

impl MissingFacts {
    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Each of them: the resource's, then the target's, then the context's.
    pub fn iter(self) -> impl Iterator<Item = MissingFact> {
        let facts = || FactName::ALL.into_iter().map(|(fact, _)| Some(fact)).chain([None]);
        let all = FactOwner::ALL
            .into_iter()
            .flat_map(move |of| facts().map(move |fact| MissingFact { of, fact }));
        all.filter(move |one| self.0 & Self::from(*one).0 != 0)
    }
}

impl From<MissingFact> for MissingFacts {
    fn from(missing: MissingFact) -> Self {
        const FACTS: u32 = FactName::ALL.len() as u32;
        let fact = missing.fact.map_or(FACTS, |fact| fact as u32);
        let owner = match missing.of {
            FactOwner::Resource => 0,
            FactOwner::Target => 1,
            FactOwner::Context => 2,
        };
        Self(1 << (owner * (FACTS + 1) + fact))
    }
}

impl fmt::Debug for MissingFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_missing_facts_holds_what_was_put_in() {
        let one = |of, fact| MissingFact { of, fact };
        let all = [
            one(FactOwner::Resource, Some(FactName::Account)),
            one(FactOwner::Resource, Some(FactName::Source)),
            one(FactOwner::Resource, None),
            one(FactOwner::Target, Some(FactName::Account)),
            one(FactOwner::Target, None),
            one(FactOwner::Context, None),
        ];
        let sets = all.map(MissingFacts::from);
        let set = sets.into_iter().rev().reduce(MissingFacts::with).unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), all);
        for (set, fact) in sets.into_iter().zip(all) {
            assert_eq!(set.iter().collect::<Vec<_>>(), [fact]);
        }
    }
}
