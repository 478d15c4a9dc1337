//! R26 the four outcomes of caller ID, R27 calls without one.

use lineguard::wire::pb::{Reason, SendChannel};
use lineguard_core::change::{Change, ListValue, MemberList, NumberList};
use lineguard_core::facts::Capabilities;
use lineguard_core::vocabulary::SendChannel as Channel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, world};

use crate::ask::ask;
use crate::caller_id::caller_id;
use crate::changes::{active, default_number, held, list, numbers, off, on, setting, switch};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";
const D1: &str = "+15550100010";
/// Sorts before all others.
const FOREIGN: &str = "+15550100000";
const FAX: &str = "+15550100020";

/// A number that can only fax.
fn fax_only(number: &str) -> Change {
    let capabilities = Capabilities { voice: false, fax: true, message: false };
    let (account, number) = (ids::account("home"), ids::number(number));
    Change::AddNumber { account, number, capabilities, active: true }
}

fn office(model: &str, role: &str) -> World {
    let office = product(model).account("home").number(N1).number(N2).number(D1);
    office.change(fax_only(FAX)).member("me").role(role)
}

#[tokio::test]
async fn r26_a_number_that_is_asked_for_and_granted_is_presented() {
    let harness = Harness::start().await;
    harness.build(office("nuacom", "nonadmin").granted(&[N1, N2])).await;
    let presented = caller_id("me", "home").number(N2).send(&harness).await;
    let answer = presented.is(N2, "REQUESTED");
    let lost: Vec<_> = answer.candidates.iter().filter(|one| !one.chosen).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((&*lost[0].number, &*lost[0].reason, lost[0].selectable), (N1, "NOT_CHOSEN", true));
}

#[tokio::test]
async fn r26_a_number_that_is_asked_for_and_not_granted_is_denied_unless_it_is_the_preset() {
    let harness = Harness::start().await;
    let world = office("nuacom", "nonadmin").granted(&[N1]).number(FOREIGN);
    harness.build(world.change(default_number("home", "me", D1))).await;
    caller_id("me", "home").number(D1).send(&harness).await.is(D1, "DEFAULT");
    // The person may present it all the same when something else was asked for.
    for presented in [
        caller_id("me", "home").number(N1).send(&harness).await,
        caller_id("me", "home").number(N2).send(&harness).await,
    ] {
        let preset = presented.0.candidates.iter().find(|one| one.number == D1).unwrap();
        assert_eq!(
            (&*preset.reason, preset.selectable, preset.chosen),
            ("NOT_CHOSEN", false, false)
        );
        assert_eq!(preset.explanation, "It is the preset default, and was not asked for.");
    }
    // A number that does not exist and one that the person may not use look alike, also by the
    // place in which they are told.
    let asked = async |number: &str| {
        let mut presented = caller_id("me", "home").number(number).send(&harness).await;
        presented.denies("NOT_GRANTED");
        for candidate in &mut presented.0.candidates {
            if candidate.number == number {
                candidate.number = "the number".into();
            }
        }
        presented
    };
    assert_eq!(asked(FOREIGN).await, asked("+15550099999").await);
}

#[tokio::test]
async fn r26_the_preset_needs_to_be_in_no_list_as_long_as_it_belongs_to_the_account() {
    let harness = Harness::start().await;
    let world = office("nuacom", "nonadmin").granted(&[N1]);
    harness.build(world.change(default_number("home", "me", D1))).await;
    let presented = caller_id("me", "home").send(&harness).await;
    let answer = presented.is(D1, "DEFAULT");
    assert_eq!(answer.selectable, [N1], "the preset is not among what can be chosen");
    // Without the permission for the preset there is none.
    harness.apply([off("home", "me", "callerid.default")]).await;
    caller_id("me", "home").send(&harness).await.is_none("DEFAULT_NOT_USABLE");
    let presented = caller_id("me", "home").number(N1).send(&harness).await;
    let preset = presented.0.candidates.iter().find(|one| one.number == D1).unwrap();
    assert_eq!(preset.reason, "NOT_GRANTED", "what cannot be used is not merely not chosen");
}

#[tokio::test]
async fn r26_with_no_preset_there_is_none_and_a_list_to_choose_from() {
    let harness = Harness::start().await;
    harness.build(office("nuacom", "nonadmin").granted(&[N1, N2])).await;
    // Never the first one of a list, and not even the only one.
    let presented = caller_id("me", "home").send(&harness).await;
    assert_eq!(presented.is_none("CHOICE_NEEDED").selectable, [N1, N2]);
    harness.apply([list("home", "me", numbers(NumberList::Granted, &[N2]))]).await;
    let presented = caller_id("me", "home").send(&harness).await;
    assert_eq!(presented.is_none("CHOICE_NEEDED").selectable, [N2]);
    harness.apply([list("home", "me", numbers(NumberList::Granted, &[]))]).await;
    let presented = caller_id("me", "home").send(&harness).await;
    assert_eq!(presented.is_none("NOTHING_SELECTABLE").selectable, [""; 0]);
}

