//! The walk over a list with limits so tight that every page seeks value by value: the same faxes
//! as the engine allows one by one, in order, on both stores, also while faxes arrive.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this is a test")]

use std::collections::BTreeSet;

use lineguard_core::assemble::{fax_facts, member_facts};
use lineguard_core::decision::Effect;
use lineguard_core::engine::{Authority, compile, decide, may_see};
use lineguard_core::id::{FaxId, Subject, Timestamp};
use lineguard_core::list::{Filter, Limits, Terms, Walk};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::port::{FaxCursor, FaxRow, FaxSlice, Store, TenantReader};
use lineguard_core::request::{Context, Question};
use lineguard_core::vocabulary::Action;
use lineguard_store::{OpenMode, SqlStore};
use lineguard_testkit::databases::{Databases, Kind};
use lineguard_testkit::generate::{Rng, Story, random_fax, story};
use lineguard_testkit::ids;
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::world::NOW;

lineguard_testkit::on_every_database![walks_that_seek_list_what_the_engine_allows];

/// One world in one store.
struct Place<'a> {
    store: &'a dyn Store,
    tenant: String,
    model: &'a Model,
    view: Action,
}

impl Place<'_> {
    async fn authority(&self, account: &str, subject: &Subject) -> Option<Authority> {
        let mut reader = self.reader().await;
        let rows = reader.member_rows(&ids::account(account), subject).await.unwrap()?;
        let facts = member_facts(&rows).unwrap().unwrap();
        Some(compile(self.model, built_in_vocabulary(), &facts).unwrap())
    }

    async fn reader(&self) -> Box<dyn TenantReader + '_> {
        self.store.snapshot(&ids::tenant(&self.tenant)).await.unwrap().unwrap()
    }

    /// All faxes, newest first.
    async fn faxes(&self) -> Vec<FaxRow> {
        self.reader().await.newest_faxes(FaxSlice::default(), 10_000).await.unwrap()
    }

    /// What the engine says about one fax.
    fn allows(&self, authority: &Authority, fax: &FaxRow) -> bool {
        let question = Question {
            action: self.view,
            names_stored_resource: true,
            resource: fax_facts(fax),
            target: None,
            sent_from: None,
            conferred: None,
            context: Context::default(),
        };
        let decision = decide(self.model, built_in_vocabulary(), authority, &question).unwrap();
        decision.effect == Effect::Allow
    }
}

fn random_filter(rng: &mut Rng, all: &[FaxRow]) -> (Filter, FaxSlice) {
    let mut of_some_fax = |percent| rng.pick(all).cloned().filter(|_| rng.chance(percent));
    let filter = Filter {
        direction: of_some_fax(30).map(|fax| fax.direction),
        number: of_some_fax(25).and_then(|fax| fax.number),
        faxbox: of_some_fax(25).and_then(|fax| fax.faxbox),
        states: of_some_fax(25).map(|fax| fax.state).into_iter().chain([FaxState::Trash]).collect(),
    };
    let not_before = of_some_fax(25).map(|fax| fax.at);
    let before = of_some_fax(25).map(|fax| fax.at);
    let states = if filter.states.len() > 1 { filter.states } else { Vec::new() };
    (Filter { states, ..filter }, FaxSlice { after: None, not_before, before })
}

/// The filter, read once more.
fn wanted(filter: &Filter, slice: &FaxSlice, fax: &FaxRow) -> bool {
    let direction = match filter.direction {
        Some(Direction::Inbound) => fax.direction == Direction::Inbound,
        Some(Direction::Outbound) => fax.direction == Direction::Outbound,
        None => true,
    };
    direction
        && (filter.number.is_none() || filter.number == fax.number)
        && (filter.faxbox.is_none() || filter.faxbox == fax.faxbox)
        && (filter.states.is_empty() || filter.states.contains(&fax.state))
        && slice.not_before.is_none_or(|from| fax.at.0 >= from.0)
        && slice.before.is_none_or(|end| fax.at.0 < end.0)
}

const LIMITS: [Limits; 4] = [
    Limits { scan: 3, seek: 7 },
    Limits { scan: 1, seek: 1 },
    Limits { scan: 8, seek: 1_000 },
    Limits { scan: 2_000, seek: 20_000 },
];

/// Walks to the end; `between` runs after every page.
async fn walk(
    mut walk: Walk<'_>,
    place: &Place<'_>,
    mut between: impl AsyncFnMut(),
) -> Vec<FaxRow> {
    let mut seen = Vec::new();
    let mut reached: Option<FaxCursor> = None;
    loop {
        let page = walk.page(place.reader().await.as_mut()).await.unwrap();
        assert!(page.faxes.len() <= walk.size, "a page is not larger than asked for");
        seen.extend(page.faxes);
        let Some(next) = page.next else { return seen };
        assert!(reached.is_none_or(|reached| next < reached), "a walk gets on");
        reached = Some(next);
        walk.slice.after = Some(next);
        between().await;
    }
}

/// How many faxes were listed, and how many lists were not empty.
#[derive(Debug, Default)]
struct Tally {
    lists: usize,
    faxes: usize,
    some: usize,
}

