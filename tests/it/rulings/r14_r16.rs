//! R14 missing facts, R15 conferring, R16 acting on a fax requires seeing it.

use lineguard::wire::pb::{self, Reason};
use lineguard_core::change::{AttachmentSource, ListValue, MemberList};
use lineguard_core::model::{ScopeKind, built_in_vocabulary};
use lineguard_core::vocabulary::SendChannel;
use lineguard_testkit::ids;
use lineguard_testkit::world::{received, world};
use tonic::Code;
use tonic_types::StatusExt;

use crate::ask::{Answer, Ask, ask, user};
use crate::changes::{custom_role, fax_in, faxbox_owner, in_faxbox, level, on, scoped};
use crate::harness::{Harness, product};

const N1: &str = "+15550100001";

#[track_caller]
fn misses(answer: &Answer, field: &str) {
    let Answer::Error(status) = answer else { panic!("expected an error, came {answer:?}") };
    assert_eq!(status.code(), Code::InvalidArgument);
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.domain, &*info.reason), ("lineguard.v1", "MISSING_FACT"));
    assert_eq!(info.metadata["field"], field);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, field);
}

#[tokio::test]
async fn r14_an_answer_that_depends_on_a_missing_fact_is_an_error_that_names_it() {
    let harness = Harness::start().await;
    let home = product("amplify").account("home").number(N1);
    let me = home.member("me").role("manager").access(&[N1]);
    let me = me.change(scoped("home", "me", "forms.view", ScopeKind::FormType, &["invoice"]));
    let me = me.change(scoped("home", "me", "esign.doc.view", ScopeKind::DocumentType, &["nda"]));
    let me = me.change(scoped("home", "me", "esign.tpl.view", ScopeKind::Template, &["t"]));
    harness.build(me.change(scoped("home", "me", "msg.receive", ScopeKind::Number, &[N1]))).await;
    for (action, field) in [
        ("form.view", "resource.properties.form_type"),
        ("esign_document.view", "resource.properties.document_type"),
        ("esign_template.view", "resource.properties.template"),
        ("message.view", "resource.properties.number"),
    ] {
        misses(&ask("me", "home", action).send(&harness).await, field);
    }
    // With the fact there is an answer.
    let known = |form: &str| {
        let form = form.to_owned();
        ask("me", "home", "form.view").facts(|facts| facts.form_type = Some(form))
    };
    known("invoice").send(&harness).await.allows_by("forms.view");
    known("intake").send(&harness).await.denies_by(Reason::OutOfReach, "forms.view");
    // A fact that is known to be none is not missing.
    let none = ask("me", "home", "form.view").facts(|form| form.absent = vec!["form_type".into()]);
    none.send(&harness).await.denies_by(Reason::OutOfReach, "forms.view");
    // Nor does the answer depend on it where something else settles it.
    let elsewhere = ask("me", "home", "form.view").facts(|form| form.account = Some("x".into()));
    elsewhere.send(&harness).await.denies_by(Reason::OutOfReach, "forms.view");
}

#[tokio::test]
async fn r14_all_facts_that_are_missing_are_named_at_once() {
    let harness = Harness::start().await;
    let home = product("amplify").account("home").number(N1).member("me").role("member");
    let numbers = MemberList::SendFrom(SendChannel::Fax, ListValue::These(vec![ids::number(N1)]));
    let sources = MemberList::AttachmentSources(ListValue::These(vec![AttachmentSource::Computer]));
    harness.build(home.list(numbers).list(sources)).await;
    let answer = ask("me", "home", "fax.send").send(&harness).await;
    let Answer::Error(status) = &answer else { panic!("{answer:?}") };
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    let expected = ["resource.properties.number", "resource.properties.attachment_sources"];
    assert_eq!(fields, expected);
    // With one of them the other is still missing; with both there is an answer.
    let one = ask("me", "home", "fax.send").facts(|fax| fax.number = Some(N1.into()));
    misses(&one.clone().send(&harness).await, expected[1]);
    let both = one.facts(|fax| fax.absent = vec!["attachment_sources".into()]);
    both.send(&harness).await.allows_by("fax.send");
}

