//! Whole tenants in and out.

use lineguard::wire::pb;
use lineguard_core::change::{AttachmentSource, Change, NewFax, UserOrGroup};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_testkit::ids;
use lineguard_testkit::world::{World, received, world};
use tonic::Code;

use crate::admin_service::everything;
use crate::harness::Harness;
use crate::writing::{admin, again, apply, expect, export, import, part};

const NUMBER: &str = "+15550100";

fn faxbox(id: &str) -> Change {
    let (account, faxbox) = (ids::account("home"), ids::faxbox(id));
    Change::AddFaxbox { account, faxbox, title: id.to_owned() }
}

/// A tenant with one of everything, whose faxes have moved on since they were registered.
async fn lived_in(harness: &Harness) {
    let boxed = NewFax { faxbox: Some(ids::faxbox("box")), ..received("f4", "home", 4) };
    let written = NewFax {
        direction: Direction::Outbound,
        state: FaxState::Draft,
        attachment_sources: Some(ids::sources(&[])),
        ..received("f7", "home", 7)
    };
    let world = everything()
        .received("f1", NUMBER, 1)
        .received("f2", "+15550101", 2)
        .sent("f3", "bob", 3)
        .fax(boxed)
        .fax(written)
        .received("f5", NUMBER, 5)
        .received("f6", NUMBER, 6);
    harness.build(world).await;
    let fax = |id: &str| ids::fax(id);
    let to = |assignee| Change::AssignFax { fax: fax("f1"), assignee: Some(assignee) };
    let moved = [
        to(UserOrGroup::User(ids::user("bob"))),
        Change::AssignFax {
            fax: fax("f3"),
            assignee: Some(UserOrGroup::Group(ids::group("team"))),
        },
        Change::MoveFax { fax: fax("f2"), faxbox: None },
        Change::SetFaxState { fax: fax("f4"), state: FaxState::Trash },
        Change::SetFaxLabels { fax: fax("f5"), labels: vec![ids::external("urgent")] },
        Change::AssignFax { fax: fax("f5"), assignee: None },
        Change::SetFaxAttachmentSources {
            fax: fax("f3"),
            attachment_sources: ids::sources(&[AttachmentSource::Cloud]),
        },
        Change::DeleteFax { fax: fax("f6") },
        // An assignee who leaves stays written down.
        Change::RemoveMember { account: ids::account("home"), subject: ids::user("bob") },
    ];
    apply(harness, "moved on", &moved).await.unwrap();
}

#[tokio::test]
async fn importing_an_export_changes_nothing() {
    let harness = Harness::start().await;
    lived_in(&harness).await;
    let parts = export(&harness, "t1").await;
    let results = import(&harness, again("t1", "again", &parts)).await;
    let imported = results[0].as_ref().unwrap();
    assert_eq!((imported.changed, imported.registered_faxes), (0, 0));
    assert_eq!(imported.revision, parts[0].revision);
    assert_eq!(export(&harness, "t1").await, parts);
    harness.stop().await;
}

#[tokio::test]
async fn an_export_makes_the_same_tenant_again() {
    let harness = Harness::start().await;
    lived_in(&harness).await;
    let parts = export(&harness, "t1").await;
    // In another store: its active numbers cannot be active twice in one (rulings R39).
    let refused = import(&harness, again("t2", "copy", &parts)).await.remove(0).unwrap_err();
    assert_eq!(refused.reason, "REFUSED");
    let other = Harness::start().await;
    put_plain(&other).await;
    let results = import(&other, again("t2", "copy", &parts)).await;
    let imported = results[0].as_ref().unwrap();
    assert_eq!(imported.registered_faxes, 6);
    let without_revision = |parts: Vec<pb::ExportResponse>| -> Vec<_> {
        parts.into_iter().map(|part| pb::ExportResponse { revision: 0, ..part }).collect()
    };
    let copy = without_revision(export(&other, "t2").await);
    assert_eq!(copy, without_revision(parts));
    other.stop().await;
    harness.stop().await;
}

fn home(tenant: &str) -> Vec<Change> {
    world(tenant).account("home").batch().changes
}

