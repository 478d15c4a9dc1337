//! Reach clauses and their qualifiers.

use toml::Spanned;
use toml::de::DeValue;

use super::Context;
use crate::model::qualify::is_everything;
use crate::model::reach::{
    Clause, Comparison, Direction, Except, FactSet, FaxState, MatchField, Qualifiers, Word,
};
use crate::text::{Fields, Item};
use crate::vocabulary::FactName;

const CLAUSE_KEYS: &[&str] = &["field", "in", "direction", "states", "except"];
const EXCEPT_KEYS: &[&str] = &["field", "in", "direction", "states"];

const DIRECTIONS: &[(Direction, &str)] =
    &[(Direction::Inbound, "inbound"), (Direction::Outbound, "outbound")];

/// The facts that a clause compares.
const FIELDS: [MatchField; 9] = [
    FactName::Creator,
    FactName::Participant,
    FactName::Assignee,
    FactName::Faxbox,
    FactName::Number,
    FactName::Extension,
    FactName::Queue,
    FactName::Label,
    FactName::Group,
];

/// What texts called some facts that were taken in before every fact had one name.
const FORMER_FIELDS: [(MatchField, &str); 2] =
    [(FactName::Participant, "participant"), (FactName::Label, "label")];

/// `own`, as an exception that a setting lifts.
const OWN_UNLESS_SELF_APPROVAL: &str = "own_unless_self_approval";

/// Most clauses of one reach, and exceptions of one clause. They are compared with one another.
const MAX_CLAUSES: usize = 100;

/// A clause and where it stands.
pub(super) type PlacedClause = (Clause, usize);

