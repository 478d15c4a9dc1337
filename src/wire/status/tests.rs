use lineguard_core::id::{AccountId, ModelDigest};
use lineguard_core::vocabulary::FactName;

use super::*;

fn violation() -> Violation {
    Violation { field: "changes[0].set_roles.roles".into(), problem: "is bad".into() }
}

fn missing(of: FactOwner, fact: Option<FactName>) -> MissingFacts {
    MissingFact { of, fact }.into()
}

fn all() -> Vec<(Failure, Code)> {
    vec![
        (Failure::Invalid(InvalidRequest::one("tenant", "is bad")), Code::InvalidArgument),
        (
            Failure::from(missing(FactOwner::Resource, Some(FactName::Participant))),
            Code::InvalidArgument,
        ),
        (Failure::NotFound("account"), Code::NotFound),
        (
            Failure::Store(StoreError::Unavailable { detail: "SELECT 1 on 10.0.0.1".into() }),
            Code::Unavailable,
        ),
        (
            Failure::Store(StoreError::Corrupt {
                table: "object",
                column: "body",
                row: "7".into(),
            }),
            Code::DataLoss,
        ),
        (
            Failure::Store(StoreError::UnreadableModel {
                digest: ModelDigest::of(""),
                detail: "SELECT 2 on 10.0.0.1".into(),
            }),
            Code::Unavailable,
        ),
        (
            Failure::Store(StoreError::TooLarge { bytes: 17 << 20, most: 16 << 20 }),
            Code::FailedPrecondition,
        ),
        (Failure::WriteNotFound(violation()), Code::NotFound),
        (Failure::AlreadyExists(violation()), Code::AlreadyExists),
        (Failure::Refused(violation()), Code::FailedPrecondition),
        (Failure::NotNow(violation()), Code::ResourceExhausted),
        (Failure::RequestIdReused, Code::Aborted),
        (Failure::HistoryLost, Code::FailedPrecondition),
        (Failure::Overloaded, Code::ResourceExhausted),
        (Failure::DeadlineExceeded, Code::DeadlineExceeded),
        (Failure::Unauthenticated, Code::Unauthenticated),
        (Failure::NotPermitted, Code::PermissionDenied),
        (Failure::Internal("SELECT 3 on 10.0.0.1".into()), Code::Internal),
    ]
}

#[test]
fn every_status_has_one_reason_of_our_domain() {
    for (failure, code) in all() {
        let status = Status::from(failure);
        assert_eq!(status.code(), code);
        let info = status.get_error_details().error_info().unwrap().clone();
        assert_eq!(info.domain, DOMAIN);
        assert!(info.reason.len() <= 63);
        assert!(info.reason.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    }
}

#[test]
fn what_is_worth_a_retry_says_when() {
    for (failure, code) in all() {
        let retry = Status::from(failure).get_error_details().retry_info().is_some();
        assert_eq!(retry, matches!(code, Code::Unavailable | Code::ResourceExhausted));
    }
}

#[test]
fn no_status_tells_what_is_for_the_log() {
    for (failure, _) in all() {
        let status = Status::from(failure);
        assert!(!format!("{status:?}").contains("SELECT"));
        assert!(!String::from_utf8_lossy(status.details()).contains("SELECT"));
    }
}

#[test]
fn missing_facts_are_named_by_their_fields_all_at_once() {
    let number = missing(FactOwner::Resource, Some(FactName::Number));
    let sources = missing(FactOwner::Target, Some(FactName::Source));
    let verified = missing(FactOwner::Context, None);
    let status = Status::from(Failure::from(verified.with(sources).with(number)));
    let fields = [
        "resource.properties.number",
        "target.properties.attachment_sources",
        "context.recipient_verified",
    ];
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.iter().map(|one| &*one.field).collect::<Vec<_>>(), fields);
    let [number, sources, verified] = fields;
    let told = format!("the answer depends on `{number}`, `{sources}` and `{verified}`");
    assert_eq!(status.message(), format!("{told}, which were not sent"));
    assert_eq!(status.get_details_error_info().unwrap().metadata["field"], number);
}

#[test]
fn an_item_error_is_the_status_of_the_item_alone() {
    for (failure, code) in all() {
        let status = Status::from(failure.clone());
        let item = failure.into_item_error();
        assert_eq!(item.code, i32::from(code));
        assert_eq!(item.message, status.message());
        assert_eq!(item.reason, status.get_error_details().error_info().unwrap().reason);
        // The same when only the status is known.
        assert_eq!(Failure::item_error_of(&status), item);
    }
}

#[test]
fn every_fault_of_a_write_has_the_path_of_its_change() {
    let changes = [Change::RemoveAccount { account: AccountId::parse("a").unwrap() }];
    let fault = |change, field| Fault { change, field, problem: "is bad".into() };
    let error = ApplyError::Invalid(vec![fault(0, "account"), fault(0, ""), fault(9, "x")]);
    let Failure::Invalid(error) = Failure::of_write(error, |f| change_field(&changes, f)) else {
        panic!("another failure");
    };
    let fields: Vec<_> = error.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        ["changes[0].remove_account.account", "changes[0].remove_account", "changes[9].x"]
    );
}

#[test]
fn a_refused_write_is_a_failed_precondition_with_its_field() {
    let details = Status::from(Failure::Refused(violation())).get_error_details();
    let failure = details.precondition_failure().unwrap();
    assert_eq!(failure.violations[0].subject, violation().field);
}

#[test]
fn a_status_fits_into_the_headers_of_every_client() {
    let violation = |i| Violation { field: format!("changes[{i}].x"), problem: "ä".repeat(40) };
    let many = InvalidRequest { violations: (0..10_000).map(violation).collect() };
    let long = InvalidRequest::one("tenant", "ä".repeat(100_000));
    for error in [many, long] {
        let status = Status::from(Failure::Invalid(error.clone()));
        let message = status.message().bytes().map(|b| if b.is_ascii() { 1 } else { 3 });
        assert!(message.sum::<usize>() + status.details().len() * 4 / 3 < 8_000);
        let details = status.get_error_details();
        let sent = details.bad_request().unwrap().field_violations.len();
        let metadata = &details.error_info().unwrap().metadata;
        let left_out = metadata.get("violations_left_out");
        let left_out: usize = left_out.map_or(0, |n| n.parse().unwrap());
        assert!(sent > 0);
        assert_eq!(sent + left_out, error.violations.len());
        // A batch or an import carries them in the body, all of them.
        let item = Failure::Invalid(error.clone()).into_item_error();
        assert_eq!(item.field_violations.len(), error.violations.len());
    }
}

#[test]
fn the_message_of_an_item_is_that_of_the_status_where_it_is_short() {
    let item = Failure::RequestIdReused.into_item_error();
    assert_eq!(item.message, Status::from(Failure::RequestIdReused).message());
}