async fn agrees(place: &Place<'_>, story: &Story, rng: &mut Rng, seed: u64, tally: &mut Tally) {
    let all = place.faxes().await;
    let people = rng.some(&story.members, 6);
    for (account, subject) in people {
        let Some(authority) = place.authority(&account, &subject).await else { continue };
        let Ok(terms) = may_see(&authority, place.view, None) else { continue };
        let terms = Terms { authority: &authority, terms };
        for limits in LIMITS {
            let (filter, slice) = random_filter(rng, &all);
            let size = [1, 2, 5, 16, 53][rng.below(5)];
            let told = format!(
                "seed {seed}: {subject:?} at {account}, pages of {size}, {limits:?}, {filter:?}, {slice:?}"
            );
            let expected: Vec<_> = all
                .iter()
                .filter(|fax| wanted(&filter, &slice, fax) && place.allows(&authority, fax))
                .map(|fax| fax.id.clone())
                .collect();
            let walked = Walk { terms, filter, slice, size, limits };
            let seen = walk(walked, place, async || ()).await;
            let seen: Vec<FaxId> = seen.into_iter().map(|fax| fax.id).collect();
            assert_eq!(seen, expected, "{told}");
            tally.lists += 1;
            tally.faxes += seen.len();
            tally.some += usize::from(!seen.is_empty());
        }
    }
}

/// Walks without a filter while faxes arrive, newer and older than the place of the walk.
async fn arrivals(place: &Place<'_>, story: &Story, rng: &mut Rng, seed: u64) {
    let Some((account, subject)) = rng.pick(&story.members).cloned() else { return };
    let Some(authority) = place.authority(&account, &subject).await else { return };
    let Ok(terms) = may_see(&authority, place.view, None) else { return };
    let terms = Terms { authority: &authority, terms };
    let before: Vec<FaxId> = place.faxes().await.into_iter().map(|fax| fax.id).collect();
    for (round, limits) in LIMITS.into_iter().enumerate() {
        let (filter, slice, size) = (Filter::default(), FaxSlice::default(), 1 + rng.below(5));
        let walked = Walk { terms, filter, slice, size, limits };
        let mut arrived = 0;
        let seen = walk(walked, place, async || {
            // A walk would not end while faxes arrive below its place faster than it reads.
            if arrived < 25 {
                let new: Vec<_> = (0..2)
                    .map(|_| {
                        arrived += 1;
                        let id = format!("late{round}_{arrived}");
                        random_fax(rng, story, &id, Timestamp(NOW.0 - 600_000))
                    })
                    .collect();
                // Those that name what was removed meanwhile are refused; the others arrive.
                place.store.register(&ids::tenant(&place.tenant), &new, NOW).await.unwrap();
            }
        })
        .await;
        let told = format!("seed {seed}: {subject:?} at {account}, pages of {size}, {limits:?}");
        let order: Vec<_> = seen.iter().map(|fax| (fax.at, fax.num)).collect();
        assert!(order.is_sorted_by(|one, next| one > next), "newest first, none twice: {told}");
        let all = place.faxes().await;
        let listed: BTreeSet<_> = seen.iter().map(|fax| &fax.id).collect();
        for fax in &all {
            let allowed = place.allows(&authority, fax);
            let (listed, throughout) = (listed.contains(&fax.id), before.contains(&fax.id));
            assert!(allowed || !listed, "{:?} is listed and not allowed: {told}", fax.id);
            assert!(!(allowed && throughout) || listed, "{:?} was skipped: {told}", fax.id);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `LINEGUARD_SEED` starts from another world; `LINEGUARD_WORLDS` walks through more of them.
async fn walks_that_seek_list_what_the_engine_allows(on: &Databases) {
    let first = number("LINEGUARD_SEED").unwrap_or(1);
    let usual = if on.kind == Kind::Sqlite { 28 } else { 7 };
    let worlds = number("LINEGUARD_WORLDS").unwrap_or(usual);
    let vocabulary = built_in_vocabulary();
    let view = vocabulary.action(lineguard_core::FAX_VIEW).unwrap();
    let sql = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
    let memory = MemoryStore::new();
    let mut models = Vec::new();
    for (_, text) in BUILT_IN {
        models.push((text, parse(text, vocabulary).unwrap()));
        sql.put_model(text).await.unwrap();
        memory.put_model(text).await.unwrap();
    }
    let mut tally = Tally::default();
    for seed in first..first + worlds {
        let (text, model) = &models[seed as usize % models.len()];
        let rng = &mut Rng::new(seed);
        let mut story = story(rng, seed, model, text, &[view]);
        let told = story.len();
        let tenant = format!("t{seed}");
        story.happen(&memory, &tenant).await;
        let kept = story.len();
        assert!(kept * 10 > told * 7, "seed {seed}: only {kept} of {told} are possible");
        story.happen(&sql, &tenant).await;
        assert_eq!(story.len(), kept, "seed {seed}: both stores take the same changes");
        let stores: [&dyn Store; 2] = [&memory, &sql];
        for store in stores {
            let place = Place { store, tenant: tenant.clone(), model, view };
            agrees(&place, &story, rng, seed, &mut tally).await;
            arrivals(&place, &story, rng, seed).await;
        }
    }
    assert!(tally.some * 4 > tally.lists, "too many empty lists: {tally:?}");
}
