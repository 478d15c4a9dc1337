//! Removals whose rows are taken away in steps: nobody sees any of it, at no moment.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this is a test"
)]

mod everything;
mod stepping;

use lineguard_core::change::{Change, FaxesLeft};
use lineguard_core::id::Timestamp;
use lineguard_core::model::{BUILT_IN, built_in_vocabulary, parse};
use lineguard_core::port::{ApplyError, Removals as _, Store};
use lineguard_store::{Chain, OpenMode, SqlStore};
use lineguard_testkit::databases::{Databases, Kind};
use lineguard_testkit::generate::{Rng, Story, random_fax, story};
use lineguard_testkit::ids;
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::world::{NOW, batch, received, world};

use everything::{Ever, everything};
use stepping::Stepping;

lineguard_testkit::on_every_database![
    a_store_that_leaves_every_row_conforms,
    a_store_that_is_at_work_conforms,
    at_no_moment_does_anybody_see_half_of_a_removal,
    so_many_large_removals_are_under_way_and_no_more,
];

async fn leaving(on: &Databases, step: usize) -> SqlStore {
    let store = SqlStore::open(&on.fresh().await, OpenMode::Migrate).await.unwrap();
    store.removing(0, step)
}

async fn a_store_that_leaves_every_row_conforms(on: &Databases) {
    lineguard_testkit::conformance::run_all(async || {
        Box::new(Stepping(leaving(on, 1).await, 0)) as Box<dyn Store>
    })
    .await;
}

async fn a_store_that_is_at_work_conforms(on: &Databases) {
    lineguard_testkit::conformance::run_all(async || {
        Box::new(Stepping(leaving(on, 3).await, 1)) as Box<dyn Store>
    })
    .await;
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A world in the store that removes at once and in the one that does not.
struct Twins {
    tenant: String,
    memory: MemoryStore,
    sql: SqlStore,
    ever: [Ever; 2],
    seed: u64,
}

impl Twins {
    fn stores(&self) -> [&dyn Store; 2] {
        [&self.memory, &self.sql]
    }

    async fn note(&mut self) {
        let tenant = ids::tenant(&self.tenant);
        let mut reader = self.memory.snapshot(&tenant).await.unwrap().unwrap();
        self.ever[0].note(reader.as_mut()).await;
        let mut reader = self.sql.snapshot(&tenant).await.unwrap().unwrap();
        self.ever[1].note(reader.as_mut()).await;
    }

    async fn in_memory(&self) -> Vec<String> {
        everything(&self.memory, &self.tenant, &self.ever[0]).await
    }

    async fn agree(&self, expected: &[String], when: &str) {
        let found = everything(&self.sql, &self.tenant, &self.ever[1]).await;
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "seed {}, {when}", self.seed);
        }
        assert_eq!(found.len(), expected.len(), "seed {}, {when}", self.seed);
    }

    /// The same change in both; whether it was taken.
    async fn both(&self, request: &str, changes: &[Change]) -> bool {
        let mut taken = Vec::new();
        for store in self.stores() {
            let answer = store.apply(&batch(&self.tenant, request, changes.to_vec()), NOW).await;
            taken.push(answer.map(|applied| applied.changed).map_err(|error| kind(&error)));
        }
        assert_eq!(taken[0], taken[1], "seed {}: {request} {changes:?}", self.seed);
        taken[0].is_ok()
    }

    /// Faxes arrive in both: also with ids that are taken, and for what was removed.
    async fn arrive(&self, rng: &mut Rng, story: &Story, round: usize) {
        let mut faxes: Vec<_> =
            (0..4).map(|at| random_fax(rng, story, &format!("n{round}-{at}"), NOW)).collect();
        faxes.extend(rng.some(&story.faxes, 4));
        let mut answers = Vec::new();
        for store in self.stores() {
            let told = store.register(&ids::tenant(&self.tenant), &faxes, NOW).await.unwrap();
            let told = told.into_iter().map(|one| match one {
                Ok(one) => Ok((one.created, one.fax.id)),
                Err(error) => Err(kind(&error)),
            });
            answers.push(told.collect::<Vec<_>>());
        }
        assert_eq!(answers[0], answers[1], "seed {}: {faxes:?}", self.seed);
    }
}

/// The error without its words.
fn kind(error: &ApplyError) -> String {
    match error {
        ApplyError::NotFound(fault) => format!("not found: {} {}", fault.change, fault.field),
        ApplyError::AlreadyExists(fault) => format!("exists: {} {}", fault.change, fault.field),
        ApplyError::Refused(fault) => format!("refused: {} {}", fault.change, fault.field),
        other => format!("{other:?}"),
    }
}

