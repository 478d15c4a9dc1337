//! `Check` and `BatchCheck`: messages to domain requests, checked against the vocabulary.

use lineguard_core::id::{AccountId, ExternalId, Key, PhoneNumber, Subject, TenantId};
use lineguard_core::model::Channel;
use lineguard_core::request::Conferred;
use lineguard_core::vocabulary::{
    Action, ActionDef, Confers, ResourceDef, ResourceType, StoredType, Vocabulary,
};

use super::consistency::{self, Consistency};
use super::facts::{self, SentFacts};
use super::invalid::{Faults, InvalidRequest, Path, quoted, unknown};
use super::{enums, id, pb};

/// Greatest number of questions of a batch.
pub const MAX_BATCH: usize = 1_000;

/// One question, parsed. Its facts are still external identifiers; gathering turns it into
/// [`lineguard_core::request::Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The acting account.
    pub account: AccountId,
    /// Who wants to do it.
    pub subject: Subject,
    /// What is to be done.
    pub action: Action,
    /// To what; of the type that the action acts on.
    pub resource: ResourceRef,
    /// The target; only for actions that have one, and of its type. Not set for actions that
    /// confer: there it is `conferred`.
    pub target: Option<ResourceRef>,
    /// What is conferred; always set for actions that confer, so that none is decided without.
    pub conferred: Option<Conferred>,
    /// The channel the person works through, where known.
    pub channel: Option<Channel>,
    /// Whether the recipient is verified, where known.
    pub recipient_verified: Option<bool>,
    /// Who holds the editing lock.
    pub locked_by: Option<Subject>,
    /// How recent the state must be.
    pub consistency: Consistency,
}

/// A resource as a question names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRef {
    /// Its type.
    pub ty: ResourceType,
    /// Which one; none asks about a new one. Of a number it is an E.164 number, of a member a
    /// qualified subject.
    pub id: Option<ExternalId>,
    /// What the caller says about it; only facts that its type declares.
    pub facts: SentFacts,
}

/// The circumstances of a question as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Circumstances {
    pub(super) channel: Option<Channel>,
    pub(super) recipient_verified: Option<bool>,
    pub(super) locked_by: Option<Subject>,
}

/// Reads one question.
pub fn check_call(
    message: pb::CheckRequest,
    vocabulary: &Vocabulary,
) -> Result<CheckCall, InvalidRequest> {
    Faults::collect(|faults, at| read(faults, at, message, vocabulary))
}

/// Reads a batch: an error if it has too few or too many questions, else every question or its
/// faults, in order. Field paths of a question begin at the question.
pub fn batch_check_calls(
    message: pb::BatchCheckRequest,
    vocabulary: &Vocabulary,
) -> Result<Vec<Result<CheckCall, InvalidRequest>>, InvalidRequest> {
    let pb::BatchCheckRequest { checks, consistency } = message;
    let consistency = Faults::collect(|faults, at| {
        consistency::read(faults, &at.field("consistency"), consistency)
    })?;
    if checks.is_empty() {
        return Err(InvalidRequest::one("checks", "must not be empty"));
    }
    if checks.len() > MAX_BATCH {
        let problem = format!("has {} questions, at most {MAX_BATCH} are allowed", checks.len());
        return Err(InvalidRequest::one("checks", problem));
    }
    let read = |check: pb::CheckRequest| {
        let says_nothing = check.consistency.is_none();
        let call = check_call(check, vocabulary)?;
        let whole = says_nothing.then(|| consistency.clone());
        Ok(CheckCall { consistency: whole.unwrap_or(call.consistency), ..call })
    };
    Ok(checks.into_iter().map(read).collect())
}

fn read(
    faults: &mut Faults,
    at: &Path<'_>,
    message: pb::CheckRequest,
    vocabulary: &Vocabulary,
) -> Option<CheckCall> {
    let pb::CheckRequest {
        tenant,
        subject,
        account,
        action,
        resource,
        target,
        context,
        consistency,
    } = message;
    let tenant = id::required(faults, &at.field("tenant"), &tenant);
    let subject = id::subject(faults, &at.field("subject"), subject);
    let account = id::required(faults, &at.field("account"), &account);
    let action = read_action(faults, &at.field("action"), action, vocabulary);
    let def = action.and_then(|action| vocabulary.def(action));
    let acts_on = def.map(|def| Expected { def, ty: def.resource, verb: "acts on" });
    let resource = match faults.required(&at.field("resource"), resource) {
        Some(resource) => {
            read_resource(faults, &at.field("resource"), resource, acts_on, vocabulary)
        }
        None => None,
    };
    let target = read_target(faults, &at.field("target"), target, def, vocabulary);
    let context = read_context(faults, &at.field("context"), context);
    let consistency = consistency::read(faults, &at.field("consistency"), consistency);

    let (target, conferred) = target?;
    let Circumstances { channel, recipient_verified, locked_by } = context?;
    Some(CheckCall {
        tenant: tenant?,
        account: account?,
        subject: subject?,
        action: action?,
        resource: resource?,
        target,
        conferred,
        channel,
        recipient_verified,
        locked_by,
        consistency: consistency?,
    })
}

