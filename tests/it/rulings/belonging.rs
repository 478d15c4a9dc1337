//! A model in which what one sees follows from memberships alone, and its words.

use lineguard::wire::pb;
use lineguard_core::change::Change;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, world};

use crate::ask::{Answer, ask, user};
use crate::harness::Harness;

/// Sight by belonging, owning, supervising and standing in, and nothing else.
const BELONGING: &str = r#"
format = 1
name = "belonging"
title = "Belonging"
summary = "What follows from memberships."

[tree]
sub_accounts = true

[members]
roles = "many"

[[permission]]
key = "view"
title = "View faxes"
category = "Faxes"
actions = ["fax.view", "message.view"]
reach = ["own", "assigned", "faxbox_member"]

[[permission]]
key = "oversee"
title = "View faxes of one's teams"
category = "Faxes"
actions = ["fax.view"]
reach = ["supervised"]

[[permission]]
key = "stand_in"
title = "View faxes of those one stands in for"
category = "Faxes"
actions = ["fax.view"]
reach = ["delegated"]

[[permission]]
key = "boxes"
title = "Manage faxboxes"
category = "Faxes"
actions = ["faxbox.update", "faxbox.delete", "faxbox.assign_members"]

[[permission]]
key = "teams"
title = "Manage teams"
category = "People"
actions = ["group.assign_members"]

[[permission]]
key = "p1"
title = "One"
category = "Things"
actions = ["report.view"]

[[permission]]
key = "p2"
title = "Two"
category = "Things"
actions = ["dashboard.view"]

[[permission]]
key = "assign"
title = "Assign what one holds"
category = "People"
actions = ["role.assign"]

[[permission]]
key = "assign_any"
title = "Assign anything"
category = "People"
actions = ["role.assign", "permission.assign"]
confers = ["role", "permission"]

[[permission]]
key = "others"
title = "View forms of everybody but one's teams"
category = "Forms"
actions = ["form.view"]
except = ["supervised"]

[[permission]]
key = "people"
title = "View people"
category = "People"
actions = ["member.view"]

[[role]]
key = "user"
title = "User"
permissions = ["view", "oversee", "stand_in", "others"]

[[role]]
key = "plain"
title = "Plain"
permissions = []

[[role]]
key = "chief"
title = "Chief"
permissions = ["assign", "people", "p1"]

[[role]]
key = "head"
title = "Head"
permissions = ["assign_any", "people"]

[[overlay]]
key = "faxbox_owner"
title = "Faxbox owner"
of = "faxbox"
permissions = ["boxes"]

[[overlay]]
key = "group_owner"
title = "Group owner"
of = "group"
permissions = ["teams"]
"#;

/// A number.
pub const N1: &str = "+15550100100";

/// A tenant on that model.
pub fn belonging() -> World {
    world("t1").model(BELONGING)
}

/// Makes a user the owner of a group.
pub fn group_owner(who: &str, group: &str) -> Change {
    Change::SetGroupOwner { group: ids::group(group), subject: ids::user(who), owner: true }
}

/// Lets one member stand in for another.
pub fn delegates(account: &str, from: &str, to: &str) -> Change {
    let (from, to) = (ids::user(from), ids::user(to));
    Change::SetDelegation { account: ids::account(account), from, to, on: true }
}

/// May this person see the fax?
pub async fn sees(harness: &Harness, who: &str, account: &str, fax: &str) -> Answer {
    ask(who, account, "fax.view").on(fax).send(harness).await
}

/// The ids that a list shows. Listed is what `Check` allows, and nothing else.
pub async fn listed(harness: &Harness, who: &str, account: &str) -> Vec<String> {
    let message = pb::ListVisibleFaxesRequest {
        tenant: "t1".into(),
        subject: Some(user(who)),
        account: account.into(),
        page_size: 100,
        ..Default::default()
    };
    let mut client = harness.client();
    let page = client.list_visible_faxes(message).await.unwrap().into_inner();
    let mut faxes: Vec<String> = page.faxes.into_iter().map(|fax| fax.fax).collect();
    faxes.sort();
    faxes
}
