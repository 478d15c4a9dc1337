//! R13 lists have three states: unset, all, or a list that may be empty.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{AttachmentSource, ListValue, MemberList, NumberList, OverrideValue};
use lineguard_core::model::ScopeKind;
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received};

use crate::ask::{Answer, Ask, ask};
use crate::changes::{held, level, list, off, overridden, scoped};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";
const N2: &str = "+15550100002";

/// A list, in the words of the texts that it names.
type Texts = ListValue<&'static str>;

fn map<T>(texts: Texts, parse: impl Fn(&str) -> T) -> ListValue<T> {
    match texts {
        ListValue::Unset => ListValue::Unset,
        ListValue::All => ListValue::All,
        ListValue::These(these) => ListValue::These(these.into_iter().map(parse).collect()),
    }
}

fn number_list(kind: NumberList, texts: Texts) -> MemberList {
    MemberList::Numbers(kind, map(texts, ids::number))
}

fn send_from(channel: SendChannel, texts: Texts) -> MemberList {
    MemberList::SendFrom(channel, map(texts, ids::number))
}

fn source(word: &str) -> AttachmentSource {
    AttachmentSource::from_word(word).unwrap()
}

/// A list, the question that it decides, what the question is about, and something else.
struct Case {
    name: &'static str,
    list: fn(Texts) -> MemberList,
    asked: fn() -> Ask,
    about: &'static str,
    other: &'static str,
}

impl Case {
    async fn with(&self, harness: &Harness, texts: Texts) -> Answer {
        harness.apply([list("home", "me", (self.list)(texts))]).await;
        (self.asked)().send(harness).await
    }
}

/// Somebody whose permissions reach as far as their lists do, and no further.
fn lists_decide() -> World {
    let home = product("standard").account("home").number(N1).number(N2);
    let home = home.extension("101").extension("102").queue("q1").queue("q2");
    let me = home.member("me").role("member").role("router").role("viewer");
    let me = me.list(held(&["102"])).change(level("home", "me", "given_numbers"));
    let mut fax = received("f1", "home", 0);
    fax.number = Some(ids::number(N1));
    fax.labels = vec![ids::external("red")];
    me.fax(fax)
}

#[tokio::test]
async fn r13_a_list_that_grants_names_nothing_while_it_is_unset() {
    let harness = Harness::start().await;
    harness.build(lists_decide()).await;
    let sees_the_fax = || ask("me", "home", "fax.view").on("f1");
    let cases = [
        Case {
            name: "access numbers",
            list: |texts| number_list(NumberList::Access, texts),
            asked: sees_the_fax,
            about: N1,
            other: N2,
        },
        Case {
            name: "auto-assign numbers",
            list: |texts| number_list(NumberList::AutoAssign, texts),
            asked: sees_the_fax,
            about: N1,
            other: N2,
        },
        Case {
            name: "labels",
            list: |texts| MemberList::Labels(map(texts, ids::external)),
            asked: sees_the_fax,
            about: "red",
            other: "blue",
        },
        Case {
            name: "granted numbers",
            list: |texts| number_list(NumberList::Granted, texts),
            asked: || ask("me", "home", "caller_id.use").on(N1),
            about: N1,
            other: N2,
        },
        Case {
            name: "extensions",
            list: |texts| MemberList::GrantedExtensions(map(texts, ids::extension)),
            asked: || ask("me", "home", "extension.view_log").on("101"),
            about: "101",
            other: "102",
        },
        Case {
            name: "queues",
            list: |texts| MemberList::GrantedQueues(map(texts, ids::queue)),
            asked: || ask("me", "home", "queue.view_report").on("q1"),
            about: "q1",
            other: "q2",
        },
    ];
    for case in cases {
        println!("{}", case.name);
        for texts in
            [ListValue::Unset, ListValue::These(vec![]), ListValue::These(vec![case.other])]
        {
            case.with(&harness, texts).await.denies(Reason::OutOfReach);
        }
        for texts in [ListValue::These(vec![case.other, case.about]), ListValue::All] {
            case.with(&harness, texts).await.allows();
        }
        case.with(&harness, ListValue::Unset).await.denies(Reason::OutOfReach);
    }
}

fn fax_of(number: &'static str, sources: &[pb::AttachmentSource]) -> Ask {
    let sources = sources.iter().map(|source| i32::from(*source)).collect();
    ask("me", "home", "fax.send").facts(|fax| {
        fax.number = Some(number.into());
        fax.attachment_sources = Some(pb::AttachmentSources { sources });
    })
}

