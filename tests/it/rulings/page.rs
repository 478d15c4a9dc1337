//! Every ruling that anything in the repository names stands on its page, with a test that exists and
//! a link that leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: [&str; 6] = ["src", "crates", "proto", "tests", "docs", "deploy"];
const TEXTS: [&str; 6] = ["rs", "proto", "toml", "md", "py", "sh"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = path.extension().is_some_and(|end| TEXTS.iter().any(|one| *one == end));
        if path.is_dir() {
            if !path.ends_with("target") {
                texts(&path, found);
            }
        } else if text {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn repository() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in SOURCES {
        texts(&root().join(folder), &mut found);
    }
    found
}

/// The numbers that stand after the word for rulings: `rulings R13, R14`.
fn named(text: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for rest in text.split("ulings R").skip(1) {
        // A comma or a line break may stand between them.
        let rest = format!("R{rest}");
        let words = rest.split(|sign: char| sign.is_whitespace() || "/,:;.)(".contains(sign));
        for word in words.filter(|word| !word.is_empty() && *word != "and" && *word != "to") {
            let Some(number) = word.strip_prefix('R').and_then(|digits| digits.parse().ok()) else {
                break;
            };
            numbers.insert(number);
        }
    }
    numbers
}

/// The paragraphs of the page by number.
fn page() -> BTreeMap<u32, String> {
    let text = fs::read_to_string(root().join("docs/rulings.md")).unwrap();
    let mut entries = BTreeMap::new();
    for part in text.split("\n### R").skip(1) {
        let (number, entry) = part.split_once('\n').unwrap();
        let known = entries.insert(number.parse().unwrap(), entry.to_owned());
        assert_eq!(known, None, "R{number} stands twice");
    }
    entries
}

#[test]
fn every_ruling_that_is_named_stands_on_the_page() {
    let known = page();
    assert_eq!(known.keys().copied().collect::<Vec<_>>(), Vec::from_iter(1..=41));
    let mut seen = 0;
    for (path, text) in repository() {
        for number in named(&text) {
            assert!(known.contains_key(&number), "{}: there is no R{number}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} references were found");
}

#[test]
fn every_ruling_names_a_test_that_exists_and_pages_that_exist() {
    let all: String = repository()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "rs"))
        .map(|(_, text)| text)
        .collect();
    for (number, entry) in page() {
        let test = entry.split("Test: `").nth(1).and_then(|rest| rest.split('`').next());
        let test = test.unwrap_or_else(|| panic!("R{number} names no test"));
        assert!(all.contains(&format!("fn {test}(")), "R{number}: there is no test `{test}`");
        for link in entry.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let text = fs::read_to_string(root().join("docs").join(file));
            let text = text.unwrap_or_else(|_| panic!("R{number}: there is no page {file}"));
            let anchors = text.lines().filter_map(|line| line.strip_prefix("## "));
            let anchor = |title: &str| title.to_lowercase().replace(' ', "-").replace(',', "");
            let known = section.is_empty() || anchors.into_iter().any(|one| anchor(one) == section);
            assert!(known, "R{number}: {file} has no section {section}");
        }
    }
}
