//! Reads and runs the tests that a model text carries. `docs/models.md` describes how they are
//! written.

mod expected;
mod given;
mod question;
mod read;
#[cfg(test)]
mod tests;

use crate::engine::caller_id::{Candidates, resolve};
use crate::engine::{compile, decide, role_permissions};
use crate::facts::MemberFacts;
use crate::model::{Model, ModelTest, TextError, parse_new};
use crate::request::{Conferred, Question};
use crate::text::{Fields, Source};
use crate::vocabulary::Vocabulary;
use expected::Expected;
use question::Asked;
pub(crate) use read::Words;
use read::{Names, Reader};

/// What a test says.
#[derive(Debug, Clone)]
pub struct Test {
    given: MemberFacts,
    asked: Asked,
    expected: Expected,
    names: Names,
}

/// A test of a model that did not come out as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// Its name.
    pub name: Box<str>,
    /// Line of the text where it begins, from 1.
    pub line: usize,
    /// Column where it begins, from 1.
    pub column: usize,
    /// What came out.
    pub problem: String,
}

impl From<TestFailure> for TextError {
    fn from(failure: TestFailure) -> Self {
        let TestFailure { name, line, column, problem } = failure;
        let problem = format!("test `{name}` failed: {problem}");
        Self { line, column, problem, suggestion: None }
    }
}

/// Reads a model text that somebody brings and runs its tests: the one door for new texts. All
/// mistakes at once, or all tests that fail.
pub fn check(text: &str, vocabulary: &Vocabulary) -> Result<Model, Vec<TextError>> {
    check_while(text, vocabulary, &|| true).unwrap_or_else(|| Err(Vec::new()))
}

/// The same for as long as somebody wants to know, who is asked before each test; none once nobody
/// does.
pub fn check_while(
    text: &str,
    vocabulary: &Vocabulary,
    wanted: &dyn Fn() -> bool,
) -> Option<Result<Model, Vec<TextError>>> {
    let model = match parse_new(text, vocabulary) {
        Ok(model) => model,
        Err(mistakes) => return Some(Err(mistakes)),
    };
    let failures = run_while(&model, vocabulary, wanted)?;
    Some(if failures.is_empty() {
        Ok(model)
    } else {
        Err(failures.into_iter().map(Into::into).collect())
    })
}

/// Runs every test of a model and returns those that failed. A test with a mistake in it is not
/// among those of a model: [`parse_new`] tells it.
pub fn run(model: &Model, vocabulary: &Vocabulary) -> Vec<TestFailure> {
    run_while(model, vocabulary, &|| true).unwrap_or_default()
}

fn run_while(
    model: &Model,
    vocabulary: &Vocabulary,
    wanted: &dyn Fn() -> bool,
) -> Option<Vec<TestFailure>> {
    let failed = |test: &ModelTest| {
        let ModelTest { name, line, column, says } = test;
        let problem = says.run(model, vocabulary).err()?;
        Some(TestFailure { name: name.clone(), line: *line, column: *column, problem })
    };
    let mut failures = Vec::new();
    for test in &model.tests {
        if !wanted() {
            return None;
        }
        failures.extend(failed(test));
    }
    Some(failures)
}

/// Reads a test; every mistake in it is remembered.
pub(crate) fn read<'s, 't>(
    source: &'s Source<'t>,
    test: &Fields<'s, 't>,
    words: &Words<'_>,
) -> Option<Test> {
    for part in ["given", "ask", "expect"] {
        if test.value(part).is_none() {
            test.missing(part);
        }
    }
    let mut reader = Reader { source, words, names: Names::default() };
    let given = test.sub("given", given::KEYS).map(|given| reader.member(&given));
    let ask = test.sub("ask", question::KEYS);
    let asked = ask.as_ref().and_then(|ask| reader.asked(ask));
    let about_caller_id = ask.as_ref().is_some_and(question::is_about_caller_id);
    let expected = reader.expected(test, about_caller_id);
    Some(Test { given: given?, asked: asked?, expected: expected?, names: reader.names })
}

impl Test {
    fn run(&self, model: &Model, vocabulary: &Vocabulary) -> Result<(), String> {
        let compiled = compile(model, vocabulary, &self.given);
        let authority = compiled.map_err(|unknown| unknown.to_string())?;
        match &self.asked {
            Asked::Check(question) => {
                let question = with_worth(model, question)?;
                let answer = decide(model, vocabulary, &authority, &question);
                self.expected.of_answer(model, &authority, &answer)
            }
            Asked::CallerId(question, numbers) => {
                let candidates = Candidates { numbers, complete: true };
                let answer = resolve(model, vocabulary, &authority, question, candidates)
                    .map_err(|missing| format!("a fact is missing: {missing:?}"))?;
                self.expected.of_presented(&answer, &self.names)
            }
        }
    }
}

/// The question, with what a role that it confers is worth by the model.
fn with_worth(model: &Model, question: &Question) -> Result<Question, String> {
    let mut question = question.clone();
    if let Some(Conferred::Role { key, permissions }) = &mut question.conferred {
        let worth = role_permissions(model, key, None);
        *permissions = worth.map_err(|unknown| unknown.to_string())?;
    }
    Ok(question)
}