#[tokio::test]
async fn r14_a_missing_fact_does_not_matter_if_another_grant_allows_without_it() {
    let harness = Harness::start().await;
    let me = product("standard").account("home").member("me").role("member");
    let limit = scoped("home", "me", "document.view_all", ScopeKind::DocumentType, &["nda"]);
    harness.build(me.change(limit)).await;
    let document = |creator: &str| {
        let creator = user(creator);
        ask("me", "home", "document.view").facts(|document| {
            document.creator = Some(creator);
            document.absent = vec!["assignee".into(), "faxbox".into()];
        })
    };
    document("me").send(&harness).await.allows_by("document.view");
    misses(&document("you").send(&harness).await, "resource.properties.document_type");
}

#[tokio::test]
async fn r14_a_missing_fact_does_not_matter_if_there_is_no_grant_at_all() {
    let harness = Harness::start().await;
    let home = product("amplify").account("home").change(custom_role("home", "none", &[]));
    harness.build(home.member("me").role("none")).await;
    for (action, permission) in
        [("form.view", "forms.view"), ("esign_document.view", "esign.doc.view")]
    {
        let answer = ask("me", "home", action).send(&harness).await;
        answer.denies_by(Reason::NoGrant, permission);
    }
}

/// A role that assigns roles and permissions, and neither it nor its holder is given the right to
/// confer what they do not hold; and one that is.
const CONFERRING: &str = r#"
format = 1
name = "conferring"
title = "Conferring"
summary = "Who may confer what."

[tree]
sub_accounts = true

[members]
roles = "many"

[[permission]]
key = "view"
title = "View faxes"
category = "Faxes"
actions = ["fax.view"]

[[permission]]
key = "send"
title = "Send faxes"
category = "Faxes"
actions = ["fax.send"]

[[permission]]
key = "assign"
title = "Assign what one holds"
category = "People"
actions = ["role.assign", "permission.assign"]

[[permission]]
key = "assign_roles"
title = "Assign any role"
category = "People"
actions = ["role.assign", "permission.assign"]
confers = ["role"]

[[permission]]
key = "people"
title = "View people"
category = "People"
actions = ["member.view"]

[[role]]
key = "reader"
title = "Reader"
permissions = ["view"]

[[role]]
key = "sender"
title = "Sender"
permissions = ["view", "send"]

[[role]]
key = "clerk"
title = "Clerk"
permissions = ["view", "assign", "people"]

[[role]]
key = "head"
title = "Head"
permissions = ["assign_roles", "people"]
"#;

#[tokio::test]
async fn r15_what_is_not_declared_is_conferred_only_by_someone_who_holds_it() {
    let harness = Harness::start().await;
    let home = world("t1").model(CONFERRING).account("home").member("new").role("reader");
    harness.build(home.member("clerk").role("clerk").member("head").role("head")).await;
    let role = |who: &str, key: &str| {
        let asked = ask(who, "home", "role.assign").on("user:new");
        asked.target("role", Some(key), |_| ()).send(&harness)
    };
    let permission = |who: &str, key: &str| {
        let asked = ask(who, "home", "permission.assign").on("user:new");
        asked.target("permission", Some(key), |_| ()).send(&harness)
    };
    // The clerk holds what a reader has, and not all that a sender has.
    role("clerk", "reader").await.allows_by("assign");
    role("clerk", "sender").await.denies_by(Reason::MayNotConfer, "assign");
    permission("clerk", "view").await.allows_by("assign");
    permission("clerk", "send").await.denies_by(Reason::MayNotConfer, "assign");
    // For the head any role is declared, and no permission is.
    role("head", "sender").await.allows_by("assign_roles");
    permission("head", "send").await.denies_by(Reason::MayNotConfer, "assign_roles");
    // Whoever assigns nothing confers nothing, whatever they hold.
    role("new", "reader").await.denies(Reason::NoGrant);
}

#[track_caller]
fn unknown(answer: &Answer, told: &str) {
    answer.misses("target.id");
    let Answer::Error(status) = answer else { return };
    let info = status.get_details_error_info().unwrap();
    assert_eq!(&*info.reason, "INVALID_REQUEST");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
    assert_eq!((&*violations[0].field, &*violations[0].description), ("target.id", told));
}

