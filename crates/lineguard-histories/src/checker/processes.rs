//! No process answers at a lower revision than it has answered at before. What a sidecar passes on is
//! not its own answer: of which life of its parent that is, nobody knows.

use std::collections::BTreeMap;

use super::{Rule, Violation};
use crate::history::{Answer, History};

pub(super) fn check(history: &History, found: &mut Vec<Violation>) {
    let mut processes: BTreeMap<_, Vec<&Answer>> = BTreeMap::new();
    for answer in history.answers.iter().filter(|answer| !answer.is_passed_on()) {
        if let Some(life) = answer.life {
            let tenant = history.tenant(answer.register);
            processes.entry((answer.place, life, tenant)).or_default().push(answer);
        }
    }
    for answers in processes.into_values() {
        never_backwards(answers, found);
    }
}

/// Compares each answer with those that had come before it was asked for. Answers that overlap may
/// come in any order.
fn never_backwards(mut by_call: Vec<&Answer>, found: &mut Vec<Violation>) {
    let mut by_reply = by_call.clone();
    by_call.sort_by_key(|answer| answer.call);
    by_reply.sort_by_key(|answer| answer.reply);
    let mut replied = by_reply.into_iter().peekable();
    let mut highest: Option<&Answer> = None;
    for answer in by_call {
        while let Some(before) = replied.next_if(|before| before.reply < answer.call) {
            if highest.is_none_or(|highest| highest.revision < before.revision) {
                highest = Some(before);
            }
        }
        if let Some(highest) = highest
            && highest.revision > answer.revision
        {
            let events = format!("a process went back\n    {highest}\n    {answer}");
            found.push(Violation { rule: Rule::Backwards, at: answer.reply, events });
        }
    }
}
