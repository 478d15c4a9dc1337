//! Mistakes of world files, each with its place.

use lineguard_core::change::{AttachmentSource, SourceSet};

use crate::world::World;

/// The mistakes of a text, one a line: `line: problem; did you mean …`.
fn mistakes(text: &str) -> String {
    match World::parse(text) {
        Ok(_) => "none".to_owned(),
        Err(errors) => errors
            .iter()
            .map(|error| {
                let told = error.to_string();
                let (line, rest) = told.split_once(':').unwrap();
                let (_, problem) = rest.split_once(": ").unwrap();
                format!("{line}: {problem}\n")
            })
            .collect(),
    }
}

fn in_tenant(model: &str, rest: &str) -> String {
    format!("format = 1\n[tenant]\nid = \"t\"\nmodel = \"{model}\"\n{rest}")
}

#[track_caller]
fn told(model: &str, rest: &str, expected: &str) {
    let mistakes = mistakes(&in_tenant(model, rest));
    assert!(mistakes.contains(expected), "expected {expected:?} among:\n{mistakes}");
}

#[test]
fn the_smallest_world() {
    let world = World::parse("format = 1\n[tenant]\nid = \"t\"\n").unwrap();
    let (id, tenant) = world.tenants.first_key_value().unwrap();
    assert_eq!(id.as_str(), "t");
    assert_eq!(tenant.root.as_str(), "t");
    assert_eq!((&tenant.title, &tenant.model, &tenant.kind), (&None, &None, &None));
    let changes = tenant.steps(id).changes;
    let [lineguard_core::change::Change::CreateTenant { title, model, .. }] = &changes[..] else {
        panic!("{changes:?}")
    };
    // What a new one begins with. The server calls it by its id.
    assert_eq!((&**title, Some(*model)), ("", crate::world::built_in_digest("standard")));
}

#[test]
fn several_tenants_stand_in_one_file() {
    let text =
        "format = 1\n[[tenant]]\nid = \"a\"\n[[tenant]]\nid = \"b\"\n[[tenant]]\nid = \"a\"\n";
    assert_eq!(mistakes(text), "7: `id`: tenant `a` is in line 3 already\n");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = "format = 1\n[tenant]\nid = \"\"\n";
    assert_eq!(mistakes(text), "3: `id` must not be empty, unlike ``\n");
    let text = in_tenant(
        "retaros",
        "titel = \"T\"\n[[tenant.member]]\nsubject = 7\n[[tenant.number]]\nnumber = \"0049\"\n",
    );
    assert_eq!(
        mistakes(&text),
        "4: unknown `model` `retaros`; did you mean `retarus`?\n\
         5: unknown key `titel`; did you mean `title`?\n\
         7: `subject` must be a string, not an integer\n\
         9: `number` must be in E.164 form: `+` and 7 to 15 digits, without blanks, unlike `0049`\n"
    );
}

#[test]
fn a_cycle_in_the_account_tree() {
    let rest = "[[tenant.account]]\nid = \"a\"\nparent = \"b\"\n\
                [[tenant.account]]\nid = \"b\"\nparent = \"a\"\n\
                [[tenant.account]]\nid = \"c\"\nparent = \"x\"\n";
    told("standard", rest, "7: `parent`: the accounts lie in a cycle: `a` → `b` → `a`\n");
    told("standard", rest, "13: unknown account in `parent`: `x`");
    told("retarus", rest, "6: `account`: the product model has no accounts below the root");
}

#[test]
fn two_members_in_a_personal_account() {
    let rest = "kind = \"personal\"\nowner = \"a\"\n[[tenant.member]]\nsubjects = [\"a\", \"b\"]\n";
    told("standard", rest, "5: `kind`: a personal account has one member, not 2");
    told("retarus", rest, "5: `kind`: the product model has no personal accounts");
    told("standard", "kind = \"personal\"\n", "needs its one member as `owner`");
}

#[test]
fn a_number_in_two_accounts() {
    let rest = "[[tenant.account]]\nid = \"a\"\n\
                [[tenant.number]]\nnumber = \"+15550100100\"\n\
                [[tenant.number]]\nnumber = \"+15550100100\"\naccount = \"a\"\n";
    told("standard", rest, "10: number `+15550100100` is in line 8 already");
}

#[test]
fn a_default_number_of_another_tenant() {
    let text = "format = 1\n[[tenant]]\nid = \"a\"\n[[tenant.member]]\nsubject = \"m\"\n\
                default_number = \"+15550100100\"\n[[tenant]]\nid = \"b\"\n[[tenant.number]]\n\
                number = \"+15550100100\"\n";
    assert_eq!(
        mistakes(text),
        "6: `default_number`: number `+15550100100` belongs to another tenant, `b`\n"
    );
    let sideways = "[[tenant.account]]\nid = \"a\"\n[[tenant.account]]\nid = \"b\"\n\
                    [[tenant.number]]\nnumber = \"+15550100100\"\naccount = \"a\"\n\
                    [[tenant.member]]\nsubject = \"m\"\naccount = \"b\"\n\
                    default_number = \"+15550100100\"\n";
    told("standard", sideways, "belongs to account `a`, which does not serve this one");
}

