//! The models folder, by the program itself: what is in it is judged before anything starts, told of
//! when it is in use, and named by its name.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use lineguard_core::id::ModelDigest;

use crate::harness::text_of;
use crate::process::{Server, check, run};

const SERVE: [&str; 2] = ["--listen=127.0.0.1:0", "--models-dir=models"];

/// A model of an operator's own: a built-in one under another name.
fn northwind() -> String {
    text_of("iovox").replacen("name = \"iovox\"", "name = \"northwind\"", 1)
}

/// The line of a text, from 1, that holds this.
fn line_of(text: &str, wanted: &str) -> usize {
    text.lines().position(|line| line.contains(wanted)).unwrap() + 1
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("models").join(name), text).unwrap();
    }
    folder
}

/// Every way to a store is refused as a mistake of the configuration, and no store is made.
fn refused(folder: &Path, said: &[&str]) {
    let nowhere = "--database-url=postgres://nobody@127.0.0.1:1/none";
    let world = "format = 1\n[tenant]\nid = \"t\"\n";
    fs::write(folder.join("world.toml"), world).unwrap();
    let offline = ["import", "--offline", "--models-dir=models", "world.toml"];
    // An address that is taken: a server that would start ends all the same.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let serve = ["serve", "--models-dir=models", &listen];
    let validate = ["config", "validate", "--models-dir=models"];
    for arguments in [
        &serve[..],
        &[&serve[..], &[nowhere]].concat(),
        &["migrate", "--models-dir=models"],
        &offline,
        &validate,
    ] {
        let output = run(folder, arguments);
        for said in said {
            check(&output, 3, said);
        }
        assert!(!folder.join("lineguard.db").exists(), "{arguments:?}");
    }
}

#[test]
fn a_test_that_fails_refuses_the_start() {
    let text = northwind();
    let wrong =
        text.replacen("expect = { effect = \"allow\" }", "expect = { effect = \"deny\" }", 1);
    assert!(wrong != text, "the model has such a test");
    let here = folder(&[
        (
            "good.toml",
            text_of("standard").replacen("name = \"standard\"", "name = \"other\"", 1).as_bytes(),
        ),
        ("northwind.toml", wrong.as_bytes()),
    ]);
    let before =
        wrong.lines().take(line_of(&wrong, "expect = { effect = \"deny\" }")).collect::<Vec<_>>();
    let line = before.iter().rposition(|line| *line == "[[test]]").unwrap() + 1;
    refused(here.path(), &[&format!("models/northwind.toml:{line}:1: test `"), "failed: "]);
}

#[test]
fn a_mistake_is_told_with_its_place_all_of_them_at_once() {
    let text = northwind();
    let one = text.replacen("title = ", "titel = ", 1);
    let two = text.replacen("name = \"northwind\"", "name = \"southwind\"\nsumary = \"x\"", 1);
    let here = folder(&[
        ("one.toml", one.as_bytes()),
        ("two.toml", two.as_bytes()),
        ("notes.txt", b"\xff"),
    ]);
    let one =
        format!("models/one.toml:{}:1: unknown key `titel`; did you mean", line_of(&one, "titel"));
    let two = format!("models/two.toml:{}:1: unknown key `sumary`", line_of(&two, "sumary"));
    refused(here.path(), &[&one, &two]);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let text = northwind();
    let line = line_of(&text, "name = \"northwind\"");
    let other = format!("# Another text.\n{text}");
    let built_in = text.replace("\"northwind\"", "\"retarus\"");
    let here = folder(&[
        ("a.toml", text.as_bytes()),
        ("b.toml", other.as_bytes()),
        ("c.toml", built_in.as_bytes()),
        ("d.toml", text_of("retarus").as_bytes()),
    ]);
    let second = format!(
        "models/b.toml:{}:8: `name`: `northwind` is the name of `a.toml` already",
        line + 1
    );
    let taken = "is the name of a built-in model";
    let third = format!("models/c.toml:{line}:8: `name`: `retarus` {taken}");
    let same = format!(
        "models/d.toml:{}:8: `name`: `retarus` {taken}",
        line_of(text_of("retarus"), "name = ")
    );
    refused(here.path(), &[&second, &third, &same]);
    let said = run(here.path(), &["models", "check", "models/c.toml"]);
    check(&said, 0, "is the name of a built-in model of another text");
}

