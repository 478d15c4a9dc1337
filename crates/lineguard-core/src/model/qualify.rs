//! Qualifiers written on a grant and on a clause of it, put together.

use super::reach::{Clause, Comparison, Direction, FaxState, Qualifiers};

/// A clause under the qualifiers of its grant: both hold. `None` where nothing can satisfy both.
///
/// [`Clause::Visibility`] comes back as it is, because its clauses are the level's; the qualifiers
/// apply to each of those. Narrowing twice by the same qualifiers is the same as once.
pub fn narrowed(clause: &Clause, by: &Qualifiers) -> Option<Clause> {
    let Clause::Match { comparison, qualifiers } = clause else {
        return Some(clause.clone());
    };
    let mut except = qualifiers.except.clone();
    for one in &by.except {
        if !except.contains(one) {
            except.push(one.clone());
        }
    }
    Some(Clause::Match {
        comparison: *comparison,
        qualifiers: Qualifiers {
            direction: common_direction(qualifiers.direction, by.direction)?,
            states: common_states(&qualifiers.states, &by.states)?,
            except,
        },
    })
}

/// The direction that both allow; `None` where they exclude each other.
fn common_direction(one: Option<Direction>, other: Option<Direction>) -> Option<Option<Direction>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => Some(one.or(other)),
    }
}

/// The states that both allow; `None` where they exclude each other. An empty list means any
/// state, so an empty intersection must never come out as one.
fn common_states(one: &[FaxState], other: &[FaxState]) -> Option<Vec<FaxState>> {
    match (one, other) {
        ([], states) | (states, []) => Some(states.to_vec()),
        (one, other) => {
            let both: Vec<_> = one.iter().copied().filter(|state| other.contains(state)).collect();
            if both.is_empty() { None } else { Some(both) }
        }
    }
}

/// Whether a comparison asks for nothing beyond the account.
pub(super) fn is_everything(comparison: &Comparison) -> bool {
    comparison.alternatives().is_empty()
}
