//! `lineguard list-faxes`

use clap::Args;
use lineguard_core::id::Timestamp;
use lineguard_core::model::Channel;
use lineguard_core::model::reach::{Direction, FaxState};
use serde_json::json;

use super::client::{
    Client, ask, bare, failed, subject_json, subject_text, user_or_group_json, user_or_group_text,
    word,
};
use super::paint::{Paint, columns, plain};
use super::who::Who;
use super::{Exit, Failure, Output, check, facts, note, print};
use crate::wire::enums::WireEnum;
use crate::wire::id::time_to_wire;
use crate::wire::pb;
use crate::world::time;

/// Greatest page of the service.
const PAGE: usize = 1000;

const EXAMPLES: &str = "Examples:
  lineguard list-faxes anna.keller --tenant isar-kliniken
  lineguard list-faxes anna.keller --tenant isar-kliniken --direction inbound --state trash --all
  lineguard list-faxes anna.keller --tenant isar-kliniken --since 2026-03-01T00:00:00Z --limit 10

Ends with 0, also if there is no fax, and with 7 if the person may not act from the account.";

/// List the faxes that someone may see, newest first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListFaxes {
    #[command(flatten)]
    who: Who,
    /// Only received or only sent ones: inbound or outbound
    #[arg(long, value_parser = facts::direction)]
    direction: Option<Direction>,
    /// Only faxes on this number of ours
    #[arg(long, value_name = "E164")]
    number: Option<String>,
    /// Only faxes in this faxbox
    #[arg(long, value_name = "ID")]
    faxbox: Option<String>,
    /// Only faxes in this state: draft, pending, active or trash; may be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    states: Vec<FaxState>,
    /// Only faxes that are not older than this
    #[arg(long, value_name = "TIME", value_parser = time::parse_time)]
    since: Option<Timestamp>,
    /// Only faxes that are older than this
    #[arg(long, value_name = "TIME", value_parser = time::parse_time)]
    before: Option<Timestamp>,
    /// Through what the person works: web, desktop, mobile or api
    #[arg(long, value_parser = check::channel)]
    channel: Option<Channel>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    client: Client,
}

fn state(text: &str) -> Result<FaxState, String> {
    word(text, &FaxState::ALL)
}

