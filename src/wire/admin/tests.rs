use lineguard_core::change::IfExists;

use super::*;

fn user(id: &str) -> Option<pb::Subject> {
    Some(pb::Subject {
        r#type: "user".into(),
        id: id.into(),
    })
}

fn remove(account: &str) -> pb::Change {
    let change = pb::RemoveAccount {
        account: account.into(),
    };
    pb::Change {
        kind: Some(pb::change::Kind::RemoveAccount(change)),
    }
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
    assert_eq!(
        apply(vec![]).unwrap_err().to_string(),
        "`changes` must not be empty"
    );
    assert_eq!(
        apply(vec![remove("branch"); MAX_CHANGES + 1])
            .unwrap_err()
            .to_string(),
        "`changes` has 10001 elements, at most 10000 are allowed"
    );
}

#[test]
fn faults_of_all_changes_are_told_with_their_paths() {
    let nothing = pb::Change { kind: None };
    assert_eq!(
        apply(vec![remove(""), remove("a"), nothing])
            .unwrap_err()
            .to_string(),
        "`changes[0].remove_account.account` must not be empty; \
         `changes[2]` names no change, or one that this server does not know"
    );
}

#[test]
fn a_part_of_an_import_names_its_position() {
    let part = pb::ImportRequest {
        tenant: "acme".into(),
        actor: user("alice"),
        request_id: "r1".into(),
        changes: vec![remove("")],
        faxes: vec![],
    };
    assert_eq!(
        import_part(part, 4).unwrap_err().to_string(),
        "`parts[4].changes[0].remove_account.account` must not be empty"
    );
}

#[test]
fn a_key_names_every_kind_of_object() {
    use pb::object_key::Kind;

    let read = |kind| {
        get_call(pb::GetRequest {
            tenant: "acme".into(),
            key: Some(pb::ObjectKey { kind }),
        })
    };
    assert_eq!(
        read(Some(Kind::Tenant(pb::TenantKey {}))).unwrap().1,
        ObjectKey::Tenant
    );
    assert!(matches!(
        read(Some(Kind::Number("+15550100".into()))).unwrap().1,
        ObjectKey::Number(_)
    ));
    assert_eq!(read(None).unwrap_err().to_string(), "`key` is required");
    let member = pb::MemberKey {
        account: String::new(),
        subject: None,
    };
    assert_eq!(
        read(Some(Kind::Member(member))).unwrap_err().to_string(),
        "`key.member.account` must not be empty; `key.member.subject` is required"
    );
}

#[test]
fn a_list_needs_a_kind_and_no_negative_page() {
    let message = pb::ListRequest {
        tenant: "acme".into(),
        page_size: -5,
        ..Default::default()
    };
    assert_eq!(
        list_call(message).unwrap_err().to_string(),
        "`kind` is required; `page_size` must not be negative"
    );
}

#[test]
fn mistakes_of_a_model_text_have_line_and_column() {
    let error = TextError {
        line: 3,
        column: 7,
        problem: "unknown action `fax.veiw`".into(),
        suggestion: Some("fax.view".into()),
    };
    assert_eq!(
        model_errors(vec![error]).to_string(),
        "`text` line 3, column 7: unknown action `fax.veiw`, did you mean `fax.view`?"
    );
}

#[test]
fn a_digest_is_64_hexadecimal_digits() {
    let call = |digest: &str| {
        get_model_call(pb::GetModelRequest {
            digest: digest.into(),
        })
    };
    assert!(call("xyz").is_err());
    assert_eq!(call(&"0a".repeat(32)), Ok(ModelDigest([0x0a; 32])));
}
