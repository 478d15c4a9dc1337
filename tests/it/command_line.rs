//! World files and questions by the program itself, against a server of its own.

use std::fs;
use std::path::Path;

use super::process::{Server, check, run};

const WORLD: &str = r#"
format = 1

[tenant]
id = "acme"
title = "Acme"
model = "retarus"
owner = "helena"

[[tenant.member]]
subjects = ["anna", "paul"]

[[tenant.member]]
subject = "emil"
status = "suspended"

[[tenant.faxbox]]
id = "desk"
members = ["anna", "emil"]

[[tenant.number]]
number = "+498999998010"
faxboxes = ["desk"]

[[tenant.fax]]
id = "odd"
direction = "inbound"
number = "+498999998010"
unfiled = true
at = 2026-01-01T00:00:00Z

[[tenant.fax_series]]
prefix = "in-"
count = 1200
direction = "inbound"
numbers = ["+498999998010"]
start = 2026-01-05T08:00:00Z
every = "7m"
"#;

/// Runs a command against a server and expects an exit code and a text.
fn ask(folder: &Path, server: &Server, arguments: &str, code: i32, said: &str) {
    let address = ["--server", server.listen.as_str()];
    let arguments: Vec<&str> = arguments.split(' ').chain(address).collect();
    check(&run(folder, &arguments), code, said);
}

fn serve(folder: &Path) -> Server {
    Server::start(folder, &["--listen=127.0.0.1:0"])
}

#[test]
fn a_world_goes_in_and_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("acme.toml"), WORLD).unwrap();
    let server = serve(here);
    ask(here, &server, "import acme.toml", 0, "1201 new faxes, revision 1");
    ask(here, &server, "import acme.toml", 0, "acme: nothing to change, revision 1");
    ask(here, &server, "export acme --file out.toml", 0, "");
    ask(here, &server, "import out.toml", 0, "acme: nothing to change, revision 1");
    ask(here, &server, "export nobody", 1, "does not exist");
    check(&run(here, &["import", "--offline", "acme.toml"]), 4, "another process");
    drop(server);

    let other = tempfile::tempdir().unwrap();
    let there = other.path();
    fs::copy(here.join("out.toml"), there.join("out.toml")).unwrap();
    check(&run(there, &["import", "--offline", "out.toml"]), 0, "1201 new faxes");
    check(&run(there, &["import", "--offline", "out.toml"]), 0, "nothing to change");
    let server = serve(there);
    ask(there, &server, "export acme --file again.toml", 0, "");
    let read = |folder: &Path, name| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read(here, "out.toml") == read(there, "again.toml"), "another tenant came out");
}

#[test]
fn a_file_with_mistakes_applies_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let bad = WORLD.replace("\"emil\"]", "\"emli\"]").replace("status =", "statuz =");
    fs::write(here.join("bad.toml"), bad).unwrap();
    check(&run(here, &["import", "--check", "bad.toml"]), 1, "did you mean `status`?");
    let server = serve(here);
    ask(here, &server, "import bad.toml", 1, "bad.toml:19:20: unknown member in `members`: `emli`");
    ask(here, &server, "export acme", 1, "does not exist");
}

#[test]
fn questions_are_answered_and_end_with_their_code() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("acme.toml"), WORLD).unwrap();
    let server = serve(here);
    ask(here, &server, "import acme.toml", 0, "revision 1");
    for (question, code, said) in [
        ("check anna fax.view fax:in-00001 -t acme", 0, "ALLOW  GRANTED"),
        ("check paul fax.view fax:in-00001 -t acme", 7, "DENY"),
        ("check emil fax.view fax:in-00001 -t acme", 7, "MEMBER_SUSPENDED"),
        ("check anna fax.view fax:odd -t acme", 7, "DENY"),
        ("check anna fax.veiw fax:in-00001 -t acme", 2, "did you mean `fax.view`"),
        ("check anna fax.view fax:in-00001 -t acme --output json", 0, "\"effect\":\"ALLOW\""),
        ("list-faxes anna -t acme --limit 3", 0, "3 faxes; there are more"),
        ("list-faxes anna -t acme --all", 0, "1200 faxes"),
        ("list-faxes paul -t acme", 0, "no fax\nnote: REQUIREMENT_NOT_MET"),
        ("auto-assign +498999998010 -t acme", 0, "faxbox desk  can open it"),
        ("auto-assign 0049 -t acme", 2, "E.164"),
        ("permissions anna -t acme --held", 0, "Fax activity"),
        ("check emil call.emergency -t acme", 0, "ALLOW  EMERGENCY_CALL"),
        ("check nobody call.emergency -t nowhere", 0, "ALLOW  EMERGENCY_CALL"),
        ("permissions nobody -t acme", 1, "active member of no account of any tenant"),
        // What exists is named as TYPE:ID.
        ("check anna fax.view in-00001 -t acme", 2, "did you mean `fax:in-00001`?"),
        ("check anna fax.view faxx -t acme", 2, "did you mean `fax`?"),
        // To the service, what does not exist is a deny; whoever may know more is told more.
        (
            "check anna fax.view fax:in-00001 -t acmee",
            7,
            "there is no tenant `acmee`; did you mean",
        ),
        ("check anna fax.view fax:in-00001 -t acme -a home", 7, "no account `home` in `acme`"),
        ("check olga fax.view fax:in-00001 -t acme", 7, "member of no account of any tenant"),
        ("list-faxes anna -t acmee", 7, "there is no tenant `acmee`; did you mean `acme`?"),
        ("list-faxes emil -t acme", 7, "note: MEMBER_SUSPENDED: The membership"),
        ("list-faxes olga -t acme", 7, "note: NOT_A_MEMBER_OF_ACTING_ACCOUNT"),
        ("caller-id olga -t acme", 7, "member of no account of any tenant"),
        // A misspelt key is neither an allow nor a deny.
        (
            "check helena role.assign member:user:anna -t acme --target role:tenant_admn",
            2,
            "unknown role `tenant_admn`, did you mean `tenant_admin`?",
        ),
        // For programs, one form of everything.
        (
            "auto-assign +498999998010 -t acme --output json",
            0,
            r#""reason":null,"target":{"id":"desk","type":"faxbox"}"#,
        ),
        ("list-faxes paul -t acme --output json", 0, "[]"),
        ("import --check acme.toml --output json", 0, r#"{"mistakes":[],"ok":true,"#),
    ] {
        ask(here, &server, question, code, said);
    }
}

