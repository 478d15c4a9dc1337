//! One question from end to end, and the list that agrees with it.

use lineguard::wire::pb;

use crate::ask::{ask, user};
use crate::harness::{Harness, product};

#[tokio::test]
async fn a_member_of_a_faxbox_sees_its_faxes_and_nobody_else_does() {
    let harness = Harness::start().await;
    let world = product("retarus")
        .account("home")
        .member("anna")
        .role("user")
        .member("ben")
        .role("tenant_admin")
        .faxbox("box")
        .join("anna", "box");
    let mut fax = lineguard_testkit::world::received("f1", "home", 0);
    fax.faxbox = Some(lineguard_testkit::ids::faxbox("box"));
    harness.build(world.fax(fax)).await;

    ask("anna", "home", "fax.view").on("f1").send(&harness).await.allows_by("fax.view");
    let denied = ask("ben", "home", "fax.view").on("f1").send(&harness).await;
    let denied = denied.denies(pb::Reason::RequirementNotMet);
    assert_eq!(denied.requirement, "faxbox_member");
    let unknown = ask("ben", "home", "fax.view").on("f2").send(&harness).await;
    assert_eq!(unknown.denies(pb::Reason::RequirementNotMet), denied);

    for (who, sees) in [("anna", vec!["f1"]), ("ben", vec![])] {
        let request = pb::ListVisibleFaxesRequest {
            tenant: "t1".into(),
            subject: Some(user(who)),
            account: "home".into(),
            ..Default::default()
        };
        let page = harness.client().list_visible_faxes(request).await.unwrap().into_inner();
        let listed: Vec<_> = page.faxes.iter().map(|fax| fax.fax.as_str()).collect();
        assert_eq!(listed, sees, "{who}");
        assert_eq!(page.next_page_token, "");
    }
    harness.stop().await;
}

#[tokio::test]
async fn many_people_open_their_lists_at_once_on_a_cold_server() {
    let harness = Harness::start().await;
    let mut world = product("retarus").account("home").faxbox("box");
    for n in 0..32 {
        world = world.member(&format!("m{n}")).role("user").join(&format!("m{n}"), "box");
    }
    let mut fax = lineguard_testkit::world::received("f1", "home", 0);
    fax.faxbox = Some(lineguard_testkit::ids::faxbox("box"));
    harness.build(world.fax(fax)).await;

    // More of them than the store has connections: one that held a connection and waited for
    // another would hold up all.
    let mut lists = tokio::task::JoinSet::new();
    for n in 0..32 {
        let mut client = harness.client();
        lists.spawn(async move {
            let request = pb::ListVisibleFaxesRequest {
                tenant: "t1".into(),
                subject: Some(user(&format!("m{n}"))),
                account: "home".into(),
                ..Default::default()
            };
            client.list_visible_faxes(request).await.map(|page| page.into_inner().faxes.len())
        });
    }
    for listed in lists.join_all().await {
        assert_eq!(listed.unwrap(), 1);
    }
    harness.stop().await;
}
