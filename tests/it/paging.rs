//! Many faxes, registered by batch, and the lists of people with different kinds of reach: every
//! page complete, in order, nothing twice.
//!
//! `LINEGUARD_FAXES=100000` registers more.

use std::time::Instant;

use lineguard::wire::pb;
use lineguard::wire::pb::fax_service_client::FaxServiceClient;
use lineguard_core::change::{Change, ListValue, MemberList, NumberList, UserOrGroup};
use lineguard_testkit::generate::Rng;
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, World};

use crate::ask::user;
use crate::harness::{Harness, product};

const USUAL: usize = 10_000;
const NUMBERS: usize = 200;
const FAXBOXES: usize = 40;
const SENDERS: usize = 30;
const BRANCHES: usize = 12;

/// A fax as it was registered; everything else follows from it.
#[derive(Debug, Clone)]
struct Told {
    at: i64,
    order: usize,
    branch: usize,
    inbound: bool,
    draft: bool,
    number: usize,
    faxbox: Option<usize>,
    sender: Option<usize>,
}

/// A person, what makes faxes visible to them, and the same said once more.
type Person = (&'static str, &'static str, i32, fn(&Told) -> bool);

const PEOPLE: [Person; 6] = [
    ("admin", "everything but drafts of others", 1_000, |fax| !fax.draft),
    ("boxes", "three faxboxes, one through a group", 100, |fax| {
        fax.faxbox.is_some_and(|faxbox| [3, 7, 8].contains(&faxbox))
    }),
    ("numbers", "received on four numbers", 100, |fax| {
        fax.inbound && [0, 50, 100, 150].contains(&fax.number)
    }),
    ("p5", "sent by themselves", 100, |fax| fax.sender == Some(5)),
    ("rare", "on one number that hardly gets any", 10, |fax| fax.number == NUMBERS && !fax.draft),
    ("branch", "everything of one branch but drafts of others", 1_000, |fax| {
        fax.branch == 4 && !fax.draft
    }),
];

fn phone(at: usize) -> String {
    format!("+1555010{at:04}")
}

fn faxes(many: usize) -> Vec<Told> {
    let rng = &mut Rng::new(7);
    let one = |order| {
        let inbound = rng.chance(60);
        let branch = rng.below(BRANCHES);
        Told {
            // A few of the same second, and not in the order in which they are registered.
            at: rng.below(many / 2) as i64,
            order,
            branch,
            inbound,
            draft: !inbound && rng.chance(10),
            number: if order % 1_409 == 5 { NUMBERS } else { rng.below(NUMBERS) },
            // Faxboxes lie in the first branches, one after the other.
            faxbox: (branch == 0 && rng.chance(70)).then(|| rng.below(FAXBOXES)),
            sender: (!inbound).then(|| rng.below(SENDERS)),
        }
    };
    (0..many).map(one).collect()
}

/// An account with branches. Each person has a role with nothing but one kind of reach.
fn office() -> World {
    let mut world = product("standard").account("home").member("admin").role("administrator");
    for at in 0..=NUMBERS {
        world = world.number(&phone(at));
    }
    for at in 0..SENDERS {
        let own = if at == 5 { "own_only" } else { "nothing" };
        world = role(world, at == 0, "nothing", &[]);
        world = role(world, at == 0, "own_only", &["fax.view_own_sent"]);
        world = world.member(&format!("p{at}")).role(own);
    }
    world =
        role(world, true, "boxes_only", &["fax.view_faxbox"]).member("boxes").role("boxes_only");
    world = role(world, true, "granted_only", &["fax.view_granted"]);
    world = world.member("rare").role("granted_only").granted(&[&phone(NUMBERS)]);
    world = role(world, true, "level_only", &["fax.view"]).member("numbers").role("level_only");
    let numbers = [0, 50, 100, 150].map(|at| ids::number(&phone(at))).to_vec();
    world = world.list(MemberList::Numbers(NumberList::Access, ListValue::These(numbers)));
    world = world.change(Change::SetVisibility {
        account: ids::account("home"),
        subject: ids::user("numbers"),
        level: Some(ids::key("given_numbers")),
    });
    world = world.group("night", &[]).in_group("boxes", "night");
    for at in 0..BRANCHES {
        world = world.account(&format!("branch{at}"));
        if at == 0 {
            world = (0..FAXBOXES).fold(world, |world, at| world.faxbox(&format!("box{at}")));
        }
        if at == 4 {
            world = world.member("branch").role("administrator");
        }
    }
    world = world.join("boxes", "box3").join("boxes", "box7");
    let (faxbox, member) = (ids::faxbox("box8"), UserOrGroup::Group(ids::group("night")));
    world.change(Change::SetFaxboxMember { faxbox, member, on: true })
}

