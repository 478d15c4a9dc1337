use super::run;
use crate::model::{built_in_vocabulary, parse};

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

[[test]]
name = "one"
"#;

/// What is wrong with a test of a lead.
fn problem(ask: &str, expect: &str) -> Option<String> {
    let test =
        format!("given = {{ roles = [\"lead\"], access = [] }}\nask = {ask}\nexpect = {expect}");
    let model = parse(&format!("{MODEL}{test}\n"), built_in_vocabulary()).unwrap();
    let failures = run(&model, built_in_vocabulary());
    assert!(failures.len() <= 1, "{failures:?}");
    failures.into_iter().next().map(|failure| failure.problem)
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
        (r#"action = "role.assign", target = { role = "clark" }"#, "unknown role `clark`"),
        (
            r#"action = "role.assign", target = { permission = "bills" }"#,
            "unknown key `permission` in `target`",
        ),
        (r#"action = "role.assign", target = {}"#, "`ask.target` needs `role`"),
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
        (error, "{}", Some("`expect` needs `effect`")),
        (error, r#"{ reason = "GRANTED" }"#, Some("`expect` needs `effect`")),
        (
            error,
            r#"{ efect = "error" }"#,
            Some("unknown key `efect` in `expect`; did you mean `effect`?"),
        ),
        (error, r#"{ effect = "error", reason = "GRANTED" }"#, Some("an error has no `reason`")),
        (error, r#"{ effect = "error", obligations = [] }"#, Some("an error has no `obligations`")),
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
