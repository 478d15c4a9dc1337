//! Each answer against the writes of its register and of its tenant.

use super::writes::Writes;
use super::{Rule, Violation};
use crate::history::{Answer, Attempt, History, Write, word};

pub(super) fn check(history: &History, writes: &Writes<'_>, found: &mut Vec<Violation>) {
    for answer in &history.answers {
        let name = history.register(answer.register).map_or("", |register| register.name.as_str());
        let mut tell = |rule, says: &str, writes: &[&Write]| {
            let mut events = format!("{name}: {says}\n    {answer}");
            for write in writes {
                events.push_str(&format!("\n    {write}"));
                tell_attempts(history, write, &mut events);
            }
            found.push(Violation { rule, at: answer.reply, events });
        };
        let of_register = writes.of_register(answer.register);
        reflects(answer, of_register, &mut tell);
        of_one_revision(answer, of_register, &mut tell);
        within_bounds(history, answer, writes, &mut tell);
    }
}

/// How a write came to its acknowledgement.
fn tell_attempts(history: &History, write: &Write, events: &mut String) {
    let of_write = |attempt: &&Attempt| {
        attempt.register == write.register
            && attempt.call >= write.call
            && write.ack.is_none_or(|ack| attempt.end <= ack)
    };
    for attempt in history.attempts.iter().filter(of_write) {
        events.push_str(&format!("\n      {attempt}"));
    }
}

/// The value is that of a write that may have been in force at some moment of the question.
fn reflects(answer: &Answer, writes: &[&Write], tell: &mut impl FnMut(Rule, &str, &[&Write])) {
    let over = writes.partition_point(|write| write.ack.is_some_and(|ack| ack < answer.call));
    // Before the first acknowledgement nothing is known.
    let Some(oldest) = over.checked_sub(1) else { return };
    let begun = writes.partition_point(|write| write.call <= answer.reply);
    let possible = writes.get(oldest..begun).unwrap_or_default();
    if !possible.iter().any(|write| Some(write.value) == answer.value) {
        tell(Rule::Reflects, "an answer shows none of the writes that may be in force", possible);
    }
}

/// The value is that of the revision which the answer carries.
fn of_one_revision(
    answer: &Answer,
    writes: &[&Write],
    tell: &mut impl FnMut(Rule, &str, &[&Write]),
) {
    let made = |write: &&Write| write.ack.is_some() && write.revision <= answer.revision;
    let up_to = writes.partition_point(made);
    let Some(then) = up_to.checked_sub(1).and_then(|at| writes.get(at)) else { return };
    // A write that was never acknowledged has a revision, if any, that nobody told us.
    let unknown = writes.get(up_to).filter(|next| next.ack.is_none() && next.call <= answer.reply);
    let possible = [Some(then.value), unknown.map(|write| write.value)];
    if answer.value.is_none() || !possible.contains(&answer.value) {
        let says = format!("at that revision it was {}", word(Some(then.value)));
        tell(Rule::OneRevision, &says, &[then]);
    }
}

/// The revision is neither older than the answer may be nor from the future.
fn within_bounds(
    history: &History,
    answer: &Answer,
    writes: &Writes<'_>,
    tell: &mut impl FnMut(Rule, &str, &[&Write]),
) {
    let tenant = history.tenant(answer.register);
    if let Some(write) = writes.acknowledged(tenant, answer.call)
        && write.revision > answer.revision
    {
        tell(Rule::Acknowledged, "a write of the tenant was acknowledged before", &[write]);
    }
    if let Some(write) = writes.called_last(tenant, answer.revision)
        && write.call > answer.reply
    {
        tell(Rule::Future, "its revision includes a write that was not called yet", &[write]);
    }
    if !writes.can_exist(tenant, answer.revision, answer.reply) {
        tell(Rule::Future, "no write made that revision", &[]);
    }
    if answer.revision < answer.at_least {
        tell(Rule::Token, "older than its token", &[]);
    }
}
