//! What a seal holds against those above it, and ownership against those below an owner.

use lineguard::wire::pb::{Effect, Reason};
use lineguard_core::change::Change;
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::ids;

use crate::ask::{Answer, Ask, ask};
use crate::changes::{owner, switch};
use crate::harness::{Harness, product};

/// What would open again what a seal closes.
const OPENING: [&str; 6] = [
    "account.seal",
    "account.assign_owners",
    "member.invite",
    "role.assign",
    "permission.assign",
    "group.assign_roles",
];

/// A question about one of them, at an account.
fn opening(who: &str, at: &str, action: &str, account: &str) -> Ask {
    let asked = ask(who, at, action);
    let there = |asked: Ask| asked.facts(|facts| facts.account = Some(account.into()));
    match action {
        "account.seal" | "account.assign_owners" => asked.on(account),
        "role.assign" => there(asked).target("role", Some("member"), |_| ()),
        "permission.assign" => there(asked).target("permission", Some("fax.view"), |_| ()),
        _ => there(asked),
    }
}

#[tokio::test]
async fn nobody_above_a_seal_lifts_it_or_says_who_is_below_it() {
    let harness = Harness::start().await;
    let tree = product("standard").account("root").owner("ann").member("adm");
    let tree = tree.role("owner_admin").below("root", "open").owner("bob");
    let tree = tree.below("root", "shut").owner("bob").sealed();
    harness.build(tree).await;
    for action in OPENING {
        for who in ["ann", "adm"] {
            opening(who, "root", action, "open").send(&harness).await.allows();
            let shut = opening(who, "root", action, "shut").send(&harness).await;
            let Answer::Decision(decision) = &shut else { panic!("{shut:?}") };
            assert_eq!(decision.effect(), Effect::Deny, "{who} {action}");
        }
        opening("bob", "shut", action, "shut").send(&harness).await.allows();
    }
    // Whoever acts as the sealed account by a right from above is stopped there, too.
    let joins = Change::AddMember {
        account: ids::account("shut"),
        subject: ids::user("ann"),
        status: MemberStatus::Active,
        roles: Some(Vec::new()),
    };
    harness.apply([joins]).await;
    for action in OPENING {
        let shut = opening("ann", "shut", action, "shut").send(&harness).await;
        shut.denies(Reason::OutOfReach);
    }
    // Set up it is, as before.
    let facts = |asked: Ask| asked.facts(|facts| facts.account = Some("shut".into()));
    facts(ask("ann", "root", "faxbox.create")).send(&harness).await.allows();
}

#[tokio::test]
async fn nobody_below_an_owner_takes_away_what_ownership_does_not_hold() {
    let harness = Harness::start().await;
    let home = product("standard").account("home").owner("ann").member("adm");
    let home = home.role("administrator").member("eve").role("member").member("ben");
    harness.build(home.role("member").change(owner("home", "ben", true))).await;
    let target = |asked: Ask, action: &str| match action {
        "role.assign" => asked.target("role", Some("member"), |_| ()),
        "permission.assign" => asked.target("permission", Some("fax.view"), |_| ()),
        _ => asked,
    };
    for action in [
        "member.switch_products",
        "member.set_restrictions",
        "member.set_visibility",
        "role.assign",
        "permission.assign",
    ] {
        let asks = |who: &'static str, whom: &str| {
            target(ask(who, "home", action).on(&format!("user:{whom}")), action).send(&harness)
        };
        asks("adm", "eve").await.allows();
        asks("adm", "ann").await.denies(Reason::OwnerIsSpared);
        for whom in ["ann", "ben", "eve"] {
            asks("ben", whom).await.allows();
        }
    }
    // The switch would have shut the owner out.
    harness.apply([switch("home", "ann", "fax", false)]).await;
    let shut_out = ask("ann", "home", "fax.send").facts(|fax| fax.number = None);
    shut_out.send(&harness).await.denies(Reason::ProductSwitchedOff);
}
