//! What tells this program's answers in a shared cache from those of another: the digest that
//! `build.rs` takes has to cover all that the program is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

/// The files that the digest is over.
const COVERED: &str = include_str!(concat!(env!("OUT_DIR"), "/engine_files.txt"));

/// What is compiled and not covered.
const NOT_COVERED: [(&str, &str); 1] = [(
    "deploy/demo/",
    "worlds that `lineguard demo` sets up: answers are made of what is stored of them",
)];

/// Crates that are no part of the program.
const OTHER_CRATES: [(&str, &str); 4] = [
    ("lineguard-histories", "runs servers and checks their answers"),
    ("lineguard-protocol", "searches a model of the freshness protocol"),
    ("lineguard-testkit", "for tests"),
    ("lineguard-writes", "writes under faults"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn covered() -> BTreeSet<String> {
    COVERED.lines().map(str::to_owned).collect()
}

/// The crates of this workspace that a package is made with, by its manifest.
fn needs(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let mut tables = vec![&manifest];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    tables.extend(targets.into_iter().flat_map(toml::Table::values).filter_map(|v| v.as_table()));
    let dependencies = tables.iter().filter_map(|table| table.get("dependencies")?.as_table());
    let names = dependencies.flat_map(toml::Table::keys);
    names.filter(|name| name.starts_with("lineguard-")).cloned().collect()
}

/// All of them, and what they are made with in turn.
fn linked() -> BTreeSet<String> {
    let mut linked = BTreeSet::new();
    let mut more: Vec<_> = needs(root()).into_iter().collect();
    while let Some(name) = more.pop() {
        if linked.insert(name.clone()) {
            more.extend(needs(&root().join("crates").join(name)));
        }
    }
    linked
}

fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// Whether the file is only for tests, as `build.rs` tells them.
fn is_test(file: &str) -> bool {
    file.split('/').any(|part| part == "tests")
        || file.ends_with("/tests.rs")
        || file.ends_with("_tests.rs")
}

#[test]
fn every_crate_is_covered_or_is_no_part_of_the_program() {
    let linked = linked();
    let others: BTreeMap<_, _> = OTHER_CRATES.into_iter().collect();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let other = others.contains_key(&*name);
        assert_ne!(linked.contains(&name), other, "{name} is linked, or it is no part");
    }
    assert!(linked.contains("lineguard-core") && linked.contains("lineguard-cache"));
}

#[test]
fn every_source_is_covered() {
    let covered = covered();
    let mut sources = BTreeSet::from(["Cargo.lock", "Cargo.toml", "build.rs"].map(str::to_owned));
    for folder in ["src", "proto"] {
        files(&root().join(folder), &mut sources);
    }
    for name in linked() {
        let folder = root().join("crates").join(&name);
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap().path();
            let part = entry.file_name().unwrap().to_str().unwrap();
            match part {
                // Of other programs than this one.
                "tests" | "benches" => {}
                _ if entry.is_dir() => files(&entry, &mut sources),
                _ => drop(sources.insert(format!("crates/{name}/{part}"))),
            }
        }
    }
    let sources: BTreeSet<_> = sources.into_iter().filter(|file| !is_test(file)).collect();
    assert_eq!(sources.difference(&covered).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(covered.difference(&sources).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// What the compiler read for the libraries of the program, by what it noted beside them. Notes of
/// earlier builds lie there as well, and count.
fn compiled() -> BTreeMap<String, BTreeSet<String>> {
    let mut compiled = BTreeMap::<String, BTreeSet<String>>::new();
    let here = std::env::current_exe().unwrap();
    let of_program = libraries();
    for entry in fs::read_dir(here.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let crate_of = |name: &str| Some(name.strip_suffix(".d")?.rsplit_once('-')?.0.to_owned());
        let Some(name) = crate_of(name).filter(|name| of_program.contains(name)) else { continue };
        let notes = fs::read_to_string(&path).unwrap();
        // What tests or only checks the same sources makes no library, and reads more.
        let rules = notes.lines().filter_map(|line| line.split_once(".rlib: "));
        let read = rules.flat_map(|(_, read)| read.split(' ')).filter_map(in_repository);
        compiled.entry(name).or_default().extend(read);
    }
    compiled
}

fn libraries() -> BTreeSet<String> {
    linked().iter().map(|name| name.replace('-', "_")).chain(["lineguard".to_owned()]).collect()
}

/// The path of a file from the root of the repository; none for what the build has made, of `proto/`.
fn in_repository(file: &str) -> Option<String> {
    let made = Path::new(env!("OUT_DIR")).parent()?.parent()?;
    if Path::new(file).starts_with(made) {
        return None;
    }
    let mut parts = Vec::new();
    let whole = root().join(file);
    for part in whole.strip_prefix(root()).unwrap().components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            other => parts.push(other.as_os_str().to_str()?),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn everything_that_is_compiled_is_covered() {
    let (covered, compiled) = (covered(), compiled());
    for name in libraries() {
        let read = compiled.get(&name).map_or(0, BTreeSet::len);
        assert!(read > 0, "the compiler's notes about {name} are not found");
    }
    assert!(compiled["lineguard"].contains("src/wire/decision.rs"));
    assert!(compiled["lineguard_core"].contains("crates/lineguard-core/models/standard.toml"));
    let excepted = |file: &str| NOT_COVERED.iter().any(|(folder, _)| file.starts_with(folder));
    for file in compiled.values().flatten() {
        let gone = !root().join(file).exists();
        assert!(gone || excepted(file) || covered.contains(file), "{file} is compiled");
    }
    for (folder, _) in NOT_COVERED {
        assert!(compiled.values().flatten().any(|file| file.starts_with(folder)), "{folder}");
    }
}
