//! Questions in the words of a test, and answers that say why.

use lineguard::wire::pb;

use crate::harness::Harness;

/// A question to `Check`.
#[derive(Debug, Clone)]
pub struct Ask(pb::CheckRequest);

/// Asks whether user `who` may do `action` from `account` of tenant `t1`. The resource is a new one
/// of the action's type until [`Ask::on`] names one.
pub fn ask(who: &str, account: &str, action: &str) -> Ask {
    let vocabulary = lineguard_core::model::built_in_vocabulary();
    let known = vocabulary.action(action).unwrap_or_else(|| panic!("no action `{action}`"));
    let ty = vocabulary.resource(vocabulary.def(known).unwrap().resource).unwrap();
    Ask(pb::CheckRequest {
        tenant: "t1".into(),
        subject: Some(user(who)),
        account: account.into(),
        action: Some(pb::Action { name: action.into() }),
        resource: Some(pb::Resource { r#type: ty.name.to_string(), id: None, properties: None }),
        target: None,
        context: None,
        consistency: None,
    })
}

/// A service on the wire.
pub fn service(id: &str) -> pb::Subject {
    pb::Subject { r#type: "service".into(), id: id.into() }
}

/// A user on the wire.
pub fn user(id: &str) -> pb::Subject {
    pb::Subject { r#type: "user".into(), id: id.into() }
}

impl Ask {
    /// About this very resource.
    pub fn on(mut self, id: &str) -> Self {
        self.resource().id = Some(id.into());
        self
    }

    /// In this tenant.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.0.tenant = tenant.into();
        self
    }

    /// With facts about the resource.
    pub fn facts(mut self, set: impl FnOnce(&mut pb::Facts)) -> Self {
        set(self.resource().properties.get_or_insert_default());
        self
    }

    /// With a target.
    pub fn target(mut self, ty: &str, id: Option<&str>, set: impl FnOnce(&mut pb::Facts)) -> Self {
        let mut facts = pb::Facts::default();
        set(&mut facts);
        self.0.target = Some(pb::Resource {
            r#type: ty.into(),
            id: id.map(Into::into),
            properties: Some(facts),
        });
        self
    }

    /// In these circumstances.
    pub fn context(mut self, set: impl FnOnce(&mut pb::Context)) -> Self {
        set(self.0.context.get_or_insert_default());
        self
    }

    /// The message.
    pub fn message(self) -> pb::CheckRequest {
        self.0
    }

    /// Asks.
    pub async fn send(self, harness: &Harness) -> Answer {
        let first = Answer::of(harness.client().check(self.0.clone()).await);
        let Some(plain) = harness.plainly(self.0.clone()).await else { return first };
        // Cold, warm, and never cached: three times the same.
        let again = Answer::of(harness.client().check(self.0).await);
        let plain = Answer::of(plain.map(tonic::Response::new));
        for other in [again, plain] {
            assert_eq!(first.told(), other.told(), "a cache changes the answer");
        }
        first
    }

    fn resource(&mut self) -> &mut pb::Resource {
        self.0.resource.as_mut().unwrap()
    }
}

/// The answer to a question.
#[derive(Debug)]
pub enum Answer {
    /// A decision.
    Decision(Box<pb::Decision>),
    /// No answer.
    Error(tonic::Status),
}

impl Answer {
    fn of(answer: Result<tonic::Response<pb::CheckResponse>, tonic::Status>) -> Self {
        match answer {
            Ok(response) => Self::Decision(Box::new(response.into_inner().decision.unwrap())),
            Err(status) => Self::Error(status),
        }
    }

    /// All that it says.
    fn told(&self) -> Result<&pb::Decision, (tonic::Code, &str)> {
        match self {
            Self::Decision(decision) => Ok(decision),
            Self::Error(status) => Err((status.code(), status.message())),
        }
    }

    /// Fails unless it is an allow by this permission.
    #[track_caller]
    pub fn allows_by(&self, permission: &str) -> &pb::Decision {
        let decision = self.allows();
        let by = decision.permission.as_ref().map_or("", |permission| &permission.key);
        assert_eq!(by, permission, "allowed, but: {}", decision.explanation);
        decision
    }

    /// Fails unless it is an allow.
    #[track_caller]
    pub fn allows(&self) -> &pb::Decision {
        match self {
            Self::Decision(decision) if decision.effect() == pb::Effect::Allow => decision,
            other => panic!("expected an allow, came {other:?}"),
        }
    }

    /// Fails unless it is a deny for this reason.
    #[track_caller]
    pub fn denies(&self, reason: pb::Reason) -> &pb::Decision {
        match self {
            Self::Decision(decision) if decision.effect() == pb::Effect::Deny => {
                assert_eq!(decision.reason(), reason, "denied, but: {}", decision.explanation);
                decision
            }
            other => panic!("expected a deny ({reason:?}), came {other:?}"),
        }
    }

    /// Fails unless it is a deny for this reason that names this permission.
    #[track_caller]
    pub fn denies_by(&self, reason: pb::Reason, permission: &str) -> &pb::Decision {
        let decision = self.denies(reason);
        let by = decision.permission.as_ref().map_or("", |permission| &permission.key);
        assert_eq!(by, permission, "denied, but: {}", decision.explanation);
        decision
    }

    /// Fails unless it is an error that names this field.
    #[track_caller]
    pub fn misses(&self, field: &str) {
        match self {
            Self::Error(status) => {
                assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}");
                assert!(status.message().contains(field), "{}", status.message());
            }
            other => panic!("expected an error about `{field}`, came {other:?}"),
        }
    }
}