impl ListFaxes {
    /// Asks page by page, and prints what comes.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let account = self.who.account(&self.client).await?;
        let mut client = self.client.authorization().await?;
        let mut left = if self.all { usize::MAX } else { self.limit };
        let mut question = self.question(&account);
        let mut shown = 0;
        loop {
            question.page_size = i32::try_from(left.min(PAGE)).unwrap_or(i32::MAX);
            let answer = client.list_visible_faxes(ask(question.clone())).await;
            let page = answer.map_err(|status| failed(&status))?.into_inner();
            let faxes: Vec<pb::Fax> = page.faxes.into_iter().take(left).collect();
            self.print(&faxes, shown == 0)?;
            shown += faxes.len();
            left = left.saturating_sub(faxes.len());
            let more = !page.next_page_token.is_empty();
            if !more || left == 0 {
                self.end(shown, more)?;
                return match shown {
                    0 => self.why_none(&account).await,
                    _ => Ok(Exit::Ok),
                };
            }
            question.page_token = page.next_page_token;
        }
    }

    /// A list says nothing of why it is empty: to the service, whoever may see none and a tenant
    /// that does not exist are the same as one without faxes.
    async fn why_none(&self, account: &str) -> Result<Exit, Failure> {
        let question = pb::GetVisibilityRequest {
            tenant: self.who.tenant.clone(),
            subject: self.who.wire_subject(),
            account: account.to_owned(),
            action: Some(pb::Action { name: "fax.view".to_owned() }),
            channel: self.channel.map_or(0, WireEnum::to_wire),
            consistency: None,
        };
        let mut client = self.client.authorization().await?;
        let decision = match client.get_visibility(ask(question)).await {
            Ok(answer) => answer.into_inner().decision.unwrap_or_default(),
            Err(status) => {
                let why = plain(status.message());
                note(format_args!("note: why there is none could not be asked: {why}"));
                return Ok(Exit::Ok);
            }
        };
        if decision.effect() == pb::Effect::Allow {
            return Ok(Exit::Ok);
        }
        let reason = bare(decision.reason().as_str_name(), "REASON_");
        note(format_args!("note: {reason}: {}", plain(&decision.explanation)));
        if decision.reason() == pb::Reason::NotAMemberOfActingAccount {
            self.who.note_no_member(&self.client, account).await;
        }
        Ok(if is_barred(decision.reason()) { Exit::Denied } else { Exit::Ok })
    }

    fn question(&self, account: &str) -> pb::ListVisibleFaxesRequest {
        pb::ListVisibleFaxesRequest {
            tenant: self.who.tenant.clone(),
            subject: self.who.wire_subject(),
            account: account.to_owned(),
            direction: self.direction.map_or(0, WireEnum::to_wire),
            number: self.number.clone(),
            faxbox: self.faxbox.clone(),
            states: self.states.iter().map(|state| state.to_wire()).collect(),
            not_before: self.since.map(time_to_wire),
            before: self.before.map(time_to_wire),
            channel: self.channel.map_or(0, WireEnum::to_wire),
            page_size: 0,
            page_token: String::new(),
            consistency: None,
        }
    }

    fn print(&self, faxes: &[pb::Fax], first: bool) -> Result<(), Failure> {
        if faxes.is_empty() {
            return Ok(());
        }
        if self.client.output == Output::Json {
            let lines: Vec<String> = faxes.iter().map(|fax| json(fax).to_string()).collect();
            let before = if first { "[" } else { "," };
            return print(format_args!("{before}{}", lines.join(",\n")));
        }
        let heading = ["AT", "FAX", "DIRECTION", "NUMBER", "FAXBOX", "FROM", "ASSIGNED", "STATE"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(faxes.iter().map(row));
        let table = columns(&rows);
        let (head, body) = table.split_once('\n').unwrap_or((&table, ""));
        match first {
            true => print(format_args!("{}\n{body}", Paint::of_stdout().strong(head))),
            false => print(body),
        }
    }

    fn end(&self, shown: usize, more: bool) -> Result<(), Failure> {
        if self.client.output == Output::Json {
            return print(if shown == 0 { "[]" } else { "]" });
        }
        let more = if more { "; there are more (--all shows them)" } else { "" };
        let text = match shown {
            0 => "no fax".to_owned(),
            1 => format!("1 fax{more}"),
            count => format!("{count} faxes{more}"),
        };
        print(Paint::of_stdout().dim(&text))
    }
}

/// Whether nothing at all is allowed: then there is no list, rather than an empty one.
fn is_barred(reason: pb::Reason) -> bool {
    matches!(
        reason,
        pb::Reason::NotAMemberOfActingAccount
            | pb::Reason::MemberInvited
            | pb::Reason::MemberUnverified
            | pb::Reason::MemberSuspended
            | pb::Reason::MemberRemoved
            | pb::Reason::ChannelNotAllowed
    )
}

fn row(fax: &pb::Fax) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { plain(text) };
    vec![
        at(fax),
        plain(&fax.fax),
        bare(fax.direction().as_str_name(), "DIRECTION_").to_lowercase(),
        or_dash(&fax.number),
        or_dash(&fax.faxbox),
        or_dash(&fax.creator.as_ref().map(subject_text).unwrap_or_default()),
        or_dash(&fax.assignee.as_ref().map(user_or_group_text).unwrap_or_default()),
        bare(fax.state().as_str_name(), "FAX_STATE_").to_lowercase(),
    ]
}

fn at(fax: &pb::Fax) -> String {
    let at = fax.at.as_ref().map_or(0, |at| {
        at.seconds.saturating_mul(1000).saturating_add(i64::from(at.nanos) / 1_000_000)
    });
    time::format_time(Timestamp(at))
}

fn json(fax: &pb::Fax) -> serde_json::Value {
    json!({
        "fax": fax.fax,
        "account": fax.account,
        "direction": bare(fax.direction().as_str_name(), "DIRECTION_"),
        "number": fax.number,
        "faxbox": fax.faxbox,
        "creator": fax.creator.as_ref().map(subject_json),
        "assignee": fax.assignee.as_ref().and_then(user_or_group_json),
        "state": bare(fax.state().as_str_name(), "FAX_STATE_"),
        "labels": fax.labels,
        "at": at(fax),
    })
}
