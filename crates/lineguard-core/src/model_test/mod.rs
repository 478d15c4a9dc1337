//! Runs the tests that a model text carries. `docs/models.md` describes how they are written.

mod given;
mod question;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;

use toml::{Table, Value};

use crate::decision::{Decision, Effect};
use crate::engine::caller_id::{CallerId, Candidates, Outcome, resolve};
use crate::engine::{Authority, compile, decide};
use crate::facts::{Capabilities, NumberFacts};
use crate::id::{Num, PhoneNumber};
use crate::model::{Model, ModelTest};
use crate::vocabulary::Vocabulary;

/// A test of a model that did not come out as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// Its name.
    pub name: Box<str>,
    /// Line of the text where it begins, from 1.
    pub line: usize,
    /// What came out, or what is wrong with the test itself.
    pub problem: String,
}

/// Runs every test of a model and returns those that failed.
pub fn run(model: &Model, vocabulary: &Vocabulary) -> Vec<TestFailure> {
    let failed = |test: &ModelTest| match run_one(model, vocabulary, &test.body) {
        Ok(()) => None,
        Err(problem) => Some(TestFailure { name: test.name.clone(), line: test.line, problem }),
    };
    model.tests.iter().filter_map(failed).collect()
}

/// Gives numbers to the names that a test uses.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: BTreeMap<String, Num>,
    numbers: Numbers,
}

/// What a test says of the numbers that it names. All others are set up at `home`, active, able to
/// do everything, and of no faxbox.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    elsewhere: Vec<Num>,
    inactive: Vec<Num>,
    faxboxes: BTreeMap<Num, Num>,
}

impl Names {
    pub(crate) const HOME: Num = Num(1);
    pub(crate) const PARENT: Num = Num(2);
    pub(crate) const CHILD: Num = Num(3);
    pub(crate) const ELSEWHERE: Num = Num(4);
    pub(crate) const ME: Num = Num(5);

    pub(crate) fn num(&mut self, name: &str) -> Num {
        match name {
            "home" => Self::HOME,
            "parent" => Self::PARENT,
            "child" => Self::CHILD,
            "elsewhere" => Self::ELSEWHERE,
            "me" => Self::ME,
            _ => {
                let next = Num(100 + self.known.len() as u64);
                *self.known.entry(name.to_owned()).or_insert(next)
            }
        }
    }

    fn name_of(&self, num: Num) -> Option<&str> {
        self.known.iter().find(|(_, one)| **one == num).map(|(name, _)| name.as_str())
    }

    /// What is known of a number that a test names.
    fn number_facts(&self, number: Num) -> NumberFacts {
        let Numbers { elsewhere, inactive, faxboxes } = &self.numbers;
        NumberFacts {
            number,
            account: if elsewhere.contains(&number) { Self::ELSEWHERE } else { Self::HOME },
            active: !inactive.contains(&number),
            capabilities: Capabilities { voice: true, fax: true, message: true },
            faxboxes: faxboxes.get(&number).copied().into_iter().collect(),
        }
    }

    fn phone_numbers(&self) -> Vec<Num> {
        let is_number = |(name, num): (&String, &Num)| PhoneNumber::parse(name).ok().map(|_| *num);
        self.known.iter().filter_map(is_number).collect()
    }
}

fn run_one(model: &Model, vocabulary: &Vocabulary, body: &Table) -> Result<(), String> {
    let empty = Table::new();
    let given = table(body, "given")?.unwrap_or(&empty);
    let ask = table(body, "ask")?.ok_or("`ask` is missing")?;
    let expect = table(body, "expect")?.ok_or("`expect` is missing")?;
    let mut names = Names::default();
    let facts = given::member(model, given, &mut names)?;
    let authority = compile(model, vocabulary, &facts).map_err(|unknown| unknown.to_string())?;
    if let Some(caller_id) = table(ask, "caller_id")? {
        says_what(expect, &["outcome", "number"], &["reason"])?;
        let question = question::caller_id(caller_id, &mut names)?;
        let numbers = names.phone_numbers().into_iter().map(|number| names.number_facts(number));
        let candidates: Vec<_> = numbers.collect();
        let candidates = Candidates { numbers: &candidates, complete: true };
        let answer = resolve(model, vocabulary, &authority, &question, candidates)
            .map_err(|missing| format!("a fact is missing: {missing:?}"))?;
        return caller_id_as_expected(&answer, expect, &names);
    }
    says_what(expect, &["effect"], &["reason", "permission", "obligations"])?;
    no_more_than_an_error(expect)?;
    let question = question::check(model, vocabulary, ask, &mut names)?;
    match decide(model, vocabulary, &authority, &question) {
        Ok(decision) => as_expected(model, &authority, &decision, expect),
        Err(missing) => same("effect", text(expect, "effect")?, "error")
            .map_err(|problem| format!("{problem}; missing: {missing:?}")),
    }
}

