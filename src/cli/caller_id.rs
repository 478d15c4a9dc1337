//! `lineguard caller-id`

use clap::Args;
use lineguard_core::decision::Reason;
use lineguard_core::vocabulary::SendChannel;
use serde_json::json;

use super::client::{Client, ask, bare, failed, word};
use super::paint::{Paint, columns, plain};
use super::who::Who;
use super::{Exit, Failure, Output, print};
use crate::wire::enums::WireEnum;
use crate::wire::pb;
use crate::wire::pb::resolve_caller_id_request::Requested;

const CHANNELS: [(SendChannel, &str); 3] =
    [(SendChannel::Call, "call"), (SendChannel::Message, "message"), (SendChannel::Fax, "fax")];

const EXAMPLES: &str = "Examples:
  lineguard caller-id cian.doyle --tenant brightline
  lineguard caller-id cian.doyle --tenant brightline --number +441632960703
  lineguard caller-id cian.doyle --tenant brightline --anonymous

Ends with 0 for a number, anonymity or none, and 7 for denied.";

/// Ask which number someone may present.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CallerId {
    #[command(flatten)]
    who: Who,
    /// What the number is for: call, message or fax
    #[arg(long = "for", value_name = "USE", default_value = "call", value_parser = channel)]
    used_for: SendChannel,
    /// The number they ask for
    #[arg(long, value_name = "E164")]
    number: Option<String>,
    /// They ask for no number to be shown
    #[arg(long, conflicts_with = "number")]
    anonymous: bool,
    #[command(flatten)]
    client: Client,
}

fn channel(text: &str) -> Result<SendChannel, String> {
    word(text, &CHANNELS)
}

impl CallerId {
    /// Asks, and prints what is presented and why each other number lost.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn run(self) -> Result<Exit, Failure> {
        let requested = match &self.number {
            Some(number) => Some(Requested::Number(number.clone())),
            None => self.anonymous.then_some(Requested::Anonymous(true)),
        };
        let account = self.who.account(&self.client).await?;
        let question = pb::ResolveCallerIdRequest {
            tenant: self.who.tenant.clone(),
            subject: self.who.wire_subject(),
            account: account.clone(),
            used_for: self.used_for.to_wire(),
            requested,
            context: None,
            consistency: None,
        };
        let mut client = self.client.authorization().await?;
        let answer = client.resolve_caller_id(ask(question)).await;
        let answer = answer.map_err(|status| failed(&status))?.into_inner();
        match self.client.output {
            Output::Text => print(text(&answer, Paint::of_stdout()))?,
            Output::Json => print(json(&answer))?,
        }
        if answer.reason == Reason::NotAMemberOfActingAccount.as_str() {
            self.who.note_no_member(&self.client, &account).await;
        }
        let denied = matches!(
            answer.outcome(),
            pb::CallerIdOutcome::Denied | pb::CallerIdOutcome::Unspecified
        );
        Ok(if denied { Exit::Denied } else { Exit::Ok })
    }
}

fn text(answer: &pb::ResolveCallerIdResponse, paint: Paint) -> String {
    let outcome = bare(answer.outcome().as_str_name(), "CALLER_ID_OUTCOME_");
    let head = match answer.outcome() {
        pb::CallerIdOutcome::Number => paint.good(&plain(&answer.number)),
        pb::CallerIdOutcome::Anonymous => paint.good(outcome),
        _ => paint.bad(outcome),
    };
    let mut lines = vec![format!("{head}  {}", plain(&answer.reason))];
    lines.push(format!("  {}", plain(&answer.explanation)));
    let row = |candidate: &pb::CallerIdCandidate| {
        let mark = if candidate.chosen { "*" } else { "" };
        let choice = if candidate.selectable { "selectable" } else { "-" };
        let cells = [mark, &candidate.number, choice, &candidate.reason, &candidate.explanation];
        cells.map(plain).to_vec()
    };
    let rows: Vec<Vec<String>> = answer.candidates.iter().map(row).collect();
    if !rows.is_empty() {
        lines.push(columns(&rows));
    }
    let may = |may| if may { "may" } else { "may not" };
    let hidden = may(answer.may_be_anonymous);
    let without = may(answer.may_call_without_number);
    let revision = answer.revision;
    let last =
        format!("{hidden} be anonymous, {without} call without a number; revision {revision}");
    lines.push(paint.dim(&last));
    lines.join("\n")
}

fn json(answer: &pb::ResolveCallerIdResponse) -> serde_json::Value {
    let candidate = |candidate: &pb::CallerIdCandidate| {
        json!({
            "number": candidate.number,
            "chosen": candidate.chosen,
            "selectable": candidate.selectable,
            "reason": candidate.reason,
            "explanation": candidate.explanation,
        })
    };
    let candidates: Vec<_> = answer.candidates.iter().map(candidate).collect();
    json!({
        "outcome": bare(answer.outcome().as_str_name(), "CALLER_ID_OUTCOME_"),
        "number": answer.number,
        "reason": answer.reason,
        "explanation": answer.explanation,
        "candidates": candidates,
        "selectable": answer.selectable,
        "may_be_anonymous": answer.may_be_anonymous,
        "may_call_without_number": answer.may_call_without_number,
        "revision": answer.revision,
    })
}
