//! R41: a deny about a fax that is not seen costs what one about an unknown id costs: the same
//! statements, the same look-ups in caches, and nothing that is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use lineguard::access::Caller;
use lineguard::app::App;
use lineguard::rpc::Authorization;
use lineguard::wire::pb::authorization_service_server::AuthorizationService as _;
use lineguard::wire::pb::{self, Effect};
use lineguard_core::change::{Applied, Batch, Import, Imported, NewFax};
use lineguard_core::id::{AccountId, FaxId, ModelDigest, Num, Subject, TenantId, Timestamp};
use lineguard_core::port::{
    AccountOfSubject, ApplyError, DuplicateNumber, FaxRow, FaxSlice, MemberRows, Registered, Seek,
    Store, StoreError, TenantReader, TenantRow,
};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::Stamp;
use lineguard_testkit::world::World;
use prost::Message as _;

use crate::ask::{Ask, ask};
use crate::changes::fax_in;
use crate::harness::{Harness, product};

/// A store that counts what is asked of it.
struct Counting {
    inner: Arc<dyn Store>,
    asked: Arc<AtomicUsize>,
}

struct Reader<'a> {
    inner: Box<dyn TenantReader + 'a>,
    asked: Arc<AtomicUsize>,
}

impl Reader<'_> {
    fn count(&mut self) -> &mut Self {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self
    }
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
impl TenantReader for Reader<'_> {
    async fn tenant(&mut self) -> Answer<TenantRow> {
        self.count().inner.tenant().await
    }
    async fn stamp(&mut self) -> Answer<Stamp> {
        self.count().inner.stamp().await
    }
    async fn member_rows(
        &mut self,
        account: &AccountId,
        subject: &Subject,
    ) -> Answer<Option<MemberRows>> {
        self.count().inner.member_rows(account, subject).await
    }
    async fn find(&mut self, keys: &[(ObjectKind, Num, &str)]) -> Answer<Vec<Option<Object>>> {
        self.count().inner.find(keys).await
    }
    async fn get(&mut self, nums: &[Num]) -> Answer<Vec<Object>> {
        self.count().inner.get(nums).await
    }
    async fn list(
        &mut self,
        kind: ObjectKind,
        account: Option<Num>,
        after: Num,
        limit: usize,
    ) -> Answer<Vec<Object>> {
        self.count().inner.list(kind, account, after, limit).await
    }
    async fn links_from(&mut self, kind: LinkKind, a: Num) -> Answer<Vec<Num>> {
        self.count().inner.links_from(kind, a).await
    }
    async fn links_to(&mut self, kind: LinkKind, b: Num) -> Answer<Vec<Num>> {
        self.count().inner.links_to(kind, b).await
    }
    async fn links_of(&mut self, nums: &[Num]) -> Answer<Vec<Link>> {
        self.count().inner.links_of(nums).await
    }
    async fn faxes(&mut self, after: Num, limit: usize) -> Answer<Vec<FaxRow>> {
        self.count().inner.faxes(after, limit).await
    }
    async fn find_faxes(&mut self, ids: &[&FaxId]) -> Answer<Vec<FaxRow>> {
        self.count().inner.find_faxes(ids).await
    }
    async fn newest_faxes(&mut self, slice: FaxSlice, limit: usize) -> Answer<Vec<FaxRow>> {
        self.count().inner.newest_faxes(slice, limit).await
    }
    async fn seek_faxes(
        &mut self,
        seeks: &[Seek],
        slice: FaxSlice,
        limit_each: usize,
    ) -> Answer<Vec<Vec<FaxRow>>> {
        self.count().inner.seek_faxes(seeks, slice, limit_each).await
    }
}

