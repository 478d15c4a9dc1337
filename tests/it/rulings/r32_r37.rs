//! R32 sight of what a question names, R36 unknown values, R37 actions with two sides.

use lineguard::wire::pb::{self, Effect, Reason};
use lineguard_core::change::{ListValue, MemberList, NewFax};
use lineguard_core::model::built_in_vocabulary;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use prost::Message as _;

use crate::ask::{Ask, ask};
use crate::bad_input::check;
use crate::changes::{fax_in, in_faxbox, list, to_faxbox};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

/// A fax of somebody else that `me` may not see, whose number, labels and faxbox are known.
fn hidden() -> World {
    let home = product("standard").account("home").number(N1).number(N2).faxbox("box");
    let home = home.member("you").role("member").member("me").role("member");
    home.fax(NewFax {
        labels: vec![ids::external("flu")],
        number: Some(ids::number(N1)),
        ..fax_in("f1", "home", "box")
    })
}

/// Sets one fact of a fax.
type SetFact = Box<dyn Fn(&mut pb::Facts)>;

fn facts() -> Vec<SetFact> {
    let labels = |label: &'static str| -> SetFact {
        Box::new(move |fax| fax.labels = Some(pb::Labels { labels: vec![label.into()] }))
    };
    vec![
        Box::new(|_| ()),
        labels("flu"),
        labels("hiv"),
        Box::new(|fax| fax.number = Some(N1.into())),
        Box::new(|fax| fax.number = Some(N2.into())),
        Box::new(|fax| fax.faxbox = Some("box".into())),
        Box::new(|fax| fax.creator = Some(crate::ask::user("you"))),
        Box::new(|fax| fax.direction = Some(pb::Direction::Outbound.into())),
        Box::new(|fax| fax.state = Some(pb::FaxState::Draft.into())),
    ]
}

fn targets(asked: Ask, name: &str) -> Vec<Ask> {
    let goes_out = |asked: Ask| {
        asked.target("fax", None, |fax| {
            fax.number = Some(N1.into());
            fax.faxbox = Some("box".into());
        })
    };
    match name {
        "fax.forward" | "fax.resend" => vec![asked.clone(), goes_out(asked)],
        "fax.move" | "fax.drop" => {
            vec![asked.clone(), asked.target("faxbox", Some("box"), |_| ())]
        }
        _ => vec![asked],
    }
}

