use super::check;
use crate::model::{Model, TextError, built_in_vocabulary, parse};

const MODEL: &str = r#"
format = 1
name = "conferring"
title = "Conferring"
summary = "Roles and permissions are conferred by those who hold them."

[[permission]]
key = "confer"
title = "Assign roles and permissions"
category = "People"
actions = ["role.assign", "permission.assign"]

[[permission]]
key = "bills"
title = "See bills"
category = "People"
actions = ["billing.view"]

[[permission]]
key = "numbers"
title = "See calls on given numbers"
category = "People"
actions = ["call.view"]
reach = ["number.access"]

[caller_id]
choose = "caller_id.use"
hide = "caller_id.hide"
single_number_is_default = false

[[role]]
key = "lead"
title = "Lead"
permissions = ["confer", "numbers"]

[[role]]
key = "clerk"
title = "Clerk"
permissions = ["bills"]
"#;

fn with(tests: &str) -> Result<Model, Vec<TextError>> {
    check(&format!("{MODEL}{tests}"), built_in_vocabulary())
}

/// What is wrong with a test of a lead.
fn problem(ask: &str, expect: &str) -> Option<String> {
    let given = r#"given = { roles = ["lead"], access = [] }"#;
    let test = format!("[[test]]\nname = \"one\"\n{given}\nask = {ask}\nexpect = {expect}\n");
    let mistakes = with(&test).err()?;
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    let TextError { problem, suggestion, .. } = mistakes.into_iter().next()?;
    let near = suggestion.map(|near| format!("; did you mean `{near}`?"));
    Some(format!("{problem}{}", near.unwrap_or_default()))
}