async fn put_plain(harness: &Harness) {
    harness.app.store.put_model(lineguard_testkit::model::PLAIN).await.unwrap();
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_a_repeat_returns_the_first_result() {
    let harness = Harness::start().await;
    put_plain(&harness).await;
    let faxes = [received("f1", "home", 1), received("f2", "home", 2)];
    let parts = || vec![part("t1", &home("t1"), &[]), part("t1", &[faxbox("a")], &faxes)];
    let first = import(&harness, parts()).await;
    let imported = first[0].as_ref().unwrap();
    assert_eq!((imported.revision, imported.changed, imported.registered_faxes), (1, 2, 2));
    let unsealed = |tenant: &Result<pb::ImportedTenant, _>| {
        // Each token is sealed anew.
        let tenant = tenant.clone().unwrap();
        pb::ImportedTenant { revision_token: String::new(), ..tenant }
    };
    let again: Vec<_> = import(&harness, parts()).await.iter().map(unsealed).collect();
    assert!(!imported.repeated);
    let repeated = |tenant| pb::ImportedTenant { repeated: true, ..unsealed(tenant) };
    assert_eq!(again, first.iter().map(repeated).collect::<Vec<_>>());

    let renamed = || {
        parts().into_iter().map(|part| pb::ImportRequest { request_id: "second".into(), ..part })
    };
    let second = import(&harness, renamed().collect()).await;
    let imported = second[0].as_ref().unwrap();
    assert_eq!((imported.revision, imported.changed, imported.registered_faxes), (1, 0, 0));

    let less = vec![part("t1", &home("t1"), &[])];
    let error = import(&harness, less).await.remove(0).unwrap_err();
    assert_eq!(error.reason, "REQUEST_ID_REUSED");
    harness.stop().await;
}

#[tokio::test]
async fn a_fault_of_the_last_fax_leaves_nothing_of_its_tenant_and_the_others_alone() {
    let harness = Harness::start().await;
    put_plain(&harness).await;
    let lost = NewFax { number: Some(ids::number(NUMBER)), ..received("f2", "home", 2) };
    let results = import(
        &harness,
        vec![
            part("t1", &home("t1"), &[received("f1", "home", 1)]),
            part("t2", &home("t2"), &[received("f1", "home", 1)]),
            part("t1", &[faxbox("a")], &[received("f3", "home", 3), lost]),
        ],
    )
    .await;
    let error = results[0].as_ref().unwrap_err();
    assert_eq!(error.code, i32::from(Code::NotFound));
    assert_eq!(error.field_violations[0].field, "parts[2].faxes[1].number");
    assert_eq!(results[1].as_ref().unwrap().registered_faxes, 1);
    let tenants = admin(&harness).list_tenants(pb::ListTenantsRequest::default()).await.unwrap();
    let tenants: Vec<_> = tenants.into_inner().tenants.into_iter().map(|t| t.tenant).collect();
    assert_eq!(tenants, ["t2"]);
    harness.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_tenant_is_told_over_all_its_parts() {
    let harness = Harness::start().await;
    put_plain(&harness).await;
    let flag = |key: &str| Change::SetFlag {
        account: ids::account("home"),
        flag: ids::key(key),
        on: Some(true),
    };
    let parts = vec![part("t1", &home("t1"), &[]), part("t1", &[faxbox("a"), flag("x")], &[])];
    let error = import(&harness, [parts, vec![part("t1", &[flag("y")], &[])]].concat()).await;
    let error = error[0].as_ref().unwrap_err();
    let fields: Vec<_> = error.field_violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["parts[1].changes[1].set_flag.flag", "parts[2].changes[0].set_flag.flag"]);

    let mut second = part("t1", &[], &[]);
    second.request_id = "another".into();
    second.changes = vec![pb::Change { kind: None }];
    let mut third = part("t1", &[], &[]);
    third.actor = Some(crate::ask::user("somebody"));
    let error = import(&harness, vec![part("t1", &home("t1"), &[]), second, third]).await;
    let error = error[0].as_ref().unwrap_err();
    let fields: Vec<_> = error.field_violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["parts[1].changes[0]", "parts[2].actor"]);
    harness.stop().await;
}

#[tokio::test]
async fn a_personal_account_comes_back_as_one() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("me").owner("ada").personal()).await;
    let parts = export(&harness, "t1").await;
    let results = import(&harness, again("t1", "again", &parts)).await;
    assert_eq!(results[0].as_ref().unwrap().changed, 0);
    import(&harness, again("t2", "copy", &parts)).await.remove(0).unwrap();
    let changes = |parts: Vec<pb::ExportResponse>| parts.into_iter().flat_map(|part| part.changes);
    let copy: Vec<_> = changes(export(&harness, "t2").await).collect();
    assert_eq!(copy, changes(parts).collect::<Vec<_>>());
    harness.stop().await;
}

#[tokio::test]
async fn an_export_of_many_comes_in_parts_and_one_of_nobody_is_not_found() {
    let harness = Harness::start().await;
    let many = (0..1_100).fold(world("t1").account("home"), |world: World, i| {
        world.fax(received(&format!("f{i}"), "home", i))
    });
    harness.build(many).await;
    let parts = export(&harness, "t1").await;
    assert_eq!(parts.iter().map(|part| part.faxes.len()).sum::<usize>(), 1_100);
    assert!(parts.iter().all(|part| part.changes.len() + part.faxes.len() <= 500));
    let request = pb::ExportRequest { tenant: "t2".into(), include_faxes: true };
    let answer = admin(&harness).export(request).await.map(|_| ());
    expect(answer, Code::NotFound, "NOT_FOUND", &[]);
    harness.stop().await;
}
