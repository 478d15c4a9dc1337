use lineguard_core::change::IfExists;
use lineguard_core::id::Revision;

use super::*;

fn user(id: &str) -> Option<pb::Subject> {
    Some(pb::Subject { r#type: "user".into(), id: id.into() })
}

fn remove(account: &str) -> pb::Change {
    let change = pb::RemoveAccount { account: account.into() };
    pb::Change { kind: Some(pb::change::Kind::RemoveAccount(change)) }
}

fn apply(changes: Vec<pb::Change>) -> Result<Batch, InvalidRequest> {
    apply_batch(pb::ApplyRequest {
        tenant: "acme".into(),
        actor: user("alice"),
        request_id: "r1".into(),
        if_exists: 0,
        changes,
    })
}

#[test]
fn a_batch_is_read_and_refuses_what_exists_unless_told_otherwise() {
    let batch = apply(vec![remove("branch")]).unwrap();
    assert_eq!(batch.if_exists, IfExists::Refuse);
    assert_eq!(batch.changes.len(), 1);
}

#[test]
fn a_batch_has_1_to_10000_changes() {
    assert_eq!(apply(vec![]).unwrap_err().to_string(), "`changes` must not be empty");
    assert_eq!(
        apply(vec![remove("branch"); MAX_CHANGES + 1]).unwrap_err().to_string(),
        "`changes` has 10001 elements, at most 10000 are allowed"
    );
}

#[test]
fn faults_of_all_changes_are_told_with_their_paths() {
    let nothing = pb::Change { kind: None };
    assert_eq!(
        apply(vec![remove(""), remove("a"), nothing]).unwrap_err().to_string(),
        "`changes[0].remove_account.account` must not be empty; \
         `changes[2]` names no change, or one that this server does not know"
    );
}

#[test]
fn faults_of_an_import_belong_to_their_tenant_and_name_their_part() {
    let mut part = pb::ImportRequest {
        tenant: "acme".into(),
        actor: user("alice"),
        request_id: "r1".into(),
        changes: vec![remove("")],
        faxes: vec![],
    };
    let (tenant, read) = import_part(part.clone(), 4).unwrap();
    assert_eq!(tenant.as_str(), "acme");
    assert_eq!(
        read.unwrap_err().to_string(),
        "`parts[4].changes[0].remove_account.account` must not be empty"
    );
    part.changes = vec![remove(""); 2_000];
    let (_, read) = import_part(part.clone(), 0).unwrap();
    assert_eq!(read.unwrap_err().violations.len(), 2_000);
    part.tenant = String::new();
    assert_eq!(
        import_part(part, 4).unwrap_err().to_string(),
        "`parts[4].tenant` must not be empty"
    );
}

#[test]
fn a_key_names_every_kind_of_object() {
    use pb::object_key::Kind;

    let read = |kind| {
        get_call(pb::GetRequest { tenant: "acme".into(), key: Some(pb::ObjectKey { kind }) })
    };
    assert_eq!(read(Some(Kind::Tenant(pb::TenantKey {}))).unwrap().1, ObjectKey::Tenant);
    assert!(matches!(
        read(Some(Kind::Number("+15550100".into()))).unwrap().1,
        ObjectKey::Number(_)
    ));
    assert_eq!(read(None).unwrap_err().to_string(), "`key` is required");
    let member = pb::MemberKey { account: String::new(), subject: None };
    assert_eq!(
        read(Some(Kind::Member(member))).unwrap_err().to_string(),
        "`key.member.account` must not be empty; `key.member.subject` is required"
    );
}

#[test]
fn a_list_needs_a_kind_and_no_negative_page() {
    let message = pb::ListRequest { tenant: "acme".into(), page_size: -5, ..Default::default() };
    assert_eq!(
        list_call(message).unwrap_err().to_string(),
        "`kind` is required; `page_size` must not be negative"
    );
}

#[test]
fn the_failure_of_one_tenant_stands_beside_the_others() {
    let applied = Applied { revision: Revision(2), changed: 1, warnings: vec![], repeated: false };
    let tenant = |id| TenantId::parse(id).unwrap();
    let response = import_response([
        (tenant("a"), Err(Failure::RequestIdReused)),
        (tenant("b"), Ok((Imported { applied, registered: 4 }, "token".into()))),
    ]);
    assert!(matches!(response.results[0].result, Some(pb::import_result::Result::Error(_))));
    let Some(pb::import_result::Result::Imported(imported)) = &response.results[1].result else {
        panic!("not imported");
    };
    assert_eq!((imported.revision, imported.registered_faxes), (2, 4));
}