const TREE: &str = r#"
format = 1

[tenant]
id = "tree"
title = "Tree"
model = "iovox"
root = "top"
owner = "olaf"

[[tenant.account]]
id = "left"
owner = "lena"

[[tenant.account]]
id = "right"
owner = "rita"

[[tenant.member]]
subject = "rita"
account = "left"
"#;

#[test]
fn the_acting_account_is_the_one_that_the_person_belongs_to() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("tree.toml"), TREE).unwrap();
    let server = serve(here);
    ask(here, &server, "import tree.toml", 0, "revision 1");
    for (question, code, said) in [
        // The root has another id than its tenant.
        ("permissions olaf -t tree --held", 0, "active, revision 1"),
        ("permissions lena -t tree --held", 0, "active, revision 1"),
        ("check lena user.view -t tree", 2, "unknown action"),
        // It is never guessed.
        ("permissions rita -t tree", 2, "several accounts of `tree`: `left`, `right`; say which"),
        ("permissions rita -t tree -a right", 0, "active, revision 1"),
        ("check lena fax.view -t tree -a right", 7, "in `tree` they may act from `left`"),
        ("check nemo fax.view -t tree", 7, "active member of no account of any tenant"),
    ] {
        ask(here, &server, question, code, said);
    }
}

/// What is printed for programs is one JSON value, also where a list goes over several pages.
#[test]
fn a_list_for_programs_is_one_array() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("acme.toml"), WORLD).unwrap();
    let server = serve(here);
    ask(here, &server, "import acme.toml", 0, "revision 1");
    let arguments = ["list-faxes", "anna", "-t", "acme", "--all", "--output", "json"];
    let output = run(here, &[&arguments[..], &["--server", &server.listen]].concat());
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1200);
    assert_eq!(list[0]["direction"], "INBOUND");
}

#[test]
fn a_question_that_misses_facts_says_how_to_give_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let server = Server::start(here, &["--demo", "--listen=127.0.0.1:0"]);
    let asked = "check jerome.whitfield fax.send -t ashworth-pell";
    ask(here, &server, asked, 2, "--fact number=VALUE\n  --fact attachment_sources=VALUE");
    let both = format!("{asked} --fact number= --fact attachment_sources=");
    let output = run(
        here,
        &[&both.split(' ').collect::<Vec<_>>()[..], &["--server", &server.listen]].concat(),
    );
    assert!(matches!(output.status.code(), Some(0 | 7)), "{output:?}");
    // One name for one fact.
    ask(here, &server, &format!("{asked} --fact source=cloud"), 2, "`attachment_sources`?");
    // The number that was asked for is denied, and the end says so.
    let denied = "caller-id cian.doyle -t brightline --number +441632960703";
    ask(here, &server, denied, 7, "NOT_CHOSEN   It is the preset default");
}

#[test]
fn the_vocabulary_is_told_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    check(&run(here, &["vocabulary"]), 0, "participants, extension, queue");
    check(&run(here, &["vocabulary", "call"]), 0, "--fact participants=SUBJECT");
    check(&run(here, &["vocabulary", "call", "--output", "json"]), 0, r#""action":"call.view""#);
    check(&run(here, &["vocabulary", "cal"]), 2, "did you mean `call`?");
    check(&run(here, &["check", "--help"]), 0, "`lineguard vocabulary call`");
}

#[test]
fn models_need_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    check(&run(here, &["models", "list"]), 0, "retarus");
    check(&run(here, &["models", "show", "retarus"]), 0, "fax.view");
    check(&run(here, &["models", "show", "ifax"]), 0, "members.unset_access_numbers        all");
    check(&run(here, &["models", "show", "retaros"]), 2, "did you mean `retarus`?");
    check(&run(here, &["models", "diff", "retarus", "retarus"]), 0, "nothing differs");
    fs::write(here.join("m.toml"), "format = 1\nname = \"m\"\ntitel = \"M\"\n").unwrap();
    check(&run(here, &["models", "check", "m.toml"]), 1, "m.toml:3:1: unknown key `titel`");
}

#[test]
fn the_demo_is_loaded_into_a_fresh_store_only() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for _ in 0..2 {
        let server = Server::start(here, &["--demo", "--listen=127.0.0.1:0"]);
        ask(here, &server, "check anna.keller fax.view fax:in-00001 -t isar-kliniken", 0, "ALLOW");
        ask(here, &server, "caller-id cian.doyle -t brightline", 0, "DEFAULT");
        // The release of what somebody has approved is answered, too.
        let released = "check lillian.choi fax.send fax:filing-01197 -t ashworth-pell";
        ask(here, &server, released, 0, "GRANTED");
    }
}