#[test]
fn numbers_that_were_given_back_are_named_by_faxes_alone() {
    let number = "[[tenant.retired_number]]\nnumber = \"+15550100100\"\naccount = \"a\"\n";
    let account = "[[tenant.account]]\nid = \"a\"\n";
    let fax = "[[tenant.fax]]\nid = \"f\"\ndirection = \"inbound\"\n\
               number = \"+15550100100\"\nat = 2026-01-05T08:00:00Z\n";
    let text = in_tenant("standard", &format!("{account}{number}{fax}"));
    let world = World::parse(&text).unwrap();
    assert_eq!(World::parse(&crate::world::print(&world)).as_ref(), Ok(&world));
    let fax = world.tenants.values().next().unwrap().faxes.values().next().unwrap();
    assert_eq!(fax.new.account.as_str(), "a");
    let listed = "[[tenant.member]]\nsubject = \"x\"\naccess_numbers = [\"+15550100100\"]\n";
    let text = format!("{account}{number}{listed}");
    told("standard", &text, "unknown number in `access_numbers`: `+15550100100`");
    let twice = format!("{account}{number}[[tenant.number]]\nnumber = \"+15550100100\"\n");
    told("standard", &twice, "number `+15550100100` is in line");
}

#[test]
fn two_receivers_of_one_number() {
    let two = "[[tenant.number]]\nnumber = \"+15550100100\"\n\
               [[tenant.member]]\nsubjects = [\"a\", \"b\"]\n\
               auto_assign_numbers = [\"+15550100100\"]\n";
    told(
        "standard",
        two,
        "6: `number`: the faxes of `+15550100100` have more than one receiver: `a`, `b`",
    );
    told("retarus", two, "`auto_assign_numbers`: the product model assigns no faxes to members");
    let beside = "[[tenant.number]]\nnumber = \"+15550100100\"\nfaxboxes = [\"f\"]\n\
                  [[tenant.faxbox]]\nid = \"f\"\n\
                  [[tenant.member]]\nsubject = \"a\"\nauto_assign_numbers = [\"+15550100100\"]\n";
    assert_eq!(mistakes(&in_tenant("standard", beside)), "none");
}

#[test]
fn names_that_nothing_has() {
    let rest = "[[tenant.member]]\nsubject = \"anna\"\nroles = [\"membre\"]\n\
                overrides = { \"fax.sned\" = \"on\", \"fax.ai\" = \"on\" }\n\
                switches = { faks = true }\nvisibility = \"evrything\"\n\
                granted_queues = [\"q\"]\nlabels = \"al\"\nattachment_sources = [\"cluod\"]\n\
                [[tenant.group]]\nid = \"g\"\nmembers = [\"ana\"]\n\
                [[tenant.faxbox]]\nid = \"f\"\ngroups = [\"gg\"]\n";
    told("standard", rest, "7: unknown role in `roles`: `membre`; did you mean `member`?");
    told(
        "standard",
        rest,
        "8: unknown permission in `overrides`: `fax.sned`; did you mean `fax.send`?",
    );
    told("standard", rest, "8: `overrides`: `fax.ai` comes with roles only");
    told("standard", rest, "9: unknown product `faks`");
    told("standard", rest, "10: unknown visibility level `evrything`; did you mean `everything`?");
    told("standard", rest, "11: unknown queue in `granted_queues`: `q`");
    told("standard", rest, "12: unknown word for `labels`: `al`; did you mean `all`?");
    told("standard", rest, "13: unknown attachment source `cluod`; did you mean `cloud`?");
    told("standard", rest, "16: unknown member in `members`: `ana`; did you mean `anna`?");
    told("standard", rest, "19: unknown group in `groups`: `gg`");
}

#[test]
fn faxes_and_series() {
    let rest = "[[tenant.fax]]\nid = \"f\"\ndirection = \"in\"\nat = \"2026-01-01\"\n\
                [[tenant.fax]]\nid = \"g\"\ndirection = \"inbound\"\nstate = \"draft\"\n\
                at = 2026-01-01T00:00:00Z\n\
                [[tenant.fax_series]]\nprefix = \"s\"\ncount = 0\ndirection = \"outbound\"\n\
                start = 2026-01-01T00:00:00Z\nevery = \"7\"\nsenders = [\"nobody\"]\n";
    told("standard", rest, "7: unknown value of `direction`: `in`");
    told("standard", rest, "8: `at` must be a date with time and offset");
    told("standard", rest, "12: `state`: a received fax is neither a draft nor pending");
    told("standard", rest, "16: `count` must be a number from 1 to 1000000");
    told("standard", rest, "19: `every`: `7` is not a span like");
    told("standard", rest, "20: unknown member in `senders`: `nobody`");
}

