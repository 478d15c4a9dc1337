//! The decision.

use super::authority::{Authority, Obstacle, OriginKind, Term};
use super::evaluate::Truth;
use crate::decision::{
    Decision, Effect, FactOwner, MissingFact, MissingFacts, Obligations, Reason,
};
use crate::facts::{Fact, ResourceFacts};
use crate::model::{
    Channel, Model, Obligation, OwnedKind, PermissionIx, Requirement, RestrictionList,
};
use crate::request::{Conferred, Context, Question};
use crate::vocabulary::{
    Action, ActionDef, Confers, FactName, Outage, Outgoing, SendChannel, Vocabulary,
};

/// Decides a question about a member. An error is no answer: it names the facts that the answer
/// depends on and that the question does not carry (rulings R14).
///
/// The gates stand in the order of rulings R8: member status, channel, then entitlement, switch,
/// flag, grants and denies (compiled into the authority), requirements, reach, restrictions,
/// obligations.
pub fn decide(
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
    question: &Question,
) -> Result<Decision, MissingFacts> {
    let Some(def) = vocabulary.def(question.action) else {
        return Ok(deny(Reason::NoGrant));
    };
    if def.outage == Some(Outage::EmergencyCall) {
        return Ok(authority.barred.map_or_else(emergency_call, deny));
    }
    if let Some(denied) = before_any_resource(authority, question.action, question.context.channel)
    {
        return Ok(denied);
    }
    let inquiry = Inquiry { model, vocabulary, authority, question, def };
    match inquiry.decide() {
        Ok(decision) if decision.effect == Effect::Allow => Ok(decision),
        told if inquiry.may_tell(&question.resource) => told,
        _ => inquiry.as_if_it_did_not_exist(),
    }
}

/// Whether the person may know that the resource of a question exists: because of what they may do
/// to it, or because they may see it.
pub fn may_know(
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
    question: &Question,
) -> bool {
    let Some(def) = vocabulary.def(question.action) else { return false };
    let inquiry = Inquiry { model, vocabulary, authority, question, def };
    let barred = before_any_resource(authority, question.action, question.context.channel);
    let allowed = || inquiry.decide().is_ok_and(|decision| decision.effect == Effect::Allow);
    (barred.is_none() && allowed()) || inquiry.may_tell(&question.resource)
}

/// The answer where the acting account does not exist: the same as for somebody who is no member.
pub const fn not_a_member() -> Decision {
    deny(Reason::NotAMemberOfActingAccount)
}

/// The answer to an emergency call: no permission screen stands between a person and help, and
/// nothing about the call is asked. The same is said where the person cannot be looked up and the
/// operator allows such calls.
pub const fn emergency_call() -> Decision {
    Decision { effect: Effect::Allow, ..deny(Reason::EmergencyCall) }
}

/// Whether the member may do this to anything at all; otherwise why not. What a list asks first.
pub fn may_see(
    authority: &Authority,
    action: Action,
    channel: Option<Channel>,
) -> Result<&[Term], Decision> {
    match before_any_resource(authority, action, channel) {
        Some(denied) => Err(denied),
        None => Ok(authority.terms(action)),
    }
}

fn before_any_resource(
    authority: &Authority,
    action: Action,
    channel: Option<Channel>,
) -> Option<Decision> {
    if let Some(reason) = authority.barred {
        return Some(deny(reason));
    }
    let closed = authority.closed_channels.iter().find(|(closed, _)| Some(*closed) == channel);
    if let Some((_, permission)) = closed {
        let permission = Some(*permission);
        return Some(Decision { permission, ..deny(Reason::ChannelNotAllowed) });
    }
    if authority.terms(action).is_empty() {
        let Obstacle { reason, permission, origin } = authority.obstacle(action);
        return Some(Decision { permission, origin, ..deny(reason) });
    }
    None
}

const fn deny(reason: Reason) -> Decision {
    Decision {
        effect: Effect::Deny,
        reason,
        permission: None,
        origin: None,
        clause: None,
        requirement: None,
        obligations: Obligations::NONE,
    }
}