#[tokio::test]
async fn r32_a_fax_that_is_not_seen_answers_as_one_that_does_not_exist_whatever_is_sent() {
    let harness = Harness::start().await;
    harness.build(hidden()).await;
    let vocabulary = built_in_vocabulary();
    let of_faxes = vocabulary
        .actions()
        .filter(|(_, def)| vocabulary.resource(def.resource).is_some_and(|ty| &*ty.name == "fax"));
    let mut compared = 0;
    for (_, def) in of_faxes {
        for set in facts() {
            let asked =
                |id: &str| targets(ask("me", "home", &def.name).on(id).facts(&set), &def.name);
            for (there, nowhere) in asked("f1").into_iter().zip(asked("f9")) {
                let there = check(&harness, there.message()).await;
                let nowhere = check(&harness, nowhere.message()).await;
                let (there, nowhere) = (there.unwrap(), nowhere.unwrap());
                assert_eq!(there.effect(), Effect::Deny, "{}", def.name);
                assert_eq!(there.encode_to_vec(), nowhere.encode_to_vec(), "{}", def.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[tokio::test]
async fn r32_a_question_without_an_id_needs_no_sight() {
    let harness = Harness::start().await;
    harness.build(hidden()).await;
    let sends = ask("me", "home", "fax.send").facts(|fax| fax.number = Some(N1.into()));
    sends.send(&harness).await.allows_by("fax.send");
    // An id that is not known is nothing new.
    let unknown = ask("me", "home", "fax.send").on("f9").send(&harness).await;
    unknown.denies(Reason::OutOfReach);
}

#[tokio::test]
async fn r32_the_owner_of_a_faxbox_changes_it_without_seeing_it() {
    let harness = Harness::start().await;
    let home = product("retarus").account("home").faxbox("box").member("me").role("user");
    harness.build(home.change(crate::changes::faxbox_owner("me", "box"))).await;
    ask("me", "home", "faxbox.update").on("box").send(&harness).await.allows_by("faxbox.modify");
}

/// Whoever sees messages but those that carry a label of their list, or come in on a number of it.
fn except(field: &str, set: &str) -> String {
    format!(
        r#"
format = 1
name = "except"
title = "Except"
summary = "A right with an exception."

[[permission]]
key = "see"
title = "See messages"
category = "Messages"
actions = ["message.view"]
except = [{{ field = "{field}", in = "{set}" }}]

[[role]]
key = "reader"
title = "Reader"
permissions = ["see"]
"#
    )
}

#[tokio::test]
async fn r36_an_exception_of_everything_takes_out_what_nobody_has_seen() {
    for (field, set, list_of_all) in [
        ("label", "labels", MemberList::Labels(ListValue::All)),
        (
            "number",
            "numbers.granted",
            MemberList::Numbers(lineguard_core::change::NumberList::Granted, ListValue::All),
        ),
    ] {
        let harness = Harness::start().await;
        let text = except(field, set);
        let home = world("t1").model(&text).account("home").number(N1).member("me").role("reader");
        harness.build(home).await;
        let sees = |value: &'static str| {
            let asked = ask("me", "home", "message.view").facts(|message| match field {
                "label" => message.labels = Some(pb::Labels { labels: vec![value.into()] }),
                _ => message.number = Some(value.into()),
            });
            asked.send(&harness)
        };
        sees(N2).await.allows_by("see");
        harness.apply([list("home", "me", list_of_all)]).await;
        sees(N2).await.denies(Reason::OutOfReach);
        sees(N1).await.denies(Reason::OutOfReach);
    }
}

#[tokio::test]
async fn r36_a_grant_of_all_labels_covers_those_that_nobody_has_seen() {
    let text = except("label", "labels").replace("except = [", "reach = [");
    let harness = Harness::start().await;
    harness.build(world("t1").model(&text).account("home").member("me").role("reader")).await;
    harness.apply([list("home", "me", MemberList::Labels(ListValue::All))]).await;
    let labelled = ask("me", "home", "message.view");
    let labelled = labelled
        .facts(|message| message.labels = Some(pb::Labels { labels: vec!["never-seen".into()] }));
    labelled.send(&harness).await.allows_by("see");
    // What has no label is on no list of labels.
    let bare = ask("me", "home", "message.view").facts(|message| {
        message.labels = Some(pb::Labels::default());
    });
    bare.send(&harness).await.denies(Reason::OutOfReach);
}

/// Two faxboxes with a number each; `u` belongs to the first.
fn two_boxes() -> World {
    let home = product("retarus").account("home").number(N1).number(N2).faxbox("a").faxbox("b");
    let home = home.change(to_faxbox(N1, "a")).change(to_faxbox(N2, "b"));
    let home = home.member("u").role("user").join("u", "a").member("v").role("user").join("v", "b");
    home.fax(NewFax { number: Some(ids::number(N1)), ..fax_in("a1", "home", "a") }).fax(NewFax {
        state: lineguard_core::model::reach::FaxState::Draft,
        direction: lineguard_core::model::reach::Direction::Outbound,
        creator: Some(ids::user("v")),
        number: Some(ids::number(N2)),
        faxbox: Some(ids::faxbox("b")),
        ..received("b1", "home", 0)
    })
}

#[tokio::test]
async fn r37_what_goes_out_is_asked_of_the_target() {
    let harness = Harness::start().await;
    harness.build(two_boxes()).await;
    let forwards = |faxbox: &'static str, number: &'static str| {
        let asked = ask("u", "home", "fax.forward").on("a1");
        let asked = asked.target("fax", None, |fax| {
            fax.faxbox = Some(faxbox.into());
            fax.number = Some(number.into());
        });
        asked.send(&harness)
    };
    forwards("a", N1).await.allows();
    let answer = forwards("b", N2).await;
    assert_eq!(answer.denies(Reason::RequirementNotMet).requirement, "faxbox_member");
    forwards("a", N2).await.denies(Reason::NumberNotUsable);
    // A stored draft that the person may not see is no target, and not named is not none.
    let to_draft = ask("u", "home", "fax.forward").on("a1").target("fax", Some("b1"), |_| ());
    to_draft.send(&harness).await.denies(Reason::RequirementNotMet);
    let unnamed = ask("u", "home", "fax.forward").on("a1").send(&harness).await;
    unnamed.misses("target.properties.faxbox");
    // For a source that is not seen it is never a missing fact.
    let unseen = ask("v", "home", "fax.forward").on("a1").send(&harness).await;
    assert_eq!(unseen.denies(Reason::RequirementNotMet).requirement, "faxbox_member");
    harness.apply([in_faxbox("u", "b", true)]).await;
    forwards("b", N2).await.allows();
}

#[tokio::test]
async fn r37_a_fax_is_sent_once_more_from_another_number() {
    let harness = Harness::start().await;
    harness.build(two_boxes()).await;
    ask("u", "home", "fax.resend").on("a1").send(&harness).await.allows();
    let with = |number: &'static str, faxbox: &'static str| {
        let asked = ask("u", "home", "fax.resend").on("a1");
        let asked = asked.target("fax", None, |fax| {
            fax.number = Some(number.into());
            fax.faxbox = Some(faxbox.into());
        });
        asked.send(&harness)
    };
    with(N1, "a").await.allows();
    with(N2, "a").await.denies(Reason::NumberNotUsable);
    with(N2, "b").await.denies(Reason::RequirementNotMet);
}

#[tokio::test]
async fn r37_where_it_goes_lies_in_the_accounts_that_the_grant_reaches() {
    let harness = Harness::start().await;
    let root = product("standard").account("root").below("root", "mine").below("root", "theirs");
    let theirs = root.enter("theirs").faxbox("far");
    let mine = theirs.enter("mine").faxbox("near").faxbox("other");
    let mine = mine.member("me").role("administrator").join("me", "near");
    harness.build(mine.fax(fax_in("f1", "mine", "near"))).await;
    let moves = |faxbox: &'static str| {
        ask("me", "mine", "fax.move").on("f1").target("faxbox", Some(faxbox), |_| ()).send(&harness)
    };
    harness.apply([in_faxbox("me", "other", true)]).await;
    moves("other").await.allows();
    let far = check(
        &harness,
        ask("me", "mine", "fax.move").on("f1").target("faxbox", Some("far"), |_| ()).message(),
    )
    .await;
    let nowhere = check(
        &harness,
        ask("me", "mine", "fax.move").on("f1").target("faxbox", Some("none"), |_| ()).message(),
    )
    .await;
    let (far, nowhere) = (far.unwrap(), nowhere.unwrap());
    assert_eq!(far.effect(), Effect::Deny);
    assert_eq!(far, nowhere);
}
