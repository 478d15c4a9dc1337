//! Decisions on the wire, in the product's words.

use std::time::Duration;

use lineguard_core::decision::{Decision, Reason};
use lineguard_core::engine::{Authority, Origin, OriginKind, emergency_call, not_a_member};
use lineguard_core::explain::explain;
use lineguard_core::id::Revision;
use lineguard_core::model::Model;

use crate::gather::Member;
use crate::wire::consistency::duration_to_wire;
use crate::wire::decision::{self, Explained, decision_to_wire};
use crate::wire::pb;

/// A decision about a member.
pub(super) fn decided(member: &Member, decision: &Decision) -> pb::Decision {
    let explained = explained(&member.model, member.authority.as_deref(), decision);
    let revision = tellable(decision.reason, member.revision());
    decision_to_wire(decision, explained, revision)
}

/// The revision that an answer may carry: none for somebody who is no member, so that an existing
/// tenant answers them as one that does not exist (rulings R41).
pub(super) const fn tellable(reason: Reason, revision: Revision) -> Revision {
    match reason {
        Reason::NotAMemberOfActingAccount => Revision(0),
        _ => revision,
    }
}

/// The same for a decision that is on the wire already.
pub(super) fn stamped(
    decision: pb::Decision,
    revision: Revision,
    staleness: Option<Duration>,
) -> pb::Decision {
    if decision.reason() == pb::Reason::NotAMemberOfActingAccount {
        return pb::Decision { revision: 0, staleness: None, ..decision };
    }
    pb::Decision { revision: revision.0, staleness: staleness.map(duration_to_wire), ..decision }
}

/// The decision where tenant or account do not exist: the same as for somebody who is no member.
pub(super) fn no_member() -> pb::Decision {
    let text = "The person is not a member of this account.".to_owned();
    decision_to_wire(&not_a_member(), Explained { text, ..Explained::default() }, Revision(0))
}

/// The decision about an emergency call, of no state of anything.
pub(super) fn emergency() -> pb::Decision {
    let text = "A call to emergency services depends on no permission.".to_owned();
    decision_to_wire(&emergency_call(), Explained { text, ..Explained::default() }, Revision(0))
}

fn explained(model: &Model, authority: Option<&Authority>, decision: &Decision) -> Explained {
    let told = explain(model, authority, decision);
    Explained {
        text: told.text,
        permission: told
            .permission
            .map(|permission| (permission.key.to_string(), permission.title.to_string())),
        origin: told.origin.map(origin),
        clause: told.clause,
        requirement: told.requirement.map(|requirement| requirement.as_str().to_owned()),
    }
}

/// An origin as the wire names it.
pub(super) fn origin(origin: &Origin) -> (decision::OriginKind, String, String) {
    let kind = match origin.kind {
        OriginKind::Everybody => decision::OriginKind::Everybody,
        OriginKind::Role => decision::OriginKind::Role,
        OriginKind::GroupRole => decision::OriginKind::GroupRole,
        OriginKind::Overlay => decision::OriginKind::Overlay,
        OriginKind::Override => decision::OriginKind::Override,
    };
    (kind, origin.key.to_string(), origin.title.to_string())
}
