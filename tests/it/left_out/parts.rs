//! Importing an export, or any part of one, into its own
//! tenant changes nothing, on generated worlds of all built-in models; and an old export gives
//! nobody and no number back what was taken since.
//!
//! `LINEGUARD_WORLDS=1000` imports into more worlds, `LINEGUARD_PARTS=100` more parts of each;
//! `LINEGUARD_SEED` starts from another world.

use std::collections::BTreeSet;

use lineguard::wire::export::exported_part;
use lineguard::wire::pb;
use lineguard::world::{World, collect, print};
use lineguard_core::change::{Change, Imported};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::port::ApplyError;
use lineguard_testkit::generate::{Rng, Story, focus, story};
use lineguard_testkit::ids;
use lineguard_testkit::world::NOW;

use super::import_world;
use crate::harness::Harness;
use crate::writing::{again, export, import};

const USUAL: u64 = 12;

/// Parts of each export that are imported.
const PARTS: u64 = 8;

/// Keys that say which thing is meant.
const NAMES: [&str; 8] = ["id", "root", "parent", "account", "key", "role", "subject", "number"];

/// Keys of a fax that may be left out: the others say what was registered.
const OF_FAX: [&str; 3] = ["assignee", "unassigned", "unfiled"];

/// A table of a printed world: its name, and its lines with the head first.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    lines: Vec<String>,
}

impl Table {
    /// Whether a line may be left out of what still means the same thing.
    fn is_free(&self, line: &str) -> bool {
        let key = line.split(" = ").next().unwrap_or_default();
        match self.name.as_str() {
            "fax" => OF_FAX.contains(&key),
            _ => !NAMES.contains(&key) && !line.starts_with("[["),
        }
    }
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()).skip(1) {
        if let Some(head) = line.strip_prefix("[[tenant") {
            let name = head.trim_matches(['.', ']']).to_owned();
            tables.push(Table { name, lines: vec![line.to_owned()] });
        } else {
            tables.last_mut().unwrap().lines.push(line.to_owned());
        }
    }
    tables
}

fn text(tables: &[Table]) -> String {
    let lines = tables.iter().flat_map(|table| table.lines.iter().map(String::as_str));
    ["format = 1"].into_iter().chain(lines).map(|line| format!("{line}\n")).collect()
}

/// Some of the tables, and of their keys: how many there are of each is chosen first.
fn some(rng: &mut Rng, all: &[Table]) -> Vec<Table> {
    let (tables, keys) = (rng.between(20, 100), rng.between(0, 100));
    let mut part = Vec::new();
    for table in all {
        if rng.chance(tables) || table.name.is_empty() {
            let kept = table.lines.iter().filter(|line| !table.is_free(line) || rng.chance(keys));
            part.push(Table { lines: kept.cloned().collect(), name: table.name.clone() });
        }
    }
    part
}

/// Takes out what names something that the part does not have.
fn closed(mut part: Vec<Table>) -> World {
    loop {
        let errors = match World::parse(&text(&part)) {
            Ok(world) => return world,
            Err(errors) => errors,
        };
        let wrong: BTreeSet<usize> = errors.iter().map(|error| error.line).collect();
        let mut at = 1;
        let mut kept = Vec::new();
        for table in &part {
            let numbered = || (at + 1..).zip(&table.lines);
            let is_wrong = |(line, _): &(usize, &String)| wrong.contains(line);
            let whole = numbered().filter(is_wrong).any(|(_, line)| !table.is_free(line));
            assert!(!(whole && table.name.is_empty()), "{errors:?}");
            if !whole {
                let right = numbered().filter(|line| !is_wrong(line)).map(|(_, line)| line);
                let (lines, name) = (right.cloned().collect(), table.name.clone());
                kept.push(Table { name, lines });
            }
            at += table.lines.len();
        }
        assert!(text(&kept).len() < text(&part).len(), "{errors:?}");
        part = kept;
    }
}

/// A tenant that has lived, and all that its export says.
struct Lived<'a> {
    harness: &'a Harness,
    tenant: String,
    story: Story,
    exported: Vec<pb::ExportResponse>,
    tables: Vec<Table>,
    told: String,
    asked: std::cell::Cell<usize>,
}

impl<'a> Lived<'a> {
    async fn make(harness: &'a Harness, seed: u64, model: &Model, model_text: &str) -> Self {
        let rng = &mut Rng::new(seed);
        let actions = focus(rng, built_in_vocabulary(), Some(model));
        let mut story = story(rng, seed, model, model_text, &actions);
        let tenant = format!("t{seed}");
        story.happen(harness.app.store.as_ref(), &tenant).await;
        let exported = export(harness, &tenant).await;
        let (mut changes, mut faxes) = (Vec::new(), Vec::new());
        for part in exported.clone() {
            let part = exported_part(part).unwrap();
            changes.extend(part.changes);
            faxes.extend(part.faxes);
        }
        let world = collect(&changes, &faxes).unwrap();
        let text = print(&World { tenants: [(ids::tenant(&tenant), world)].into() });
        let told = format!("LINEGUARD_SEED={seed} ({})", model.name);
        let (tables, asked) = (tables(&text), std::cell::Cell::new(0));
        Self { harness, tenant, story, exported, tables, told, asked }
    }

