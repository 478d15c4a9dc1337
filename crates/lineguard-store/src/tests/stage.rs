//! Imports of new tenants in steps: nobody sees anything of them before all of it is there.

use lineguard_core::change::{Import, Imported, NumberTarget, Part, UserOrGroup};
use lineguard_core::id::Revision;
use lineguard_testkit::ids as id;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::{NOW, World, received, world};

use super::*;
use crate::Chain;
use crate::stage::{self, Staging};

lineguard_testkit::on_every_database![
    a_staged_import_is_the_same_as_one_in_one_transaction,
    a_fault_at_any_statement_leaves_nothing_that_anybody_sees,
    an_import_that_nobody_waits_for_leaves_nothing_or_all_of_it,
    the_mistakes_of_all_steps_are_told_at_once,
    a_number_that_is_staged_is_taken_until_the_stage_is_gone,
    of_two_imports_of_one_tenant_one_is_made,
    what_a_crash_leaves_is_seen_by_nobody_and_removed_later,
    nothing_is_staged_beside_a_replica_that_would_show_it,
    what_one_transaction_should_not_hold_is_refused,
];

/// In steps of one change or fax.
async fn stepping(on: &Databases) -> SqlStore {
    let mut store = fresh(on).await;
    store.staging = Staging { above: 0, step: 1, ..Staging::default() };
    store.put_model(PLAIN).await.unwrap();
    store
}

fn small() -> World {
    let world = world("t").account("root").number("+15550100").faxbox("box");
    // Nobody could open what arrives there, until the end.
    let to_box = Change::SetNumberTarget {
        number: id::number("+15550100"),
        target: NumberTarget::Faxbox(id::faxbox("box")),
        on: true,
    };
    let world = world.change(to_box);
    let world = world.member("ada").role("admin").member("bob").group("team", &["admin"]);
    let world = world.join("ada", "box");
    // And nobody can open what arrives here.
    let to_other = Change::SetNumberTarget {
        number: id::number("+15550101"),
        target: NumberTarget::Faxbox(id::faxbox("other")),
        on: true,
    };
    world.number("+15550101").faxbox("other").change(to_other)
}

fn import(request: &str) -> Import {
    let trash = Change::SetFaxState { fax: id::fax("a"), state: FaxState::Trash };
    let assign =
        Change::AssignFax { fax: id::fax("b"), assignee: Some(UserOrGroup::User(id::user("ada"))) };
    Import {
        tenant: tenant_id("t"),
        actor: id::service("importer"),
        provisions: true,
        request_id: id::request(request),
        parts: vec![
            Part {
                changes: small().batch().changes,
                faxes: vec![received("a", "root", 1), received("b", "root", 2)],
            },
            Part { changes: vec![trash, assign], faxes: vec![received("c", "root", 3)] },
        ],
    }
}

/// How many rows there are of tenants that nobody has, or had.
async fn rows(store: &SqlStore, tables: &[&str]) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in tables {
        let query = Sql::new(format!("SELECT COUNT(*) FROM {table}"));
        let row = query.one(&store.readers).await.unwrap().unwrap();
        counts.push(row.try_get_by_index(0).unwrap());
    }
    counts
}

const TABLES: [&str; 8] =
    ["object", "link", "fax", "request", "change_log", "change_part", "stage", "stage_part"];

async fn nobody_sees_anything(store: &SqlStore, when: &str) {
    assert!(store.tenants(Num(0), 9).await.unwrap().is_empty(), "{when}");
    assert!(store.snapshot(&tenant_id("t")).await.unwrap().is_none(), "{when}");
    let accounts = store.accounts_of(&user("ada"), None, 9).await.unwrap();
    assert!(accounts.is_empty(), "{when}: {accounts:?}");
    assert!(store.duplicate_numbers(9).await.unwrap().is_empty(), "{when}");
    assert_eq!(rows(store, &["concern"]).await, [0], "{when}");
}

