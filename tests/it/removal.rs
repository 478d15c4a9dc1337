//! Faxboxes with more faxes than one transaction takes away: what callers see of their removal, and
//! what becomes of it when servers are killed.

use std::time::Duration;

use lineguard_core::change::{Change, FaxesLeft, NewFax};
use lineguard_core::id::Num;
use lineguard_core::port::{Removals as _, Store};
use lineguard_store::{Chain, OpenMode, SqlStore};
use lineguard_testkit::generate::Rng;
use lineguard_testkit::ids;
use lineguard_testkit::world::{NOW, World, batch, received, world};
use tokio::time::Instant;
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

/// `LINEGUARD_SEED` draws other moments, and `LINEGUARD_KILLS` more of them than 20.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "the seed of a failure is shown with it")]
async fn whoever_starts_next_goes_on_where_a_server_was_killed() {
    let seed = setting("LINEGUARD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = setting("LINEGUARD_KILLS").unwrap_or(20);
    eprintln!("LINEGUARD_SEED={seed}");
    let rng = &mut Rng::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("lineguard.db").display());
    let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
    let many = i64::try_from(kills * 150).unwrap();
    full(world("t1"), many).build(&store).await;
    let delete = batch("t1", "remove", vec![remove(Some(FaxesLeft::Delete))]);
    store.apply(&delete, NOW).await.unwrap();
    store.close().await.unwrap();
    let mut killed = 0;
    let begun = Instant::now();
    loop {
        let server = Server::start(folder.path(), &["--listen=127.0.0.1:0"]);
        tokio::time::sleep(Duration::from_millis(rng.below(200) as u64)).await;
        server.signal("KILL");
        assert_eq!(server.end(), None);
        let store = SqlStore::open(&url, OpenMode::Existing).await.unwrap();
        let mut reader = store.snapshot(&ids::tenant("t1")).await.unwrap().unwrap();
        let faxes = reader.faxes(Num(0), 9).await.unwrap();
        assert_eq!(faxes.iter().map(|fax| fax.id.as_str()).collect::<Vec<_>>(), ["kept"]);
        drop(reader);
        let pending = store.pending(9).await.unwrap().len();
        let chain = store.verify_chain(&ids::tenant("t1")).await.unwrap().unwrap();
        assert!(matches!(chain, Chain::Intact { .. }), "{chain:?}");
        store.close().await.unwrap();
        killed += 1;
        if pending == 0 {
            break;
        }
        if killed >= kills {
            // The last one is left alone until it is done.
            let mut server = Server::start(folder.path(), &["--listen=127.0.0.1:0"]);
            server.log_until("a removal is at its end");
            server.signal("TERM");
            assert_eq!(server.end(), Some(0));
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(600), "it does not come to an end");
    }
    let store = SqlStore::open(&url, OpenMode::Existing).await.unwrap();
    assert_eq!(store.pending(9).await.unwrap(), []);
    let taken = store.register(&ids::tenant("t1"), &[received("f3", "home", 0)], NOW).await;
    assert!(taken.unwrap()[0].is_err(), "the id of a deleted fax stays taken");
}
