//! Terms against facts, in three values: a fact that is missing is neither true nor false.

use super::authority::{Authority, CompiledExcept, Term, state_bit};
use crate::decision::{FactOwner, MissingFact, MissingFacts};
use crate::facts::{Fact, ResourceFacts};
use crate::id::Num;
use crate::model::Requirement;
use crate::model::reach::{Comparison, FactSet};
use crate::vocabulary::FactName;

/// True, false, or dependent on missing facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Would depend on these facts.
    Unknown(MissingFacts),
}

impl Truth {
    /// Both must hold. False wins over unknown: the answer does not depend on the fact then.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::False => Self::False,
            Self::True => other(),
            Self::Unknown(facts) => match other() {
                Self::False => Self::False,
                Self::True => Self::Unknown(facts),
                Self::Unknown(others) => Self::Unknown(facts.with(others)),
            },
        }
    }

    /// One must hold. True wins over unknown.
    pub(crate) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::True => Self::True,
            Self::False => other(),
            Self::Unknown(facts) => match other() {
                Self::True => Self::True,
                Self::False => Self::Unknown(facts),
                Self::Unknown(others) => Self::Unknown(facts.with(others)),
            },
        }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown(facts) => Self::Unknown(facts),
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

fn missing(of: FactOwner, fact: FactName) -> Truth {
    Truth::Unknown(MissingFact { of, fact: Some(fact) }.into())
}

fn test<T>(fact: &Fact<T>, name: FactName, holds: impl FnOnce(&T) -> bool) -> Truth {
    match fact {
        Fact::Missing => missing(FactOwner::Resource, name),
        Fact::Absent => Truth::False,
        Fact::Known(value) => holds(value).into(),
    }
}

impl Authority {
    /// Whether a term covers a resource, requirements included.
    pub(crate) fn covers(
        &self,
        term: &Term,
        facts: &ResourceFacts,
        target: Option<&ResourceFacts>,
    ) -> Truth {
        self.meets(term, facts, target).1.and(|| self.reaches(term, facts))
    }

    /// Whether the requirements of a term hold, and if not, which does not.
    pub(crate) fn meets(
        &self,
        term: &Term,
        facts: &ResourceFacts,
        target: Option<&ResourceFacts>,
    ) -> (Option<Requirement>, Truth) {
        let mut all = Truth::True;
        for requirement in &term.requires {
            let one = self.requirement(*requirement, facts, target);
            if one == Truth::False {
                return (Some(*requirement), Truth::False);
            }
            all = all.and(|| one);
        }
        (None, all)
    }

    fn requirement(
        &self,
        requirement: Requirement,
        facts: &ResourceFacts,
        target: Option<&ResourceFacts>,
    ) -> Truth {
        let in_my_faxboxes = |faxbox: &Num| self.set(FactSet::Faxboxes).contains(*faxbox);
        match requirement {
            Requirement::FaxboxMember => test(&facts.faxbox, FactName::Faxbox, in_my_faxboxes),
            Requirement::TargetFaxboxMember => match target.map(|target| &target.faxbox) {
                None | Some(Fact::Missing) => missing(FactOwner::Target, FactName::Faxbox),
                Some(Fact::Absent) => Truth::False,
                Some(Fact::Known(faxbox)) => in_my_faxboxes(faxbox).into(),
            },
            Requirement::Extension => {
                (*self.set(FactSet::HeldExtensions) != super::IdSet::default()).into()
            }
            Requirement::CoverPageOfFaxbox => match &facts.faxbox {
                Fact::Absent => Truth::True,
                page => match target.map(|target| &target.faxbox) {
                    // Neither alone would settle it.
                    None | Some(Fact::Missing) => {
                        let faxbox = missing(FactOwner::Target, FactName::Faxbox);
                        test(page, FactName::Faxbox, |_| true).and(|| faxbox)
                    }
                    Some(Fact::Absent) => test(page, FactName::Faxbox, |_| false),
                    Some(Fact::Known(faxbox)) => {
                        test(page, FactName::Faxbox, |page| page == faxbox)
                    }
                },
            },
        }
    }

    /// Whether a term's reach covers a resource, requirements left aside.
    pub(crate) fn reaches(&self, term: &Term, facts: &ResourceFacts) -> Truth {
        let accounts = self.accounts(term.accounts);
        test(&facts.account, FactName::Account, |account| accounts.binary_search(account).is_ok())
            .and(|| self.compare(term.comparison, facts))
            .and(|| qualifies(term.direction, term.states, facts))
            .and(|| self.in_scopes(term, facts))
            .and(|| self.excepted(&term.except, facts).not())
    }

    fn in_scopes(&self, term: &Term, facts: &ResourceFacts) -> Truth {
        term.scopes.iter().fold(Truth::True, |all, (fact, set)| {
            all.and(|| match fact {
                // Every source must be in the scope: one foreign attachment is one too many.
                FactName::Source => test(&facts.sources, *fact, |sources| {
                    sources.iter().all(|source| set.contains(*source))
                }),
                _ => compare_field(*fact, set, facts),
            })
        })
    }

    fn excepted(&self, excepts: &[CompiledExcept], facts: &ResourceFacts) -> Truth {
        excepts.iter().fold(Truth::False, |any, except| {
            any.or(|| {
                self.compare(except.comparison, facts)
                    .and(|| qualifies(except.direction, except.states, facts))
            })
        })
    }

    fn compare(&self, comparison: Comparison, facts: &ResourceFacts) -> Truth {
        let one = |field: FactName, set: FactSet| compare_field(field, self.set(set), facts);
        match comparison {
            Comparison::Field(field, set) => one(field, set),
            Comparison::Word(word) => match word.alternatives() {
                [] => Truth::True,
                alternatives => alternatives
                    .iter()
                    .fold(Truth::False, |any, (field, set)| any.or(|| one(*field, *set))),
            },
        }
    }
}

/// Whether a fact lies in a set. A fact that is itself a set lies in it if one of its values does.
fn compare_field(field: FactName, set: &super::IdSet, facts: &ResourceFacts) -> Truth {
    let single = |fact: &Fact<Num>| test(fact, field, |value| set.contains(*value));
    let several = |fact: &Fact<Box<[Num]>>| {
        test(fact, field, |values| values.iter().any(|value| set.contains(*value)))
    };
    match field {
        FactName::Account => single(&facts.account),
        FactName::Creator => single(&facts.creator),
        FactName::Participant => several(&facts.participants),
        FactName::Assignee => single(&facts.assignee),
        FactName::Faxbox => single(&facts.faxbox),
        FactName::Number => single(&facts.number),
        FactName::Extension => single(&facts.extension),
        FactName::Queue => single(&facts.queue),
        FactName::Label => several(&facts.labels),
        FactName::Group => single(&facts.group),
        FactName::FormType => single(&facts.form_type),
        FactName::DocumentType => single(&facts.document_type),
        FactName::Template => single(&facts.template),
        FactName::Source => several(&facts.sources),
        // Direction and state are qualifiers, never compared with a set of ids.
        FactName::Direction | FactName::State => Truth::False,
    }
}

fn qualifies(
    direction: Option<crate::model::reach::Direction>,
    states: u8,
    facts: &ResourceFacts,
) -> Truth {
    let right_way = match direction {
        None => Truth::True,
        Some(direction) => test(&facts.direction, FactName::Direction, |known| *known == direction),
    };
    right_way.and(|| match states {
        0 => Truth::True,
        mask => test(&facts.state, FactName::State, |state| mask & state_bit(*state) != 0),
    })
}
