//! `ResolveAutoAssign`.

use lineguard_core::decision::Reason;
use lineguard_core::id::{AccountId, FaxboxId, GroupId, PhoneNumber, Revision, Subject, TenantId};

use super::consistency::{self, Consistency};
use super::enums::WireEnum;
use super::field::Field;
use super::invalid::{Faults, InvalidRequest};
use super::{id, pb};

/// A request of `ResolveAutoAssign`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoAssignCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The number that the fax arrived on.
    pub number: PhoneNumber,
    /// How recent the state must be.
    pub consistency: Consistency,
}

/// Reads a request of `ResolveAutoAssign`.
pub fn auto_assign_call(
    message: pb::ResolveAutoAssignRequest,
) -> Result<AutoAssignCall, InvalidRequest> {
    let pb::ResolveAutoAssignRequest { tenant, number, consistency } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let number = Field::read(faults, &at.field("number"), number);
        let consistency = consistency::read(faults, &at.field("consistency"), consistency);
        Some(AutoAssignCall { tenant: tenant?, number: number?, consistency: consistency? })
    })
}

/// What can receive a fax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AutoAssignTarget {
    /// A user.
    User(Subject),
    /// A group.
    Group(GroupId),
    /// A faxbox.
    Faxbox(FaxboxId),
}

/// The answer to `ResolveAutoAssign`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoAssignAnswer {
    /// Who receives the fax; for each why they cannot open it, with words, unless they can.
    pub recipients: Vec<(AutoAssignTarget, Option<(Reason, String)>)>,
    /// Who was passed over: why as a code, and in words.
    pub skipped: Vec<(AutoAssignTarget, &'static str, String)>,
    /// Whether the model's fallback was used.
    pub fallback_used: bool,
    /// The account of the number.
    pub account: AccountId,
    /// The revision.
    pub revision: Revision,
}

/// The answer to `ResolveAutoAssign` on the wire.
pub fn auto_assign_response(answer: AutoAssignAnswer) -> pb::ResolveAutoAssignResponse {
    let AutoAssignAnswer { recipients, skipped, fallback_used, account, revision } = answer;
    let recipient = |(target, hidden): (AutoAssignTarget, Option<(Reason, String)>)| {
        let visible_to_target = hidden.is_none();
        let (reason, explanation) =
            hidden.map_or((0, String::new()), |(reason, text)| (reason.to_wire(), text));
        let target = Some(target_to_wire(&target));
        pb::AutoAssignRecipient { target, visible_to_target, reason, explanation }
    };
    let skip = |(target, reason, explanation): (AutoAssignTarget, &str, String)| {
        let target = Some(target_to_wire(&target));
        pb::AutoAssignSkipped { target, reason: reason.to_owned(), explanation }
    };
    pb::ResolveAutoAssignResponse {
        recipients: recipients.into_iter().map(recipient).collect(),
        skipped: skipped.into_iter().map(skip).collect(),
        fallback_used,
        account: account.to_wire(),
        revision: revision.0,
        staleness: None,
    }
}

fn target_to_wire(target: &AutoAssignTarget) -> pb::AutoAssignTarget {
    use pb::auto_assign_target::Kind;

    let kind = match target {
        AutoAssignTarget::User(user) => Kind::User(id::subject_to_wire(user)),
        AutoAssignTarget::Group(group) => Kind::Group(group.to_wire()),
        AutoAssignTarget::Faxbox(faxbox) => Kind::Faxbox(faxbox.to_wire()),
    };
    pb::AutoAssignTarget { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_must_be_in_e164_form() {
        let message = pb::ResolveAutoAssignRequest {
            tenant: "acme".into(),
            number: "5550100".into(),
            consistency: None,
        };
        assert!(auto_assign_call(message).unwrap_err().to_string().contains("E.164"));
    }

    #[test]
    fn a_recipient_without_a_hindrance_sees_the_fax() {
        let target = AutoAssignTarget::Group(GroupId::parse("sales").unwrap());
        let response = auto_assign_response(AutoAssignAnswer {
            recipients: vec![
                (target.clone(), None),
                (target, Some((Reason::OutOfReach, "out of reach".into()))),
            ],
            skipped: vec![],
            fallback_used: false,
            account: AccountId::parse("home").unwrap(),
            revision: Revision(1),
        });
        assert!(response.recipients[0].visible_to_target);
        assert!(!response.recipients[1].visible_to_target);
        assert_eq!(response.recipients[1].reason(), pb::Reason::OutOfReach);
    }
}
