//! The decision.

use super::authority::{AccountReach, Authority, Obstacle, OriginKind, Term};
use super::evaluate::{Sides, Truth};
use super::outgoing::Refused;
use crate::decision::{
    Below, Decision, Effect, Extent, FactOwner, MissingFact, MissingFacts, Obligations, Reason,
};
use crate::facts::{Fact, ResourceFacts};
use crate::model::{Channel, Model, Obligation, OwnedKind, PermissionIx, Requirement};
use crate::request::{Conferred, Context, Question};
use crate::vocabulary::{Action, ActionDef, Confers, SendChannel, Vocabulary};

/// Decides a question about a member. An error is no answer: it names the facts that the answer
/// depends on and that the question does not carry (rulings R14).
///
/// The gates stand in the order of rulings R8: member status, channel, then entitlement, switch,
/// flag, grants and denies (compiled into the authority), requirements, reach, restrictions,
/// obligations. Before all of them stands the emergency call (rulings R38).
pub fn decide(
    model: &Model,
    vocabulary: &Vocabulary,
    authority: &Authority,
    question: &Question,
) -> Result<Decision, MissingFacts> {
    let Some(def) = vocabulary.def(question.action) else {
        return Ok(deny(Reason::NoGrant));
    };
    if def.emergency {
        return Ok(emergency_call());
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

/// Whether the action that makes a resource visible covers it: what every other action on a fax
/// needs (rulings R32).
pub fn is_seen(authority: &Authority, view: Action, resource: &ResourceFacts) -> bool {
    let sides = Sides::alone(resource);
    before_any_resource(authority, view, None).is_none()
        && authority.terms(view).iter().any(|term| authority.covers(term, sides) == Truth::True)
}

/// The answer where the acting account does not exist: the same as for somebody who is no member.
pub const fn not_a_member() -> Decision {
    deny(Reason::NotAMemberOfActingAccount)
}

/// The answer to an emergency call: nothing stands between a person and help, so nothing about the
/// person or the call is asked. Whoever asks about an account or a person that does not exist is
/// told the same.
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
        extent: Extent {
            below: None,
            direction: None,
            some_states: false,
            exceptions: false,
            scoped: false,
        },
        requirement: None,
        because: None,
        obligations: Obligations::NONE,
    }
}

fn about(term: &Term, effect: Effect) -> Decision {
    Decision {
        effect,
        permission: term.permission,
        origin: Some(term.origin),
        clause: Some(term.comparison),
        extent: term.extent(),
        ..deny(Reason::Granted)
    }
}

