//! Faxboxes with more faxes than one transaction takes away: what callers see of their removal, and
//! what becomes of it when servers are killed.

use std::time::Duration;

use lineguard_core::change::{Change, FaxesLeft, NewFax};
use lineguard_core::id::Num;
use lineguard_core::port::{Removals as _, Store};
use lineguard_core::row::{Link, LinkKind};
use lineguard_store::{Chain, OpenMode, SqlStore};
use lineguard_testkit::generate::Rng;
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, World, batch, received, world};
use tonic::Code;

use crate::harness::{Harness, product};
use crate::process::Server;
use crate::writing::{apply, changes, expect, export, fields, index};
use lineguard::wire::pb;

/// More than one transaction takes away.
const MANY: i64 = 1_200;

fn in_box(at: i64) -> NewFax {
    NewFax { faxbox: Some(ids::faxbox("box")), ..received(&format!("f{at}"), "home", at % 1_000) }
}

/// A faxbox with many faxes, and one fax beside it.
fn full(office: World, many: i64) -> World {
    let office = office.account("home").member("me").faxbox("box").join("me", "box");
    (0..many).map(in_box).fold(office, World::fax).fax(received("kept", "home", 0))
}

fn remove(faxes: Option<FaxesLeft>) -> Change {
    Change::RemoveFaxbox { faxbox: ids::faxbox("box"), faxes }
}