#[tokio::test]
async fn r26_the_only_granted_number_is_presented_where_the_model_says_so() {
    let harness = Harness::start().await;
    harness.build(office("ifax", "sender").access(&[N1])).await;
    let asked = || caller_id("me", "home").used_for(SendChannel::Fax).send(&harness);
    asked().await.is(N1, "ONLY_SELECTABLE");
    harness.apply([list("home", "me", numbers(NumberList::Access, &[N1, N2]))]).await;
    assert_eq!(asked().await.is_none("CHOICE_NEEDED").selectable, [N1, N2]);
    harness.apply([default_number("home", "me", N2)]).await;
    asked().await.is(N2, "DEFAULT");
    // A preset that cannot be used gives way to the only number that can be.
    harness.apply([active(N2, false)]).await;
    asked().await.is(N1, "ONLY_SELECTABLE");
}

#[tokio::test]
async fn r26_a_number_counts_only_if_it_is_active_and_can_do_it() {
    let harness = Harness::start().await;
    harness.build(office("nuacom", "nonadmin").granted(&[N1, FAX])).await;
    let call = |number: &str| caller_id("me", "home").number(number);
    call(FAX).send(&harness).await.denies("NUMBER_INCAPABLE");
    let fax = call(FAX).used_for(SendChannel::Fax).send(&harness).await;
    fax.is(FAX, "REQUESTED");
    harness.apply([active(N1, false)]).await;
    let presented = call(N1).send(&harness).await;
    assert_eq!(presented.denies("NUMBER_INACTIVE").selectable, [""; 0]);
    // Neither makes a preset usable, and nothing takes its place.
    for number in [N1, FAX] {
        harness.apply([default_number("home", "me", number)]).await;
        caller_id("me", "home").send(&harness).await.is_none("DEFAULT_NOT_USABLE");
    }
    harness.apply([active(N1, true), default_number("home", "me", N1)]).await;
    caller_id("me", "home").send(&harness).await.is(N1, "DEFAULT");
}

#[tokio::test]
async fn r26_a_send_from_list_leaves_a_number_out() {
    let harness = Harness::start().await;
    let only_n2 = MemberList::SendFrom(Channel::Call, ListValue::These(ids::numbers(&[N2])));
    harness.build(office("amplify", "member").granted(&[N1, N2]).list(only_n2)).await;
    caller_id("me", "home").number(N1).send(&harness).await.denies("RESTRICTED");
    let presented = caller_id("me", "home").number(N2).send(&harness).await;
    assert_eq!(presented.is(N2, "REQUESTED").selectable, [N2]);
}

#[tokio::test]
async fn r26_anonymity_is_a_right_of_its_own() {
    let harness = Harness::start().await;
    harness.build(office("amplify", "member").granted(&[N1])).await;
    let hidden = || caller_id("me", "home").anonymous().send(&harness);
    assert!(!hidden().await.denies("NOT_GRANTED").may_be_anonymous);
    harness.apply([on("home", "me", "call.anonymous")]).await;
    assert!(hidden().await.is_anonymous().may_be_anonymous);
    // Who may hide the number still presents the one that is asked for.
    let presented = caller_id("me", "home").number(N1).send(&harness).await;
    assert!(presented.is(N1, "REQUESTED").may_be_anonymous);
    harness.apply([switch("home", "me", "connect", false)]).await;
    hidden().await.denies("PRODUCT_SWITCHED_OFF");
}

#[tokio::test]
async fn r26_the_preset_of_another_account_is_refused_when_it_is_written() {
    let harness = Harness::start().await;
    harness.build(office("nuacom", "nonadmin")).await;
    let other = world("t2").model(text_of("nuacom")).account("theirs");
    harness.build(other.number("+15550100099")).await;
    let foreign = harness.misses(default_number("home", "me", "+15550100099")).await;
    assert_eq!(foreign.field, "number");
    caller_id("me", "home").send(&harness).await.is_none("NOTHING_SELECTABLE");
}

