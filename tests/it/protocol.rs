//! What the protocol promises is what the program says: every code and value of it is produced
//! somewhere.

use std::fs;
use std::path::Path;

/// The text of the program without its tests.
fn program() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "crates/lineguard-core/src", "crates/lineguard-store/src"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    files
}

fn read(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            read(&path, files);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            files.push((name, text));
        }
    }
}

fn protocol() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/lineguard/v1");
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// `A_B` as `AB` with small letters after the first of each word.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        format!("{first}{}", rest.to_lowercase())
    };
    name.split('_').map(word).collect()
}

/// Names of enumerations and of their values, as the generated code has them.
fn enumerations(protocol: &str) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for text in protocol.split("\nenum ").skip(1) {
        let (name, rest) = text.split_once(" {").unwrap();
        let body = rest.split_once("\n}").unwrap().0;
        let prefix: String = name
            .chars()
            .enumerate()
            .flat_map(|(at, c)| (at > 0 && c.is_uppercase()).then_some('_').into_iter().chain([c]))
            .collect::<String>()
            .to_uppercase();
        let values = body.lines().filter_map(|line| line.trim().split_once(" = "));
        let values = values.filter_map(|(value, _)| value.strip_prefix(&format!("{prefix}_")));
        all.push((name.to_owned(), values.map(camel).collect()));
    }
    all
}

#[test]
fn every_value_of_every_enumeration_is_used() {
    let program = program();
    let mapped = program.iter().find(|(name, _)| name.ends_with("wire/enums.rs")).unwrap();
    let mut unused = Vec::new();
    let all = enumerations(&protocol());
    assert!(all.len() > 15, "the protocol was not read");
    for (name, values) in all {
        for value in values.iter().filter(|value| *value != "Unspecified") {
            let said = format!("{name}::{value}");
            let renamed = (format!("use pb::{name} as Wire;"), format!("Wire::{value}"));
            let used = program.iter().any(|(_, text)| {
                text.contains(&said) || (text.contains(&renamed.0) && text.contains(&renamed.1))
            });
            let listed = mapped.1.split(&format!("\n    {name} {{")).nth(1);
            let listed = listed
                .and_then(|rest| rest.split_once('}'))
                .is_some_and(|(list, _)| list.split([',', ' ', '\n']).any(|one| one == value));
            if !used && !listed {
                unused.push(said);
            }
        }
    }
    assert!(unused.is_empty(), "never said or understood: {unused:?}");
}

#[test]
fn every_reason_of_a_decision_is_given_by_the_rules() {
    let rules: String = program()
        .into_iter()
        .filter(|(name, _)| {
            ["/engine/", "/rpc/", "auto_assign.rs"].iter().any(|part| name.contains(part))
        })
        .map(|(_, text)| text)
        .collect();
    let all = enumerations(&protocol());
    let (_, reasons) = all.iter().find(|(name, _)| name == "Reason").unwrap();
    assert!(reasons.len() > 15);
    for reason in reasons.iter().filter(|reason| *reason != "Unspecified") {
        assert!(rules.contains(&format!("Reason::{reason}")), "no rule gives {reason}");
    }
}

#[test]
fn every_failure_happens() {
    let program = program();
    let (_, status) = program.iter().find(|(name, _)| name.ends_with("wire/status.rs")).unwrap();
    let body = status.split_once("pub enum Failure {").unwrap().1.split_once("\n}").unwrap().0;
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with("///"));
    let variants: Vec<&str> = variants
        .filter_map(|line| line.split(['(', ',']).next().filter(|name| !name.is_empty()))
        .collect();
    assert!(variants.len() > 10);
    // What becomes of a failure does not make one happen.
    let (before, rest) = status.split_once("fn into_parts(self)").unwrap();
    let rest = rest.split_once("\n    }\n").unwrap().1;
    let elsewhere: String = program
        .iter()
        .filter(|(name, _)| !name.ends_with("wire/status.rs"))
        .map(|(_, text)| text.as_str())
        .chain([before, rest])
        .collect();
    for variant in variants {
        let made = ["Failure", "Self"].map(|ty| format!("{ty}::{variant}"));
        assert!(made.iter().any(|made| elsewhere.contains(made)), "{variant} never happens");
    }
}

#[test]
fn every_code_that_the_protocol_names_is_said() {
    let protocol = protocol();
    let enums = enumerations(&protocol);
    let program: String = program().into_iter().map(|(_, text)| text).collect();
    let codes =
        protocol.split('`').skip(1).step_by(2).filter(|word| {
            word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        });
    let mut named = 0;
    for code in codes {
        let of_enum = enums
            .iter()
            .any(|(_, values)| values.iter().any(|value| camel(code).ends_with(value.as_str())));
        let of_grpc = tonic_code(code);
        let said = program.contains(&format!("\"{code}\""));
        assert!(of_enum || of_grpc || said, "`{code}` is never said");
        named += 1;
    }
    assert!(named > 10);
}

/// Whether it is a code of gRPC.
fn tonic_code(code: &str) -> bool {
    (0..17).any(|number| format!("{:?}", tonic::Code::from_i32(number)) == camel(code))
}