#[tokio::test]
async fn r15_a_key_that_the_tenant_does_not_know_is_an_error_for_those_who_might_confer_it() {
    let harness = Harness::start().await;
    let home = world("t1").model(CONFERRING).account("home").member("head").role("head");
    let home = home.change(custom_role("home", "night", &["view"])).member("clerk").role("clerk");
    let kid = home.below("home", "kid").change(custom_role("kid", "porter", &["view"]));
    let kid = kid.member("new").role("reader");
    let other = kid.below("home", "other").change(custom_role("other", "usher", &["view"]));
    harness.build(other.enter("home").member("old").role("reader")).await;
    let role = |who: &str, account: &str, member: &str, key: &str| {
        let account = account.to_owned();
        let asked = ask(who, "home", "role.assign").on(member);
        let asked = asked.facts(|facts| facts.account = Some(account));
        asked.target("role", Some(key), |_| ()).send(&harness)
    };
    // Of the model, of the acting account, and of the account of the member who gets it.
    role("head", "home", "user:old", "sender").await.allows_by("assign_roles");
    role("head", "home", "user:old", "night").await.allows_by("assign_roles");
    role("head", "kid", "user:new", "porter").await.allows_by("assign_roles");
    for who in ["head", "clerk"] {
        let misspelt = role(who, "home", "user:old", "raeder").await;
        unknown(&misspelt, "unknown role `raeder`, did you mean `reader`?");
        // A role of another account is as unknown as one that does not exist.
        unknown(&role(who, "home", "user:old", "usher").await, "unknown role `usher`");
        unknown(&role(who, "home", "user:old", "bogus").await, "unknown role `bogus`");
        unknown(&role(who, "home", "user:old", "porter").await, "unknown role `porter`");
    }
    let permission = |who: &str, key: &str| {
        let asked = ask(who, "home", "permission.assign").on("user:old");
        asked.target("permission", Some(key), |_| ()).send(&harness)
    };
    for who in ["head", "clerk"] {
        let misspelt = permission(who, "veiw").await;
        unknown(&misspelt, "unknown permission `veiw`, did you mean `view`?");
    }
    // Who is denied whatever is conferred learns nothing about keys.
    for key in ["reader", "night", "raeder"] {
        role("old", "home", "user:old", key).await.denies(Reason::NoGrant);
        role("nobody", "home", "user:old", key).await.denies(Reason::NotAMemberOfActingAccount);
        role("head", "home", "user:nobody", key).await.denies(Reason::OutOfReach);
    }
    permission("old", "veiw").await.denies(Reason::NoGrant);
}

