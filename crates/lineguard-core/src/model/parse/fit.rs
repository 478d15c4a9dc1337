//! Whether a rule can ever matter: it reads facts, and the vocabulary says which facts the
//! resources of an action have. A rule about a fact that nothing has would deny in silence.

use super::Context;
use crate::model::reach::{Clause, Comparison, Qualifiers};
use crate::model::{Grant, OwnedKind, Permission, PermissionKind, Requirement, ScopeKind};
use crate::text::Fields;
use crate::vocabulary::{Action, ActionDef, FactName, Outgoing, ResourceType};

impl<'s, 't> Context<'s, 't, '_> {
    fn defs(&self, actions: &[Action]) -> impl Iterator<Item = (Action, &ActionDef)> {
        actions.iter().filter_map(|action| Some((*action, self.vocabulary.def(*action)?)))
    }

    fn type_has(&self, resource: ResourceType, fact: FactName) -> bool {
        self.vocabulary.resource(resource).is_some_and(|def| def.facts.contains(&fact))
    }

    /// Whether the resource of at least one action has the fact. Unknown actions are mistakes
    /// already; a list of nothing else says nothing.
    fn some_have(&self, actions: &[Action], fact: FactName) -> bool {
        actions.is_empty() || self.defs(actions).any(|(_, def)| self.type_has(def.resource, fact))
    }

    /// The actions whose resource does not have the fact.
    fn without(&self, actions: &[Action], fact: FactName) -> Vec<Action> {
        let lacking = self.defs(actions).filter(|(_, def)| !self.type_has(def.resource, fact));
        lacking.map(|(action, _)| action).collect()
    }

    /// Qualifiers of a grant hold for each of its actions, so each needs the facts.
    pub(super) fn check_qualifiers(
        &self,
        actions: &[Action],
        qualifiers: &Qualifiers,
        fields: &Fields<'s, 't>,
    ) {
        let direction = qualifiers.direction.is_some();
        let states = !qualifiers.states.is_empty();
        for (name, fact, used) in
            [("direction", FactName::Direction, direction), ("states", FactName::State, states)]
        {
            let lacking = self.without(actions, fact);
            if used && !lacking.is_empty() {
                let at = fields.key_at(name).unwrap_or(fields.at());
                let (names, fact) = (self.names(&lacking), fact.as_str());
                let problem = format!("what {names} acts on has no fact `{fact}`");
                self.source.error(at, problem);
            }
        }
        let at = fields.key_at("except").unwrap_or(fields.at());
        self.check_excepts(actions, qualifiers, at);
    }

    /// A clause may be meant for some actions of its grant, but not for none.
    pub(super) fn check_clause(&self, actions: &[Action], clause: &Clause, at: usize) {
        let Clause::Match { comparison, qualifiers } = clause else {
            return;
        };
        self.check_comparison(actions, comparison, at);
        self.check_simple_qualifiers(
            actions,
            qualifiers.direction.is_some(),
            !qualifiers.states.is_empty(),
            at,
        );
        self.check_excepts(actions, qualifiers, at);
    }

    fn check_excepts(&self, actions: &[Action], qualifiers: &Qualifiers, at: usize) {
        for except in &qualifiers.except {
            self.check_comparison(actions, &except.comparison, at);
            let (direction, states) = (except.direction.is_some(), !except.states.is_empty());
            self.check_simple_qualifiers(actions, direction, states, at);
        }
    }

    fn check_comparison(&self, actions: &[Action], comparison: &Comparison, at: usize) {
        let compared = comparison.alternatives();
        for (fact, _) in &compared {
            self.check_sight(actions, *fact, at);
        }
        if !compared.is_empty() && !compared.iter().any(|(fact, _)| self.some_have(actions, *fact))
        {
            let facts: Vec<_> =
                compared.iter().map(|(fact, _)| format!("`{}`", fact.as_str())).collect();
            let problem = format!(
                "this compares {}, which nothing that {} acts on has",
                facts.join(" or "),
                self.names(actions),
            );
            self.source.error(at, problem);
        }
    }

    /// Whether somebody sees what is stored never depends on a fact that only questions bring: a
    /// list has no question that could (rulings R31).
    fn check_sight(&self, actions: &[Action], fact: FactName, at: usize) {
        for (action, def) in self.defs(actions) {
            let Some(resource) = self.vocabulary.resource(def.resource) else { continue };
            let unsaid = resource.stored.is_some_and(|stored| stored.may_lack(fact));
            if unsaid && resource.view == Some(action) && resource.facts.contains(&fact) {
                let (name, fact) = (&def.name, fact.as_str());
                let problem = format!(
                    "`{name}` cannot depend on the fact `{fact}`, which the store may not know"
                );
                self.source.error(at, problem);
            }
        }
    }

    fn check_simple_qualifiers(
        &self,
        actions: &[Action],
        direction: bool,
        states: bool,
        at: usize,
    ) {
        for (fact, used) in [(FactName::Direction, direction), (FactName::State, states)] {
            if used && !self.some_have(actions, fact) {
                let (names, fact) = (self.names(actions), fact.as_str());
                self.source.error(at, format!("nothing that {names} acts on has a fact `{fact}`"));
            }
        }
    }

    /// What a permission says besides its grants.
    pub(super) fn check_permission(&self, permission: &Permission, fields: &Fields<'s, 't>) {
        let PermissionKind::Grant(grants) = &permission.kind else {
            return;
        };
        let actions = actions_of(grants);
        let place = |name| fields.key_at(name).unwrap_or(fields.at());
        for scope in &permission.scopes {
            if !actions.is_empty() && !self.can_scope(&actions, *scope) {
                let (names, scope) = (self.names(&actions), scope.as_str());
                let problem = format!("nothing that {names} acts on has a fact `{scope}`");
                self.source.error(place("scopes"), problem);
            }
            self.check_sight(&actions, fact_of(*scope), place("scopes"));
        }
        for requirement in &permission.requires {
            let lacking: Vec<_> = self
                .defs(&actions)
                .filter(|(_, def)| !self.can_require(def, *requirement))
                .map(|(action, _)| action)
                .collect();
            if !lacking.is_empty() {
                let (names, word) = (self.names(&lacking), requirement.as_str());
                let problem = format!("{names} can never meet `{word}`");
                self.source.error(place("requires"), problem);
            }
        }
        for confers in &permission.confers {
            let known = self.defs(&actions).any(|(_, def)| def.confers == Some(*confers));
            if !actions.is_empty() && !known {
                let problem = "none of its actions confers what `confers` says";
                self.source.error(place("confers"), problem);
            }
        }
    }

    /// Whether a scope can be read for at least one action, on what goes out where that counts.
    fn can_scope(&self, actions: &[Action], scope: ScopeKind) -> bool {
        let fact = fact_of(scope);
        self.defs(actions).any(|(_, def)| self.type_has(going_out(def), fact))
    }

    fn can_require(&self, def: &ActionDef, requirement: Requirement) -> bool {
        let resource = self.type_has(going_out(def), FactName::Faxbox);
        let target = def.target.is_some_and(|of| self.type_has(of, FactName::Faxbox));
        match requirement {
            Requirement::FaxboxMember => resource,
            Requirement::TargetFaxboxMember => target,
            Requirement::Extension => true,
            Requirement::CoverPageOfFaxbox => resource && target,
        }
    }

    /// Ownership of a faxbox or a group reaches what lies in it, so something must lie in one.
    pub(super) fn check_owned(&self, permission: &Permission, of: OwnedKind, at: usize) {
        let fact = match of {
            OwnedKind::Faxbox => FactName::Faxbox,
            OwnedKind::Group => FactName::Group,
            OwnedKind::Account => return,
        };
        let key = &permission.key;
        let PermissionKind::Grant(grants) = &permission.kind else {
            let problem = format!("`{key}` grants nothing on what is owned");
            return self.source.error(at, problem);
        };
        let actions = actions_of(grants);
        if !self.some_have(&actions, fact) {
            let problem = format!("nothing that `{key}` is about has a fact `{}`", fact.as_str());
            self.source.error(at, problem);
        }
    }
}

/// The type that describes what goes out; for most actions what they act on.
fn going_out(def: &ActionDef) -> ResourceType {
    def.target.filter(|_| def.outgoing == Outgoing::Target).unwrap_or(def.resource)
}

/// The fact that a scope limits.
const fn fact_of(scope: ScopeKind) -> FactName {
    match scope {
        ScopeKind::Number => FactName::Number,
        ScopeKind::FormType => FactName::FormType,
        ScopeKind::DocumentType => FactName::DocumentType,
        ScopeKind::Template => FactName::Template,
        ScopeKind::Source => FactName::Source,
    }
}

/// The actions of all grants, each once.
pub(super) fn actions_of(grants: &[Grant]) -> Vec<Action> {
    let mut actions: Vec<_> = grants.iter().flat_map(|grant| grant.actions.clone()).collect();
    actions.sort_unstable();
    actions.dedup();
    actions
}
