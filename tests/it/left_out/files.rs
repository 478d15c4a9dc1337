//! World files that say less than an earlier one.

use lineguard::wire::pb;
use lineguard::wire::pb::Reason;
use lineguard::world::World;
use lineguard_core::change::{Change, Imported};
use lineguard_core::facts::MemberStatus;
use lineguard_core::port::ApplyError;
use lineguard_testkit::ids;

use super::import_world;
use crate::ask::ask;
use crate::harness::Harness;
use crate::writing::{apply, export};

const FIRST: &str = r#"
title = "Acme"
model = "amplify"
owner = "owner"
[[tenant.role]]
key = "clerk"
title = "Clerk"
permissions = ["fax.send"]
[[tenant.number]]
number = "+15550100100"
capabilities = ["fax"]
[[tenant.member]]
subject = "boss"
roles = ["admin"]
overrides = { "fax.send" = "off" }
[[tenant.member]]
subjects = ["anna", "bert"]
[[tenant.group]]
id = "team"
title = "Team"
roles = ["manager"]
"#;

async fn file(harness: &Harness, text: &str) -> Result<Imported, ApplyError> {
    let text = format!("format = 1\n[tenant]\nid = \"t1\"\n{text}");
    let world = World::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let request = lineguard::token::random::<8>().unwrap().map(|byte| format!("{byte:02x}"));
    import_world(harness, &request.concat(), &world).await
}

async fn changes(harness: &Harness, text: &str) -> (usize, usize) {
    let Imported { applied, .. } = file(harness, text).await.unwrap();
    (applied.changed, applied.warnings.len())
}

async fn lived_in() -> Harness {
    let harness = Harness::start().await;
    file(&harness, FIRST).await.unwrap();
    harness
}

fn status_of(user: &str, status: MemberStatus) -> Change {
    Change::SetMemberStatus { account: ids::account("t1"), subject: ids::user(user), status }
}

#[tokio::test]
async fn a_file_that_says_less_changes_what_it_says() {
    let harness = lived_in().await;
    let before = export(&harness, "t1").await;
    for nothing in [
        "",
        "[[tenant.number]]\nnumber = \"+15550100100\"\n",
        "[[tenant.role]]\nkey = \"clerk\"\n",
        "[[tenant.group]]\nid = \"team\"\ntitle = \"Team\"\n",
        "[[tenant.member]]\nsubjects = [\"boss\", \"anna\"]\n",
        FIRST,
    ] {
        assert_eq!(changes(&harness, nothing).await, (0, 0), "{nothing}");
    }
    assert!(export(&harness, "t1").await == before, "something has changed");

    let number = "[[tenant.number]]\nnumber = \"+15550100100\"\n[[tenant.member]]\n\
                  subject = \"boss\"\naccess_numbers = [\"+15550100100\"]\n";
    assert_eq!(changes(&harness, number).await, (1, 0));
    let send = || {
        ask("boss", "t1", "fax.send").facts(|facts| {
            facts.number = Some("+15550100100".into());
            facts.absent = vec!["faxbox".into()];
        })
    };
    send().send(&harness).await.denies_by(Reason::ExplicitlyDenied, "fax.send");
    // Other roles leave what the file does not say as well.
    let other = "[[tenant.member]]\nsubject = \"boss\"\nroles = [\"manager\"]\n";
    assert_eq!(changes(&harness, other).await, (1, 0));
    send().send(&harness).await.denies_by(Reason::ExplicitlyDenied, "fax.send");
    harness.stop().await;
}

#[tokio::test]
async fn a_file_brings_back_only_whom_it_says_is_active() {
    let harness = lived_in().await;
    let (account, bert) = (ids::account("t1"), ids::user("bert"));
    let off = [
        status_of("anna", MemberStatus::Suspended),
        Change::RemoveMember { account, subject: bert },
        Change::SetNumberActive { number: ids::number("+15550100100"), active: false },
    ];
    apply(&harness, "off", &off).await.unwrap();
    let before = export(&harness, "t1").await;
    // One remark, about the one who was removed.
    assert_eq!(changes(&harness, FIRST).await, (0, 1));
    assert!(export(&harness, "t1").await == before, "somebody is back");
    let may = |who: &'static str| ask(who, "t1", "fax.send");
    may("anna").send(&harness).await.denies(Reason::MemberSuspended);
    may("bert").send(&harness).await.denies(Reason::MemberRemoved);

    let active = "[[tenant.member]]\nsubjects = [\"anna\", \"bert\"]\nstatus = \"active\"\n\
                  [[tenant.number]]\nnumber = \"+15550100100\"\nactive = true\n";
    assert_eq!(changes(&harness, active).await, (3, 0));
    let export = export(&harness, "t1").await;
    let kinds = export.into_iter().flat_map(|part| part.changes).filter_map(|one| one.kind);
    let said: Vec<_> = kinds
        .filter(|kind| {
            matches!(
                kind,
                pb::change::Kind::SetMemberStatus(_) | pb::change::Kind::SetNumberActive(_)
            )
        })
        .collect();
    assert_eq!(said, [], "an export says that something is active");
    harness.stop().await;
}

#[tokio::test]
async fn creating_a_tenant_that_exists_changes_no_more_than_its_title() {
    let harness = lived_in().await;
    let before = export(&harness, "t1").await;
    let error = file(&harness, "root = \"elsewhere\"\n").await.unwrap_err();
    let ApplyError::AlreadyExists(fault) = error else { panic!("{error:?}") };
    assert_eq!(fault.field, "root");
    let create = |title: &str, owner| Change::CreateTenant {
        title: title.to_owned(),
        model: lineguard::world::default_model(),
        root: ids::account("t1"),
        kind: lineguard_core::change::AccountKind::Shared,
        owner,
    };
    let by = [create("", Some(ids::user("anna")))];
    for (name, mode) in [("1", 0), ("2", 1), ("3", 2)] {
        let request = pb::ApplyRequest { if_exists: mode, ..crate::writing::changes(name, &by) };
        let answer = crate::writing::admin(&harness).apply(request).await.map(|_| ());
        let field = "changes[0].create_tenant.model";
        crate::writing::expect(answer, tonic::Code::AlreadyExists, "ALREADY_EXISTS", &[field]);
    }
    let keep = pb::IfExists::Keep.into();
    let request = pb::ApplyRequest { if_exists: keep, ..crate::writing::changes("4", &by) };
    let kept = crate::writing::admin(&harness).apply(request).await.unwrap().into_inner();
    assert_eq!(kept.changed, 0);
    assert!(export(&harness, "t1").await == before, "something has changed");
    assert_eq!(changes(&harness, "title = \"Acme Ltd\"\n").await, (1, 0));
    harness.stop().await;
}
