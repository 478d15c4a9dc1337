//! Links that say in other words what bodies of members say.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use lineguard_core::change::OverrideValue;
use lineguard_core::model::{BUILT_IN, ScopeKind, built_in_vocabulary, parse};
use lineguard_core::row::{MemberBody, parse_body};
use lineguard_testkit::generate::{Rng, story};
use lineguard_testkit::ids as id;
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::{NOW, World, world};

use super::*;
use crate::watch::{Ending, Statement, Watch};

lineguard_testkit::on_every_database![
    links_are_what_bodies_say_whatever_happened,
    a_number_is_removed_without_a_look_at_every_member,
    what_a_version_before_has_written_is_seen,
];

/// Counts statements.
#[derive(Default)]
struct Count(AtomicUsize);

struct Ended;

impl Ending for Ended {
    fn ended(self: Box<Self>, _: bool) {}
}

impl Watch for Arc<Count> {
    fn begun(&self, _: Statement) -> Box<dyn Ending> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::new(Ended)
    }
}

async fn do_it(
    store: &SqlStore,
    request: &str,
    changes: Vec<Change>,
) -> Result<Applied, ApplyError> {
    changed(store, "acme", request, changes).await
}

async fn changed(
    store: &dyn Store,
    tenant: &str,
    request: &str,
    changes: Vec<Change>,
) -> Result<Applied, ApplyError> {
    let batch = Batch {
        tenant: id::tenant(tenant),
        actor: id::service("provisioning"),
        provisions: true,
        request_id: id::request(request),
        if_exists: IfExists::Refuse,
        changes,
    };
    store.apply(&batch, NOW).await
}

fn remove(number: &str) -> Vec<Change> {
    vec![Change::RemoveNumber { number: id::number(number) }]
}

fn limited_to(subject: &str, number: &str) -> Change {
    let scopes = [(ScopeKind::Number, vec![number.to_owned()])];
    Change::SetOverride {
        account: id::account("root"),
        subject: id::user(subject),
        permission: id::key("send"),
        value: OverrideValue::Scoped(scopes.into_iter().collect()),
    }
}

/// A root with two numbers and members, one of whom may send from the first number.
fn acme(members: usize) -> World {
    let names = (0..members).map(|at| &*Box::leak(format!("m{at}").into_boxed_str()));
    names.fold(world("acme").account("root").number("+15550100").number("+15550101"), World::member)
}

async fn built(store: &SqlStore, members: usize) {
    store.put_model(PLAIN).await.unwrap();
    let mut changes = acme(members).batch().changes;
    changes.push(limited_to("m0", "+15550100"));
    do_it(store, "build", changes).await.unwrap();
}

/// For every member: what the links say and what the body says.
async fn both(store: &dyn Store, tenant: &str) -> Vec<(BTreeSet<Num>, BTreeSet<Num>)> {
    let mut reader = store.snapshot(&tenant_id(tenant)).await.unwrap().unwrap();
    let num = reader.tenant().await.unwrap().num;
    let mut both = Vec::new();
    for member in reader.list(ObjectKind::Member, None, Num(0), 10_000).await.unwrap() {
        let links = reader.links_from(LinkKind::OverrideNumber, member.num).await.unwrap();
        let body: MemberBody = parse_body(num, &member).unwrap();
        both.push((links.into_iter().collect(), body.override_numbers()));
    }
    both
}

async fn links_are_what_bodies_say_whatever_happened(on: &Databases) {
    let (store, memory) = (fresh(on).await, MemoryStore::new());
    let vocabulary = built_in_vocabulary();
    let focus = vocabulary.action("fax.send").unwrap();
    let (mut named, mut rows) = (0, 0);
    let seeds = if on.kind == Kind::Sqlite { 24 } else { 8 };
    for seed in 0..seeds {
        // Every other one of a model that limits by numbers and nothing else.
        let text = if seed % 2 == 0 { PLAIN } else { BUILT_IN[seed / 2 % BUILT_IN.len()].1 };
        memory.put_model(text).await.unwrap();
        store.put_model(text).await.unwrap();
        let model = parse(text, vocabulary).unwrap();
        let tenant = format!("t{seed}");
        let mut story = story(&mut Rng::new(seed as u64), seed as u64, &model, text, &[focus]);
        for store in [&memory as &dyn Store, &store] {
            story.happen(store, &tenant).await;
            and_overrides(store, &tenant, seed as u64).await;
            for (links, body) in both(store, &tenant).await {
                assert_eq!(links, body, "seed {seed}");
                named += body.len();
            }
        }
        rows += both(&store, &tenant).await.iter().map(|(_, body)| body.len()).sum::<usize>();
        assert!(kept(&store).await, "seed {seed}");
    }
    assert!(2 * named > seeds, "only {named} numbers were named");
    // And there are no others.
    let all = Sql::new("SELECT COUNT(*) FROM link WHERE kind = 35").one(&store.readers).await;
    assert_eq!(all.unwrap().unwrap().try_get_by_index::<i64>(0).unwrap(), rows as i64);
}

