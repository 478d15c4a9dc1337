//! `ResolveCallerId`.

use lineguard_core::id::{AccountId, PhoneNumber, Revision, Subject, TenantId};
use lineguard_core::model::Channel;
use lineguard_core::vocabulary::SendChannel;

use super::check::{Circumstances, read_context};
use super::consistency::{self, Consistency};
use super::enums;
use super::field::Field;
use super::invalid::{Faults, InvalidRequest};
use super::pb;

/// A request of `ResolveCallerId`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The acting account.
    pub account: AccountId,
    /// Who wants to present a number.
    pub subject: Subject,
    /// What the number is to be used for.
    pub used_for: SendChannel,
    /// What was asked for.
    pub requested: Requested,
    /// The channel the person works through, where known.
    pub channel: Option<Channel>,
    /// Whether the recipient is verified, where known.
    pub recipient_verified: Option<bool>,
    /// Who holds the editing lock.
    pub locked_by: Option<Subject>,
    /// How recent the state must be.
    pub consistency: Consistency,
}

/// What a person asks to present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// Nothing.
    Unspecified,
    /// This number.
    Number(PhoneNumber),
    /// No number.
    Anonymous,
}

/// Reads a request of `ResolveCallerId`.
pub fn caller_id_call(message: pb::ResolveCallerIdRequest) -> Result<CallerIdCall, InvalidRequest> {
    use pb::resolve_caller_id_request::Requested as Wire;

    Faults::collect(|faults, at| {
        let pb::ResolveCallerIdRequest {
            tenant,
            subject,
            account,
            used_for,
            requested,
            context,
            consistency,
        } = message;
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let subject = Field::read(faults, &at.field("subject"), subject);
        let account = Field::read(faults, &at.field("account"), account);
        let used_for = enums::required(faults, &at.field("used_for"), used_for);
        let requested = match requested {
            None => Some(Requested::Unspecified),
            Some(Wire::Number(number)) => {
                Field::read(faults, &at.field("number"), number).map(Requested::Number)
            }
            Some(Wire::Anonymous(true)) => Some(Requested::Anonymous),
            Some(Wire::Anonymous(false)) => {
                faults.add(&at.field("anonymous"), "must be true where it is set")
            }
        };
        let context = read_context(faults, &at.field("context"), context);
        let consistency = consistency::read(faults, &at.field("consistency"), consistency);
        let Circumstances { channel, recipient_verified, locked_by } = context?;
        Some(CallerIdCall {
            tenant: tenant?,
            account: account?,
            subject: subject?,
            used_for: used_for?,
            requested: requested?,
            channel,
            recipient_verified,
            locked_by,
            consistency: consistency?,
        })
    })
}

/// What is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// This number.
    Number(PhoneNumber),
    /// No number, as asked for.
    Anonymous,
    /// Nobody refused anything, but there is no number.
    None,
    /// What was asked for may not be used.
    Denied,
}

/// The answer to `ResolveCallerId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdAnswer {
    /// What is presented.
    pub presented: Presented,
    /// Why, as a stable code in upper snake case.
    pub reason: &'static str,
    /// The same in words.
    pub explanation: String,
    /// Every number that was looked at.
    pub candidates: Vec<Candidate>,
    /// Whether the person may hide the number.
    pub may_be_anonymous: bool,
    /// Whether an external call may be placed with no number to present.
    pub may_call_without_number: bool,
    /// The revision.
    pub revision: Revision,
}

/// A number that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The number.
    pub number: PhoneNumber,
    /// Whether it is the one presented.
    pub chosen: bool,
    /// Whether the person may choose it.
    pub selectable: bool,
    /// Why it won or lost, as a stable code in upper snake case.
    pub reason: &'static str,
    /// The same in words.
    pub explanation: String,
}

/// The answer to `ResolveCallerId` on the wire. The set to choose from is the selectable
/// candidates, so the two can never disagree.
pub fn caller_id_response(answer: CallerIdAnswer) -> pb::ResolveCallerIdResponse {
    let CallerIdAnswer {
        presented,
        reason,
        explanation,
        candidates,
        may_be_anonymous,
        may_call_without_number,
        revision,
    } = answer;
    let (outcome, number) = match presented {
        Presented::Number(number) => (pb::CallerIdOutcome::Number, number.to_wire()),
        Presented::Anonymous => (pb::CallerIdOutcome::Anonymous, String::new()),
        Presented::None => (pb::CallerIdOutcome::None, String::new()),
        Presented::Denied => (pb::CallerIdOutcome::Denied, String::new()),
    };
    let selectable = candidates.iter().filter(|candidate| candidate.selectable);
    pb::ResolveCallerIdResponse {
        outcome: outcome.into(),
        number,
        reason: reason.to_owned(),
        explanation,
        selectable: selectable.map(|candidate| candidate.number.to_wire()).collect(),
        candidates: candidates.into_iter().map(candidate_to_wire).collect(),
        may_be_anonymous,
        may_call_without_number,
        revision: revision.0,
        staleness: None,
    }
}

fn candidate_to_wire(candidate: Candidate) -> pb::CallerIdCandidate {
    let Candidate { number, chosen, selectable, reason, explanation } = candidate;
    let number = number.to_wire();
    pb::CallerIdCandidate { number, chosen, selectable, reason: reason.to_owned(), explanation }
}

#[cfg(test)]
mod tests {
    use pb::resolve_caller_id_request::Requested as Wire;

    use super::*;

    fn request(requested: Option<Wire>) -> pb::ResolveCallerIdRequest {
        pb::ResolveCallerIdRequest {
            tenant: "acme".into(),
            subject: Some(pb::Subject { r#type: "user".into(), id: "alice".into() }),
            account: "home".into(),
            used_for: pb::SendChannel::Call.into(),
            requested,
            context: None,
            consistency: None,
        }
    }

    #[test]
    fn a_number_anonymity_and_nothing_are_three_questions() {
        let requested = |wire| caller_id_call(request(wire)).unwrap().requested;
        let number = PhoneNumber::parse("+15550100").unwrap();
        assert_eq!(requested(Some(Wire::Number("+15550100".into()))), Requested::Number(number));
        assert_eq!(requested(Some(Wire::Anonymous(true))), Requested::Anonymous);
        assert_eq!(requested(None), Requested::Unspecified);
    }

    #[test]
    fn anonymous_may_not_be_asked_for_with_false() {
        let error = caller_id_call(request(Some(Wire::Anonymous(false)))).unwrap_err();
        assert_eq!(error.to_string(), "`anonymous` must be true where it is set");
    }

    #[test]
    fn what_the_number_is_for_must_be_said() {
        let message = pb::ResolveCallerIdRequest { used_for: 0, ..request(None) };
        assert_eq!(caller_id_call(message).unwrap_err().to_string(), "`used_for` is required");
    }

    #[test]
    fn the_set_to_choose_from_is_the_selectable_candidates() {
        let candidate = |number, selectable| Candidate {
            number: PhoneNumber::parse(number).unwrap(),
            chosen: false,
            selectable,
            reason: "NOT_ASKED_FOR",
            explanation: String::new(),
        };
        let response = caller_id_response(CallerIdAnswer {
            presented: Presented::None,
            reason: "NO_DEFAULT",
            explanation: String::new(),
            candidates: vec![candidate("+15550100", true), candidate("+15550101", false)],
            may_be_anonymous: false,
            may_call_without_number: false,
            revision: Revision(1),
        });
        assert_eq!(response.outcome(), pb::CallerIdOutcome::None);
        assert_eq!(response.selectable, ["+15550100"]);
        assert_eq!(response.number, "");
    }
}
