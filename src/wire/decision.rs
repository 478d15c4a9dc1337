//! Decisions on the wire.

use lineguard_core::decision::Decision;
use lineguard_core::id::Revision;

use super::enums::WireEnum;
use super::page::Room;
use super::pb;
use super::status::Failure;

/// What a permission came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginKind {
    /// The product, which gives it to every member whatever their roles.
    Everybody,
    /// A role of the member.
    Role,
    /// A role of a group that the person belongs to.
    GroupRole,
    /// Ownership of a faxbox, a group or an account.
    Overlay,
    /// An override of the member.
    Override,
}

impl OriginKind {
    const fn to_wire(self) -> pb::OriginKind {
        match self {
            Self::Everybody => pb::OriginKind::Everybody,
            Self::Role => pb::OriginKind::Role,
            Self::GroupRole => pb::OriginKind::GroupRole,
            Self::Overlay => pb::OriginKind::Overlay,
            Self::Override => pb::OriginKind::Override,
        }
    }
}

/// A decision in words. The indexes of a [`Decision`] mean something only beside the authority and
/// the model that it was made with; this is what they stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explained {
    /// One sentence; discloses nothing that the person may not see.
    pub text: String,
    /// Key and title of the permission concerned.
    pub permission: Option<(String, String)>,
    /// What the permission came from, or what took it away: kind, key, title.
    pub origin: Option<(OriginKind, String, String)>,
    /// The clause that matched or was missing, as a model writes it.
    pub clause: Option<String>,
    /// Word of the requirement that does not hold.
    pub requirement: Option<String>,
}

/// A decision on the wire.
pub fn decision_to_wire(
    decision: &Decision,
    explained: Explained,
    revision: Revision,
) -> pb::Decision {
    let Explained { text, permission, origin, clause, requirement } = explained;
    pb::Decision {
        effect: decision.effect.to_wire(),
        reason: decision.reason.to_wire(),
        explanation: text,
        permission: permission.map(|(key, title)| pb::PermissionName { key, title }),
        origin: origin.map(|(kind, key, title)| origin_to_wire(kind, key, title)),
        clause: clause.unwrap_or_default(),
        requirement: requirement.unwrap_or_default(),
        obligations: decision.obligations.iter().map(WireEnum::to_wire).collect(),
        revision: revision.0,
        staleness: None,
    }
}

/// An origin on the wire.
pub fn origin_to_wire(kind: OriginKind, key: String, title: String) -> pb::Origin {
    pb::Origin { kind: kind.to_wire().into(), key, title }
}

/// The answer to `Check`.
pub fn check_response(decision: pb::Decision) -> pb::CheckResponse {
    pb::CheckResponse { decision: Some(decision) }
}

/// The answer to `BatchCheck`, in the order of the questions.
pub fn batch_check_response(
    results: impl IntoIterator<Item = Result<pb::Decision, Failure>>,
) -> pb::BatchCheckResponse {
    let mut room = Room::WHOLE;
    let mut result = |result| match result {
        Ok(decision) => pb::check_result::Result::Decision(decision),
        Err(failure) => pb::check_result::Result::Error(room.error(failure)),
    };
    let results =
        results.into_iter().map(|item| pb::CheckResult { result: Some(result(item)) }).collect();
    pb::BatchCheckResponse { results }
}

#[cfg(test)]
mod tests {
    use lineguard_core::decision::{Effect, Extent, Obligations, Reason};
    use lineguard_core::model::Obligation;

    use super::*;

    #[test]
    fn a_decision_keeps_everything() {
        let mut obligations = Obligations::default();
        obligations.insert(Obligation::Approval);
        let decision = Decision {
            effect: Effect::Allow,
            reason: Reason::Granted,
            permission: None,
            origin: None,
            clause: None,
            extent: Extent::default(),
            requirement: None,
            because: None,
            obligations,
        };
        let explained = Explained {
            text: "granted".into(),
            permission: Some(("fax.send".into(), "Send".into())),
            origin: Some((OriginKind::Role, "admin".into(), "Administrator".into())),
            clause: Some("account".into()),
            requirement: None,
        };
        let wire = decision_to_wire(&decision, explained, Revision(7));
        assert_eq!(wire.effect(), pb::Effect::Allow);
        assert_eq!(wire.reason(), pb::Reason::Granted);
        assert_eq!(wire.obligations, [i32::from(pb::Obligation::Approval)]);
        assert_eq!(wire.origin.unwrap().kind(), pb::OriginKind::Role);
        assert_eq!(wire.revision, 7);
    }

    #[test]
    fn the_zero_values_of_the_wire_are_not_an_allow() {
        assert_ne!(pb::Decision::default().effect(), pb::Effect::Allow);
    }

    #[test]
    fn a_batch_answers_in_order_with_errors_in_their_place() {
        let results = [Ok(pb::Decision::default()), Err(Failure::Overloaded)];
        let response = batch_check_response(results);
        assert!(matches!(response.results[0].result, Some(pb::check_result::Result::Decision(_))));
        assert!(matches!(response.results[1].result, Some(pb::check_result::Result::Error(_))));
    }
}
