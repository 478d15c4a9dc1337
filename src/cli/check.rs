//! `lineguard check`

use clap::Args;
use lineguard_core::id::Subject;
use lineguard_core::model::{Channel, built_in_vocabulary};
use lineguard_core::vocabulary::ResourceType;
use serde_json::json;

use super::client::{Client, ask, bare, failed, subject, word};
use super::facts::{self, Fact};
use super::paint::{Paint, plain};
use super::who::Who;
use super::{Exit, Failure, Output, print};
use crate::wire::enums::WireEnum;
use crate::wire::id::subject_to_wire;
use crate::wire::pb;

const EXAMPLES: &str = "Examples:
  lineguard check anna.keller fax.view fax:in-00001 --tenant isar-kliniken
  lineguard check lena.vogt fax.send --tenant isar-kliniken --fact faxbox=emergency-box
  lineguard check cian.doyle call.view call:77 -t brightline --fact account=brightline \\
    --fact queue=sales

`lineguard vocabulary` lists the types of resources, `lineguard vocabulary call` the facts and
actions of one. Ends with 0 for allow and 7 for deny.";

/// Ask whether someone may do something.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    #[command(flatten)]
    who: Who,
    /// What they want to do: `fax.view`
    action: String,
    /// To what: `TYPE:ID`, or `TYPE` for a new one; a new one of the action's type unless given
    resource: Option<String>,
    /// A fact about the resource, `name=value`; `name=` says that it is known to be none
    #[arg(long = "fact", value_name = "NAME=VALUE", value_parser = facts::parse)]
    facts: Vec<Fact>,
    /// Where it goes, for actions that have a target: `TYPE:ID` or `TYPE`
    #[arg(long, value_name = "RESOURCE")]
    target: Option<String>,
    /// A fact about the target
    #[arg(long = "target-fact", value_name = "NAME=VALUE", value_parser = facts::parse)]
    #[arg(requires = "target")]
    target_facts: Vec<Fact>,
    /// Through what they work: web, desktop, mobile or api
    #[arg(long, value_parser = channel)]
    channel: Option<Channel>,
    /// Whether the recipient is verified
    #[arg(long, value_name = "BOOL")]
    recipient_verified: Option<bool>,
    /// Who holds the editing lock
    #[arg(long, value_name = "SUBJECT", value_parser = subject)]
    locked_by: Option<Subject>,
    #[command(flatten)]
    client: Client,
}

/// Reads a channel.
pub(super) fn channel(text: &str) -> Result<Channel, String> {
    word(text, &Channel::ALL)
}

impl Check {
    /// Asks, and prints the decision with its reason.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let mut question = self.question().map_err(|text| Failure::with(Exit::Usage, text))?;
        question.account = self.who.account(&self.client).await?;
        let account = question.account.clone();
        let mut client = self.client.authorization().await?;
        let answer = client.check(ask(question)).await.map_err(|status| {
            let Failure { exit, message } = failed(&status);
            Failure { exit, message: message + &facts::how_to_give(&status) }
        })?;
        let decision = answer.into_inner().decision.unwrap_or_default();
        match self.client.output {
            Output::Text => print(text(&decision, Paint::of_stdout()))?,
            Output::Json => print(json(&decision))?,
        }
        if decision.reason() == pb::Reason::NotAMemberOfActingAccount {
            self.who.note_no_member(&self.client, &account).await;
        }
        let allowed = decision.effect() == pb::Effect::Allow;
        Ok(if allowed { Exit::Ok } else { Exit::Denied })
    }

    /// The question, but for the account.
    fn question(&self) -> Result<pb::CheckRequest, String> {
        let vocabulary = built_in_vocabulary();
        let def = vocabulary.action(&self.action).and_then(|action| vocabulary.def(action));
        let resource = match &self.resource {
            Some(text) => taken_apart(text, def.map(|def| def.resource))?,
            None => (resource_type(&self.action)?, None),
        };
        let context = pb::Context {
            channel: self.channel.map_or(0, WireEnum::to_wire),
            recipient_verified: self.recipient_verified,
            locked_by: self.locked_by.as_ref().map(subject_to_wire),
        };
        Ok(pb::CheckRequest {
            tenant: self.who.tenant.clone(),
            subject: self.who.wire_subject(),
            account: String::new(),
            action: Some(pb::Action { name: self.action.clone() }),
            resource: Some(described(resource, &self.facts)?),
            target: match &self.target {
                Some(text) => {
                    let target = taken_apart(text, def.and_then(|def| def.target))?;
                    Some(described(target, &self.target_facts)?)
                }
                None => None,
            },
            context: Some(context),
            consistency: None,
        })
    }
}

