//! A second opinion: `docs/semantics.md` as straight loops over the rows of a tenant, for every
//! question anew. It shares no code with the engine, compiles nothing and remembers nothing, so it
//! is slow, and where the two differ one of them is wrong.

mod caller_id;
mod held;
mod matching;
mod outgoing;
mod person;
mod rows;
mod sides;
mod terms;
mod truth;

use lineguard_core::decision::{FactOwner, MissingFact};
use lineguard_core::facts::Fact;
use lineguard_core::id::Num;
use lineguard_core::model::{Obligation, PermissionIx, PermissionKind, SettingRule};
use lineguard_core::request::{Conferred, Context, Question};
use lineguard_core::vocabulary::{Action, ActionDef, Confers, FactName, SendChannel};

pub use caller_id::{CallerIdAnswer, caller_id};
pub use rows::{World, fax_facts};

use person::Person;
use terms::permissions;
use truth::Truth;

/// An answer of the second evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Allowed, with these obligations.
    Allow(Vec<Obligation>),
    /// Denied.
    Deny,
    /// It depends on facts that the question does not carry: all of those that it may depend on.
    Missing(Vec<MissingFact>),
}

/// May this subject (`user:alice`), acting as this account, do what the question says?
pub fn check(world: &World<'_>, subject: &str, account: &str, question: &Question) -> Answer {
    let Some(def) = world.vocabulary.def(question.action) else { return Answer::Deny };
    // Whoever is asked about, known or not.
    if def.emergency {
        return Answer::Allow(Vec::new());
    }
    let Some(person) = Person::find(world, subject, account) else { return Answer::Deny };
    let decided = person.decides(def, question);
    match decided {
        Truth::False => Answer::Deny,
        // To name the missing fact would tell that there is such a resource.
        Truth::Unknown(_) if !person.may_know_of(def, question) => Answer::Deny,
        Truth::Unknown(facts) => Answer::Missing(facts),
        Truth::True => Answer::Allow(person.obligations(def, question)),
    }
}

/// The registered faxes that this subject sees from this account, in the order of their rows.
pub fn visible_faxes(
    world: &World<'_>,
    subject: &str,
    account: &str,
    context: Context,
) -> Vec<Num> {
    let Some(action) = world.vocabulary.action("fax.view") else { return Vec::new() };
    let seen = world.faxes.iter().filter(|fax| {
        let question = Question {
            action,
            names_stored_resource: true,
            resource: fax_facts(fax),
            target: None,
            sent_from: None,
            conferred: None,
            context,
        };
        matches!(check(world, subject, account, &question), Answer::Allow(_))
    });
    seen.map(|fax| fax.num).collect()
}

