//! Comparing the facts of one resource with what a term asks for.

use lineguard_core::decision::FactOwner;
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::reach::{Comparison, Direction, Except, FaxState, Qualifiers};
use lineguard_core::model::{FactSet, ScopeKind, SettingRule};
use lineguard_core::vocabulary::{ActionDef, ActionKind, FactName};

use super::person::{Person, Set, Use};
use super::sides::Side;
use super::truth::Truth;

/// The values of a fact; none if it is absent, an error of its name if it is missing.
fn values(facts: &ResourceFacts, name: FactName) -> Fact<Vec<Num>> {
    fn one(fact: &Fact<Num>) -> Fact<Vec<Num>> {
        match fact {
            Fact::Known(value) => Fact::Known(vec![*value]),
            Fact::Absent => Fact::Absent,
            Fact::Missing => Fact::Missing,
        }
    }
    fn many(fact: &Fact<Box<[Num]>>) -> Fact<Vec<Num>> {
        match fact {
            Fact::Known(values) => Fact::Known(values.to_vec()),
            Fact::Absent => Fact::Absent,
            Fact::Missing => Fact::Missing,
        }
    }
    match name {
        FactName::Account => one(&facts.account),
        FactName::Creator => one(&facts.creator),
        FactName::Participant => many(&facts.participants),
        FactName::Assignee => one(&facts.assignee),
        FactName::Faxbox => one(&facts.faxbox),
        FactName::Number => one(&facts.number),
        FactName::Extension => one(&facts.extension),
        FactName::Queue => one(&facts.queue),
        FactName::Label => many(&facts.labels),
        FactName::Group => one(&facts.group),
        FactName::FormType => one(&facts.form_type),
        FactName::DocumentType => one(&facts.document_type),
        FactName::Template => one(&facts.template),
        FactName::Source => many(&facts.sources),
        FactName::Direction | FactName::State => Fact::Absent,
    }
}

/// Whether a value of the fact is in the set. A missing fact is not known to be in any set, nor not
/// to be, also not in an empty one.
pub(super) fn any_in(facts: &ResourceFacts, of: FactOwner, name: FactName, set: &Set) -> Truth {
    match values(facts, name) {
        Fact::Known(values) => values.into_iter().any(|value| set.has(name, value)).into(),
        Fact::Absent => Truth::False,
        Fact::Missing => Truth::missing(of, Some(name)),
    }
}

/// Whether all values of the fact are in the set; true if there are none.
pub(super) fn all_in(facts: &ResourceFacts, of: FactOwner, name: FactName, set: &Set) -> Truth {
    match values(facts, name) {
        Fact::Known(values) => values.into_iter().all(|value| set.has(name, value)).into(),
        Fact::Absent => Truth::True,
        Fact::Missing => Truth::missing(of, Some(name)),
    }
}

fn is<T: PartialEq>(fact: &Fact<T>, name: FactName, wanted: &[T]) -> Truth {
    match fact {
        Fact::Known(value) => wanted.contains(value).into(),
        Fact::Absent => Truth::False,
        Fact::Missing => Truth::missing(FactOwner::Resource, Some(name)),
    }
}

/// Whether an action is done through seals: what sets things up is, unless it would open again what
/// a seal closes.
pub(super) fn passes_seals(def: &ActionDef) -> bool {
    def.kind == ActionKind::Manage && !def.stops_at_seals
}

fn conditions(facts: &ResourceFacts, direction: Option<Direction>, states: &[FaxState]) -> Truth {
    let right_way = direction
        .map_or(Truth::True, |direction| is(&facts.direction, FactName::Direction, &[direction]));
    let right_state =
        if states.is_empty() { Truth::True } else { is(&facts.state, FactName::State, states) };
    right_way.and(right_state)
}