impl<'s, 't> Context<'s, 't, '_> {
    /// The reach of a visibility level: a level that led to itself would have no meaning.
    pub(super) fn level_reach(&self, fields: &Fields<'s, 't>) -> Vec<Clause> {
        if fields.value("reach").is_none() {
            fields.missing("reach");
        }
        let mut reach = Vec::new();
        for (clause, at) in self.clauses(fields, "reach") {
            if clause == Clause::Visibility {
                self.source.error(at, "a visibility level cannot contain `visibility`");
            }
            reach.push(clause);
        }
        reach
    }

    /// The clauses of a list; none if the key is not there.
    pub(super) fn clauses(&self, fields: &Fields<'s, 't>, name: &str) -> Vec<PlacedClause> {
        let clauses = self.limited(fields, name).filter_map(|value| {
            let clause = self.clause(fields, name, value)?;
            Some((clause, value.span().start))
        });
        let mut kept: Vec<PlacedClause> = Vec::new();
        for (clause, at) in clauses {
            if kept.iter().any(|(other, _)| *other == clause) {
                self.source.error(at, format!("this clause stands twice in `{name}`"));
            }
            kept.push((clause, at));
        }
        kept
    }

    /// The values of a list, as many of them as make sense.
    fn limited(
        &self,
        fields: &Fields<'s, 't>,
        name: &str,
    ) -> impl Iterator<Item = &'s Spanned<DeValue<'t>>> + use<'s, 't> {
        let values: &[_] = fields.array(name).map_or(&[], |array| array);
        if values.len() > MAX_CLAUSES {
            let at = fields.key_at(name).unwrap_or(fields.at());
            let problem = format!("at most {MAX_CLAUSES} of `{name}`, not {}", values.len());
            self.source.error(at, problem);
        }
        values.iter().take(MAX_CLAUSES)
    }

    fn clause(
        &self,
        fields: &Fields<'s, 't>,
        name: &str,
        value: &'s Spanned<DeValue<'t>>,
    ) -> Option<Clause> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(word) if word == "visibility" => {
                if self.level.entries.is_empty() {
                    self.source.error(at, "`visibility` needs a `[[visibility]]` level");
                }
                Some(Clause::Visibility)
            }
            DeValue::String(word) => {
                let known = || Word::ALL.iter().map(|(_, word)| *word).chain(["visibility"]);
                self.word(Item { text: word, at }, known).map(Clause::word)
            }
            DeValue::Table(table) => {
                let clause = Fields::new(self.source, table, at, CLAUSE_KEYS);
                let comparison = self.comparison(&clause);
                let qualifiers = self.qualifiers(&clause);
                comparison.map(|comparison| Clause::Match { comparison, qualifiers })
            }
            _ => {
                fields.wrong_type(name, value, "a list of words and tables");
                None
            }
        }
    }

    fn word<'k, I: Iterator<Item = &'k str>>(
        &self,
        item: Item<'_>,
        known: impl FnOnce() -> I,
    ) -> Option<Word> {
        let found = Word::ALL.iter().find(|(_, word)| *word == item.text);
        if found.is_none() {
            self.source.unknown(item.at, "clause", item.text, known());
        }
        found.map(|(word, _)| *word)
    }

    /// `field` and `in` of the general form; without both it means `account`.
    fn comparison(&self, clause: &Fields<'s, 't>) -> Option<Comparison> {
        let field = self.field(clause);
        let set = clause.choice("in", &FactSet::ALL);
        match (clause.value("field"), clause.value("in")) {
            (None, None) => return Some(Comparison::Word(Word::Account)),
            (Some(_), None) => clause.missing("in"),
            (None, Some(_)) => clause.missing("field"),
            (Some(_), Some(value)) => {
                let (field, set) = (field?, set?);
                if !may_contain(set, field) {
                    let problem = format!("this set never contains a `{}`", field.as_str());
                    self.source.error(value.span().start, problem);
                }
                return Some(Comparison::Field(field, set));
            }
        }
        None
    }

    fn field(&self, clause: &Fields<'s, 't>) -> Option<MatchField> {
        let item = clause.item("field")?;
        let former = FORMER_FIELDS.into_iter().find(|(_, word)| *word == item.text);
        let fields = FIELDS.map(|field| (field, field.as_str()));
        match former {
            None => clause.choice("field", &fields),
            Some((field, _)) => {
                self.source.in_new_texts(|| clause.choice("field", &fields));
                Some(field)
            }
        }
    }

    /// `direction`, `states` and `except` of a clause, a grant or a permission.
    pub(super) fn qualifiers(&self, fields: &Fields<'s, 't>) -> Qualifiers {
        let direction = fields.choice("direction", DIRECTIONS);
        let states = self.states(fields);
        let except = self.limited(fields, "except").filter_map(|value| self.except(fields, value));
        let except = except.collect();
        Qualifiers { direction, states, except }
    }

    /// An empty list would read as *no state* and mean *any state*.
    fn states(&self, fields: &Fields<'s, 't>) -> Vec<FaxState> {
        fields.not_empty("states");
        fields.choices("states", &FaxState::ALL)
    }

    fn except(&self, fields: &Fields<'s, 't>, value: &'s Spanned<DeValue<'t>>) -> Option<Except> {
        let at = value.span().start;
        let except = match value.get_ref() {
            DeValue::String(word) => self.except_word(Item { text: word, at })?,
            DeValue::Table(table) => {
                let clause = Fields::new(self.source, table, at, EXCEPT_KEYS);
                let direction = clause.choice("direction", DIRECTIONS);
                let states = self.states(&clause);
                let comparison = self.comparison(&clause)?;
                Except { comparison, direction, states, unless_self_approval: false }
            }
            _ => {
                fields.wrong_type("except", value, "a list of words and tables");
                return None;
            }
        };
        let bare = except.direction.is_none() && except.states.is_empty();
        if bare && is_everything(&except.comparison) {
            self.source.error(at, "this exception takes everything out again");
        }
        Some(except)
    }

    fn except_word(&self, item: Item<'_>) -> Option<Except> {
        let unless_self_approval = item.text == OWN_UNLESS_SELF_APPROVAL;
        let word = if unless_self_approval {
            Word::Own
        } else {
            let known =
                || Word::ALL.iter().map(|(_, word)| *word).chain([OWN_UNLESS_SELF_APPROVAL]);
            self.word(item, known)?
        };
        let comparison = Comparison::Word(word);
        Some(Except { comparison, direction: None, states: Vec::new(), unless_self_approval })
    }
}

/// Whether the ids of a set are ids of what the field holds. The others compare, and never match.
fn may_contain(set: FactSet, field: MatchField) -> bool {
    let fields: &[MatchField] = match set {
        FactSet::SelfSubject
        | FactSet::SelfOrGroups
        | FactSet::Supervised
        | FactSet::Delegators => &[FactName::Creator, FactName::Participant, FactName::Assignee],
        FactSet::Groups => &[FactName::Assignee, FactName::Group],
        FactSet::Faxboxes | FactSet::OwnedFaxboxes => &[FactName::Faxbox],
        FactSet::OwnedGroups => &[FactName::Group, FactName::Assignee],
        FactSet::AccessNumbers | FactSet::AutoAssignNumbers | FactSet::GrantedNumbers => {
            &[FactName::Number]
        }
        FactSet::HeldExtensions | FactSet::GrantedExtensions => &[FactName::Extension],
        FactSet::GrantedQueues => &[FactName::Queue],
        FactSet::Labels => &[FactName::Label],
    };
    fields.contains(&field)
}
