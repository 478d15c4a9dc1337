//! A fax is listed if and only if `Check` allows to view it, and `GetVisibility` says the same: on
//! generated worlds of all built-in models, over the wire.
//!
//! `LINEGUARD_WORLDS=1000` asks about more worlds, `LINEGUARD_ROWS=250` about more rows under each
//! filter; `LINEGUARD_SEED` starts from another world.

use std::collections::BTreeMap;

use lineguard::wire::pb;
use lineguard_core::id::{Num, Subject};
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::port::{FaxRow, FaxSlice};
use lineguard_core::row::{Object, ObjectKind};
use lineguard_core::vocabulary::{Action, ActionDef, FactName, Vocabulary};
use lineguard_testkit::generate::{PLAIN_NAMES, Rng, Story, story};
use lineguard_testkit::ids;

use crate::harness::Harness;

const USUAL: u64 = 42;

/// What somebody else's service knows of a row of its own, by name of the fact.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    id: String,
    facts: BTreeMap<&'static str, Vec<String>>,
    direction: pb::Direction,
    state: pb::FaxState,
    /// Milliseconds, and the order of registration.
    at: (i64, u64),
}

impl Row {
    fn has(&self, fact: &str, value: &str) -> bool {
        self.facts.get(fact).is_some_and(|values| values.iter().any(|one| one == value))
    }

    /// Whether a filter covers the row, as `authorization_service.proto` says.
    fn covered_by(&self, terms: &[pb::VisibilityTerm]) -> bool {
        terms.iter().any(|term| {
            assert!(!term.accounts.is_empty(), "a term without accounts");
            let rest = (&term.conditions, term.direction(), &term.states);
            let taken_out = |except: &pb::VisibilityExcept| {
                self.fits((&except.conditions, except.direction(), &except.states))
            };
            term.accounts.iter().any(|account| self.has("account", account))
                && self.fits(rest)
                && !term.except.iter().any(taken_out)
        })
    }

    fn fits(
        &self,
        (conditions, direction, states): (&Vec<pb::VisibilityCondition>, pb::Direction, &Vec<i32>),
    ) -> bool {
        for condition in conditions {
            let values = self.facts.get(condition.field.as_str()).cloned().unwrap_or_default();
            let listed = |value: &String| condition.values.contains(value);
            let holds = match (condition.all, condition.every) {
                (true, _) => !values.is_empty(),
                (false, true) => values.iter().all(listed),
                (false, false) => values.iter().any(listed),
            };
            if !holds {
                return false;
            }
        }
        let right_way = direction == pb::Direction::Unspecified || direction == self.direction;
        right_way && (states.is_empty() || states.contains(&(self.state as i32)))
    }
}

/// One tenant with everything that is needed to ask about it.
struct World<'a> {
    harness: &'a Harness,
    tenant: String,
    story: Story,
    /// Actions on rows of other services that the story is about.
    focus: Vec<(Action, &'static ActionDef)>,
    faxes: Vec<Row>,
    told: String,
}

impl<'a> World<'a> {
    async fn make(harness: &'a Harness, seed: u64, model: &Model, text: &str) -> Self {
        let vocabulary = built_in_vocabulary();
        let rng = &mut Rng::new(seed);
        let mut granted = listable(vocabulary);
        granted.retain(|(action, _)| !model.permissions_for(*action).is_empty());
        let mut focus = rng.some(&granted, 6);
        let knotty = ["call.view", "recording.listen", "library_document.view"];
        focus.extend(granted.into_iter().filter(|(_, def)| knotty.contains(&&*def.name)));
        let mut actions: Vec<_> = focus.iter().map(|(action, _)| *action).collect();
        actions.push(vocabulary.action("fax.view").unwrap());
        let mut story = story(rng, seed, model, text, &actions);
        let tenant = format!("t{seed}");
        story.happen(harness.app.store.as_ref(), &tenant).await;
        let faxes = faxes(harness, &tenant).await;
        let told = format!("LINEGUARD_SEED={seed} ({})", model.name);
        Self { harness, tenant, story, focus, faxes, told }
    }

