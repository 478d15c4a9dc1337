//! What clauses and requirements cover and ask for, in words.

use crate::model::Requirement;
use crate::model::reach::{Comparison, FactSet, Word};

/// What a comparison covers.
pub(super) fn covers(comparison: &Comparison) -> &'static str {
    match comparison {
        Comparison::Word(word) => match word {
            Word::Account => "everything in the account",
            Word::Own => "the person's own",
            Word::Assigned => "what is assigned to the person or their groups",
            Word::FaxboxMember => "what lies in faxboxes the person belongs to",
            Word::OwnedFaxbox => "faxboxes the person owns",
            Word::OwnedGroup => "groups the person owns",
            Word::AccessNumber => "the person's access numbers",
            Word::AutoAssignNumber => "the person's auto-assign numbers",
            Word::GrantedNumber => "numbers granted to the person",
            Word::HeldExtension => "the person's own extension",
            Word::GrantedExtension => "extensions granted to the person",
            Word::GrantedQueue => "queues granted to the person",
            Word::Label => "what carries one of the person's labels",
            Word::Supervised => "what members of the person's own groups have",
            Word::Delegated => "what belongs to those who delegated to the person",
        },
        Comparison::Field(_, set) => match set {
            FactSet::SelfSubject => "the person's own",
            FactSet::Groups | FactSet::SelfOrGroups => "what belongs to the person or their groups",
            FactSet::Supervised => "what members of the person's own groups have",
            FactSet::Delegators => "what belongs to those who delegated to the person",
            FactSet::Faxboxes => "what lies in faxboxes the person belongs to",
            FactSet::OwnedFaxboxes => "faxboxes the person owns",
            FactSet::OwnedGroups => "groups the person owns",
            FactSet::AccessNumbers => "the person's access numbers",
            FactSet::AutoAssignNumbers => "the person's auto-assign numbers",
            FactSet::GrantedNumbers => "numbers granted to the person",
            FactSet::HeldExtensions => "the person's own extension",
            FactSet::GrantedExtensions => "extensions granted to the person",
            FactSet::GrantedQueues => "queues granted to the person",
            FactSet::Labels => "what carries one of the person's labels",
        },
    }
}

/// What a requirement asks for.
pub(super) const fn requirement_words(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::FaxboxMember => "membership of the faxbox",
        Requirement::TargetFaxboxMember => "membership of the faxbox it goes to",
        Requirement::Extension => "an extension of the person's own",
        Requirement::CoverPageOfFaxbox => "the cover page to belong to the fax's faxbox",
    }
}
