//! `GetVisibility`: reach as a filter that other services apply to rows of their own.

use lineguard_core::id::{AccountId, Revision, Subject, TenantId};
use lineguard_core::model::Channel;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::vocabulary::{Action, FactName, Vocabulary};

use super::check::read_action;
use super::consistency::{self, Consistency};
use super::enums::{self, WireEnum};
use super::field::Field;
use super::invalid::{Faults, InvalidRequest};
use super::pb;

/// A request of `GetVisibility`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The acting account.
    pub account: AccountId,
    /// Who wants to see.
    pub subject: Subject,
    /// What is to be done with the rows.
    pub action: Action,
    /// The channel the person works through, where known.
    pub channel: Option<Channel>,
    /// How recent the state must be.
    pub consistency: Consistency,
}

/// Reads a request of `GetVisibility`.
pub fn visibility_call(
    message: pb::GetVisibilityRequest,
    vocabulary: &Vocabulary,
) -> Result<VisibilityCall, InvalidRequest> {
    let pb::GetVisibilityRequest { tenant, subject, account, action, channel, consistency } =
        message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let subject = Field::read(faults, &at.field("subject"), subject);
        let account = Field::read(faults, &at.field("account"), account);
        let action = read_action(faults, &at.field("action"), action, vocabulary);
        let channel = enums::optional(faults, &at.field("channel"), channel);
        let consistency = consistency::read(faults, &at.field("consistency"), consistency);
        Some(VisibilityCall {
            tenant: tenant?,
            account: account?,
            subject: subject?,
            action: action?,
            channel: channel?,
            consistency: consistency?,
        })
    })
}

/// Rows that one clause covers; everything must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Accounts of which the row must be in one.
    pub accounts: Vec<AccountId>,
    /// What must hold besides.
    pub conditions: Conditions,
    /// Rows that are taken out again.
    pub except: Vec<Conditions>,
}

/// Conditions on a row; all must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Fields that must have one of some values.
    pub fields: Vec<(FactName, Values)>,
    /// The direction, where it matters.
    pub direction: Option<Direction>,
    /// The states, where they matter; empty means any.
    pub states: Vec<FaxState>,
}

/// Values that a field may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Any, but there must be one.
    All,
    /// One of these, as external identifiers. Subjects are qualified (`user:alice`), and so are
    /// groups as assignees (`group:sales`).
    These(Vec<String>),
}

/// The answer to `GetVisibility` on the wire. `decision` allows if there are terms, and says why
/// if there are none.
pub fn visibility_response(
    terms: Vec<Term>,
    decision: pb::Decision,
    revision: Revision,
) -> pb::GetVisibilityResponse {
    pb::GetVisibilityResponse {
        terms: terms.into_iter().map(term_to_wire).collect(),
        decision: Some(decision),
        revision: revision.0,
    }
}

fn term_to_wire(term: Term) -> pb::VisibilityTerm {
    let Term { accounts, conditions, except } = term;
    let Conditions { fields, direction, states } = conditions;
    let except_to_wire = |conditions| {
        let Conditions { fields, direction, states } = conditions;
        pb::VisibilityExcept {
            conditions: fields.into_iter().map(condition_to_wire).collect(),
            direction: enums::optional_to_wire(direction),
            states: states.into_iter().map(WireEnum::to_wire).collect(),
        }
    };
    pb::VisibilityTerm {
        accounts: accounts.to_wire(),
        conditions: fields.into_iter().map(condition_to_wire).collect(),
        direction: enums::optional_to_wire(direction),
        states: states.into_iter().map(WireEnum::to_wire).collect(),
        except: except.into_iter().map(except_to_wire).collect(),
    }
}

fn condition_to_wire((field, values): (FactName, Values)) -> pb::VisibilityCondition {
    let (values, all) = match values {
        Values::All => (Vec::new(), true),
        Values::These(values) => (values, false),
    };
    // One foreign attachment is one too many; of every other set one common value is enough.
    let every = field == FactName::Source && !all;
    pb::VisibilityCondition { field: field.as_str().to_owned(), values, all, every }
}

#[cfg(test)]
mod tests {
    use lineguard_core::model::built_in_vocabulary;

    use super::*;

    #[test]
    fn an_unknown_action_is_a_fault_with_a_suggestion() {
        let message = pb::GetVisibilityRequest {
            tenant: "acme".into(),
            subject: Some(pb::Subject { r#type: "user".into(), id: "alice".into() }),
            account: "home".into(),
            action: Some(pb::Action { name: "call.veiw".into() }),
            channel: 0,
            consistency: None,
        };
        assert_eq!(
            visibility_call(message, built_in_vocabulary()).unwrap_err().to_string(),
            "`action.name` unknown action `call.veiw`, did you mean `call.view`?"
        );
    }

    #[test]
    fn a_term_keeps_its_conditions_and_exceptions() {
        let term = Term {
            accounts: vec![AccountId::parse("home").unwrap()],
            conditions: Conditions {
                fields: vec![
                    (FactName::Queue, Values::All),
                    (FactName::Participant, Values::These(vec!["user:alice".into()])),
                ],
                direction: Some(Direction::Inbound),
                states: vec![],
            },
            except: vec![Conditions { states: vec![FaxState::Trash], ..Conditions::default() }],
        };
        let response = visibility_response(vec![term], pb::Decision::default(), Revision(3));
        let term = &response.terms[0];
        assert!(term.conditions[0].all && term.conditions[0].values.is_empty());
        assert_eq!(term.conditions[1].field, "participants");
        assert_eq!(term.conditions[1].values, ["user:alice"]);
        assert_eq!(term.direction(), pb::Direction::Inbound);
        assert_eq!(term.except[0].states, [i32::from(pb::FaxState::Trash)]);
    }
}
