//! Whoever is suspended keeps a part of what they would keep if they were removed (rulings R33): on
//! random tenants of every built-in model and of one with exceptions, for random questions and every fax, asked by that person
//! and by everybody else but those who supervise them, with whom a suspended person's faxes stay.
//!
//! `LINEGUARD_WORLDS=1000` asks about more worlds; `LINEGUARD_SEED` starts from another one.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also outside of its test functions"
)]

use std::collections::{BTreeMap, BTreeSet};

use lineguard_core::assemble::{Dump, fax_facts, member_facts};
use lineguard_core::change::Change;
use lineguard_core::decision::Effect;
use lineguard_core::engine::{Authority, compile, decide};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Num, Subject, TenantId};
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::port::Store as _;
use lineguard_core::request::{Context, Question};
use lineguard_core::row::{LinkKind, MemberBody, ObjectKind};
use lineguard_core::vocabulary::Action;
use lineguard_testkit::generate::{Asked, Rng, Story, focus, question, story};
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::world::{NOW, batch};
use lineguard_testkit::{block_on, ids};

/// Everything but what hangs on a membership.
const EXCEPTIONS: &str = r#"
format = 1
name = "exceptions"
title = "Exceptions"
summary = "Everything but what hangs on a membership."

[tree]
sub_accounts = true

[members]
default_roles = ["reader"]

[[permission]]
key = "read"
title = "Read"
category = "Faxes"
actions = ["fax.view", "fax.delete"]
except = ["faxbox_member", "owned_faxbox", "assigned", "delegated", "supervised"]

[[role]]
key = "reader"
title = "Reader"
permissions = ["read"]
"#;

const USUAL: u64 = 40;
const QUESTIONS: usize = 120;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A tenant as one story leaves it.
struct After<'a> {
    store: MemoryStore,
    tenant: TenantId,
    model: &'a Model,
    known: BTreeMap<(String, String), Option<Authority>>,
}

impl<'a> After<'a> {
    /// What the rules refuse is taken out of the story the first time it is told.
    async fn of(told: &mut Story, text: &str, model: &'a Model) -> Self {
        let store = MemoryStore::new();
        store.put_model(text).await.expect("memory keeps a model");
        told.happen(&store, "t1").await;
        Self { store, tenant: ids::tenant("t1"), model, known: BTreeMap::new() }
    }

    async fn and(self, change: Change) -> Option<Self> {
        self.store.apply(&batch("t1", "then", vec![change]), NOW).await.ok()?;
        Some(self)
    }

    fn dump(&self) -> Dump {
        self.store.dump(&self.tenant).expect("the tenant")
    }

    async fn read(&self, subject: &str, account: &str) -> Option<Authority> {
        let account = AccountId::parse(account).ok()?;
        let subject = Subject::from_qualified(subject)?;
        let mut reader = self.store.snapshot(&self.tenant).await.ok()??;
        let rows = reader.member_rows(&account, &subject).await.expect("memory answers")?;
        let facts = member_facts(&rows).expect("rows that were written parse")?;
        Some(compile(self.model, built_in_vocabulary(), &facts).expect("keys are known"))
    }

    async fn allows(&mut self, asked: &Asked) -> bool {
        let who = (asked.subject.clone(), asked.account.clone());
        if !self.known.contains_key(&who) {
            let authority = self.read(&who.0, &who.1).await;
            self.known.insert(who.clone(), authority);
        }
        let Some(Some(authority)) = self.known.get(&who) else { return false };
        let decided = decide(self.model, built_in_vocabulary(), authority, &asked.question);
        decided.is_ok_and(|decision| decision.effect == Effect::Allow)
    }
}

/// Every fax, asked about by everybody from everywhere.
fn sights(dump: &Dump) -> Vec<Asked> {
    let view = built_in_vocabulary().action(lineguard_core::FAX_VIEW).expect("an action");
    let members = dump.objects.iter().filter(|one| one.kind == ObjectKind::Member);
    let who: Vec<_> = members
        .filter_map(|member| {
            let account = dump.objects.iter().find(|one| Some(one.num) == member.account)?;
            Some((member.id.clone(), account.id.clone()))
        })
        .collect();
    let asked = |(subject, account): &(String, String)| {
        let (subject, account) = (subject.clone(), account.clone());
        dump.faxes.iter().map(move |fax| {
            let question = Question {
                action: view,
                names_stored_resource: true,
                resource: fax_facts(fax),
                target: None,
                sent_from: None,
                conferred: None,
                context: Context::default(),
            };
            Asked { subject: subject.clone(), account: account.clone(), question }
        })
    };
    who.iter().flat_map(asked).collect()
}

