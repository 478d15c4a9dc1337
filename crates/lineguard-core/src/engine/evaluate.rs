//! Terms against facts, in three values: a fact that is missing is neither true nor false.

use super::authority::{Authority, CompiledExcept, Everything, Term, state_bit};
use crate::assemble::Use;
use crate::decision::{FactOwner, MissingFact, MissingFacts};
use crate::facts::{Fact, ResourceFacts};
use crate::id::Num;
use crate::model::Requirement;
use crate::model::reach::{Comparison, FactSet};
use crate::vocabulary::{ActionDef, FactName, Outgoing};

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

impl From<Result<bool, MissingFacts>> for Truth {
    fn from(answer: Result<bool, MissingFacts>) -> Self {
        answer.map_or_else(Self::Unknown, Self::from)
    }
}

/// What a term is held against. What concerns the source is asked of the resource; what concerns
/// that which goes out or arrives is asked of the target, where the action has one (rulings R37).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides<'a> {
    resource: Side<'a>,
    /// As the question names it, whatever the action makes of it.
    target: Side<'a>,
    /// The side that goes out or arrives elsewhere; none where the resource is all there is.
    arriving: Option<Side<'a>>,
    /// The side that describes what goes out.
    outgoing: Side<'a>,
}

/// Facts of one side; none where the question does not name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    of: FactOwner,
    facts: Option<&'a ResourceFacts>,
}

impl<'a> Sides<'a> {
    /// The sides of a question about an action.
    pub(crate) fn of(
        def: &ActionDef,
        resource: &'a ResourceFacts,
        target: Option<&'a ResourceFacts>,
    ) -> Self {
        let resource = Side { of: FactOwner::Resource, facts: Some(resource) };
        let named = Side { of: FactOwner::Target, facts: target };
        let left_out = target.is_none() && def.target_optional;
        let arriving = (def.two_sided() && !left_out).then_some(named);
        let outgoing = match def.outgoing {
            Outgoing::Target => arriving.unwrap_or(resource),
            Outgoing::Resource => resource,
        };
        Self { resource, target: named, arriving, outgoing }
    }

    /// A resource alone: what sight is about.
    pub(crate) const fn alone(resource: &'a ResourceFacts) -> Self {
        let resource = Side { of: FactOwner::Resource, facts: Some(resource) };
        let target = Side { of: FactOwner::Target, facts: None };
        Self { resource, target, arriving: None, outgoing: resource }
    }

    /// The side that describes what goes out.
    pub(crate) const fn outgoing(&self) -> Side<'a> {
        self.outgoing
    }
}

impl<'a> Side<'a> {
    /// A fact of this side; a missing one where the side is not named.
    pub(crate) fn fact<T: 'a>(
        self,
        name: FactName,
        read: impl FnOnce(&'a ResourceFacts) -> &'a Fact<T>,
    ) -> Result<Option<&'a T>, MissingFacts> {
        match self.facts.map(read) {
            None | Some(Fact::Missing) => Err(MissingFact { of: self.of, fact: Some(name) }.into()),
            Some(Fact::Absent) => Ok(None),
            Some(Fact::Known(value)) => Ok(Some(value)),
        }
    }

    /// Whether a fact of this side is known and holds.
    pub(crate) fn test<T: 'a>(
        self,
        name: FactName,
        read: impl FnOnce(&'a ResourceFacts) -> &'a Fact<T>,
        holds: impl FnOnce(&T) -> bool,
    ) -> Truth {
        match self.fact(name, read) {
            Err(facts) => Truth::Unknown(facts),
            Ok(value) => value.is_some_and(holds).into(),
        }
    }
}

impl Authority {
    /// Whether a term covers what a question is about, requirements included.
    pub(crate) fn covers(&self, term: &Term, sides: Sides<'_>) -> Truth {
        self.meets(term, sides).1.and(|| self.reaches(term, sides))
    }

    /// Whether the requirements of a term hold, and if not, which does not.
    pub(crate) fn meets(&self, term: &Term, sides: Sides<'_>) -> (Option<Requirement>, Truth) {
        let mut all = Truth::True;
        for requirement in &term.requires {
            let one = self.requirement(*requirement, sides);
            if one == Truth::False {
                return (Some(*requirement), Truth::False);
            }
            all = all.and(|| one);
        }
        (None, all)
    }