impl Person<'_> {
    /// Whether a comparison holds.
    pub(super) fn compare(
        &self,
        comparison: &Comparison,
        facts: &ResourceFacts,
        use_: Use,
    ) -> Truth {
        let alternatives = comparison.alternatives();
        if alternatives.is_empty() {
            return Truth::True;
        }
        let in_set = |(name, set): (FactName, FactSet)| {
            if set == FactSet::Supervised {
                return self.is_supervised(name, facts, use_);
            }
            any_in(facts, FactOwner::Resource, name, &self.set(set, use_))
        };
        Truth::any(alternatives.into_iter().map(in_set))
    }

    /// Whether a fact names somebody whom the person supervises there where the resource lies.
    fn is_supervised(&self, name: FactName, facts: &ResourceFacts, use_: Use) -> Truth {
        let among = |members| any_in(facts, FactOwner::Resource, name, &Set::These(members));
        match facts.account {
            Fact::Known(account) => among(self.supervised(Some(account), use_)),
            Fact::Absent => among(Vec::new()),
            // Elsewhere it is out of reach, so it lies here or below: under the groups of the acting
            // account and of those above it for certain, under those below perhaps.
            Fact::Missing => among(self.supervised(Some(self.acting()), use_))
                .or(among(self.supervised(None, use_))
                    .and(Truth::missing(FactOwner::Resource, Some(FactName::Account)))),
        }
    }

    /// Whether direction and states fit and no exception holds. What is asked of the direction, or
    /// of the state, is asked at once: where nothing can be all of it, it is certain that it does
    /// not hold.
    pub(super) fn qualifies(&self, all: &[&Qualifiers], facts: &ResourceFacts) -> Truth {
        let mut truth = Truth::True;
        let mut directions = vec![Direction::Inbound, Direction::Outbound];
        let mut states: Vec<_> = FaxState::ALL.iter().map(|(state, _)| *state).collect();
        for qualifiers in all {
            if let Some(wanted) = qualifiers.direction {
                directions.retain(|one| *one == wanted);
            }
            if !qualifiers.states.is_empty() {
                states.retain(|one| qualifiers.states.contains(one));
            }
            for except in &qualifiers.except {
                truth = truth.and(self.is_excepted(except, facts).not());
            }
        }
        if directions.is_empty() || states.is_empty() {
            return Truth::False;
        }
        if directions.len() == 1 {
            truth = truth.and(is(&facts.direction, FactName::Direction, &directions));
        }
        if all.iter().any(|qualifiers| !qualifiers.states.is_empty()) {
            truth = truth.and(is(&facts.state, FactName::State, &states));
        }
        truth
    }

    fn is_excepted(&self, except: &Except, facts: &ResourceFacts) -> Truth {
        if except.unless_self_approval && self.rule(SettingRule::SelfApproval) {
            return Truth::False;
        }
        let conditions = conditions(facts, except.direction, &except.states);
        self.compare(&except.comparison, facts, Use::Taking).and(conditions)
    }

    /// Whether what goes out lies in the limits of a scoped override.
    pub(super) fn in_scopes(&self, scopes: &[(ScopeKind, Vec<Num>)], side: &Side<'_>) -> Truth {
        let Side { facts, of } = side;
        Truth::all(scopes.iter().map(|(scope, values)| {
            let set = Set::These(values.clone());
            let name = match scope {
                ScopeKind::Number => FactName::Number,
                ScopeKind::FormType => FactName::FormType,
                ScopeKind::DocumentType => FactName::DocumentType,
                ScopeKind::Template => FactName::Template,
                // Nothing matches an absent fact.
                ScopeKind::Source if facts.sources == Fact::Absent => return Truth::False,
                ScopeKind::Source => {
                    return all_in(facts, *of, FactName::Source, &set);
                }
            };
            any_in(facts, *of, name, &set)
        }))
    }

    /// Whether a side lies in the acting account or, if that counts, below it.
    pub(super) fn in_account(&self, side: &Side<'_>, inherited: bool, def: &ActionDef) -> Truth {
        match side.facts.account {
            Fact::Known(account) if account == self.acting() => Truth::True,
            Fact::Known(account) => (inherited && self.is_reachable_below(account, def)).into(),
            Fact::Absent => Truth::False,
            Fact::Missing => Truth::missing(side.of, Some(FactName::Account)),
        }
    }

    fn is_reachable_below(&self, account: Num, def: &ActionDef) -> bool {
        let path = self.world.path(account);
        let Some(up) = path.iter().position(|one| one.num == self.acting()) else { return false };
        let sealed = path.iter().take(up).any(|one| one.body.sealed);
        passes_seals(def) || !sealed
    }
}