/// What everybody would see of a stage that was left long ago.
async fn is_removed(store: &SqlStore) {
    tamper(store, "UPDATE stage SET beat = 0").await;
    store.remove_abandoned(NOW).await.unwrap();
    assert_eq!(rows(store, &TABLES).await, [0; TABLES.len()]);
    // Names that everybody can read are left, and nobody can ask for them.
    for row in Sql::new("SELECT id FROM tenant WHERE staged = 1").all(&store.readers).await.unwrap()
    {
        let id = String::from_utf8(row.try_get_by_index(0).unwrap()).unwrap();
        assert!(store.snapshot(&tenant_id(&id)).await.unwrap().is_none(), "{id}");
        let written = store.register(&tenant_id(&id), &[fax("f", 1)], NOW).await;
        assert!(matches!(written, Err(ApplyError::NotFound(_))), "{written:?}");
    }
}

/// Objects, links and faxes, without the number of the tenant.
async fn content(store: &SqlStore) -> Vec<String> {
    let dump = dump(store).await;
    let of = |line: &&str| ["object:", "link:", "fax:"].iter().any(|table| line.starts_with(table));
    dump.lines().filter(of).map(|line| line.split_once('|').unwrap().1.to_owned()).collect()
}

async fn is_whole(store: &SqlStore, imported: &Imported) {
    assert_eq!(imported.applied.revision, Revision(1));
    assert_eq!(imported.registered, 3);
    let chain = store.verify_chain(&tenant_id("t")).await.unwrap();
    assert!(matches!(chain, Some(Chain::Intact { revision: Revision(1), .. })), "{chain:?}");
    assert_eq!(store.accounts_of(&user("ada"), None, 9).await.unwrap().len(), 1);
    assert_eq!(rows(store, &["stage", "stage_part"]).await, [0, 0]);
    let published =
        "SELECT 1 FROM concern c JOIN tenant t ON t.num = c.tenant WHERE c.revision = 1";
    assert!(Sql::new(published).one(&store.readers).await.unwrap().is_some());
}

async fn a_staged_import_is_the_same_as_one_in_one_transaction(on: &Databases) {
    let (staged, mut whole) = (stepping(on).await, stepping(on).await);
    whole.staging.above = usize::MAX;
    let first = staged.import(&import("one"), NOW).await.unwrap();
    assert_eq!(whole.import(&import("one"), NOW).await.unwrap(), first);
    let told: Vec<_> = first.applied.warnings.iter().map(|warning| warning.change).collect();
    assert_eq!(told.len(), 1, "{:?}", first.applied.warnings);
    assert_eq!(content(&staged).await, content(&whole).await);
    is_whole(&staged, &first).await;
    is_whole(&whole, &first).await;
    // The edits are the same, too, and in the same order.
    let edits = Sql::new("SELECT edits FROM change_log");
    let mut texts: Vec<String> = Vec::new();
    for store in [&staged, &whole] {
        let row = edits.clone().one(&store.readers).await.unwrap().unwrap();
        texts.push(row.try_get_by_index(0).unwrap());
    }
    let mut edits: Vec<Vec<serde_json::Value>> =
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    edits[1].remove(0);
    assert_eq!(edits[0], edits[1]);
    // Whoever repeats it gets the same answer, and faxes carry the revision of their set-up.
    let again = staged.import(&import("one"), NOW).await.unwrap();
    let repeated = Applied { repeated: true, ..first.applied.clone() };
    assert_eq!(again, Imported { applied: repeated, ..first });
    let odd = Sql::new("SELECT 1 FROM fax WHERE revision <> 1").one(&staged.readers).await.unwrap();
    assert!(odd.is_none());
    apply(&staged, "t", "next", &[Op::Title("next")]).await.unwrap();
    let chain = staged.verify_chain(&tenant_id("t")).await.unwrap();
    assert!(matches!(chain, Some(Chain::Intact { revision: Revision(2), .. })));
}

/// How many statements the import needs.
async fn statements(on: &Databases) -> i64 {
    let store = stepping(on).await;
    arm(&store, i64::MAX);
    store.import(&import("one"), NOW).await.unwrap();
    i64::MAX - store.writer.fuse.left.load(Ordering::SeqCst)
}