impl Person<'_> {
    /// Whether a refusal may say more than that there is no such resource: where the question
    /// names a stored one, only to those who see it.
    fn may_know_of(&self, def: &ActionDef, question: &Question) -> bool {
        let view = self.world.vocabulary.resource(def.resource).and_then(|kind| kind.view);
        match view {
            Some(view) if question.names_stored_resource => self.has(view, question) == Truth::True,
            _ => true,
        }
    }

    fn decides(&self, def: &ActionDef, question: &Question) -> Truth {
        let locked = question.context.locked_by.is_some_and(|holder| holder != self.subject);
        Truth::from(self.channel_allowed(&question.context))
            .and(self.any_term(question.action, question))
            .and(self.sees(def, question))
            .and(self.may_confer(def, question))
            .and(self.spares_owners(def, question))
            .and(Truth::from(!(def.exclusive && locked)))
            .and(self.number_fits(def, question))
            .and(self.sources_fit(def, question))
            .and(self.recipient_fits(def, question))
    }

    /// Whether the person has another action on the resource. That is about the resource alone.
    fn has(&self, action: Action, question: &Question) -> Truth {
        self.any_term(action, &Question { target: None, ..question.clone() })
    }

    /// Whether the person sees the resource, if that is needed: where the action says so, also of
    /// what is only described; where the type says so, for every action on what is named, but for
    /// the seeing itself.
    fn sees(&self, def: &ActionDef, question: &Question) -> Truth {
        let mut seen = Truth::True;
        if let Some(action) = def.sees {
            seen = seen.and(self.has(action, question));
        }
        if let Some(kind) = self.world.vocabulary.resource(def.resource)
            && let Some(view) = kind.view
            && kind.seen_first
            && question.names_stored_resource
            && view != question.action
        {
            seen = seen.and(self.has(view, question));
        }
        seen
    }

    fn channel_allowed(&self, context: &Context) -> bool {
        let Some(channel) = context.channel else { return true };
        permissions(self.world.model).all(|(ix, permission)| match &permission.kind {
            PermissionKind::Channel(channels) if channels.contains(&channel) => self.holds(ix),
            _ => true,
        })
    }

    fn may_confer(&self, def: &ActionDef, question: &Question) -> Truth {
        let Some(confers) = def.confers else { return Truth::True };
        let terms = self.terms(question.action);
        let declaring = terms.iter().filter(|term| term.declares(confers));
        let declared = Truth::any(declaring.map(|term| self.holds_for(term, question)));
        let may = declared.or(self.holds_conferred(confers, question));
        self.exists(question).and(may)
    }

    /// Whether what is to be conferred exists: the permission in the model, the role for the account
    /// of the member who gets it. Asked only where it is named.
    fn exists(&self, question: &Question) -> Truth {
        match &question.conferred {
            None => Truth::True,
            Some(Conferred::Permission(key)) => {
                permissions(self.world.model).any(|(_, one)| one.key == *key).into()
            }
            Some(Conferred::Role { key, .. }) => match question.resource.account {
                Fact::Known(account) => self.role_at(account, key.as_str()).is_some().into(),
                Fact::Absent => Truth::False,
                Fact::Missing => Truth::missing(FactOwner::Resource, Some(FactName::Account)),
            },
        }
    }

    fn spares_owners(&self, def: &ActionDef, question: &Question) -> Truth {
        if !def.spares_owners || question.resource.owner != Fact::Known(true) {
            return Truth::True;
        }
        let terms = self.terms(question.action);
        let owners = terms.iter().filter(|term| term.is_an_owners());
        Truth::any(owners.map(|term| self.holds_for(term, question)))
    }

    fn holds_conferred(&self, confers: Confers, question: &Question) -> Truth {
        let held = |ix: PermissionIx| {
            let permission = self.world.model.permission_at(ix);
            self.holds(ix) && permission.is_some_and(|one| self.is_open(one))
        };
        match (confers, &question.conferred) {
            (_, None) => Truth::missing(FactOwner::Target, None),
            (Confers::Permission, Some(Conferred::Permission(key))) => {
                let mut all = permissions(self.world.model);
                all.any(|(ix, permission)| permission.key == *key && held(ix)).into()
            }
            // A role is worth what the account of the member who gets it makes of it.
            (Confers::Role, Some(Conferred::Role { key, .. })) => match question.resource.account {
                Fact::Known(account) => {
                    let role = self.role_at(account, key.as_str());
                    role.is_some_and(|role| role.holds.iter().all(|(ix, _)| held(*ix))).into()
                }
                Fact::Absent => Truth::False,
                Fact::Missing => Truth::missing(FactOwner::Resource, Some(FactName::Account)),
            },
            _ => Truth::False,
        }
    }

    fn recipient_fits(&self, def: &ActionDef, question: &Question) -> Truth {
        if !def.recipient || !self.rule(SettingRule::RecipientRestriction) {
            return Truth::True;
        }
        let verified = question.context.recipient_verified;
        verified.map_or_else(|| Truth::missing(FactOwner::Context, None), Truth::from)
    }

    fn obligations(&self, def: &ActionDef, question: &Question) -> Vec<Obligation> {
        let mut all = Vec::new();
        for (ix, permission) in permissions(self.world.model) {
            if let PermissionKind::Obligation { actions, obligation } = &permission.kind
                && actions.contains(&question.action)
                && self.is_open(permission)
                && self.holds(ix)
            {
                all.push(*obligation);
            }
        }
        if def.sends == Some(SendChannel::Fax) && self.rule(SettingRule::Approval) {
            all.push(Obligation::Approval);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}