const fn about(term: &Term, effect: Effect) -> Decision {
    Decision {
        effect,
        reason: Reason::Granted,
        permission: term.permission,
        origin: Some(term.origin),
        clause: Some(term.comparison),
        requirement: None,
        obligations: Obligations::NONE,
    }
}

/// How near a term came that does not cover a resource, the farthest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// A requirement does not hold, and it would not reach the resource.
    Neither,
    /// All that it requires holds, but it does not reach the resource.
    Elsewhere,
    /// It reaches the resource, but a requirement does not hold.
    NeedsMore,
}

struct Inquiry<'a> {
    model: &'a Model,
    vocabulary: &'a Vocabulary,
    authority: &'a Authority,
    question: &'a Question,
    def: &'a ActionDef,
}

impl<'a> Inquiry<'a> {
    fn decide(&self) -> Result<Decision, MissingFacts> {
        match self.covering_term(&self.question.resource) {
            Ok(Err(denied)) => Ok(denied),
            Ok(Ok(term)) => Ok(match self.narrowed()? {
                Some(reason) => Decision { reason, ..about(term, Effect::Deny) },
                None => Decision { obligations: self.obligations(), ..about(term, Effect::Allow) },
            }),
            // What is denied in any case does not depend on the missing fact.
            Err(missing) => match self.narrowed() {
                Ok(Some(reason)) => Ok(deny(reason)),
                Ok(None) => Err(missing),
                Err(others) => Err(missing.with(others)),
            },
        }
    }

    /// A resource that does not exist and one that the person may not see get one answer: the
    /// answer for nothing at all. No term covers that.
    fn as_if_it_did_not_exist(&self) -> Result<Decision, MissingFacts> {
        Ok(self.covering_term(&ResourceFacts::nowhere())?.err().unwrap_or(deny(Reason::OutOfReach)))
    }

