//! `lineguard permissions`

use clap::Args;
use serde_json::json;
use tonic::{Code, Status};

use super::client::{Client, ask, bare, failed, said};
use super::paint::{Paint, columns, plain};
use super::who::Who;
use super::{Exit, Failure, Output, check, print};
use crate::dial::Connection;
use crate::wire::pb;
use crate::wire::pb::authorization_service_client::AuthorizationServiceClient;
use crate::wire::status;

/// Show the permission screen of a member: what they hold, and where it comes from.
#[derive(Debug, Args)]
#[command(after_help = "Example: lineguard permissions jan.fiedler --tenant isar-kliniken --held")]
pub struct Permissions {
    #[command(flatten)]
    who: Who,
    /// Only permissions that are in force
    #[arg(long)]
    held: bool,
    #[command(flatten)]
    client: Client,
}

impl Permissions {
    /// Asks, and prints the screen by category.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let account = self.who.account(&self.client).await?;
        let question = pb::ListPermissionsRequest {
            tenant: self.who.tenant.clone(),
            subject: self.who.wire_subject(),
            account: account.clone(),
            consistency: None,
            page_size: 0,
            page_token: String::new(),
        };
        let mut client = self.client.authorization().await?;
        let answer = whole(&mut client, question).await;
        if answer.as_ref().is_err_and(|status| status.code() == Code::NotFound) {
            self.who.note_no_member(&self.client, &account).await;
        }
        let mut answer = answer.map_err(|status| failed(&status))?;
        if self.held {
            answer.permissions.retain(|permission| permission.held);
        }
        match self.client.output {
            Output::Text => print(text(&answer, Paint::of_stdout()))?,
            Output::Json => print(json(&answer))?,
        }
        Ok(Exit::Ok)
    }
}

/// All pages as one. Those of different revisions may not fit together.
async fn whole(
    client: &mut AuthorizationServiceClient<Connection>,
    mut question: pb::ListPermissionsRequest,
) -> Result<pb::ListPermissionsResponse, Status> {
    let mut whole = client.list_permissions(ask(question.clone())).await?.into_inner();
    while !whole.next_page_token.is_empty() {
        question.page_token = std::mem::take(&mut whole.next_page_token);
        let page = client.list_permissions(ask(question.clone())).await?.into_inner();
        if page.revision != whole.revision {
            return Err(status::Failure::TenantChanged.into());
        }
        whole.permissions.extend(page.permissions);
        whole.next_page_token = page.next_page_token;
    }
    Ok(whole)
}

fn text(answer: &pb::ListPermissionsResponse, paint: Paint) -> String {
    let status = bare(answer.status().as_str_name(), "MEMBER_STATUS_").to_lowercase();
    let level = match answer.visibility.as_str() {
        "" => String::new(),
        level => format!(", visibility {}", plain(level)),
    };
    let mut rows = Vec::new();
    let mut headings = Vec::new();
    let mut category = "";
    for permission in &answer.permissions {
        if permission.category != category {
            category = &permission.category;
            headings.push((rows.len(), category));
        }
        rows.push(row(permission));
    }
    let table = columns(&rows);
    let mut lines = vec![format!("{status}{level}, revision {}", answer.revision)];
    for (position, line) in table.lines().enumerate() {
        if let Some((_, heading)) = headings.iter().find(|(at, _)| *at == position) {
            lines.push(String::new());
            lines.push(paint.strong(&plain(heading)));
        }
        let held = answer.permissions.get(position).is_some_and(|permission| permission.held);
        lines.push(if held { line.to_owned() } else { paint.dim(line) });
    }
    lines.join("\n")
}

fn row(permission: &pb::EffectivePermission) -> Vec<String> {
    let origins: Vec<String> = permission.origins.iter().map(check::origin_text).collect();
    let about = if permission.held {
        format!("{} by {}", permission.reach.join(", "), origins.join(", "))
    } else {
        let reason = bare(permission.reason().as_str_name(), "REASON_").to_owned();
        if origins.is_empty() { reason } else { format!("{reason} by {}", origins.join(", ")) }
    };
    let mark = if permission.held { "+" } else { "-" };
    [mark, &permission.key, &permission.title, about.trim_start()].map(plain).to_vec()
}

fn json(answer: &pb::ListPermissionsResponse) -> serde_json::Value {
    let permission = |one: &pb::EffectivePermission| {
        json!({
            "key": one.key,
            "title": one.title,
            "category": one.category,
            "held": one.held,
            "reason": said(one.reason().as_str_name(), "REASON_"),
            "origins": one.origins.iter().map(check::origin_json).collect::<Vec<_>>(),
            "reach": one.reach,
        })
    };
    json!({
        "status": bare(answer.status().as_str_name(), "MEMBER_STATUS_"),
        "visibility": answer.visibility,
        "permissions": answer.permissions.iter().map(permission).collect::<Vec<_>>(),
        "revision": answer.revision,
    })
}