fn role(world: World, new: bool, key: &str, permissions: &[&str]) -> World {
    if !new {
        return world;
    }
    world.change(Change::AddRole {
        account: ids::account("home"),
        role: ids::key(key),
        title: String::new(),
        permissions: ids::keys(permissions),
        visibility: None,
    })
}

fn message(fax: &Told) -> pb::NewFax {
    let (direction, state) = match fax {
        Told { inbound: true, .. } => (pb::Direction::Inbound, pb::FaxState::Active),
        Told { draft: true, .. } => (pb::Direction::Outbound, pb::FaxState::Draft),
        _ => (pb::Direction::Outbound, pb::FaxState::Active),
    };
    let seconds = NOW.0 / 1_000 + fax.at;
    pb::NewFax {
        fax: format!("f{}", fax.order),
        account: format!("branch{}", fax.branch),
        direction: direction.into(),
        number: Some(phone(fax.number)),
        faxbox: fax.faxbox.map(|faxbox| format!("box{faxbox}")),
        creator: fax.sender.map(|sender| user(&format!("p{sender}"))),
        state: state.into(),
        labels: Vec::new(),
        at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        attachment_sources: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is for people to read")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_many_faxes_are_complete_and_in_order() {
    let asked = std::env::var("LINEGUARD_FAXES").ok().and_then(|many| many.parse().ok());
    let many: usize = asked.unwrap_or(USUAL);
    let harness = Harness::start().await;
    harness.build(office()).await;

    let mut told = faxes(many);
    let mut client = FaxServiceClient::new(harness.channel.clone());
    let start = now();
    for batch in told.chunks(1_000) {
        let request = pb::BatchRegisterFaxesRequest {
            tenant: "t1".into(),
            actor: Some(user("importer")),
            request_id: String::new(),
            faxes: batch.iter().map(message).collect(),
        };
        let answer = client.batch_register_faxes(request).await.unwrap().into_inner();
        for result in answer.results {
            match result.result {
                Some(pb::register_fax_result::Result::Registered(done)) => assert!(done.created),
                other => panic!("not registered: {other:?}"),
            }
        }
    }
    println!("{many} faxes registered in {:?}", start.elapsed());

    told.sort_by_key(|fax| std::cmp::Reverse((fax.at, fax.order)));
    for (who, reach, page_size, sees) in PEOPLE {
        let expected: Vec<String> =
            told.iter().filter(|fax| sees(fax)).map(|fax| format!("f{}", fax.order)).collect();
        assert!(!expected.is_empty(), "{who} sees something");
        let mut request = pb::ListVisibleFaxesRequest {
            tenant: "t1".into(),
            subject: Some(user(who)),
            account: if who == "branch" { "branch4" } else { "home" }.into(),
            page_size,
            ..Default::default()
        };
        let (mut seen, mut pages, mut slowest) = (Vec::new(), 0, std::time::Duration::ZERO);
        let start = now();
        loop {
            let one = now();
            let page = harness.client().list_visible_faxes(request.clone()).await.unwrap();
            let page = page.into_inner();
            slowest = slowest.max(one.elapsed());
            pages += 1;
            seen.extend(page.faxes.into_iter().map(|fax| fax.fax));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let took = start.elapsed();
        let found = seen.len();
        println!(
            "{who}: {found} ({reach}) in {pages} pages of {page_size}: {took:?}, the slowest {slowest:?}"
        );
        // Equal as sequences: complete, in order, and nothing twice.
        assert!(seen == expected, "{who}: {found} listed, {} expected", expected.len());
    }
    harness.stop().await;
}
