//! R28 configured values are obeyed, R29 grants combine.

use lineguard::wire::pb::{self, Effect, Reason};
use lineguard_core::change::NumberList;

use crate::ask::{Ask, ask, user};
use crate::changes::{adjust, extensions, list, numbers, off, on, queues};
use crate::harness::{Harness, product};

#[tokio::test]
async fn r28_a_configured_value_is_obeyed_either_way() {
    // Cells that the products leave open: the shipped value, and a role that has the other one.
    for (model, role, action, permission, shipped) in [
        ("iovox", "reporting_editor", "call.delete", "call.delete", true),
        ("iovox", "reporting_editor", "call.transcribe", "call.transcribe", true),
        ("iovox", "reporting_viewer", "call.tag", "call.tag", false),
        ("iovox", "config_viewer", "member.view", "users.view", false),
        ("iovox", "full_viewer", "web_dialer.use", "webdialer.use", false),
        ("ifax", "receiver", "fax.broadcast", "fax.broadcast", false),
        ("ifax", "sender", "template.create", "fax.templates", true),
        ("amplify", "manager", "report.view", "reports.view", true),
        ("amplify", "member", "report.view", "reports.view", false),
    ] {
        let harness = Harness::start().await;
        harness.build(product(model).account("home").number(N1).member("me").role(role)).await;
        let allowed = || async {
            let answer = ask("me", "home", action).facts(|facts| {
                if action == "fax.broadcast" {
                    facts.number = Some(N1.into());
                    facts.absent = vec!["attachment_sources".into()];
                }
            });
            let answer = answer.send(&harness).await;
            match &answer {
                crate::ask::Answer::Decision(one) if one.effect() == Effect::Allow => {
                    answer.allows_by(permission);
                    true
                }
                _ => {
                    let denied = answer.denies(Reason::NoGrant);
                    assert_eq!(denied.permission.as_ref().unwrap().key, permission);
                    false
                }
            }
        };
        assert_eq!(allowed().await, shipped, "{model} {role} {permission}");
        let (add, remove): (&[&str], &[&str]) =
            if shipped { (&[], &[permission]) } else { (&[permission], &[]) };
        harness.apply([adjust("home", role, add, remove)]).await;
        assert_eq!(allowed().await, !shipped, "{model} {role} {permission}");
        // Undone, it is as it was shipped; and a single person can be set either way.
        harness.apply([adjust("home", role, &[], &[])]).await;
        assert_eq!(allowed().await, shipped);
        if shipped {
            harness.apply([off("home", "me", permission)]).await;
            let answer = ask("me", "home", action).send(&harness).await;
            answer.denies_by(Reason::ExplicitlyDenied, permission);
        } else {
            harness.apply([on("home", "me", permission)]).await;
            assert!(allowed().await);
        }
    }
}

const N1: &str = "+15550100001";
const N9: &str = "+15550100009";

/// A call of somebody else, on this extension, queue and number.
fn call(extension: &str, queue: &str, number: &str) -> Ask {
    ask("me", "home", "call.view").facts(|call| {
        call.participants = Some(pb::Subjects { subjects: vec![user("you")] });
        call.extension = Some(extension.into());
        call.queue = Some(queue.into());
        call.number = Some(number.into());
    })
}

#[tokio::test]
async fn r29_every_combination_of_grants_shows_what_each_of_them_shows() {
    let harness = Harness::start().await;
    let office = product("nuacom").account("home").number(N1).number(N9);
    let office = office.extension("101").extension("102").queue("q1").queue("q2");
    harness.build(office.member("you").member("me").role("nonadmin")).await;

    for grants in 0u8..16 {
        let granted = |bit: u8| grants & (1 << bit) != 0;
        let (extension, queue, number, full) = (granted(0), granted(1), granted(2), granted(3));
        let some = |given: bool, id: &'static str| if given { vec![id] } else { vec![] };
        harness
            .apply([
                list("home", "me", extensions(&some(extension, "101"))),
                list("home", "me", queues(&some(queue, "q1"))),
                list("home", "me", numbers(NumberList::Granted, &some(number, N1))),
                if full {
                    on("home", "me", "report.full")
                } else {
                    off("home", "me", "report.full")
                },
            ])
            .await;
        let expected = [
            (call("101", "q2", N9), extension || full),
            (call("102", "q1", N9), queue || full),
            (call("102", "q2", N1), number || full),
            (call("101", "q1", N1), extension || queue || number || full),
            (call("102", "q2", N9), full),
            (ask("me", "home", "extension.view_log").on("101"), extension || full),
            (ask("me", "home", "queue.view_report").on("q1"), queue || full),
            (ask("me", "home", "number.view_activity").on(N1), number || full),
            (ask("me", "home", "account.view_logs"), full),
            (ask("me", "home", "dashboard.view"), full),
            // A number grant is the only one that makes a number selectable.
            (ask("me", "home", "caller_id.use").on(N1), number),
            (ask("me", "home", "settings.update"), false),
            (ask("me", "home", "member.update").on("user:you"), false),
        ];
        let checks = expected.iter().map(|(asked, _)| asked.clone().message()).collect();
        let request = pb::BatchCheckRequest { checks, consistency: None };
        let results = harness.client().batch_check(request).await.unwrap().into_inner().results;
        for (result, (asked, expected)) in results.into_iter().zip(expected) {
            let pb::check_result::Result::Decision(decision) = result.result.unwrap() else {
                panic!("{asked:?}");
            };
            let allowed = decision.effect() == Effect::Allow;
            assert_eq!(allowed, expected, "grants {grants:04b}: {asked:?}: {decision:?}");
        }
    }
}