    fn check(
        &self,
        who: &(String, Subject),
        action: &str,
        resource: pb::Resource,
    ) -> pb::CheckRequest {
        pb::CheckRequest {
            tenant: self.tenant.clone(),
            subject: Some(subject(&who.1)),
            account: who.0.clone(),
            action: Some(pb::Action { name: action.into() }),
            resource: Some(resource),
            target: None,
            context: None,
            consistency: None,
        }
    }

    /// Which of the questions are allowed.
    async fn allowed(&self, checks: Vec<pb::CheckRequest>) -> Vec<bool> {
        let asked = checks.clone();
        let request = pb::BatchCheckRequest { checks, consistency: None };
        let response = self.harness.client().batch_check(request).await.unwrap().into_inner();
        assert_eq!(response.results.len(), asked.len());
        let answer = |(result, asked): (pb::CheckResult, pb::CheckRequest)| match result.result {
            Some(pb::check_result::Result::Decision(decision)) => {
                decision.effect() == pb::Effect::Allow
            }
            other => panic!("{}: {asked:?} is answered {other:?}", self.told),
        };
        response.results.into_iter().zip(asked).map(answer).collect()
    }

    async fn visibility(
        &self,
        who: &(String, Subject),
        action: &str,
        channel: pb::Channel,
    ) -> pb::GetVisibilityResponse {
        let request = pb::GetVisibilityRequest {
            tenant: self.tenant.clone(),
            subject: Some(subject(&who.1)),
            account: who.0.clone(),
            action: Some(pb::Action { name: action.into() }),
            channel: channel.into(),
            consistency: None,
        };
        let response = self.harness.client().get_visibility(request).await.unwrap().into_inner();
        let effect = response.decision.as_ref().unwrap().effect();
        assert_eq!(effect == pb::Effect::Allow, !response.terms.is_empty(), "{}", self.told);
        response
    }