fn restrictions() -> [Case; 4] {
    [
        Case {
            name: "fax.send_from",
            list: |texts| send_from(SendChannel::Fax, texts),
            asked: || fax_of(N1, &[]),
            about: N1,
            other: N2,
        },
        Case {
            name: "message.send_from",
            list: |texts| send_from(SendChannel::Message, texts),
            asked: || ask("me", "home", "message.send").facts(|one| one.number = Some(N1.into())),
            about: N1,
            other: N2,
        },
        Case {
            name: "call.send_from",
            list: |texts| send_from(SendChannel::Call, texts),
            asked: || ask("me", "home", "call.make").facts(|one| one.number = Some(N1.into())),
            about: N1,
            other: N2,
        },
        Case {
            name: "fax.attach_from",
            list: |texts| MemberList::AttachmentSources(map(texts, source)),
            asked: || fax_of(N1, &[pb::AttachmentSource::Computer]),
            about: "computer",
            other: "cloud",
        },
    ]
}

#[tokio::test]
async fn r13_a_list_that_narrows_does_not_restrict_while_it_is_unset() {
    let harness = Harness::start().await;
    harness.build(lists_decide()).await;
    for case in restrictions() {
        println!("{}", case.name);
        for texts in
            [ListValue::Unset, ListValue::All, ListValue::These(vec![case.other, case.about])]
        {
            case.with(&harness, texts).await.allows();
        }
        for texts in [ListValue::These(vec![]), ListValue::These(vec![case.other])] {
            case.with(&harness, texts).await.denies(Reason::Restricted);
        }
        case.with(&harness, ListValue::Unset).await.allows();
    }
}

#[tokio::test]
async fn r13_without_the_row_that_lifts_it_an_unset_list_allows_nothing() {
    let harness = Harness::start().await;
    harness.build(lists_decide()).await;
    for case in restrictions() {
        println!("{}", case.name);
        harness.apply([off("home", "me", case.name)]).await;
        case.with(&harness, ListValue::Unset).await.denies(Reason::Restricted);
        for texts in [ListValue::These(vec![case.about]), ListValue::All] {
            case.with(&harness, texts).await.allows();
        }
        case.with(&harness, ListValue::Unset).await.denies(Reason::Restricted);
        harness.apply([overridden("home", "me", case.name, OverrideValue::Unset)]).await;
        (case.asked)().send(&harness).await.allows();
    }
}

#[tokio::test]
async fn r13_every_attachment_must_come_from_a_listed_source() {
    let harness = Harness::start().await;
    let computer = MemberList::AttachmentSources(ListValue::These(vec![source("computer")]));
    harness.build(lists_decide().list(computer)).await;
    let both = [pb::AttachmentSource::Computer, pb::AttachmentSource::MobileScan];
    fax_of(N1, &both).send(&harness).await.denies_by(Reason::Restricted, "fax.send");
    fax_of(N1, &both[..1]).send(&harness).await.allows_by("fax.send");
    fax_of(N1, &[]).send(&harness).await.allows_by("fax.send");
}

#[tokio::test]
async fn r13_a_scope_names_nothing_while_it_is_empty() {
    let harness = Harness::start().await;
    harness.build(product("amplify").account("home").member("me").role("manager")).await;
    let form = || {
        let asked = ask("me", "home", "form.view");
        asked.facts(|form| form.form_type = Some("invoice".into())).send(&harness)
    };
    let limit = |values: &[&str]| scoped("home", "me", "forms.view", ScopeKind::FormType, values);
    for values in [vec![], vec!["intake"]] {
        harness.apply([limit(&values)]).await;
        form().await.denies_by(Reason::OutOfReach, "forms.view");
    }
    harness.apply([limit(&["invoice", "intake"])]).await;
    form().await.allows_by("forms.view");
    // There is no scope that is set and says nothing.
    let unset = overridden("home", "me", "forms.view", OverrideValue::Scoped([].into()));
    assert_eq!(harness.finds_invalid(unset).await.field, "value.scopes");
}

#[tokio::test]
async fn r13_nobody_holds_every_extension() {
    let harness = Harness::start().await;
    harness.build(lists_decide().member("you")).await;
    let all = list("home", "me", MemberList::HeldExtensions(ListValue::All));
    assert_eq!(harness.finds_invalid(all).await.field, "list");
    assert_eq!(harness.refuses(list("home", "you", held(&["102"]))).await.field, "list");
    harness.apply([list("home", "you", held(&["101"]))]).await;
}
