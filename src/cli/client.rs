//! What the client commands share: the connection, subjects, and what an error says.

use std::time::Duration;

use clap::Args;
use lineguard_core::id::{Subject, SubjectKind};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{Exit, Failure, Output, Target};
use crate::dial::Connection;
use crate::wire::pb;
use crate::wire::pb::admin_service_client::AdminServiceClient;
use crate::wire::pb::authorization_service_client::AuthorizationServiceClient;
use crate::wire::pb::operations_service_client::OperationsServiceClient;

/// How long to wait for a connection, and for an answer to one question.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);

/// The reason of a status that names missing facts.
pub(super) const MISSING_FACT: &str = "MISSING_FACT";

/// Greatest size of a message that a client takes: a page of faxes, a part of an export.
const MAX_MESSAGE: usize = 64 << 20;

/// The server, and how to print.
#[derive(Debug, Args)]
pub(super) struct Client {
    #[command(flatten)]
    target: Target,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "LINEGUARD_OUTPUT")]
    pub(super) output: Output,
}

impl Client {
    /// Connects for questions.
    pub(super) async fn authorization(
        &self,
    ) -> Result<AuthorizationServiceClient<Connection>, Failure> {
        let channel = self.target.connect(CONNECT).await?;
        Ok(AuthorizationServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
    }

    /// Connects for the state of a replica.
    pub(super) async fn operations(&self) -> Result<OperationsServiceClient<Connection>, Failure> {
        Ok(OperationsServiceClient::new(self.target.connect(CONNECT).await?))
    }

    /// Connects for set-up.
    pub(super) async fn admin(&self) -> Result<AdminServiceClient<Connection>, Failure> {
        admin(&self.target).await
    }
}

/// Connects for set-up.
pub(super) async fn admin(target: &Target) -> Result<AdminServiceClient<Connection>, Failure> {
    let channel = target.connect(CONNECT).await?;
    Ok(AdminServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE))
}

/// Reads a subject: a bare id is a user.
pub(super) fn subject(text: &str) -> Result<Subject, String> {
    let (kind, id) = match text.split_once(':') {
        Some(("user", id)) => (SubjectKind::User, id),
        Some(("service", id)) => (SubjectKind::Service, id),
        _ => (SubjectKind::User, text),
    };
    Subject::parse(kind, id).map_err(|error| error.to_string())
}

/// A question with its deadline, and with the trace that the command is part of.
pub(super) fn ask<T>(question: T) -> Request<T> {
    let mut request = Request::new(question);
    request.set_timeout(ANSWER);
    for (variable, key) in [("TRACEPARENT", "traceparent"), ("TRACESTATE", "tracestate")] {
        // What is no context is the server's to ignore; what is no header cannot be sent.
        let value = std::env::var(variable).ok().and_then(|text| text.parse().ok());
        if let Some(value) = value {
            request.metadata_mut().insert(key, value);
        }
    }
    request
}

/// What a status says, with every field that is wrong. A question that cannot be understood is a
/// mistake of the command line; everything else happened at run time.
pub(super) fn failed(status: &Status) -> Failure {
    let exit = match status.code() {
        Code::InvalidArgument => Exit::Usage,
        _ => Exit::Runtime,
    };
    let mut text = match status.message() {
        "" => format!("{:?}", status.code()),
        message => message.to_owned(),
    };
    // The message names every fact that is missing, and of each there is the same to say.
    let missing = status.get_details_error_info().is_some_and(|info| info.reason == MISSING_FACT);
    let bad = status.get_details_bad_request().filter(|_| !missing);
    for violation in bad.into_iter().flat_map(|bad| bad.field_violations) {
        let line = format!("\n  {}: {}", violation.field, violation.description);
        if !text.contains(&violation.description) {
            text.push_str(&line);
        }
    }
    Failure::with(exit, text)
}

/// Reads one word of a closed list.
pub(super) fn word<T: Copy>(text: &str, words: &[(T, &str)]) -> Result<T, String> {
    let found = words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
    found.ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
        format!("must be one of: {}", words.join(", "))
    })
}

/// The constant of an enumeration of ours without its prefix: `REASON_OUT_OF_REACH` is
/// `OUT_OF_REACH`, the form that the documentation uses.
pub(super) fn bare<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// The same where it may be unspecified.
pub(super) fn said<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    Some(bare(name, prefix)).filter(|name| *name != "UNSPECIFIED")
}

/// A subject from the wire as people write it: a user by the bare id.
pub(super) fn subject_text(subject: &pb::Subject) -> String {
    match subject.r#type.as_str() {
        "user" => subject.id.clone(),
        kind => format!("{kind}:{}", subject.id),
    }
}

/// A user or group from the wire.
pub(super) fn user_or_group_text(who: &pb::UserOrGroup) -> String {
    match &who.kind {
        Some(pb::user_or_group::Kind::User(user)) => subject_text(user),
        Some(pb::user_or_group::Kind::Group(group)) => format!("group:{group}"),
        None => String::new(),
    }
}

/// A subject from the wire, for programs.
pub(super) fn subject_json(subject: &pb::Subject) -> Value {
    json!({ "type": subject.r#type, "id": subject.id })
}

/// A user or group from the wire, for programs; none if it is neither.
pub(super) fn user_or_group_json(who: &pb::UserOrGroup) -> Option<Value> {
    match who.kind.as_ref()? {
        pb::user_or_group::Kind::User(user) => Some(subject_json(user)),
        pb::user_or_group::Kind::Group(group) => Some(json!({ "type": "group", "id": group })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_subject_is_a_user() {
        for (text, kind, id) in [
            ("alice", SubjectKind::User, "alice"),
            ("user:alice", SubjectKind::User, "alice"),
            ("service:fax-router", SubjectKind::Service, "fax-router"),
            ("auth0|a:b", SubjectKind::User, "auth0|a:b"),
        ] {
            let subject = subject(text).unwrap();
            assert_eq!((subject.kind, subject.id()), (kind, id));
        }
        assert!(subject("user:").is_err());
    }
}
