//! Telephony: own calls plus what is granted, and a caller ID that follows from no report.

use lineguard::wire::pb::{Channel, Reason};
use lineguard_core::change::NumberList;
use lineguard_core::facts::MemberStatus;
use lineguard_testkit::world::World;

use crate::ask::{Ask, ask, user};
use crate::caller_id::caller_id;
use crate::changes::{default_number, extensions, held, list, numbers, off, on, queues, status};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const N9: &str = "+15550100009";
const D1: &str = "+15550100010";

/// An account with numbers, extensions and queues, and one non-admin.
fn office() -> World {
    let office = product("nuacom").account("home").number(N1).number(N2).number(N9).number(D1);
    let office = office.extension("101").extension("102").queue("q1").queue("q2");
    office.member("you").role("nonadmin").member("me").role("nonadmin")
}

/// A call in the account with these participants, on an extension, through no queue.
fn call(action: &str, participant: &str, extension: &str, number: &str) -> Ask {
    ask("me", "home", action).facts(|call| {
        call.participants =
            Some(lineguard::wire::pb::Subjects { subjects: vec![user(participant)] });
        call.extension = Some(extension.into());
        call.number = Some(number.into());
        call.absent = vec!["queue".into()];
    })
}

// VOI-S01
#[tokio::test]
async fn a_granted_number_that_is_asked_for_is_presented() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[N1, N2])).await;
    let presented = caller_id("me", "home").number(N2).send(&harness).await;
    assert_eq!(presented.is(N2, "REQUESTED").selectable, [N1, N2]);
}

// VOI-S02
#[tokio::test]
async fn a_number_that_is_not_granted_is_denied() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[N1])).await;
    let presented = caller_id("me", "home").number(N9).send(&harness).await;
    assert_eq!(presented.denies("NOT_GRANTED").selectable, [N1]);
}

// VOI-S03
#[tokio::test]
async fn the_preset_number_is_presented_where_nothing_is_granted_or_asked_for() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[]).change(default_number("home", "me", D1))).await;
    caller_id("me", "home").send(&harness).await.is(D1, "DEFAULT");
}

// VOI-S05
#[tokio::test]
async fn there_is_no_number_to_present_without_grants_and_preset() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[])).await;
    let presented = caller_id("me", "home").send(&harness).await;
    let answer = presented.is_none("NOTHING_SELECTABLE");
    assert_eq!(answer.selectable, [""; 0]);
    assert!(!answer.may_call_without_number);
}

// VOI-S07
#[tokio::test]
async fn the_preset_number_goes_before_a_granted_one() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[N1]).change(default_number("home", "me", D1))).await;
    caller_id("me", "home").send(&harness).await.is(D1, "DEFAULT");
}

// VOI-S09
#[tokio::test]
async fn nobody_calls_without_an_extension() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[N1])).await;
    let asked = || ask("me", "home", "call.make").facts(|call| call.number = Some(N1.into()));
    let answer = asked().send(&harness).await;
    let denied = answer.denies_by(Reason::RequirementNotMet, "call.make");
    assert_eq!(denied.requirement, "extension");
    harness.apply([list("home", "me", held(&["101"]))]).await;
    asked().send(&harness).await.allows_by("call.make");
}

// VOI-S10
#[tokio::test]
async fn the_log_of_a_granted_extension_is_visible() {
    let harness = Harness::start().await;
    harness.build(office().list(extensions(&["101"]))).await;
    let answer = ask("me", "home", "extension.view_log").on("101").send(&harness).await;
    answer.allows_by("log.view.extension");
    call("call.view", "you", "101", N9).send(&harness).await.allows_by("log.view.extension");
}

// VOI-S11
#[tokio::test]
async fn the_log_of_another_extension_is_hidden() {
    let harness = Harness::start().await;
    harness.build(office().list(extensions(&["101"]))).await;
    let answer = ask("me", "home", "extension.view_log").on("102").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "log.view.extension");
}

// VOI-S12
#[tokio::test]
async fn the_report_of_a_queue_that_is_not_granted_is_hidden() {
    let harness = Harness::start().await;
    harness.build(office().list(queues(&["q1"]))).await;
    let granted = ask("me", "home", "queue.view_report").on("q1").send(&harness).await;
    granted.allows_by("log.view.queue");
    let answer = ask("me", "home", "queue.view_report").on("q2").send(&harness).await;
    answer.denies_by(Reason::OutOfReach, "log.view.queue");
}

