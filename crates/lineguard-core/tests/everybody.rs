//! What every member has whatever their roles: as if each membership had one more role.

use lineguard_core::model::built_in_vocabulary;
use lineguard_core::model_test::check;

const MODEL: &str = r#"
format = 1
name = "everybody"
title = "Everybody"
summary = "What every member has, and how far."

[tree]
sub_accounts = true

[members]
everybody = ["forms", "here", "paid", "new", "ruled", "calls", "confer", "bills", "from"]

[[product]]
key = "extra"
title = "Extra"

[[flag]]
key = "beta"
title = "Beta"
default = true

[[permission]]
key = "forms"
title = "View forms"
category = "All"
actions = ["form.view"]
scopes = ["form_type"]

[[permission]]
key = "here"
title = "View groups"
category = "All"
actions = ["group.view"]
inherited = false

[[permission]]
key = "paid"
title = "View reports"
category = "All"
product = "extra"
actions = ["report.view"]

[[permission]]
key = "new"
title = "View the audit log"
category = "All"
flag = "beta"
actions = ["audit.view"]

[[permission]]
key = "ruled"
title = "View members"
category = "All"
actions = ["member.view"]
role_only = true

[[permission]]
key = "calls"
title = "View calls"
category = "All"
actions = ["call.view"]
reach = ["own"]

[[permission]]
key = "confer"
title = "Assign roles and permissions"
category = "All"
actions = ["role.assign", "permission.assign"]

[[permission]]
key = "bills"
title = "See bills"
category = "All"
actions = ["billing.view"]

[[permission]]
key = "from"
title = "Send from every number"
category = "All"
kind = "restriction"
restricts = "send_from.fax"

[[permission]]
key = "send"
title = "Send faxes"
category = "Roles"
actions = ["fax.send"]

[[permission]]
key = "pay"
title = "Change bills"
category = "Roles"
actions = ["billing.update"]

[[role]]
key = "clerk"
title = "Clerk"
permissions = ["bills"]

[[role]]
key = "cashier"
title = "Cashier"
permissions = ["bills", "pay"]

[[role]]
key = "lead"
title = "Lead"
permissions = ["calls"]
reach = { calls = ["account"] }

[[role]]
key = "head"
title = "Head"
locked = true
permissions = ["bills"]

[[test]]
name = "who has no role has it"
given = { roles = [] }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "allow", reason = "GRANTED", permission = "forms" }

[[test]]
name = "and nothing else"
given = { roles = [] }
ask = { action = "billing.update" }
expect = { effect = "deny", reason = "NO_GRANT", permission = "pay" }

[[test]]
name = "an override takes it away"
given = { roles = ["clerk"], off = ["forms"] }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "deny", reason = "EXPLICITLY_DENIED", permission = "forms" }

[[test]]
name = "an override limits it: within"
given = { roles = [], scoped = { forms = { form_type = ["invoice"] } } }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "allow", permission = "forms" }

[[test]]
name = "an override limits it: beyond"
given = { roles = [], scoped = { forms = { form_type = ["invoice"] } } }
ask = { action = "form.view", facts = { form_type = "order" } }
expect = { effect = "deny", reason = "OUT_OF_REACH", permission = "forms" }

[[test]]
name = "a locked role keeps what it gives itself"
given = { roles = ["head"], off = ["bills"] }
ask = { action = "billing.view" }
expect = { effect = "allow", permission = "bills" }

[[test]]
name = "a locked role does not lock what everybody has"
given = { roles = ["head"], off = ["forms"] }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "deny", reason = "EXPLICITLY_DENIED", permission = "forms" }

[[test]]
name = "it is for active memberships"
given = { roles = [], status = "suspended" }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "deny", reason = "MEMBER_SUSPENDED" }

[[test]]
name = "not before an invitation is accepted"
given = { roles = [], status = "invited" }
ask = { action = "form.view", facts = { form_type = "invoice" } }
expect = { effect = "deny", reason = "MEMBER_INVITED" }

[[test]]
name = "it needs the product"
given = { roles = [], not_entitled = ["extra"] }
ask = { action = "report.view" }
expect = { effect = "deny", reason = "NOT_ENTITLED", permission = "paid" }

[[test]]
name = "it needs the member's switch"
given = { roles = [], switched_off = ["extra"] }
ask = { action = "report.view" }
expect = { effect = "deny", reason = "PRODUCT_SWITCHED_OFF", permission = "paid" }

[[test]]
name = "it needs the feature"
given = { roles = [], flags = { beta = false } }
ask = { action = "audit.view" }
expect = { effect = "deny", reason = "FEATURE_OFF", permission = "new" }

[[test]]
name = "what comes through a role only comes through this one, too"
given = { roles = [] }
ask = { action = "member.view", facts = { creator = "someone" } }
expect = { effect = "allow", permission = "ruled" }

[[test]]
name = "it is inherited"
given = { roles = [] }
ask = { action = "form.view", facts = { account = "child", form_type = "invoice" } }
expect = { effect = "allow", permission = "forms" }

[[test]]
name = "unless the permission is not"
given = { roles = [] }
ask = { action = "group.view", facts = { account = "child" } }
expect = { effect = "deny", reason = "OUT_OF_REACH", permission = "here" }

[[test]]
name = "a seal stops it"
given = { roles = [], sealed_child = true }
ask = { action = "form.view", facts = { account = "child", form_type = "invoice" } }
expect = { effect = "deny", reason = "OUT_OF_REACH", permission = "forms" }

[[test]]
name = "it has the reach of the permission"
given = { roles = [] }
ask = { action = "call.view", facts = { participants = ["someone"] } }
expect = { effect = "deny", reason = "OUT_OF_REACH", permission = "calls" }

[[test]]
name = "a role adds its own reach"
given = { roles = ["lead"] }
ask = { action = "call.view", facts = { participants = ["someone"] } }
expect = { effect = "allow", permission = "calls" }

[[test]]
name = "it is held where that counts by itself"
given = { roles = [], on = ["send"] }
ask = { action = "fax.send", facts = { number = "+15550101" } }
expect = { effect = "allow", permission = "send" }

[[test]]
name = "and is not where it was taken away"
given = { roles = [], on = ["send"], off = ["from"] }
ask = { action = "fax.send", facts = { number = "+15550101" } }
expect = { effect = "deny", reason = "RESTRICTED", permission = "send" }

[[test]]
name = "it may be conferred as what one holds"
given = { roles = [] }
ask = { action = "permission.assign", target = { permission = "bills" } }
expect = { effect = "allow", permission = "confer" }

[[test]]
name = "and a role that gives no more"
given = { roles = [] }
ask = { action = "role.assign", target = { role = "clerk" } }
expect = { effect = "allow", permission = "confer" }

[[test]]
name = "but not a role that gives more"
given = { roles = [] }
ask = { action = "role.assign", target = { role = "cashier" } }
expect = { effect = "deny", reason = "MAY_NOT_CONFER", permission = "confer" }
"#;

#[test]
fn what_everybody_has_is_one_more_role_of_each_membership() {
    if let Err(mistakes) = check(MODEL, built_in_vocabulary()) {
        let lines = mistakes.iter().map(|mistake| format!("{mistake}\n"));
        panic!("{}", lines.collect::<String>());
    }
}