#[tokio::test]
async fn r15_a_question_of_a_batch_with_an_unknown_key_leaves_the_others_their_answers() {
    let harness = Harness::start().await;
    let home = world("t1").model(CONFERRING).account("home").member("head").role("head");
    harness.build(home.member("new").role("reader")).await;
    let question = |key: &str| {
        let asked = ask("head", "home", "role.assign").on("user:new");
        asked.target("role", Some(key), |_| ()).message()
    };
    let checks = ["reader", "raeder", "sender"].map(question).to_vec();
    let request = pb::BatchCheckRequest { checks, consistency: None };
    let results = harness.client().batch_check(request).await.unwrap().into_inner().results;
    let told: Vec<_> = results.into_iter().map(|result| result.result.unwrap()).collect();
    let [
        pb::check_result::Result::Decision(first),
        pb::check_result::Result::Error(unknown),
        pb::check_result::Result::Decision(last),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((first.effect(), last.effect()), (pb::Effect::Allow, pb::Effect::Allow));
    assert_eq!(&*unknown.reason, "INVALID_REQUEST");
    assert_eq!(unknown.field_violations[0].field, "target.id");
}

#[tokio::test]
async fn r15_an_administrator_assigns_any_role_where_the_model_declares_it() {
    let harness = Harness::start().await;
    let home = product("amplify").account("home").member("boss").role("admin");
    harness.build(home.member("new").role("member")).await;
    for (action, ty, key) in
        [("role.assign", "role", "admin"), ("permission.assign", "permission", "fax.ai")]
    {
        let assigns =
            |who: &str| ask(who, "home", action).on("user:new").target(ty, Some(key), |_| ());
        assigns("boss").send(&harness).await.allows_by("users.edit");
        assigns("new").send(&harness).await.denies_by(Reason::NoGrant, "users.edit");
    }
}

#[tokio::test]
async fn r15_an_owner_opens_the_own_faxbox_in_two_separate_steps() {
    let harness = Harness::start().await;
    let home = product("retarus").account("home").faxbox("box").member("me").role("user");
    let home = home.change(faxbox_owner("me", "box")).fax(fax_in("f1", "home", "box"));
    harness.build(home.member("admin").role("tenant_admin")).await;
    for who in ["me", "admin"] {
        let sees = || ask(who, "home", "fax.view").on("f1").send(&harness);
        sees().await.denies_by(Reason::RequirementNotMet, "fax.view");
        let assigns = ask(who, "home", "faxbox.assign_members").on("box").send(&harness).await;
        assigns.allows_by("faxbox.assign_members");
        sees().await.denies_by(Reason::RequirementNotMet, "fax.view");
        harness.apply([in_faxbox(who, "box", true)]).await;
        sees().await.allows_by("fax.view");
    }
}

/// Everything that is done to a fax on the screen of the standard model, and no sight of any fax.
const VERBS: [&str; 12] = [
    "fax.send",
    "fax.organize",
    "fax.assign",
    "fax.delete",
    "fax.pass_on",
    "fax.export",
    "fax.export_ehr",
    "fax.edit",
    "fax.print",
    "fax.view_activity",
    "fax.approve",
    "fax.move",
];

/// The actions that need sight of the fax, as far as no state or place of it plays a part.
fn acting_on_a_fax() -> Vec<String> {
    let vocabulary = built_in_vocabulary();
    let view = vocabulary.action("fax.view");
    let needs_sight = vocabulary.actions().filter(|(_, def)| def.sees == view);
    let names: Vec<_> = needs_sight.map(|(_, def)| def.name.to_string()).collect();
    assert!(names.len() > 25, "{names:?}");
    names
}

fn acts(action: &str) -> Ask {
    let asked = ask("me", "home", action).on("f1");
    match action {
        "fax.forward" => asked.target("fax", None, |out| out.number = Some(N1.into())),
        _ => asked,
    }
}

#[tokio::test]
async fn r16_nothing_is_done_to_a_fax_that_the_person_does_not_see() {
    let harness = Harness::start().await;
    let home = product("standard").account("home").number(N1);
    // To approve shows what is pending; this fax is not.
    let home = home.change(custom_role("home", "blind", &VERBS));
    harness.build(home.member("me").role("blind").received("f1", N1, 0)).await;
    for action in acting_on_a_fax() {
        let denied = acts(&action).send(&harness).await;
        let Answer::Decision(decision) = &denied else { panic!("{action}: {denied:?}") };
        assert_eq!(decision.effect(), pb::Effect::Deny, "{action}");
        // The same as for a fax that does not exist.
        let mut unknown = acts(&action).message();
        unknown.resource.as_mut().unwrap().id = Some("no-such-fax".into());
        let unknown = harness.client().check(unknown).await.unwrap().into_inner();
        assert_eq!(unknown.decision.as_ref(), Some(&**decision), "{action}");
    }

    // With sight of it, what the permissions give is allowed.
    harness.apply([on("home", "me", "fax.view"), level("home", "me", "everything")]).await;
    for action in ["fax.delete", "fax.assign", "fax.share", "fax.export", "fax.email", "fax.file"] {
        acts(action).send(&harness).await.allows();
    }
}

#[tokio::test]
async fn r16_sending_from_a_number_needs_no_sight_of_anything() {
    let harness = Harness::start().await;
    let home = product("ifax").account("home").number(N1);
    let home = home.change(custom_role("home", "blind", &["fax.send", "fax.delete_inbound"]));
    harness.build(home.member("me").role("blind").fax(received("f1", "home", 0))).await;
    let sends = ask("me", "home", "fax.send").facts(|fax| fax.number = Some(N1.into()));
    sends.send(&harness).await.allows_by("fax.send");
    let deletes = ask("me", "home", "fax.delete").on("f1").send(&harness).await;
    // Sight is what everybody has: of own sent faxes.
    deletes.denies_by(Reason::OutOfReach, "fax.view_own_sent");
}