async fn known(harness: &Harness, fax: &str) -> Option<pb::Fax> {
    let request = pb::GetFaxRequest { tenant: "t1".into(), fax: fax.into() };
    match index(harness).get_fax(request).await {
        Ok(answer) => answer.into_inner().fax,
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_product_or_the_change_says_what_becomes_of_faxes() {
    let harness = Harness::start().await;
    harness.build(full(product("standard"), MANY)).await;
    let field = "changes[0].remove_faxbox.faxes";
    let refused = apply(&harness, "1", &[remove(None)]).await;
    expect(refused, Code::FailedPrecondition, "REFUSED", &[field]);
    assert!(known(&harness, "f7").await.is_some());
    let mut wrong = changes("2", &[remove(None)]);
    if let Some(pb::change::Kind::RemoveFaxbox(change)) = &mut wrong.changes[0].kind {
        change.faxes = 9;
    }
    let wrong = crate::writing::admin(&harness).apply(wrong).await.unwrap_err();
    assert_eq!((wrong.code(), fields(&wrong)), (Code::InvalidArgument, vec![field.to_owned()]));
    apply(&harness, "3", &[remove(Some(FaxesLeft::Keep))]).await.unwrap();
    let kept = known(&harness, "f7").await.unwrap();
    assert_eq!(kept.faxbox, "");
    harness.stop().await;
}

/// The rows stay where they are: nothing here takes a step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_what_is_left_of_a_removal() {
    let harness = Harness::start().await;
    harness.build(full(product("retarus"), MANY)).await;
    apply(&harness, "1", &[remove(None)]).await.unwrap();
    for at in [0, MANY / 2, MANY - 1] {
        assert_eq!(known(&harness, &format!("f{at}")).await, None);
    }
    assert!(known(&harness, "kept").await.is_some());
    let told: usize = export(&harness, "t1").await.iter().map(|part| part.faxes.len()).sum();
    assert_eq!(told, 1);
    let account = ids::account("home");
    let (faxbox, title) = (ids::faxbox("box"), String::new());
    let again = Change::AddFaxbox { account, faxbox, title };
    apply(&harness, "2", &[again]).await.unwrap();
    let move_in = Change::MoveFax { fax: ids::fax("kept"), faxbox: Some(ids::faxbox("box")) };
    apply(&harness, "3", &[move_in]).await.unwrap();
    assert_eq!(known(&harness, "kept").await.unwrap().faxbox, "box");
    harness.stop().await;
}

pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How many people there are in the group of a round.
const PEOPLE: usize = 600;

/// A faxbox full of faxes and a group full of people, both removed: rows of both are left to steps.
async fn begin_removals(store: &SqlStore, round: u64) {
    let (account, faxbox, group) = (ids::account("home"), ids::faxbox("box"), ids::group("team"));
    let (title, roles) = (String::new(), Vec::new());
    let joins = (0..PEOPLE).map(|at| Change::SetGroupMember {
        group: ids::group("team"),
        subject: ids::user(&format!("m{at}")),
        member: true,
    });
    let mut changes = vec![
        Change::AddFaxbox { account: account.clone(), faxbox, title: title.clone() },
        Change::AddGroup { account, group, title, roles },
    ];
    changes.extend(joins);
    store.apply(&batch("t1", &format!("add{round}"), changes), NOW).await.unwrap();
    let fax = |at| NewFax { fax: ids::fax(&format!("f{round}-{at}")), ..in_box(at) };
    let faxes: Vec<_> = (0..MANY).map(fax).collect();
    let registered = store.register(&ids::tenant("t1"), &faxes, NOW).await.unwrap();
    assert!(registered.iter().all(Result::is_ok));
    let both =
        vec![remove(Some(FaxesLeft::Delete)), Change::RemoveGroup { group: ids::group("team") }];
    store.apply(&batch("t1", &format!("remove{round}"), both), NOW).await.unwrap();
}

/// What everybody sees while rows of both are still there, or not; how many removals are left.
async fn nobody_sees_them(store: &SqlStore) -> usize {
    let tenant = ids::tenant("t1");
    let mut reader = store.snapshot(&tenant).await.unwrap().unwrap();
    let faxes = reader.faxes(Num(0), 9).await.unwrap();
    assert_eq!(faxes.iter().map(|fax| fax.id.as_str()).collect::<Vec<_>>(), ["kept"]);
    let rows = reader.member_rows(&ids::account("home"), &ids::user("m7")).await.unwrap().unwrap();
    let groups = rows.links.iter().filter(|link| link.kind == LinkKind::GroupMember);
    assert_eq!(groups.collect::<Vec<_>>(), Vec::<&Link>::new());
    drop(reader);
    let chain = store.verify_chain(&tenant).await.unwrap().unwrap();
    assert!(matches!(chain, Chain::Intact { .. }), "{chain:?}");
    store.pending(9).await.unwrap().len()
}

/// `LINEGUARD_SEED` draws other moments, and `LINEGUARD_KILLS` more of them than 8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the seed of a failure is shown with it")]
async fn whoever_starts_next_goes_on_where_a_server_was_killed() {
    let seed = setting("LINEGUARD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = setting("LINEGUARD_KILLS").unwrap_or(8);
    eprintln!("LINEGUARD_SEED={seed}");
    let rng = &mut Rng::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("lineguard.db").display());
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    let people = (0..PEOPLE).map(|at| format!("m{at}"));
    let office = people.fold(world("t1").account("home"), |office, one| office.member(&one));
    office.fax(received("kept", "home", 0)).build(&store).await;
    store.close().await.unwrap();
    let existing = async || SqlStore::open(&url, OpenMode::Existing).await.unwrap();
    let start = || Server::start(folder.path(), &["--listen=127.0.0.1:0"]);
    let (mut killed, mut midway, mut round) = (0, 0, 0);
    while killed < kills {
        round += 1;
        let store = existing().await;
        begin_removals(&store, round).await;
        let mut left = nobody_sees_them(&store).await;
        assert_eq!(left, 2);
        store.close().await.unwrap();
        while left > 0 && killed < kills {
            let server = start();
            tokio::time::sleep(Duration::from_millis(rng.below(200) as u64)).await;
            server.signal("KILL");
            assert_eq!(server.end(), None);
            killed += 1;
            let store = existing().await;
            left = nobody_sees_them(&store).await;
            midway += u64::from(left > 0);
            store.close().await.unwrap();
        }
        if left > 0 {
            // The last one is left alone until it is done.
            let mut server = start();
            (0..left).for_each(|_| drop(server.log_until("a removal is at its end")));
            server.signal("TERM");
            assert_eq!(server.end(), Some(0));
        }
    }
    eprintln!("killed {killed} times, {midway} times before the end of one of {round} rounds");
    let store = existing().await;
    assert_eq!(store.pending(9).await.unwrap(), []);
    let taken = store.register(&ids::tenant("t1"), &[received("f1-3", "home", 0)], NOW).await;
    assert!(taken.unwrap()[0].is_err(), "the id of a deleted fax stays taken");
}