/// Those who own a group that the person is in.
fn supervisors(dump: &Dump, person: &str) -> BTreeSet<String> {
    let subject = |num: Num| dump.objects.iter().find(|one| one.num == num);
    let linked = |kind: LinkKind| dump.links.iter().filter(move |link| link.kind == kind);
    let is_person = |num: Num| subject(num).is_some_and(|one| one.id == person);
    let groups: BTreeSet<Num> =
        linked(LinkKind::GroupMember).filter(|link| is_person(link.b)).map(|link| link.a).collect();
    linked(LinkKind::GroupOwner)
        .filter(|link| groups.contains(&link.a) && !is_person(link.b))
        .filter_map(|link| subject(link.b).map(|one| one.id.clone()))
        .collect()
}

fn is_emergency(action: Action) -> bool {
    let def = built_in_vocabulary().def(action);
    def.is_some_and(|def| def.emergency)
}

/// What one world showed: memberships that could be suspended and removed; questions that were
/// allowed before and denied after the suspension; and those still allowed.
#[derive(Default)]
struct Tally {
    suspended: usize,
    taken: usize,
    left: usize,
}

async fn look(seed: u64, models: &[(Model, &str)], tally: &mut Tally) {
    let rng = &mut Rng::new(seed);
    let (model, text) = rng.pick(models).expect("there are models");
    let vocabulary = built_in_vocabulary();
    let focus = focus(rng, vocabulary, Some(model));
    let mut told = story(rng, seed, model, text, &focus);
    let mut before = After::of(&mut told, text, model).await;
    let dump = before.dump();
    let mut all = sights(&dump);
    all.extend((0..QUESTIONS).map(|_| question(rng, &dump, model, vocabulary, &focus)));
    all.retain(|asked| !is_emergency(asked.question.action));
    let active = |body: &str| {
        let body: Result<MemberBody, _> = serde_json::from_str(body);
        body.is_ok_and(|body| body.status == MemberStatus::Active.as_str())
    };
    let members = dump.objects.iter().filter(|one| one.kind == ObjectKind::Member);
    for member in members.filter(|one| active(&one.body)) {
        let account = dump.objects.iter().find(|one| Some(one.num) == member.account);
        let account = ids::account(&account.expect("a member has an account").id);
        let subject = Subject::from_qualified(&member.id).expect("a member's subject");
        let remove = Change::RemoveMember { account: account.clone(), subject: subject.clone() };
        let status = MemberStatus::Suspended;
        let suspend =
            Change::SetMemberStatus { account: account.clone(), subject: subject.clone(), status };
        let suspended = After::of(&mut told, text, model).await.and(suspend).await;
        let mut suspended = suspended.expect("whoever is active can be suspended");
        // The last owner is not removed.
        let Some(mut removed) = After::of(&mut told, text, model).await.and(remove).await else {
            continue;
        };
        tally.suspended += 1;
        let exempt = supervisors(&dump, &member.id);
        for asked in all.iter().filter(|asked| !exempt.contains(&asked.subject)) {
            let keeps = suspended.allows(asked).await;
            if keeps && !removed.allows(asked).await {
                panic!(
                    "LINEGUARD_SEED={seed} ({}): with {} suspended at {}, and not with them \
                     removed, {} as {} may {:?}: {:?}",
                    model.name,
                    member.id,
                    account.as_str(),
                    asked.subject,
                    asked.account,
                    vocabulary.def(asked.question.action).map(|def| &def.name),
                    asked.question,
                );
            }
            tally.left += usize::from(keeps);
            tally.taken += usize::from(!keeps && before.allows(asked).await);
        }
    }
}

/// Looks at worlds of these models.
fn hold(texts: &[(&'static str, &'static str)]) {
    let (seed, worlds) =
        (number("LINEGUARD_SEED").unwrap_or(1), number("LINEGUARD_WORLDS").unwrap_or(USUAL));
    let read = |(name, text): &(&'static str, &'static str)| {
        let model = parse(text, built_in_vocabulary());
        (model.unwrap_or_else(|faults| panic!("{name}: {faults:?}")), *text)
    };
    let models: Vec<_> = texts.iter().map(read).collect();
    let mut tally = Tally::default();
    for at in 0..worlds {
        block_on(look(seed.wrapping_add(at), &models, &mut tally));
    }
    let Tally { suspended, taken, left } = tally;
    println!(
        "{worlds} worlds from seed {seed}: {suspended} suspensions, {taken} questions no longer \
         allowed, {left} still allowed"
    );
    assert!(worlds < USUAL || (suspended > 100 && taken > 100 && left > 100));
}

#[test]
fn the_suspended_keep_a_part_of_what_the_removed_keep() {
    hold(BUILT_IN);
}

#[test]
fn nothing_that_an_exception_takes_comes_back_by_a_suspension() {
    hold(&[("exceptions", EXCEPTIONS)]);
}