/// `LINEGUARD_SEED` starts from another world; `LINEGUARD_WORLDS` walks through more of them.
async fn at_no_moment_does_anybody_see_half_of_a_removal(on: &Databases) {
    let first = setting("LINEGUARD_SEED").unwrap_or(1);
    let usual = if on.kind == Kind::Sqlite { 5 } else { 2 };
    let worlds = setting("LINEGUARD_WORLDS").unwrap_or(usual);
    let vocabulary = built_in_vocabulary();
    let view = vocabulary.action(lineguard_core::FAX_VIEW).unwrap();
    let mut steps = 0;
    for seed in first..first + worlds {
        let (_, text) = BUILT_IN[seed as usize % BUILT_IN.len()];
        let model = parse(text, vocabulary).unwrap();
        let rng = &mut Rng::new(seed);
        let mut story = story(rng, seed, &model, text, &[view]);
        let (sql, memory) = (leaving(on, 1 + rng.below(4)).await, MemoryStore::new());
        for store in [&memory as &dyn Store, &sql] {
            store.put_model(text).await.unwrap();
        }
        let tenant = format!("t{seed}");
        story.happen(&memory, &tenant).await;
        story.happen(&sql, &tenant).await;
        let ever = Ever { people: story.people.clone(), ..Ever::default() };
        let ever = [ever.clone(), ever];
        let mut twins = Twins { tenant, memory, sql, ever, seed };
        steps += remove_all(&mut twins, rng, &story).await;
        let chain = twins.sql.verify_chain(&ids::tenant(&twins.tenant)).await.unwrap().unwrap();
        assert!(matches!(chain, Chain::Intact { .. }), "seed {seed}: {chain:?}");
        assert_eq!(twins.sql.pending(9).await.unwrap(), [], "seed {seed}");
    }
    assert!(steps > 8 * usize::try_from(worlds).unwrap(), "only {steps} steps: a test of nothing");
}

/// Removes every faxbox and group that there is, and looks at everything after every step.
async fn remove_all(twins: &mut Twins, rng: &mut Rng, story: &Story) -> usize {
    let faxboxes = story.faxboxes.iter().map(|(id, account)| (true, id, account));
    let groups = story.groups.iter().map(|(id, account)| (false, id, account));
    let mut steps = 0;
    for (round, (is_faxbox, thing, account)) in faxboxes.chain(groups).enumerate() {
        twins.note().await;
        let (account, title) = (ids::account(account), String::new());
        let faxes = [Some(FaxesLeft::Delete), Some(FaxesLeft::Keep), None][rng.below(3)];
        let (removal, anew) = if is_faxbox {
            let faxbox = ids::faxbox(thing);
            let removal = Change::RemoveFaxbox { faxbox: faxbox.clone(), faxes };
            (removal, Change::AddFaxbox { account, faxbox, title })
        } else {
            let (group, roles) = (ids::group(thing), Vec::new());
            let removal = Change::RemoveGroup { group: group.clone() };
            (removal, Change::AddGroup { account, group, title, roles })
        };
        if !twins.both(&format!("remove {round}"), &[removal]).await {
            continue;
        }
        if rng.chance(50) {
            twins.both(&format!("anew {round}"), &[anew]).await;
        }
        twins.arrive(rng, story, round).await;
        // What is still under way meets the next removal.
        let most = if rng.chance(30) { rng.below(4) } else { usize::MAX };
        steps += steps_with_a_look(twins, &format!("round {round}"), most).await;
    }
    steps + steps_with_a_look(twins, "at the end", usize::MAX).await
}

async fn steps_with_a_look(twins: &mut Twins, round: &str, most: usize) -> usize {
    twins.note().await;
    let expected = twins.in_memory().await;
    twins.agree(&expected, &format!("{round}, before any step")).await;
    let tenant = ids::tenant(&twins.tenant);
    for steps in 0..most {
        let step = twins.sql.step(&tenant, Timestamp(NOW.0 + 1)).await.unwrap();
        if step == Default::default() {
            return steps;
        }
        // The first and the last rows tell most, and looking takes long.
        if steps > 3 && step.ended.is_none() && steps % 5 > 0 {
            continue;
        }
        twins.agree(&expected, &format!("{round}, after step {steps}")).await;
    }
    most
}

async fn so_many_large_removals_are_under_way_and_no_more(on: &Databases) {
    let store = leaving(on, 100).await;
    let mut told = world("acme").account("root").member("ada");
    for at in 0..66 {
        told = told.group(&format!("g{at}"), &[]);
    }
    told.fax(received("f", "root", 0)).build(&store).await;
    let remove = |range: std::ops::Range<usize>| {
        range.map(|at| Change::RemoveGroup { group: ids::group(&format!("g{at}")) }).collect()
    };
    let all = store.apply(&batch("acme", "all", remove(0..66)), NOW).await;
    let Err(ApplyError::NotNow(fault)) = all else { panic!("{all:?}") };
    assert_eq!((fault.change, fault.field), (64, "group"));
    assert_eq!(store.pending(99).await.unwrap(), [], "nothing is half applied");
    store.apply(&batch("acme", "most", remove(0..64)), NOW).await.unwrap();
    let one_more = store.apply(&batch("acme", "one more", remove(64..65)), NOW).await;
    assert!(matches!(one_more, Err(ApplyError::NotNow(_))), "{one_more:?}");
    assert_eq!(store.pending(99).await.unwrap().len(), 64);
    store.step(&ids::tenant("acme"), NOW).await.unwrap();
    store.apply(&batch("acme", "one more", remove(64..65)), NOW).await.unwrap();
}
