use super::*;

fn user(id: &str) -> Option<pb::Subject> {
    Some(pb::Subject { r#type: "user".into(), id: id.into() })
}

fn list() -> pb::ListVisibleFaxesRequest {
    pb::ListVisibleFaxesRequest {
        tenant: "acme".into(),
        subject: user("alice"),
        account: "home".into(),
        ..Default::default()
    }
}

fn new_fax(id: &str) -> pb::NewFax {
    pb::NewFax {
        fax: id.into(),
        account: "home".into(),
        direction: pb::Direction::Inbound.into(),
        number: Some("+15550100".into()),
        state: pb::FaxState::Active.into(),
        at: Some(prost_types::Timestamp { seconds: 1, nanos: 2_999_999 }),
        ..Default::default()
    }
}

fn batch(n: usize) -> pb::BatchRegisterFaxesRequest {
    pb::BatchRegisterFaxesRequest {
        tenant: "acme".into(),
        actor: user("router"),
        request_id: String::new(),
        faxes: vec![new_fax("f1"); n],
    }
}

#[test]
fn a_list_without_filters_asks_for_the_first_50() {
    let call = list_faxes_call(list()).unwrap();
    assert_eq!(call.filter, FaxFilter::default());
    assert_eq!(call.page, Page { size: 50, token: None });
}

#[test]
fn a_negative_page_size_is_a_fault() {
    let message = pb::ListVisibleFaxesRequest { page_size: -1, ..list() };
    assert_eq!(
        list_faxes_call(message).unwrap_err().to_string(),
        "`page_size` must not be negative"
    );
}

#[test]
fn filters_are_read_and_states_put_in_order() {
    let message = pb::ListVisibleFaxesRequest {
        direction: pb::Direction::Outbound.into(),
        number: Some("+15550100".into()),
        states: vec![4, 1, 4],
        before: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
        ..list()
    };
    let filter = list_faxes_call(message).unwrap().filter;
    assert_eq!(filter.direction, Some(Direction::Outbound));
    assert_eq!(filter.states, [FaxState::Draft, FaxState::Trash]);
    assert_eq!(filter.before, Some(Timestamp(5_000)));
}

#[test]
fn every_bad_filter_is_named() {
    let message = pb::ListVisibleFaxesRequest {
        direction: 9,
        number: Some("5550100".into()),
        faxbox: Some(String::new()),
        states: vec![1, 0],
        ..list()
    };
    let fields: Vec<_> = list_faxes_call(message)
        .unwrap_err()
        .violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(fields, ["direction", "number", "faxbox", "states[1]"]);
}

#[test]
fn a_fax_is_read_to_the_millisecond() {
    let message = pb::RegisterFaxRequest {
        tenant: "acme".into(),
        actor: user("router"),
        request_id: String::new(),
        fax: Some(new_fax("f1")),
    };
    let call = register_call(message).unwrap();
    let fax = call.faxes[0].as_ref().unwrap();
    assert_eq!(fax.at, Timestamp(1_002));
    assert_eq!(fax.faxbox, None);
}

#[test]
fn a_bad_fax_of_a_batch_leaves_the_others_alone() {
    let mut message = batch(3);
    message.faxes[1].account = String::new();
    message.faxes[1].state = 0;
    let call = batch_register_call(message).unwrap();
    assert_eq!(
        call.faxes[1].as_ref().unwrap_err().to_string(),
        "`account` must not be empty; `state` is required"
    );
    assert!(call.faxes[0].is_ok() && call.faxes[2].is_ok());
}

#[test]
fn a_batch_has_1_to_1000_faxes() {
    assert!(batch_register_call(batch(1_000)).is_ok());
    assert_eq!(
        batch_register_call(batch(1_001)).unwrap_err().to_string(),
        "`faxes` has 1001 elements, at most 1000 are allowed"
    );
    assert_eq!(batch_register_call(batch(0)).unwrap_err().to_string(), "`faxes` must not be empty");
}

#[test]
fn a_change_of_a_fax_is_a_batch_of_one() {
    let message = pb::AssignFaxRequest {
        tenant: "acme".into(),
        actor: user("alice"),
        request_id: "r1".into(),
        fax: "f1".into(),
        assignee: None,
    };
    let read = assign_fax(message).unwrap();
    let fax = FaxId::parse("f1").unwrap();
    assert_eq!(read.changes, [Change::AssignFax { fax, assignee: None }]);
}

#[test]
fn a_change_without_a_request_id_is_a_fault() {
    let error = delete_fax(pb::DeleteFaxRequest::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`tenant` must not be empty; `actor` is required; `request_id` must not be empty; \
         `fax` must not be empty"
    );
}
