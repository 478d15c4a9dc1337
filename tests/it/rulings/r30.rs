//! R30 the numbers that things go out with.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{Change, ListValue, MemberList};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::PhoneNumber;
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, world};

use crate::ask::{Ask, ask};
use crate::caller_id::caller_id;
use crate::changes::{active, held, list, to_faxbox};
use crate::harness::{Harness, product, text_of};

const N1: &str = "+15550100001";
const ABOVE: &str = "+15550100002";
const BESIDE: &str = "+15550100003";
const BELOW: &str = "+15550100004";
const FOREIGN: &str = "+15550100005";
const NOBODYS: &str = "+15550100009";

/// Sends a fax that names this number, or says that there is none.
fn sends(who: &str, account: &str, number: Option<&str>) -> Ask {
    ask(who, account, "fax.send").facts(|fax| {
        fax.attachment_sources = Some(pb::AttachmentSources::default());
        match number {
            Some(number) => fax.number = Some(number.into()),
            None => fax.absent = vec!["number".into()],
        }
    })
}

/// Three levels and a sister; numbers flow down.
fn tree() -> World {
    let root = product("standard").account("root").number(ABOVE).below("root", "sister");
    let sister = root.enter("sister").number(BESIDE);
    let home =
        sister.below("root", "home").number(N1).extension("101").member("ann").role("member");
    home.list(held(&["101"])).below("home", "child").number(BELOW)
}

async fn start(tenant: World) -> Harness {
    let harness = Harness::start().await;
    harness.build(tenant).await;
    let other = world("t2").model(text_of("standard")).account("theirs").number(FOREIGN);
    harness.build(other).await;
    harness
}

#[tokio::test]
async fn r30_a_number_is_set_up_where_it_goes_out_from_or_above() {
    let harness = start(tree()).await;
    sends("ann", "home", Some(N1)).send(&harness).await.allows_by("fax.send");
    sends("ann", "home", Some(ABOVE)).send(&harness).await.allows_by("fax.send");
    let mut told = Vec::new();
    for number in [BESIDE, BELOW, FOREIGN, NOBODYS] {
        let answer = sends("ann", "home", Some(number)).send(&harness).await;
        told.push(answer.denies_by(Reason::NumberNotUsable, "fax.send").clone());
        caller_id("ann", "home").number(number).send(&harness).await.denies("NOT_GRANTED");
    }
    assert!(told.iter().all(|one| *one == told[0]), "the same bytes for all of them: {told:?}");
}

#[tokio::test]
async fn r30_a_number_is_active_and_able_to_do_it() {
    let harness = start(tree()).await;
    harness.apply([active(N1, false)]).await;
    let answer = sends("ann", "home", Some(N1)).send(&harness).await;
    answer.denies_by(Reason::NumberNotUsable, "fax.send");
    harness.apply([active(N1, true)]).await;
    sends("ann", "home", Some(N1)).send(&harness).await.allows_by("fax.send");

    let capabilities = Capabilities { voice: true, fax: false, message: false };
    let (account, number) = (ids::account("home"), ids::number(NOBODYS));
    harness.apply([Change::AddNumber { account, number, capabilities, active: true }]).await;
    let answer = sends("ann", "home", Some(NOBODYS)).send(&harness).await;
    answer.denies_by(Reason::NumberNotUsable, "fax.send");
    let calls = ask("ann", "home", "call.make").facts(|call| call.number = Some(NOBODYS.into()));
    calls.send(&harness).await.allows();
    let writes = ask("ann", "home", "message.send");
    let writes = writes.facts(|message| message.number = Some(NOBODYS.into()));
    writes.send(&harness).await.denies(Reason::NumberNotUsable);
}

#[tokio::test]
async fn r30_a_list_of_all_restricts_nothing_and_makes_nothing_usable() {
    let harness = start(tree()).await;
    harness.apply([list("home", "ann", send_from(ListValue::All))]).await;
    sends("ann", "home", Some(N1)).send(&harness).await.allows_by("fax.send");
    let answer = sends("ann", "home", Some(NOBODYS)).send(&harness).await;
    answer.denies_by(Reason::NumberNotUsable, "fax.send");
}

