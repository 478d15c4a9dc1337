//! Questions, as the engine reads them: every identifier is already a number of the tenant.

use crate::facts::{Fact, NumberFacts, ResourceFacts};
use crate::id::{Key, Num};
use crate::model::{Channel, PermissionIx};
use crate::vocabulary::{Action, ActionDef, Outgoing, SendChannel};

/// May this person do this, to this thing, from this account?
#[derive(Debug, Clone)]
pub struct Question {
    /// What is to be done.
    pub action: Action,
    /// Whether the question names one resource of a stored type. Then a resource that does not
    /// exist and one that the person may not see get the same answer.
    pub names_stored_resource: bool,
    /// Facts about the resource.
    pub resource: ResourceFacts,
    /// Facts about the target, where the action has one.
    pub target: Option<ResourceFacts>,
    /// What the store holds of the number that it goes out with, for actions that send or call.
    /// Without it no number that the question names can be used.
    pub sent_from: Option<NumberFacts>,
    /// What the target confers, for actions that confer.
    pub conferred: Option<Conferred>,
    /// The circumstances.
    pub context: Context,
}

/// The number that a question's facts say it goes out with, if they name one.
pub fn sent_from(
    def: &ActionDef,
    resource: &ResourceFacts,
    target: Option<&ResourceFacts>,
) -> Option<Num> {
    let describes = match (def.outgoing, target) {
        (Outgoing::Target, Some(target)) => target,
        (Outgoing::Target, None) if !def.target_optional => return None,
        (Outgoing::Target | Outgoing::Resource, _) => resource,
    };
    match describes.number {
        Fact::Known(number) => Some(number),
        Fact::Missing | Fact::Absent => None,
    }
}

/// A role or permission that is to be conferred on somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conferred {
    /// A role.
    Role {
        /// Its key.
        key: Key,
        /// What it is worth to the member who gets it: what the nearest definition or adjustment on
        /// the path of that member's account makes of it (rulings R35). None if no such role is
        /// known there, or while nobody has looked: nobody confers that.
        permissions: Option<Box<[PermissionIx]>>,
    },
    /// A permission, by key.
    Permission(Key),
}

/// The circumstances of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// The channel the person works through, where known.
    pub channel: Option<Channel>,
    /// Whether the recipient is verified; the asking service knows (rulings R21).
    pub recipient_verified: Option<bool>,
    /// Who holds the editing lock; none if nobody does (rulings R20).
    pub locked_by: Option<Num>,
}

/// What is to be presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presentation {
    /// Nothing was asked for.
    Unspecified,
    /// This number.
    Number(Num),
    /// No number.
    Anonymous,
}

/// Which number may this person present?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerIdQuestion {
    /// What the number is to be used for.
    pub channel: SendChannel,
    /// What the person asked for.
    pub requested: Presentation,
    /// The circumstances.
    pub context: Context,
}
