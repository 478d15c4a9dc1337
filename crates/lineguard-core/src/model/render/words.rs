//! Short words for what a role may do: what stands in one cell of the matrix.

use crate::model::reach::{Clause, Comparison, Except, FactSet, FaxState, Qualifiers, Word};
use crate::model::{
    Grant, Model, Permission, PermissionIx, PermissionKind, Requirement, Role, narrowed,
};

/// The permission is not held.
pub(super) const NO: &str = "-";

/// The permission is held without further condition.
pub(super) const YES: &str = "yes";

/// The cell of a role and a permission: what the role gives, and what everybody has.
pub(super) fn cell(model: &Model, role: &Role, ix: PermissionIx) -> String {
    let by_role = role.permissions.iter().filter(|held| held.permission == ix);
    let everybody = model.members.everybody.contains(&ix).then_some(None);
    let reaches = by_role.map(|held| held.reach.as_deref()).chain(everybody);
    let mut cells: Vec<String> = Vec::new();
    for reach in reaches {
        let cell = model.permission_at(ix).map(|permission| held_cell(reach, permission));
        cells.extend(cell.filter(|cell| cell != NO && !cells.contains(cell)));
    }
    if cells.is_empty() { NO.to_owned() } else { cells.join(" + ") }
}

fn held_cell(reach: Option<&[Clause]>, permission: &Permission) -> String {
    let PermissionKind::Grant(grants) = &permission.kind else {
        return YES.to_owned();
    };
    let mut texts: Vec<String> = Vec::new();
    for grant in grants {
        let text = grant_words(grant, reach, permission);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(" / ")
}

fn grant_words(grant: &Grant, replaced: Option<&[Clause]>, permission: &Permission) -> String {
    let words = reach_words(replaced.unwrap_or(&grant.reach), &grant.qualifiers);
    // Membership is not a clause, but it says as much as one: an administrator without it sees
    // nothing, and a plain `yes` would hide that.
    if permission.requires.contains(&Requirement::FaxboxMember) {
        return with_membership(words);
    }
    if words.is_empty() { NO.to_owned() } else { words.join(" + ") }
}

fn reach_words(clauses: &[Clause], by: &Qualifiers) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for clause in clauses {
        let text = match narrowed(clause, by) {
            Some(Clause::Match { comparison, qualifiers }) => {
                clause_words(&comparison, &qualifiers)
            }
            Some(Clause::Visibility) => qualified("visibility", by),
            None => continue,
        };
        if !words.contains(&text) {
            words.push(text);
        }
    }
    words
}

fn with_membership(words: Vec<String>) -> String {
    let member = short(Word::FaxboxMember);
    match words.as_slice() {
        [] => NO.to_owned(),
        [one] if one == YES || one == member => member.to_owned(),
        _ => format!("{member} and {}", words.join(" + ")),
    }
}

fn clause_words(comparison: &Comparison, qualifiers: &Qualifiers) -> String {
    qualified(comparison_word(comparison), qualifiers)
}

/// A word with its qualifiers; `yes` gives way to them: `inbound` says enough.
fn qualified(word: &str, qualifiers: &Qualifiers) -> String {
    let mut words = Vec::new();
    if word != YES {
        words.push(word.to_owned());
    }
    words.extend(qualifiers.direction.map(|direction| direction.as_str().to_owned()));
    if !qualifiers.states.is_empty() {
        words.push(states(&qualifiers.states));
    }
    for except in &qualifiers.except {
        words.push(format!("except {}", except_words(except)));
    }
    if words.is_empty() { word.to_owned() } else { words.join(" ") }
}

fn except_words(except: &Except) -> String {
    let qualifiers = Qualifiers {
        direction: except.direction,
        states: except.states.clone(),
        except: Vec::new(),
    };
    let words = clause_words(&except.comparison, &qualifiers);
    if except.unless_self_approval { format!("{words} unless self-approval") } else { words }
}

fn states(states: &[FaxState]) -> String {
    let words: Vec<_> = states.iter().map(|state| state.as_str()).collect();
    words.join("/")
}

fn comparison_word(comparison: &Comparison) -> &'static str {
    match comparison {
        Comparison::Word(word) => short(*word),
        Comparison::Field(field, set) => {
            general_word(*comparison).map_or_else(|| set_word(field.as_str(), *set), short)
        }
    }
}

/// The word that a general form could have been written as.
fn general_word(comparison: Comparison) -> Option<Word> {
    let compared = comparison.alternatives();
    Word::ALL.iter().map(|(word, _)| *word).find(|word| word.alternatives() == compared)
}

/// What has no word of its own: the field tells who, the set only that they are the person's.
fn set_word(field: &'static str, set: FactSet) -> &'static str {
    match set {
        FactSet::SelfSubject => field,
        _ => FactSet::ALL.iter().find(|(one, _)| *one == set).map_or(field, |(_, word)| word),
    }
}

/// As short as a table wants it.
fn short(word: Word) -> &'static str {
    match word {
        Word::Account => YES,
        Word::FaxboxMember => "member",
        Word::OwnedFaxbox | Word::OwnedGroup => "owned",
        Word::HeldExtension => "ext.own",
        Word::GrantedExtension => "ext.granted",
        other => other.as_str(),
    }
}
