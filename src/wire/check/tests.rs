use lineguard_core::facts::Fact;
use lineguard_core::model::built_in_vocabulary;

use super::*;

fn subject(id: &str) -> Option<pb::Subject> {
    Some(pb::Subject { r#type: "user".into(), id: id.into() })
}

fn resource(r#type: &str, id: Option<&str>) -> Option<pb::Resource> {
    Some(pb::Resource { r#type: r#type.into(), id: id.map(Into::into), properties: None })
}

fn request(action: &str, resource: Option<pb::Resource>) -> pb::CheckRequest {
    pb::CheckRequest {
        tenant: "acme".into(),
        subject: subject("alice"),
        account: "home".into(),
        action: Some(pb::Action { name: action.into() }),
        resource,
        target: None,
        context: None,
        consistency: None,
    }
}

fn faults(request: pb::CheckRequest) -> String {
    check_call(request, built_in_vocabulary()).unwrap_err().to_string()
}

#[test]
fn a_well_formed_question_is_read() {
    let mut request = request("fax.view", resource("fax", Some("f1")));
    request.context = Some(pb::Context {
        channel: pb::Channel::Mobile.into(),
        recipient_verified: Some(false),
        locked_by: subject("bob"),
    });
    let call = check_call(request, built_in_vocabulary()).unwrap();
    assert_eq!(call.tenant.as_str(), "acme");
    assert_eq!(call.account.as_str(), "home");
    assert_eq!(call.subject.qualified(), "user:alice");
    assert_eq!(Some(call.action), built_in_vocabulary().action("fax.view"));
    assert_eq!(call.resource.id.unwrap().as_str(), "f1");
    assert_eq!(call.resource.facts, SentFacts::default());
    assert_eq!(call.channel, Some(Channel::Mobile));
    assert_eq!(call.recipient_verified, Some(false));
    assert_eq!(call.locked_by.unwrap().id(), "bob");
}

#[test]
fn an_empty_message_names_every_required_field() {
    assert_eq!(
        faults(pb::CheckRequest::default()),
        "`tenant` must not be empty; `subject` is required; `account` must not be empty; \
         `action` is required; `resource` is required"
    );
}

#[test]
fn an_unknown_action_is_a_fault_with_a_suggestion() {
    assert_eq!(
        faults(request("fax.veiw", resource("fax", None))),
        "`action.name` unknown action `fax.veiw`, did you mean `fax.view`?"
    );
}

#[test]
fn a_long_identifier_and_a_control_character_are_told_at_once() {
    let mut request = request("fax.view", resource("fax", Some("f\n1")));
    request.tenant = "t".repeat(129);
    assert_eq!(
        faults(request),
        "`tenant` must be at most 128 bytes long; \
         `resource.id` must not contain control characters"
    );
}

#[test]
fn the_resource_type_must_be_the_one_that_the_action_acts_on() {
    assert_eq!(
        faults(request("fax.view", resource("call", Some("c1")))),
        "`resource.type` action `fax.view` acts on a `fax`, not a `call`"
    );
    assert_eq!(
        faults(request("fax.view", resource("faxx", None))),
        "`resource.type` unknown resource type `faxx`, did you mean `fax`?"
    );
}

#[test]
fn a_fact_of_another_type_is_a_fault() {
    let mut request = request("call.view", resource("call", Some("c1")));
    request.resource.as_mut().unwrap().properties =
        Some(pb::Facts { template: Some("x".into()), ..Default::default() });
    assert_eq!(
        faults(request),
        "`resource.properties.template` is no fact of the resource type `call`"
    );
}

#[test]
fn facts_keep_their_presence() {
    let mut request = request("call.view", resource("call", Some("c1")));
    request.resource.as_mut().unwrap().properties = Some(pb::Facts {
        extension: Some("100".into()),
        absent: vec!["queue".into()],
        ..Default::default()
    });
    let call = check_call(request, built_in_vocabulary()).unwrap();
    assert!(matches!(call.resource.facts.extension, Fact::Known(_)));
    assert_eq!(call.resource.facts.queue, Fact::Absent);
    assert_eq!(call.resource.facts.number, Fact::Missing);
}

#[test]
fn ids_of_numbers_and_members_have_a_form() {
    assert!(faults(request("number.view", resource("number", Some("555")))).contains("E.164"));
    assert!(
        faults(request("member.view", resource("member", Some("alice")))).contains("qualified")
    );
}

#[test]
fn what_is_conferred_must_be_named() {
    let member = resource("member", Some("user:bob"));
    let mut request = request("role.assign", member);
    assert_eq!(faults(request.clone()), "`target` action `role.assign` needs the role it confers");
    request.target = resource("role", None);
    assert_eq!(faults(request.clone()), "`target.id` is required");
    request.target = resource("permission", Some("fax.send"));
    assert_eq!(
        faults(request.clone()),
        "`target.type` action `role.assign` has as its target a `role`, not a `permission`"
    );
    request.target = resource("role", Some("admin"));
    let call = check_call(request, built_in_vocabulary()).unwrap();
    let key = Key::parse("admin").unwrap();
    assert_eq!(call.conferred, Some(Conferred::Role { key, permissions: None }));
    assert_eq!(call.target, None);
}

#[test]
fn a_target_that_the_action_does_not_have_is_a_fault() {
    let mut request = request("fax.view", resource("fax", Some("f1")));
    request.target = resource("faxbox", Some("b1"));
    assert_eq!(faults(request), "`target` action `fax.view` takes no target");
}

#[test]
fn a_batch_has_1_to_1000_questions() {
    let check = request("fax.view", resource("fax", Some("f1")));
    let batch = |n| pb::BatchCheckRequest { checks: vec![check.clone(); n], consistency: None };
    let read = |n| batch_check_calls(batch(n), built_in_vocabulary());
    assert_eq!(
        read(1_001).unwrap_err().to_string(),
        "`checks` has 1001 questions, at most 1000 are allowed"
    );
    assert_eq!(read(0).unwrap_err().to_string(), "`checks` must not be empty");
    assert_eq!(read(1_000).unwrap().len(), 1_000);
}

#[test]
fn a_bad_question_of_a_batch_leaves_the_others_alone() {
    let good = request("fax.view", resource("fax", Some("f1")));
    let bad = request("fax.vew", resource("fax", Some("f1")));
    let message =
        pb::BatchCheckRequest { checks: vec![good.clone(), bad, good], consistency: None };
    let calls = batch_check_calls(message, built_in_vocabulary()).unwrap();
    assert_eq!(calls.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn what_a_batch_says_of_recency_holds_where_a_question_says_nothing() {
    let age = |seconds| prost_types::Duration { seconds, nanos: 0 };
    let says = |seconds| {
        Some(pb::Consistency { at_least: String::new(), max_staleness: Some(age(seconds)) })
    };
    let silent = request("fax.view", resource("fax", Some("f1")));
    let own = pb::CheckRequest { consistency: says(5), ..silent.clone() };
    let batch = |seconds| pb::BatchCheckRequest {
        checks: vec![silent.clone(), own.clone()],
        consistency: says(seconds),
    };
    let calls = batch_check_calls(batch(30), built_in_vocabulary()).unwrap();
    let ages = calls.into_iter().map(|call| call.unwrap().consistency.max_staleness.unwrap());
    assert_eq!(ages.map(|age| age.as_secs()).collect::<Vec<_>>(), [30, 5]);
    let error = batch_check_calls(batch(-1), built_in_vocabulary()).unwrap_err();
    assert_eq!(error.to_string(), "`consistency.max_staleness` must be from 0 to 24 hours");
    let bad = pb::CheckRequest { consistency: says(-1), ..silent.clone() };
    assert_eq!(faults(bad), "`consistency.max_staleness` must be from 0 to 24 hours");
}
