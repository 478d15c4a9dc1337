//! What a decision says to an administrator. It contradicts neither the decision nor itself.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{Change, ListValue, MemberList};
use lineguard_core::model::ScopeKind;
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::World;

use crate::ask::{Ask, ask};
use crate::caller_id::caller_id;
use crate::changes::{default_number, scoped};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

/// The explanation of the answer.
async fn told(question: Ask, harness: &Harness) -> String {
    let answer = question.send(harness).await;
    let crate::ask::Answer::Decision(decision) = answer else { panic!("no answer: {answer:?}") };
    decision.explanation
}

fn fax_from(who: &str, number: Option<&str>) -> Ask {
    let number = number.map(str::to_owned);
    ask(who, "home", "fax.send").facts(move |facts| {
        facts.attachment_sources = Some(pb::AttachmentSources::default());
        match number {
            Some(number) => facts.number = Some(number),
            None => facts.absent = vec!["number".into()],
        }
    })
}

#[tokio::test]
async fn what_stops_at_a_seal_is_not_said_to_cover_everything() {
    let harness = Harness::start().await;
    let world = product("iovox").account("home").owner("olga");
    harness.build(world.below("home", "branch").sealed()).await;
    let seal = ask("olga", "home", "account.seal").on("branch");
    let answer = seal.send(&harness).await;
    assert_eq!(
        answer.denies(Reason::OutOfReach).explanation,
        "Ownership of the account covers everything in the account and below it that is not sealed \
         off, and this is not among it."
    );
    harness.stop().await;
}

#[tokio::test]
async fn a_limit_of_the_person_is_told_with_what_they_hold() {
    let harness = Harness::start().await;
    let limited = scoped("home", "me", "forms.view", ScopeKind::FormType, &["intake"]);
    harness
        .build(product("amplify").account("home").member("me").role("member").change(limited))
        .await;
    let form = |form: &'static str| {
        ask("me", "home", "form.view").facts(|facts| facts.form_type = Some(form.into()))
    };
    let limits = "which covers everything in the account (within the limits set for this person).";
    let allowed = told(form("intake"), &harness).await;
    assert!(allowed.ends_with(limits), "{allowed}");
    let denied = told(form("other"), &harness).await;
    assert!(denied.ends_with("limits set for this person), and this is not among it."), "{denied}");
    harness.stop().await;
}

#[tokio::test]
async fn what_a_number_lacks_is_told_in_the_words_of_the_product() {
    let harness = Harness::start().await;
    harness.build(product("standard").account("home").member("me").role("member")).await;
    let unusable = told(fax_from("me", Some(N1)), &harness).await;
    assert!(
        unusable.ends_with(
            "is held, but not with this number: it must be active, able to do this and set up here."
        ) || unusable.ends_with("set up here or above."),
        "{unusable}"
    );
    harness.stop().await;
    let harness = Harness::start().await;
    let team = product("ifax").account("home").number(N1).number(N2);
    harness.build(team.member("me").role("sender").access(&[N1])).await;
    let absent = told(fax_from("me", None), &harness).await;
    assert_eq!(
        absent,
        "“Send faxes” (role Sender) is held, but it needs a number that the person may present, and \
         there is none."
    );
    let another = told(fax_from("me", Some(N2)), &harness).await;
    assert!(
        another.ends_with("but this is not a number that the person may present."),
        "{another}"
    );
    harness.stop().await;
}

/// A member with this list of numbers to fax from.
fn listed(numbers: &[&str]) -> World {
    let list = MemberList::SendFrom(SendChannel::Fax, ListValue::These(ids::numbers(numbers)));
    product("standard").account("home").number(N1).number(N2).member("me").role("member").list(list)
}

#[tokio::test]
async fn a_list_that_names_nothing_is_told_apart_from_one_that_leaves_a_number_out() {
    for (numbers, words) in [
        (&[N2][..], "is held, but the person's send-from list leaves this number out."),
        (&[], "is held, but the person's send-from list names no number, so none may be used."),
    ] {
        let harness = Harness::start().await;
        harness.build(listed(numbers)).await;
        let answer = fax_from("me", Some(N1)).send(&harness).await;
        let said = &answer.denies(Reason::Restricted).explanation;
        assert!(said.ends_with(words), "{said}");
        harness.stop().await;
    }
}

#[tokio::test]
async fn a_preset_number_that_is_not_active_is_said_to_be_that() {
    let harness = Harness::start().await;
    let office =
        product("nuacom").account("home").number(N1).number(N2).member("me").role("nonadmin");
    let off = Change::SetNumberActive { number: ids::number(N2), active: false };
    let preset = default_number("home", "me", N2);
    harness.build(office.granted(&[N1]).change(preset).change(off)).await;
    caller_id("me", "home").number(N2).send(&harness).await.denies("NUMBER_INACTIVE");
    let presented = caller_id("me", "home").send(&harness).await;
    let lost = presented.0.candidates.iter().find(|one| one.number == N2).unwrap();
    assert_eq!((&*lost.reason, &*lost.explanation), ("NUMBER_INACTIVE", "It is not active."));
    harness.stop().await;
}