#[test]
fn a_test_says_what_it_confers() {
    let denied = r#"{ effect = "deny", reason = "MAY_NOT_CONFER", permission = "confer" }"#;
    let allowed = r#"{ effect = "allow" }"#;
    for (target, expect) in [
        (r#"action = "role.assign", target = { role = "clerk" }"#, denied),
        (r#"action = "role.assign", target = { role = "lead" }"#, allowed),
        (r#"action = "permission.assign", target = { permission = "bills" }"#, denied),
        (r#"action = "permission.assign", target = { permission = "numbers" }"#, allowed),
        (r#"action = "role.assign""#, r#"{ effect = "error" }"#),
    ] {
        assert_eq!(problem(&format!("{{ {target} }}"), expect), None, "{target}");
    }
}

#[test]
fn what_is_conferred_must_exist_and_fit_the_action() {
    for (ask, told) in [
        (
            r#"action = "role.assign", target = { role = "clark" }"#,
            "unknown role `clark`; did you mean `clerk`?",
        ),
        (
            r#"action = "role.assign", target = { role = "clerk", permission = "bills" }"#,
            "unknown key `permission`",
        ),
        (r#"action = "role.assign", target = {}"#, "missing key `role`"),
        (
            r#"action = "permission.assign", target = { permission = "clerk" }"#,
            "unknown permission `clerk`",
        ),
    ] {
        let expect = r#"{ effect = "deny", reason = "MAY_NOT_CONFER" }"#;
        assert_eq!(problem(&format!("{{ {ask} }}"), expect).as_deref(), Some(told));
    }
}

#[test]
fn an_expectation_says_what_comes_out() {
    // A call of which the number is not known: an error.
    let error = r#"{ action = "call.view" }"#;
    let caller_id = "{ caller_id = {} }";
    for (ask, expect, told) in [
        (error, r#"{ effect = "error" }"#, None),
        (error, "{}", Some("missing key `effect`")),
        (error, r#"{ reason = "GRANTED" }"#, Some("missing key `effect`")),
        (
            error,
            r#"{ effect = "error", efect = "error" }"#,
            Some("unknown key `efect`; did you mean `effect`?"),
        ),
        (
            error,
            r#"{ effect = "error", reason = "GRANTED" }"#,
            Some("`reason` means nothing beside an error"),
        ),
        (
            error,
            r#"{ effect = "error", obligations = [] }"#,
            Some("`obligations` means nothing beside an error"),
        ),
        (
            error,
            r#"{ effect = "deny", reason = "NO_GRAND" }"#,
            Some("unknown value of `reason`: `NO_GRAND`; did you mean `NO_GRANT`?"),
        ),
        (caller_id, r#"{ outcome = "none" }"#, None),
        (caller_id, "{}", Some("`expect` needs `outcome` or `number`")),
        (
            caller_id,
            r#"{ reason = "NOTHING_SELECTABLE" }"#,
            Some("`expect` needs `outcome` or `number`"),
        ),
    ] {
        assert_eq!(problem(ask, expect).as_deref(), told, "{ask} {expect}");
    }
}

/// Mistakes of the model and of its tests stand together, each where it is.
#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let tests = r#"
[[test]]
name = "one"
given = { roles = ["laed"], on = ["bils"], status = "activ", sources = [] }
ask = { action = "call.veiw", channel = "wap" }
expect = { effect = "allowed" }

[[test]]
name = "two"
given = {}
ask = { action = "call.view", facts = { faxbox = "box", nubmer = "+1", direction = "in" } }
expect = { permission = "nubers", effect = "deny" }

[[test]]
name = "three"
given = { flags = { dark = true }, settings = { x = 1 }, scoped = { bill = {} } }
ask = { action = "billing.view", target = {} }
"#;
    let broken = MODEL.replace("\"billing.view\"", "\"billing.veiw\"");
    let lines = broken.lines().count();
    let mistakes = check(&format!("{broken}{tests}"), built_in_vocabulary()).err().unwrap();
    let told: Vec<_> = mistakes
        .iter()
        .map(|one| {
            let near = one.suggestion.as_deref().unwrap_or("");
            (one.line, one.column, format!("{} ({near})", one.problem))
        })
        .collect();
    let of_model = told.iter().filter(|(line, ..)| *line <= lines).count();
    assert_eq!(of_model, 1, "{told:?}");
    let of_tests: Vec<_> = told[1..]
        .iter()
        .map(|(line, column, problem)| (line - lines, *column, problem.as_str()))
        .collect();
    let expected = [
        (4, 20, "unknown role `laed` (lead)"),
        (4, 35, "unknown permission `bils` (bills)"),
        (4, 53, "unknown value of `status`: `activ` (active)"),
        (4, 62, "unknown key `sources` ()"),
        (5, 18, "unknown action `call.veiw` (call.view)"),
        (5, 41, "unknown value of `channel`: `wap` ()"),
        (6, 21, "unknown value of `effect`: `allowed` (allow)"),
        (11, 41, "`faxbox` is no fact of the resource type `call` ()"),
        (11, 57, "unknown key `nubmer` (number)"),
        (11, 84, "unknown value of `direction`: `in` (inbound)"),
        (12, 25, "unknown permission `nubers` (numbers)"),
        (14, 1, "missing key `expect` ()"),
        (16, 21, "unknown feature flag `dark` ()"),
        (16, 49, "unknown setting `x` ()"),
        (16, 53, "`x` must be `true` or `false`, not an integer ()"),
        (16, 69, "unknown key `bill` (bills)"),
        (17, 34, "`target` means nothing: `billing.view` has none ()"),
    ];
    assert_eq!(of_tests, expected);
}

#[test]
fn a_failing_test_is_told_with_its_place() {
    let test = r#"
[[test]]
name = "a clerk sees no bills"
given = { roles = ["clerk"] }
ask = { action = "billing.view" }
expect = { effect = "deny" }
"#;
    let failed = with(test).err().unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].line, failed[0].column), (MODEL.lines().count() + 2, 1));
    let told = "test `a clerk sees no bills` failed: expected effect `deny`, came `allow`";
    assert!(failed[0].problem.starts_with(told), "{}", failed[0].problem);
}

#[test]
fn a_text_in_the_store_stays_readable_whatever_its_tests_say() {
    let test = "[[test]]\nname = \"one\"\ngiven = { role = [] }\nask = {}\nexpect = {}\n";
    let former = MODEL.replace(
        "reach = [\"number.access\"]",
        "reach = [{ field = \"participant\", in = \"self\" }]",
    );
    let text = format!("{former}{test}");
    let model = parse(&text, built_in_vocabulary()).unwrap();
    assert!(model.tests.is_empty(), "a test with a mistake is none");
    let told = check(&text, built_in_vocabulary()).err().unwrap();
    let former = told.iter().find(|one| one.problem.contains("`participant`")).unwrap();
    assert_eq!(former.suggestion.as_deref(), Some("participants"));
    assert!(told.iter().any(|one| one.problem == "unknown key `role`"), "{told:?}");
}

const WATCHING: &str = r#"
format = 1
name = "watching"
title = "Watching"
summary = "Leads see what their people have, deputies what they were given."

[[permission]]
key = "supervised"
title = "See calls of one's people"
category = "Calls"
actions = ["call.view"]
reach = ["supervised"]

[[permission]]
key = "delegated"
title = "See messages of those who delegated"
category = "Messages"
actions = ["message.view"]
reach = ["delegated"]

[[role]]
key = "lead"
title = "Lead"
permissions = ["supervised", "delegated"]

[[test]]
name = "a lead sees the calls of their people"
given = { roles = ["lead"], supervised = ["worker"] }
ask = { action = "call.view", facts = { participants = ["worker"] } }
expect = { effect = "allow", permission = "supervised" }

[[test]]
name = "a lead does not see the calls of other people"
given = { roles = ["lead"], supervised = ["worker"], delegators = ["boss"] }
ask = { action = "call.view", facts = { participants = ["boss"] } }
expect = { effect = "deny", reason = "OUT_OF_REACH" }

[[test]]
name = "a deputy sees the messages of who delegated to them"
given = { roles = ["lead"], delegators = ["boss"] }
ask = { action = "message.view", facts = { creator = "boss" } }
expect = { effect = "allow", permission = "delegated" }

[[test]]
name = "a deputy does not see the messages of other people"
given = { roles = ["lead"], delegators = ["boss"], supervised = ["worker"] }
ask = { action = "message.view", facts = { creator = "worker", participants = [], assignee = "me" } }
expect = { effect = "deny", reason = "OUT_OF_REACH" }
"#;

#[test]
fn a_test_says_who_is_supervised_and_who_delegated() {
    let model = check(WATCHING, built_in_vocabulary());
    assert_eq!(model.unwrap_or_else(|told| panic!("{told:?}")).tests.len(), 4);
}