    fn requirement(&self, requirement: Requirement, sides: Sides<'_>) -> Truth {
        let faxboxes = self.set(FactSet::Faxboxes);
        let mine = |faxbox: &Num| faxboxes.contains(*faxbox, Everything::OfTheTenant);
        let faxbox = |side: Side<'_>, holds: &dyn Fn(&Num) -> bool| {
            side.test(FactName::Faxbox, |facts| &facts.faxbox, holds)
        };
        match requirement {
            Requirement::FaxboxMember => faxbox(sides.outgoing, &mine),
            Requirement::TargetFaxboxMember => faxbox(sides.target, &mine),
            Requirement::Extension => {
                (*self.set(FactSet::HeldExtensions) != super::IdSet::default()).into()
            }
            Requirement::CoverPageOfFaxbox => {
                match sides.resource.fact(FactName::Faxbox, |facts| &facts.faxbox) {
                    Ok(None) => Truth::True,
                    Ok(Some(page)) => faxbox(sides.target, &|faxbox| page == faxbox),
                    // The faxbox of what goes out would not settle it alone, so both are missing.
                    Err(page) => {
                        let target = sides.target.fact(FactName::Faxbox, |facts| &facts.faxbox);
                        Truth::Unknown(target.map_or_else(|facts| page.with(facts), |_| page))
                    }
                }
            }
        }
    }

    /// Whether a term's reach covers what a question is about, requirements left aside.
    pub(crate) fn reaches(&self, term: &Term, sides: Sides<'_>) -> Truth {
        let source = sides.resource;
        self.lies_within(term, source)
            .and(|| sides.arriving.map_or(Truth::True, |target| self.lies_within(term, target)))
            .and(|| self.compare(term.comparison, source, Use::Gives))
            .and(|| qualifies(term.direction, term.states, source))
            .and(|| self.in_scopes(term, sides.outgoing))
            .and(|| self.excepted(&term.except, source).not())
    }

    /// Whether a side lies in the accounts that a term reaches.
    fn lies_within(&self, term: &Term, side: Side<'_>) -> Truth {
        let accounts = self.accounts(term.accounts);
        side.test(
            FactName::Account,
            |facts| &facts.account,
            |account| accounts.binary_search(account).is_ok(),
        )
    }

    fn in_scopes(&self, term: &Term, side: Side<'_>) -> Truth {
        term.scopes.iter().fold(Truth::True, |all, (fact, set)| {
            all.and(|| match fact {
                // Every source must be in the scope: one foreign attachment is one too many.
                FactName::Source => side.test(
                    *fact,
                    |facts| &facts.sources,
                    |sources| {
                        sources.iter().all(|source| set.contains(*source, Everything::OfTheTenant))
                    },
                ),
                _ => compare_field(*fact, set, side, Use::Gives),
            })
        })
    }

    fn excepted(&self, excepts: &[CompiledExcept], side: Side<'_>) -> Truth {
        excepts.iter().fold(Truth::False, |any, except| {
            any.or(|| {
                self.compare(except.comparison, side, Use::Takes)
                    .and(|| qualifies(except.direction, except.states, side))
            })
        })
    }

    fn compare(&self, comparison: Comparison, side: Side<'_>, used: Use) -> Truth {
        let one = |field: FactName, set: FactSet| self.lies_in(field, set, side, used);
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

    /// Whether a fact lies in one of the parts of a set.
    fn lies_in(&self, field: FactName, set: FactSet, side: Side<'_>, used: Use) -> Truth {
        self.parts(set, used).fold(Truth::False, |any, part| {
            any.or(|| {
                let within = part.within.map_or(Truth::True, |accounts| {
                    compare_field(FactName::Account, accounts, side, used)
                });
                within.and(|| compare_field(field, part.values, side, used))
            })
        })
    }
}

/// Whether a fact lies in a set. A fact that is itself a set lies in it if one of its values does.
fn compare_field(field: FactName, set: &super::IdSet, side: Side<'_>, used: Use) -> Truth {
    let everything = match used {
        Use::Gives => Everything::granted(field),
        Use::Takes => Everything::SeenOrNot,
    };
    type Single = fn(&ResourceFacts) -> &Fact<Num>;
    type Several = fn(&ResourceFacts) -> &Fact<Box<[Num]>>;
    let single =
        |read: Single| side.test(field, read, |value: &Num| set.contains(*value, everything));
    let several = |read: Several| match side.fact(field, read) {
        Err(missing) => Truth::Unknown(missing),
        Ok(values) => values
            .is_some_and(|values| values.iter().any(|value| set.contains(*value, everything)))
            .into(),
    };
    match field {
        FactName::Account => single(|facts| &facts.account),
        FactName::Creator => single(|facts| &facts.creator),
        FactName::Participant => several(|facts| &facts.participants),
        FactName::Assignee => single(|facts| &facts.assignee),
        FactName::Faxbox => single(|facts| &facts.faxbox),
        FactName::Number => single(|facts| &facts.number),
        FactName::Extension => single(|facts| &facts.extension),
        FactName::Queue => single(|facts| &facts.queue),
        FactName::Label => several(|facts| &facts.labels),
        FactName::Group => single(|facts| &facts.group),
        FactName::FormType => single(|facts| &facts.form_type),
        FactName::DocumentType => single(|facts| &facts.document_type),
        FactName::Template => single(|facts| &facts.template),
        FactName::Source => several(|facts| &facts.sources),
        // Direction and state are qualifiers, never compared with a set of ids.
        FactName::Direction | FactName::State => Truth::False,
    }
}

fn qualifies(
    direction: Option<crate::model::reach::Direction>,
    states: u8,
    side: Side<'_>,
) -> Truth {
    let right_way = match direction {
        None => Truth::True,
        Some(direction) => {
            side.test(FactName::Direction, |facts| &facts.direction, |known| *known == direction)
        }
    };
    right_way.and(|| match states {
        0 => Truth::True,
        mask => {
            side.test(FactName::State, |facts| &facts.state, |state| mask & state_bit(*state) != 0)
        }
    })
}