/// Refuses unknown keys, and an expectation that whatever comes out would fulfil.
fn says_what(expect: &Table, required: &[&str], optional: &[&str]) -> Result<(), String> {
    only(expect, "expect", &[required, optional].concat())?;
    if required.iter().any(|key| expect.contains_key(*key)) {
        return Ok(());
    }
    let required: Vec<_> = required.iter().map(|key| format!("`{key}`")).collect();
    Err(format!("`expect` needs {}", required.join(" or ")))
}

/// An error carries nothing that a decision does.
fn no_more_than_an_error(expect: &Table) -> Result<(), String> {
    let more = expect.keys().find(|key| *key != "effect");
    match (text(expect, "effect")?, more) {
        (Some("error"), Some(key)) => Err(format!("an error has no `{key}`")),
        _ => Ok(()),
    }
}

fn as_expected(
    model: &Model,
    authority: &Authority,
    decision: &Decision,
    expect: &Table,
) -> Result<(), String> {
    let effect = match decision.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    let told = || crate::explain::explain(model, Some(authority), decision).text;
    same("effect", text(expect, "effect")?, effect)
        .map_err(|problem| format!("{problem} ({}: {})", decision.reason.as_str(), told()))?;
    same("reason", text(expect, "reason")?, decision.reason.as_str())?;
    let permission = decision.permission.and_then(|ix| model.permission_at(ix));
    let key = permission.map_or("", |permission| permission.key.as_str());
    same("permission", text(expect, "permission")?, key)?;
    if let Some(obligations) = strings(expect, "obligations")? {
        let came: Vec<_> = decision.obligations.iter().map(|one| one.as_str()).collect();
        if came != obligations {
            return Err(format!("expected obligations {obligations:?}, came {came:?}"));
        }
    }
    Ok(())
}

fn caller_id_as_expected(answer: &CallerId, expect: &Table, names: &Names) -> Result<(), String> {
    let (outcome, number, reason) = match answer.outcome {
        Outcome::Number(number, _) => ("number", names.name_of(number).unwrap_or(""), ""),
        Outcome::Anonymous => ("anonymous", "", ""),
        Outcome::None(why) => ("none", "", why.code()),
        Outcome::Denied(why) => ("denied", "", why.code()),
    };
    same("outcome", text(expect, "outcome")?, outcome)?;
    same("number", text(expect, "number")?, number)
        .map_err(|problem| format!("{problem} ({outcome} {reason})"))?;
    same("reason", text(expect, "reason")?, reason)
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

pub(crate) fn only(table: &Table, name: &str, known: &[&str]) -> Result<(), String> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            let hint = crate::suggest::nearest(key, known.iter().copied());
            let hint = hint.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
            Err(format!("unknown key `{key}` in `{name}`{hint}"))
        }
        None => Ok(()),
    }
}

pub(crate) fn table<'t>(table: &'t Table, key: &str) -> Result<Option<&'t Table>, String> {
    typed(table, key, "a table", Value::as_table)
}

pub(crate) fn text<'t>(table: &'t Table, key: &str) -> Result<Option<&'t str>, String> {
    typed(table, key, "a text", Value::as_str)
}

pub(crate) fn flag(table: &Table, key: &str) -> Result<Option<bool>, String> {
    typed(table, key, "true or false", Value::as_bool)
}

pub(crate) fn strings<'t>(table: &'t Table, key: &str) -> Result<Option<Vec<&'t str>>, String> {
    typed(table, key, "a list of texts", |value| {
        value.as_array()?.iter().map(Value::as_str).collect()
    })
}

fn typed<'t, T>(
    table: &'t Table,
    key: &str,
    what: &str,
    read: impl Fn(&'t Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match table.get(key) {
        None => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| format!("`{key}` must be {what}")),
    }
}