    /// Lists all pages.
    async fn list(&self, mut request: pb::ListVisibleFaxesRequest, sizes: &[i32]) -> Vec<pb::Fax> {
        let mut faxes = Vec::new();
        for size in sizes.iter().cycle() {
            request.page_size = *size;
            let page = self.harness.client().list_visible_faxes(request.clone()).await;
            let page = page.unwrap().into_inner();
            assert!(page.faxes.len() <= *size as usize, "{}: a page of {size}", self.told);
            faxes.extend(page.faxes);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        faxes
    }

    /// Faxes of one person: the list, `Check` of each and the filter.
    async fn faxes_of(&self, rng: &mut Rng, who: &(String, Subject), tally: &mut Tally) {
        let channels = [pb::Channel::Web, pb::Channel::Mobile, pb::Channel::Api];
        let channel = rng.pick(&channels).copied().filter(|_| rng.chance(25)).unwrap_or_default();
        let context = Some(pb::Context { channel: channel.into(), ..Default::default() });
        let of = |fax: &Row| {
            let resource =
                pb::Resource { r#type: "fax".into(), id: Some(fax.id.clone()), properties: None };
            let check = self.check(who, "fax.view", resource);
            pb::CheckRequest { context: context.clone(), ..check }
        };
        let allowed = self.allowed(self.faxes.iter().map(of).collect()).await;
        let terms = self.visibility(who, "fax.view", channel).await.terms;
        for (fax, allowed) in self.faxes.iter().zip(&allowed) {
            let told = &self.told;
            assert_eq!(fax.covered_by(&terms), *allowed, "{told}: {who:?}, {fax:?}, {terms:#?}");
        }
        for filtered in [false, true] {
            let request = pb::ListVisibleFaxesRequest {
                tenant: self.tenant.clone(),
                subject: Some(subject(&who.1)),
                account: who.0.clone(),
                channel: channel.into(),
                ..Default::default()
            };
            let request = if filtered { self.random_filter(rng, request) } else { request };
            let mut sizes = [1, 5, 16, 53];
            sizes.rotate_left(rng.below(4));
            let listed = self.list(request.clone(), &sizes[..1 + rng.below(2)]).await;
            let expected = self.faxes.iter().zip(&allowed).filter(|(_, allowed)| **allowed);
            let expected: Vec<_> =
                expected.map(|(fax, _)| fax).filter(|fax| wanted(&request, fax)).collect();
            let ids: Vec<_> = listed.iter().map(|fax| &fax.fax).collect();
            let wanted: Vec<_> = expected.iter().map(|fax| &fax.id).collect();
            assert_eq!(ids, wanted, "{}: {who:?} lists {request:?}", self.told);
            for (listed, fax) in listed.iter().zip(expected) {
                assert_eq!(row(listed, fax.at.1), *fax, "{}", self.told);
            }
            tally.lists += 1;
            tally.listed += ids.len();
            tally.some += usize::from(!ids.is_empty() && ids.len() < self.faxes.len());
        }
        tally.checks += allowed.len();
    }

    fn random_filter(
        &self,
        rng: &mut Rng,
        mut request: pb::ListVisibleFaxesRequest,
    ) -> pb::ListVisibleFaxesRequest {
        let mut some_fax = |percent| rng.pick(&self.faxes).cloned().filter(|_| rng.chance(percent));
        let first =
            |fax: Option<Row>, fact| fax.and_then(|fax| fax.facts.get(fact)?.first().cloned());
        request.direction = some_fax(30).map_or(0, |fax| fax.direction.into());
        request.number = first(some_fax(25), "number");
        request.faxbox = first(some_fax(25), "faxbox");
        request.not_before = some_fax(25).map(|fax| timestamp(fax.at.0));
        request.before = some_fax(25).map(|fax| timestamp(fax.at.0));
        if let Some(fax) = some_fax(25) {
            request.states = vec![fax.state.into(), pb::FaxState::Trash.into()];
        }
        if rng.chance(3) {
            request.number = Some(STRANGE_NUMBER.into());
        }
        request
    }

    /// Rows of another service: `Check` with their facts, and the filter.
    async fn rows_of(&self, rng: &mut Rng, who: &(String, Subject), tally: &mut Tally) {
        let vocabulary = built_in_vocabulary();
        for _ in 0..4 {
            let Some((_, def)) = rng.pick(&self.focus).copied() else { return };
            let kind = vocabulary.resource(def.resource).unwrap();
            let rows: Vec<_> = (0..tally.of_a_filter)
                .map(|at| self.random_row(rng, &kind.facts, &format!("r{at}")))
                .collect();
            let check = |row: &Row| {
                let properties = Some(facts(row, &kind.facts));
                let id = Some(row.id.clone());
                self.check(
                    who,
                    &def.name,
                    pb::Resource { r#type: kind.name.to_string(), id, properties },
                )
            };
            let allowed = self.allowed(rows.iter().map(check).collect()).await;
            let terms = self.visibility(who, &def.name, pb::Channel::Unspecified).await.terms;
            for (row, allowed) in rows.iter().zip(&allowed) {
                let told = format!("{}: {who:?}, {}", self.told, def.name);
                assert_eq!(row.covered_by(&terms), *allowed, "{told}, {row:?}, {terms:#?}");
            }
            tally.rows += rows.len();
            tally.rows_allowed += allowed.into_iter().filter(|allowed| *allowed).count();
        }
    }

    fn random_row(&self, rng: &mut Rng, facts: &[FactName], id: &str) -> Row {
        let mut known = BTreeMap::new();
        let mut row = Row {
            id: id.to_owned(),
            facts: BTreeMap::new(),
            direction: pb::Direction::Unspecified,
            state: pb::FaxState::Unspecified,
            at: (0, 0),
        };
        for fact in facts {
            let placed = |of: &[(String, String)]| of.iter().map(|(id, _)| id.clone()).collect();
            let story = &self.story;
            let people = || story.people.iter().map(Subject::qualified).collect();
            let names = || PLAIN_NAMES.map(str::to_owned).to_vec();
            let all: Vec<String> = match fact {
                FactName::Account => story.accounts.clone(),
                FactName::Creator | FactName::Participant => people(),
                FactName::Assignee => {
                    let groups = story.groups.iter().map(|(id, _)| format!("group:{id}"));
                    groups.chain(people()).collect()
                }
                FactName::Faxbox => placed(&story.faxboxes),
                FactName::Number => placed(&story.numbers),
                FactName::Extension => placed(&story.extensions),
                FactName::Queue => placed(&story.queues),
                FactName::Group => placed(&story.groups),
                FactName::Label
                | FactName::FormType
                | FactName::DocumentType
                | FactName::Template => names(),
                FactName::Source => vec!["computer".into(), "cloud".into(), "library".into()],
                FactName::Direction => {
                    let ways = [pb::Direction::Inbound, pb::Direction::Outbound];
                    row.direction = *rng.pick(&ways).unwrap();
                    continue;
                }
                FactName::State => {
                    let states = [pb::FaxState::Draft, pb::FaxState::Active, pb::FaxState::Trash];
                    row.state = *rng.pick(&states).unwrap();
                    continue;
                }
            };
            let several =
                matches!(fact, FactName::Participant | FactName::Label | FactName::Source);
            let values = match fact {
                FactName::Account => Vec::from_iter(rng.pick(&all).cloned()),
                _ if several => rng.some(&all, 2),
                _ => Vec::from_iter(rng.pick(&all).cloned().filter(|_| rng.chance(80))),
            };
            known.insert(fact.as_str(), values);
        }
        if rng.chance(25) {
            make_strange(rng, &mut known);
        }
        row.facts = known;
        row
    }
}

const STRANGER: &str = "user:stranger";
const STRANGE_NUMBER: &str = "+15559999999";
const STRANGE_NAME: &str = "strange";

/// Puts a value that the tenant has never seen into one of the facts.
fn make_strange(rng: &mut Rng, facts: &mut BTreeMap<&'static str, Vec<String>>) {
    let names: Vec<_> =
        facts.keys().copied().filter(|name| *name != "attachment_sources").collect();
    let Some(name) = rng.pick(&names).copied() else { return };
    let value = match name {
        "number" => STRANGE_NUMBER,
        "creator" | "participants" | "assignee" => STRANGER,
        _ => STRANGE_NAME,
    };
    facts.insert(name, vec![value.to_owned()]);
}

/// What was asked.
#[derive(Debug, Default)]
struct Tally {
    /// Rows that each filter is tried with.
    of_a_filter: u64,
    worlds: usize,
    checks: usize,
    lists: usize,
    listed: usize,
    /// Lists that show something and hide something.
    some: usize,
    rows: usize,
    rows_allowed: usize,
}

/// Actions on rows of other services that look at nothing but the row.
fn listable(vocabulary: &'static Vocabulary) -> Vec<(Action, &'static ActionDef)> {
    let alone = |def: &ActionDef| {
        def.sees.is_none()
            && def.target.is_none()
            && def.sends.is_none()
            && def.confers.is_none()
            && !(def.attaches || def.recipient || def.exclusive || def.emergency)
    };
    let theirs =
        |def: &ActionDef| vocabulary.resource(def.resource).is_some_and(|of| of.stored.is_none());
    vocabulary.actions().filter(|(_, def)| alone(def) && theirs(def)).collect()
}

fn subject(subject: &Subject) -> pb::Subject {
    pb::Subject { r#type: "user".into(), id: subject.id().into() }
}

fn parsed(qualified: &str) -> pb::Subject {
    subject(&ids::user(qualified.strip_prefix("user:").unwrap()))
}

fn timestamp(at: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at / 1_000, nanos: (at % 1_000) as i32 * 1_000_000 }
}

/// The filter of a list, read once more.
fn wanted(request: &pb::ListVisibleFaxesRequest, fax: &Row) -> bool {
    let at = timestamp(fax.at.0);
    let order = |time: &prost_types::Timestamp| (time.seconds, time.nanos);
    let direction = request.direction();
    (direction == pb::Direction::Unspecified || direction == fax.direction)
        && request.number.as_ref().is_none_or(|number| fax.has("number", number))
        && request.faxbox.as_ref().is_none_or(|faxbox| fax.has("faxbox", faxbox))
        && (request.states.is_empty() || request.states.contains(&fax.state.into()))
        && request.not_before.as_ref().is_none_or(|from| order(&at) >= order(from))
        && request.before.as_ref().is_none_or(|end| order(&at) < order(end))
}

/// A row's facts as another service sends them: each is said or said to be absent.
fn facts(row: &Row, declared: &[FactName]) -> pb::Facts {
    let mut facts = pb::Facts::default();
    for fact in declared {
        let values = row.facts.get(fact.as_str()).cloned().unwrap_or_default();
        let first = values.first().cloned();
        let several = matches!(fact, FactName::Participant | FactName::Label | FactName::Source);
        let there = match fact {
            FactName::Direction | FactName::State => true,
            _ => several || first.is_some(),
        };
        if !there {
            facts.absent.push(fact.as_str().into());
        }
        match fact {
            FactName::Account => facts.account = first,
            FactName::Creator => facts.creator = first.map(|id| parsed(&id)),
            FactName::Participant => {
                let subjects = values.iter().map(|id| parsed(id)).collect();
                facts.participants = Some(pb::Subjects { subjects });
            }
            FactName::Assignee => {
                let kind = first.map(|id| match id.strip_prefix("group:") {
                    Some(group) => pb::user_or_group::Kind::Group(group.to_owned()),
                    None => pb::user_or_group::Kind::User(parsed(&id)),
                });
                facts.assignee = kind.map(|kind| pb::UserOrGroup { kind: Some(kind) });
            }
            FactName::Faxbox => facts.faxbox = first,
            FactName::Number => facts.number = first,
            FactName::Extension => facts.extension = first,
            FactName::Queue => facts.queue = first,
            FactName::Label => facts.labels = Some(pb::Labels { labels: values }),
            FactName::Group => facts.group = first,
            FactName::Direction => facts.direction = Some(row.direction.into()),
            FactName::State => facts.state = Some(row.state.into()),
            FactName::FormType => facts.form_type = first,
            FactName::DocumentType => facts.document_type = first,
            FactName::Template => facts.template = first,
            FactName::Source => {
                let source = |word: &String| match word.as_str() {
                    "computer" => pb::AttachmentSource::Computer.into(),
                    "cloud" => pb::AttachmentSource::Cloud.into(),
                    _ => pb::AttachmentSource::Library.into(),
                };
                let sources = values.iter().map(source).collect();
                facts.attachment_sources = Some(pb::AttachmentSources { sources });
            }
        }
    }
    facts
}

/// A listed fax as a row; `order` cannot be seen on the wire.
fn row(fax: &pb::Fax, order: u64) -> Row {
    let subject = |subject: &pb::Subject| format!("{}:{}", subject.r#type, subject.id);
    let assignee = fax.assignee.as_ref().and_then(|assignee| assignee.kind.as_ref());
    let assignee = assignee.map(|kind| match kind {
        pb::user_or_group::Kind::User(user) => subject(user),
        pb::user_or_group::Kind::Group(group) => format!("group:{group}"),
    });
    let text = |text: &String| Vec::from_iter(Some(text.clone()).filter(|text| !text.is_empty()));
    let mut labels = fax.labels.clone();
    labels.sort();
    let at = fax.at.as_ref().unwrap();
    Row {
        id: fax.fax.clone(),
        facts: BTreeMap::from([
            ("account", vec![fax.account.clone()]),
            ("creator", Vec::from_iter(fax.creator.as_ref().map(subject))),
            ("assignee", Vec::from_iter(assignee)),
            ("faxbox", text(&fax.faxbox)),
            ("number", text(&fax.number)),
            ("labels", labels),
        ]),
        direction: fax.direction(),
        state: fax.state(),
        at: (at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000, order),
    }
}

/// All faxes of a tenant as the store holds them, newest first.
async fn faxes(harness: &Harness, tenant: &str) -> Vec<Row> {
    let store = harness.app.store.as_ref();
    let mut reader = store.snapshot(&ids::tenant(tenant)).await.unwrap().unwrap();
    let all = reader.newest_faxes(FaxSlice::default(), 10_000).await.unwrap();
    let nums = |fax: &FaxRow| {
        let one = [Some(fax.account), fax.number, fax.faxbox, fax.creator, fax.assignee];
        one.into_iter().flatten().chain(fax.labels.clone()).collect::<Vec<_>>()
    };
    let wanted: Vec<Num> = all.iter().flat_map(nums).collect();
    let objects = reader.get(&wanted).await.unwrap();
    let named: BTreeMap<Num, Object> = objects.into_iter().map(|one| (one.num, one)).collect();
    let name = |num: &Num| match &named[num] {
        object if object.kind == ObjectKind::Group => format!("group:{}", object.id),
        object => object.id.clone(),
    };
    let names = |num: Option<Num>| Vec::from_iter(num.as_ref().map(name));
    let row = |fax: &FaxRow| {
        let mut labels: Vec<_> = fax.labels.iter().map(name).collect();
        labels.sort();
        Row {
            id: fax.id.as_str().to_owned(),
            facts: BTreeMap::from([
                ("account", names(Some(fax.account))),
                ("creator", names(fax.creator)),
                ("assignee", names(fax.assignee)),
                ("faxbox", names(fax.faxbox)),
                ("number", names(fax.number)),
                ("labels", labels),
            ]),
            direction: pb::Direction::from_str_name(&format!(
                "DIRECTION_{}",
                fax.direction.as_str().to_uppercase()
            ))
            .unwrap(),
            state: pb::FaxState::from_str_name(&format!(
                "FAX_STATE_{}",
                fax.state.as_str().to_uppercase()
            ))
            .unwrap(),
            at: (fax.at.0, fax.num.0),
        }
    };
    let mut rows: Vec<Row> = all.iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.at));
    rows
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_checks_and_filters_agree() {
    let first = number("LINEGUARD_SEED").unwrap_or(1);
    let worlds = number("LINEGUARD_WORLDS").unwrap_or(USUAL);
    let vocabulary = built_in_vocabulary();
    let models: Vec<_> =
        BUILT_IN.iter().map(|(_, text)| (text, parse(text, vocabulary).unwrap())).collect();
    let harness = Harness::start().await;
    let of_a_filter = number("LINEGUARD_ROWS").unwrap_or(10);
    let mut tally = Tally { of_a_filter, ..Tally::default() };
    for seed in first..first + worlds {
        let (text, model) = &models[seed as usize % models.len()];
        let world = World::make(&harness, seed, model, text).await;
        let rng = &mut Rng::new(!seed);
        let mut people = rng.some(&world.story.members, 3);
        // Somebody who may be a member elsewhere.
        let account = rng.pick(&world.story.accounts).cloned().unwrap();
        people.push((account, rng.pick(&world.story.people).cloned().unwrap()));
        for who in people {
            world.faxes_of(rng, &who, &mut tally).await;
            world.rows_of(rng, &who, &mut tally).await;
        }
        tally.worlds += 1;
    }
    println!("from seed {first}: {tally:?}");
    assert!(tally.some * 5 > tally.lists, "too many lists of nothing or everything: {tally:?}");
    assert!(tally.rows_allowed * 10 > tally.rows, "too little is allowed: {tally:?}");
    harness.stop().await;
}