/// Limits members to numbers, and takes that away again in every way there is. What is refused is
/// part of it.
async fn and_overrides(store: &dyn Store, tenant: &str, seed: u64) {
    let mut reader = store.snapshot(&tenant_id(tenant)).await.unwrap().unwrap();
    let numbers = reader.list(ObjectKind::Number, None, Num(0), 1_000).await.unwrap();
    let members = reader.list(ObjectKind::Member, None, Num(0), 1_000).await.unwrap();
    let mut accounts = HashMap::new();
    for account in reader.list(ObjectKind::Account, None, Num(0), 1_000).await.unwrap() {
        accounts.insert(account.num, AccountId::parse(&account.id).unwrap());
    }
    drop(reader);
    let rng = &mut Rng::new(seed);
    for (at, member) in members.iter().chain(&members).enumerate() {
        let account = accounts[&member.scope].clone();
        let subject = Subject::from_qualified(&member.id).unwrap();
        let change = match rng.below(6) {
            0 => Change::RemoveMember { account, subject },
            1 => Change::SetRoles {
                account,
                subject,
                roles: id::keys(&["admin"]),
                keep_overrides: false,
            },
            value => {
                let scopes = rng.some(&numbers, 2).into_iter().map(|number| number.id).collect();
                let value = if value == 2 {
                    OverrideValue::Unset
                } else {
                    OverrideValue::Scoped([(ScopeKind::Number, scopes)].into_iter().collect())
                };
                Change::SetOverride { account, subject, permission: id::key("send"), value }
            }
        };
        drop(changed(store, tenant, &format!("override {at}"), vec![change]).await);
    }
}

async fn kept(store: &SqlStore) -> bool {
    let behind = Sql::new("SELECT 1 FROM tenant WHERE derived IS NULL OR derived <> revision");
    behind.one(&store.readers).await.unwrap().is_none()
}

async fn a_number_is_removed_without_a_look_at_every_member(on: &Databases) {
    let mut counts = Vec::new();
    for members in [2, 2_000] {
        let count = Arc::new(Count::default());
        let store = fresh(on).await.watched(Arc::new(Arc::clone(&count)));
        built(&store, members).await;
        let before = count.0.load(Ordering::Relaxed);
        do_it(&store, "remove", remove("+15550101")).await.unwrap();
        counts.push(count.0.load(Ordering::Relaxed) - before);
    }
    assert_eq!(counts[0], counts[1], "statements by the number of members");
}

async fn what_a_version_before_has_written_is_seen(on: &Databases) {
    let store = fresh(on).await;
    built(&store, 3).await;
    assert!(kept(&store).await);
    // It moved the override to the other number, and knew nothing of links.
    do_it(&store, "moved", vec![limited_to("m0", "+15550101")]).await.unwrap();
    tamper(&store, "DELETE FROM link WHERE kind = 35").await;
    tamper(
        &store,
        "INSERT INTO link (tenant, kind, a, b) SELECT m.tenant, 35, m.num, n.num \
         FROM object m, object n WHERE m.kind = 3 AND n.kind = 6",
    )
    .await;
    tamper(&store, "UPDATE tenant SET derived = NULL").await;
    let refused = do_it(&store, "used", remove("+15550101")).await;
    assert!(
        matches!(&refused, Err(ApplyError::Refused(fault)) if fault.field == "number"),
        "{refused:?}"
    );
    do_it(&store, "unused", remove("+15550100")).await.unwrap();
    assert!(kept(&store).await);
    for (links, body) in both(&store, "acme").await {
        assert_eq!(links, body);
    }
}