    async fn import(&self, world: &World) -> Result<Imported, ApplyError> {
        self.asked.set(self.asked.get() + 1);
        import_world(self.harness, &format!("import-{}", self.asked.get()), world).await
    }

    /// Imports the whole export, and parts of it.
    async fn changes_nothing(&self, rng: &mut Rng, tally: &mut Tally) {
        let whole = import(self.harness, again(&self.tenant, "whole", &self.exported)).await;
        let whole = whole[0].as_ref().unwrap();
        assert_eq!((whole.changed, whole.registered_faxes), (0, 0), "{}: the export", self.told);
        for at in 0..number("LINEGUARD_PARTS").unwrap_or(PARTS) {
            let part = if at == 0 { self.tables.clone() } else { some(rng, &self.tables) };
            let world = closed(part);
            let told = || format!("{}, part {at}:\n{}", self.told, print(&world));
            let done = self.import(&world).await;
            let done = done.unwrap_or_else(|error| panic!("{error:?}\n{}", told()));
            assert_eq!((done.applied.changed, done.registered), (0, 0), "{}", told());
            let steps = world.steps().remove(0);
            tally.parts += 1;
            tally.changes += steps.changes.len() + steps.afterwards.len();
            tally.faxes += steps.faxes.len();
            let lines = |tables: &[Table]| tables.iter().map(|one| one.lines.len()).sum::<usize>();
            tally.lines += lines(&tables(&print(&world)));
            tally.lines_of_all += lines(&self.tables);
        }
        let after = export(self.harness, &self.tenant).await;
        assert!(after == self.exported, "{}: another export", self.told);
    }

    /// Suspends and removes people and switches numbers off, then imports what was exported before.
    async fn brings_nobody_back(&self, rng: &mut Rng, tally: &mut Tally) {
        let mut taken = Vec::new();
        for (account, subject) in &self.story.members {
            let (account, subject) = (ids::account(account), subject.clone());
            match rng.below(4) {
                0 => taken.push(Change::RemoveMember { account, subject }),
                1 => taken.push(Change::SetMemberStatus {
                    account,
                    subject,
                    status: MemberStatus::Suspended,
                }),
                _ => {}
            }
        }
        for (number, _) in self.story.numbers.iter().filter(|_| rng.chance(50)) {
            taken.push(Change::SetNumberActive { number: ids::number(number), active: false });
        }
        for (at, change) in taken.into_iter().enumerate() {
            let store = self.harness.app.store.as_ref();
            let request = format!("take-{at}");
            let batch =
                lineguard_testkit::world::batch(&self.tenant, &request, vec![change.clone()]);
            // Last owners stay, and who was suspended or removed already has nothing to lose.
            let Ok(applied) = store.apply(&batch, NOW).await else { continue };
            tally.taken += applied.changed;
        }
        let before = self.given().await;
        for world in [closed(self.tables.clone()), closed(some(rng, &self.tables))] {
            let done = self.import(&world).await;
            done.unwrap_or_else(|error| panic!("{}: {error:?}", self.told));
            let back: Vec<_> = self.given().await.difference(&before).cloned().collect();
            assert!(back.is_empty(), "{}: given back: {back:?}", self.told);
        }
    }

    /// The active members and numbers.
    async fn given(&self) -> BTreeSet<String> {
        use pb::change::Kind;

        let mut given = BTreeSet::new();
        let mut off = BTreeSet::new();
        for part in export(self.harness, &self.tenant).await {
            for kind in part.changes.into_iter().filter_map(|change| change.kind) {
                match kind {
                    Kind::AddMember(one) if one.status() == pb::MemberStatus::Active => {
                        given.insert(format!("{:?} of {}", one.subject, one.account));
                    }
                    Kind::AddNumber(one) => drop(given.insert(one.number)),
                    Kind::SetNumberActive(one) => drop(off.insert(one.number)),
                    _ => {}
                }
            }
        }
        given.difference(&off).cloned().collect()
    }
}

/// What was imported.
#[derive(Debug, Default)]
struct Tally {
    worlds: usize,
    parts: usize,
    changes: usize,
    faxes: usize,
    lines: usize,
    lines_of_all: usize,
    taken: usize,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn importing_any_part_of_an_export_changes_nothing() {
    let first = number("LINEGUARD_SEED").unwrap_or(1);
    let worlds = number("LINEGUARD_WORLDS").unwrap_or(USUAL);
    let vocabulary = built_in_vocabulary();
    let models: Vec<_> =
        BUILT_IN.iter().map(|(_, text)| (text, parse(text, vocabulary).unwrap())).collect();
    let harness = Harness::start().await;
    let mut tally = Tally::default();
    for seed in first..first + worlds {
        let (text, model) = &models[seed as usize % models.len()];
        let lived = Lived::make(&harness, seed, model, text).await;
        let rng = &mut Rng::new(!seed);
        lived.changes_nothing(rng, &mut tally).await;
        lived.brings_nobody_back(rng, &mut tally).await;
        tally.worlds += 1;
    }
    println!("from seed {first}: {tally:?}");
    assert!(tally.lines * 4 > tally.lines_of_all, "too little is imported: {tally:?}");
    assert!(tally.lines * 10 < tally.lines_of_all * 9, "too little is left out: {tally:?}");
    assert!(tally.taken > tally.worlds, "too little was taken: {tally:?}");
    harness.stop().await;
}
