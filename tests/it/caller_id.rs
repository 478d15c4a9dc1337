//! Questions about the number to present, and about who receives what comes in on one.

use lineguard::wire::pb::resolve_caller_id_request::Requested;
use lineguard::wire::pb::{self, CallerIdOutcome, auto_assign_target};

use crate::ask::user;
use crate::harness::Harness;

/// A question to `ResolveCallerId`.
#[derive(Debug, Clone)]
pub struct CallerId(pb::ResolveCallerIdRequest);

/// Asks what user `who` presents when they call from `account` of tenant `t1`.
pub fn caller_id(who: &str, account: &str) -> CallerId {
    CallerId(pb::ResolveCallerIdRequest {
        tenant: "t1".into(),
        subject: Some(user(who)),
        account: account.into(),
        used_for: pb::SendChannel::Call.into(),
        requested: None,
        context: None,
        consistency: None,
    })
}

impl CallerId {
    /// Where the person asks for this number.
    pub fn number(mut self, number: &str) -> Self {
        self.0.requested = Some(Requested::Number(number.into()));
        self
    }

    /// Where the person asks to hide the number.
    pub fn anonymous(mut self) -> Self {
        self.0.requested = Some(Requested::Anonymous(true));
        self
    }

    /// For a fax, a message or a call.
    pub fn used_for(mut self, channel: pb::SendChannel) -> Self {
        self.0.used_for = channel.into();
        self
    }

    /// Through this channel.
    pub fn through(mut self, channel: pb::Channel) -> Self {
        self.0.context = Some(pb::Context { channel: channel.into(), ..Default::default() });
        self
    }

    /// Asks.
    pub async fn send(self, harness: &Harness) -> Presented {
        Presented(harness.client().resolve_caller_id(self.0).await.unwrap().into_inner())
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Presented(pub pb::ResolveCallerIdResponse);

impl Presented {
    /// Fails unless it is this number, for this reason.
    #[track_caller]
    pub fn is(&self, number: &str, reason: &str) -> &pb::ResolveCallerIdResponse {
        self.outcome(CallerIdOutcome::Number, reason);
        assert_eq!(self.0.number, number);
        let chosen: Vec<_> = self.0.candidates.iter().filter(|one| one.chosen).collect();
        assert_eq!(chosen.len(), 1, "{chosen:?}");
        assert_eq!(chosen[0].number, number);
        &self.0
    }

    /// Fails unless no number is presented, as asked for.
    #[track_caller]
    pub fn is_anonymous(&self) -> &pb::ResolveCallerIdResponse {
        self.outcome(CallerIdOutcome::Anonymous, "REQUESTED")
    }

    /// Fails unless there is no number to present, for this reason.
    #[track_caller]
    pub fn is_none(&self, reason: &str) -> &pb::ResolveCallerIdResponse {
        self.outcome(CallerIdOutcome::None, reason)
    }

    /// Fails unless what was asked for is denied, for this reason.
    #[track_caller]
    pub fn denies(&self, reason: &str) -> &pb::ResolveCallerIdResponse {
        self.outcome(CallerIdOutcome::Denied, reason)
    }

    #[track_caller]
    fn outcome(&self, outcome: CallerIdOutcome, reason: &str) -> &pb::ResolveCallerIdResponse {
        assert_eq!((self.0.outcome(), self.0.reason.as_str()), (outcome, reason), "{:?}", self.0);
        if outcome != CallerIdOutcome::Number {
            assert_eq!(self.0.number, "");
            assert!(self.0.candidates.iter().all(|one| !one.chosen));
        }
        &self.0
    }
}

impl Harness {
    /// Who receives a fax that arrives on a number of `t1`.
    pub async fn receiver_of(&self, number: &str) -> pb::ResolveAutoAssignResponse {
        let request = pb::ResolveAutoAssignRequest {
            tenant: "t1".into(),
            number: number.to_owned(),
            consistency: None,
        };
        self.client().resolve_auto_assign(request).await.unwrap().into_inner()
    }

    /// Ids of the faxes that a user sees from an account of `t1`, newest first.
    pub async fn visible(&self, who: &str, account: &str) -> Vec<String> {
        self.visible_faxes(who, account).await.into_iter().map(|fax| fax.fax).collect()
    }

    /// The faxes that a user sees from an account of `t1`, newest first.
    pub async fn visible_faxes(&self, who: &str, account: &str) -> Vec<pb::Fax> {
        let request = pb::ListVisibleFaxesRequest {
            tenant: "t1".into(),
            subject: Some(user(who)),
            account: account.into(),
            page_size: 1_000,
            ..Default::default()
        };
        let page = self.client().list_visible_faxes(request).await.unwrap().into_inner();
        assert_eq!(page.next_page_token, "", "a world of a test fits on one page");
        page.faxes
    }
}

/// A user as the target of auto-assign.
pub fn to_user(id: &str) -> pb::AutoAssignTarget {
    pb::AutoAssignTarget { kind: Some(auto_assign_target::Kind::User(user(id))) }
}

/// A group as the target of auto-assign.
pub fn to_group(id: &str) -> pb::AutoAssignTarget {
    pb::AutoAssignTarget { kind: Some(auto_assign_target::Kind::Group(id.into())) }
}

/// A faxbox as the target of auto-assign.
pub fn to_faxbox(id: &str) -> pb::AutoAssignTarget {
    pb::AutoAssignTarget { kind: Some(auto_assign_target::Kind::Faxbox(id.into())) }
}