#[test]
fn what_cannot_be_read_is_no_empty_folder() {
    let long = format!("{}#{}", northwind(), "x".repeat(1 << 20));
    for (text, said) in
        [(&b"name = \"\xff\""[..], "UTF-8"), (long.as_bytes(), "longer than 1048576")]
    {
        let here = folder(&[("bad.toml", text)]);
        refused(here.path(), &["models_dir: `models/bad.toml`: ", said]);
    }
    let here = tempfile::tempdir().unwrap();
    refused(here.path(), &["models_dir: `models`: "]);
}

const WORLD: &str = "format = 1\n[tenant]\nid = \"acme\"\nmodel = \"northwind\"\nowner = \"helena\"\n\
                     [[tenant.member]]\nsubject = \"anna\"\nroles = [\"full_editor\"]\n";

#[test]
fn what_is_loaded_is_logged_listed_and_named_by_its_name() {
    let text = northwind();
    let digest = ModelDigest::of(&text).to_string();
    let folder = folder(&[("nw.toml", text.as_bytes())]);
    let here = folder.path();
    let checked = run(here, &["models", "check", "models/nw.toml"]);
    check(&checked, 0, &format!("tests passed, `northwind` {digest}"));
    let checked = run(here, &["models", "check", "models/nw.toml", "--output=json"]);
    check(
        &checked,
        0,
        &format!("\"digest\":\"{digest}\",\"file\":\"models/nw.toml\",\"name\":\"northwind\""),
    );

    {
        let server = Server::start(here, &SERVE);
        let line = server.before.iter().find(|line| line.contains(&digest));
        let line = line.unwrap_or_else(|| panic!("{:?}", server.before));
        for said in ["\"model\":\"northwind\"", "\"file\":\"nw.toml\"", "is in use"] {
            assert!(line.contains(said), "{line}");
        }
        let asked = |arguments: &[&str], code, said: &str| {
            check(&run(here, &[arguments, &["--server", &server.listen]].concat()), code, said);
        };
        asked(&["models", "list", "--from-server"], 0, &format!("{digest}  nw.toml"));
        asked(&["models", "list", "--from-server", "--output=json"], 0, "\"file\":\"nw.toml\"");
        fs::write(here.join("acme.toml"), WORLD).unwrap();
        fs::write(here.join("typo.toml"), WORLD.replace("northwind", "nortwind")).unwrap();
        asked(
            &["import", "typo.toml"],
            1,
            "typo.toml:4:9: unknown `model` `nortwind`; did you mean `northwind`?",
        );
        asked(&["import", "acme.toml"], 0, "acme");
        asked(&["check", "anna", "report.view", "report", "-t", "acme"], 0, "ALLOW");
        asked(&["export", "acme"], 0, &format!("model = \"{digest}\""));
    }
    // Nobody to ask, and nothing said: the name means nothing.
    check(
        &run(here, &["import", "--check", "acme.toml"]),
        1,
        "acme.toml:4:9: unknown `model` `northwind`",
    );
    check(&run(here, &["import", "--check", "--models-dir=models", "acme.toml"]), 0, "no mistakes");
    let roles = WORLD.replace("full_editor", "full_editr");
    fs::write(here.join("role.toml"), roles).unwrap();
    let said = "role.toml:8:10: unknown role in `roles`: `full_editr`; did you mean `full_editor`?";
    check(&run(here, &["import", "--check", "--models-dir=models", "role.toml"]), 1, said);
    let offline = ["import", "--offline", "--models-dir=models", "acme.toml"];
    check(&run(here, &offline), 0, "nothing to change");
}

#[test]
fn the_name_means_what_is_in_the_folder_now() {
    let before = northwind();
    let folder = folder(&[("nw.toml", before.as_bytes())]);
    let here = folder.path();
    let (acme, other) = (WORLD, WORLD.replace("\"acme\"", "\"other\""));
    fs::write(here.join("acme.toml"), acme).unwrap();
    fs::write(here.join("other.toml"), other).unwrap();
    check(&run(here, &["import", "--offline", "--models-dir=models", "acme.toml"]), 0, "acme");
    let after = format!("# Second edition.\n{before}");
    fs::write(here.join("models/nw.toml"), &after).unwrap();
    let server = Server::start(here, &SERVE);
    let asked = |arguments: &[&str], said: &str| {
        check(&run(here, &[arguments, &["--server", &server.listen]].concat()), 0, said);
    };
    // Both are there: the one of the tenant, and the one that has the name now.
    for text in [&before, &after] {
        asked(&["models", "list", "--from-server"], &ModelDigest::of(text).to_string());
    }
    asked(&["import", "other.toml"], "other");
    asked(&["export", "other"], &ModelDigest::of(&after).to_string());
    asked(&["export", "acme"], &ModelDigest::of(&before).to_string());
}
