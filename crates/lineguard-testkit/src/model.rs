//! Model texts for tests of stores and changes.

/// A model with one of everything: a tree, flowing numbers, personal accounts, several roles per
/// member, one target per number.
pub const PLAIN: &str = r#"
format = 1
name = "plain"
title = "Plain"
summary = "For tests of stores and changes."

[tree]
sub_accounts = true
numbers_flow_down = true
personal = true

[members]
default_roles = ["user"]

[[product]]
key = "fax"
title = "Fax"

[[flag]]
key = "editing"
title = "Editing"
default = true

[[setting]]
key = "approval"
title = "Approval"
rule = "approval"
default = false

[[visibility]]
key = "all"
title = "All"
reach = ["account"]

[[visibility]]
key = "given"
title = "Given numbers"
reach = ["number.access"]

[[permission]]
key = "view"
title = "View faxes"
category = "Faxes"
product = "fax"
actions = ["fax.view"]
reach = ["visibility"]

[[permission]]
key = "send"
title = "Send faxes"
category = "Faxes"
product = "fax"
actions = ["fax.send"]
scopes = ["number", "source"]

[[permission]]
key = "forms"
title = "View forms"
category = "Forms"
actions = ["form.view"]
scopes = ["form_type"]

[[permission]]
key = "ai"
title = "Summaries"
category = "AI"
actions = ["fax.delete"]
role_only = true

[[role]]
key = "user"
title = "User"
visibility = "given"
permissions = ["view", "send"]

[[role]]
key = "admin"
title = "Administrator"
visibility = "all"
permissions = ["view", "send"]

[[role]]
key = "holder"
title = "Account holder"
locked = true
visibility = "all"
permissions = ["view", "send"]

[[overlay]]
key = "account_owner"
title = "Account owner"
of = "account"
permissions = "everything"

[auto_assign]
targets = ["user", "group", "faxbox"]
"#;

/// The plain model without what its first version has: no tree, no personal accounts, one role,
/// one permission, and members only as targets.
pub const NARROW: &str = r#"
format = 1
name = "narrow"
title = "Narrow"
summary = "For tests of what a model refuses."

[members]
roles = "one"

[[visibility]]
key = "all"
title = "All"
reach = ["account"]

[[permission]]
key = "view"
title = "View faxes"
category = "Faxes"
actions = ["fax.view"]
reach = ["visibility"]

[[role]]
key = "user"
title = "User"
visibility = "all"
permissions = ["view"]

[[role]]
key = "admin"
title = "Administrator"
visibility = "all"
permissions = ["view"]

[auto_assign]
targets = ["user"]
"#;

/// The plain model, with several targets per number.
pub fn several_targets() -> String {
    format!("{PLAIN}several = true\n")
}

/// The plain model, with a permission that makes administrators and a role `boss` that has it.
pub fn administered() -> String {
    let boss = boss(&["view", "send", "roles"]);
    format!("{PLAIN}{ROLES}{boss}")
}

/// The same, where the role no longer has it.
pub fn no_longer_administered() -> String {
    let boss = boss(&["view", "send"]);
    format!("{PLAIN}{ROLES}{boss}")
}

const ROLES: &str = r#"
[[permission]]
key = "roles"
title = "Assign roles"
category = "Members"
actions = ["role.assign"]
"#;

fn boss(permissions: &[&str]) -> String {
    format!(
        "\n[[role]]\nkey = \"boss\"\ntitle = \"Boss\"\nvisibility = \"all\"\npermissions = {permissions:?}\n"
    )
}
