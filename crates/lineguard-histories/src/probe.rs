//! Questions whose answers show whether a register is on.

use lineguard::wire::pb;
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::vocabulary::Vocabulary;

use crate::history::Kind;
use crate::replica::Replica;

/// A question about one register.
#[derive(Debug, Clone)]
pub enum Probe {
    /// On if it is allowed.
    Check(Box<pb::CheckRequest>),
    /// On if the page shows all of these faxes, off if it shows none of them.
    List(pb::ListVisibleFaxesRequest, Vec<String>),
    /// On if a number is presented.
    CallerId(pb::ResolveCallerIdRequest),
    /// On if somebody receives the fax.
    AutoAssign(pb::ResolveAutoAssignRequest),
}

/// What a probe shows: the value, none if it is torn, and the revision it is of.
pub type Shown = (Option<bool>, u64);

impl Probe {
    /// How it asks.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Check(_) => Kind::Check,
            Self::List(..) => Kind::List,
            Self::CallerId(_) => Kind::CallerId,
            Self::AutoAssign(_) => Kind::AutoAssign,
        }
    }

    /// Asks for a state that includes what this token names.
    pub fn at_least(&mut self, at_least: String) {
        let consistency = match self {
            Self::Check(message) => &mut message.consistency,
            Self::List(message, _) => &mut message.consistency,
            Self::CallerId(message) => &mut message.consistency,
            Self::AutoAssign(message) => &mut message.consistency,
        };
        *consistency = Some(pb::Consistency { at_least, max_staleness: None });
    }

    /// Asks a server.
    ///
    /// # Errors
    ///
    /// What the server or the connection says instead of an answer.
    pub async fn ask(&self, server: &Replica) -> Result<Shown, tonic::Status> {
        let mut client = server.questions();
        match self {
            Self::Check(message) => {
                let reply = client.check((**message).clone()).await?.into_inner();
                Ok(of_decision(reply.decision.as_ref()))
            }
            Self::List(message, faxes) => {
                let reply = client.list_visible_faxes(message.clone()).await?.into_inner();
                let seen = |fax: &&String| reply.faxes.iter().any(|one| one.fax == **fax);
                let value = match faxes.iter().filter(seen).count() {
                    0 => Some(false),
                    all if all == faxes.len() => Some(true),
                    _ => None,
                };
                Ok((value, reply.revision))
            }
            Self::CallerId(message) => {
                let reply = client.resolve_caller_id(message.clone()).await?.into_inner();
                Ok((Some(reply.outcome() == pb::CallerIdOutcome::Number), reply.revision))
            }
            Self::AutoAssign(message) => {
                let reply = client.resolve_auto_assign(message.clone()).await?.into_inner();
                Ok((Some(!reply.recipients.is_empty()), reply.revision))
            }
        }
    }
}

/// What a decision shows.
pub fn of_decision(decision: Option<&pb::Decision>) -> Shown {
    // An answer without a decision is neither an allow nor a deny.
    decision.map_or((None, 0), |decision| {
        (Some(decision.effect() == pb::Effect::Allow), decision.revision)
    })
}

/// A user.
pub fn user(id: &str) -> pb::Subject {
    pb::Subject { r#type: "user".into(), id: id.into() }
}

/// A service.
pub fn service(id: &str) -> pb::Subject {
    pb::Subject { r#type: "service".into(), id: id.into() }
}

/// Whether a user may do something to a resource of an account.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// Who.
    pub who: &'a str,
    /// Acting from which account.
    pub account: &'a str,
    /// The action.
    pub action: &'a str,
}

impl Asked<'_> {
    /// About this resource, which is known to the server; none is a new one.
    pub fn of(&self, id: Option<&str>) -> pb::CheckRequest {
        pb::CheckRequest {
            tenant: self.tenant.into(),
            subject: Some(user(self.who)),
            account: self.account.into(),
            action: Some(pb::Action { name: self.action.into() }),
            resource: Some(pb::Resource {
                r#type: resource_type(built_in_vocabulary(), self.action),
                id: id.map(Into::into),
                properties: None,
            }),
            ..pb::CheckRequest::default()
        }
    }

    /// About this resource, of which only the caller knows anything.
    pub fn of_ours(&self, id: &str) -> pb::CheckRequest {
        let mut message = self.of(Some(id));
        if let Some(resource) = &mut message.resource {
            let account = Some(self.account.into());
            resource.properties = Some(pb::Facts { account, ..pb::Facts::default() });
        }
        message
    }
}

/// The type that an action acts on; an action that does not exist is refused by the server.
fn resource_type(vocabulary: &Vocabulary, action: &str) -> String {
    let known = vocabulary.action(action).and_then(|action| vocabulary.def(action));
    let resource = known.and_then(|known| vocabulary.resource(known.resource));
    resource.map(|resource| resource.name.to_string()).unwrap_or_default()
}