/// Reads the name of an action.
pub(super) fn read_action(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<pb::Action>,
    vocabulary: &Vocabulary,
) -> Option<Action> {
    let pb::Action { name } = faults.required(at, message)?;
    let at = at.field("name");
    match vocabulary.action(&name) {
        Some(action) => Some(action),
        None if name.is_empty() => faults.add(&at, "must not be empty"),
        None => faults.add(&at, unknown("action", &name, vocabulary.suggest_action(&name))),
    }
}

/// The type that a resource must have, and because of which action.
#[derive(Clone, Copy)]
struct Expected<'a> {
    def: &'a ActionDef,
    ty: ResourceType,
    verb: &'static str,
}

fn read_resource(
    faults: &mut Faults,
    at: &Path<'_>,
    message: pb::Resource,
    expected: Option<Expected<'_>>,
    vocabulary: &Vocabulary,
) -> Option<ResourceRef> {
    let pb::Resource { r#type, id, properties } = message;
    let ty = read_type(faults, &at.field("type"), &r#type, expected, vocabulary);
    let def = ty.and_then(|ty| vocabulary.resource(ty));
    let id = read_resource_id(faults, &at.field("id"), id.as_deref(), def);
    let declared = def.map(|def| (&*def.name, &*def.facts));
    let facts =
        facts::read(faults, &at.field("properties"), properties.unwrap_or_default(), declared);
    Some(ResourceRef { ty: ty?, id: id?, facts: facts? })
}

fn read_type(
    faults: &mut Faults,
    at: &Path<'_>,
    name: &str,
    expected: Option<Expected<'_>>,
    vocabulary: &Vocabulary,
) -> Option<ResourceType> {
    let Some(ty) = vocabulary.resource_type(name) else {
        return if name.is_empty() {
            faults.add(at, "must not be empty")
        } else {
            faults.add(at, unknown("resource type", name, vocabulary.suggest_type(name)))
        };
    };
    match expected {
        Some(Expected { def, ty: wanted, verb }) if wanted != ty => {
            let wanted = vocabulary.resource(wanted).map_or("", |def| &*def.name);
            let problem =
                format!("action `{}` {verb} a `{wanted}`, not a {}", def.name, quoted(name));
            faults.add(at, problem)
        }
        Some(_) | None => Some(ty),
    }
}

/// Reads the id of a resource. Those of numbers and members have a form, and an id that cannot be
/// one is a mistake of the caller rather than something that does not exist.
fn read_resource_id(
    faults: &mut Faults,
    at: &Path<'_>,
    id: Option<&str>,
    def: Option<&ResourceDef>,
) -> Option<Option<ExternalId>> {
    let Some(text) = id else { return Some(None) };
    let id = id::required(faults, at, text)?;
    match def.and_then(|def| def.stored) {
        Some(StoredType::Number) => faults.check(at, PhoneNumber::parse(text)).map(|_| Some(id)),
        Some(StoredType::Member) if Subject::from_qualified(text).is_none() => {
            faults.add(at, "must be a qualified subject: `user:` or `service:` and its id")
        }
        Some(_) | None => Some(Some(id)),
    }
}

type Target = (Option<ResourceRef>, Option<Conferred>);

fn read_target(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<pb::Resource>,
    def: Option<&ActionDef>,
    vocabulary: &Vocabulary,
) -> Option<Target> {
    let Some(message) = message else {
        return match def.and_then(|def| Some((def, def.confers?))) {
            None => Some((None, None)),
            Some((def, confers)) => {
                let what = confers_word(confers);
                faults.add(at, format!("action `{}` needs the {what} it confers", def.name))
            }
        };
    };
    let expected = match def {
        // What the target must be is not known without the action; its own faults still count.
        None => None,
        Some(def) => match def.target {
            Some(ty) => Some(Expected { def, ty, verb: "has as its target" }),
            None => return faults.add(at, format!("action `{}` takes no target", def.name)),
        },
    };
    let target = read_resource(faults, at, message, expected, vocabulary)?;
    let Some(confers) = def.and_then(|def| def.confers) else {
        return Some((Some(target), None));
    };
    let id = faults.required(&at.field("id"), target.id)?;
    let key = faults.check(&at.field("id"), Key::parse(id.as_str()))?;
    let conferred = match confers {
        // What it is worth is looked up.
        Confers::Role => Conferred::Role { key, permissions: None },
        Confers::Permission => Conferred::Permission(key),
    };
    Some((None, Some(conferred)))
}

const fn confers_word(confers: Confers) -> &'static str {
    match confers {
        Confers::Role => "role",
        Confers::Permission => "permission",
    }
}

/// Reads the circumstances; none sent is none known.
pub(super) fn read_context(
    faults: &mut Faults,
    at: &Path<'_>,
    message: Option<pb::Context>,
) -> Option<Circumstances> {
    let Some(pb::Context { channel, recipient_verified, locked_by }) = message else {
        return Some(Circumstances::default());
    };
    let channel = enums::optional(faults, &at.field("channel"), channel);
    let locked_by = id::optional_subject(faults, &at.field("locked_by"), locked_by.as_ref());
    Some(Circumstances { channel: channel?, recipient_verified, locked_by: locked_by? })
}

#[cfg(test)]
mod tests;