#[async_trait]
impl Store for Counting {
    async fn snapshot(&self, tenant: &TenantId) -> Answer<Option<Box<dyn TenantReader + '_>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let asked = Arc::clone(&self.asked);
        let reader = self.inner.snapshot(tenant).await?;
        Ok(reader.map(|inner| -> Box<dyn TenantReader + '_> { Box::new(Reader { inner, asked }) }))
    }
    async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied, ApplyError> {
        self.inner.apply(batch, now).await
    }
    async fn register(
        &self,
        tenant: &TenantId,
        faxes: &[NewFax],
        now: Timestamp,
    ) -> Result<Vec<Result<Registered, ApplyError>>, ApplyError> {
        self.inner.register(tenant, faxes, now).await
    }
    async fn import(&self, import: &Import, now: Timestamp) -> Result<Imported, ApplyError> {
        self.inner.import(import, now).await
    }
    async fn accounts_of(
        &self,
        subject: &Subject,
        after: Option<(Num, Num)>,
        limit: usize,
    ) -> Answer<Vec<(Num, AccountOfSubject)>> {
        self.inner.accounts_of(subject, after, limit).await
    }
    async fn tenants(&self, after: Num, limit: usize) -> Answer<Vec<TenantRow>> {
        self.inner.tenants(after, limit).await
    }
    async fn duplicate_numbers(&self, limit: usize) -> Answer<Vec<DuplicateNumber>> {
        self.inner.duplicate_numbers(limit).await
    }
    async fn put_model(&self, text: &str) -> Answer<ModelDigest> {
        self.inner.put_model(text).await
    }
    async fn model_text(&self, digest: &ModelDigest) -> Answer<Option<String>> {
        self.inner.model_text(digest).await
    }
    async fn secret(
        &self,
        name: &'static str,
        make: &(dyn Fn() -> Vec<u8> + Sync),
    ) -> Answer<Vec<u8>> {
        self.inner.secret(name, make).await
    }
}

/// What one question cost: reads of the store, and what was found and not found in each cache.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    reads: usize,
    settings: (u64, u64),
    members: (u64, u64),
    fact_look_ups: u64,
    answers: (u64, u64),
    answers_kept: u64,
}

struct Bench {
    app: App,
    asked: Arc<AtomicUsize>,
}

impl Bench {
    fn beside(harness: &Harness) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&harness.app.store);
        let store: Arc<dyn Store> = Arc::new(Counting { inner, asked: Arc::clone(&asked) });
        Self { app: App { store, ..harness.app.clone() }, asked }
    }

    async fn ask(&self, asked: Ask) -> (pb::Decision, Cost) {
        let caches = &self.app.caches;
        let before = (
            self.asked.load(Ordering::Relaxed),
            caches.settings.stats(),
            caches.members.stats(),
            caches.facts.stats(),
            caches.answers.stats(),
        );
        let mut request = tonic::Request::new(asked.message());
        request.extensions_mut().insert(Arc::new(Caller::anybody()));
        let answer = Authorization(self.app.clone()).check(request).await.unwrap();
        let found = |now: lineguard_cache::L1Stats, then: lineguard_cache::L1Stats| {
            (now.hits - then.hits, now.misses - then.misses)
        };
        let facts = found(caches.facts.stats(), before.3);
        let cost = Cost {
            reads: self.asked.load(Ordering::Relaxed) - before.0,
            settings: found(caches.settings.stats(), before.1),
            members: found(caches.members.stats(), before.2),
            fact_look_ups: facts.0 + facts.1,
            answers: found(caches.answers.stats(), before.4),
            answers_kept: caches.answers.stats().entries - before.4.entries,
        };
        (answer.into_inner().decision.unwrap(), cost)
    }
}

fn world() -> World {
    let home = product("standard").account("home").faxbox("box").member("me").role("member");
    let home = home.member("boss").role("administrator").join("boss", "box");
    home.fax(fax_in("f1", "home", "box")).fax(fax_in("f2", "home", "box"))
}

#[tokio::test]
async fn r41_a_fax_that_is_not_seen_costs_what_an_unknown_id_costs() {
    let harness = Harness::start_with_caches().await;
    harness.build(world()).await;
    let bench = Bench::beside(&harness);
    // Warm: the member is known, and the fax too, because somebody else sees it.
    bench.ask(ask("me", "home", "fax.view").on("f9")).await;
    for action in ["fax.view", "fax.download", "fax.delete"] {
        let (seen, _) = bench.ask(ask("boss", "home", action).on("f1")).await;
        let (_, again) = bench.ask(ask("boss", "home", action).on("f1")).await;
        assert_eq!((seen.effect(), again.reads), (Effect::Allow, 0), "{action}");
        for _ in 0..3 {
            let (there, cost_there) = bench.ask(ask("me", "home", action).on("f1")).await;
            let (nowhere, cost_nowhere) = bench.ask(ask("me", "home", action).on("f9")).await;
            assert_eq!(there.effect(), Effect::Deny);
            assert_eq!(there.encode_to_vec(), nowhere.encode_to_vec(), "{action}");
            assert_eq!(cost_there, cost_nowhere, "{action}");
            assert_eq!((cost_there.answers.0, cost_there.answers_kept), (0, 0), "{action}");
            assert!(cost_there.reads > 0);
        }
    }
}
