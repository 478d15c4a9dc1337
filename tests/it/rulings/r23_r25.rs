//! R23 own calls, R24 grants add up, R25 modules.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::NumberList;
use lineguard_testkit::world::World;

use crate::ask::{Ask, ask, user};
use crate::caller_id::caller_id;
use crate::changes::{extensions, held, list, numbers, on, queues};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N9: &str = "+15550100009";

fn office() -> World {
    let office = product("nuacom").account("home").number(N1).number(N9);
    let office = office.extension("101").extension("102").queue("q1").queue("q2");
    office.member("you").role("nonadmin").member("me").role("nonadmin")
}

/// A call that this user took part in.
fn call(who: &str, with: &str, extension: &str, queue: &str, number: &str) -> Ask {
    ask(who, "home", "call.view").facts(|call| {
        call.participants = Some(pb::Subjects { subjects: vec![user(with)] });
        call.extension = Some(extension.into());
        call.queue = Some(queue.into());
        call.number = Some(number.into());
    })
}

#[tokio::test]
async fn r23_an_own_call_is_one_that_records_the_person_who_has_an_extension_now() {
    let harness = Harness::start().await;
    harness.build(office().list(held(&["101"]))).await;
    let mine = || call("me", "me", "101", "q2", N9).send(&harness);
    mine().await.allows_by("log.view.own");
    // A colleague takes the extension over, and none of its past calls with it.
    harness.apply([list("home", "me", held(&[])), list("home", "you", held(&["101"]))]).await;
    // The deny tells what is missing for the own call, not what else would do.
    let answer = mine().await;
    let denied = answer.denies_by(Reason::RequirementNotMet, "log.view.own");
    assert_eq!(denied.requirement, "extension");
    assert!(denied.explanation.ends_with("needs an extension of the person's own."), "{denied:?}");
    let inherited = call("you", "me", "101", "q2", N9).send(&harness).await;
    inherited.denies(Reason::OutOfReach);
    call("you", "you", "101", "q2", N9).send(&harness).await.allows_by("log.view.own");
    // Another extension does as well: the calls are the person's, not the extension's.
    harness.apply([list("home", "me", held(&["102"]))]).await;
    mine().await.allows_by("log.view.own");
    let asked = ask("me", "home", "call.view").facts(|call| {
        call.extension = Some("101".into());
        call.queue = Some("q2".into());
        call.number = Some(N9.into());
    });
    asked.send(&harness).await.misses("resource.properties.participants");
}

#[tokio::test]
async fn r24_grants_add_up() {
    let harness = Harness::start().await;
    harness.build(office()).await;
    let of_extension = || call("me", "you", "101", "q2", N9).send(&harness);
    let of_queue = || call("me", "you", "102", "q1", N9).send(&harness);
    let of_number = || call("me", "you", "102", "q2", N1).send(&harness);
    for answer in [of_extension().await, of_queue().await, of_number().await] {
        answer.denies(Reason::OutOfReach);
    }
    harness.apply([list("home", "me", extensions(&["101"]))]).await;
    of_extension().await.allows_by("log.view.extension");
    of_queue().await.denies(Reason::OutOfReach);
    harness.apply([list("home", "me", queues(&["q1"]))]).await;
    harness.apply([list("home", "me", numbers(NumberList::Granted, &[N1]))]).await;
    of_extension().await.allows_by("log.view.extension");
    of_queue().await.allows_by("log.view.queue");
    of_number().await.allows_by("log.view.number");
    let neither = call("me", "you", "102", "q2", N9).send(&harness).await;
    neither.denies(Reason::OutOfReach);
}

#[tokio::test]
async fn r24_full_reports_reach_everything_in_the_account_and_no_caller_id() {
    let harness = Harness::start().await;
    harness.build(office().change(on("home", "me", "report.full"))).await;
    call("me", "you", "102", "q2", N9).send(&harness).await.allows_by("report.full");
    for (action, id) in
        [("extension.view_log", "102"), ("queue.view_report", "q2"), ("number.view_activity", N9)]
    {
        ask("me", "home", action).on(id).send(&harness).await.allows_by("report.full");
    }
    let elsewhere = call("me", "you", "102", "q2", N9);
    let elsewhere = elsewhere.facts(|call| call.account = Some("elsewhere".into()));
    elsewhere.send(&harness).await.denies(Reason::OutOfReach);

    let presented = caller_id("me", "home").number(N9).send(&harness).await;
    assert_eq!(presented.denies("NOT_GRANTED").selectable, [""; 0]);
    let uses = ask("me", "home", "caller_id.use").on(N9).send(&harness).await;
    uses.denies_by(Reason::OutOfReach, "callerid.choose");
}

#[tokio::test]
async fn r25_every_module_is_a_permission_of_its_own() {
    let modules = [
        ("module.wallboard", "wallboard.view"),
        ("module.voicemail", "voicemail.listen"),
        ("module.sms", "message.send"),
        ("module.email_reports", "report.receive_by_email"),
        ("module.billing", "billing.view"),
        ("module.system_settings", "settings.update"),
        ("module.integrations", "integration.update"),
    ];
    let harness = Harness::start().await;
    let mut world = office();
    for (module, _) in modules {
        world = world.member(module).role("nonadmin").change(on("home", module, module));
    }
    harness.build(world).await;
    for (module, _) in modules {
        for (of, action) in modules {
            let asked = ask(module, "home", action).facts(|facts| {
                if action == "message.send" {
                    facts.absent = vec!["number".into()];
                }
            });
            let answer = asked.send(&harness).await;
            if of == module {
                answer.allows_by(module);
            } else {
                answer.denies(Reason::NoGrant);
            }
        }
    }
}