/// Takes `TYPE:ID` or `TYPE` apart. An id may have colons of its own. A word that is no type is
/// perhaps the id of what the action is about.
fn taken_apart(
    text: &str,
    expected: Option<ResourceType>,
) -> Result<(String, Option<String>), String> {
    let vocabulary = built_in_vocabulary();
    if let Some((kind, id)) = text.split_once(':') {
        return Ok((kind.to_owned(), Some(id.to_owned())));
    }
    if vocabulary.resource_type(text).is_some() {
        return Ok((text.to_owned(), None));
    }
    let expected = expected.and_then(|ty| vocabulary.resource(ty)).map(|def| &*def.name);
    let meant = match (vocabulary.suggest_type(text), expected) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, Some(ty)) => format!(" (TYPE:ID): did you mean `{ty}:{}`?", plain(text)),
        (None, None) => "; what exists is named as TYPE:ID".to_owned(),
    };
    Err(format!("`{}` is no type of resource{meant}", plain(text)))
}

fn described((kind, id): (String, Option<String>), facts: &[Fact]) -> Result<pb::Resource, String> {
    Ok(pb::Resource { r#type: kind, id, properties: facts::to_wire(facts)? })
}

/// The type of resource that an action acts on.
fn resource_type(action: &str) -> Result<String, String> {
    let vocabulary = built_in_vocabulary();
    let def = vocabulary.action(action).and_then(|action| vocabulary.def(action));
    match def.and_then(|def| vocabulary.resource(def.resource)) {
        Some(resource) => Ok(resource.name.to_string()),
        None => {
            let near = vocabulary.suggest_action(action);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            Err(format!("unknown action `{}`{near}", plain(action)))
        }
    }
}

fn text(decision: &pb::Decision, paint: Paint) -> String {
    let reason = bare(decision.reason().as_str_name(), "REASON_");
    let head = match decision.effect() {
        pb::Effect::Allow => paint.good("ALLOW"),
        pb::Effect::Deny | pb::Effect::Unspecified => paint.bad("DENY"),
    };
    let mut lines = vec![format!("{head}  {reason}")];
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {} {}", paint.dim(&format!("{name:<12}")), plain(value)));
        }
    };
    line("why", &decision.explanation);
    if let Some(permission) = &decision.permission {
        line("permission", &format!("{} ({})", permission.title, permission.key));
    }
    if let Some(origin) = &decision.origin {
        line("from", &format!("{} ({})", origin_text(origin), origin.key));
    }
    line("clause", &decision.clause);
    line("requirement", &decision.requirement);
    for obligation in decision.obligations() {
        let name = bare(obligation.as_str_name(), "OBLIGATION_");
        line("but", &format!("{} must also happen", name.to_lowercase()));
    }
    line("revision", &decision.revision.to_string());
    lines.join("\n")
}

/// What a permission came from, in words.
pub(super) fn origin_text(origin: &pb::Origin) -> String {
    let kind = match origin.kind() {
        pb::OriginKind::Role => "role",
        pb::OriginKind::GroupRole => "group role",
        pb::OriginKind::Overlay => "ownership",
        pb::OriginKind::Override => "override",
        pb::OriginKind::Everybody => "everybody has",
        pb::OriginKind::Unspecified => "other",
    };
    format!("{kind} {}", origin.title)
}

/// What a permission came from, for programs.
pub(super) fn origin_json(origin: &pb::Origin) -> serde_json::Value {
    let kind = bare(origin.kind().as_str_name(), "ORIGIN_KIND_");
    json!({ "kind": kind, "key": origin.key, "title": origin.title })
}

fn json(decision: &pb::Decision) -> serde_json::Value {
    let obligations = decision.obligations();
    let obligations: Vec<&str> =
        obligations.map(|one| bare(one.as_str_name(), "OBLIGATION_")).collect();
    let permission = decision
        .permission
        .as_ref()
        .map(|permission| json!({ "key": permission.key, "title": permission.title }));
    json!({
        "effect": bare(decision.effect().as_str_name(), "EFFECT_"),
        "reason": bare(decision.reason().as_str_name(), "REASON_"),
        "explanation": decision.explanation,
        "permission": permission,
        "origin": decision.origin.as_ref().map(origin_json),
        "clause": decision.clause,
        "requirement": decision.requirement,
        "obligations": obligations,
        "revision": decision.revision,
    })
}
