//! The terms that give a person an action, and whether one of them holds.

use lineguard_core::decision::FactOwner;
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::model::reach::{Clause, Qualifiers, Word};
use lineguard_core::model::{Grant, Model, Permission, PermissionIx, PermissionKind, Requirement};
use lineguard_core::request::Question;
use lineguard_core::vocabulary::{Action, ActionDef, Confers, FactName};

use super::held::Contribution;
use super::matching::any_in;
use super::person::{Person, Use};
use super::sides::{self, Side};
use super::truth::Truth;
use lineguard_core::model::FactSet;

/// One way to have an action.
pub(super) struct Term<'w> {
    permission: Option<&'w Permission>,
    contribution: Contribution,
    clause: Clause,
    grant: Qualifiers,
    def: &'w ActionDef,
}

impl Term<'_> {
    /// Whether it may confer what the person does not hold.
    pub(super) fn declares(&self, confers: Confers) -> bool {
        let declared = self.permission.is_some_and(|one| one.confers.contains(&confers));
        declared || self.contribution.everything
    }

    /// Whether it comes from ownership of an account.
    pub(super) fn is_an_owners(&self) -> bool {
        self.contribution.owner
    }
}

/// All permissions of a model with their indexes.
pub(super) fn permissions(model: &Model) -> impl Iterator<Item = (PermissionIx, &Permission)> {
    (0..).map(PermissionIx).zip(&model.permissions)
}

fn grants_of(permission: &Permission, action: Action) -> Vec<&Grant> {
    match &permission.kind {
        PermissionKind::Grant(grants) => {
            grants.iter().filter(|grant| grant.actions.contains(&action)).collect()
        }
        _ => Vec::new(),
    }
}

impl<'w> Person<'w> {
    /// Every term that gives the action.
    pub(super) fn terms(&self, action: Action) -> Vec<Term<'w>> {
        let Some(def) = self.world.vocabulary.def(action) else { return Vec::new() };
        let mut terms = Vec::new();
        let mut granted = false;
        for (ix, permission) in permissions(self.world.model) {
            let grants = grants_of(permission, action);
            granted |= !grants.is_empty();
            if grants.is_empty() || !self.is_open(permission) {
                continue;
            }
            for contribution in self.contributions(ix) {
                for grant in &grants {
                    self.add_terms(permission, &contribution, grant, def, &mut terms);
                }
            }
        }
        if !granted && self.owners_get_everything() {
            self.add_terms_of_owners(def, &mut terms);
        }
        terms.retain(|term| self.counts(term.contribution.level, def));
        terms
    }

    fn add_terms(
        &self,
        permission: &'w Permission,
        contribution: &Contribution,
        grant: &Grant,
        def: &'w ActionDef,
        terms: &mut Vec<Term<'w>>,
    ) {
        for clause in contribution.reach.as_ref().unwrap_or(&grant.reach) {
            let clauses = match clause {
                Clause::Visibility => self.visibility(),
                clause => vec![clause.clone()],
            };
            terms.extend(clauses.into_iter().map(|clause| Term {
                permission: Some(permission),
                contribution: contribution.clone(),
                clause,
                grant: grant.qualifiers.clone(),
                def,
            }));
        }
    }

    /// Actions that no permission grants belong to owners who get everything.
    fn add_terms_of_owners(&self, def: &'w ActionDef, terms: &mut Vec<Term<'w>>) {
        for level in (0..self.path.len()).filter(|level| self.owns_level(*level)) {
            terms.push(Term {
                permission: None,
                contribution: Contribution {
                    everything: true,
                    stays: true,
                    owner: true,
                    ..Contribution::at(level, None)
                },
                clause: Clause::word(Word::Account),
                grant: Qualifiers::default(),
                def,
            });
        }
    }

    /// The clauses of the member's own level, else of the default levels of all roles held here.
    fn visibility(&self) -> Vec<Clause> {
        let keys = match &self.member.body.visibility {
            Some(own) => vec![own.clone()],
            None => self.roles_at(0).into_iter().filter_map(|role| role.visibility).collect(),
        };
        let levels = keys.iter().filter_map(|key| self.world.model.level(key));
        levels.flat_map(|(_, level)| level.reach.clone()).collect()
    }

    /// Whether a term holds for the question.
    pub(super) fn holds_for(&self, term: &Term<'_>, question: &Question) -> Truth {
        let facts = &question.resource;
        let inherited = term.permission.is_none_or(|permission| permission.inherited);
        let requires = term.permission.map_or(&[][..], |permission| &permission.requires);
        let required = requires.iter().map(|one| self.requirement(*one, term.def, question));
        let mut truth = Truth::all(required)
            .and(self.in_account(&sides::resource(question), inherited, term.def))
            .and(self.in_scopes(&term.contribution.scopes, &sides::outgoing(term.def, question)));
        if let Some(second) = sides::second(term.def, question) {
            truth = truth.and(self.in_account(&second, inherited, term.def));
        }
        let mut qualifiers = vec![&term.grant];
        if let Clause::Match { comparison, qualifiers: of_clause } = &term.clause {
            truth = truth.and(self.compare(comparison, facts, Use::Giving));
            qualifiers.push(of_clause);
        }
        truth.and(self.qualifies(&qualifiers, facts))
    }

    /// Whether any term of an action holds.
    pub(super) fn any_term(&self, action: Action, question: &Question) -> Truth {
        let terms = self.terms(action);
        Truth::any(terms.iter().map(|term| self.holds_for(term, question)))
    }

    fn requirement(&self, requirement: Requirement, def: &ActionDef, question: &Question) -> Truth {
        let in_own_faxbox = |side: Side<'_>| {
            any_in(
                &side.facts,
                side.of,
                FactName::Faxbox,
                &self.set(FactSet::Faxboxes, Use::Giving),
            )
        };
        match requirement {
            Requirement::FaxboxMember => in_own_faxbox(sides::outgoing(def, question)),
            Requirement::TargetFaxboxMember => in_own_faxbox(sides::target(question)),
            Requirement::Extension => {
                (!self.set(FactSet::HeldExtensions, Use::Giving).is_empty()).into()
            }
            Requirement::CoverPageOfFaxbox => {
                cover_page_fits(&question.resource, &sides::target(question).facts)
            }
        }
    }
}

fn cover_page_fits(page: &ResourceFacts, target: &ResourceFacts) -> Truth {
    match (&page.faxbox, &target.faxbox) {
        (Fact::Absent, _) => Truth::True,
        (Fact::Missing, Fact::Missing) => {
            let of = |owner| Truth::missing(owner, Some(FactName::Faxbox));
            of(FactOwner::Resource).and(of(FactOwner::Target))
        }
        (Fact::Missing, _) => Truth::missing(FactOwner::Resource, Some(FactName::Faxbox)),
        (Fact::Known(_), Fact::Absent) => Truth::False,
        (Fact::Known(_), Fact::Missing) => {
            Truth::missing(FactOwner::Target, Some(FactName::Faxbox))
        }
        (Fact::Known(of_page), Fact::Known(of_target)) => (of_page == of_target).into(),
    }
}