#[test]
fn a_series_is_always_the_same() {
    let rest = "[[tenant.number]]\nnumbers = [\"+15550100100\", \"+15550100101\"]\n\
                [[tenant.fax_series]]\nprefix = \"in-\"\ncount = 3\ndirection = \"inbound\"\n\
                numbers = [\"+15550100100\", \"+15550100101\"]\nstates = [\"active\", \"trash\"]\n\
                labels = [[\"b\", \"a\"], []]\nstart = 2026-01-01T00:00:00Z\nevery = \"90s\"\n";
    let world = World::parse(&in_tenant("standard", rest)).unwrap();
    let (_, tenant) = world.tenants.first_key_value().unwrap();
    let faxes: Vec<String> = tenant
        .faxes
        .values()
        .map(|fax| {
            let new = &fax.new;
            let number = new.number.as_ref().unwrap().as_str();
            let state = new.state.as_str();
            format!("{} {number} {state} {:?} {}", new.fax, new.labels.len(), new.at.0)
        })
        .collect();
    assert_eq!(
        faxes,
        [
            "in-00001 +15550100100 active 2 1767225600000",
            "in-00002 +15550100101 trash 0 1767225690000",
            "in-00003 +15550100100 active 2 1767225780000",
        ]
    );
}

#[test]
fn subjects_that_look_like_something_else_read_back() {
    let rest =
        "[[tenant.member]]\nsubjects = [\"user:service:x\", \"service:x\", \"ö \\\"x\\\"\"]\n";
    let world = World::parse(&in_tenant("standard", rest)).unwrap();
    let text = crate::world::print(&world);
    assert!(text.contains("\"user:service:x\""), "{text}");
    assert_eq!(World::parse(&text), Ok(world));
}

#[test]
fn the_examples_of_the_documentation_are_world_files() {
    let page = include_str!("../../../docs/world-files.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole: Vec<&str> = blocks.filter(|block| block.starts_with("format = 1")).collect();
    assert!(!whole.is_empty());
    for block in whole {
        assert_eq!(mistakes(block), "none", "{block}");
    }
}

#[test]
fn every_key_of_the_format_is_documented() {
    let page = include_str!("../../../docs/world-files.md");
    for key in super::TENANT {
        assert!(page.contains(key), "`{key}` is missing");
    }
}

#[test]
fn a_fax_that_waits_says_who_sends_it() {
    let rest = "[[tenant.fax]]\nid = \"f\"\ndirection = \"outbound\"\nstate = \"pending\"\n\
                at = 2026-01-01T00:00:00Z\n\
                [[tenant.fax_series]]\nprefix = \"s\"\ncount = 2\ndirection = \"outbound\"\n\
                states = [\"draft\", \"pending\"]\nstart = 2026-01-01T00:00:00Z\nevery = \"7m\"\n";
    told("standard", rest, "8: `state`: a fax is not pending without somebody who sends it");
    told("standard", rest, "14: `state`: a fax is not pending without somebody who sends it");
}

#[test]
fn what_is_known_of_attachments_reads_back() {
    let fax = |id: &str, sources: &str| {
        format!(
            "[[tenant.fax]]\nid = \"{id}\"\ndirection = \"outbound\"\n{sources}\n\
             at = 2026-01-01T00:00:00Z\n"
        )
    };
    let rest = [
        fax("unsaid", ""),
        fax("none", "attachment_sources = []"),
        fax("some", "attachment_sources = [\"library\", \"cloud\"]"),
        "[[tenant.fax_series]]\nprefix = \"s\"\ncount = 1\ndirection = \"outbound\"\n\
         attachment_sources = [\"computer\"]\nstart = 2026-01-01T00:00:00Z\nevery = \"7m\"\n"
            .to_owned(),
    ];
    let world = World::parse(&in_tenant("standard", &rest.concat())).unwrap();
    let (_, tenant) = world.tenants.first_key_value().unwrap();
    let known: Vec<String> = tenant
        .faxes
        .values()
        .map(|fax| {
            let words = |set: SourceSet| set.iter().map(AttachmentSource::as_str).collect();
            let known: Option<Vec<_>> = fax.new.attachment_sources.map(words);
            format!("{} {known:?}", fax.new.fax)
        })
        .collect();
    let expected = [
        "none Some([])",
        "s00001 Some([\"computer\"])",
        "some Some([\"cloud\", \"library\"])",
        "unsaid None",
    ];
    assert_eq!(known, expected);
    assert_eq!(World::parse(&crate::world::print(&world)), Ok(world));
    let wrong = fax("f", "attachment_sources = [\"cluod\"]");
    told("standard", &wrong, "8: unknown value of `attachment_sources`: `cluod`");
}