    /// The term that grants the action on a resource, or the denial. Seeing the resource comes
    /// first where the action requires it (rulings R16).
    fn covering_term(
        &self,
        facts: &ResourceFacts,
    ) -> Result<Result<&'a Term, Decision>, MissingFacts> {
        let seen = match self.def.sees {
            None => Ok(Ok(())),
            Some(view) => self.seen_by(view, facts),
        };
        let covered = self.covered_by(self.question.action, facts);
        match (seen, covered) {
            // False wins over unknown: no missing fact could turn these into an allow.
            (Ok(Err(denied)), _) | (_, Ok(Err(denied))) => Ok(Err(denied)),
            (Err(missing), Err(others)) => Err(missing.with(others)),
            (Err(missing), _) | (_, Err(missing)) => Err(missing),
            (Ok(Ok(())), Ok(Ok(term))) => Ok(Ok(term)),
        }
    }

    fn seen_by(
        &self,
        view: Action,
        facts: &ResourceFacts,
    ) -> Result<Result<(), Decision>, MissingFacts> {
        if let Some(denied) = before_any_resource(self.authority, view, None) {
            return Ok(Err(denied));
        }
        Ok(self.covered_by(view, facts)?.map(|_| ()))
    }

    /// The first term of an action that covers a resource. Where none does, the denial tells of
    /// the term that came nearest: one whose reach covers it and that needs something besides, else
    /// one that needs nothing more and does not reach it.
    fn covered_by(
        &self,
        action: Action,
        facts: &ResourceFacts,
    ) -> Result<Result<&'a Term, Decision>, MissingFacts> {
        let target = self.question.target.as_ref();
        let mut missing: Option<MissingFacts> = None;
        let mut nearest: Option<(Nearness, Decision)> = None;
        for term in self.authority.terms(action) {
            match self.authority.covers(term, facts, target) {
                Truth::True => return Ok(Ok(term)),
                Truth::Unknown(facts) => {
                    missing = Some(missing.map_or(facts, |others| others.with(facts)));
                }
                Truth::False => {
                    let unmet = self.authority.meets(term, facts, target).0;
                    let nearness = self.nearness(term, unmet, facts);
                    if nearest.is_none_or(|(so_far, _)| so_far < nearness) {
                        nearest = Some((nearness, out_of_reach(term, unmet)));
                    }
                }
            }
        }
        match missing {
            Some(facts) => Err(facts),
            None => Ok(Err(nearest.map_or(deny(Reason::NoGrant), |(_, denied)| denied))),
        }
    }

    /// How near a term that does not cover a resource came to it.
    fn nearness(&self, term: &Term, unmet: Option<Requirement>, facts: &ResourceFacts) -> Nearness {
        match unmet {
            None => Nearness::Elsewhere,
            Some(_) if self.authority.reaches(term, facts) == Truth::True => Nearness::NeedsMore,
            Some(_) => Nearness::Neither,
        }
    }

    /// Whether details about a refusal may be told: the question names no resource that the store
    /// holds, or the person may see it. A question that is itself about seeing has been answered.
    fn may_tell(&self, facts: &ResourceFacts) -> bool {
        if !self.question.names_stored_resource {
            return true;
        }
        let view = self.vocabulary.resource(self.def.resource).and_then(|resource| resource.view);
        view.is_some_and(|view| {
            view != self.question.action && matches!(self.seen_by(view, facts), Ok(Ok(())))
        })
    }

    /// What stands between a grant and an allow. A denial that is certain wins over a missing fact.
    fn narrowed(&self) -> Result<Option<Reason>, MissingFacts> {
        let checks = [
            self.conferral(),
            self.sparing(),
            Ok(self.lock()),
            self.send_from(),
            self.attachments(),
            self.recipient(),
        ];
        match checks.iter().find_map(|check| check.ok().flatten()) {
            Some(reason) => Ok(Some(reason)),
            None => {
                let missing = checks.into_iter().filter_map(Result::err);
                missing.reduce(MissingFacts::with).map_or(Ok(None), Err)
            }
        }
    }

    /// Nobody confers what they neither hold nor may confer by the model (rulings R15).
    fn conferral(&self) -> Result<Option<Reason>, MissingFacts> {
        let Some(confers) = self.def.confers else { return Ok(None) };
        let declared = self.may_confer_by_the_model(confers);
        if declared == Truth::True {
            return Ok(None);
        }
        let held = |ix| self.authority.standing(ix).is_some_and(|standing| standing.held);
        let holds = match (&self.question.conferred, confers) {
            (None, _) => {
                let target = MissingFacts::from(MissingFact { of: FactOwner::Target, fact: None });
                return Err(match declared {
                    Truth::Unknown(facts) => target.with(facts),
                    Truth::True | Truth::False => target,
                });
            }
            (Some(Conferred::Role(role)), Confers::Role) => self
                .authority
                .roles
                .get(role)
                .is_some_and(|permissions| permissions.iter().all(|ix| held(*ix))),
            (Some(Conferred::Permission(key)), Confers::Permission) => self
                .model
                .permission(key.as_str())
                .and_then(|(ix, _)| u16::try_from(ix).ok())
                .is_some_and(|ix| held(PermissionIx(ix))),
            (Some(_), _) => false,
        };
        match declared {
            _ if holds => Ok(None),
            Truth::Unknown(missing) => Err(missing),
            Truth::True | Truth::False => Ok(Some(Reason::MayNotConfer)),
        }
    }

    /// Whether a permission that grants this action here declares that it confers.
    fn may_confer_by_the_model(&self, confers: Confers) -> Truth {
        let Question { resource, target, .. } = self.question;
        let declares = |term: &&Term| match term
            .permission
            .and_then(|ix| self.model.permission_at(ix))
        {
            Some(permission) => permission.confers.contains(&confers) || self.owns_everything(term),
            None => true,
        };
        let declaring = self.authority.terms(self.question.action).iter().filter(declares);
        declaring.fold(Truth::False, |any, term| {
            any.or(|| self.authority.covers(term, resource, target.as_ref()))
        })
    }

    /// Nobody below an owner removes or suspends an owner: a term that covers must come from
    /// ownership of the account or of one above (rulings R4).
    fn sparing(&self) -> Result<Option<Reason>, MissingFacts> {
        let Question { resource, target, .. } = self.question;
        if !self.def.spares_owners || resource.owner != Fact::Known(true) {
            return Ok(None);
        }
        let terms = self.authority.terms(self.question.action).iter();
        let covered =
            terms.filter(|term| self.owns_an_account(term)).fold(Truth::False, |any, term| {
                any.or(|| self.authority.covers(term, resource, target.as_ref()))
            });
        match covered {
            Truth::True => Ok(None),
            Truth::Unknown(missing) => Err(missing),
            Truth::False => Ok(Some(Reason::OwnerIsSpared)),
        }
    }

    fn owns_an_account(&self, term: &Term) -> bool {
        let origin = self.authority.origin(term.origin);
        origin.filter(|origin| origin.kind == OriginKind::Overlay).is_some_and(|origin| {
            let mut overlays = self.model.overlays.iter();
            overlays.any(|one| one.of == OwnedKind::Account && one.key == origin.key)
        })
    }

    fn owns_everything(&self, term: &Term) -> bool {
        self.authority.everything == Some(term.origin)
    }

    /// The list of numbers to send from (rulings R13).
    fn send_from(&self) -> Result<Option<Reason>, MissingFacts> {
        let list = self.def.sends.map(RestrictionList::SendFrom);
        let Some(list) = list.and_then(|list| self.authority.restriction(list)) else {
            return Ok(None);
        };
        let number = self.outgoing(FactName::Number, |facts| &facts.number)?;
        let listed = number.is_some_and(|number| list.contains(*number));
        Ok((!listed).then_some(Reason::Restricted))
    }

    /// The list of sources that attachments may come from (rulings R13).
    fn attachments(&self) -> Result<Option<Reason>, MissingFacts> {
        let list = self.authority.restriction(RestrictionList::AttachmentSources);
        let Some(list) = list.filter(|_| self.def.attaches) else {
            return Ok(None);
        };
        let sources = self.outgoing(FactName::Source, |facts| &facts.sources)?;
        let listed = sources.is_none_or(|sources| sources.iter().all(|one| list.contains(*one)));
        Ok((!listed).then_some(Reason::Restricted))
    }

    fn outgoing<T: 'a>(
        &self,
        name: FactName,
        fact: impl Fn(&'a ResourceFacts) -> &'a Fact<T>,
    ) -> Result<Option<&'a T>, MissingFacts> {
        let (of, facts) = match self.def.outgoing {
            Outgoing::Resource => (FactOwner::Resource, Some(&self.question.resource)),
            Outgoing::Target => (FactOwner::Target, self.question.target.as_ref()),
        };
        match facts.map(fact) {
            None | Some(Fact::Missing) => Err(MissingFact { of, fact: Some(name) }.into()),
            Some(Fact::Absent) => Ok(None),
            Some(Fact::Known(value)) => Ok(Some(value)),
        }
    }

    fn recipient(&self) -> Result<Option<Reason>, MissingFacts> {
        if !(self.def.recipient && self.authority.recipient_restriction) {
            return Ok(None);
        }
        match self.question.context.recipient_verified {
            Some(true) => Ok(None),
            Some(false) => Ok(Some(Reason::RecipientNotVerified)),
            None => Err(MissingFact { of: FactOwner::Context, fact: None }.into()),
        }
    }

    /// One editor at a time (rulings R20). The asking service holds the locks.
    fn lock(&self) -> Option<Reason> {
        let Context { locked_by, .. } = self.question.context;
        let by_another = locked_by.is_some_and(|holder| holder != self.authority.subject);
        (self.def.exclusive && by_another).then_some(Reason::LockedByAnother)
    }

    fn obligations(&self) -> Obligations {
        let mut obligations = Obligations::NONE;
        for (obligation, actions) in &self.authority.obligations {
            if actions.contains(&self.question.action) {
                obligations.insert(*obligation);
            }
        }
        if self.authority.approval && self.def.sends == Some(SendChannel::Fax) {
            obligations.insert(Obligation::Approval);
        }
        obligations
    }
}

fn out_of_reach(term: &Term, unmet: Option<Requirement>) -> Decision {
    let reason = if unmet.is_some() { Reason::RequirementNotMet } else { Reason::OutOfReach };
    Decision { reason, requirement: unmet, ..about(term, Effect::Deny) }
}