#[tokio::test]
async fn r26_who_may_choose_among_all_chooses_among_those_that_serve_the_account() {
    let harness = Harness::start().await;
    let world = product("clinicline").account("above").number(D1);
    let world = world.below("above", "home").owner("boss").number(N1).member("boss");
    harness.build(world.below("home", "child").below("above", "beside").number(FOREIGN)).await;
    // What flows down from above is to choose from.
    let presented = caller_id("boss", "home").send(&harness).await;
    assert_eq!(presented.is_none("CHOICE_NEEDED").selectable, [N1, D1]);
    harness.apply([active(D1, false)]).await;
    caller_id("boss", "home").send(&harness).await.is(N1, "ONLY_SELECTABLE");

    let capabilities = Capabilities { voice: true, fax: true, message: true };
    let (account, number) = (ids::account("child"), ids::number(N2));
    harness.apply([Change::AddNumber { account, number, capabilities, active: true }]).await;
    // Numbers never flow upwards (rulings R30).
    caller_id("boss", "home").send(&harness).await.is(N1, "ONLY_SELECTABLE");
    caller_id("boss", "home").number(N2).send(&harness).await.denies("NOT_GRANTED");
}

#[tokio::test]
async fn r26_the_only_selectable_number_is_not_presented_where_not_all_were_looked_at() {
    let harness = Harness::start().await;
    let mut world = product("clinicline").account("home").owner("boss").number(N1).member("boss");
    for at in 1..1_000 {
        world = world.change(fax_only(&format!("+1555020{at:04}")));
    }
    harness.build(world).await;
    let asked = || caller_id("boss", "home").send(&harness);
    assert_eq!(asked().await.is(N1, "ONLY_SELECTABLE").candidates.len(), 1_000);
    harness.apply([fax_only("+15550201000")]).await;
    let presented = asked().await;
    let answer = presented.is_none("CHOICE_NEEDED");
    assert_eq!((&*answer.selectable, answer.candidates.len()), (&[N1.to_owned()][..], 1_000));
}

#[tokio::test]
async fn r26_a_product_without_caller_id_presents_nothing() {
    let harness = Harness::start().await;
    harness.build(office("retarus", "user").access(&[N1])).await;
    for asked in [caller_id("me", "home"), caller_id("me", "home").number(N1)] {
        let presented = asked.send(&harness).await;
        let answer = presented.is_none("NO_CALLER_ID_IN_PRODUCT");
        assert_eq!((&*answer.selectable, &*answer.candidates), (&[][..], &[][..]));
    }
}

#[tokio::test]
async fn r27_calls_need_an_extension_where_the_model_says_so_and_no_caller_id() {
    let harness = Harness::start().await;
    harness.build(office("nuacom", "nonadmin").extension("101")).await;
    let calls = |action: &'static str| {
        ask("me", "home", action).facts(|call| call.number = Some(N1.into())).send(&harness)
    };
    for action in ["call.make", "call.receive"] {
        let answer = calls(action).await;
        let denied = answer.denies_by(Reason::RequirementNotMet, "call.make");
        assert_eq!(denied.requirement, "extension");
    }
    harness.apply([list("home", "me", held(&["101"]))]).await;
    caller_id("me", "home").send(&harness).await.is_none("NOTHING_SELECTABLE");
    ask("me", "home", "call.make").send(&harness).await.allows_by("call.make");
    calls("call.receive").await.allows_by("call.make");
    // A number that is named must be one that the person may present (rulings R30).
    calls("call.make").await.denies_by(Reason::NumberNotHeld, "call.make");
    // In a product without extensions the permission is enough.
    let harness = Harness::start().await;
    harness.build(office("amplify", "member")).await;
    let answer = ask("me", "home", "call.make");
    let answer = answer.facts(|call| call.number = Some(N1.into())).send(&harness).await;
    answer.allows_by("call.make");
}

#[tokio::test]
async fn r27_whether_a_call_may_go_out_without_a_number_is_a_setting_of_the_account() {
    let harness = Harness::start().await;
    let office = office("nuacom", "nonadmin").extension("101").list(held(&["101"]));
    harness.build(office).await;
    let presented = caller_id("me", "home").send(&harness).await;
    assert!(!presented.is_none("NOTHING_SELECTABLE").may_call_without_number);
    harness.apply([setting("home", "call_without_caller_id", true)]).await;
    let presented = caller_id("me", "home").send(&harness).await;
    assert!(presented.is_none("NOTHING_SELECTABLE").may_call_without_number);
    // It makes nobody anonymous, and takes no number away.
    caller_id("me", "home").anonymous().send(&harness).await.denies("NOT_GRANTED");
    harness.apply([default_number("home", "me", D1)]).await;
    caller_id("me", "home").send(&harness).await.is(D1, "DEFAULT");
    let incoming = ask("me", "home", "call.receive").send(&harness).await;
    incoming.allows_by("call.make");
}
