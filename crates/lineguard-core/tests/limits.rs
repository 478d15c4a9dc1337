//! What a new model may come to in all, and that nobody is costly to compile who holds as much as can
//! be held.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells how long things take"
)]

use std::fmt::Write as _;
use std::time::Instant;

use lineguard_core::change::apply::limits::{MAX_GROUP_ROLES, MAX_GROUPS, MAX_LEVELS, MAX_ROLES};
use lineguard_core::engine::{Authority, compile};
use lineguard_core::facts::{
    AccountLevel, AccountSetup, GroupFacts, MemberFacts, MemberStatus, Membership, Override,
};
use lineguard_core::id::{Key, ModelDigest, Num, Revision};
use lineguard_core::model::{BUILT_IN, TextError, built_in_vocabulary, parse, parse_new};
use lineguard_core::model_test::check_while;

const HEAD: &str = "format = 1\nname = \"big\"\ntitle = \"Big\"\nsummary = \"Much of all.\"\n";

/// So many permissions that grant these actions, and so many roles that hold all of them.
fn text(permissions: usize, actions: &str, roles: usize) -> String {
    let mut text = HEAD.to_owned();
    for at in 0..permissions {
        let _ = writeln!(
            text,
            "[[permission]]\nkey = \"p{at}\"\ntitle = \"P\"\ncategory = \"C\"\nactions = [{actions}]"
        );
    }
    for at in 0..roles {
        let _ = writeln!(text, "[[role]]\nkey = \"r{at}\"\ntitle = \"R\"\npermissions = \"all\"");
    }
    text
}

fn mistakes(text: &str) -> Vec<TextError> {
    parse_new(text, built_in_vocabulary()).expect_err("a text beyond a limit")
}

#[test]
fn roles_of_a_new_model_hold_so_many_permissions_together() {
    let vocabulary = built_in_vocabulary();
    let fits = text(500, "\"billing.view\"", 200);
    assert!(parse_new(&fits, vocabulary).is_ok());
    let above = text(500, "\"billing.view\"", 203);
    let told = mistakes(&above);
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert_eq!(
        told[0].problem,
        "the roles up to `r200` hold 100500 permissions together; 100000 are allowed"
    );
    let line = above.lines().position(|line| line == "key = \"r200\"").expect("its line");
    assert_eq!(told[0].line, line, "at the entry, whose key stands in the next line");
    assert!(parse(&above, vocabulary).is_ok(), "what is in the store stays readable");
}

#[test]
fn permissions_of_a_new_model_have_so_many_terms_together() {
    let vocabulary = built_in_vocabulary();
    let all = vocabulary.actions().map(|(_, def)| format!("\"{}\"", def.name));
    let many: Vec<String> =
        all.filter(|one| parse_new(&text(1, one, 0), vocabulary).is_ok()).collect();
    let permissions = 50_000 / many.len();
    let actions = many.join(", ");
    assert!(parse_new(&text(permissions, &actions, 0), vocabulary).is_ok());
    let told = mistakes(&text(permissions + 2, &actions, 0));
    let problem = format!(
        "the permissions up to `p{permissions}` have more than 50000 actions with clauses of their \
         reach together"
    );
    assert_eq!(told.len(), 1, "told once: {told:?}");
    assert_eq!(told[0].problem, problem);
}

#[test]
fn the_built_in_models_are_far_below_the_limits() {
    for (name, text) in BUILT_IN {
        let model = parse_new(text, built_in_vocabulary()).expect("a built-in model");
        let held: usize = model.roles.iter().map(|role| role.permissions.len()).sum();
        assert!(held < 10_000, "{name}: {held}");
    }
}

fn key(text: String) -> Key {
    Key::parse(&text).expect("a key")
}

fn roles(count: usize) -> Vec<Key> {
    (0..count).map(|at| key(format!("r{at}"))).collect()
}