impl Term {
    /// What bounds it besides its clause.
    pub fn extent(&self) -> Extent {
        Extent {
            below: match self.accounts {
                AccountReach::Here => None,
                AccountReach::OpenBelow => Some(Below::Open),
                AccountReach::AllBelow => Some(Below::All),
            },
            direction: self.direction,
            some_states: self.states != 0,
            exceptions: !self.except.is_empty(),
            scoped: !self.scopes.is_empty(),
        }
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

pub(super) struct Inquiry<'a> {
    pub(super) model: &'a Model,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) authority: &'a Authority,
    pub(super) question: &'a Question,
    pub(super) def: &'a ActionDef,
}

impl<'a> Inquiry<'a> {
    fn decide(&self) -> Result<Decision, MissingFacts> {
        match self.covering_term(&self.question.resource) {
            Ok(Err(denied)) => Ok(denied),
            Ok(Ok(term)) => Ok(match self.narrowed()? {
                Some(Refused { reason, because }) => {
                    Decision { reason, because, ..about(term, Effect::Deny) }
                }
                None => Decision { obligations: self.obligations(), ..about(term, Effect::Allow) },
            }),
            // What is denied in any case does not depend on the missing fact.
            Err(missing) => match self.narrowed() {
                Ok(Some(Refused { reason, because })) => Ok(Decision { because, ..deny(reason) }),
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

    /// What terms of the action are held against, with these facts for the resource.
    pub(super) fn sides<'f>(&self, resource: &'f ResourceFacts) -> Sides<'f>
    where
        'a: 'f,
    {
        Sides::of(self.def, resource, self.question.target.as_ref())
    }

    /// The action that makes the resource seen, where seeing it comes first: because the action
    /// says so (rulings R16), or because the question names a stored resource of a type that nobody
    /// acts on unseen (rulings R32).
    fn sight_needed(&self) -> Option<Action> {
        let of_type = || {
            let ty = self.vocabulary.resource(self.def.resource)?;
            ty.view.filter(|view| ty.seen_first && *view != self.question.action)
        };
        self.def.sees.or_else(|| of_type().filter(|_| self.question.names_stored_resource))
    }

    /// The term that grants the action on a resource, or the denial. Seeing the resource comes
    /// first where the action requires it (rulings R16).
    fn covering_term(
        &self,
        facts: &ResourceFacts,
    ) -> Result<Result<&'a Term, Decision>, MissingFacts> {
        let seen = match self.sight_needed() {
            None => Ok(Ok(())),
            Some(view) => self.seen_by(view, facts),
        };
        let covered = self.covered_by(self.question.action, self.sides(facts));
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
        Ok(self.covered_by(view, Sides::alone(facts))?.map(|_| ()))
    }

    /// The first term of an action that covers a resource. Where none does, the denial tells of
    /// the term that came nearest: one whose reach covers it and that needs something besides, else
    /// one that needs nothing more and does not reach it.
    fn covered_by(
        &self,
        action: Action,
        sides: Sides<'_>,
    ) -> Result<Result<&'a Term, Decision>, MissingFacts> {
        let mut missing: Option<MissingFacts> = None;
        let mut nearest: Option<(Nearness, Decision)> = None;
        for term in self.authority.terms(action) {
            match self.authority.covers(term, sides) {
                Truth::True => return Ok(Ok(term)),
                Truth::Unknown(facts) => {
                    missing = Some(missing.map_or(facts, |others| others.with(facts)));
                }
                Truth::False => {
                    let unmet = self.authority.meets(term, sides).0;
                    let nearness = self.nearness(term, unmet, sides);
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
    fn nearness(&self, term: &Term, unmet: Option<Requirement>, sides: Sides<'_>) -> Nearness {
        match unmet {
            None => Nearness::Elsewhere,
            Some(_) if self.authority.reaches(term, sides) == Truth::True => Nearness::NeedsMore,
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
    fn narrowed(&self) -> Result<Option<Refused>, MissingFacts> {
        let checks = [
            self.conferral().map(Refused::of),
            self.sparing().map(Refused::of),
            Ok(Refused::of(self.lock())),
            self.number(),
            self.attachments(),
            self.recipient().map(Refused::of),
        ];
        match checks.iter().find_map(|check| check.ok().flatten()) {
            Some(refused) => Ok(Some(refused)),
            None => {
                let missing = checks.into_iter().filter_map(Result::err);
                missing.reduce(MissingFacts::with).map_or(Ok(None), Err)
            }
        }
    }

    /// Nobody confers what they neither hold nor may confer by the model (rulings R15), nor what
    /// does not exist.
    fn conferral(&self) -> Result<Option<Reason>, MissingFacts> {
        let Some(confers) = self.def.confers else { return Ok(None) };
        let worth = self.question.conferred.as_ref().map(|one| self.worth(one, confers));
        if worth == Some(None) {
            return Ok(Some(Reason::MayNotConfer));
        }
        let declared = self.may_confer_by_the_model(confers);
        if declared == Truth::True {
            return Ok(None);
        }
        let Some(worth) = worth.flatten() else {
            let target = MissingFacts::from(MissingFact { of: FactOwner::Target, fact: None });
            return Err(match declared {
                Truth::Unknown(facts) => target.with(facts),
                Truth::True | Truth::False => target,
            });
        };
        let held = |ix| self.authority.standing(ix).is_some_and(|standing| standing.held);
        match declared {
            _ if worth.iter().all(|ix| held(*ix)) => Ok(None),
            Truth::Unknown(missing) => Err(missing),
            Truth::True | Truth::False => Ok(Some(Reason::MayNotConfer)),
        }
    }

    /// What it gives to whoever gets it; none if there is no such thing.
    fn worth(&self, conferred: &Conferred, confers: Confers) -> Option<Vec<PermissionIx>> {
        match (conferred, confers) {
            (Conferred::Role { permissions, .. }, Confers::Role) => {
                permissions.as_ref().map(|permissions| permissions.to_vec())
            }
            (Conferred::Permission(key), Confers::Permission) => {
                let (ix, _) = self.model.permission(key.as_str())?;
                Some(vec![PermissionIx(u16::try_from(ix).ok()?)])
            }
            _ => None,
        }
    }

    /// Whether a permission that grants this action here declares that it confers.
    fn may_confer_by_the_model(&self, confers: Confers) -> Truth {
        let sides = self.sides(&self.question.resource);
        let declares = |term: &&Term| match term
            .permission
            .and_then(|ix| self.model.permission_at(ix))
        {
            Some(permission) => permission.confers.contains(&confers) || self.owns_everything(term),
            None => true,
        };
        let declaring = self.authority.terms(self.question.action).iter().filter(declares);
        declaring.fold(Truth::False, |any, term| any.or(|| self.authority.covers(term, sides)))
    }

    /// Nobody below an owner removes or suspends an owner: a term that covers must come from
    /// ownership of the account or of one above (rulings R4).
    fn sparing(&self) -> Result<Option<Reason>, MissingFacts> {
        let resource = &self.question.resource;
        if !self.def.spares_owners || resource.owner != Fact::Known(true) {
            return Ok(None);
        }
        let terms = self.authority.terms(self.question.action).iter();
        let covered =
            terms.filter(|term| self.owns_an_account(term)).fold(Truth::False, |any, term| {
                any.or(|| self.authority.covers(term, self.sides(resource)))
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
