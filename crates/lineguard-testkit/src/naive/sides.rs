//! The two sides of a question: what is acted on, and what goes out or arrives elsewhere.

use std::borrow::Cow;

use lineguard_core::decision::FactOwner;
use lineguard_core::facts::ResourceFacts;
use lineguard_core::request::Question;
use lineguard_core::vocabulary::{ActionDef, Outgoing};

/// The facts of one side, and whose they are.
pub(super) struct Side<'q> {
    pub(super) facts: Cow<'q, ResourceFacts>,
    pub(super) of: FactOwner,
}

/// What is acted on.
pub(super) fn resource(question: &Question) -> Side<'_> {
    Side { facts: Cow::Borrowed(&question.resource), of: FactOwner::Resource }
}

/// The target; all its facts are missing where the question has none.
pub(super) fn target(question: &Question) -> Side<'_> {
    let facts = match &question.target {
        Some(target) => Cow::Borrowed(target),
        None => Cow::Owned(ResourceFacts::default()),
    };
    Side { facts, of: FactOwner::Target }
}

/// What goes out: the target where the vocabulary says so, and it was not left out where it may be.
pub(super) fn outgoing<'q>(def: &ActionDef, question: &'q Question) -> Side<'q> {
    let left_out = question.target.is_none() && def.target_optional;
    match def.outgoing {
        Outgoing::Target if !left_out => target(question),
        Outgoing::Target | Outgoing::Resource => resource(question),
    }
}

/// The target, where the action asks for the account of one.
pub(super) fn second<'q>(def: &ActionDef, question: &'q Question) -> Option<Side<'q>> {
    let left_out = question.target.is_none() && def.target_optional;
    (def.two_sided() && !left_out).then(|| target(question))
}