// VOI-S14
#[tokio::test]
async fn an_own_call_is_visible_without_any_report_permission() {
    let harness = Harness::start().await;
    harness.build(office().list(held(&["101"]))).await;
    call("call.view", "me", "101", N9).send(&harness).await.allows_by("log.view.own");
}

// VOI-S15
#[tokio::test]
async fn the_call_of_a_colleague_is_hidden_without_report_permissions() {
    let harness = Harness::start().await;
    harness.build(office().list(held(&["101"]))).await;
    let answer = call("call.view", "you", "102", N9).send(&harness).await;
    answer.denies(Reason::OutOfReach);
}

// VOI-S17
#[tokio::test]
async fn full_call_reports_do_not_administer_the_system() {
    let harness = Harness::start().await;
    harness.build(office().change(on("home", "me", "report.full"))).await;
    for action in ["settings.update", "billing.update", "integration.update"] {
        let answer = ask("me", "home", action).send(&harness).await;
        answer.denies_by(Reason::NoGrant, "system.manage");
    }
}

// VOI-S18
#[tokio::test]
async fn full_call_reports_show_the_log_of_every_extension() {
    let harness = Harness::start().await;
    harness.build(office().change(on("home", "me", "report.full"))).await;
    for extension in ["101", "102"] {
        let answer = ask("me", "home", "extension.view_log").on(extension).send(&harness).await;
        answer.allows_by("report.full");
    }
}

// VOI-S19
#[tokio::test]
async fn the_logs_of_an_administrator_cannot_be_narrowed() {
    let harness = Harness::start().await;
    harness.build(office().member("boss").role("admin")).await;
    for permission in ["log.view.all", "log.view.extension", "report.full"] {
        let fault = harness.refuses(off("home", "boss", permission)).await;
        assert_eq!(fault.field, "value");
        assert!(fault.problem.contains("locked"), "{}", fault.problem);
    }
    let answer = ask("boss", "home", "extension.view_log").on("102").send(&harness).await;
    answer.allows_by("log.view.extension");
}

// VOI-S20
#[tokio::test]
async fn a_grant_that_was_removed_a_moment_ago_is_gone() {
    let harness = Harness::start().await;
    harness.build(office().granted(&[N1])).await;
    caller_id("me", "home").number(N1).send(&harness).await.is(N1, "REQUESTED");
    harness.apply([list("home", "me", numbers(NumberList::Granted, &[]))]).await;
    caller_id("me", "home").number(N1).send(&harness).await.denies("NOT_GRANTED");
}

// VOI-S21
#[tokio::test]
async fn the_same_question_has_the_same_answer_on_every_channel() {
    let harness = Harness::start().await;
    harness.build(office().list(queues(&["q1"])).granted(&[N1])).await;
    for queue in ["q1", "q2"] {
        let asked = |channel: Channel| {
            let asked = ask("me", "home", "queue.view_report").on(queue);
            asked.context(|context| context.channel = channel.into()).message()
        };
        let mut answers = Vec::new();
        for channel in [Channel::Web, Channel::Desktop, Channel::Mobile, Channel::Api] {
            let answer = harness.client().check(asked(channel)).await.unwrap().into_inner();
            answers.push(answer.decision.unwrap());
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    }
    let mut presented = Vec::new();
    for channel in [Channel::Web, Channel::Desktop, Channel::Mobile] {
        presented.push(caller_id("me", "home").number(N1).through(channel).send(&harness).await);
    }
    assert!(presented.windows(2).all(|pair| pair[0] == pair[1]), "{presented:?}");
}

// VOI-S23
#[tokio::test]
async fn a_suspended_non_admin_may_do_nothing() {
    let harness = Harness::start().await;
    let world = office().list(held(&["101"])).granted(&[N1]);
    harness.build(world.change(status("home", "me", MemberStatus::Suspended))).await;
    for action in ["call.make", "call.view", "message.send", "preference.view"] {
        let answer = ask("me", "home", action).send(&harness).await;
        answer.denies(Reason::MemberSuspended);
    }
    caller_id("me", "home").number(N1).send(&harness).await.denies("MEMBER_SUSPENDED");
}