fn send_from(numbers: ListValue<PhoneNumber>) -> MemberList {
    MemberList::SendFrom(SendChannel::Fax, numbers)
}

#[tokio::test]
async fn r30_a_number_that_is_not_said_is_missed_and_one_that_is_none_is_not() {
    let harness = start(tree()).await;
    let unsaid = ask("ann", "home", "fax.send");
    unsaid.send(&harness).await.misses("resource.properties.number");
    sends("ann", "home", None).send(&harness).await.allows_by("fax.send");
    // A list in force leaves out what has no number.
    harness.apply([list("home", "ann", send_from(ListValue::These(ids::numbers(&[N1]))))]).await;
    let answer = sends("ann", "home", None).send(&harness).await;
    answer.denies_by(Reason::Restricted, "fax.send");
    // A call does not depend on what it presents (rulings R27).
    ask("ann", "home", "call.make").send(&harness).await.allows();
}

#[tokio::test]
async fn r30_by_faxbox_a_fax_goes_out_with_a_number_of_its_faxbox() {
    let home = product("retarus").account("home").number(N1).number(ABOVE).number(BESIDE);
    let home =
        home.faxbox("a").faxbox("b").member("me").role("user").join("me", "a").join("me", "b");
    let home = home.change(to_faxbox(N1, "a")).change(to_faxbox(ABOVE, "b"));
    let harness = start(home).await;
    let from = |faxbox: &'static str, number: &'static str| {
        sends("me", "home", Some(number)).facts(|fax| fax.faxbox = Some(faxbox.into()))
    };
    from("a", N1).send(&harness).await.allows_by("fax.send");
    from("b", ABOVE).send(&harness).await.allows_by("fax.send");
    // Of another faxbox, of none, and nobody's: the same answer.
    for number in [ABOVE, BESIDE, FOREIGN, NOBODYS] {
        let answer = from("a", number).send(&harness).await;
        answer.denies_by(Reason::NumberNotUsable, "fax.send");
    }
}

#[tokio::test]
async fn r30_a_number_is_held_where_the_product_says_so() {
    let team = product("ifax").account("team").number(N1).number(ABOVE);
    let harness = start(team.member("me").role("sender").access(&[N1])).await;
    caller_id("me", "team").number(N1).send(&harness).await.is(N1, "REQUESTED");
    sends("me", "team", Some(N1)).send(&harness).await.allows_by("fax.send");
    for number in [Some(ABOVE), None] {
        let answer = sends("me", "team", number).send(&harness).await;
        answer.denies_by(Reason::NumberNotHeld, "fax.send");
    }
    sends("me", "team", Some(NOBODYS)).send(&harness).await.denies(Reason::NumberNotUsable);
}

#[tokio::test]
async fn r30_unset_access_numbers_are_all_where_the_product_says_so() {
    let team = product("ifax").account("team").number(N1);
    let team = team.member("new").role("sender").member("none").role("sender").access(&[]);
    let harness = start(team).await;
    sends("new", "team", Some(N1)).send(&harness).await.allows_by("fax.send");
    sends("none", "team", Some(N1)).send(&harness).await.denies(Reason::NumberNotHeld);
    // All that the tenant has, and no more.
    sends("new", "team", Some(FOREIGN)).send(&harness).await.denies(Reason::NumberNotUsable);
}

#[tokio::test]
async fn r30_a_stored_draft_goes_out_with_the_number_that_it_has() {
    let harness = start(tree()).await;
    let draft = lineguard_core::change::NewFax {
        number: Some(ids::number(N1)),
        direction: lineguard_core::model::reach::Direction::Outbound,
        state: lineguard_core::model::reach::FaxState::Draft,
        creator: Some(ids::user("ann")),
        ..lineguard_testkit::world::received("d1", "home", 0)
    };
    harness.register(draft).await;
    let sends = || ask("ann", "home", "fax.send").on("d1").send(&harness);
    sends().await.allows_by("fax.send");
    harness.apply([active(N1, false)]).await;
    sends().await.denies_by(Reason::NumberNotUsable, "fax.send");
}
