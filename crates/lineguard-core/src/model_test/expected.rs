//! What a test expects.

use std::fmt::Display;

use super::read::{Names, Reader};
use crate::decision::{Decision, Effect, MissingFacts, Reason};
use crate::engine::Authority;
use crate::engine::caller_id::{CallerId, Outcome};
use crate::id::Key;
use crate::model::{Model, Obligation};
use crate::text::Fields;

/// What a test expects.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// No answer, because a fact is missing.
    Error,
    /// A decision.
    Decision {
        effect: Effect,
        reason: Option<Reason>,
        permission: Option<Key>,
        obligations: Option<Vec<Obligation>>,
    },
    /// A number, anonymity, nothing, or a denial.
    CallerId { outcome: Option<Box<str>>, number: Option<Box<str>>, reason: Option<Box<str>> },
}

const CHECK_KEYS: &[&str] = &["effect", "reason", "permission", "obligations"];
const CALLER_ID_KEYS: &[&str] = &["outcome", "number", "reason"];
const OUTCOMES: [(&str, &str); 4] =
    [("number", "number"), ("anonymous", "anonymous"), ("none", "none"), ("denied", "denied")];
const EFFECTS: [(Option<Effect>, &str); 3] =
    [(Some(Effect::Allow), "allow"), (Some(Effect::Deny), "deny"), (None, "error")];

impl<'s, 't> Reader<'s, 't, '_> {
    /// Refuses an expectation that whatever comes out would fulfil.
    pub(super) fn expected(
        &self,
        test: &Fields<'s, 't>,
        about_caller_id: bool,
    ) -> Option<Expected> {
        if about_caller_id {
            self.of_caller_id(&test.sub("expect", CALLER_ID_KEYS)?)
        } else {
            self.of_decision(&test.sub("expect", CHECK_KEYS)?)
        }
    }

    fn of_decision(&self, expect: &Fields<'s, 't>) -> Option<Expected> {
        let reason = expect.choice("reason", &Reason::ALL);
        let permission = expect.item("permission");
        let permission =
            permission.and_then(|item| self.key(item, "permission", &self.words.permissions));
        let obligations = expect.value("obligations").map(|_| {
            let words = [(Obligation::Approval, Obligation::Approval.as_str())];
            expect.choices("obligations", &words)
        });
        match expect.required_choice("effect", &EFFECTS)? {
            Some(effect) => Some(Expected::Decision { effect, reason, permission, obligations }),
            None => {
                // An error carries nothing that a decision does.
                let rest = ["reason", "permission", "obligations"];
                expect.refuse(&rest, "means nothing beside an error");
                Some(Expected::Error)
            }
        }
    }

    fn of_caller_id(&self, expect: &Fields<'s, 't>) -> Option<Expected> {
        let text = |key| expect.item(key).map(|item| Box::from(item.text));
        let outcome = expect.choice("outcome", &OUTCOMES).map(Box::from);
        let (number, reason) = (text("number"), text("reason"));
        if expect.value("outcome").is_none() && expect.value("number").is_none() {
            self.source.error(expect.at(), "`expect` needs `outcome` or `number`");
        }
        Some(Expected::CallerId { outcome, number, reason })
    }
}

impl Expected {
    /// What is wrong with the answer to a question.
    pub(super) fn of_answer(
        &self,
        model: &Model,
        authority: &Authority,
        answer: &Result<Decision, MissingFacts>,
    ) -> Result<(), String> {
        match (self, answer) {
            (Self::Decision { effect, reason, permission, obligations }, Ok(decision)) => {
                let told = || crate::explain::explain(model, Some(authority), decision).text;
                same("effect", Some(effect_word(*effect)), effect_word(decision.effect)).map_err(
                    |problem| format!("{problem} ({}: {})", decision.reason.as_str(), told()),
                )?;
                same("reason", reason.map(Reason::as_str), decision.reason.as_str())?;
                let came = decision.permission.and_then(|ix| model.permission_at(ix));
                let came = came.map_or("", |permission| permission.key.as_str());
                same("permission", permission.as_ref().map(Key::as_str), came)?;
                let came: Vec<_> = decision.obligations.iter().collect();
                match obligations {
                    Some(expected) if *expected != came => {
                        Err(format!("expected obligations {expected:?}, came {came:?}"))
                    }
                    _ => Ok(()),
                }
            }
            (Self::Decision { effect, .. }, Err(missing)) => {
                same("effect", Some(effect_word(*effect)), "error")
                    .map_err(|problem| format!("{problem}; missing: {missing:?}"))
            }
            (Self::Error, Ok(decision)) => {
                same("effect", Some("error"), effect_word(decision.effect))
            }
            (Self::Error, Err(_)) => Ok(()),
            (Self::CallerId { .. }, _) => Err("the test asks for something else".to_owned()),
        }
    }

    /// What is wrong with what is presented.
    pub(super) fn of_presented(&self, answer: &CallerId, names: &Names) -> Result<(), String> {
        let Self::CallerId { outcome, number, reason } = self else {
            return Err("the test asks for something else".to_owned());
        };
        let (came, shown, why) = match answer.outcome {
            Outcome::Number(number, _) => ("number", names.name_of(number).unwrap_or(""), ""),
            Outcome::Anonymous => ("anonymous", "", ""),
            Outcome::None(why) => ("none", "", why.code()),
            Outcome::Denied(why) => ("denied", "", why.code()),
        };
        same("outcome", outcome.as_deref(), came)?;
        same("number", number.as_deref(), shown)
            .map_err(|problem| format!("{problem} ({came} {why})"))?;
        same("reason", reason.as_deref(), why)
    }
}

const fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    }
}

fn same(what: &str, expected: Option<&str>, came: impl Display) -> Result<(), String> {
    let came = came.to_string();
    match expected {
        Some(expected) if expected != came => {
            Err(format!("expected {what} `{expected}`, came `{came}`"))
        }
        _ => Ok(()),
    }
}