async fn a_fault_at_any_statement_leaves_nothing_that_anybody_sees(on: &Databases) {
    // Fewer where it takes longer, and never the same twice in a row.
    let by = if on.kind == Kind::Sqlite { 1 } else { 3 };
    let store = stepping(on).await;
    let mut at = 0;
    loop {
        arm(&store, at);
        let answer = store.import(&import("one"), NOW).await;
        disarm(&store);
        if let Ok(imported) = answer {
            store.remove_abandoned(NOW).await.unwrap();
            is_whole(&store, &imported).await;
            break;
        }
        nobody_sees_anything(&store, &format!("after a fault at statement {at}")).await;
        if rows(&store, &["stage"]).await == [0] {
            assert_eq!(rows(&store, &TABLES).await, [0; TABLES.len()], "it is removed at once");
        }
        is_removed(&store).await;
        at += by;
    }
    assert!(at > 60, "only {at} statements were made to fail");
}

/// As a crash would: nothing is removed by whoever staged it.
async fn what_a_crash_leaves_is_seen_by_nobody_and_removed_later(on: &Databases) {
    let all = statements(on).await;
    let store = stepping(on).await;
    let mut left = 0;
    for at in (0..all).step_by(if on.kind == Kind::Sqlite { 3 } else { 17 }) {
        arm_for_good(&store, at);
        let answer = store.import(&import("one"), NOW).await;
        disarm(&store);
        if let Ok(imported) = answer {
            // The crash came when all was done but the last tidying.
            store.remove_abandoned(NOW).await.unwrap();
            is_whole(&store, &imported).await;
            break;
        }
        nobody_sees_anything(&store, &format!("after a crash at statement {at}")).await;
        left += rows(&store, &["object", "link", "fax"]).await.iter().sum::<i64>();
        // Not yet: whoever it belongs to may go on.
        let before = rows(&store, &TABLES).await;
        store.remove_abandoned(NOW).await.unwrap();
        assert_eq!(rows(&store, &TABLES).await, before);
        is_removed(&store).await;
    }
    assert!(left > 20, "only {left} rows were left");
}

async fn an_import_that_nobody_waits_for_leaves_nothing_or_all_of_it(on: &Databases) {
    for wait in [1, 3, 9, 20, 45, 80] {
        let store = stepping(on).await;
        let import = import("one");
        let pending = store.import(&import, NOW);
        let wait = std::time::Duration::from_millis(wait);
        if let Ok(done) = tokio::time::timeout(wait, pending).await {
            is_whole(&store, &done.unwrap()).await;
            continue;
        }
        if store.tenants(Num(0), 9).await.unwrap().is_empty() {
            nobody_sees_anything(&store, &format!("after {wait:?}")).await;
            is_removed(&store).await;
            store.import(&import, NOW).await.unwrap();
        }
        let again = store.import(&import, NOW).await.unwrap();
        store.remove_abandoned(NOW).await.unwrap();
        is_whole(&store, &again).await;
    }
}

async fn the_mistakes_of_all_steps_are_told_at_once(on: &Databases) {
    let store = stepping(on).await;
    let mut wrong = import("one");
    let role = |role: &str| Change::SetGroupRoles {
        group: id::group("team"),
        roles: vec![id::key("admin"), id::key(role)],
    };
    wrong.parts.push(Part { changes: vec![role("ghost")], faxes: vec![] });
    let lost = NewFax { faxbox: Some(id::faxbox("nowhere")), ..received("d", "root", 4) };
    wrong.parts.push(Part { changes: vec![role("phantom")], faxes: vec![lost] });
    let Err(ApplyError::Invalid(faults)) = store.import(&wrong, NOW).await else {
        panic!("it was taken");
    };
    let places: Vec<_> = faults.iter().map(|fault| (fault.change, fault.field)).collect();
    let before: usize =
        import("one").parts.iter().map(|part| part.changes.len() + part.faxes.len()).sum();
    assert_eq!(places[..2], [(before, "roles"), (before + 1, "roles")], "{faults:?}");
    nobody_sees_anything(&store, "after mistakes").await;
    assert_eq!(rows(&store, &TABLES).await, [0; TABLES.len()]);
    let done = store.import(&import("one"), NOW).await.unwrap();
    is_whole(&store, &done).await;
}

