//! Words that hide nothing, close to how a model says it. The cells of the matrix are shorter and
//! leave out what their row makes clear.

use crate::explain::clause_word;
use crate::model::Grant;
use crate::model::reach::{Clause, Direction, Except, FaxState, Qualifiers};
use crate::vocabulary::Action;

use super::rules::NOTHING;

/// The grants of a permission: what may be done, and to what.
pub(super) fn grants(grants: &[Grant], names: impl Fn(&[Action]) -> String) -> String {
    let words = grants.iter().map(|Grant { actions, reach: clauses, qualifiers }| {
        format!("{}: {}", names(actions), reach_of_grant(clauses, qualifiers))
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The qualifiers of a grant are part of its clauses, and hold for a reach that a role puts in
/// their place, too.
fn reach_of_grant(clauses: &[Clause], by: &Qualifiers) -> String {
    let all = qualifier_words(by).join(" ");
    if all.is_empty() {
        return reach(clauses);
    }
    let of_each = clauses.iter().all(|clause| match clause {
        Clause::Visibility => true,
        Clause::Match { qualifiers, .. } => qualifiers == by,
    });
    let bare = |clause: &Clause| match clause {
        Clause::Match { comparison, .. } => clause_word(*comparison),
        Clause::Visibility => clause_words(clause),
    };
    let words = match of_each {
        true => joined(clauses.iter().map(bare)),
        false => reach(clauses),
    };
    format!("{words}, all of it {all}")
}

/// The clauses of a reach.
pub(super) fn reach(clauses: &[Clause]) -> String {
    joined(clauses.iter().map(clause_words))
}

fn joined(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() { NOTHING.to_owned() } else { words.join(" + ") }
}

fn clause_words(clause: &Clause) -> String {
    match clause {
        Clause::Visibility => "visibility".to_owned(),
        Clause::Match { comparison, qualifiers } => {
            let qualifiers = qualifier_words(qualifiers).into_iter();
            [clause_word(*comparison)].into_iter().chain(qualifiers).collect::<Vec<_>>().join(" ")
        }
    }
}

fn qualifier_words(qualifiers: &Qualifiers) -> Vec<String> {
    let Qualifiers { direction, states, except } = qualifiers;
    let mut words = which(*direction, states);
    words.extend(except.iter().map(except_words));
    words
}

fn except_words(except: &Except) -> String {
    let Except { comparison, direction, states, unless_self_approval } = except;
    let mut words = vec![format!("except {}", clause_word(*comparison))];
    words.extend(which(*direction, states));
    if *unless_self_approval {
        words.push("unless self-approval".to_owned());
    }
    words.join(" ")
}

fn which(direction: Option<Direction>, states: &[FaxState]) -> Vec<String> {
    let direction = direction.map(|direction| direction.as_str().to_owned());
    let states: Vec<_> = states.iter().map(|state| state.as_str()).collect();
    let states = (!states.is_empty()).then(|| states.join("/"));
    direction.into_iter().chain(states).collect()
}

/// Words in an order of their own: the order of a list in a text means nothing.
pub(super) fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_unstable();
    words.dedup();
    if words.is_empty() { NOTHING.to_owned() } else { words.join(", ") }
}

/// The word of a table.
pub(super) fn named<T: PartialEq>(table: &'static [(T, &'static str)], value: &T) -> &'static str {
    table.iter().find(|(one, _)| one == value).map_or("", |(_, word)| word)
}