/// A member with this many roles at each of this many levels, in so many groups of so many roles.
fn member(levels: usize, own: usize, groups: usize, of_group: usize) -> MemberFacts {
    let membership = || Membership {
        member: Num(1),
        status: MemberStatus::Active,
        roles: roles(own),
        // One at each level: what it takes may be given again below.
        overrides: [(key("p3".to_owned()), Override::On)].into(),
        switches: [].into(),
        visibility: None,
        lists: [].into(),
        restrictions: [].into(),
        default_number: None,
    };
    let level = |at| AccountLevel {
        account: Num(at),
        sealed: at % 2 == 0,
        setup: AccountSetup::default(),
        roles: Vec::new(),
        membership: Some(membership()),
    };
    let group = |at| GroupFacts {
        group: Num(1_000 + at),
        account: Num(1),
        title: format!("group {at}").into(),
        roles: roles(of_group),
    };
    MemberFacts {
        revision: Revision(1),
        model: ModelDigest([0; 32]),
        subject: Num(900),
        path: (1..=levels as u64).map(level).collect(),
        below: Vec::new(),
        groups: (0..groups as u64).map(group).collect(),
        owned_accounts: Vec::new(),
        faxboxes: Vec::new(),
        owned_faxboxes: Vec::new(),
        owned_groups: Vec::new(),
        supervised: Vec::new(),
        supervised_below: Vec::new(),
        delegators: Vec::new(),
        taken: None,
    }
}

fn terms(authority: &Authority) -> usize {
    let vocabulary = built_in_vocabulary();
    vocabulary.actions().map(|(action, _)| authority.terms(action).len()).sum()
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is for people to read")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn many_roles_of_many_permissions_make_no_more_terms_than_one() {
    let text = text(900, "\"billing.view\", \"member.view\"", 100);
    let model = parse_new(&text, built_in_vocabulary()).expect("a model within the limits");
    let compiled = |facts: &MemberFacts| {
        let start = now();
        let authority = compile(&model, built_in_vocabulary(), facts).expect("known keys");
        println!("{:?}", start.elapsed());
        authority
    };
    let one = compiled(&member(1, 1, 0, 0));
    assert_eq!(terms(&one), 1_800);
    let most = compiled(&member(MAX_LEVELS, MAX_ROLES, MAX_GROUPS, MAX_GROUP_ROLES));
    assert_eq!(terms(&most), 1_800);
    let few = compiled(&member(1, 3, 0, 0));
    let origins = &few.standing(lineguard_core::model::PermissionIx(7)).expect("it").origins;
    let keys: Vec<_> = origins.iter().filter_map(|ix| few.origin(*ix)).collect();
    let keys: Vec<_> = keys.iter().map(|origin| origin.key.as_str()).collect();
    assert_eq!(keys, ["r0", "r1", "r2"], "each is told all the same");
}

#[test]
fn tests_of_a_model_are_run_while_somebody_wants_to_know() {
    let test = "[[test]]\nname = \"N\"\ngiven = { roles = [\"r0\"] }\n\
                ask = { action = \"billing.view\" }\nexpect = { effect = \"allow\" }\n";
    let text = format!("{}{}", text(1, "\"billing.view\"", 1), test.repeat(5));
    let vocabulary = built_in_vocabulary();
    let text: String = {
        let mut at = 0;
        let lines = text.lines().map(|line| match line {
            "name = \"N\"" => {
                at += 1;
                format!("name = \"test {at}\"\n")
            }
            line => format!("{line}\n"),
        });
        lines.collect()
    };
    let whole = check_while(&text, vocabulary, &|| true).expect("somebody wants to know");
    assert!(whole.is_ok(), "{:?}", whole.err());
    let asked = std::cell::Cell::new(0);
    let wanted = || {
        asked.set(asked.get() + 1);
        asked.get() <= 2
    };
    assert!(check_while(&text, vocabulary, &wanted).is_none());
    assert_eq!(asked.get(), 3, "nothing is run once nobody wants to know");
}