async fn a_number_that_is_staged_is_taken_until_the_stage_is_gone(on: &Databases) {
    let mut other = import("other");
    other.tenant = tenant_id("u");
    other.parts = vec![Part {
        changes: world("u").account("root").number("+15550100").batch().changes,
        faxes: vec![],
    }];
    let crash = statements(on).await - 25;
    let store = stepping(on).await;
    arm_for_good(&store, crash);
    assert!(store.import(&import("one"), NOW).await.is_err());
    disarm(&store);
    let refused = store.import(&other, NOW).await;
    assert!(
        matches!(&refused, Err(ApplyError::Refused(fault)) if fault.field == "active"),
        "{refused:?}"
    );
    is_removed(&store).await;
    store.import(&other, NOW).await.unwrap();
}

async fn of_two_imports_of_one_tenant_one_is_made(on: &Databases) {
    for _ in 0..3 {
        let store = stepping(on).await;
        // Without the number, which only one of them could have.
        let pair = ["one", "two"].map(|request| {
            let mut import = import(request);
            for part in &mut import.parts {
                part.changes.retain(|change| {
                    !matches!(change, Change::AddNumber { .. } | Change::SetNumberTarget { .. })
                });
            }
            import
        });
        let (a, b) = tokio::join!(store.import(&pair[0], NOW), store.import(&pair[1], NOW));
        let made = [&a, &b].into_iter().filter(|one| one.is_ok()).count();
        assert!(made >= 1, "{a:?} {b:?}");
        for refused in [&a, &b].into_iter().filter_map(|one| one.as_ref().err()) {
            assert!(
                matches!(refused, ApplyError::AlreadyExists(fault) if fault.field == "tenant"),
                "{refused:?}"
            );
        }
        let tenants = store.tenants(Num(0), 9).await.unwrap();
        assert_eq!(tenants.len(), 1);
        let done = a.or(b).unwrap();
        is_whole(&store, &done).await;
    }
}

async fn nothing_is_staged_beside_a_replica_that_would_show_it(on: &Databases) {
    let store = stepping(on).await;
    assert!(stage::is_for(&store, &import("one")).await.unwrap());
    tamper(
        &store,
        &format!(
            "INSERT INTO replica (incarnation, state, name, since) VALUES ({}, 1, 'old', 1)",
            audit::bytes(on.kind, &[7; 16]),
        ),
    )
    .await;
    assert!(!stage::is_for(&store, &import("one")).await.unwrap());
    let done = store.import(&import("one"), NOW).await.unwrap();
    is_whole(&store, &done).await;
}

async fn what_one_transaction_should_not_hold_is_refused(on: &Databases) {
    let mut store = stepping(on).await;
    store.staging.whole = import("one").items() - 1;
    let done = store.import(&import("one"), NOW).await.unwrap();
    is_whole(&store, &done).await;
    let before = dump(&store).await;
    let ApplyError::Invalid(faults) = store.import(&import("two"), NOW).await.unwrap_err() else {
        panic!("it is told as a mistake of the request");
    };
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].change, faults[0].field), (0, "tenant"));
    assert!(faults[0].problem.contains("import them in several"), "{}", faults[0].problem);
    assert_eq!(dump(&store).await, before);
    // Who did not hear how the first ended can still ask.
    assert!(store.import(&import("one"), NOW).await.unwrap().applied.repeated);
    store.staging.whole += 1;
    assert_eq!(store.import(&import("two"), NOW).await.unwrap().applied.changed, 0);
}

/// All that is asked of every store, of one that imports in steps of a single change.
#[tokio::test]
async fn a_store_that_stages_conforms() {
    lineguard_testkit::conformance::run_all(async || {
        let mut store = SqlStore::open("sqlite::memory:", OpenMode::Migrate).await.unwrap();
        store.staging = Staging { above: 0, step: 1, ..Staging::default() };
        Box::new(store) as Box<dyn Store>
    })
    .await;
}
