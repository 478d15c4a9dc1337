//! Behaviour below the rules: what each write leaves, whatever the rules ask for.

mod audit;
mod derived;
mod faults;
mod feed;
mod identity;
mod limits;
mod lists;
mod looks;
mod lost;
mod member;
mod numbers;
mod opening;
mod plans;
mod register;
mod removal;
mod removal_size;
mod requests;
mod servers;
mod stage;

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use lineguard_core::change::apply::{ModelSource, Outcome};
use lineguard_core::change::register::Registering;
use lineguard_core::change::{AccountKind, Applied, Batch, Change, IfExists, NewFax, Warning};
use lineguard_core::id::{
    AccountId, FaxId, ModelDigest, Num, PhoneNumber, RequestId, Subject, TenantId, Timestamp,
};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{ApplyError, Fault, FaxRow, Store, StoreError, TenantTx, Whole};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_testkit::databases::{Databases, Kind};

use crate::apply::Rules;
use crate::register::{Answers, FaxRules};
use crate::sql::Sql;
use crate::{OpenMode, SqlStore};

/// One write that a test asks for.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Insert(ObjectKind, u64, &'static str, Option<u64>),
    Update(u64, &'static str),
    Remove(u64),
    Link(LinkKind, u64, u64),
    Unlink(LinkKind, u64, u64),
    RemoveWhole(u64, Whole),
    Title(&'static str),
    EditFax(&'static str, FaxState),
    DeleteFax(&'static str),
    Refuse,
}

/// Rules that do what the test wrote down.
struct Script(Vec<Op>);

#[async_trait]
impl Rules for Script {
    async fn run(
        &self,
        tx: &mut dyn TenantTx,
        _models: &dyn ModelSource,
        _batch: &Batch,
        _now: Timestamp,
    ) -> Result<Outcome, ApplyError> {
        for op in &self.0 {
            run(tx, op).await?;
        }
        let warnings = vec![Warning { change: 0, text: "careful".into() }];
        Ok(Outcome { changed: self.0.len(), warnings })
    }
}

async fn run(tx: &mut dyn TenantTx, op: &Op) -> Result<(), ApplyError> {
    match op.clone() {
        Op::Insert(kind, scope, id, account) => {
            let body = format!("{{\"title\":\"{id}\"}}");
            tx.insert_object(kind, Num(scope), id, account.map(Num), body).await?;
        }
        Op::Update(num, body) => tx.update_object(Num(num), None, body.to_owned()).await?,
        Op::Remove(num) => tx.remove_object(Num(num)).await?,
        Op::Link(kind, a, b) => {
            tx.link(Link { kind, a: Num(a), b: Num(b) }).await?;
        }
        Op::Unlink(kind, a, b) => {
            tx.unlink(Link { kind, a: Num(a), b: Num(b) }).await?;
        }
        Op::RemoveWhole(num, whole) => {
            tx.remove_whole(Num(num), whole).await?;
        }
        Op::Title(title) => tx.update_tenant(title, digest("other")).await?,
        Op::EditFax(id, state) => {
            let fax = tx.fax(&FaxId::parse(id).unwrap()).await?.unwrap();
            tx.update_fax(&FaxRow { state, labels: vec![Num(9)], ..fax }).await?;
        }
        Op::DeleteFax(id) => {
            let fax = tx.fax(&FaxId::parse(id).unwrap()).await?.unwrap();
            tx.delete_fax(fax.num).await?;
        }
        Op::Refuse => {
            let problem = "no".to_owned();
            return Err(ApplyError::Refused(Fault { change: 0, field: "x", problem }));
        }
    }
    Ok(())
}

/// Rules that resolve an account, a number and a creator, and nothing else.
struct PlainFaxes;

#[async_trait]
impl FaxRules for PlainFaxes {
    async fn row(
        &self,
        tx: &mut dyn TenantTx,
        _models: &dyn ModelSource,
        _registering: &mut Registering,
        fax: &NewFax,
        position: usize,
    ) -> Result<FaxRow, ApplyError> {
        let account = named(tx, "account", ObjectKind::Account, fax.account.as_str(), position);
        let account = account.await?;
        let number = match &fax.number {
            Some(one) => {
                Some(named(tx, "number", ObjectKind::Number, one.as_str(), position).await?)
            }
            None => None,
        };
        let creator = match &fax.creator {
            Some(creator) => Some(subject(tx, creator).await?),
            None => None,
        };
        Ok(FaxRow {
            num: Num::UNKNOWN,
            id: fax.fax.clone(),
            account,
            direction: fax.direction,
            number,
            faxbox: None,
            creator,
            assignee: None,
            state: fax.state,
            labels: Vec::new(),
            at: fax.at,
            attachment_sources: fax.attachment_sources,
        })
    }

    fn fingerprint(&self, fax: &NewFax) -> [u8; 32] {
        let number = fax.number.as_ref().map_or("", |number| number.as_str());
        ModelDigest::of(&format!("{} {number} {}", fax.account, fax.at.0)).0
    }
}

async fn named(
    tx: &mut dyn TenantTx,
    field: &'static str,
    kind: ObjectKind,
    id: &str,
    position: usize,
) -> Result<Num, ApplyError> {
    match tx.find(&[(kind, Num(0), id)]).await?.into_iter().next().flatten() {
        Some(object) => Ok(object.num),
        None => {
            let problem = format!("no {field} `{id}`");
            Err(ApplyError::NotFound(Fault { change: position, field, problem }))
        }
    }
}

async fn subject(tx: &mut dyn TenantTx, subject: &Subject) -> Result<Num, StoreError> {
    let id = subject.qualified();
    match tx.find(&[(ObjectKind::Subject, Num(0), &id)]).await?.into_iter().next().flatten() {
        Some(object) => Ok(object.num),
        None => tx.insert_object(ObjectKind::Subject, Num(0), &id, None, "{}".into()).await,
    }
}

// --- words for tests

fn digest(text: &str) -> ModelDigest {
    ModelDigest::of(text)
}

fn tenant_id(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

fn user(id: &str) -> Subject {
    Subject::user(id).unwrap()
}

async fn fresh(on: &Databases) -> SqlStore {
    SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap()
}

/// A batch whose change creates the tenant; the script says what is really done.
fn batch(tenant: &str, request: &str) -> Batch {
    Batch {
        tenant: tenant_id(tenant),
        actor: user("admin"),
        provisions: false,
        request_id: RequestId::parse(request).unwrap(),
        if_exists: IfExists::Refuse,
        changes: vec![Change::CreateTenant {
            title: tenant.to_owned(),
            model: digest("model"),
            root: AccountId::parse("root").unwrap(),
            kind: AccountKind::Shared,
            owner: None,
        }],
    }
}

async fn apply(
    store: &SqlStore,
    tenant: &str,
    request: &str,
    ops: &[Op],
) -> Result<Applied, ApplyError> {
    let script = Script(ops.to_vec());
    crate::apply::apply(store, &batch(tenant, request), Timestamp(1_000), &script).await
}

fn fax(id: &str, at: i64) -> NewFax {
    NewFax {
        fax: FaxId::parse(id).unwrap(),
        account: AccountId::parse("root").unwrap(),
        direction: Direction::Inbound,
        number: None,
        faxbox: None,
        creator: None,
        state: FaxState::Active,
        labels: Vec::new(),
        at: Timestamp(at),
        attachment_sources: None,
    }
}

fn phone(digits: &str) -> PhoneNumber {
    PhoneNumber::parse(digits).unwrap()
}

async fn register(store: &SqlStore, tenant: &str, faxes: &[NewFax]) -> Answers {
    try_register(store, tenant, faxes).await.unwrap()
}

async fn try_register(
    store: &SqlStore,
    tenant: &str,
    faxes: &[NewFax],
) -> Result<Answers, ApplyError> {
    crate::register::register(store, &tenant_id(tenant), faxes, Timestamp(1_000), &PlainFaxes).await
}

/// Runs a statement as somebody with the file in hand could.
async fn tamper(store: &SqlStore, text: &str) {
    let turn = store.writer.turn().await;
    let tx = store.writer.begin(&turn).await.unwrap();
    tx.run(Sql::new(text)).await.unwrap();
    tx.commit().await.unwrap();
}

/// Lets the statement of this position fail, counted from 0.
fn arm(store: &SqlStore, position: i64) {
    store.writer.fuse.left.store(position, Ordering::SeqCst);
}

/// Lets it fail, and all that come after it.
fn arm_for_good(store: &SqlStore, position: i64) {
    arm(store, position);
    store.writer.fuse.for_good.store(true, Ordering::SeqCst);
}

fn disarm(store: &SqlStore) {
    store.writer.fuse.for_good.store(false, Ordering::SeqCst);
    arm(store, -1);
}

/// All that is in the store, as text.
async fn dump(store: &SqlStore) -> String {
    let mut text = String::new();
    for (table, columns) in [
        ("tenant", "num, id, title, revision, model, next_object, next_fax, removals"),
        ("removal", "tenant, num, what, actor, request_id, at"),
        ("object", "tenant, num, kind, id, account, body"),
        ("link", "tenant, kind, a, b"),
        ("fax", "tenant, num, id, state, labels, at"),
        ("fax_gone", "tenant, id"),
        ("change_log", "tenant, revision, edits, parts, hash"),
        ("change_part", "tenant, revision, part, content"),
        ("stage", "tenant, beat"),
        ("stage_part", "tenant, part, content"),
        ("request", "tenant, request_id, revision, changed"),
        ("rev_shard WHERE counter > 0", "shard, counter, nonce"),
        ("concern", "shard, counter, tenant, kind, num"),
        ("model_text", "content"),
        ("secret", "content"),
    ] {
        let query = Sql::new(format!("SELECT {columns} FROM {table}"));
        let mut lines: Vec<String> = Vec::new();
        for row in query.all(&store.readers).await.unwrap() {
            let value = |at| {
                let number = row.try_get_by_index::<Option<i64>>(at).map(|one| format!("{one:?}"));
                let text = || row.try_get_by_index::<String>(at);
                let bytes = || row.try_get_by_index::<Vec<u8>>(at).map(|one| format!("{one:x?}"));
                number.or_else(|_| text()).or_else(|_| bytes()).unwrap()
            };
            let values: Vec<_> = (0..columns.split(',').count()).map(value).collect();
            lines.push(format!("{table}: {}\n", values.join("|")));
        }
        lines.sort();
        text.extend(lines);
    }
    text
}

async fn find(store: &SqlStore, tenant: &str, kind: ObjectKind, id: &str) -> Option<Object> {
    let mut snapshot = store.snapshot(&tenant_id(tenant)).await.unwrap().unwrap();
    snapshot.find(&[(kind, Num(0), id)]).await.unwrap().pop().flatten()
}
