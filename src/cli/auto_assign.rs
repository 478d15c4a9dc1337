//! `lineguard auto-assign`

use clap::Args;
use serde_json::json;

use super::client::{Client, ask, failed, said, subject_json, subject_text};
use super::paint::{Paint, columns, plain};
use super::{Exit, Failure, Output, print};
use crate::wire::pb;

/// Ask who receives a fax that arrives on a number.
#[derive(Debug, Args)]
#[command(after_help = "Example: lineguard auto-assign +498999998011 --tenant isar-kliniken")]
pub struct AutoAssign {
    /// The number
    #[arg(value_name = "E164")]
    number: String,
    /// The tenant
    #[arg(long, short, value_name = "ID")]
    tenant: String,
    #[command(flatten)]
    client: Client,
}

impl AutoAssign {
    /// Asks, and prints who receives it, whether they can see it, and who was passed over.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let question = pb::ResolveAutoAssignRequest {
            tenant: self.tenant.clone(),
            number: self.number.clone(),
            consistency: None,
        };
        let mut client = self.client.authorization().await?;
        let answer = client.resolve_auto_assign(ask(question)).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        match self.client.output {
            Output::Text => print(text(&answer, Paint::of_stdout()))?,
            Output::Json => print(json(&answer))?,
        }
        Ok(Exit::Ok)
    }
}

fn target(target: Option<&pb::AutoAssignTarget>) -> String {
    use pb::auto_assign_target::Kind;
    match target.and_then(|target| target.kind.as_ref()) {
        Some(Kind::User(user)) => format!("user {}", subject_text(user)),
        Some(Kind::Group(group)) => format!("group {group}"),
        Some(Kind::Faxbox(faxbox)) => format!("faxbox {faxbox}"),
        None => "nobody".to_owned(),
    }
}

fn target_json(target: Option<&pb::AutoAssignTarget>) -> Option<serde_json::Value> {
    use pb::auto_assign_target::Kind;
    Some(match target?.kind.as_ref()? {
        Kind::User(user) => subject_json(user),
        Kind::Group(group) => json!({ "type": "group", "id": group }),
        Kind::Faxbox(faxbox) => json!({ "type": "faxbox", "id": faxbox }),
    })
}

fn text(answer: &pb::ResolveAutoAssignResponse, paint: Paint) -> String {
    let mut lines = Vec::new();
    for recipient in &answer.recipients {
        let sight = if recipient.visible_to_target { "can open it" } else { "cannot open it" };
        let why = match recipient.explanation.as_str() {
            "" => String::new(),
            why => format!(": {}", plain(why)),
        };
        let name = paint.good(&plain(&target(recipient.target.as_ref())));
        lines.push(format!("{name}  {sight}{why}"));
    }
    if lines.is_empty() {
        lines.push(paint.bad("nobody; the fax stays unassigned"));
    }
    if answer.fallback_used {
        lines.push("by the fallback of the product model".to_owned());
    }
    let row = |skipped: &pb::AutoAssignSkipped| {
        let name = target(skipped.target.as_ref());
        ["passed over", &name, &skipped.reason, &skipped.explanation].map(plain).to_vec()
    };
    let rows: Vec<Vec<String>> = answer.skipped.iter().map(row).collect();
    if !rows.is_empty() {
        lines.push(columns(&rows));
    }
    let place = format!("account {}; revision {}", plain(&answer.account), answer.revision);
    lines.push(paint.dim(&place));
    lines.join("\n")
}

fn json(answer: &pb::ResolveAutoAssignResponse) -> serde_json::Value {
    let recipient = |one: &pb::AutoAssignRecipient| {
        json!({
            "target": target_json(one.target.as_ref()),
            "visible_to_target": one.visible_to_target,
            "reason": said(one.reason().as_str_name(), "REASON_"),
            "explanation": one.explanation,
        })
    };
    let skipped = |one: &pb::AutoAssignSkipped| {
        json!({
            "target": target_json(one.target.as_ref()),
            "reason": one.reason,
            "explanation": one.explanation,
        })
    };
    json!({
        "recipients": answer.recipients.iter().map(recipient).collect::<Vec<_>>(),
        "skipped": answer.skipped.iter().map(skipped).collect::<Vec<_>>(),
        "fallback_used": answer.fallback_used,
        "account": answer.account,
        "revision": answer.revision,
    })
}
